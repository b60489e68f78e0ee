/**
 * State and event-time timers of one stateful step, together: what is kept per key and window, when its timers are due,
 * how far they hold the watermark, and its end when the window expires.
 *
 * Law: timers fire in the order of their times, those a handler sets included; a window's state is removed after all
 * its timers; the hold of a timer lasts until it has fired or was cleared.
 */
import type { Coder } from '../../sdk/coders/index.js'
import { TIMESTAMP_MIN } from '../../sdk/time.js'
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import type { DoFnRuntime } from './do-fn-runtime.js'
import type { ParDoOperator } from './stage.js'
import { expiryOf, StateInternals, type StateRecord, type TimerSetting } from './state-internals.js'
import { TimerQueue } from './timer-internals.js'
import { WatermarkHold } from './watermark-hold.js'
import type { TimerInternals } from './timer-cells.js'

type Payload =
  | { readonly kind: 'timer'; readonly record: StateRecord; readonly timer: number; readonly setting: TimerSetting }
  | { readonly kind: 'expiry'; readonly window: BoundedWindow }

/** Timers of the same time fire before the window ends. */
const EXPIRY_RANK = 1

/** Void entries that may wait beyond as many as there are others. */
const SPARE = 64

function isSet({ record, timer, setting }: Extract<Payload, { kind: 'timer' }>): boolean {
  return record.timers[timer] === setting
}

/** State and timers of a step. */
export class KeyedState implements TimerInternals {
  readonly state: StateInternals
  inputWatermark: number = TIMESTAMP_MIN
  readonly #queue = new TimerQueue<Payload>()
  readonly #holds = new WatermarkHold()
  readonly #holdsForExpiration: boolean
  /** Entries in the queue whose timer was set again or cleared. */
  #voidCount = 0

  constructor(operator: ParDoOperator, keyCoder: Coder<unknown>) {
    const { payload, strategy } = operator
    this.#holdsForExpiration = payload.onWindowExpiration
    this.state = new StateInternals(keyCoder, payload.stateSpecs.size, payload.timerSpecs.size, (window) => {
      this.#queue.add(expiryOf(window, strategy.allowedLatenessMillis), { kind: 'expiry', window }, EXPIRY_RANK)
      // What onWindowExpiration emits has the window's last timestamp and must not be late.
      if (this.#holdsForExpiration) this.#holds.add(window.maxTimestamp)
    })
  }

  /** The smallest timestamp that a waiting timer will emit at. */
  get hold(): number {
    return this.#holds.min
  }

  /** Number of entries that wait for their time, void ones included. */
  get waiting(): number {
    return this.#queue.size
  }

  /** Whether something is due. */
  get isDue(): boolean {
    const head = this.#queue.peek()
    return head !== undefined && head.timestamp < this.inputWatermark
  }

  set(record: StateRecord, timer: number, setting: TimerSetting): void {
    this.#queue.add(setting.fireTimestamp, { kind: 'timer', record, timer, setting })
    this.#holds.add(setting.outputTimestamp)
  }

  clear(_record: StateRecord, _timer: number, setting: TimerSetting): void {
    this.#holds.remove(setting.outputTimestamp)
    // A timer that is set again and again, such as a timeout, must not leave an entry each time.
    if (++this.#voidCount <= SPARE + this.#queue.size / 2) return
    this.#voidCount = 0
    this.#queue.retain((payload) => payload.kind === 'expiry' || isSet(payload))
  }

  /**
   * Fires what is due, up to `budget` handlers.
   *
   * @returns whether more is due.
   */
  async fire(doFn: DoFnRuntime, budget: number): Promise<boolean> {
    for (let left = budget; left > 0; left--) {
      const entry = this.#queue.takeDue(this.inputWatermark)
      if (entry === undefined) return false
      const { payload } = entry
      if (payload.kind === 'expiry') await this.#expire(doFn, payload.window)
      else await this.#fireTimer(doFn, payload.record, payload.timer, payload.setting)
    }
    return this.isDue
  }

  #fireTimer(doFn: DoFnRuntime, record: StateRecord, timer: number, setting: TimerSetting): unknown {
    // Set again or cleared since: the entry is void.
    if (record.timers[timer] !== setting) {
      this.#voidCount--
      return undefined
    }
    record.timers[timer] = undefined
    record.mayBeEmpty = true
    this.#holds.remove(setting.outputTimestamp)
    return doFn.fireTimer(record, timer, setting)
  }

  async #expire(doFn: DoFnRuntime, window: BoundedWindow): Promise<void> {
    if (this.#holdsForExpiration) {
      for (const record of this.state.recordsOf(window)) {
        await (doFn.expire(record) as Promise<void> | undefined)
      }
      this.#holds.remove(window.maxTimestamp)
    }
    // None of its timers is left: they fire before.
    this.state.expire(window)
  }
}
