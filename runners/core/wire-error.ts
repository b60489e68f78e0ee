/**
 * Errors on their way from a worker to its driver: structured cloning keeps neither their class nor their own properties.
 *
 * Law: what arrives has the name, message, code, details and stack of what was thrown, and the same for its causes; the class, where it is
 * millrace's or the language's. A class of the author's is another one in each worker.
 */
import type { ErrorCode } from '../../sdk/error-codes.js'
import { DecodeError, messageOf, MillraceError, PipelineError, UserCodeError } from '../../sdk/errors.js'
import type { SourcePosition } from '../../sdk/source-position.js'

/** An error as plain data. */
export interface WireError {
  /** Which class it has; `undefined` for what is no error of millrace's. */
  readonly kind: 'PipelineError' | 'DecodeError' | 'UserCodeError' | undefined
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly code: string | undefined
  readonly step: string | undefined
  readonly source: SourcePosition | undefined
  /** What is known of a call that failed, but for the cause. */
  readonly details: Readonly<Record<string, unknown>> | undefined
  readonly cause: WireError | undefined
}

/** Causes that are told, one of the other. */
const CAUSES_MAX = 8

/** Anything that was thrown, as plain data. */
export function errorToWire(thrown: unknown, causes: number = CAUSES_MAX): WireError {
  const cause = thrown instanceof Error && thrown.cause !== undefined && causes > 0 ? thrown.cause : undefined
  const code: unknown = (thrown as { readonly code?: unknown } | null | undefined)?.code
  return {
    kind:
      thrown instanceof UserCodeError
        ? 'UserCodeError'
        : thrown instanceof PipelineError
          ? 'PipelineError'
          : thrown instanceof DecodeError
            ? 'DecodeError'
            : undefined,
    name: thrown instanceof Error ? thrown.name : 'Error',
    message: messageOf(thrown),
    stack: thrown instanceof Error ? thrown.stack : undefined,
    code: typeof code === 'string' ? code : undefined,
    step: thrown instanceof MillraceError ? thrown.step : undefined,
    source: thrown instanceof PipelineError ? thrown.source : undefined,
    details: thrown instanceof UserCodeError ? detailsOf(thrown) : undefined,
    cause: cause === undefined ? undefined : errorToWire(cause, causes - 1),
  }
}

function detailsOf({
  details: { step, call, element, window, timestamp, source },
}: UserCodeError): WireError['details'] {
  return { step, call, element, window, timestamp, source }
}

/** Classes of the language: every realm has them. */
const BUILT_IN = new Map<string, ErrorConstructor>(
  [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((each) => [each.name, each]),
)

/** An error that was no millrace error where it was thrown, and of no class that is here too. */
class RemoteError extends Error {
  readonly code: ErrorCode | undefined

  constructor(message: string, cause: Error | undefined) {
    super(message, cause === undefined ? undefined : { cause })
  }
}

/** The error again. */
export function errorFromWire(wire: WireError): Error {
  const error = errorOf(wire)
  error.message = wire.message
  if (wire.stack !== undefined) error.stack = wire.stack
  return error
}

function errorOf({ kind, name, message, code, step, source, details, cause: wired }: WireError): Error {
  const cause = wired === undefined ? undefined : errorFromWire(wired)
  switch (kind) {
    case 'UserCodeError':
      return new UserCodeError({ ...(details as Omit<UserCodeError['details'], 'cause'>), cause })
    case 'PipelineError':
      return new PipelineError(code as ErrorCode, message, step, source)
    case 'DecodeError':
      return new DecodeError(code as ErrorCode, message, step, cause)
    case undefined: {
      const BuiltIn = BUILT_IN.get(name)
      const given = cause === undefined ? undefined : { cause }
      const error = BuiltIn === undefined ? new RemoteError(message, cause) : new BuiltIn(message, given)
      if (name !== 'Error') Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true })
      if (code === undefined) Reflect.deleteProperty(error, 'code')
      else Object.defineProperty(error, 'code', { value: code, enumerable: true })
      return error
    }
  }
}
