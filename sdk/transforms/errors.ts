/**
 * Dead letters: elements that a step could not process, collected instead of failing the run. A handler is declared
 * once and named by any number of steps; the chain of good elements never forks.
 *
 * Law: every element given to a step with `onError` either contributes its outputs completely or becomes exactly one
 * dead letter.
 */
/** An element that a step could not process. */
export interface DeadLetter<T = unknown> {
  /** The element; of a record of a file that could not be read, a short text of it. */
  readonly element: T
  /** Path of the step. */
  readonly step: string
  readonly error: { readonly name: string; readonly message: string; readonly stack: string | undefined }
  /** Window of the element, as text. */
  readonly window: string
  /** Event timestamp of the element. */
  readonly timestamp: number
  /** Where the author wrote the step; for a record of a file that could not be read, `file:line (byte offset)`. */
  readonly source: string | undefined
}

/** A declared destination of dead letters; steps take it as `onError`. Made by `pipeline.errors(name, build)`. */
export interface ErrorHandler {
  readonly kind: 'errorHandler'
  readonly name: string
  /** Letters after which the run stops. @internal */
  readonly maxDeadLetters: number
  /** Adds the error output of a step. @internal */
  readonly connect: (collectionId: string, step: string) => void
}
