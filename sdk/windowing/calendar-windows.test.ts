import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { END_OF_GLOBAL_WINDOW, TIMESTAMP_MAX, TIMESTAMP_MIN } from '../time.js'
import { type CalendarOptions, calendarWindows } from './calendar-windows.js'
import { dateOf, dateText, dayOf, daysIn, parsedDate } from './civil-date.js'
import type { BoundedWindow } from './window.js'

const HOUR = 3_600_000

function windowOf(options: CalendarOptions, at: string): BoundedWindow {
  return calendarWindows(options).assign(Date.parse(at)) as BoundedWindow
}

function span(options: CalendarOptions, at: string): string {
  const { start, end } = windowOf(options, at)
  return `${new Date(start).toISOString()} ${new Date(end).toISOString()}`
}

describe('days of a zone', () => {
  it.each([
    ['spring forward in Berlin', 'Europe/Berlin', '2024-03-31T12:00Z', '2024-03-30T23:00Z', 23],
    ['fall back in Berlin', 'Europe/Berlin', '2024-10-27T12:00Z', '2024-10-26T22:00Z', 25],
    ['an ordinary day in Berlin', 'Europe/Berlin', '2024-07-01T12:00Z', '2024-06-30T22:00Z', 24],
    ['spring forward in New York', 'America/New_York', '2024-03-10T12:00Z', '2024-03-10T05:00Z', 23],
    ['fall back in New York', 'America/New_York', '2024-11-03T12:00Z', '2024-11-03T04:00Z', 25],
    ['half an hour off, no change', 'Asia/Kolkata', '2024-03-31T12:00Z', '2024-03-30T18:30Z', 24],
    ['half an hour forward', 'Australia/Lord_Howe', '2024-10-06T00:00Z', '2024-10-05T13:30Z', 23.5],
    ['half an hour back', 'Australia/Lord_Howe', '2024-04-07T00:00Z', '2024-04-06T13:00Z', 24.5],
    ['the day before the one that Samoa skipped', 'Pacific/Apia', '2011-12-30T09:59Z', '2011-12-29T10:00Z', 24],
    ['the day after it', 'Pacific/Apia', '2011-12-30T10:00Z', '2011-12-30T10:00Z', 24],
    // Clocks went from 00:01 back to 23:01: the day had begun already.
    ['a day that is gone back to', 'America/St_Johns', '2010-11-07T03:00Z', '2010-11-07T02:30Z', 25],
    ['before zones, mean solar time', 'Europe/Berlin', '1850-06-01T12:00Z', '1850-05-31T23:06:32Z', 24],
  ])('%s', (_, zone, at, start, hours) => {
    const window = windowOf({ unit: 'day', zone }, at)
    expect(new Date(window.start).toISOString()).toBe(new Date(start).toISOString())
    expect((window.end - window.start) / HOUR).toBe(hours)
  })

  it('begin in UTC where no zone is named', () => {
    expect(span({ unit: 'day' }, '2024-02-29T12:00Z')).toBe('2024-02-29T00:00:00.000Z 2024-03-01T00:00:00.000Z')
  })
})

describe('weeks, months and years', () => {
  it.each<[string, CalendarOptions, string, string]>([
    ['weeks begin on Monday', { unit: 'week' }, '2024-05-16T00:00Z', '2024-05-13 2024-05-20'],
    ['or on another day', { unit: 'week', firstDay: 'sunday' }, '2024-05-12T00:00Z', '2024-05-12 2024-05-19'],
    [
      'two weeks from a day',
      { unit: 'week', count: 2, startingAt: '2024-01-03' },
      '2024-01-20',
      '2024-01-17 2024-01-31',
    ],
    ['days in tens', { unit: 'day', count: 10, startingAt: '2024-01-01' }, '2023-12-31', '2023-12-22 2024-01-01'],
    ['February of a leap year', { unit: 'month' }, '2024-02-10', '2024-02-01 2024-03-01'],
    ['February of another', { unit: 'month' }, '2023-02-10', '2023-02-01 2023-03-01'],
    ['1900 was no leap year', { unit: 'month' }, '1900-02-28', '1900-02-01 1900-03-01'],
    ['months from the 15th', { unit: 'month', dayOfMonth: 15 }, '2024-03-14', '2024-02-15 2024-03-15'],
    ['months from the 31st', { unit: 'month', dayOfMonth: 31 }, '2024-03-01', '2024-02-29 2024-03-31'],
    ['quarters', { unit: 'month', count: 3 }, '2024-05-20', '2024-04-01 2024-07-01'],
    [
      'quarters from February',
      { unit: 'month', count: 3, startingAt: '2024-02-01' },
      '2023-12-20',
      '2023-11-01 2024-02-01',
    ],
    ['years', { unit: 'year' }, '2024-05-20', '2024-01-01 2025-01-01'],
    ['fiscal years', { unit: 'year', startingAt: '2020-04-06' }, '2024-04-05', '2023-04-06 2024-04-06'],
    ['years from a leap day', { unit: 'year', startingAt: '2020-02-29' }, '2023-03-01', '2023-02-28 2024-02-29'],
    ['decades', { unit: 'year', count: 10 }, '1969-12-31', '1960-01-01 1970-01-01'],
  ])('%s', (_, options, at, days) => {
    expect(span(options, at).replaceAll('T00:00:00.000Z', '')).toBe(days)
  })

  it('have the borders that the clocks of a zone have', () => {
    const march = windowOf({ unit: 'month', zone: 'Europe/Berlin' }, '2024-03-15T00:00Z')
    expect((march.end - march.start) / HOUR).toBe(31 * 24 - 1)
  })
})

