/**
 * What decides how much the batches of a run read: pacing, queues before the sources, and the watch over both.
 */
import type { StageExecutor } from '../core/execution/stage-executor.js'
import { newQueryId } from '../core/query-identity.js'
import type { RunLog } from '../core/run-log.js'
import type { StagedPipeline } from '../core/stage.js'
import { BatchPacing } from './batch-pacing.js'
import type { BatchedParts } from './batched-parts.js'
import { LoadWatch } from './load-watch.js'
import { PartitionQueues } from './queue/partition-queues.js'
import { type RunQueues, SourceQueues } from './queue/source-queues.js'
import { limitsByStage, readingSteps, SourceAllowances } from './source-limits.js'

/** See the head of this file. @param isScripted whether a script moves the clock. */
export function loadOf(
  executors: readonly StageExecutor[],
  staged: StagedPipeline,
  { limits, sourceLimits, real, spillFolder, shedding, standby, tasks }: BatchedParts,
  isScripted: boolean,
  log: RunLog,
): { readonly pacing: BatchPacing; readonly queues: RunQueues; readonly watch: LoadWatch } {
  const ofStages = limitsByStage(sourceLimits ?? {}, readingSteps(staged))
  const allowances = new SourceAllowances(ofStages, () => real.monotonic(), limits.intervalMillis)
  const pacing = new BatchPacing(limits, allowances, () => real.now())
  const warn = (message: string): void => log.note(`warning: ${message}`)
  const isWanted = limits.latencyMillis !== undefined
  const parts = {
    env: real,
    limits: ofStages,
    // A hot standby reads what its plans say, and nothing ahead.
    isWanted: isWanted && standby?.mode !== 'hot',
    isScripted,
    folder: spillFolder,
    run: newQueryId(real),
    warn,
    bundleMax: () => pacing.bundleMax,
  }
  const queues =
    tasks === undefined ? new SourceQueues(executors, parts) : (tasks.ahead = new PartitionQueues(executors, parts))
  return { pacing, queues, watch: new LoadWatch({ executors, pacing, shedding, env: real, warn }, isWanted) }
}
