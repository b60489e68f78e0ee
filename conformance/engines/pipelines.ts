/**
 * Pipelines that are tried on every engine: the same must come of them whatever the engine is.
 */
import * as t from 'io-ts'
import {
  countWindows,
  kv,
  metric,
  type OffsetRange,
  offsetRangeCodec,
  OffsetRangeTracker,
  type Pipeline,
  splittableParDo,
  state,
  watermarks,
} from 'millrace'

/** State over many bundles, and a view: at its hundredth element each key says twice its largest, in `largest`. */
export function largestOfKeys(p: Pipeline): void {
  const pairs = Array.from({ length: 300 }, (_, n) => kv(`key ${n % 3}`, n))
  const factor = p.create('two', [2]).asSingleton('factor')
  p.create('pairs', pairs)
    .parDo('largest', {
      output: t.string,
      sides: { factor },
      state: { count: state.value(t.number), seen: state.bag(t.number) },
      process: ({ key, value }, { state: { count, seen }, sides, emit }) => {
        seen.add(value)
        const now = (count.read() ?? 0) + 1
        count.write(now)
        if (now === 100) emit(`${String(key)} ${sides.factor * Math.max(...seen.read())}`)
      },
    })
    .collect('largest')
}

/**
 * Pairs of numbers that come in the wrong order, by the order of their times; the odd one is what the window has when it expires. Each
 * of the timers that take them sets the next, long before the window expires; all have come due at once when input ends.
 */
export function pairsInTime(p: Pipeline): void {
  const numbers = [4, 0, 6, 2, 1, 5, 3]
  p.create('numbers', numbers, { timestamp: (n) => n * 1000 })
    .keyBy('all', () => 'all')
    .apply('pairs', countWindows({ size: 2, order: 'eventTime' }))
    .map('text', ({ value }) => value.join(' '))
    .collect('pairs')
}

/** A step `divide` that fails. */
export function divisionByZero(p: Pipeline): void {
  p.create('numbers', [1, 0]).map('divide', (n) => {
    if (n === 0) throw new RangeError('division by zero')
    return 1 / n
  })
}

/** A step `measure` that counts a hundred numbers in every way there is, before and after a grouping of three keys. */
export function hundredMeasured(p: Pipeline): void {
  p.create(
    'numbers',
    Array.from({ length: 100 }, (_, n) => n),
  )
    .parDo('measure', {
      output: t.type({ key: t.number, value: t.number }),
      metrics: {
        seen: metric.counter(),
        size: metric.distribution(),
        half: metric.distribution(),
        last: metric.gauge(),
        names: metric.stringSet(),
        none: metric.counter(),
      },
      process: (n, { metrics, emit }) => {
        metrics.seen.inc()
        metrics.size.update(n)
        metrics.half.update(n / 2)
        metrics.last.set(7)
        metrics.names.add(`n${n % 3}`)
        emit(kv(n % 3, n))
      },
    })
    .groupByKey('group')
    .map('size', ({ value }) => [...value].length)
    .collect('sizes')
}

/** What {@link hundredMeasured} measures, and how many elements its steps have made. */
export const HUNDRED_MEASURED = {
  user: {
    seen: 100,
    size: { count: 100, sum: 4950, min: 0, max: 99, mean: 49.5 },
    half: { count: 100, sum: 2475, min: 0, max: 49.5, mean: 24.75 },
    last: 7,
    names: ['n0', 'n1', 'n2'],
    none: 0,
  },
  elements: { 'measure.out': 100, 'group.out': 3, 'size.out': 3 },
} as const

/** Sixty numbers that take 10 ms each, of one element that nobody cuts beforehand; `began` is told of each call that reads. */
export function slowSource(
  began: () => void,
  tracker: (range: OffsetRange) => OffsetRangeTracker = (range) => new OffsetRangeTracker(range),
): (p: Pipeline) => void {
  return (p) =>
    p
      .create('ends', [60])
      .apply(
        'count',
        splittableParDo({
          output: t.number,
          bounded: true,
          replayable: true,
          watermark: watermarks.none(),
          restrictionCodec: offsetRangeCodec,
          restriction: (end: number): OffsetRange => ({ from: 0, to: end }),
          tracker,
          process: async (_: number, claims: OffsetRangeTracker, { emit }: { readonly emit: (n: number) => void }) => {
            began()
            for (let i = claims.currentRestriction().from; claims.tryClaim(i); i++) {
              emit(i)
              await new Promise((resolve) => setTimeout(resolve, 10))
            }
          },
        }),
      )
      .collect('numbers')
}
