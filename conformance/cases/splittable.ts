/**
 * Splittable DoFns: work that is cut, put off and given away, and every position of it done once.
 */
import {
  GrowableRangeTracker,
  metric,
  type OffsetRange,
  offsetRangeCodec,
  OffsetRangeTracker,
  OneShotTracker,
  resume,
  source,
  splittableParDo,
  typed,
  UNKNOWN_END,
  UnsplittableRangeTracker,
  watermarks,
} from 'millrace'
import { assertThat, at, checkTracker, testStream } from 'millrace/testing'
import { type ConformanceCase, pipelineCase, unitCase } from './case.js'
import { expectSame } from './claims.js'
import { bounds, inParts, numbersOf, positionsOf, ranged, reader, type Reader, stepwise, upTo } from './readers.js'

/** Reads words letter by letter. */
const letters = {
  output: typed<string>(),
  bounded: true,
  replayable: true,
  watermark: watermarks.none(),
  restrictionCodec: offsetRangeCodec,
  process(word: string, tracker: OffsetRangeTracker, { emit }: { readonly emit: (letter: string) => void }): void {
    for (let i = tracker.currentRestriction().from; tracker.tryClaim(i); i++) emit(word.charAt(i))
  },
} as const

const work: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'SDF-01',
    name: 'each word becomes its letters, each letter once',
    needs: ['splittable.bounded'],
    build(p) {
      const out = p.create('words', ['abc', '', 'da']).apply(
        'letters',
        splittableParDo({
          ...letters,
          restriction: (word: string) => ({ from: 0, to: word.length }),
          tracker: (range: OffsetRange) => new OffsetRangeTracker(range),
        }),
      )
      assertThat('letters', out).containsInAnyOrder('a', 'b', 'c', 'd', 'a')
    },
  }),
  pipelineCase({
    id: 'SDF-02',
    name: 'what provides restrictions may be an object of its own, shared by several DoFns',
    needs: ['splittable.bounded'],
    build(p) {
      const ranges = {
        restriction: (word: string): OffsetRange => ({ from: 0, to: word.length }),
        tracker: (range: OffsetRange): OffsetRangeTracker => new OffsetRangeTracker(range),
        split: (_: string, range: OffsetRange, parts: number) => inParts(range, parts),
      }
      const words = p.create('words', ['abc', 'da'])
      const plain = words.apply('letters', splittableParDo({ ...letters, ...ranges }))
      assertThat('plain', plain).containsInAnyOrder('a', 'b', 'c', 'd', 'a')
      const places = words.apply(
        'places',
        splittableParDo({
          ...letters,
          ...ranges,
          process(word, tracker: OffsetRangeTracker, { emit }) {
            for (let i = tracker.currentRestriction().from; tracker.tryClaim(i); i++) emit(`${word}${i}`)
          },
        }),
      )
      assertThat('places', places).containsInAnyOrder('abc0', 'abc1', 'abc2', 'da0', 'da1')
    },
  }),
  ...[1, 2, 7, 100].map((parts) =>
    pipelineCase({
      id: `SDF-03/into-${parts}`,
      name: `work that is cut into ${parts} before it begins gives what it gives in one piece`,
      needs: ['splittable.bounded'],
      build(p) {
        const split = (_: unknown, range: OffsetRange): readonly OffsetRange[] => inParts(range, parts)
        assertThat('numbers', numbersOf(p, 'numbers', reader(60, { split }))).containsInAnyOrder(...upTo(60))
      },
    }),
  ),
  pipelineCase({
    id: 'SDF-04',
    name: 'what is emitted after a claim was refused is a mistake, and named',
    needs: ['splittable.bounded'],
    build: (p) =>
      void numbersOf(
        p,
        'numbers',
        reader(5, {
          process(_, tracker, { emit }) {
            let i = tracker.currentRestriction().from
            while (tracker.tryClaim(i)) i++
            emit(i)
          },
        }),
      ),
    fails: { message: /emit\(\d\) after a claim was refused/, step: 'numbers' },
  }),
  ...bounds.map(({ id, bounded, needs }) =>
    pipelineCase({
      id: `SDF-05/${id}`,
      name: `to stop before the end without asking to go on is an error, and no silent loss (${id})`,
      needs,
      build: (p) =>
        void numbersOf(
          p,
          'numbers',
          reader(5, {
            bounded,
            process: (_, tracker) => void tracker.tryClaim(tracker.currentRestriction().from),
            split: (_, range) => [range],
          }),
        ),
      // A runner may cut the work where the reader stops; not everywhere.
      notIn: { bundles: 'the bundle may end where the reader stops', strict: 'so may a part' },
      fails: { message: /tracker\.checkDone.*the rest would be lost/, step: 'numbers' },
    }),
  ),
  pipelineCase({
    id: 'SDF-06/backwards',
    name: 'a claim that goes backwards is an error',
    needs: ['splittable.bounded'],
    build: (p) =>
      void numbersOf(
        p,
        'numbers',
        reader(5, {
          process(_, tracker) {
            const { from } = tracker.currentRestriction()
            tracker.tryClaim(from)
            tracker.tryClaim(from)
          },
        }),
      ),
    fails: { message: /claim of position \d goes backwards/, step: 'numbers' },
  }),
  unitCase({
    id: 'SDF-06/outside',
    name: 'a claim before the range is an error, and one behind it is refused',
    check(claims) {
      claims.refuses(() => new OffsetRangeTracker({ from: 3, to: 5 }).tryClaim(2), {
        error: 'RangeError',
        message: /position 2/,
      })
      claims.same(new OffsetRangeTracker({ from: 3, to: 5 }).tryClaim(5), false)
      claims.refuses(() => new OffsetRangeTracker({ from: 5, to: 3 }), { message: /upside down/ })
    },
  }),
  ...bounds.flatMap(({ id, bounded, needs }) => [
    pipelineCase({
      id: `SDF-07/${id}`,
      name: `98,000 positions in uneven blocks of three claims come once each (${id})`,
      needs,
      notIn: { reexecuted: 'so many bundles, each of them twice, take half a minute; SDF-09 is attempted twice' },
      build(p) {
        const blocks = p.apply('blocks', source(blockwise(98_000, bounded)))
        assertThat('blocks', blocks).satisfies((values) => {
          expectSame(values.length, 98_000, 'number of positions')
          expectSame(new Set(values).size, 98_000, 'number of different positions')
          expectSame(
            values.reduce((sum, n) => sum + n, 0),
            (98_000 * 97_999) / 2,
            'sum',
          )
        })
      },
    }),
    pipelineCase({
      id: `SDF-09/${id}`,
      name: `a counter in process says how many positions were claimed, over all checkpoints (${id})`,
      needs,
      build(p) {
        assertThat('size', p.apply('blocks', source(blockwise(3000, bounded)))).hasSize(3000)
        return ({ result }, claims) => claims.same(result.metrics.get('blocks', 'claimed'), 3000, 'claimed')
      },
    }),
  ]),
  pipelineCase({
    id: 'SDF-08',
    name: 'a reader that asks for a delay is not called before it has passed, and others go on meanwhile',
    needs: ['splittable.unbounded', 'testStream', 'testStream.processingTime'],
    notIn: { strict: 'a script’s events may be cut, and its clock moves between the parts' },
    build(p) {
      const script = testStream<number>()
        .add(at(0, 3))
        .advanceProcessingTime(500)
        .add(at(0, 1))
        .advanceProcessingTime(500)
      const calls = p.apply('script', script.end()).apply(
        'slow',
        splittableParDo({
          ...ranged(2),
          output: typed<string>(),
          bounded: false,
          process(n: number, tracker: OffsetRangeTracker, { now, emit }) {
            const { from } = tracker.currentRestriction()
            if (!tracker.tryClaim(from)) return
            emit(`${n}.${from} at ${now()}`)
            return resume({ after: '1 second' })
          },
        }),
      )
      assertThat('calls', calls).containsInAnyOrder('3.0 at 0', '1.0 at 500', '3.1 at 1000', '1.1 at 1500')
    },
  }),
]

