/**
 * Calendar windows: days, weeks, months and years as a time zone's clocks count them. A day in which clocks change has 23 or
 * 25 hours, months and years have the length they have.
 *
 * Law: the windows of one WindowFn are adjacent, cover all of time, and each contains what is assigned to it.
 */
import { preview } from '../preview.js'
import { refuse } from '../refuse.js'
import { suggestion } from '../suggestion.js'
import { END_OF_GLOBAL_WINDOW, TIMESTAMP_MIN } from '../time.js'
import { dateOf, dateText, dayOf, daysIn, parsedDate } from './civil-date.js'
import { DAY_MILLIS, TimeZone } from './time-zone.js'
import { type BoundedWindow, IntervalWindow } from './window.js'
import { beforeTheEnd, type CalendarUnit, noMerge, type WindowFn, type WindowFnPayload } from './window-fn.js'

/** A day of the week. */
export type Weekday = 'monday' | 'tuesday' | 'wednesday' | 'thursday' | 'friday' | 'saturday' | 'sunday'

/** Options of {@link calendarWindows}. */
export interface CalendarOptions {
  /** What a window is, or several of what. */
  readonly unit: CalendarUnit
  /** Units in a window, a whole number from 1. Default 1. */
  readonly count?: number
  /** IANA name of the zone whose clocks decide, such as `'Europe/Berlin'`. Default `'UTC'`. */
  readonly zone?: string
  /**
   * A day on which a window begins, as `YYYY-MM-DD`; the others follow from it in both directions. Default: 1970-01-01, for
   * weeks the first day of the week in which it lies.
   */
  readonly startingAt?: string
  /** For weeks: the day they begin with. Default `'monday'`. */
  readonly firstDay?: Weekday
  /** For months: the day they begin with, 1 to 31; where a month is shorter, its last. Default 1. */
  readonly dayOfMonth?: number
}

const WEEKDAYS: readonly Weekday[] = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday']
const UNITS: readonly CalendarUnit[] = ['day', 'week', 'month', 'year']
const OPTIONS = Object.keys({
  unit: true,
  count: true,
  zone: true,
  startingAt: true,
  firstDay: true,
  dayOfMonth: true,
} satisfies Record<keyof CalendarOptions, true>)

/** Windows and their borders that are kept; more begin anew. */
const KEPT_MAX = 10_000

/** Windows by their number: each border is reckoned once. */
class CalendarWindows implements WindowFn {
  readonly urn = 'millrace:window_fn:calendar:v1'
  readonly payload: WindowFnPayload & { kind: 'calendar' }
  readonly description: string
  readonly assignsToOneWindow = true
  readonly merges = false
  readonly merge = noMerge
  readonly #zone: TimeZone
  readonly #periods: Periods
  readonly #starts = new Map<number, number>()
  readonly #windows = new Map<number, IntervalWindow>()
  #last: IntervalWindow = new IntervalWindow(0, 0)

  constructor(payload: WindowFnPayload & { kind: 'calendar' }, zone: TimeZone) {
    const { unit, count } = payload
    this.payload = payload
    this.#zone = zone
    this.#periods = periodsOf(payload)
    this.description = `calendar windows of ${count} ${unit}${count === 1 ? '' : 's'} in ${zone.name} from ${payload.startingAt}`
  }

