import { describe, expect, it } from 'vitest'
import { dynamicCoder } from '../../sdk/coders/index.js'
import { TIMESTAMP_MAX } from '../../sdk/time.js'
import { IntervalWindow } from '../../sdk/windowing/window.js'
import { fixedWindows } from '../../sdk/windowing/window-fn.js'
import { globalStrategy, rewindow } from '../../sdk/windowing/windowing-strategy.js'
import type { DoFnRuntime } from './do-fn-runtime.js'
import { KeyedState } from './keyed-state.js'
import type { ParDoOperator } from './stage.js'
import type { StateRecord, TimerSetting } from './state-internals.js'

const window = new IntervalWindow(0, 10)

/** Keyed state of a step with one cell and two timers, and what its handlers were called for. */
function stateful({
  lateness = 0,
  onWindowExpiration = false,
  clocked = false,
  clock = { now: 0 },
  onFire = (_record: StateRecord) => undefined,
} = {}) {
  // prettier-ignore
  const payload = { stateSpecs: new Map([['n', {}]]), timerSpecs: new Map([['t', {}], ['u', { timeDomain: clocked ? 'processingTime' : 'eventTime' }]]), onWindowExpiration } // prettier-ignore
  const strategy = rewindow(globalStrategy, fixedWindows(10), { allowedLateness: lateness })
  const keyed = new KeyedState({ payload, strategy } as unknown as ParDoOperator, dynamicCoder, () => clock.now)
  const log: string[] = []
  const doFn = {
    fireTimer: (record: StateRecord, timer: number, { fireTimestamp }: TimerSetting) => {
      log.push(`${String(record.key)}${timer} at ${fireTimestamp}, held at ${keyed.hold}`)
      onFire(record)
    },
    expire: (record: StateRecord) => void log.push(`${String(record.key)} expires, held at ${keyed.hold}`),
    calls: { isBusy: false, isFull: false },
  } as unknown as DoFnRuntime
  /** Sets a timer as a handle does: what it was set to before is cleared. */
  const set = (record: StateRecord, timer: number, fireTimestamp: number, outputTimestamp = fireTimestamp): void => {
    clear(record, timer)
    const setting = { fireTimestamp, outputTimestamp, tag: undefined, holds: true }
    record.timers[timer] = setting
    keyed.set(record, timer, setting)
  }
  const clear = (record: StateRecord, timer: number): void => {
    const before = record.timerAt(timer, undefined)
    if (before !== undefined) keyed.clear(record, timer, before)
    record.timers[timer] = undefined
  }
  /** Advances the watermark and fires what is due. */
  const advance = async (watermark: number, budget = 1000): Promise<readonly string[]> => {
    keyed.inputWatermark = watermark
    log.length = 0
    await keyed.fire(doFn, budget)
    return [...log]
  }
  return { keyed, set, clear, advance, log }
}

describe('timers', () => {
  it('fire in the order of their times, past them and not at them', async () => {
    const { keyed, set, advance } = stateful()
    const a = keyed.state.record('a', window)
    const b = keyed.state.record('b', window)
    set(a, 0, 7)
    set(b, 0, 5)
    set(a, 1, 5)
    expect(await advance(5)).toEqual([])
    expect(keyed.isDue).toBe(false)
    expect(await advance(6)).toEqual(['b0 at 5, held at 5', 'a1 at 5, held at 7'])
    expect(await advance(8)).toEqual([`a0 at 7, held at ${TIMESTAMP_MAX}`])
    expect(await advance(9)).toEqual([])
  })

  it('that were set again or cleared do not fire at their old times, nor hold there', async () => {
    const { keyed, set, clear, advance } = stateful()
    const a = keyed.state.record('a', window)
    set(a, 0, 3)
    set(a, 0, 6)
    set(a, 1, 4)
    expect(keyed.hold).toBe(4)
    clear(a, 1)
    expect(keyed.hold).toBe(6)
    expect(await advance(6)).toEqual([])
    expect(await advance(7)).toEqual([`a0 at 6, held at ${TIMESTAMP_MAX}`])
  })

  it('set to the same time again fire once', async () => {
    const { keyed, set, advance } = stateful()
    const a = keyed.state.record('a', window)
    for (let i = 0; i < 3; i++) set(a, 0, 5, i)
    expect(keyed.hold).toBe(2)
    expect(await advance(9)).toEqual([`a0 at 5, held at ${TIMESTAMP_MAX}`])
  })

  it('set again and again, or set and cleared, leave few entries behind, and fire when they should', async () => {
    const { keyed, set, clear, advance } = stateful()
    const record = keyed.state.record('a', window)
    set(record, 1, 7)
    for (let i = 0; i < 10_000; i++) {
      set(record, 0, 5 + (i % 3))
      if (i % 2 === 0) clear(record, 0)
    }
    set(record, 0, 6)
    expect(keyed.waiting).toBeLessThan(300)
    expect(await advance(9)).toEqual(['a0 at 6, held at 7', expect.stringMatching(/^a1 at 7, held at /)])
  })

  it('hold the watermark at their output timestamps until they have fired', async () => {
    const { keyed, set, advance } = stateful()
    const a = keyed.state.record('a', window)
    set(a, 0, 8, 2)
    set(a, 1, 6, 4)
    expect(keyed.hold).toBe(2)
    await advance(7)
    expect(keyed.hold).toBe(2)
    await advance(9)
    expect(keyed.hold).toBe(TIMESTAMP_MAX)
  })

  it('that a handler sets fire in the same go, if they are due', async () => {
    const again = stateful({
      onFire: (record) => {
        if (record.key === 'a' && again.log.length < 3) again.set(record, 0, again.log.length * 2)
      },
    })
    again.set(again.keyed.state.record('a', window), 0, 1)
    again.set(again.keyed.state.record('b', window), 0, 3)
    expect(await again.advance(9)).toEqual([
      'a0 at 1, held at 3',
      'a0 at 2, held at 3',
      'b0 at 3, held at 4',
      `a0 at 4, held at ${TIMESTAMP_MAX}`,
    ])
  })

  it('beyond the budget stay due', async () => {
    const { keyed, set, advance } = stateful()
    for (const [i, key] of ['a', 'b', 'c'].entries()) set(keyed.state.record(key, window), 0, i)
    expect(await advance(9, 2)).toHaveLength(2)
    expect(keyed.isDue).toBe(true)
    expect(await advance(9, 2)).toHaveLength(1)
    expect(keyed.isDue).toBe(false)
  })
})

