/**
 * Steps that the runner makes of one of the author's call several functions of his: a failure says which.
 */

/** What one of them has thrown, on its way to who says which step it was. */
export class CallFailure extends Error {
  override readonly name = 'CallFailure'
  readonly code = 'MR-3001' as const

  readonly call: string

  constructor(call: string, cause: unknown) {
    super(call, { cause })
    this.call = call
  }
}

/** Calls a function of the author's by its name. @throws {CallFailure} when it throws. */
export function called<A>(call: string, fn: () => A): A {
  try {
    return fn()
  } catch (thrown) {
    throw new CallFailure(call, thrown)
  }
}
