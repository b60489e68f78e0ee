/**
 * What a batched run says when it cannot go on with what is kept, or with its own steps.
 */
import { coded } from '../../sdk/error-codes.js'
import type { RunLog } from '../core/run-log.js'
import type { BatchedParts } from './batched-parts.js'

/** So often is a batch done before a step that does something else each time fails the run. */
export const ATTEMPTS_MAX = 3

/** A checkpoint is divided for another number of workers' partitions than the run asks for. */
export function dividedOtherwise(kept: number, asked: number | undefined): Error {
  const text =
    asked === undefined
      ? `what is kept here is divided into ${kept} partitions, which workers run. Add workers: ${kept}, or another number from 1.`
      : `what is kept here is divided into ${kept} partitions, not ${asked}, and what workers keep does not move to others. Leave partitions out, or begin anew with another checkpoint; workers may be as many as you like, and no more than ${kept} of them have something to do.`
  return coded('MR-6033', new Error(text))
}

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
export function noteIdleWorkers({ tasks }: Pick<BatchedParts, 'tasks'>, partitions: number, log: RunLog): void {
  const workers = tasks?.driver.workers.living.length ?? 0
  if (workers <= partitions) return
  log.note(
    `warning: what is kept is divided into ${partitions} partition${partitions === 1 ? '' : 's'}, as it was when the query began, and there are ${workers} workers: no more than ${partitions} of them have something to do. Begin anew with another checkpoint and workers or partitions from the start to use more.`,
    { partitions, workers },
  )
}

/** Into how many partitions a run divides what is kept. @param kept by the newest commit. */
export function hostsOf(kept: number | undefined, { store, tasks }: Pick<BatchedParts, 'store' | 'tasks'>): number {
  if (kept === undefined) return store.partitions
  if (tasks === undefined && kept > 1) throw dividedOtherwise(kept, undefined)
  if (tasks?.asked !== undefined && tasks.asked !== kept) throw dividedOtherwise(kept, tasks.asked)
  return kept
}
