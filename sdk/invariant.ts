/**
 * Programmer errors, as opposed to operating errors: a broken invariant stops the bundle at once, because everything
 * computed after it would be wrong.
 */
import type { ErrorCode } from './error-codes.js'

/** A rule of the engine that does not hold. Always a bug in millrace or in a runner, never bad input. */
export class InvariantViolation extends Error {
  override readonly name = 'InvariantViolation'
  readonly code: ErrorCode = 'MR-6009'
}

/** Throws unless `holds`; `facts` are printed with the rule. */
export function invariant(holds: boolean, rule: string, facts?: Readonly<Record<string, unknown>>): asserts holds {
  if (holds) return
  const detail =
    facts === undefined
      ? ''
      : ` (${Object.entries(facts)
          .map(([k, v]) => `${k}: ${String(v)}`)
          .join(', ')})`
  throw new InvariantViolation(`broken invariant: ${rule}${detail}. This is a bug; please report it with this message.`)
}
