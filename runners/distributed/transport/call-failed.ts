/**
 * A call that failed, with what the other side said of it.
 */
import type { TransportFailure } from './transport.js'

/** Thrown where a call fails; whoever called says which service it was, and what to do. */
export class CallFailed extends Error implements TransportFailure {
  override readonly name = 'CallFailed'
  readonly code = 'MR-6201' as const
  readonly status: string

  constructor(status: string, message: string) {
    super(message)
    this.status = status
  }
}
