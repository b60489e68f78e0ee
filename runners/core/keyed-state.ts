/**
 * State and timers of one stateful step, together: what is kept per key and window, when its timers are due, how far they
 * hold the watermark, and its end when the window expires. Where a step wants its input sorted by time, elements wait here
 * too.
 *
 * Law: event-time timers fire in the order of their times, those a handler sets included, and so do processing-time
 * timers; a window's state is removed after all its event-time timers; the hold of a timer lasts until it has fired, was
 * cleared or dropped.
 */
import type { Coder } from '../../sdk/coders/index.js'
import { addMillis, TIMESTAMP_MAX, TIMESTAMP_MIN } from '../../sdk/time.js'
import { invariant } from '../../sdk/invariant.js'
import { expiryOf } from '../../sdk/windowing/expiry.js'
import type { PaneInfo } from '../../sdk/windowing/pane-info.js'
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import type { DoFnRuntime } from './do-fn-runtime.js'
import { KeyedStateKeeper } from './keyed-state-keeper.js'
import type { ChangeSink, Keeper, KeptEntry } from './kept-state.js'
import type { ParDoOperator } from './stage.js'
import { StateInternals, type StateRecord, type TimerSetting } from './state-internals.js'
import type { TimerInternals } from './timer-cells.js'
import { type TimerEntry, TimerQueue } from './timer-internals.js'
import { WatermarkHold } from './watermark-hold.js'

interface TimerPayload {
  readonly kind: 'timer'
  readonly record: StateRecord
  readonly timer: number
  readonly setting: TimerSetting
}

/** An element that waits for its turn by time. */
export interface ElementPayload {
  readonly kind: 'element'
  readonly value: unknown
  readonly timestamp: number
  readonly window: BoundedWindow
  readonly pane: PaneInfo
}

/** What waits for its time. */
export type StatePayload = TimerPayload | ElementPayload | { readonly kind: 'expiry'; readonly window: BoundedWindow }

/** What is kept, as those who look at a run see it. */
export interface KeptState {
  /** Event-time timers, elements and ends of windows, in no particular order; those that are void are not among them. */
  readonly entries: readonly TimerEntry<StatePayload>[]
  /** Processing-time timers. */
  readonly clocked: readonly TimerEntry<StatePayload>[]
  readonly timers: number
  readonly sorting: number
  readonly holdsForExpiration: boolean
  /** Where it holds the watermark. */
  readonly hold: number
}

/** At the same time elements come before timers, and timers before the window ends. */
const ELEMENT_RANK = -1
const EXPIRY_RANK = 1

/** Void entries that may wait beyond as many as there are others. */
const SPARE = 64

function isSet({ record, timer, setting }: TimerPayload): boolean {
  return record.timerAt(timer, setting.tag) === setting
}

/** State and timers of a step. */
export class KeyedState implements TimerInternals, Keeper {
  readonly state: StateInternals
  inputWatermark: number = TIMESTAMP_MIN
  readonly #clock: () => number
  readonly #latenessMillis: number
  readonly #isProcessingTime: readonly boolean[]
  readonly #queue = new TimerQueue<StatePayload>()
  /** Processing-time timers. */
  readonly #clocked = new TimerQueue<TimerPayload>()
  readonly #holds = new WatermarkHold()
  readonly #holdsForExpiration: boolean
  /** Entries in the queues whose timer was set again or cleared. */
  #voidCount = 0
  /** Timers that are set. */
  #timerCount = 0
  /** Elements that wait to be sorted. */
  #elementCount = 0
  /** The time of the event-time timer or sorted element at hand. */
  #firingTime: number | undefined
  /** How far the clock has been moved on when the input had ended. */
  #clockAfterEnd: number = TIMESTAMP_MIN
  /** Processing-time timers that have fired since the input ended: none does twice, so loops come to an end. */
  readonly #firedAfterEnd = new Map<StateRecord, Set<string>>()
  readonly #makeKeeper: () => KeyedStateKeeper
  /** Where what is kept is stored too. */
  #keeper: KeyedStateKeeper | undefined

  /**
   * @param clock - processing time.
   * @param coder - finds the coders of state cells and elements, by id; only where what is kept is stored.
   */
  constructor(
    operator: ParDoOperator,
    keyCoder: Coder<unknown>,
    clock: () => number = () => TIMESTAMP_MIN,
    coder?: (id: string) => Coder<unknown>,
  ) {
    const { payload, strategy } = operator
    this.#makeKeeper = () => {
      invariant(coder !== undefined, 'state that is stored has coders')
      return new KeyedStateKeeper(operator, keyCoder, coder, this.state, this.#firedAfterEnd)
    }
    this.#clock = clock
    this.#latenessMillis = strategy.allowedLatenessMillis
    this.#isProcessingTime = [...payload.timerSpecs.values()].map(({ timeDomain }) => timeDomain === 'processingTime')
    this.#holdsForExpiration = payload.onWindowExpiration
    this.state = new StateInternals(keyCoder, payload.stateSpecs.size, payload.timerSpecs.size, (window) => {
      const place = this.#awaitExpiry(window)
      this.#keeper?.windowCame(window, place)
    })
  }

