/**
 * `timers` as a DoFn sees them: one handle for each declaration, bound to the key and window of the call.
 *
 * Law: an event-time timer fires no later than its window expires; an output timestamp that an author names is not before
 * the element that set the timer, less the allowed skew. Without one, an event-time timer emits at its own time, and a
 * processing-time timer at the timestamp at hand.
 */
import { coded } from '../../sdk/error-codes.js'
import { expiryOf } from '../../sdk/windowing/expiry.js'
import { type Alignment, alignmentOf, nextAligned } from '../../sdk/state/alignment.js'
import type { TimerSpec } from '../../sdk/state/timer-spec.js'
import {
  addMillis,
  type Duration,
  durationMillis,
  formatMillis,
  formatTimestamp,
  type Instant,
  toTimestamp,
} from '../../sdk/time.js'
import { type StateRecord, type TimerSetting } from './state-internals.js'
import type { StepContext } from './step-context.js'

/** Where timers are kept, and what time it is for them. */
export interface TimerInternals {
  /** The watermark that decides which timers are due. */
  readonly inputWatermark: number
  /** What delays of event-time timers count from. */
  readonly eventTime: number
  /** What delays of processing-time timers count from. */
  readonly processingTime: number
  set(record: StateRecord, timer: number, setting: TimerSetting): void
  clear(record: StateRecord, timer: number, setting: TimerSetting): void
  /** For timers that are kept elsewhere: clears one of which nobody here knows whether it is set. */
  clearUnknown?(record: StateRecord, timer: number, tag: string | undefined): void
}

/** What a step allows. */
export interface TimerLimits {
  readonly allowedLatenessMillis: number
  readonly allowedSkewMillis: number
}

interface Options {
  readonly outputTimestamp?: Instant
  readonly holdsWatermark?: boolean
}

/**
 * The timers of a call.
 *
 * @param specs - by name, in the order of the record's timers.
 * @param recordOf - the record of the call; throws when the call has ended.
 */
export function timerCells(
  specs: Readonly<Record<string, TimerSpec>>,
  timers: TimerInternals,
  context: StepContext,
  recordOf: () => StateRecord,
  limits: TimerLimits,
): object {
  return Object.fromEntries(
    Object.entries(specs).map(([id, spec], timer) => {
      const control = new TimerControl(id, timer, spec, timers, context, recordOf, limits)
      return [id, spec.family ? familyOf(control) : timerOf(control)]
    }),
  )
}

function timerOf(control: TimerControl): object {
  return {
    get currentRelativeTime() {
      return control.now
    },
    set: (at: Instant, options?: Options) => control.set(undefined, at, options),
    setRelative: (delay: Duration, options?: Options) => control.setRelative(undefined, delay, options),
    align: (period: Duration, offset: Duration = 0) => {
      const alignment = control.alignment(period, offset)
      return {
        setRelative: (delay: Duration = 0, options?: Options) =>
          control.setRelative(undefined, delay, options, alignment),
      }
    },
    clear: () => control.clear(undefined),
  }
}

function familyOf(control: TimerControl): object {
  return {
    get currentRelativeTime() {
      return control.now
    },
    set: (tag: string, at: Instant, options?: Options) => control.set(control.tag(tag), at, options),
    setRelative: (tag: string, delay: Duration, options?: Options) =>
      control.setRelative(control.tag(tag), delay, options),
    align: (period: Duration, offset: Duration = 0) => {
      const alignment = control.alignment(period, offset)
      return {
        setRelative: (tag: string, delay: Duration = 0, options?: Options) =>
          control.setRelative(control.tag(tag), delay, options, alignment),
      }
    },
    clear: (tag: string) => control.clear(control.tag(tag)),
  }
}

/** Sets and clears the timers of one declaration. */
class TimerControl {
  readonly #id: string
  readonly #timer: number
  readonly #isEventTime: boolean
  readonly #timers: TimerInternals
  readonly #context: StepContext
  readonly #recordOf: () => StateRecord
  readonly #limits: TimerLimits

  constructor(
    id: string,
    timer: number,
    spec: TimerSpec,
    timers: TimerInternals,
    context: StepContext,
    recordOf: () => StateRecord,
    limits: TimerLimits,
  ) {
    this.#id = id
    this.#timer = timer
    this.#isEventTime = spec.timeDomain === 'eventTime'
    this.#timers = timers
    this.#context = context
    this.#recordOf = recordOf
    this.#limits = limits
  }

