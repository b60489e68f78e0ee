/**
 * The bounds of time, and how a timestamp is written for people.
 *
 * Law: all bounds are safe integers, so that the distance of two timestamps loses no millisecond.
 */

/** The smallest timestamp: where elements of a source that knows no event time stand. −(2^53 − 1) ms. */
export const TIMESTAMP_MIN: number = -Number.MAX_SAFE_INTEGER

/** The largest timestamp; a watermark here says that no element will ever come. 2^53 − 1 ms. */
export const TIMESTAMP_MAX: number = Number.MAX_SAFE_INTEGER

/** Last timestamp inside the global window: one day before the end of time, as in Beam, so that its timers can still fire. */
export const END_OF_GLOBAL_WINDOW: number = TIMESTAMP_MAX - 86_400_000

const UNITS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
  [1, 'ms'],
] as const

/** A span of time for people, in its largest units: `1 h`, `1 h 30 min`, `250 ms`. */
export function formatMillis(millis: number): string {
  const parts: string[] = []
  let rest = millis
  for (const [size, unit] of UNITS) {
    const count = Math.floor(rest / size)
    if (count > 0) parts.push(`${count} ${unit}`)
    rest -= count * size
  }
  return parts.length === 0 ? '0 ms' : parts.join(' ')
}

/** A timestamp for people: ISO text where a `Date` can hold it, else a name or the number. */
export function formatTimestamp(timestamp: number): string {
  if (timestamp === TIMESTAMP_MIN) return '-∞'
  if (timestamp === TIMESTAMP_MAX) return '+∞'
  if (timestamp === END_OF_GLOBAL_WINDOW) return 'end of the global window'
  return Math.abs(timestamp) <= 8.64e15 ? new Date(timestamp).toISOString() : `${timestamp} ms`
}
