/**
 * Sources driven by the clock: element `n` is emitted once it is due, never before. When nothing is due the reader hands
 * the rest back with the time to wait, so that it never holds up the runner.
 *
 * Law: the watermark is the event time of the next element, less the disorder allowed for; it does not depend on how
 * often the reader is called.
 */
import * as t from 'io-ts'
import type { PCollection } from '../../sdk/pcollection.js'
import type { Pipeline } from '../../sdk/pipeline.js'
import { UnsplittableRangeTracker } from '../../sdk/source/other-trackers.js'
import { type OffsetRange, offsetRangeCodec, type OffsetRangeTracker } from '../../sdk/source/restriction-tracker.js'
import { type Resume, resume, type SplittableContext } from '../../sdk/source/splittable.js'
import { watermarks } from '../../sdk/source/watermark-policy.js'
import { addMillis, clampTimestamp, type Instant, toTimestamp } from '../../sdk/time.js'
import { splittableParDo } from '../../sdk/transforms/splittable.js'
import type { Delays } from './disorder.js'

/** What a ticking source emits, and when. `origin` is when it began. */
export interface TickingSpec {
  /** When it begins. Default: when the run does. */
  readonly start: Instant | undefined
  readonly range: (origin: number) => OffsetRange
  /** When element `n` is due. */
  readonly due: (origin: number, n: number) => number
  /** Event time of element `n`. Default: when it is due. */
  readonly eventTime: ((n: number) => number) | undefined
  readonly value: (n: number, due: number) => number
  readonly delays: Delays
}

/** A source of elements that come by the clock. The instant it begins at is an element, so that a restart keeps it. */
export function ticking(spec: TickingSpec): (pipeline: Pipeline) => PCollection<number> {
  const start = spec.start === undefined ? undefined : toTimestamp(spec.start)
  return (pipeline) =>
    pipeline
      .impulse('once')
      .parDo('start', {
        output: t.number,
        process: (_, { now, emit }) => emit(start ?? now),
      })
      .apply(
        'ticks',
        splittableParDo({
          output: t.number,
          bounded: false,
          replayable: true,
          watermark: watermarks.manual(),
          restriction: (origin: number) => spec.range(origin),
          restrictionCodec: offsetRangeCodec,
          // Ticks come in order, so there is one reader.
          tracker: (range: OffsetRange) => new UnsplittableRangeTracker(range),
          process: (origin, tracker, context) => read(spec, origin, tracker, context),
        }),
      )
}

function read(
  { due, value, delays, eventTime }: TickingSpec,
  origin: number,
  tracker: OffsetRangeTracker,
  { emit, now, watermark }: SplittableContext<number, undefined>,
): Resume | void {
  const timeOf = eventTime ?? ((n: number): number => clampTimestamp(due(origin, n)))
  const { from, to } = tracker.currentRestriction()
  let clock = now()
  for (let n = from; n < to; n++) {
    const dueAt = due(origin, n)
    if (dueAt > clock) clock = now()
    const isEarly = dueAt > clock
    // A late element begins a bundle: the watermark that it comes after is out by then, at any bundle size.
    const isCut = isEarly || (n > from && delays.isLate(n))
    if (isCut || !tracker.tryClaim(n)) {
      watermark.set(addMillis(timeOf(n), -delays.byMillis))
      return isCut ? resume({ after: isEarly ? dueAt - clock : 0 }) : undefined
    }
    emit(value(n, dueAt), addMillis(timeOf(n), -delays.of(n)))
  }
}
