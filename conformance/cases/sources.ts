/**
 * Sources of numbers, bounded or not, for cases about what a source is.
 */
import * as t from 'io-ts'
import {
  offsetRangeCodec,
  OffsetRangeTracker,
  type PCollection,
  type Pipeline,
  resume,
  source,
  watermarks,
} from 'millrace'

/** The numbers below `count`, each at its own time. They come one in each call, as from a source that has to wait. */
export function numbersFrom(
  p: Pipeline,
  name: string,
  count: number,
  { bounded = false, timestamp = (n: number): number => n } = {},
): PCollection<number> {
  return p.apply(
    name,
    source({
      output: t.number,
      bounded,
      replayable: true,
      watermark: watermarks.monotonic(),
      restriction: () => ({ from: 0, to: count }),
      restrictionCodec: offsetRangeCodec,
      tracker: (range) => new OffsetRangeTracker(range),
      process(_, tracker, { emit }) {
        const { from } = tracker.currentRestriction()
        if (!tracker.tryClaim(from)) return undefined
        emit(from, timestamp(from))
        return resume()
      },
    }),
  )
}
