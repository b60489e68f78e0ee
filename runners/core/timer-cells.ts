/**
 * `timers` as a DoFn sees them: one handle for each declaration, bound to the key and window of the call.
 *
 * Law: a timer fires no later than its window expires; an output timestamp that an author names is not before the element
 * that set the timer, less the allowed skew. Without one, a timer emits at its own time.
 */
import {
  addMillis,
  type Duration,
  durationMillis,
  formatMillis,
  formatTimestamp,
  type Instant,
  toTimestamp,
} from '../../sdk/time.js'
import { expiryOf, type StateRecord, type TimerSetting } from './state-internals.js'
import type { StepContext } from './step-context.js'

/** Where timers are kept, and what time it is for them. */
export interface TimerInternals {
  /** The watermark that decides which timers are due. */
  readonly inputWatermark: number
  set(record: StateRecord, timer: number, setting: TimerSetting): void
  clear(record: StateRecord, timer: number, setting: TimerSetting): void
}

/** What a step allows. */
export interface TimerLimits {
  readonly allowedLatenessMillis: number
  readonly allowedSkewMillis: number
}

interface TimerOptions {
  readonly outputTimestamp?: Instant
}

/**
 * The timers of a call.
 *
 * @param ids - names, in the order of the record's timers.
 * @param recordOf - the record of the call; throws when the call has ended.
 */
export function timerCells(
  ids: readonly string[],
  timers: TimerInternals,
  context: StepContext,
  recordOf: () => StateRecord,
  limits: TimerLimits,
): object {
  const put = (timer: number, setting: TimerSetting | undefined): void => {
    const record = recordOf()
    if (!context.canSetTimers)
      throw new Error('a timer cannot be set in onWindowExpiration: the window has no time left')
    const before = record.timers[timer]
    if (before !== undefined) timers.clear(record, timer, before)
    record.timers[timer] = setting
    if (setting !== undefined) timers.set(record, timer, setting)
    else record.mayBeEmpty = true
    record.onRollBack(() => {
      if (setting !== undefined) timers.clear(record, timer, setting)
      record.timers[timer] = before
      if (before !== undefined) timers.set(record, timer, before)
    })
  }
  const setting = (id: string, at: number, options: TimerOptions | undefined): TimerSetting =>
    checkedSetting(id, context, at, options?.outputTimestamp, limits)
  return Object.fromEntries(
    ids.map((id, timer) => [
      id,
      {
        set: (at: Instant, options?: TimerOptions) => put(timer, setting(id, toTimestamp(at), options)),
        setRelative: (delay: Duration, options?: TimerOptions) => {
          const { window } = recordOf()
          const due = addMillis(timers.inputWatermark, durationMillis(delay, `delay of timer "${id}"`))
          const expiry = expiryOf(window, limits.allowedLatenessMillis)
          put(timer, setting(id, Math.min(due, expiry), options))
        },
        clear: () => put(timer, undefined),
      },
    ]),
  )
}

function checkedSetting(
  id: string,
  context: StepContext,
  fireTimestamp: number,
  output: Instant | undefined,
  { allowedLatenessMillis, allowedSkewMillis }: TimerLimits,
): TimerSetting {
  const expiry = expiryOf(context.window, allowedLatenessMillis)
  if (fireTimestamp > expiry) {
    throw new RangeError(
      `timer "${id}" is set to ${formatTimestamp(fireTimestamp)}, after the expiration of ${context.window.toString()} at ${formatTimestamp(expiry)}. Set it no later than window.maxTimestamp plus the allowed lateness.`,
    )
  }
  const outputTimestamp = output === undefined ? fireTimestamp : toTimestamp(output)
  if (outputTimestamp > fireTimestamp) {
    throw new RangeError(
      `timer "${id}" has output timestamp ${formatTimestamp(outputTimestamp)}, after its own time ${formatTimestamp(fireTimestamp)}`,
    )
  }
  if (outputTimestamp < context.timestamp - allowedSkewMillis && output !== undefined) {
    throw new RangeError(
      `timer "${id}" has output timestamp ${formatTimestamp(outputTimestamp)}, before the element's ${formatTimestamp(context.timestamp)} by more than allowedSkew (${formatMillis(allowedSkewMillis)})`,
    )
  }
  return { fireTimestamp, outputTimestamp }
}
