/**
 * A time zone: how far its clocks are ahead of UTC, and when its days begin. The rules are those the platform has, read
 * through `Intl.DateTimeFormat`, which answers from its argument alone.
 *
 * Law: `startOfDay` never falls as days go on, and is the first instant at which clocks show that day or a later one. A day
 * that a zone has skipped begins where the next one does.
 */
import { dayOf } from './civil-date.js'

export const DAY_MILLIS = 86_400_000

/** Before it every zone is on its mean solar time, and `Intl` is not asked about calendars that have been reformed since. */
const EARLIEST = Date.UTC(1800, 0, 1)
/** From here on rules only repeat; after 400 years also the days of the week do. */
const REPEATING = Date.UTC(2100, 0, 1)
const CYCLE = 146_097 * DAY_MILLIS

/** A zone by its IANA name. */
export class TimeZone {
  readonly name: string
  readonly #format: Intl.DateTimeFormat

  /** @throws {RangeError} when the platform knows no such zone. */
  constructor(name: string) {
    this.name = name
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  }

  /** Milliseconds by which clocks are ahead of UTC. */
  offsetAt(timestamp: number): number {
    const at = knownTime(timestamp)
    const fields = new Map(this.#format.formatToParts(at).map(({ type, value }) => [type, Number(value)]))
    const field = (type: Intl.DateTimeFormatPartTypes): number => fields.get(type) as number
    const day = dayOf({ year: field('year'), month: field('month'), day: field('day') })
    const shown = day * DAY_MILLIS + ((field('hour') * 60 + field('minute')) * 60 + field('second')) * 1000
    return shown - Math.floor(at / 1000) * 1000
  }

  /** When a day begins, given by its number since 1970-01-01. */
  startOfDay(day: number): number {
    const midnight = day * DAY_MILLIS
    // No clock is a day ahead or behind, so these lie on either side; and no zone has changed its clocks twice in between.
    const [from, to] = [midnight - DAY_MILLIS, midnight + DAY_MILLIS]
    const before = this.offsetAt(from)
    const after = this.offsetAt(to)
    if (before === after) return midnight - before
    const change = this.#changeBetween(from, to, before)
    return midnight - before < change ? midnight - before : Math.max(change, midnight - after)
  }

  /** The first instant at which the offset is no longer `before`. */
  #changeBetween(from: number, to: number, before: number): number {
    let [low, high] = [from, to]
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (this.offsetAt(middle) === before) low = middle
      else high = middle
    }
    return high
  }
}

/** A time at which a zone has the same offset, among those that `Intl` knows well. */
function knownTime(timestamp: number): number {
  if (timestamp < EARLIEST) return EARLIEST
  return timestamp < REPEATING + CYCLE ? timestamp : REPEATING + ((timestamp - REPEATING) % CYCLE)
}
