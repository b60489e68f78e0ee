/**
 * Days of the Gregorian calendar as whole numbers, counted from 1970-01-01, in both directions and without end: `Date` ends
 * before the model's time does. The calendar is the one of ISO 8601, which also runs backwards without a reform.
 *
 * Law: `dayOf(dateOf(n)) = n`. Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
 */

/** A date; `month` and `day` count from 1. */
export interface CivilDate {
  readonly year: number
  readonly month: number
  readonly day: number
}

const DAYS_OF_ERA = 146_097
const YEARS_OF_ERA = 400
/** From 0000-03-01 to 1970-01-01. */
const DAYS_BEFORE_1970 = 719_468

/** The number of a date's day. */
export function dayOf({ year, month, day }: CivilDate): number {
  // Years begin in March, so that the day that is sometimes there is their last.
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / YEARS_OF_ERA)
  const yearOfEra = y - era * YEARS_OF_ERA
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * DAYS_OF_ERA + dayOfEra - DAYS_BEFORE_1970
}

/** The date of a day's number. */
export function dateOf(number: number): CivilDate {
  const shifted = number + DAYS_BEFORE_1970
  const era = Math.floor(shifted / DAYS_OF_ERA)
  const dayOfEra = shifted - era * DAYS_OF_ERA
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const fromMarch = Math.floor((5 * dayOfYear + 2) / 153)
  const month = fromMarch + (fromMarch < 10 ? 3 : -9)
  const day = dayOfYear - Math.floor((153 * fromMarch + 2) / 5) + 1
  return { year: yearOfEra + era * YEARS_OF_ERA + (month <= 2 ? 1 : 0), month, day }
}

/** Days in a month. */
export function daysIn(year: number, month: number): number {
  const next = month === 12 ? { year: year + 1, month: 1, day: 1 } : { year, month: month + 1, day: 1 }
  return dayOf(next) - dayOf({ year, month, day: 1 })
}

/** The date of a text `YYYY-MM-DD`; `undefined` when it is none. */
export function parsedDate(text: string): CivilDate | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text)
  if (match === null) return undefined
  const [year = 0, month = 0, day = 0] = match.slice(1).map(Number)
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined
  return { year, month, day }
}

/** A date as `YYYY-MM-DD`. */
export function dateText({ year, month, day }: CivilDate): string {
  return [String(year).padStart(4, '0'), ...[month, day].map((n) => String(n).padStart(2, '0'))].join('-')
}
