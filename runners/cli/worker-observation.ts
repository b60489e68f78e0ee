/**
 * What the pipeline's thread does to be observed: it sends a snapshot of its run now and then, and its log lines.
 */
import type { Logger } from '../../sdk/logger.js'
import { lineLogger } from '../core/log-lines.js'
import { snapshotOf } from '../metrics/snapshot.js'
import { ThreadObserver } from '../metrics/thread-reading.js'
import type { RunningPipeline } from '../runner.js'
import type { LogSettings } from './observation-settings.js'
import type { FromWorker } from './protocol.js'

/** How a run is observed. */
export interface Observation {
  /** Milliseconds between two snapshots; `undefined` when nobody wants any. */
  readonly snapshotMillis: number | undefined
  readonly log: LogSettings | undefined
}

/** Sends snapshots of the run there is, for as long as the thread lives. @returns sends one more. */
export function sendSnapshots(
  { snapshotMillis }: Observation,
  running: () => RunningPipeline | undefined,
  post: (message: FromWorker) => void,
): () => void {
  if (snapshotMillis === undefined) return () => undefined
  const thread = new ThreadObserver()
  const send = (): void => {
    const run = running()
    if (run !== undefined) post({ kind: 'snapshot', snapshot: snapshotOf(run, thread.read()) })
  }
  setInterval(send, snapshotMillis)
  return send
}

/** The run's logger, where the command line says what its lines are like. */
export function commandLogger({ log }: Observation, write: (line: string) => void): { readonly logger?: Logger } {
  return log === undefined ? {} : { logger: lineLogger(log.format, log.level, write, Date.now) }
}