  #awaitExpiry(window: BoundedWindow, place?: number): number {
    // What onWindowExpiration emits has the window's last timestamp and must not be late.
    if (this.#holdsForExpiration) this.#holds.add(window.maxTimestamp)
    return this.#queue.add(expiryOf(window, this.#latenessMillis), { kind: 'expiry', window }, EXPIRY_RANK, place)
  }

  track(): void {
    this.#keeper = this.#makeKeeper()
  }

  changes(sink: ChangeSink): void {
    this.#keeper?.changes(sink, { inputWatermark: this.inputWatermark, clockAfterEnd: this.#clockAfterEnd })
  }

  restore(entries: Iterable<KeptEntry>): void {
    const kept = this.#keeper?.restore(entries)
    if (kept === undefined) return
    if (kept.times !== undefined) {
      this.inputWatermark = kept.times.inputWatermark
      this.#clockAfterEnd = kept.times.clockAfterEnd
    }
    for (const { window, place } of kept.windows) this.#awaitExpiry(window, place)
    for (const { payload, place } of kept.elements) this.#await(payload, place)
    for (const record of kept.records)
      for (const [timer, setting] of record.settings()) this.set(record, timer, setting)
  }

  /** The smallest timestamp that a waiting timer or element will emit at. */
  get hold(): number {
    return this.#holds.min
  }

  /** Number of entries that wait for their time, void ones included. */
  get waiting(): number {
    return this.#queue.size + this.#clocked.size
  }

  /** Whether something is due. */
  get isDue(): boolean {
    const head = this.#head()
    return (head !== undefined && head.timestamp < this.inputWatermark) || this.nextProcessingTime <= this.#clock()
  }