/** Claims blocks of uneven size, three a call. */
function blockwise(to: number, bounded: boolean) {
  return {
    ...reader(to, { bounded }),
    metrics: { claimed: metric.counter() },
    process(
      _: Uint8Array,
      tracker: OffsetRangeTracker,
      {
        emit,
        metrics,
      }: {
        readonly emit: (n: number) => void
        readonly metrics: { readonly claimed: { inc(by: number): void } }
      },
    ) {
      let { from } = tracker.currentRestriction()
      for (let claims = 0; claims < 3; claims++) {
        const asked = 1 + (from % 977)
        const granted = tracker.tryClaimBlock(from, asked)
        metrics.claimed.inc(granted)
        for (let i = 0; i < granted; i++) emit(from + i)
        from += granted
        if (granted < asked) return
      }
      return resume()
    },
  }
}

const splits: readonly ConformanceCase[] = [
  unitCase({
    id: 'SDF-10/tracker',
    name: 'a split in the middle gives two parts that are disjoint and together the whole, claimed positions first',
    check(claims) {
      const tracker = new OffsetRangeTracker({ from: 0, to: 10 })
      for (const i of [0, 1, 2, 3]) tracker.tryClaim(i)
      claims.same(tracker.trySplit(0.5), { from: 7, to: 10 }, 'residual')
      claims.same(tracker.currentRestriction(), { from: 0, to: 7 }, 'primary')
      claims.same(
        [4, 5, 6, 7].map((i) => tracker.tryClaim(i)),
        [true, true, true, false],
        'claims',
      )
      tracker.checkDone()
      const laws = checkTracker((range: OffsetRange) => new OffsetRangeTracker(range), {
        restriction: { from: 3, to: 12 },
        positions: positionsOf,
      })
      claims.holds((laws.checked.get('the parts of a split are disjoint and together the whole') ?? 0) > 40, 'trials')
    },
  }),
  pipelineCase({
    id: 'SDF-10',
    name: 'work that a runner splits while it is read is read once',
    needs: ['splittable.bounded'],
    build(p) {
      // Where a runner splits, it does so at fractions of its own choosing, of readers at work and of waiting ones.
      const split = (_: unknown, range: OffsetRange): readonly OffsetRange[] => inParts(range, 3)
      assertThat('whole', numbersOf(p, 'whole', reader(500))).containsInAnyOrder(...upTo(500))
      assertThat('cut', numbersOf(p, 'cut', reader(500, { split }))).containsInAnyOrder(...upTo(500))
    },
  }),
  unitCase({
    id: 'SDF-11',
    name: 'a split at 0 gives away everything that is not claimed, and the reader is soon done',
    check(claims) {
      const tracker = new OffsetRangeTracker({ from: 0, to: 10 })
      tracker.tryClaim(0)
      claims.same(tracker.trySplit(0), { from: 1, to: 10 }, 'residual')
      claims.same(tracker.tryClaim(1), false, 'next claim')
      tracker.checkDone()
      claims.same(tracker.trySplit(0), undefined, 'a second split')
    },
  }),
  unitCase({
    id: 'SDF-12/trackers',
    name: 'trackers that cannot be split refuse, and go on',
    check(claims) {
      const range = new UnsplittableRangeTracker({ from: 0, to: 4 })
      claims.same(range.trySplit(0.5), undefined, 'split of a range')
      claims.same(
        [0, 1, 2, 3, 4].map((i) => range.tryClaim(i)),
        [true, true, true, true, false],
        'claims',
      )
      const once = new OneShotTracker('all')
      claims.same(once.tryClaim(), true, 'claim')
      claims.same([once.trySplit(0), once.trySplit(0.5)], [undefined, undefined], 'splits of what is claimed')
      once.checkDone()
      const laws = checkTracker((of: OffsetRange) => new UnsplittableRangeTracker(of), {
        restriction: { from: 0, to: 6 },
        positions: positionsOf,
      })
      claims.holds(laws.checked.size === 4, 'all laws to be tried')
    },
  }),
  pipelineCase({
    id: 'SDF-12',
    name: 'what cannot be split is read by one reader from its beginning to its end, in order',
    needs: ['splittable.bounded'],
    inProcess: true,
    build(p) {
      const seen: number[] = []
      const tracker = (range: OffsetRange): OffsetRangeTracker => new UnsplittableRangeTracker(range)
      const process: Reader<Uint8Array>['process'] = (_, claimed, { emit }) => {
        for (let i = claimed.currentRestriction().from; claimed.tryClaim(i); i++) {
          seen.push(i)
          emit(i)
        }
      }
      assertThat('numbers', numbersOf(p, 'numbers', reader(200, { tracker, process }))).hasSize(200)
      const whole = p.apply(
        'once',
        source({
          ...ranged(0),
          output: typed<number>(),
          restriction: () => 100,
          restrictionCodec: typed<number>(),
          tracker: (count: number) => new OneShotTracker(count),
          process(_: Uint8Array, once: OneShotTracker<number>, { emit }) {
            if (once.tryClaim()) for (const i of upTo(once.currentRestriction())) emit(i)
          },
        }),
      )
      assertThat('once', whole).containsInAnyOrder(...upTo(100))
      return (_, claims) => claims.same(seen, upTo(200), 'order')
    },
  }),
  unitCase({
    id: 'SDF-26/progress',
    name: 'progress lies between 0 and 1, and what remains only shrinks',
    check(claims) {
      const tracker = new OffsetRangeTracker({ from: 10, to: 14 })
      const seen = [tracker.progress()]
      for (const i of [10, 12, 13]) {
        tracker.tryClaim(i)
        seen.push(tracker.progress())
      }
      claims.same(seen, [
        { completed: 0, remaining: 4 },
        { completed: 1, remaining: 3 },
        { completed: 3, remaining: 1 },
        { completed: 4, remaining: 0 },
      ])
    },
  }),
  ...[
    ['nan', Number.NaN],
    ['negative', -1],
    ['text', '5' as never],
  ].map(([id, size]) =>
    pipelineCase({
      id: `SDF-26/size-${id as string}`,
      name: `a size that is ${id as string} fails the step`,
      needs: ['splittable.bounded'],
      build: (p) => void numbersOf(p, 'numbers', reader(5, { size: () => size as number })),
      fails: { message: /size: the size must be a number from 0/, step: 'numbers' },
    }),
  ),
  unitCase({
    id: 'SDF-27/splits',
    name: 'a range that grows is split by what its end is thought to be',
    check(claims) {
      const tracker = new GrowableRangeTracker({ from: 0, to: UNKNOWN_END }, () => 100)
      tracker.tryClaim(9)
      claims.same(tracker.progress(), { completed: 10, remaining: 90 }, 'progress')
      claims.same(tracker.trySplit(0.5), { from: 55, to: UNKNOWN_END }, 'residual')
      claims.same(tracker.currentRestriction(), { from: 0, to: 55 }, 'primary')
      claims.refuses(() => new GrowableRangeTracker({ from: 0, to: UNKNOWN_END }, () => Number.NaN).progress(), {
        error: 'RangeError',
        message: /estimated end/,
      })
    },
  }),
  pipelineCase({
    id: 'SDF-27',
    name: 'a range that grows is read to its end, when that is known',
    needs: ['splittable.unbounded'],
    build(p) {
      const grown = numbersOf(
        p,
        'log',
        reader(0, {
          bounded: false,
          restriction: () => ({ from: 0, to: UNKNOWN_END }),
          tracker: (range) => new GrowableRangeTracker(range, () => 40),
          split: (_, range) => [range],
          process(_, tracker, { emit }) {
            let i = tracker.currentRestriction().from
            for (; i < 40 && tracker.tryClaim(i); i++) emit(i)
            if (i === 40) tracker.tryClaim(UNKNOWN_END)
          },
        }),
      )
      assertThat('log', grown).containsInAnyOrder(...upTo(40))
    },
  }),
  pipelineCase({
    id: 'SDF-37',
    name: '10,000 checkpoints in a row leave nothing undone and do nothing twice',
    needs: ['splittable.unbounded'],
    isLong: true,
    build(p) {
      const numbers = numbersOf(p, 'numbers', reader(10_000, { bounded: false, process: stepwise }))
      assertThat('numbers', numbers).satisfies((values) => {
        expectSame([values.length, new Set(values).size], [10_000, 10_000], 'positions, and different ones')
      })
    },
  }),
]

/** The cases. */
export const cases: readonly ConformanceCase[] = [...work, ...splits]
