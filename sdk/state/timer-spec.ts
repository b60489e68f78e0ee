/**
 * Timers a DoFn declares: one per key, window and name. An event-time timer set to `t` fires once the watermark has
 * passed `t`, and holds the step's output watermark at its output timestamp until then.
 *
 * Law: setting a timer again replaces the earlier setting; timers of one key fire in the order of their times.
 */
import type { Duration, Instant } from '../time.js'

/** Declares an event-time timer. */
export interface EventTimeTimerSpec {
  readonly kind: 'timer'
  readonly timeDomain: 'eventTime'
}

/** Any timer declaration. */
export type TimerSpec = EventTimeTimerSpec

/** How a timer is set. */
export interface TimerOptions {
  /**
   * Timestamp of what the handler emits, and where the watermark is held until it fires. Default: the firing time.
   * Must not be after it, nor after the window's end.
   */
  readonly outputTimestamp?: Instant
}

/** A timer, as `process` and handlers see it. */
export interface Timer {
  /** Fires when the watermark has passed `at`. @throws when `at` is after the window's expiry. */
  set(at: Instant, options?: TimerOptions): void
  /** Fires `delay` after the current input watermark, but no later than the window's expiry. */
  setRelative(delay: Duration, options?: TimerOptions): void
  /** Takes back the setting; without one it does nothing. */
  clear(): void
}

/** The timers of a declaration. */
export type TimerCells<TM> = { readonly [K in keyof TM]: Timer }

/** Timer declarations by time domain. */
export interface TimerBuilders {
  /** Fires when the watermark passes its time. */
  eventTime(): EventTimeTimerSpec
}

const eventTime: EventTimeTimerSpec = Object.freeze({ kind: 'timer', timeDomain: 'eventTime' })

/**
 * Declares timers.
 *
 * @example
 * ```ts
 * import { timer } from 'millrace'
 * const timers = { windowEnd: timer.eventTime() }
 * ```
 */
export const timer: TimerBuilders = { eventTime: () => eventTime }
