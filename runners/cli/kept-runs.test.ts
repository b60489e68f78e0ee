/** A run that is kept, from outside: stopped or killed, and started again, it gives what one run would have given. */
import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compiled, fixture, leftOvers, type Running, start } from './fixtures/command.js'
import { type Project, project } from './fixtures/project.js'

beforeAll(compiled, 120_000)
const projects: Project[] = []
afterAll(() => {
  leftOvers()
  for (const each of projects) each.remove()
})

const ENDS = 60

/** Numbers, one a batch, counted by ten in files; ends by itself. */
const counting = `
import { definePipeline, fixedWindows, OffsetRangeTracker, resume, source, typed, watermarks } from 'millrace'
import { writeLines } from 'millrace/io/text'

const numbers = source({
  output: typed<number>(),
  bounded: true,
  replayable: true,
  watermark: watermarks.monotonic(),
  restriction: () => ({ from: 0, to: ${ENDS} }),
  restrictionCodec: typed<{ from: number; to: number }>(),
  tracker: (range) => new OffsetRangeTracker(range),
  process(_, tracker, { emit }) {
    const at = tracker.currentRestriction().from
    if (!tracker.tryClaim(at)) return
    emit(at, at * 1000)
    return resume({ after: 1 })
  },
})

export default definePipeline({
  name: 'counting',
  build(p) {
    p.apply('numbers', numbers)
      .map('maybe for ever', (n) => (process.env.HANGS === '1' && n === 25 ? new Promise<number>(() => console.log('hangs')) : n))
      .windowInto('by ten', fixedWindows('10 seconds'))
      .keyBy('one key', () => 'all')
      .groupByKey('group')
      .map('sum', ({ value }) => [...value].join(' '))
      .apply('write', writeLines('out/sums.txt', { shards: 1 }))
  },
})
`
const expected = Array.from({ length: ENDS / 10 }, (_, i) =>
  Array.from({ length: 10 }, (_, j) => 10 * i + j).join(' '),
).sort()

function begun(made: Project, more: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Running {
  const batches = ['--checkpoint', 'kept', '--batch-interval', '40ms']
  return start(['run', 'counting.ts', '--runner', 'micro-batch', ...batches, ...more], { cwd: made.folder, env })
}

function lines(made: Project): readonly string[] {
  return readdirSync(made.path('out'))
    .flatMap((name) =>
      readFileSync(made.path(`out/${name}`), 'utf8')
        .trimEnd()
        .split('\n'),
    )
    .sort()
}

describe.concurrent('a run that is kept', { timeout: 90_000 }, () => {
  it('is stopped by SIGTERM and goes on, with equal results and nothing left over', async () => {
    const made = project({ 'counting.ts': counting })
    projects.push(made)
    const first = begun(made)
    await first.said('batch=')
    first.signal('SIGTERM')
    const { code, stderr } = await first.ended
    expect(stderr).toContain('SIGTERM: stopping: the batch at hand is finished, within 10 s')
    expect(stderr).toContain('counting: stopped in ')
    expect(code).toBe(143)
    const second = await begun(made).ended
    expect(second.stderr).toMatch(/went on after batch \d+; batch \d+ is committed/)
    expect(second.code).toBe(0)
    expect(lines(made)).toEqual(expected)
    expect(readdirSync(made.path('out')).filter((name) => name.startsWith('.'))).toEqual([])
  })

  it('goes on after kill -9 in the middle, with equal results', async () => {
    const made = project({ 'counting.ts': counting })
    projects.push(made)
    const first = begun(made)
    await first.said('batch=')
    first.signal('SIGKILL')
    expect((await first.ended).signal).toBe('SIGKILL')
    const second = await begun(made).ended
    expect(second.stderr).toMatch(/went on after batch \d+; batch \d+ is committed/)
    expect(second.code).toBe(0)
    expect(lines(made)).toEqual(expected)
  })

  it('is given up when the batch at hand takes longer than the time of grace, and does it again', async () => {
    const made = project({ 'counting.ts': counting })
    projects.push(made)
    const first = begun(made, ['--grace', '300ms'], { HANGS: '1' })
    await first.said('hangs')
    first.signal('SIGTERM')
    const { code, stderr, left } = await first.ended
    expect(stderr).toContain('SIGTERM: the time for the batch at hand is over.')
    expect([code, left.processes]).toEqual([143, []])
    const second = await begun(made).ended
    expect(second.stderr).toMatch(/went on after batch \d+/)
    expect([second.code, lines(made)]).toEqual([0, expected])
  })

  it('keeps its windows open when it is stopped, and closes them when it is drained', async () => {
    const made = project({})
    projects.push(made)
    const args = ['run', fixture('endless.ts'), '--runner', 'micro-batch', '--checkpoint', made.path('kept')]
    // What the end of a window brings about would never end.
    const first = start([...args, '--never-ends', '--json'])
    await first.said('"type":"progress"')
    first.signal('SIGTERM')
    const { code, stderr } = await first.ended
    expect(stderr).toContain('"state":"STOPPED"')
    expect(code).toBe(143)
    const second = start([...args, '--json'])
    await second.said('went on after batch')
    second.signal('SIGINT')
    const ended = await second.ended
    expect(ended.stderr).toContain('"state":"DRAINED"')
    expect(ended.code).toBe(0)
  })
})
