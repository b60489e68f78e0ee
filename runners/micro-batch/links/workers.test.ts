import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Isolation, pipeline, run, type RunningPipeline, type RunOptions, start } from 'millrace'
import { afterAll, describe, expect, it } from 'vitest'
import wordCount from '../../../examples/word-count.js'

const folder = mkdtempSync(join(tmpdir(), 'millrace-workers-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const module = fileURLToPath(new URL('../../../examples/word-count.ts', import.meta.url))
let outputs = 0
const quiet: Pick<RunOptions, 'logger'> = {
  logger: { trace: () => undefined, debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }, // prettier-ignore
}

function optionsFor(): { readonly output: string } {
  return { output: join(folder, `counts-${outputs++}.tsv`) }
}

const rowsOf = (output: string): readonly string[] => readFileSync(output, 'utf8').trimEnd().split('\n').sort()

const expected = (async (): Promise<readonly string[]> => {
  const options = optionsFor()
  await run(wordCount, { options, ...quiet })
  return rowsOf(options.output)
})()

/** Processes that this one has started and that live. */
function children(): readonly number[] {
  return readdirSync('/proc/self/task').flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter((pid) => pid !== '' && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('worker-process'))
      .map(Number),
  )
}

async function until(holds: () => boolean): Promise<void> {
  for (const end = performance.now() + 30_000; !holds() && performance.now() < end;) await pause(5)
  expect(holds()).toBe(true)
}

const committed = (running: RunningPipeline): number => running.status().batches?.committed ?? 0

describe.each<Isolation>(['thread', 'process'])('workers in a %s', (isolation) => {
  it('count words as the direct runner does', async () => {
    const options = optionsFor()
    const { state } = await run(wordCount, { runner: 'micro-batch', workers: 3, isolation, module, options, ...quiet })
    expect(state).toBe('DONE')
    expect(rowsOf(options.output)).toEqual(await expected)
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([])
    expect(children()).toEqual([])
  })

  it('are gone when the run is cancelled', async () => {
    const running = start(wordCount, { runner: 'micro-batch', workers: 2, isolation, module, batchSize: 50, options: optionsFor(), ...quiet }) // prettier-ignore
    await until(() => committed(running) >= 2)
    expect(children().length).toBe(isolation === 'process' ? 2 : 0)
    running.cancel()
    expect((await running.result).state).toBe('CANCELLED')
    await until(() => children().length === 0)
  })
})

it('a worker process may be killed while a run goes on, and every word is counted once', async () => {
  const options = optionsFor()
  const checkpoint = join(folder, 'killed')
  const running = start(wordCount, { runner: 'micro-batch', workers: 3, isolation: 'process', module, checkpoint, batchSize: 120, options, ...quiet }) // prettier-ignore
  for (const commits of [2, 6]) {
    await until(() => committed(running) >= commits)
    const [victim = 0] = children()
    process.kill(victim, 'SIGKILL')
  }
  expect((await running.result).state).toBe('DONE')
  expect(rowsOf(options.output)).toEqual(await expected)
  expect(children()).toEqual([])
}, 90_000)

it('workers may be added and removed while a run goes on', async () => {
  const options = optionsFor()
  const checkpoint = join(folder, 'resized')
  const running = start(wordCount, { runner: 'micro-batch', workers: 3, partitions: 4, isolation: 'process', module, checkpoint, batchSize: 120, options, ...quiet }) // prettier-ignore
  await until(() => committed(running) >= 3)
  running.setWorkers(1)
  await until(() => children().length === 1)
  running.setWorkers(4)
  await until(() => children().length === 4)
  expect((await running.result).state).toBe('DONE')
  expect(rowsOf(options.output)).toEqual(await expected)
  expect(children()).toEqual([])
}, 90_000)

it('a run that is stopped goes on with another number of workers, in threads instead of processes', async () => {
  const options = optionsFor()
  const kept = { runner: 'micro-batch', module, checkpoint: join(folder, 'stopped'), batchSize: 200, options, ...quiet } as const // prettier-ignore
  const first = start(wordCount, { ...kept, workers: 3, isolation: 'process' })
  await until(() => committed(first) >= 3)
  first.stop()
  expect((await first.result).state).toBe('STOPPED')
  expect(children()).toEqual([])
  const { state } = await run(wordCount, { ...kept, workers: 1 })
  expect(state).toBe('DONE')
  expect(rowsOf(options.output)).toEqual(await expected)
}, 60_000)

describe('workers are refused', () => {
  const inline = (): ReturnType<typeof pipeline> => {
    const p = pipeline()
    p.create('one', [1]).collect('out')
    return p
  }

  it('for a pipeline that no module exports: no function is sent to a worker', () => {
    expect(() => start(inline(), { runner: 'micro-batch', workers: 2 })).toThrow(
      /workers: 2 needs the module of the pipeline.*export default definePipeline.*millrace run FILE --workers 2/,
    )
  })

  it('where the module builds another graph than the driver has', async () => {
    await expect(run(inline(), { runner: 'micro-batch', workers: 1, module })).rejects.toThrow(
      /a worker has built another graph than its driver/,
    )
  })

  it('where there are none to live somewhere', () => {
    expect(() => start(inline(), { runner: 'micro-batch', isolation: 'process' })).toThrow(
      /isolation says where workers live/,
    )
  })

  it('when a run that has none is to have some', async () => {
    const running = start(inline(), { runner: 'micro-batch' })
    expect(() => running.setWorkers(2)).toThrow(/this run has no workers/)
    expect(() => running.setWorkers(0)).toThrow(/setWorkers needs a whole number of workers from 1/)
    await running.result
  })
})
