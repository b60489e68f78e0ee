/**
 * How a pipeline that cannot be built is refused: with what is wrong, at the author's line.
 */
import type { ErrorCode } from './error-codes.js'
import { PipelineError } from './errors.js'
import { callSite, withSource } from './source-position.js'

/** @throws {PipelineError} with the code, the message, the step if there is one, and the author's line. */
export function refuse(code: ErrorCode, message: string, step?: string): never {
  const source = callSite()
  throw new PipelineError(code, withSource(message, source), step, source)
}
