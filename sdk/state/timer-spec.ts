/**
 * Timers a DoFn declares: one per key, window and name, or a family of them, one per tag. An event-time timer set to `t`
 * fires once the watermark has passed `t`; a processing-time timer fires when the runner's clock has come so far. Until
 * then both hold the step's output watermark at their output timestamp.
 *
 * Law: setting a timer again replaces the earlier setting; timers of one key and time domain fire in the order of their
 * times, those that a handler sets included.
 */
import type { Duration, Instant } from '../time.js'

/** Which clock a timer waits for: the watermark, or the runner's clock. */
export type TimeDomain = 'eventTime' | 'processingTime'

/** Declares an event-time timer. */
export interface EventTimeTimerSpec {
  readonly kind: 'timer'
  readonly timeDomain: 'eventTime'
  readonly family: false
}

/** Declares a processing-time timer. */
export interface ProcessingTimeTimerSpec {
  readonly kind: 'timer'
  readonly timeDomain: 'processingTime'
  readonly family: false
}

/** Declares event-time timers by tag. */
export interface EventTimeFamilySpec {
  readonly kind: 'timer'
  readonly timeDomain: 'eventTime'
  readonly family: true
}

/** Declares processing-time timers by tag. */
export interface ProcessingTimeFamilySpec {
  readonly kind: 'timer'
  readonly timeDomain: 'processingTime'
  readonly family: true
}

/** Any timer declaration. */
export type TimerSpec = EventTimeTimerSpec | ProcessingTimeTimerSpec | EventTimeFamilySpec | ProcessingTimeFamilySpec

/** How a timer is set. */
export interface TimerOptions {
  /**
   * Timestamp of what the handler emits, and where the watermark is held until it fires. Default: the firing time of an
   * event-time timer, which must not be exceeded; the timestamp at hand (the element's, or that of the timer whose handler
   * sets this one) for a processing-time timer, which may name any up to the window's expiry.
   */
  readonly outputTimestamp?: Instant
  /** `false` lets the watermark pass the output timestamp before the timer fires; what the handler emits may then be late. */
  readonly holdsWatermark?: boolean
}

/** What every timer has. */
export interface TimerClock {
  /**
   * What delays count from. Event time: the input watermark; in a handler of an event-time timer, the time that timer was
   * set to. Processing time: the runner's clock.
   */
  readonly currentRelativeTime: number
}

/** An event-time timer whose delay ends at an aligned time. */
export interface AlignedTimer {
  /** Fires at the first aligned time that is not before `delay` (default 0) has passed, but no later than the window's expiry. */
  setRelative(delay?: Duration, options?: TimerOptions): void
}

/** An event-time timer, as `process` and handlers see it. */
export interface Timer extends TimerClock {
  /** Fires when the watermark has passed `at`. @throws when `at` is after the window's expiry. */
  set(at: Instant, options?: TimerOptions): void
  /** Fires `delay` after {@link currentRelativeTime}, but no later than the window's expiry. */
  setRelative(delay: Duration, options?: TimerOptions): void
  /** Aligned times are the multiples of `period` since 1970 UTC, moved by `offset` (default 0). */
  align(period: Duration, offset?: Duration): AlignedTimer
  /** Takes back the setting; without one it does nothing. */
  clear(): void
}

/** A processing-time timer, as `process` and handlers see it. */
export interface ProcessingTimeTimer extends TimerClock {
  /** Fires when `delay` has passed on the runner's clock. It is dropped when the window expires earlier. */
  setRelative(delay: Duration, options?: TimerOptions): void
  /** Takes back the setting; without one it does nothing. */
  clear(): void
}

/** Event-time timers whose delays end at aligned times. */
export interface AlignedTimerFamily {
  /** As {@link AlignedTimer.setRelative}, for one tag. */
  setRelative(tag: string, delay?: Duration, options?: TimerOptions): void
}

/** Event-time timers by tag: each tag is a timer of its own. */
export interface TimerFamily extends TimerClock {
  /** As {@link Timer.set}, for one tag. */
  set(tag: string, at: Instant, options?: TimerOptions): void
  /** As {@link Timer.setRelative}, for one tag. */
  setRelative(tag: string, delay: Duration, options?: TimerOptions): void
  /** As {@link Timer.align}. */
  align(period: Duration, offset?: Duration): AlignedTimerFamily
  /** Takes back the setting of a tag; without one it does nothing. */
  clear(tag: string): void
}

/** Processing-time timers by tag: each tag is a timer of its own. */
export interface ProcessingTimeTimerFamily extends TimerClock {
  /** As {@link ProcessingTimeTimer.setRelative}, for one tag. */
  setRelative(tag: string, delay: Duration, options?: TimerOptions): void
  /** Takes back the setting of a tag; without one it does nothing. */
  clear(tag: string): void
}

/** The timer, or timers, of one declaration. */
export type TimerCell<S> = S extends EventTimeTimerSpec
  ? Timer
  : S extends ProcessingTimeTimerSpec
    ? ProcessingTimeTimer
    : S extends EventTimeFamilySpec
      ? TimerFamily
      : S extends ProcessingTimeFamilySpec
        ? ProcessingTimeTimerFamily
        : never

/** The timers of a declaration. */
export type TimerCells<TM> = { readonly [K in keyof TM]: TimerCell<TM[K]> }

/** Timer declarations by time domain. */
export interface TimerBuilders {
  /** Fires when the watermark passes its time. */
  eventTime(): EventTimeTimerSpec
  /** Fires when the runner's clock has come so far; for timeouts, pauses and batching. */
  processingTime(): ProcessingTimeTimerSpec
  /** Any number of event-time timers, told apart by tags that are known only when they are set. */
  eventTimeFamily(): EventTimeFamilySpec
  /** Any number of processing-time timers, told apart by tags that are known only when they are set. */
  processingTimeFamily(): ProcessingTimeFamilySpec
}

const eventTime: EventTimeTimerSpec = Object.freeze({ kind: 'timer', timeDomain: 'eventTime', family: false })
const processingTime: ProcessingTimeTimerSpec = Object.freeze({
  kind: 'timer',
  timeDomain: 'processingTime',
  family: false,
})
const eventTimeFamily: EventTimeFamilySpec = Object.freeze({ kind: 'timer', timeDomain: 'eventTime', family: true })
const processingTimeFamily: ProcessingTimeFamilySpec = Object.freeze({
  kind: 'timer',
  timeDomain: 'processingTime',
  family: true,
})

/**
 * Declares timers.
 *
 * @example
 * ```ts
 * import { timer } from 'millrace'
 * const timers = {
 *   windowEnd: timer.eventTime(),
 *   timeout: timer.processingTime(),
 *   reminders: timer.eventTimeFamily(),
 * }
 * ```
 */
export const timer: TimerBuilders = {
  eventTime: () => eventTime,
  processingTime: () => processingTime,
  eventTimeFamily: () => eventTimeFamily,
  processingTimeFamily: () => processingTimeFamily,
}
