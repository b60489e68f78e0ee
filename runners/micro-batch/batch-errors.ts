/**
 * What a batched run says when it cannot go on with what is kept, or with its own steps.
 */
import { coded } from '../../sdk/error-codes.js'
import type { RunLog } from '../core/run-log.js'
import type { BatchedParts } from './batched-parts.js'

/** So often is a batch done before a step that does something else each time fails the run. */
export const ATTEMPTS_MAX = 3

/** A batch comes out otherwise each time. */
export function notDeterministic(step: string): Error {
  return coded(
    'MR-6030',
    new Error(
      `a batch was given up ${ATTEMPTS_MAX} times because step "${step}", or one fused with it, did not give the same when it was done again. Let it depend on its elements, its state and its context alone (context.now and context.random, not the clock or Math.random).`,
    ),
  )
}

/** Workers beyond the partitions that there are would wait for ever, and nobody would know why nothing is faster. */
export function noteIdleWorkers(tasks: BatchedParts['tasks'], log: RunLog): void {
  const partitions = tasks?.partitions ?? 0
  const workers = tasks?.driver.workers.living.length ?? 0
  if (workers <= partitions) return
  log.note(
    `warning: what is kept is divided into ${partitions} partition${partitions === 1 ? '' : 's'}, and there are ${workers} workers: no more than ${partitions} of them have something to do. Ask for more partitions to use more.`,
    { partitions, workers },
  )
}
