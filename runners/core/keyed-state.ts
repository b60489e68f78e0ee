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

/** State and timers of a step. */
export class KeyedState implements TimerInternals {
  readonly state: StateInternals
  inputWatermark: number = TIMESTAMP_MIN
  readonly #queue = new TimerQueue<Payload>()
  readonly #holds = new WatermarkHold()
  readonly #holdsForExpiration: boolean

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
    if (record.timers[timer] !== setting) return undefined
    record.timers[timer] = undefined
    record.wasCleared = true
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
    for (const record of this.state.expire(window)) {
      for (const setting of record.timers) if (setting !== undefined) this.#holds.remove(setting.outputTimestamp)
    }
  }
}