  /** What comes next by event time; timers that were set again or cleared are skipped, as if they had never been set. */
  #head(): TimerEntry<StatePayload> | undefined {
    for (;;) {
      const head = this.#queue.peek()
      if (head === undefined || head.payload.kind !== 'timer' || isSet(head.payload)) return head
      this.#queue.takeDue(Number.POSITIVE_INFINITY)
      this.#voidCount--
    }
  }

  /** When the next processing-time timer fires; the end of time when there is none. */
  get nextProcessingTime(): number {
    for (;;) {
      const head = this.#clocked.peek()
      if (head === undefined) return TIMESTAMP_MAX
      if (isSet(head.payload)) return head.timestamp
      this.#clocked.takeDue(Number.POSITIVE_INFINITY)
      this.#voidCount--
    }
  }

  /** What is kept, for those who look at the run. */
  kept(): KeptState {
    const isWaiting = ({ payload }: TimerEntry<StatePayload>): boolean => payload.kind !== 'timer' || isSet(payload)
    return {
      entries: this.#queue.entries().filter(isWaiting),
      clocked: this.#clocked.entries().filter(isWaiting),
      timers: this.#timerCount,
      sorting: this.#elementCount,
      holdsForExpiration: this.#holdsForExpiration,
      hold: this.hold,
    }
  }

  get eventTime(): number {
    return this.#firingTime ?? this.inputWatermark
  }

  get processingTime(): number {
    return Math.max(this.#clock(), this.#clockAfterEnd)
  }

  set(record: StateRecord, timer: number, setting: TimerSetting): void {
    const payload: TimerPayload = { kind: 'timer', record, timer, setting }
    setting.sequence =
      this.#isProcessingTime[timer] === true
        ? this.#clocked.add(setting.fireTimestamp, payload, 0, setting.sequence)
        : this.#queue.add(setting.fireTimestamp, payload, 0, setting.sequence)
    if (setting.holds) this.#holds.add(setting.outputTimestamp)
    this.#timerCount++
  }

  clear(_record: StateRecord, _timer: number, setting: TimerSetting): void {
    this.#timerCount--
    if (setting.holds) this.#holds.remove(setting.outputTimestamp)
    // A timer that is set again and again, such as a timeout, must not leave an entry each time.
    if (++this.#voidCount <= SPARE + this.waiting / 2) return
    this.#voidCount = 0
    this.#queue.retain((payload) => payload.kind !== 'timer' || isSet(payload))
    this.#clocked.retain(isSet)
  }

  /**
   * Lets an element wait until the watermark has passed it by the allowed lateness; then all earlier ones are there.
   *
   * @returns `false` when the watermark has passed it so far already.
   */
  keep(value: unknown, timestamp: number, window: BoundedWindow, pane: PaneInfo): boolean {
    if (this.#dueOf(timestamp, window) < this.inputWatermark) return false
    const payload: ElementPayload = { kind: 'element', value, timestamp, window, pane }
    const place = this.#await(payload)
    this.#keeper?.elementCame(payload, place)
    return true
  }

  #await(payload: ElementPayload, place?: number): number {
    const { timestamp, window } = payload
    this.#elementCount++
    this.#holds.add(timestamp)
    return this.#queue.add(this.#dueOf(timestamp, window), payload, ELEMENT_RANK, place)
  }

  #dueOf(timestamp: number, window: BoundedWindow): number {
    return Math.min(addMillis(timestamp, this.#latenessMillis), expiryOf(window, this.#latenessMillis))
  }

  /**
   * Fires what is due, up to `budget` handlers and elements.
   *
   * @returns whether more is due.
   */
  async fire(doFn: DoFnRuntime, budget: number): Promise<boolean> {
    // One instant for all: a handler that takes its time does not make later timers due.
    const now = this.#clock()
    try {
      for (let left = budget; left > 0; left--) {
        const entry = this.#takeDue(now)
        if (entry === undefined) return false
        const { payload } = entry
        if (payload.kind === 'element') {
          this.#firingTime = entry.timestamp
          this.#elementCount--
          this.#holds.remove(payload.timestamp)
          this.#keeper?.elementWent(payload)
          doFn.pushInWindow(payload.value, payload.timestamp, payload.window, payload.pane, true)
          if (doFn.calls.isFull) await doFn.settled()
          continue
        }
        // Handlers see what the elements before them have done.
        if (doFn.calls.isBusy) await doFn.settled()
        if (payload.kind === 'expiry') await this.#expire(doFn, payload.window)
        else await this.#fireTimer(doFn, payload)
      }
    } finally {
      this.#firingTime = undefined
    }
    return this.isDue
  }

  /** Processing-time timers come first: a window that ends in the same turn would drop them. */
  #takeDue(now: number): TimerEntry<StatePayload> | undefined {
    const next = this.nextProcessingTime
    if (next <= now) return this.#clocked.takeDue(Number.POSITIVE_INFINITY)
    const head = this.#head()
    const hasEnded = this.inputWatermark === TIMESTAMP_MAX
    if (hasEnded && next !== TIMESTAMP_MAX && (head === undefined || head.payload.kind === 'expiry')) {
      // Nothing will come any more, so nobody needs to wait: the clock moves on to the next timer.
      this.#clockAfterEnd = Math.max(this.#clockAfterEnd, next)
      return this.#clocked.takeDue(Number.POSITIVE_INFINITY)
    }
    return this.#queue.takeDue(this.inputWatermark)
  }

  #fireTimer(doFn: DoFnRuntime, payload: TimerPayload): unknown {
    const { record, timer, setting } = payload
    this.#forget(payload)
    const isClocked = this.#isProcessingTime[timer] === true
    if (isClocked && this.inputWatermark === TIMESTAMP_MAX && !this.#isFirstAfterEnd(payload)) {
      this.state.prune(record)
      return undefined
    }
    this.#firingTime = isClocked ? undefined : setting.fireTimestamp
    return doFn.fireTimer(record, timer, setting)
  }

  #forget({ record, timer, setting }: Omit<TimerPayload, 'kind'>): void {
    this.#timerCount--
    record.setTimer(timer, setting.tag, undefined)
    record.mayBeEmpty = true
    if (setting.holds) this.#holds.remove(setting.outputTimestamp)
  }

  #isFirstAfterEnd({ record, timer, setting }: TimerPayload): boolean {
    let fired = this.#firedAfterEnd.get(record)
    if (fired === undefined) this.#firedAfterEnd.set(record, (fired = new Set<string>()))
    const slot = `${timer} ${setting.tag ?? ''}`
    if (fired.has(slot)) return false
    fired.add(slot)
    return true
  }

  async #expire(doFn: DoFnRuntime, window: BoundedWindow): Promise<void> {
    this.#firingTime = undefined
    this.#dropProcessingTimers(window)
    if (this.#holdsForExpiration) {
      for (const record of this.state.recordsOf(window)) {
        await (doFn.expire(record) as Promise<void> | undefined)
      }
      this.#holds.remove(window.maxTimestamp)
    }
    // None of its event-time timers is left: they fire before.
    for (const record of this.state.expire(window)) this.#firedAfterEnd.delete(record)
    this.#keeper?.windowWent(window)
  }

  /** Timers of a window that ends before the clock has come to them never fire. */
  #dropProcessingTimers(window: BoundedWindow): void {
    if (!this.#isProcessingTime.includes(true)) return
    for (const record of this.state.recordsOf(window)) {
      for (const [timer, setting] of record.settings()) {
        this.#forget({ record, timer, setting })
        this.#voidCount++
      }
      this.state.prune(record)
    }
  }
}
