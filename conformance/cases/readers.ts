/**
 * Readers of ranges, for the cases of splittable DoFns.
 */
import {
  type OffsetRange,
  offsetRangeCodec,
  OffsetRangeTracker,
  type PCollection,
  type Pipeline,
  resume,
  source,
  type SplittableDoFn,
  type TypeOnly,
  typed,
  watermarks,
} from 'millrace'

export const upTo = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i)
export const positionsOf = ({ from, to }: OffsetRange): readonly number[] => upTo(to - from).map((i) => from + i)

export type Reader<E> = SplittableDoFn<E, OffsetRange, OffsetRangeTracker, TypeOnly<number>, undefined>

/** Reads the numbers below `to`. */
export const reader = <E = Uint8Array>(to: number, rest: Partial<Reader<E>> = {}): Reader<E> => ({
  output: typed<number>(),
  bounded: true,
  replayable: true,
  watermark: watermarks.none(),
  restriction: () => ({ from: 0, to }),
  restrictionCodec: offsetRangeCodec,
  tracker: (range) => new OffsetRangeTracker(range),
  process(_, tracker, { emit }) {
    for (let i = tracker.currentRestriction().from; tracker.tryClaim(i); i++) emit(i)
  },
  ...rest,
})

/** What a DoFn over a range of numbers says of it, whatever it emits. */
export const ranged = (to: number) => ({
  bounded: true,
  replayable: true,
  watermark: watermarks.none(),
  restriction: (): OffsetRange => ({ from: 0, to }),
  restrictionCodec: offsetRangeCodec,
  tracker: (range: OffsetRange): OffsetRangeTracker => new OffsetRangeTracker(range),
})

/** Claims one position a call, and asks to be called again. */
export const stepwise: Reader<unknown>['process'] = (_, tracker, { emit }) => {
  const { from } = tracker.currentRestriction()
  if (!tracker.tryClaim(from)) return
  emit(from)
  return resume()
}

/** A range in so many parts, whatever a runner asks for. */
export const inParts = ({ from, to }: OffsetRange, parts: number): readonly OffsetRange[] =>
  upTo(parts).map((i) => ({
    from: from + Math.floor(((to - from) * i) / parts),
    to: from + Math.floor(((to - from) * (i + 1)) / parts),
  }))

export const numbersOf = (p: Pipeline, name: string, doFn: Reader<Uint8Array>): PCollection<number> =>
  p.apply(name, source(doFn))

/** Bounded and unbounded work, where a row speaks of both. */
export const bounds = [
  { id: 'bounded', bounded: true, needs: ['splittable.bounded'] },
  { id: 'unbounded', bounded: false, needs: ['splittable.unbounded'] },
] as const
