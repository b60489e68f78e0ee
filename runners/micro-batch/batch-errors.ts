/**
 * What a batched run says when it cannot go on with what is kept, or with its own steps.
 */
import { coded } from '../../sdk/error-codes.js'

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
