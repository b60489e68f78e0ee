/** `millrace why`: a pipeline runs for a while, and says why results have not come. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compiled, fixture, leftOvers, millrace, start } from './fixtures/command.js'

const endless = fixture('endless.ts')

beforeAll(compiled, 120_000)
afterAll(leftOvers)

describe('millrace why', () => {
  it('says on stdout what waits for what, and shows no results', async () => {
    const { code, stdout, stderr, left } = await millrace(['why', endless, '--for', '1s', '--every-millis', '5'])
    expect(stderr).toBe('')
    expect(stdout).toMatch(
      /^endless after \d+\.\d s, [\d,]+ elements; times are UTC:\n {2}"count" is waiting: window \[1970-01-01 00:00:00, 01:00:00\) with 1 key closes when its watermark passes 1970-01-01 00:59:59.999; its input "ticks" is at 1970-01-01 00:00:\S+ because it has given nothing later yet\.\n$/,
    )
    expect(code).toBe(0)
    expect(left).toEqual({ processes: [], files: [] })
  })

  it('as JSON it gives the explanations and the status', async () => {
    const { stdout } = await millrace(['why', endless, '--for=1s', '--step', 'count', '--json', '--every-millis', '5'])
    const { explanations, status } = JSON.parse(stdout) as {
      explanations: { step: string; cause: string }[]
      status: { pipeline: string; steps: { step: string; stateKeys: number }[] }
    }
    expect(explanations.map(({ step, cause }) => [step, cause])).toEqual([['count', 'ticks']])
    expect(status.pipeline).toBe('endless')
    expect(status.steps.find(({ step }) => step === 'count')?.stateKeys).toBe(1)
  })

  it('answers at once when Ctrl-C asks', async () => {
    const run = start(['why', endless, '--for', '10m'])
    // The thread says nothing before it is asked; it needs a moment to begin.
    await new Promise((resolve) => setTimeout(resolve, 4000))
    run.signal('SIGINT', 'command')
    const { code, stdout } = await run.ended
    expect(stdout).toContain('"count" is waiting')
    expect(code).toBe(0)
  })

  it('of a run that has ended it says so, and bad input is refused', async () => {
    const { code, stdout } = await millrace(['why', fixture('words.ts')])
    expect(stdout).toMatch(/^\S+ is done after \d+\.\d s, [\d,]+ elements: nothing waits\.\n$/)
    expect(code).toBe(0)
    const unknown = await millrace(['why', endless, '--for', '500ms', '--step', 'cuont'])
    expect(unknown.stderr).toContain('there is no step "cuont" in pipeline "endless". Did you mean "count"?')
    expect(unknown.code).toBe(2)
    const bare = await millrace(['why', endless, '--for', '5'])
    expect(bare.stderr).toContain('--for needs a duration with its unit, such as 500ms, 30s or 2m, not "5".')
    expect(bare.code).toBe(2)
  })
})

describe('a run without output', () => {
  it('says after five seconds that a batch is still being read, and nothing where output comes', async () => {
    const batch = start(['run', fixture('slow-batch.ts')])
    const stream = start(['run', endless, '--every-millis', '50'])
    await batch.said('because it is still reading, and says nothing of its progress before its end.')
    await stream.said('elapsed=7.')
    for (const run of [batch, stream]) run.signal('SIGINT')
    // A batch is read to its end, also when it is drained.
    await batch.said('SIGINT: draining')
    batch.signal('SIGINT')
    expect((await batch.ended).stderr.split('no output for 5 s;')).toHaveLength(2)
    expect((await stream.ended).stderr).not.toContain('no output')
  })

  it('is not explained where another one has the checkpoint, and this one stands by', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-standby-'))
    const kept = [
      'run',
      endless,
      '--every-millis',
      '50',
      '--runner',
      'micro-batch',
      '--checkpoint',
      join(folder, 'kept'),
    ]
    const first = start(kept)
    await first.said('elapsed=1.')
    const second = start([...kept, '--standby', 'cold'])
    await second.said('stands by (cold)')
    await second.said('elapsed=7.')
    for (const run of [second, first]) run.signal('SIGINT')
    expect((await second.ended).stderr).not.toContain('no output')
    await first.ended
    rmSync(folder, { recursive: true })
  })
})
