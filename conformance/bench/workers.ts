/**
 * What runs with workers do when one of them is killed, or slow: part of `npm run bench -- micro-batch`.
 *
 * Workers are processes; the driver is this one. Times are those between commits, as whoever waits for results sees them: a batch that is full is followed by the next at once.
 */
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import * as t from 'io-ts'
import { platformEnv } from '#platform'
import { Pipeline, type RunningPipeline, type RunOptions, start, state } from 'millrace'
import { generateSequence, periodic } from 'millrace/io/generate'
import { timesOf } from './measure.js'

const WORKERS = 3
const INTERVAL_MILLIS = 500
const KILLS = 6
/** Intervals that a batch may take in which a worker was killed. */
const INTERVALS_MAX = 2
/** Batches that are measured with a slow worker, and those before, in which code becomes warm. */
const BATCHES = 50
const COLD_BATCHES = 4
const SLOWER = 10
/** Elements of a batch, and how long a step waits for each: a worker's third takes 80 ms. */
const ELEMENTS = 240
const ELEMENT_MILLIS = 1
/** Longer than any of these batches takes: one that does not fit its interval is followed by a smaller one. */
const ROOMY_MILLIS = 1000

/** What a pipeline of these measurements is built of. */
interface Measured {
  readonly kind: 'killed' | 'slow'
  /** Has a file `slow` with the number of the process that is slow. */
  readonly folder: string
}

/** Builds the pipeline, here and in workers. */
export function measuredPipeline({ kind, folder }: Measured): Pipeline {
  const p = new Pipeline()
  const numbers =
    kind === 'killed'
      ? p.apply('events', periodic({ every: '2 millis' }))
      : p.apply('events', generateSequence({ to: (BATCHES + COLD_BATCHES) * ELEMENTS }))
  const wait = kind === 'slow' ? waiting(join(folder, 'slow')) : (): void => undefined
  numbers
    .keyBy('by key', (n) => n % 120)
    .parDo('count', {
      output: t.number,
      state: { count: state.value(t.number, { initial: 0 }) },
      process({ value }, { state: { count }, emit }) {
        wait()
        count.write(count.read() + 1)
        if (value < 0) emit(value)
      },
    })
    .collect('none')
  return p
}

/** Waits as long as an element takes, ten times as long in the process that the file names. */
function waiting(file: string): () => void {
  const cell = new Int32Array(new SharedArrayBuffer(4))
  let slow = 0
  let calls = 0
  return () => {
    if (calls++ % 20 === 0) slow = Number(readFileSync(file, 'utf8'))
    Atomics.wait(cell, 0, 0, slow === process.pid ? ELEMENT_MILLIS * SLOWER : ELEMENT_MILLIS)
  }
}

/** A run under way, and when it has committed. */
interface Watched {
  readonly running: RunningPipeline
  readonly commits: readonly number[]
}

function started(of: Measured, options: RunOptions): Watched {
  const commits: number[] = []
  const env = platformEnv()
  const crashpoint = (name: string): void => void (name === 'batch.committed' && commits.push(performance.now()))
  const running = start(measuredPipeline(of), {
    runner: 'micro-batch',
    workers: WORKERS,
    isolation: 'process',
    module: { call: { url: import.meta.url, name: 'measuredPipeline', argument: of } },
    checkpoint: join(of.folder, 'kept'),
    env: { ...env, crashpoint },
    ...options,
  })
  return { running, commits }
}

async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  try {
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Numbers of the worker processes. */
function workerProcesses(): readonly number[] {
  return readdirSync('/proc/self/task').flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number),
  )
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await pause(5)
}

/** From `kill -9` of a worker, at any moment of a batch, to the next commit. */
async function recovery(check: (holds: boolean, what: string) => void): Promise<void> {
  const times = await withFolder(async (folder) => {
    const { running, commits } = started({ kind: 'killed', folder }, { batchInterval: INTERVAL_MILLIS })
    const all: number[] = []
    for (let kill = 0; kill < KILLS; kill++) {
      const before = commits.length
      await until(() => commits.length >= before + 4)
      // Kills fall into different parts of a batch.
      await pause((INTERVAL_MILLIS / KILLS) * kill)
      const [victim] = workerProcesses()
      if (victim === undefined) throw new Error('there is no worker to kill')
      const [killed, committed] = [performance.now(), commits.length]
      process.kill(victim, 'SIGKILL')
      await until(() => commits.length > committed)
      all.push((commits[committed] ?? Number.NaN) - killed)
      await until(() => workerProcesses().length === WORKERS)
    }
    running.cancel()
    await running.result
    return all
  })
  const slowest = Math.max(...times)
  check(
    slowest <= INTERVALS_MAX * INTERVAL_MILLIS,
    `recovery of a killed worker: ${times.map((each) => each.toFixed(0)).join(' ')} ms to the next commit (limit ${INTERVALS_MAX} intervals of ${INTERVAL_MILLIS} ms)`,
  )
}

/** How long batches take of which one third is done ten times as slowly. */
async function straggler(speculation: boolean, isSlow: boolean): Promise<readonly number[]> {
  return withFolder(async (folder) => {
    const file = join(folder, 'slow')
    writeFileSync(file, '0')
    const options = { batchSize: ELEMENTS, batchInterval: ROOMY_MILLIS, speculation } as const
    const { running, commits } = started({ kind: 'slow', folder }, options)
    await until(() => commits.length >= COLD_BATCHES)
    if (isSlow) {
      writeFileSync(`${file}.new`, String(workerProcesses()[0]))
      renameSync(`${file}.new`, file)
    }
    await running.result
    const { recomputed = 0, twins = 0, twinsWon = 0 } = running.status().batches?.tasks ?? {}
    const times = commits.slice(COLD_BATCHES + 1).map((at, i) => at - (commits[COLD_BATCHES + i] ?? at))
    const sorted = [...times].sort((a, b) => a - b)
    const at = (share: number): string => (sorted[Math.floor(sorted.length * share)] ?? Number.NaN).toFixed(0)
    const what = isSlow
      ? `one of ${WORKERS} workers ${SLOWER} × slow, ${speculation ? 'twins' : 'no twins'}`
      : `${WORKERS} workers, none slow`
    console.log(
      `  batches with ${what}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms (${times.length} batches; ${twins} twins, ${twinsWon} of them first, ${recomputed} partitions done again)`,
    )
    return times
  })
}

/** Measures it all. */
export async function workersBench(check: (holds: boolean, what: string) => void): Promise<void> {
  await recovery(check)
  await straggler(true, false)
  const alone = timesOf(await straggler(false, true))
  const twinned = timesOf(await straggler(true, true))
  check(
    twinned.median < alone.median,
    `a slow worker delays batches less with twins: ${twinned.median.toFixed(0)} ms against ${alone.median.toFixed(0)} ms at the median`,
  )
}
