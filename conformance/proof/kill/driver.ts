/**
 * A driver process of the kill lane: `node driver.js CASE.json`. It runs the case's pipeline on its checkpoint to the end, and
 * tells its parent, line by line, that it has begun, of each commit, and the result.
 *
 * `CRASH_AT=name:n` in its environment makes the n-th hit of a crash point (`*`: of any) kill the process, as `kill -9` does:
 * nothing is flushed, closed or given back. `STOP_AT`, `FAIL_AT` and `CLOCK_AHEAD` are the other ways in which it may go wrong.
 * SIGUSR2 lets its clock leap, as where a lease has run out meanwhile. `WORKERS` (`3:process`) gives it workers, which build the case anew (`worker-case.ts`).
 */
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Env, type Isolation, type RunnerOptions, type RunningPipeline, start } from 'millrace'
import { microBatchRunner } from 'millrace/micro-batch'
import { nodeEnv } from '../../../runners/direct/node.js'
import { nodeCapabilities } from '../../../runners/micro-batch/node.js'
import { openSqliteStore } from '../../../runners/micro-batch/store/sqlite-store.js'
import { ENDLESS, type KillCase } from './kill-case.js'
import { build, SEEN } from './pipelines.js'
import { say, userCode } from './words.js'

/** What the parent lets happen in a driver, through its environment. */
interface Fate {
  /** `name:n` of a crash point at which it is killed. */
  readonly crashAt: string | undefined
  /** `name:n` of a crash point at which it stands still (SIGSTOP) until somebody lets it go on. */
  readonly stopAt: string | undefined
  /** Milliseconds that it takes over each batch. */
  readonly paceMillis: number
  /** How it waits where another driver has the checkpoint. */
  readonly standby: 'cold' | 'warm' | 'hot' | undefined
  /** Milliseconds by which its clock is ahead. */
  readonly aheadMillis: number
  /** `n:kind` of its workers. */
  readonly workers: string | undefined
}

/** By so much the clock leaps: more than a lease lasts. */
const LEAP_MILLIS = 11_000

/** The world, in which this process may die. */
function fatefulEnv({ crashAt, stopAt, aheadMillis, paceMillis }: Fate): Env {
  let ahead = aheadMillis
  process.on('SIGUSR2', () => (ahead += LEAP_MILLIS))
  const real = nodeEnv()
  const crash = countdown(crashAt)
  const stop = countdown(stopAt)
  return {
    ...real,
    now: () => real.now() + ahead,
    crashpoint(name) {
      if (name === 'batch.read' && paceMillis > 0)
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, paceMillis)
      if (crash(name)) {
        say({ say: 'killed', at: name })
        process.kill(process.pid, 'SIGKILL')
      }
      if (stop(name)) {
        say({ say: 'stopped', at: name })
        process.kill(process.pid, 'SIGSTOP')
      }
      if (name === 'batch.committed') say({ say: 'commit' })
    },
  }
}

/** Tells the n-th hit of `name:n`. */
function countdown(text: string | undefined): (name: string) => boolean {
  const [, at, nth] = /^(.+):(\d+)$/.exec(text ?? '') ?? []
  let left = Number(nth ?? 0)
  return (name) => (name === at || at === '*') && --left === 0
}

/** Options that give a run workers: those of its fate, else those of the case, which are threads. */
function workersOf(fate: Fate, of: KillCase, path: string): RunnerOptions {
  const [, count = of.workers, isolation = 'thread'] = /^(\d+):(thread|process)$/.exec(fate.workers ?? '') ?? []
  if (Number(count) === 0) return {}
  const url = new URL('./worker-case.js', import.meta.url).href
  return {
    workers: Number(count),
    isolation: isolation as Isolation,
    module: { call: { url, name: 'builtCase', argument: path } },
  }
}

/** Drains a stream once all of its records have come in. */
function drainAtEnd(running: RunningPipeline, { records }: KillCase): void {
  const poll = setInterval(() => {
    if (running.metrics().get(SEEN, 'seen') === records.length) running.drain()
  }, 10)
  const end = (): void => clearInterval(poll)
  running.result.then(end, end)
}

const [path = ''] = process.argv.slice(2)
const folder = dirname(path)
const of = JSON.parse(readFileSync(path, 'utf8')) as KillCase
const { compactAboveBytes } = of
const fate: Fate = {
  crashAt: process.env['CRASH_AT'],
  stopAt: process.env['STOP_AT'],
  paceMillis: Number(process.env['PACE'] ?? 0),
  standby: process.env['STANDBY'] as Fate['standby'],
  aheadMillis: Number(process.env['CLOCK_AHEAD'] ?? 0),
  workers: process.env['WORKERS'],
}
const runner = microBatchRunner(
  { batchSize: of.batchSize, batchInterval: of.batchMillis },
  { ...nodeCapabilities(), openStore: (place, env) => openSqliteStore(place, env, { compactAboveBytes }) },
)
const running = start((p) => build(p, folder, of, userCode(process.env['FAIL_AT'])), {
  runner,
  checkpoint: `${folder}/checkpoint`,
  ...workersOf(fate, of, path),
  env: fatefulEnv(fate),
  ...(fate.standby === undefined ? {} : { standby: fate.standby }),
})
say({ say: 'begun' })
if (fate.standby !== undefined) {
  const look = setInterval(() => {
    const { standby } = running.status().batches ?? {}
    if (standby !== undefined) say({ say: 'waits', batch: standby.batch })
  }, 50)
  look.unref()
}
if (ENDLESS.has(of.source)) drainAtEnd(running, of)
const { metrics } = await running.result
say({ say: 'done', dropped: metrics.counter('droppedDueToLateness'), seen: metrics.get(SEEN, 'seen') as number })
