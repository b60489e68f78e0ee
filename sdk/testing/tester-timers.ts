/**
 * Timers of a DoFn under test: what `timers` offers to a call, held to the rules that a runner holds it to.
 *
 * Law: an event-time timer fires no later than its window expires; an output timestamp that an author names is not before
 * the element that set the timer, less the allowed skew.
 */
import { coded } from '../error-codes.js'
import { expiryOf } from '../windowing/expiry.js'
import { alignmentOf, nextAligned } from '../state/alignment.js'
import type { TimerOptions, TimerSpec } from '../state/timer-spec.js'
import { addMillis, type Duration, durationMillis, formatTimestamp, type Instant, toTimestamp } from '../time.js'
import type { TimerSpecs } from '../transforms/do-fn.js'
import { type TesterRecord, timerId, type TimerSetting } from './tester-state.js'

/** What the timers of a call depend on. */
export interface TimerWorld {
  /** The record of the call; throws once the call has ended. */
  readonly record: () => TesterRecord
  /** What delays of event-time timers count from. */
  readonly eventTime: number
  /** What delays of processing-time timers count from. */
  readonly processingTime: () => number
  /** The timestamp at hand. */
  readonly timestamp: number
  /** False in onWindowExpiration. */
  readonly canSet: boolean
  readonly latenessMillis: number
  readonly skewMillis: number
}

/** The timers of a call, by name. */
export function testerTimers(specs: TimerSpecs, world: TimerWorld): object {
  return Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => [
      name,
      spec.family ? family(name, spec, world) : single(name, spec, world),
    ]),
  )
}

function single(name: string, spec: TimerSpec, world: TimerWorld): object {
  const control = controlOf(name, spec, world)
  return {
    get currentRelativeTime() {
      return control.now()
    },
    set: (at: Instant, options?: TimerOptions) => control.set(undefined, at, options),
    setRelative: (delay: Duration, options?: TimerOptions) => control.setRelative(undefined, delay, options),
    align: (period: Duration, offset?: Duration) => {
      const round = control.aligned(period, offset)
      return { setRelative: (delay: Duration = 0, options?: TimerOptions) => control.setRelative(undefined, delay, options, round) } // prettier-ignore
    },
    clear: () => control.clear(undefined),
  }
}

function family(name: string, spec: TimerSpec, world: TimerWorld): object {
  const control = controlOf(name, spec, world)
  const checked = (tag: unknown): string => {
    if (typeof tag === 'string') return tag
    throw coded(
      'MR-3009',
      new TypeError(`timer family "${name}" needs a tag first, a text that says which of its timers is meant`),
    )
  }
  return {
    get currentRelativeTime() {
      return control.now()
    },
    set: (tag: string, at: Instant, options?: TimerOptions) => control.set(checked(tag), at, options),
    setRelative: (tag: string, delay: Duration, options?: TimerOptions) =>
      control.setRelative(checked(tag), delay, options),
    align: (period: Duration, offset?: Duration) => {
      const round = control.aligned(period, offset)
      return { setRelative: (tag: string, delay: Duration = 0, options?: TimerOptions) => control.setRelative(checked(tag), delay, options, round) } // prettier-ignore
    },
    clear: (tag: string) => control.clear(checked(tag)),
  }
}

interface Control {
  readonly now: () => number
  readonly set: (tag: string | undefined, at: Instant, options: TimerOptions | undefined) => void
  readonly setRelative: (
    tag: string | undefined,
    delay: Duration,
    options: TimerOptions | undefined,
    round?: (at: number) => number,
  ) => void
  readonly aligned: (period: Duration, offset: Duration | undefined) => (at: number) => number
  readonly clear: (tag: string | undefined) => void
}

function controlOf(name: string, { timeDomain }: TimerSpec, world: TimerWorld): Control {
  const isEventTime = timeDomain === 'eventTime'
  const onlyEventTime = (what: string): void => {
    if (!isEventTime)
      throw coded(
        'MR-3011',
        new Error(
          `timer "${name}" is a processing-time timer and has no ${what}: an absolute processing time means nothing when a run is repeated. Use setRelative(delay).`,
        ),
      )
  }
  const expiry = (): number => expiryOf(world.record().window, world.latenessMillis)
  const put = (tag: string | undefined, setting: TimerSetting | undefined): void => {
    const { timers } = world.record()
    if (!world.canSet)
      throw coded('MR-3010', new Error('a timer cannot be set in onWindowExpiration: the window has no time left'))
    if (setting === undefined) timers.delete(timerId(name, tag))
    else timers.set(timerId(name, tag), setting)
  }
  const setting = (
    tag: string | undefined,
    fireTimestamp: number,
    output: TimerOptions['outputTimestamp'],
  ): TimerSetting => {
    const isNamed = output !== undefined
    const outputTimestamp = isNamed ? toTimestamp(output) : isEventTime ? fireTimestamp : world.timestamp
    const late = isEventTime && fireTimestamp > expiry() ? fireTimestamp : isNamed && outputTimestamp > expiry() ? outputTimestamp : undefined // prettier-ignore
    if (late !== undefined)
      throw coded(
        'MR-3012',
        new RangeError(
          `timer "${name}" is set to ${formatTimestamp(late)}, after the expiration of ${world.record().window.toString()} at ${formatTimestamp(expiry())}. Set it no later than window.maxTimestamp plus the allowed lateness.`,
        ),
      )
    const isEarly = isNamed && outputTimestamp < world.timestamp - world.skewMillis
    if (isEarly || (isEventTime && outputTimestamp > fireTimestamp))
      throw coded(
        'MR-3012',
        new RangeError(
          `timer "${name}" has output timestamp ${formatTimestamp(outputTimestamp)}, which must lie between the element's ${formatTimestamp(world.timestamp)}, less allowedSkew, and its own time ${formatTimestamp(fireTimestamp)}`,
        ),
      )
    return { name, tag, timeDomain, fireTimestamp, outputTimestamp }
  }
  const now = (): number => {
    world.record()
    return isEventTime ? world.eventTime : world.processingTime()
  }
  return {
    now,
    set: (tag, at, options) => {
      onlyEventTime('set')
      put(tag, setting(tag, toTimestamp(at), options?.outputTimestamp))
    },
    setRelative: (tag, delay, options, round = (at) => at) => {
      const due = round(addMillis(now(), durationMillis(delay, `delay of timer "${name}"`)))
      put(tag, setting(tag, isEventTime ? Math.min(due, expiry()) : due, options?.outputTimestamp))
    },
    aligned: (period, offset = 0) => {
      onlyEventTime('align')
      const alignment = alignmentOf(name, period, offset)
      return (at) => nextAligned(at, alignment)
    },
    clear: (tag) => put(tag, undefined),
  }
}
