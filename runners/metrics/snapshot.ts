/**
 * What an exporter needs to know of a run, taken at one moment: its status, its counters, and what its thread costs.
 *
 * Law: a snapshot is data that can be cloned, so it may be taken on one thread and exported on another.
 */
import type { MetricReading, RunningPipeline, SystemReading } from '../runner.js'
import type { RunStatus } from '../run-status.js'
import type { ThreadReading } from './thread-reading.js'

/** A run, as an exporter sees it. */
export type ObservedRun = Pick<RunningPipeline, 'status' | 'metrics'>

/** A run at one moment, and its thread. */
export interface RunSnapshot {
  readonly status: RunStatus
  /** What DoFns declared. */
  readonly user: readonly MetricReading[]
  /** What the engine counted, where it is not zero. */
  readonly system: readonly SystemReading[]
  /** The thread that runs user code. */
  readonly thread: ThreadReading
}

/** Takes a snapshot. */
export function snapshotOf(run: ObservedRun, thread: ThreadReading): RunSnapshot {
  const { user, system } = run.metrics()
  return { status: run.status(), user, system, thread }
}
