/**
 * Event times of lines that come in by themselves: the time of arrival, or what the line says.
 *
 * Law: whoever takes times from lines says how disordered they are; nothing is guessed.
 */
import { coded, errorCode } from '../sdk/error-codes.js'
import { messageOf } from '../sdk/errors.js'
import { preview } from '../sdk/preview.js'
import { refuse } from '../sdk/refuse.js'
import { type WatermarkPolicy, watermarks } from '../sdk/source/watermark-policy.js'
import { type Instant, toTimestamp } from '../sdk/time.js'

/** How a stream of `T` knows event time. */
export interface EventTimeOptions<T> {
  /** Event time of an element. Default: when it was read. */
  readonly timestamp?: (value: T) => Instant
  /**
   * How the progress of event time is known: needed with `timestamp`, and only then. `watermarks.outOfOrder('5 seconds',
   * { idleAfter: '1 minute' })` also lets it go on while nothing comes. Default: the clock, as elements have the time they were
   * read at.
   */
  readonly watermark?: WatermarkPolicy
}

/** How event times are known. */
export interface EventTimes<T> {
  readonly watermark: WatermarkPolicy
  readonly timeOf: (value: T, now: () => number) => number
}

/** Looks at the options of a source. @throws {PipelineError} when they do not fit. */
export function eventTimes<T>(source: string, { timestamp, watermark }: EventTimeOptions<T>): EventTimes<T> {
  if (timestamp === undefined) {
    if (watermark !== undefined)
      refuse(
        'MR-1016',
        `option watermark of ${source} says how event times move, but there is no timestamp. Give timestamp: (value) => …, or leave watermark out: elements then have the time they were read at.`,
      )
    return { watermark: watermarks.wallClock(), timeOf: (_, now) => Math.trunc(now()) }
  }
  if (typeof timestamp !== 'function')
    refuse('MR-1004', `option timestamp of ${source} is a function, but is ${preview(timestamp)}.`)
  if (watermark === undefined) {
    refuse(
      'MR-1003',
      `option timestamp of ${source} takes event times from what is read, so it must be said how disordered they are. Give watermark: watermarks.outOfOrder('1 minute', { idleAfter: '1 minute' }), or another policy.`,
    )
  }
  if (watermark.kind === 'manual')
    refuse(
      'MR-1002',
      `${source} has no code that could set its watermark: give watermarks.outOfOrder(…) or another policy.`,
    )
  return { watermark, timeOf: (value) => checkedTime(timestamp, value, source) }
}

function checkedTime<T>(timestamp: (value: T) => Instant, value: T, source: string): number {
  try {
    return toTimestamp(timestamp(value))
  } catch (error) {
    throw coded(
      errorCode(error) ?? 'MR-3001',
      new Error(`option timestamp of ${source} fails for ${preview(value)}: ${messageOf(error)}`, { cause: error }),
    )
  }
}
