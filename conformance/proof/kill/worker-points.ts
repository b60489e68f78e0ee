/**
 * Failure points of runs with workers: worker processes are killed and stopped for real while the run goes on, and the driver is killed
 * while it has some.
 *
 * Law: the run goes on without them, nothing is lost and nothing repeated; no worker outlives its driver.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { type Bench, expectEnd, type Point } from './failure-point.js'

/** So long workers may take to end when their driver is gone. */
const ORPHANED_MILLIS_MAX = 5_000

/** The worker processes of a driver. A process whose children are not known would make a point that cannot fail. */
export function workersOf(pid: number | undefined): readonly number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number),
  )
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** Does something to workers after each of some commits; the run has to come to its end as if nothing had happened. */
async function troubled(
  { start }: Bench,
  workers: string,
  signal: 'SIGKILL' | 'SIGSTOP',
  troubles: readonly (readonly [commits: number, workers: number])[],
): Promise<string | undefined> {
  const driver = start({ WORKERS: workers })
  const touched: number[] = []
  for (const [commits, count] of troubles) {
    await driver.committed(commits)
    if (driver.process.exitCode !== null) break
    for (const pid of workersOf(driver.process.pid).slice(0, count)) {
      process.kill(pid, signal)
      touched.push(pid)
    }
  }
  const fault = expectEnd(await driver.ended, 'done')
  if (fault !== undefined) return fault
  const expected = troubles.reduce((sum, [, count]) => sum + count, 0)
  if (touched.length < expected) return `only ${touched.length} of ${expected} workers were there for ${signal}`
  return left(touched)
}

/** What is wrong with workers that should be gone. */
async function left(pids: readonly number[]): Promise<string | undefined> {
  for (const end = performance.now() + ORPHANED_MILLIS_MAX; performance.now() < end; await pause(50))
    if (!pids.some(isAlive)) return undefined
  return `workers are left: ${pids.filter(isAlive).join(', ')}`
}

/** The driver is killed at a crash point while it has workers: none is left, and a driver with another number of them goes on. */
async function driverKilled({ start, drive }: Bench, at: string): Promise<string | undefined> {
  const first = start({ WORKERS: '3:process', STOP_AT: at })
  if (!(await first.stopped)) return `the first driver has not stopped: ${(await first.ended).stderr}`
  const workers = workersOf(first.process.pid)
  if (workers.length !== 3) return `the driver has ${workers.length} workers, not 3`
  first.process.kill('SIGKILL')
  const killed = expectEnd(await first.ended, 'killed') ?? (await left(workers))
  if (killed !== undefined) return killed
  const second = await drive({ WORKERS: '1:thread', CRASH_AT: 'batch.committed:3' })
  return expectEnd(second, 'killed') ?? expectEnd(await drive({ WORKERS: '4:thread' }), 'done')
}

const SINKS = ['append', 'upsert', 'manifest', 'log'] as const

/** See the head of this file. The last driver of each has no workers. */
export const workerPoints: readonly Point[] = [
  ...SINKS.map((sink): Point => ({
    name: `processing: worker processes that are killed, one and then two of three (${sink})`,
    of: { sink },
    happens: (bench) => troubled(bench, '3:process', 'SIGKILL', [[2, 1], [5, 2]]), // prettier-ignore
  })),
  {
    name: 'processing: the only worker process is killed',
    happens: (bench) => troubled(bench, '1:process', 'SIGKILL', [[2, 1], [4, 1]]), // prettier-ignore
  },
  {
    name: 'processing: a worker process that stands still',
    happens: (bench) => troubled(bench, '3:process', 'SIGSTOP', [[3, 1]]),
  },
  ...[1, 2, 4].map((workers): Point => ({
    name: `processing: transfers stay balanced while one of ${workers} worker processes is killed`,
    of: { pipeline: 'transfers', source: 'stream' },
    happens: (bench) => troubled(bench, `${workers}:process`, 'SIGKILL', [[2, 1], [5, 1]]), // prettier-ignore
  })),
  ...['batch.commit:4', 'store.commit.durable:3', 'delivery.begin:3'].map((at): Point => ({
    name: `driver: killed at ${at.replace(/:.*/, '')} with three worker processes, which end by themselves`,
    happens: (bench) => driverKilled(bench, at),
  })),
]
