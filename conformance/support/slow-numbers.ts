/**
 * Numbers that come a few at a time, so that a run over them takes many batches.
 */
import { OffsetRangeTracker, type PCollection, type Pipeline, resume, source, typed, watermarks } from 'millrace'

/** The numbers from 0 to `count`, so many in a call, a second of event time apart; the next call is due at once. */
export function slowNumbers(count: number, perCall: number): (p: Pipeline) => PCollection<number> {
  return source({
    output: typed<number>(),
    bounded: true,
    replayable: true,
    watermark: watermarks.monotonic(),
    restriction: () => ({ from: 0, to: count }),
    restrictionCodec: typed<{ from: number; to: number }>(),
    tracker: (range) => new OffsetRangeTracker(range),
    process(_, tracker, { emit }) {
      for (let at = tracker.currentRestriction().from, i = 0; i < perCall; i++, at++) {
        if (!tracker.tryClaim(at)) return
        emit(at, at * 1000)
      }
      return resume({ after: 1 })
    },
  })
}
