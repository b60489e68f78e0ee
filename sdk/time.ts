/**
 * Time in the model is a number of milliseconds, always a safe integer.
 *
 * Law: every timestamp lies in [TIMESTAMP_MIN, TIMESTAMP_MAX], and arithmetic saturates there instead of overflowing,
 * so "a hundred years after the end of time" is the end of time. The three special instants map exactly onto Beam's
 * when values cross the wire (Beam counts microseconds in 64 bits; see `coders/wire-time.ts`).
 */
import { coded } from './error-codes.js'
import { refuse } from './refuse.js'
import * as EffectDuration from 'effect/Duration'
import { textMillis } from './duration-text.js'
import { preview } from './preview.js'
import { TIMESTAMP_MAX, TIMESTAMP_MIN } from './timestamp.js'

export { END_OF_GLOBAL_WINDOW, formatMillis, formatTimestamp, TIMESTAMP_MAX, TIMESTAMP_MIN } from './timestamp.js'

/**
 * A span of time, in one of these forms:
 *
 * - a number: milliseconds;
 * - a text of number and unit, `'250 millis'`, `'10 seconds'`, `'1.5 hours'`, in nanos, micros, millis, seconds, minutes,
 *   hours, days or weeks (or one of each: `'1 hour'`);
 * - a short text, with or without a space: `'250ms'`, `'30s'`, `'5m'`, `'1h'`, `'2d'`;
 * - what else Effect takes for a duration: `{ hours: 1, minutes: 30 }`, a `Duration` of Effect, nanoseconds as a bigint,
 *   `[seconds, nanos]`.
 *
 * It is never negative and never endless; what is finer than a millisecond is rounded down.
 */
export type Duration = EffectDuration.Input | `${number}${'' | ' '}${'ms' | 's' | 'm' | 'h' | 'd'}`

/** A point in event time: milliseconds since 1970-01-01 UTC, a `Date`, an ISO string, or a Temporal instant. */
export type Instant = number | Date | string | { readonly epochMilliseconds: number }

/**
 * Milliseconds of a duration, rounded down to a whole number.
 *
 * @param what what the duration is, for the message: `'allowedLateness'`.
 * @param step path of the step whose option it is, where there is one.
 * @throws {PipelineError} when it is no duration, negative or not finite, with the step and the author's line.
 * @example
 * ```ts
 * import { durationMillis } from 'millrace'
 * durationMillis('90 seconds') // => 90000
 * durationMillis('250ms') // => 250
 * ```
 */
export function durationMillis(duration: Duration, what = 'duration', step?: string): number {
  const named = (): string => (step === undefined ? what : `${what} of step "${step}"`)
  const millis = millisOf(duration)
  if (millis === undefined) {
    return refuse(
      'MR-2001',
      `${named()} ${preview(duration)} is not a duration. Write it as '10 seconds', '1 hour', '30s' or milliseconds.`,
      step,
    )
  }
  if (!Number.isFinite(millis) || millis < 0) {
    return refuse('MR-2001', `${named()} must be a finite, non-negative duration, but is ${preview(duration)}.`, step)
  }
  return Math.floor(clampTimestamp(millis)) + 0
}

function millisOf(duration: Duration): number | undefined {
  if (typeof duration === 'number') return duration
  if (typeof duration === 'string') return textMillis(duration)
  try {
    return EffectDuration.toMillis(effectDuration(duration))
  } catch {
    return undefined
  }
}

const UNITS = ['weeks', 'days', 'hours', 'minutes', 'seconds', 'milliseconds', 'microseconds', 'nanoseconds']

/** What Effect makes of it; objects that name no unit, or one that there is not, would count as nothing. */
function effectDuration(duration: Exclude<Duration, string>): EffectDuration.Duration {
  if (typeof duration === 'object' && !Array.isArray(duration) && !EffectDuration.isDuration(duration)) {
    const units = Object.keys(duration)
    if (units.length === 0 || !units.every((unit) => UNITS.includes(unit))) throw new TypeError('no unit of time')
  }
  return EffectDuration.fromInputUnsafe(duration)
}

/**
 * The timestamp of an instant.
 *
 * @throws {RangeError} when it is no instant, no whole millisecond or outside the model's range.
 * @example
 * ```ts
 * import { toTimestamp } from 'millrace'
 * toTimestamp('1970-01-01T00:00:01Z') // => 1000
 * ```
 */
export function toTimestamp(instant: Instant): number {
  if (typeof instant === 'number') return checkedTimestamp(instant, instant)
  if (typeof instant === 'string') return checkedTimestamp(parsedText(instant), instant)
  if (instant instanceof Date) return checkedTimestamp(instant.getTime(), instant)
  if (typeof instant === 'object' && instant !== null && typeof instant.epochMilliseconds === 'number') {
    return checkedTimestamp(instant.epochMilliseconds, instant.epochMilliseconds)
  }
  throw coded(
    'MR-2002',
    new RangeError(`${describeInstant(instant)} is not a timestamp: give milliseconds, a Date or an ISO string`),
  )
}

/** A day, or a day with a time and its zone, as ISO 8601 and RFC 3339 write them. */
const ISO = /^((?:\d{4}|[+-]\d{6})-\d\d-\d\d)(?:[Tt ](\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)([Zz]|[+-]\d\d(?::?\d\d)?)?)?$/

/** Milliseconds of a text; platforms read far more than ISO, each in its own way. */
function parsedText(text: string): number {
  const match = ISO.exec(text.trim())
  if (match === null) return Number.NaN
  const [, day = '', time, zone] = match
  if (time === undefined) return Date.parse(day)
  if (zone === undefined) {
    throw coded(
      'MR-2002',
      new RangeError(
        `"${text}" is not a timestamp: it does not say in which time zone it is. Add Z, or an offset such as +01:00.`,
      ),
    )
  }
  const offset = /^[Zz]$/.test(zone)
    ? 'Z'
    : zone.replace(/^(...):?(\d\d)?$/, (_, hours, minutes) => `${hours}:${minutes ?? '00'}`)
  return Date.parse(`${day}T${time.replace(',', '.')}${offset}`)
}

function checkedTimestamp(millis: number, given: unknown): number {
  if (Number.isSafeInteger(millis)) return millis + 0
  if (Number.isNaN(millis))
    throw coded('MR-2002', new RangeError(`${describeInstant(given)} is not a timestamp: it is no valid date`))
  if (Number.isFinite(millis) && !Number.isInteger(millis)) {
    throw coded(
      'MR-2002',
      new RangeError(`${describeInstant(given)} is not a timestamp: milliseconds must be whole numbers`),
    )
  }
  throw coded(
    'MR-2002',
    new RangeError(`${describeInstant(given)} is not a timestamp: it is outside ±(2^53 − 1) milliseconds`),
  )
}

function describeInstant(given: unknown): string {
  return typeof given === 'number' || given instanceof Date ? String(given) : preview(given)
}

/** The nearest legal timestamp. */
export function clampTimestamp(millis: number): number {
  return millis > TIMESTAMP_MAX ? TIMESTAMP_MAX : millis < TIMESTAMP_MIN ? TIMESTAMP_MIN : millis
}

/** `timestamp + millis`, saturating; the ends of time stay where they are. */
export function addMillis(timestamp: number, millis: number): number {
  if (timestamp === TIMESTAMP_MAX || timestamp === TIMESTAMP_MIN) return timestamp
  return clampTimestamp(timestamp + millis)
}
