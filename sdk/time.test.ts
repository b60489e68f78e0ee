import * as EffectDuration from 'effect/Duration'
import { describe, expect, it } from 'vitest'
import { textMillis } from './duration-text.js'
import { PipelineError } from './errors.js'
import { type Pipeline, pipeline } from './pipeline.js'
import {
  addMillis,
  clampTimestamp,
  type Duration,
  durationMillis,
  END_OF_GLOBAL_WINDOW,
  formatMillis,
  formatTimestamp,
  type Instant,
  TIMESTAMP_MAX,
  TIMESTAMP_MIN,
  toTimestamp,
} from './time.js'
import { fixedWindows } from './windowing/window-fn.js'

/** What no compiler would let through. */
const soon = 'soon' as Duration

describe('a timestamp', () => {
  it.each<[string, Instant, number]>([
    ['milliseconds', 1500, 1500],
    ['milliseconds before 1970', -1500, -1500],
    ['the first there is', TIMESTAMP_MIN, TIMESTAMP_MIN],
    ['the last there is', TIMESTAMP_MAX, TIMESTAMP_MAX],
    ['a date', new Date(1500), 1500],
    ['a date before 1970', new Date(-1), -1],
    ['ISO text', '1970-01-01T00:00:01.5Z', 1500],
    ['ISO text with an offset', '1970-01-01T01:00:00+01:00', 0],
    ['a day, which begins in UTC', '1970-01-02', 86_400_000],
    ['a year of six digits', '+012026-01-01T00:00:00Z', Date.UTC(12026, 0, 1)],
    ['something like a Temporal instant', { epochMilliseconds: -7 }, -7],
  ])('may be given as %s', (_, instant, expected) => {
    expect(toTimestamp(instant)).toBe(expected)
  })

  it.each<[string, unknown, RegExp]>([
    ['no number', Number.NaN, /^NaN is not a timestamp: it is no valid date$/],
    ['half a millisecond', 1.5, /^1\.5 is not a timestamp: milliseconds must be whole numbers$/],
    ['endless time', Number.POSITIVE_INFINITY, /^Infinity is not a timestamp: it is outside ±\(2\^53 − 1\)/],
    ['time before all', Number.NEGATIVE_INFINITY, /^-Infinity is not a timestamp: it is outside/],
    ['one after the last', TIMESTAMP_MAX + 1, /^9007199254740992 is not a timestamp: it is outside/],
    ['one before the first', TIMESTAMP_MIN - 1, /^-9007199254740992 is not a timestamp: it is outside/],
    ['a date that is none', new Date(Number.NaN), /^Invalid Date is not a timestamp: it is no valid date$/],
    ['text that is no date', 'soon', /^"soon" is not a timestamp: it is no valid date$/],
    ['no text', '', /^"" is not a timestamp: it is no valid date$/],
    ['a date out of the calendar', '2026-13-01T00:00:00Z', /is not a timestamp: it is no valid date$/],
    ['half a Temporal instant', { epochMilliseconds: 0.5 }, /^0\.5 is not a timestamp: milliseconds must be whole/],
    ['a Temporal instant of nanoseconds', { epochMilliseconds: 5n }, /give milliseconds, a Date or an ISO string$/],
    ['text with a number in it', 'order 7', /^"order 7" is not a timestamp: it is no valid date$/],
    ['a lone number as text', '1', /^"1" is not a timestamp: it is no valid date$/],
    ['a date as people write it', 'March 7, 2001', /it is no valid date$/],
    ['a time without a zone', '2001-01-01T00:00:00', /it does not say in which time zone it is\. Add Z, or an offset/],
    ['an object of nothing', Object.create(null), /give milliseconds/],
    ['a bigint', 5n, /^5n is not a timestamp: give milliseconds/],
    ['nothing', undefined, /^undefined is not a timestamp: give milliseconds/],
    ['null', null, /^null is not a timestamp: give milliseconds/],
    ['some object', {}, /is not a timestamp: give milliseconds/],
  ])('is not %s', (_, instant, message) => {
    expect(() => toTimestamp(instant as Instant)).toThrow(RangeError)
    expect(() => toTimestamp(instant as Instant)).toThrow(message)
  })

  it.each([
    [TIMESTAMP_MIN, '-∞'],
    [TIMESTAMP_MAX, '+∞'],
    [END_OF_GLOBAL_WINDOW, 'end of the global window'],
    [0, '1970-01-01T00:00:00.000Z'],
    [8.64e15, '+275760-09-13T00:00:00.000Z'],
    [-8.64e15, '-271821-04-20T00:00:00.000Z'],
    [8.64e15 + 1, '8640000000000001 ms'],
    [-8.64e15 - 1, '-8640000000000001 ms'],
  ])('%d is written as %s', (timestamp, text) => {
    expect(formatTimestamp(timestamp)).toBe(text)
  })
})

