/**
 * A value that a coder does not accept, and where inside the value the trouble is.
 *
 * Law: each coder of a composite adds the segment of the part it was encoding, so the message of what reaches the
 * caller starts with the whole path from the value (`$`) to the offending part: `$.value.user.name: lone surrogate …`.
 */
import type { ErrorCode } from '../error-codes.js'
import { DecodeError } from '../errors.js'

/** A {@link DecodeError} whose message starts with a path. */
export class Refusal extends DecodeError {
  /** The path without its leading `$`. */
  readonly path: string
  readonly problem: string

  constructor(code: ErrorCode, path: string, problem: string, cause?: unknown) {
    super(code, `$${path}: ${problem}`, undefined, cause)
    this.path = path
    this.problem = problem
  }
}

/** The same error, seen from one level further out. Errors of user code (a getter that throws) stay as they are. */
export function within(segment: string, error: unknown): unknown {
  if (error instanceof Refusal) return new Refusal(error.code, segment + error.path, error.problem, error.cause)
  if (error instanceof DecodeError) return new Refusal(error.code, segment, error.message, error.cause)
  return error
}

/** Path segment of an object's field: `.name`, or `["first name"]` where that is no identifier. */
export function fieldSegment(name: string): string {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`
}
