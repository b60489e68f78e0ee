/**
 * Timestamps on the wire. Beam's range is ±9223372036854775 ms (its microseconds fill 64 bits), a little more than a
 * number holds exactly, so millrace's range is ±(2^53 − 1) ms and its ends stand for Beam's.
 *
 * Law: `fromWireMillis(toWireMillis(t)) === t`, both functions keep order, and the three named instants (minimum,
 * maximum, end of the global window) map exactly onto Beam's. All other timestamps are themselves on the wire, except
 * the day between the end of the global window and the maximum, which is the same day of Beam's: a timer one hour after
 * the end of the global window must not fire before it, and windows that are cut off there end one millisecond later.
 * Wire values that no timestamp stands for become the nearest timestamp.
 */
import { DecodeError } from '../errors.js'
import { END_OF_GLOBAL_WINDOW, TIMESTAMP_MAX, TIMESTAMP_MIN } from '../time.js'

/** Beam's largest timestamp, in milliseconds. */
export const WIRE_TIMESTAMP_MAX: bigint = 9_223_372_036_854_775n

/** Beam's smallest timestamp, in milliseconds. */
export const WIRE_TIMESTAMP_MIN: bigint = -WIRE_TIMESTAMP_MAX

/** The last timestamp of Beam's global window, in milliseconds. */
export const WIRE_END_OF_GLOBAL_WINDOW: bigint = WIRE_TIMESTAMP_MAX - 86_400_000n

/** How far Beam's last day lies beyond ours. */
const LAST_DAY_SHIFT = WIRE_TIMESTAMP_MAX - BigInt(TIMESTAMP_MAX)

/** Whether a timestamp is the same number on the wire; all but the two ends of time are. */
export function isSameOnWire(timestamp: number): boolean {
  return timestamp > TIMESTAMP_MIN && timestamp < END_OF_GLOBAL_WINDOW && Number.isInteger(timestamp)
}

/**
 * Beam's milliseconds of a timestamp.
 *
 * @throws {DecodeError} when it is no whole number of milliseconds in the model's range.
 * @example
 * ```ts
 * import { toWireMillis } from './wire-time.js'
 * toWireMillis(Number.MAX_SAFE_INTEGER) // => 9223372036854775n
 * ```
 */
export function toWireMillis(timestamp: number): bigint {
  if (!Number.isSafeInteger(timestamp)) {
    throw new DecodeError(
      'MR-2002',
      `${timestamp} is not a timestamp: it must be a whole number of milliseconds within ±(2^53 − 1)`,
    )
  }
  if (timestamp === TIMESTAMP_MIN) return WIRE_TIMESTAMP_MIN
  return timestamp < END_OF_GLOBAL_WINDOW ? BigInt(timestamp) : BigInt(timestamp) + LAST_DAY_SHIFT
}

/** The timestamp nearest to Beam's milliseconds. */
export function fromWireMillis(millis: bigint): number {
  if (millis >= WIRE_TIMESTAMP_MAX) return TIMESTAMP_MAX
  if (millis >= WIRE_END_OF_GLOBAL_WINDOW) return Number(millis - LAST_DAY_SHIFT)
  const timestamp = Number(millis)
  // Between our end of the global window and Beam's lie instants that only Beam has.
  if (timestamp >= END_OF_GLOBAL_WINDOW) return END_OF_GLOBAL_WINDOW - 1
  return timestamp < TIMESTAMP_MIN ? TIMESTAMP_MIN : timestamp
}