describe('timers of the clock', () => {
  it('fire when it has come so far, not before, and hold until then', async () => {
    const clock = { now: 100 }
    const { keyed, set, advance } = stateful({ clocked: true, clock })
    const a = keyed.state.record('a', window)
    set(a, 1, 150, 3)
    expect([keyed.nextProcessingTime, keyed.hold, keyed.isDue]).toEqual([150, 3, false])
    clock.now = 149
    expect(await advance(5)).toEqual([])
    clock.now = 150
    expect(keyed.isDue).toBe(true)
    expect(await advance(5)).toEqual([`a1 at 150, held at ${TIMESTAMP_MAX}`])
    expect([keyed.nextProcessingTime, keyed.isDue]).toEqual([TIMESTAMP_MAX, false])
  })

  it('that were set again or cleared are waited for no longer', async () => {
    const { keyed, set, clear, advance } = stateful({ clocked: true })
    const a = keyed.state.record('a', window)
    for (let i = 1; i < 1000; i++) set(a, 1, i)
    expect(keyed.nextProcessingTime).toBe(999)
    expect(keyed.waiting).toBeLessThan(300)
    clear(a, 1)
    expect([keyed.nextProcessingTime, keyed.hold]).toEqual([TIMESTAMP_MAX, TIMESTAMP_MAX])
    expect(await advance(10)).toEqual([])
  })

  it('go with their window when it expires before they are due, and so do their holds', async () => {
    const { keyed, set, advance } = stateful({ clocked: true, onWindowExpiration: true })
    const a = keyed.state.record('a', window)
    a.write(0, 'kept')
    set(a, 1, 150, 3)
    expect(await advance(10)).toEqual(['a expires, held at 9'])
    expect([keyed.hold, keyed.nextProcessingTime, keyed.state.size]).toEqual([TIMESTAMP_MAX, TIMESTAMP_MAX, 0])
  })

  it('fire at once when the input has ended, after timers of event time and once each', async () => {
    const again = stateful({
      clocked: true,
      onFire: (record) => void again.set(record, 1, again.keyed.processingTime + 10),
    })
    const a = again.keyed.state.record('a', window)
    again.set(a, 0, 4)
    expect(await again.advance(TIMESTAMP_MAX)).toEqual([
      `a0 at 4, held at ${TIMESTAMP_MAX}`,
      `a1 at 10, held at ${TIMESTAMP_MAX}`,
    ])
    expect([again.keyed.isDue, again.keyed.hold, again.keyed.processingTime]).toEqual([false, TIMESTAMP_MAX, 20])
  })
})

describe('the end of a window', () => {
  it('comes after its timers, also those of the same time, and removes its state', async () => {
    const { keyed, set, advance } = stateful({ onWindowExpiration: true })
    const a = keyed.state.record('a', window)
    keyed.state.record('b', window)
    set(a, 0, 9)
    expect(await advance(9)).toEqual([])
    expect(keyed.state.size).toBe(2)
    expect(await advance(10)).toEqual(['a0 at 9, held at 9', 'a expires, held at 9', 'b expires, held at 9'])
    expect([keyed.state.size, keyed.hold, keyed.isDue]).toEqual([0, TIMESTAMP_MAX, false])
  })

  it('waits for the lateness, and until then holds where its last words will have their timestamp', async () => {
    const { keyed, advance } = stateful({ onWindowExpiration: true, lateness: 5 })
    keyed.state.record('a', window)
    expect(await advance(14)).toEqual([])
    expect(keyed.hold).toBe(9)
    expect(await advance(15)).toEqual(['a expires, held at 9'])
    expect(keyed.hold).toBe(TIMESTAMP_MAX)
  })

  it('holds nothing where no one has last words', async () => {
    const { keyed, advance } = stateful()
    keyed.state.record('a', window)
    expect(keyed.hold).toBe(TIMESTAMP_MAX)
    expect(await advance(10)).toEqual([])
    expect(keyed.state.size).toBe(0)
  })

  it('is scheduled once per window, and again for one that comes back', async () => {
    const { keyed, advance } = stateful({ onWindowExpiration: true })
    const other = new IntervalWindow(10, 20)
    keyed.state.record('a', window)
    keyed.state.record('b', window)
    keyed.state.record('a', other)
    expect(await advance(10)).toEqual(['a expires, held at 9', 'b expires, held at 9'])
    expect(keyed.hold).toBe(19)
    expect(await advance(20)).toEqual(['a expires, held at 19'])
  })
})
