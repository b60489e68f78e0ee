/**
 * The errors a millrace program can meet, and nothing else: a pipeline that is built wrongly, a value that cannot be
 * decoded, user code that threw. (`UnsupportedFeature`, the fourth, belongs to the runners.)
 *
 * Every message says what went wrong, in which step, and what to do next. Every error carries a code, whose page tells more. Errors are recognised by brand rather than by
 * class identity, so that two copies of the package (a user's and a worker's) still understand each other.
 */
import { errorCode, type ErrorCode } from './error-codes.js'
import { preview } from './preview.js'
import { plainPosition, type SourcePosition } from './source-position.js'
import { formatTimestamp } from './timestamp.js'

/** Which of millrace's errors a value is; `undefined` for any other value. */
export type ErrorKind = 'PipelineError' | 'DecodeError' | 'UserCodeError' | 'UnsupportedFeature'

/**
 * The kind of a millrace error, whichever copy of the package made it.
 *
 * @example
 * ```ts
 * import { errorKind } from 'millrace'
 * errorKind(new Error('other')) // => undefined
 * ```
 */
export function errorKind(error: unknown): ErrorKind | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const kind = (error as { readonly millraceError?: ErrorKind }).millraceError
  return kind
}

/** Base of millrace's errors; `step` is the path of the step they concern. */
export abstract class MillraceError extends Error {
  /** The brand by which {@link errorKind} knows the error. */
  abstract readonly millraceError: ErrorKind
  /** Which mistake it is: `millrace explain MR-…` tells about it. */
  readonly code: ErrorCode
  /** Path of the step this error concerns, scopes joined by `/`. */
  readonly step: string | undefined

  constructor(code: ErrorCode, message: string, step: string | undefined, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.step = step
  }
}

/** The pipeline itself is wrong: thrown while it is built, at the author's line. */
export class PipelineError extends MillraceError {
  readonly millraceError = 'PipelineError' as const
  override readonly name = 'PipelineError'
  /** Where the author wrote the offending step, when the stack told. */
  readonly source: SourcePosition | undefined

  constructor(code: ErrorCode, message: string, step?: string, source?: SourcePosition) {
    super(code, message, step)
    this.source = plainPosition(source)
  }
}

/** A value at an edge is not what its coder or codec describes. Authors can route it to a dead letter. */
export class DecodeError extends MillraceError {
  readonly millraceError = 'DecodeError' as const
  override readonly name = 'DecodeError'

  constructor(code: ErrorCode, message: string, step?: string, cause?: unknown) {
    super(code, message, step, cause)
  }
}

/** What is known about the call that failed. */
export interface UserCodeErrorDetails {
  readonly step: string
  /** `process`, `setup`, `onTimer.name`, `addInput` … */
  readonly call: string
  readonly element?: string
  readonly window?: string
  readonly timestamp?: number
  readonly source?: SourcePosition | undefined
  readonly cause: unknown
}

/**
 * User code threw, or broke a rule of the model: names step, call, element, window and the author's line. Its code is that
 * of the rule that was broken; `MR-3001` where user code threw an error of its own.
 */
export class UserCodeError extends MillraceError {
  readonly millraceError = 'UserCodeError' as const
  override readonly name = 'UserCodeError'
  readonly details: UserCodeErrorDetails

  constructor(details: UserCodeErrorDetails) {
    super(errorCode(details.cause) ?? 'MR-3001', describe(details), details.step, details.cause)
    this.details = { ...details, source: plainPosition(details.source) }
  }
}

function describe(details: UserCodeErrorDetails): string {
  const lines = [`step "${details.step}" failed in ${details.call}: ${messageOf(details.cause)}`]
  if (details.element !== undefined) lines.push(`  element: ${details.element}`)
  if (details.window !== undefined) lines.push(`  window: ${details.window}`)
  if (details.timestamp !== undefined) lines.push(`  timestamp: ${formatTimestamp(details.timestamp)}`)
  if (details.source !== undefined) lines.push(`  step written at: ${details.source.text}`)
  return lines.join('\n')
}

/** The message of anything that can be thrown, also of a string, of `undefined`, or of what cannot be looked into. */
export function messageOf(thrown: unknown): string {
  try {
    if (thrown instanceof Error) return thrown.message === '' ? thrown.name : thrown.message
    const message: unknown = typeof thrown === 'object' && thrown !== null && (thrown as { message?: unknown }).message
    if (typeof message === 'string') return message
  } catch {
    // A getter of the author's failed; what was thrown is shown without asking it.
  }
  return `thrown value is not an Error: ${typeof thrown === 'string' ? thrown : preview(thrown)}`
}