const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe', 'Pacific/Apia']
const moreZones = ['America/St_Johns', 'Africa/Casablanca', 'Asia/Manila', 'America/Juneau', 'Pacific/Kiritimati']

const anyWindows = fc.record({
  unit: fc.constantFrom('day' as const, 'week' as const, 'month' as const, 'year' as const),
  count: fc.integer({ min: 1, max: 5 }),
  zone: fc.constantFrom(...zones, ...moreZones),
  startingAt: fc.integer({ min: -20_000, max: 40_000 }).map((day) => dateText(dateOf(day))),
})
const anyTime = fc.oneof(
  fc.integer({ min: Date.UTC(1840, 0), max: Date.UTC(2150, 0) }),
  fc.maxSafeInteger().filter((t) => t >= TIMESTAMP_MIN && t <= END_OF_GLOBAL_WINDOW),
)

describe('all calendar windows', () => {
  it('contain their timestamps, are adjacent, and are the same from wherever they are reached', () => {
    fc.assert(
      fc.property(anyWindows, fc.array(anyTime, { minLength: 1, maxLength: 8 }), (options, times) => {
        const windowFn = calendarWindows(options)
        for (const time of times) {
          const window = windowFn.assign(time) as BoundedWindow
          expect(window.start <= time && time < window.end, `${time} in ${window.toString()}`).toBe(true)
          const { start, end } = window
          const fresh = calendarWindows(options)
          expect(fresh.assign(end - 1)).toMatchObject({ start, end })
          expect(calendarWindows(options).assign(start)).toMatchObject({ start, end })
          if (end <= END_OF_GLOBAL_WINDOW) expect(fresh.assign(end)).toMatchObject({ start: end })
          if (start > TIMESTAMP_MIN) expect(fresh.assign(start - 1)).toMatchObject({ end: start })
        }
      }),
      { numRuns: 60 },
    )
  })

  it('end where time does', () => {
    const windowFn = calendarWindows({ unit: 'year', zone: 'Europe/Berlin' })
    expect(windowFn.assign(TIMESTAMP_MIN)).toMatchObject({ start: TIMESTAMP_MIN })
    expect(windowFn.assign(TIMESTAMP_MAX)).toMatchObject({ end: END_OF_GLOBAL_WINDOW + 1 })
    expect(windowFn.assign(END_OF_GLOBAL_WINDOW)).toBe(windowFn.assign(TIMESTAMP_MAX))
  })

  it('are found without asking the platform again', () => {
    const windowFn = calendarWindows({ unit: 'day', zone: 'Europe/Berlin' })
    const at = (i: number): number => Date.UTC(2024, 0, 1) + ((i * 7919) % 300) * 24 * HOUR
    const first = Array.from({ length: 300 }, (_, i) => windowFn.assign(at(i)))
    expect(Array.from({ length: 300 }, (_, i) => windowFn.assign(at(i)))).toEqual(first)
    expect(windowFn.assign(at(7))).toBe(first[7])
  })

  it('are read as a side input at the end of the main window', () => {
    const days = calendarWindows({ unit: 'day' })
    const month = windowOf({ unit: 'month' }, '2024-02-10')
    expect(days.sideInputWindow(month).start).toBe(Date.UTC(2024, 1, 29))
  })
})

describe('dates', () => {
  it('are days and back', () => {
    fc.assert(
      fc.property(fc.integer({ min: -105_000_000, max: 105_000_000 }), (day) => {
        expect(dayOf(dateOf(day))).toBe(day)
      }),
    )
  })

  it('agree with Date, where Date goes', () => {
    fc.assert(
      fc.property(fc.integer({ min: -90_000_000, max: 90_000_000 }), (day) => {
        const date = new Date(day * 86_400_000)
        expect(dateOf(day)).toEqual({
          year: date.getUTCFullYear(),
          month: date.getUTCMonth() + 1,
          day: date.getUTCDate(),
        })
      }),
    )
  })

  it('know what is none', () => {
    expect(parsedDate('2023-02-29')).toBeUndefined()
    expect(parsedDate('2024-02-29')).toEqual({ year: 2024, month: 2, day: 29 })
    expect(daysIn(2000, 2)).toBe(29)
    expect(daysIn(2024, 12)).toBe(31)
  })
})

describe('refuses', () => {
  it.each([
    [{ unit: 'hour' }, /needs a unit, one of day, week, month, year, but got "hour"/],
    [{ unit: 'day', zone: 'Europe/Berlino' }, /needs the IANA name of a time zone.*"Europe\/Berlino"/],
    [{ unit: 'day', count: 0 }, /whole number from 1/],
    [{ unit: 'day', startsAt: '2024-01-01' }, /no option "startsAt".*startingAt/],
    [{ unit: 'day', firstDay: 'monday' }, /firstDay for weeks, not for days/],
    [{ unit: 'week', firstDay: 'freitag' }, /one of monday/],
    [{ unit: 'year', dayOfMonth: 1 }, /dayOfMonth for months/],
    [{ unit: 'month', dayOfMonth: 32 }, /from 1 to 31/],
    [{ unit: 'month', startingAt: '2024-02-30' }, /a day, such as/],
    [{ unit: 'month', startingAt: '2024-02-03', dayOfMonth: 4 }, /not day 4/],
    [{ unit: 'week', startingAt: '2024-05-16', firstDay: 'monday' }, /a thursday, not a monday/],
  ])('%j', (options, message) => {
    expect(() => calendarWindows(options as never)).toThrow(message)
  })
})