  assign(timestamp: number): BoundedWindow {
    const last = this.#last
    if (timestamp >= last.start && timestamp < last.end) return last
    const at = beforeTheEnd(timestamp)
    // By UTC it is the right window or one beside it: no clock is a day ahead or behind.
    let number = this.#periods.numberOf(Math.floor(at / DAY_MILLIS))
    while (this.#start(number) > at) number--
    while (this.#start(number + 1) <= at) number++
    return (this.#last = this.#window(number))
  }

  sideInputWindow(mainWindow: BoundedWindow): BoundedWindow {
    return this.assign(mainWindow.maxTimestamp)
  }

  #start(number: number): number {
    let start = this.#starts.get(number)
    if (start === undefined) {
      if (this.#starts.size >= KEPT_MAX) this.#starts.clear()
      const exact = this.#zone.startOfDay(this.#periods.firstDay(number))
      start = Math.min(Math.max(exact, TIMESTAMP_MIN), END_OF_GLOBAL_WINDOW + 1)
      this.#starts.set(number, start)
    }
    return start
  }

  #window(number: number): IntervalWindow {
    let window = this.#windows.get(number)
    if (window === undefined) {
      if (this.#windows.size >= KEPT_MAX) this.#windows.clear()
      window = new IntervalWindow(this.#start(number), this.#start(number + 1))
      this.#windows.set(number, window)
    }
    return window
  }
}

/** Periods of whole days, numbered from the one that begins at the given start. */
interface Periods {
  /** The period in which a day lies. */
  readonly numberOf: (day: number) => number
  /** The day with which a period begins. */
  readonly firstDay: (number: number) => number
}

function periodsOf({ unit, count, startingAt }: WindowFnPayload & { kind: 'calendar' }): Periods {
  const start = parsedDate(startingAt) ?? dateOf(0)
  if (unit === 'day' || unit === 'week') {
    const days = unit === 'day' ? count : 7 * count
    const anchor = dayOf(start)
    return { numberOf: (day) => Math.floor((day - anchor) / days), firstDay: (number) => anchor + number * days }
  }
  const months = unit === 'month' ? count : 12 * count
  const anchor = start.year * 12 + start.month - 1
  const firstDay = (number: number): number => {
    const monthNumber = anchor + number * months
    const year = Math.floor(monthNumber / 12)
    const month = monthNumber - year * 12 + 1
    return dayOf({ year, month, day: Math.min(start.day, daysIn(year, month)) })
  }
  const numberOf = (day: number): number => {
    const { year, month } = dateOf(day)
    const number = Math.floor((year * 12 + month - 1 - anchor) / months)
    return day < firstDay(number) ? number - 1 : number
  }
  return { numberOf, firstDay }
}

/**
 * Days, weeks, months or years, or several of them, as the clocks of a time zone count them.
 *
 * @throws {PipelineError} when an option is unknown or wrong, or the zone is one that this platform does not know.
 * @example
 * ```ts
 * import { calendarWindows } from 'millrace'
 * const days = calendarWindows({ unit: 'day', zone: 'Europe/Berlin' })
 * days.assign(Date.parse('2024-03-31T12:00Z')).toString() // => '[2024-03-30T23:00:00.000Z, 2024-03-31T22:00:00.000Z)'
 * calendarWindows({ unit: 'week', firstDay: 'sunday', zone: 'America/New_York' })
 * calendarWindows({ unit: 'month', count: 3, startingAt: '2024-02-01' })
 * calendarWindows({ unit: 'year', startingAt: '2024-04-06', zone: 'Europe/London' })
 * ```
 */
export function calendarWindows(options: CalendarOptions): WindowFn {
  const fail = (message: string): never => refuse('MR-2008', `calendarWindows ${message}`)
  if (typeof options !== 'object' || options === null) fail("needs options, for example { unit: 'day' }.")
  const unknown = Object.keys(options).find((name) => !OPTIONS.includes(name))
  if (unknown !== undefined)
    refuse('MR-1001', `calendarWindows has no option "${unknown}".${suggestion(unknown, OPTIONS)}`)
  const { unit, count = 1, zone: zoneName = 'UTC', firstDay, dayOfMonth } = options
  if (!UNITS.includes(unit)) fail(`needs a unit, one of ${UNITS.join(', ')}, but got ${preview(unit)}.`)
  if (!Number.isSafeInteger(count) || count < 1 || count > 1_000_000)
    fail(`needs a count that is a whole number from 1 to 1,000,000, but got ${preview(count)}.`)
  if (firstDay !== undefined && unit !== 'week') fail(`takes firstDay for weeks, not for ${unit}s.`)
  if (firstDay !== undefined && !WEEKDAYS.includes(firstDay))
    fail(`needs a firstDay that is one of ${WEEKDAYS.join(', ')}, but got ${preview(firstDay)}.`)
  if (dayOfMonth !== undefined && unit !== 'month') fail(`takes dayOfMonth for months, not for ${unit}s.`)
  if (dayOfMonth !== undefined && !(Number.isInteger(dayOfMonth) && dayOfMonth >= 1 && dayOfMonth <= 31))
    fail(`needs a dayOfMonth from 1 to 31, but got ${preview(dayOfMonth)}.`)
  const startingAt = startOf(options, fail)
  return new CalendarWindows({ kind: 'calendar', unit, count, zone: zoneName, startingAt }, zoneOf(zoneName, fail))
}

/** The day from which windows are counted. */
function startOf(
  { unit, startingAt, firstDay, dayOfMonth }: CalendarOptions,
  fail: (message: string) => never,
): string {
  if (startingAt === undefined) {
    // The week of 1970-01-01, a Thursday, began on 1969-12-29.
    if (unit === 'week') return dateText(dateOf(WEEKDAYS.indexOf(firstDay ?? 'monday') - 3))
    return dateText({ year: 1970, month: 1, day: dayOfMonth ?? 1 })
  }
  const date = typeof startingAt === 'string' ? parsedDate(startingAt) : undefined
  if (date === undefined)
    return fail(`needs a startingAt that is a day, such as '2024-01-31', but got ${preview(startingAt)}.`)
  if (dayOfMonth !== undefined && dayOfMonth !== date.day)
    fail(`begins at ${startingAt}, which is not day ${dayOfMonth} of its month. Leave dayOfMonth out.`)
  const weekday = weekdayOf(dayOf(date))
  if (firstDay !== undefined && weekday !== firstDay)
    fail(`begins at ${startingAt}, which is a ${weekday}, not a ${firstDay}. Leave firstDay out.`)
  return startingAt
}

/** 1970-01-01 was a Thursday. */
function weekdayOf(day: number): Weekday {
  return WEEKDAYS[(((day + 3) % 7) + 7) % 7] as Weekday
}

function zoneOf(name: string, fail: (message: string) => never): TimeZone {
  try {
    if (typeof name === 'string' && name !== '') return new TimeZone(name)
  } catch {
    // Not known: said below.
  }
  return fail(`needs the IANA name of a time zone, such as 'Europe/Berlin', but got ${preview(name)}.`)
}
