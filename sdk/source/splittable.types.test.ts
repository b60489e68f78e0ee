/**
 * What the compiler infers of splittable steps, and refuses.
 */
import { describe, expectTypeOf, it } from 'vitest'
import {
  metric,
  offsetRangeCodec,
  type OffsetRange,
  OffsetRangeTracker,
  type PCollection,
  pipeline,
  readFrom,
  source,
  splittableParDo,
  typed,
  watermarks,
} from 'millrace'

const common = {
  bounded: true,
  replayable: true,
  watermark: watermarks.none(),
  restrictionCodec: offsetRangeCodec,
  tracker: (range: OffsetRange) => new OffsetRangeTracker(range),
} as const

describe('a splittable step', () => {
  it('knows its element, tracker, side inputs, metrics and resource without a written type', () => {
    const p = pipeline()
    const limit = p.create('limit', [3]).asSingleton('the limit')
    const read = splittableParDo({
      ...common,
      output: typed<string>(),
      sides: { limit },
      metrics: { read: metric.counter() },
      setup: () => ({ name: 'client' }),
      restriction: (n: number, { resource }) => {
        expectTypeOf(resource).toEqualTypeOf<{ name: string }>()
        return { from: 0, to: n }
      },
      process(n, tracker, { sides, metrics, resource, emit }) {
        expectTypeOf(n).toEqualTypeOf<number>()
        expectTypeOf(tracker).toEqualTypeOf<OffsetRangeTracker>()
        expectTypeOf(sides.limit).toEqualTypeOf<number>()
        expectTypeOf(resource).toEqualTypeOf<{ name: string }>()
        metrics.read.inc()
        emit('a')
        // @ts-expect-error the output is text
        emit(1)
        // @ts-expect-error there is no such side input
        void sides.other
      },
    })
    expectTypeOf(read).returns.toEqualTypeOf<PCollection<string>>()
  })

  it('gives a collection for each tag', () => {
    const read = source({
      ...common,
      outputs: { good: typed<number>(), bad: typed<string>() },
      restriction: () => ({ from: 0, to: 1 }),
      process(_, tracker, { emit }) {
        if (!tracker.tryClaim(0)) return
        emit.good(1)
        emit.bad('b')
        // @ts-expect-error the output "good" is of numbers
        emit.good('1')
        // @ts-expect-error there is no such output
        emit.ugly(1)
      },
    })
    expectTypeOf(read).returns.toEqualTypeOf<{
      readonly good: PCollection<number>
      readonly bad: PCollection<string>
    }>()
  })
})

it('a reader gives what is declared, and takes its own marks', () => {
  const read = readFrom({
    output: typed<string>(),
    bounded: true,
    replayable: true,
    watermark: watermarks.none(),
    open: (mark: { readonly at: number } | undefined) => ({
      read: () => ({ value: 'a' }),
      mark: () => ({ at: (mark?.at ?? 0) + 1 }),
    }),
    acknowledge: (mark) => void expectTypeOf(mark).toEqualTypeOf<{ readonly at: number }>(),
  })
  expectTypeOf(read).returns.toEqualTypeOf<PCollection<string>>()
})
