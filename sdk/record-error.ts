/**
 * A record that could not be taken from where it lies: it knows its place better than the step that reads it does.
 *
 * Law: what is shown of such a record, in a message or in a dead letter, is the preview that was made for it, never the
 * record.
 */
import type { ErrorCode } from './error-codes.js'

/** Thrown for a record of a file; its dead letter says where the record lies, and not where the step was written. */
export class RecordError extends Error {
  override readonly name = 'RecordError'
  /** The brand by which {@link recordErrorOf} knows the error, whichever copy of the package made it. */
  readonly millraceRecord = true
  readonly code: ErrorCode
  /** `file:line (byte offset)`. */
  readonly place: string
  /** A short text of the record, fit to be shown. */
  readonly preview: string

  /** @param reason goes on after the place: `is not valid JSON`. */
  constructor(code: ErrorCode, place: string, reason: string, preview: string, cause?: unknown) {
    super(`record at ${place} ${reason}`, cause === undefined ? undefined : { cause })
    this.code = code
    this.place = place
    this.preview = preview
  }
}

/** What was thrown, when it is about a record; else `undefined`. */
export function recordErrorOf(thrown: unknown): RecordError | undefined {
  return thrown instanceof Error && (thrown as { readonly millraceRecord?: true }).millraceRecord === true
    ? (thrown as RecordError)
    : undefined
}