it.each([
  ['2001-01-02', '2001-01-02T00:00:00.000Z'],
  ['2001-01-02T03:04Z', '2001-01-02T03:04:00.000Z'],
  ['2001-01-02T03:04:05.678Z', '2001-01-02T03:04:05.678Z'],
  ['2001-01-02T03:04:05,678901z', '2001-01-02T03:04:05.678Z'],
  ['2001-01-02 03:04:05+00', '2001-01-02T03:04:05.000Z'],
  ['2001-01-02t03:04:05-0130', '2001-01-02T04:34:05.000Z'],
  [' 2001-01-02T03:04:05+01:30 ', '2001-01-02T01:34:05.000Z'],
  ['+012001-01-02T00:00:00Z', '+012001-01-02T00:00:00.000Z'],
])('the text "%s" is the instant %s', (text, iso) => {
  expect(new Date(toTimestamp(text)).toISOString()).toBe(iso)
})

it.each([
  [0, '0 ms'],
  [250, '250 ms'],
  [3_600_000, '1 h'],
  [5_400_000, '1 h 30 min'],
  [604_800_000, '7 d'],
  [61_001, '1 min 1 s 1 ms'],
])('%d ms are written as %s', (millis, text) => {
  expect(formatMillis(millis)).toBe(text)
})

it('zero is one zero', () => {
  expect([toTimestamp(-0), durationMillis(-0)]).toEqual([0, 0])
})

it.each([[{}], [new Date(5)], [{ secnods: 5 }], [{ seconds: 5, more: 1 }]])('%j is no duration', (duration) => {
  expect(() => durationMillis(duration as never)).toThrow(/is not a duration/)
})

describe('arithmetic', () => {
  it.each([
    [5, 3, 8],
    [5, -8, -3],
    [TIMESTAMP_MAX - 5, 5, TIMESTAMP_MAX],
    [TIMESTAMP_MAX - 5, 6, TIMESTAMP_MAX],
    [TIMESTAMP_MIN + 5, -6, TIMESTAMP_MIN],
    [0, TIMESTAMP_MAX, TIMESTAMP_MAX],
    [TIMESTAMP_MAX - 1, TIMESTAMP_MAX, TIMESTAMP_MAX],
    // The ends of time are no points that one could be so far from.
    [TIMESTAMP_MAX, -1000, TIMESTAMP_MAX],
    [TIMESTAMP_MIN, 1000, TIMESTAMP_MIN],
  ])('%d + %d = %d', (timestamp, millis, sum) => {
    expect(addMillis(timestamp, millis)).toBe(sum)
  })

  it.each([
    [0, 0],
    [TIMESTAMP_MAX, TIMESTAMP_MAX],
    [TIMESTAMP_MAX + 1, TIMESTAMP_MAX],
    [Number.POSITIVE_INFINITY, TIMESTAMP_MAX],
    [TIMESTAMP_MIN, TIMESTAMP_MIN],
    [TIMESTAMP_MIN - 1, TIMESTAMP_MIN],
    [Number.NEGATIVE_INFINITY, TIMESTAMP_MIN],
  ])('the nearest legal timestamp to %d is %d', (millis, nearest) => {
    expect(clampTimestamp(millis)).toBe(nearest)
  })

  it('leaves a day between the end of the global window and the end of time', () => {
    expect(addMillis(END_OF_GLOBAL_WINDOW, 86_400_000)).toBe(TIMESTAMP_MAX)
    expect(addMillis(END_OF_GLOBAL_WINDOW, 86_399_999)).toBe(TIMESTAMP_MAX - 1)
  })
})

