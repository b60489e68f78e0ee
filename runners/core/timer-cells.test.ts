import { describe, expect, it } from 'vitest'
import { timer } from '../../sdk/state/timer-spec.js'
import type { Duration, Instant } from '../../sdk/time.js'
import { IntervalWindow } from '../../sdk/windowing/window.js'
import { StateRecord, type TimerSetting } from './state-internals.js'
import type { StepContext } from './step-context.js'
import { timerCells } from './timer-cells.js'

interface Handle {
  set(at: Instant, options?: { readonly outputTimestamp?: Instant }): void
  setRelative(delay: Duration, options?: { readonly outputTimestamp?: Instant }): void
  clear(): void
}

const text = ({ fireTimestamp, outputTimestamp }: TimerSetting): string => `${fireTimestamp}@${outputTimestamp}`

/** Handles of a call for an element at 5 in [0, 10), with a lateness of 3: the window expires at 12. */
function call({ watermark = 0, allowedSkewMillis = 0, canSetTimers = true } = {}) {
  const window = new IntervalWindow(0, 10)
  const record = new StateRecord('key', window, 0, 2)
  const log: string[] = []
  const timers = timerCells(
    { a: timer.eventTime(), b: timer.eventTime() },
    {
      inputWatermark: watermark,
      eventTime: watermark,
      processingTime: 0,
      set: (_record, timer, setting) => log.push(`set ${timer} ${text(setting)}`),
      clear: (_record, timer, setting) => log.push(`clear ${timer} ${text(setting)}`),
    },
    { timestamp: 5, window, canSetTimers } as StepContext,
    () => record,
    { allowedLatenessMillis: 3, allowedSkewMillis },
  ) as { readonly a: Handle; readonly b: Handle }
  return { ...timers, record, log }
}

describe('a timer', () => {
  it.each<[string, (timer: Handle) => void, string]>([
    ['at an instant', (a) => a.set(7), '7@7'],
    ['at a date', (a) => a.set(new Date(7)), '7@7'],
    ['at the expiry of its window', (a) => a.set(12), '12@12'],
    ['in the past', (a) => a.set(-50), '-50@-50'],
    ['with an output timestamp', (a) => a.set(9, { outputTimestamp: 5 }), '9@5'],
    ['with its own time as output timestamp', (a) => a.set(9, { outputTimestamp: 9 }), '9@9'],
    ['after a delay, counted from the watermark', (a) => a.setRelative(4), '6@6'],
    ['after a delay as text', (a) => a.setRelative('5 millis'), '7@7'],
    ['after a delay that ends with the window', (a) => a.setRelative(10), '12@12'],
    ['after a delay that the window does not live to see the end of', (a) => a.setRelative('1 day'), '12@12'],
  ])('may be set %s', (_, set, expected) => {
    const { a, log, record } = call({ watermark: 2 })
    set(a)
    expect(log).toEqual([`set 0 ${expected}`])
    expect([0, 1].map((n) => record.timerAt(n, undefined)).map((setting) => setting && text(setting))).toEqual([
      expected,
      undefined,
    ])
  })

  it.each<[string, (timer: Handle) => void, RegExp]>([
    ['after the expiry', (a) => a.set(13), /timer "a" is set to .*013Z, after the expiration of .* at .*012Z/],
    ['at no time', (a) => a.set(Number.NaN), /NaN is not a timestamp/],
    ['to speak after its own time', (a) => a.set(7, { outputTimestamp: 8 }), /output timestamp .*, after its own time/],
    ['to speak before the element', (a) => a.set(7, { outputTimestamp: 4 }), /before the element's .* \(0 ms\)/],
    ['after no delay', (a) => a.setRelative('soon' as never), /delay of timer "a" "soon" is not a duration/],
    ['after less than no delay', (a) => a.setRelative(-1), /delay of timer "a" must be a finite, non-negative/],
  ])('may not be set %s, and then nothing has changed', (_, set, message) => {
    const { a, log, record } = call()
    expect(() => set(a)).toThrow(message)
    expect([log, record.timers]).toEqual([[], [undefined, undefined]])
  })

  it('may speak before the element as far as the step allows', () => {
    const { a, log } = call({ allowedSkewMillis: 2 })
    a.set(7, { outputTimestamp: 3 })
    expect(() => a.set(7, { outputTimestamp: 2 })).toThrow(/by more than allowedSkew \(2 ms\)/)
    expect(log).toEqual(['set 0 7@3'])
  })

  it('may not be set or cleared when the window has no time left', () => {
    const { a, log } = call({ canSetTimers: false })
    for (const change of [() => a.set(7), () => a.setRelative(1), () => a.clear()]) {
      expect(change).toThrow(/a timer cannot be set in onWindowExpiration/)
    }
    expect(log).toEqual([])
  })
})

describe('what a timer was set to before', () => {
  it('goes when it is set again or cleared; other timers stay', () => {
    const { a, b, log, record } = call()
    a.set(7)
    b.set(7)
    a.set(8)
    a.clear()
    a.clear()
    expect(log).toEqual(['set 0 7@7', 'set 1 7@7', 'clear 0 7@7', 'set 0 8@8', 'clear 0 8@8'])
    expect([0, 1].map((n) => record.timerAt(n, undefined)).map((setting) => setting && text(setting))).toEqual([
      undefined,
      '7@7',
    ])
    // Only what was cleared can have left nothing behind.
    expect(record.mayBeEmpty).toBe(true)
  })

  it('comes back when the call fails', () => {
    const { a, b, log, record } = call()
    a.set(7)
    record.beginCall()
    a.set(8)
    a.clear()
    b.set(9)
    log.length = 0
    record.rollBack()
    expect(log).toEqual(['clear 1 9@9', 'set 0 8@8', 'clear 0 8@8', 'set 0 7@7'])
    expect([0, 1].map((n) => record.timerAt(n, undefined)).map((setting) => setting && text(setting))).toEqual([
      '7@7',
      undefined,
    ])
  })
})
