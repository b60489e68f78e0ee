/**
 * Timers that an engine says are due. It hands over many at once; what a handler does to the others in the same bundle the engine hears
 * of only when the bundle is over, so it is seen to here.
 *
 * Law: timers of event time fire in the order of their times, then those of the clock, then expirations. One that was set anew or
 * cleared in the bundle does not fire as it was. One that is set in the bundle to a time that has come fires in the bundle. In which
 * order an engine has come by elements and timers of a bundle it does not say: by their times is an order in which it may have been.
 */
import type { TimerElement } from '../../../sdk/coders/index.js'
import { TIMESTAMP_MIN } from '../../../sdk/time.js'
import type { BoundedWindow } from '../../../sdk/windowing/window.js'
import type { StateRecord, TimerSetting } from '../../core/state-internals.js'
import { UNSET } from '../../core/state-internals.js'
import type { StageAtWork } from './stage-at-work.js'

/** A timer as an engine sends it when it is due. */
export type SentTimer = Extract<TimerElement<unknown, BoundedWindow>, { clearBit: false }>

/** Clocks by which timers wait, in the order in which they fire. */
const EVENT = 0
const PROCESSING = 1
const EXPIRATION = 2

interface Due {
  readonly order: number
  /** Number of the timer; -1 is that of the expiration of a window. */
  readonly timer: number
  readonly record: StateRecord
  readonly setting: TimerSetting
}

/** The timers that are due in a bundle, by step. */
export class DueTimers {
  readonly #expired = new Set<StateRecord>()
  readonly #due = new Map<StageAtWork, Due[]>()

  /** Takes a timer. @param timer its number, or -1 for the expiration of its window. */
  add(at: StageAtWork, timer: number, sent: SentTimer, window: BoundedWindow): void {
    const { kept, processor } = at
    if (kept === undefined) return
    const { userKey, holdTimestamp: outputTimestamp, dynamicTimerTag } = sent
    const spec = [...(processor.rootDoFn?.operator.payload.timerSpecs.values() ?? [])][timer]
    const tag = spec?.isFamily === true ? dynamicTimerTag : undefined
    const order = timer < 0 ? EXPIRATION : spec?.timeDomain === 'processingTime' ? PROCESSING : EVENT
    const fireTimestamp = sent.fireTimestamp + (order === PROCESSING ? kept.timers.lead : 0)
    const due = this.#due.get(at) ?? []
    this.#due.set(at, due)
    const record = kept.state.record(userKey, window)
    if (timer >= 0) kept.timers.delivered(record, timer, tag)
    else this.#expired.add(record)
    due.push({ order, timer, record, setting: { fireTimestamp, outputTimestamp, tag, holds: true } })
  }

  /** Whether the window of a key expires in this bundle. */
  expires(record: StateRecord): boolean {
    return this.#expired.has(record)
  }

  clear(): void {
    this.#due.clear()
    this.#expired.clear()
  }

  /** Fires them all. */
  async fire(): Promise<void> {
    for (const [at, due] of this.#due) await fireAll(at, due)
    this.#due.clear()
  }

  /** Fires what a step has of event time before a time: that of an element, which comes after it. */
  async fireBefore(at: StageAtWork, time: number): Promise<void> {
    const due = this.#due.get(at)
    if (due === undefined) return
    const isBefore = ({ order, setting }: Due): boolean => order === EVENT && setting.fireTimestamp < time
    if (!due.some(isBefore)) return
    this.#due.set(
      at,
      due.filter((each) => !isBefore(each)),
    )
    await fireAll(at, due.filter(isBefore))
  }
}

async function fireAll(at: StageAtWork, due: Due[]): Promise<void> {
  const { kept } = at
  if (kept === undefined) return
  due.sort((a, b) => a.order - b.order || a.setting.fireTimestamp - b.setting.fireTimestamp)
  // Where a window has expired, so has all that is set to a time before: it fires while the window still has its state.
  const reached = due.reduce(
    (until, { order, setting }) => (order === PROCESSING ? until : Math.max(until, setting.fireTimestamp)),
    TIMESTAMP_MIN,
  )
  for (;;) {
    const [next] = due
    const before = next?.order === EVENT ? next.setting.fireTimestamp - 1 : reached
    const own = kept.timers.takeSet(Math.min(before, reached))
    if (own !== undefined) {
      await fire(at, { order: EVENT, ...own })
      continue
    }
    if (next === undefined) return
    due.shift()
    if (next.timer < 0 || !kept.timers.isChanged(next.record, next.timer, next.setting.tag)) await fire(at, next)
  }
}

async function fire({ processor, kept }: StageAtWork, { timer, record, setting }: Due): Promise<void> {
  const doFn = processor.rootDoFn
  if (doFn === undefined || kept === undefined) return
  if (doFn.calls.isBusy) await doFn.settled()
  kept.timers.eventTime = setting.fireTimestamp
  if (timer < 0) {
    // Who has nothing has nothing to say in the end.
    if (record.isEmpty) return
    await (doFn.expire(record) as Promise<void> | undefined)
    record.cells.forEach((_, cell) => record.write(cell, UNSET))
  } else {
    record.setTimer(timer, setting.tag, undefined)
    await (doFn.fireTimer(record, timer, setting) as Promise<void> | undefined)
  }
  processor.runtime.throwIfFailed()
}