describe('a duration', () => {
  it.each<[Duration, number]>([
    [0, 0],
    [1500, 1500],
    [1.9, 1],
    ['90 seconds', 90_000],
    ['1 hour', 3_600_000],
    ['1.5 seconds', 1500],
    ['7 days', 604_800_000],
    ['250ms', 250],
    ['250 ms', 250],
    ['30s', 30_000],
    ['1.5 s', 1500],
    ['1.001s', 1001],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['2d', 172_800_000],
    [{ hours: 1, minutes: 30 }, 5_400_000],
    ['1 nano', 0],
    [1_500_000n, 1],
    [[1, 500_000_000], 1500],
    [1e300, TIMESTAMP_MAX],
  ])('%s is %d ms', (duration, millis) => {
    expect(durationMillis(duration)).toBe(millis)
  })

  it.each<[unknown, RegExp]>([
    ['soon', /^delay "soon" is not a duration\. Write it as '10 seconds', '1 hour', '30s' or milliseconds\.\n/],
    ['5 fortnights', /^delay "5 fortnights" is not a duration/],
    ['1h 30m', /^delay "1h 30m" is not a duration/],
    ['1 H', /^delay "1 H" is not a duration/],
    ['s', /^delay "s" is not a duration/],
    ['', /^delay "" is not a duration/],
    ['10', /^delay "10" is not a duration/],
    [null, /^delay null is not a duration/],
    [undefined, /^delay undefined is not a duration/],
    [true, /^delay true is not a duration/],
    [-1, /^delay must be a finite, non-negative duration, but is -1\.\n/],
    ['-5 seconds', /^delay must be a finite, non-negative duration, but is "-5 seconds"\.\n/],
    ['-5s', /^delay must be a finite, non-negative duration, but is "-5s"\.\n/],
    [-5n, /^delay must be a finite, non-negative duration/],
    [Number.NaN, /^delay must be a finite, non-negative duration, but is NaN\.\n/],
    [Number.POSITIVE_INFINITY, /^delay must be a finite, non-negative duration, but is Infinity\.\n/],
    ['Infinity', /^delay must be a finite, non-negative duration, but is "Infinity"\.\n/],
  ])('is not %s', (duration, message) => {
    expect(() => durationMillis(duration as Duration, 'delay')).toThrow(message)
  })

  it.each<[string, (p: Pipeline) => unknown, string | undefined]>([
    ['windowInto', (p) => p.create('n', [1]).windowInto('w', fixedWindows(1), { allowedLateness: soon }), 'w'],
    ['withTimestamps', (p) => p.create('n', [1]).withTimestamps('t', (n) => n, { allowedSkew: soon }), 't'],
    ['retry', (p) => p.create('n', [1]).map('m', (n) => n, { retry: { attempts: 2, backoff: soon } }), 'm'],
    ['in a scope', (p) => p.apply('s', (q) => q.create('n', [1]).windowInto('w', fixedWindows(1), { allowedLateness: soon })), 's/w'], // prettier-ignore
    ['a window, which is made before its step', () => fixedWindows(soon), undefined],
    ['a window of no length', () => fixedWindows(0), undefined],
  ])('that is wrong is refused with its step and the author’s line: %s', (_, build, step) => {
    let error: unknown
    try {
      build(pipeline())
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(PipelineError)
    const { message, source } = error as PipelineError
    expect((error as PipelineError).step).toBe(step)
    expect(source?.file).toMatch(/time\.test\.ts$/)
    expect(message).toMatch(/\n {2}at .*time\.test\.ts:\d+:\d+$/)
    if (step !== undefined) expect(message).toContain(`of step "${step}" "soon" is not a duration`)
  })

  it.each(
    ['nano', 'micro', 'milli', 'second', 'minute', 'hour', 'day', 'week'].flatMap((unit) => [
      `1 ${unit}`,
      `0.3 ${unit}s`,
      `12345678.901  ${unit}s`,
    ]),
  )('as text means what Effect means by it: %s', (text) => {
    const effect = EffectDuration.toMillis(EffectDuration.fromInputUnsafe(text as EffectDuration.Input))
    expect(textMillis(text)).toBe(effect)
  })
})