  get now(): number {
    this.#recordOf()
    return this.#isEventTime ? this.#timers.eventTime : this.#timers.processingTime
  }

  /** A tag, if it is one. */
  tag(tag: unknown): string {
    if (typeof tag === 'string') return tag
    throw coded(
      'MR-3009',
      new TypeError(`timer family "${this.#id}" needs a tag first, a text that says which of its timers is meant`),
    )
  }

  alignment(period: Duration, offset: Duration): Alignment {
    this.#refuseAbsolute('align')
    return alignmentOf(this.#id, period, offset)
  }

  set(tag: string | undefined, at: Instant, options: Options | undefined): void {
    this.#refuseAbsolute('set')
    this.#put(tag, this.#setting(tag, toTimestamp(at), options))
  }

  setRelative(tag: string | undefined, delay: Duration, options: Options | undefined, alignment?: Alignment): void {
    let due = addMillis(this.now, durationMillis(delay, `delay of timer "${this.#id}"`))
    if (alignment !== undefined) due = nextAligned(due, alignment)
    this.#put(tag, this.#setting(tag, this.#isEventTime ? Math.min(due, this.#expiry) : due, options))
  }

  clear(tag: string | undefined): void {
    this.#put(tag, undefined)
  }

  get #expiry(): number {
    return expiryOf(this.#recordOf().window, this.#limits.allowedLatenessMillis)
  }

  #put(tag: string | undefined, setting: TimerSetting | undefined): void {
    const record = this.#recordOf()
    const [timers, timer] = [this.#timers, this.#timer]
    if (!this.#context.canSetTimers)
      throw coded('MR-3010', new Error('a timer cannot be set in onWindowExpiration: the window has no time left'))
    const before = record.timerAt(timer, tag)
    if (before !== undefined) timers.clear(record, timer, before)
    record.setTimer(timer, tag, setting)
    if (setting !== undefined) timers.set(record, timer, setting)
    else record.mayBeEmpty = true
    if (setting === undefined && before === undefined) timers.clearUnknown?.(record, timer, tag)
    if (!record.isInCall) return
    record.onRollBack(() => {
      if (setting !== undefined) timers.clear(record, timer, setting)
      record.setTimer(timer, tag, before)
      if (before !== undefined) timers.set(record, timer, before)
    })
  }

  /** The clock of processing time is the runner's: nobody else knows what it will show at some instant. */
  #refuseAbsolute(what: string): void {
    if (this.#isEventTime) return
    throw coded(
      'MR-3011',
      new Error(
        `timer "${this.#id}" is a processing-time timer and has no ${what}: an absolute processing time means nothing when a run is repeated. Use setRelative(delay).`,
      ),
    )
  }

  #setting(tag: string | undefined, fireTimestamp: number, options: Options = {}): TimerSetting {
    const { window, timestamp } = this.#context
    const id = this.#id
    const expiry = this.#expiry
    const refuseAfterExpiry = (what: string, at: number): never => {
      throw coded(
        'MR-3012',
        new RangeError(
          `timer "${id}" ${what} ${formatTimestamp(at)}, after the expiration of ${window.toString()} at ${formatTimestamp(expiry)}. Set it no later than window.maxTimestamp plus the allowed lateness.`,
        ),
      )
    }
    if (this.#isEventTime && fireTimestamp > expiry) refuseAfterExpiry('is set to', fireTimestamp)
    const { outputTimestamp: output, holdsWatermark: holds = true } = options
    const isNamed = output !== undefined
    const outputTimestamp = isNamed ? toTimestamp(output) : this.#isEventTime ? fireTimestamp : timestamp
    if (this.#isEventTime && outputTimestamp > fireTimestamp) {
      throw coded(
        'MR-3012',
        new RangeError(
          `timer "${id}" has output timestamp ${formatTimestamp(outputTimestamp)}, after its own time ${formatTimestamp(fireTimestamp)}`,
        ),
      )
    }
    if (isNamed && outputTimestamp > expiry) refuseAfterExpiry('has output timestamp', outputTimestamp)
    const { allowedSkewMillis } = this.#limits
    if (isNamed && outputTimestamp < timestamp - allowedSkewMillis) {
      throw coded(
        'MR-3012',
        new RangeError(
          `timer "${id}" has output timestamp ${formatTimestamp(outputTimestamp)}, before the element's ${formatTimestamp(timestamp)} by more than allowedSkew (${formatMillis(allowedSkewMillis)})`,
        ),
      )
    }
    return { fireTimestamp, outputTimestamp, tag, holds }
  }
}
