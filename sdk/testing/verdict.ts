/**
 * Verdicts: what an assertion inside a pipeline comes to. They travel through the runner as elements, because a worker
 * shares no variable with the test.
 */
import type { ErrorCode } from '../error-codes.js'

/** Name of the step that collects the verdict of an assertion. */
export const ASSERTION_STEP = '$verdict'

/** Name of the step that judges, without the sign of reserved names. */
export const JUDGE_STEP = 'judge'

/** What an assertion found. */
export interface Verdict {
  readonly holds: boolean
  readonly message: string
}

/** Thrown by `run` when assertions of the pipeline do not hold. */
export class AssertionFailed extends Error {
  override readonly name = 'AssertionFailed'
  readonly code: ErrorCode = 'MR-8001'
}
