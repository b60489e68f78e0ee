/**
 * Metrics: what DoFns count, and what the engine counts.
 */
import * as t from 'io-ts'
import {
  fixedWindows,
  flatten,
  kv,
  metric,
  type OffsetRange,
  offsetRangeCodec,
  OffsetRangeTracker,
  type PCollection,
  type Pipeline,
  pipeline,
  source,
  state,
  timer,
  watermarks,
} from 'millrace'
import { assertThat, at, testStream } from 'millrace/testing'
import { type ConformanceCase, constructionCase, pipelineCase } from './case.js'

const numbersOf = (p: Pipeline): PCollection<number> => p.create('numbers', [1, 2, 3])

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'MET-01',
    name: 'a counter is the sum of what process, timers and the ends of bundles have added and taken away',
    needs: ['timers.eventTime', 'state.value'],
    build(p) {
      numbersOf(p)
        .keyBy('one', () => 'k')
        .parDo('count', {
          state: { seen: state.value(t.number) },
          timers: { later: timer.eventTime() },
          metrics: { calls: metric.counter(), bundles: metric.counter() },
          startBundle: ({ metrics }) => metrics.bundles.inc(),
          process(_, { metrics, timers }) {
            metrics.calls.inc(10)
            metrics.calls.dec(3)
            timers.later.set(100)
          },
          onTimer: { later: ({ metrics }) => metrics.calls.inc(1000) },
          finishBundle: ({ metrics }) => metrics.bundles.dec(),
        })
      return ({ result: { metrics } }, claims) => {
        claims.same(metrics.get('count', 'calls'), 1021, 'calls')
        claims.same(metrics.get('count', 'bundles'), 0, 'bundles begun and not finished')
      }
    },
  }),
  pipelineCase({
    id: 'MET-02',
    name: 'a counter of one name in two steps is two counters',
    build(p) {
      const counting = (by: number) => ({
        output: t.number,
        metrics: { seen: metric.counter() },
        process(
          n: number,
          {
            metrics,
            emit,
          }: { readonly metrics: { readonly seen: { inc(by?: number): void } }; readonly emit: (n: number) => void },
        ) {
          metrics.seen.inc(by)
          emit(n)
        },
      })
      const out = numbersOf(p).parDo('first', counting(1)).parDo('second', counting(5))
      assertThat('out', out).containsInAnyOrder(1, 2, 3)
      return ({ result: { metrics } }, claims) => {
        claims.same(metrics.get('first', 'seen'), 3, 'first')
        claims.same(metrics.get('second', 'seen'), 15, 'second')
        claims.same(metrics.get('third', 'seen'), undefined, 'of a step that there is not')
        claims.same(metrics.user.filter(({ name }) => name === 'seen').length, 2, 'counters of this name')
      }
    },
  }),
  pipelineCase({
    id: 'MET-03',
    name: 'a distribution has count, sum, smallest, largest and mean',
    build(p) {
      p.create('numbers', [1, 3]).parDo('measure', {
        metrics: { size: metric.distribution() },
        process: (n, { metrics }) => metrics.size.update(n),
      })
      return ({ result }, claims) =>
        claims.same(result.metrics.get('measure', 'size'), { count: 2, sum: 4, min: 1, max: 3, mean: 2 }, 'size')
    },
  }),
  pipelineCase({
    id: 'MET-04',
    name: 'a gauge is what was set last',
    build(p) {
      // Of one element: their order is that of the list, and one partition has them all.
      const numbers = p.create('one', [[1, 2, 3]]).flatMap('numbers', (all) => all)
      numbers.parDo('measure', {
        metrics: { last: metric.gauge() },
        process: (n, { metrics }) => metrics.last.set(n),
      })
      return ({ result }, claims) => claims.same(result.metrics.get('measure', 'last'), 3, 'last')
    },
  }),
  pipelineCase({
    id: 'MET-05',
    name: 'a set of strings has each that there was, once',
    build(p) {
      p.create('words', ['b', 'a', 'b', 'c', 'a']).parDo('note', {
        metrics: { seen: metric.stringSet() },
        process: (word, { metrics }) => metrics.seen.add(word),
      })
      return ({ result }, claims) => claims.same(result.metrics.get('note', 'seen'), ['a', 'b', 'c'], 'seen')
    },
  }),
  pipelineCase({
    id: 'MET-06',
    name: 'metrics of the result are of bundles that were kept: what was attempted and thrown away does not count',
    needs: ['state.value'],
    build(p) {
      const seen = p.create('words', ['a', 'b', 'a']).parDo('plain', {
        output: t.string,
        metrics: { seen: metric.counter(), sizes: metric.distribution(), words: metric.stringSet() },
        process(word, { metrics, emit }) {
          metrics.seen.inc()
          metrics.sizes.update(word.length)
          metrics.words.add(word)
          emit(word)
        },
      })
      seen
        .keyBy('word', (word) => word)
        .parDo('keyed', {
          state: { last: state.value(t.string) },
          metrics: { seen: metric.counter(), sizes: metric.distribution() },
          process({ value }, { metrics }) {
            metrics.seen.inc()
            metrics.sizes.update(value.length)
          },
        })
      return ({ result: { metrics } }, claims) => {
        const sizes = { count: 3, sum: 3, min: 1, max: 1, mean: 1 }
        for (const step of ['plain', 'keyed'])
          claims.same([metrics.get(step, 'seen'), metrics.get(step, 'sizes')], [3, sizes], step)
        claims.same(metrics.get('plain', 'words'), ['a', 'b'], 'words')
      }
    },
  }),
  pipelineCase({
    id: 'MET-08',
    name: 'what a source counts while it reads is counted at its step',
    build(p) {
      const numbers = source({
        output: t.number,
        bounded: true,
        replayable: true,
        watermark: watermarks.none(),
        restriction: () => ({ from: 0, to: 100 }),
        restrictionCodec: offsetRangeCodec,
        tracker: (range: OffsetRange) => new OffsetRangeTracker(range),
        metrics: { claimed: metric.counter() },
        process(_: Uint8Array, tracker: OffsetRangeTracker, { emit, metrics }) {
          for (let n = tracker.currentRestriction().from; tracker.tryClaim(n); n++) {
            metrics.claimed.inc()
            emit(n)
          }
        },
      })
      assertThat('numbers', p.apply('read', numbers)).containsInAnyOrder(...Array.from({ length: 100 }, (_, n) => n))
      return ({ result }, claims) => claims.same(result.metrics.get('read', 'claimed'), 100, 'claimed')
    },
  }),
  pipelineCase({
    id: 'MET-09',
    name: 'a counter that nobody used is zero, and a distribution without values has none',
    build(p) {
      numbersOf(p).parDo('idle', {
        metrics: { never: metric.counter(), size: metric.distribution() },
        process: () => undefined,
      })
      return ({ result: { metrics } }, claims) => {
        claims.same(metrics.get('idle', 'never'), 0, 'never')
        claims.same(
          metrics.get('idle', 'size'),
          { count: 0, sum: 0, min: undefined, max: undefined, mean: undefined },
          'size',
        )
      }
    },
  }),
  pipelineCase({
    id: 'MET-11',
    name: 'elements are counted as they are: after a map, in each of several outputs, in a union',
    build(p) {
      const numbers = numbersOf(p)
      const mapped = numbers.map('next', (n) => n + 1)
      const { twice, once } = mapped.parDo('split', {
        outputs: { twice: t.number, once: t.number },
        process(n, { emit }) {
          emit.twice(n)
          emit.twice(n)
          emit.once(n)
        },
      })
      assertThat('all', flatten('all', [twice, once])).containsInAnyOrder(2, 2, 2, 3, 3, 3, 4, 4, 4)
      return ({ result: { metrics } }, claims) => {
        const counts = ['numbers.out', 'next.out', 'split.twice', 'split.once', 'all.out'].map((id) => [
          id,
          metrics.elements.get(id),
        ])
        claims.same(
          counts.filter(([id]) => id !== 'numbers.out'),
          [
            ['next.out', 3],
            ['split.twice', 6],
            ['split.once', 3],
            ['all.out', 9],
          ],
          'elements',
        )
      }
    },
  }),
  pipelineCase({
    id: 'MET-14',
    name: 'negative counters are exact, and so are those beyond 2^53',
    build(p) {
      const { MAX_SAFE_INTEGER } = Number
      numbersOf(p).parDo('count', {
        metrics: { below: metric.counter(), large: metric.counter() },
        process(_, { metrics }) {
          metrics.below.dec(7)
          metrics.large.inc(MAX_SAFE_INTEGER)
        },
      })
      return ({ result: { metrics } }, claims) => {
        claims.same(metrics.get('count', 'below'), -21, 'below zero')
        claims.same(metrics.get('count', 'large'), 3n * BigInt(MAX_SAFE_INTEGER), 'beyond 2^53')
      }
    },
  }),
  pipelineCase({
    id: 'MET-15',
    name: 'a metric may have any name but none',
    build(p) {
      numbersOf(p).parDo('count', {
        metrics: { 'größe: 1/2 "x"': metric.counter() },
        process: (_, { metrics }) => metrics['größe: 1/2 "x"'].inc(),
      })
      return ({ result }, claims) => claims.same(result.metrics.get('count', 'größe: 1/2 "x"'), 3, 'counter')
    },
  }),
  constructionCase({
    id: 'MET-15/empty',
    name: 'a metric without a name is refused',
    check: (claims) =>
      void claims.refuses(
        () => numbersOf(pipeline()).parDo('count', { metrics: { '': metric.counter() }, process: () => undefined }),
        { message: /metric without a name/, step: 'count' },
      ),
  }),
  pipelineCase({
    id: 'MET-17',
    name: 'elements that are dropped as too late are counted at their step',
    needs: ['testStream'],
    build(p) {
      const script = testStream<number>().advanceWatermarkTo(100).add(at(1, 1), at(2, 2), at(101, 101))
      const grouped = p
        .apply('script', script.end())
        .windowInto('tens', fixedWindows(10))
        .map('pair', (n) => kv('k', n))
        .groupByKey('group')
      assertThat(
        'groups',
        grouped.map('list', ({ value }) => [...value]),
      ).containsInAnyOrder([101])
      return ({ result: { metrics } }, claims) => {
        claims.same(metrics.counter('droppedDueToLateness', 'group'), 2, 'dropped at the grouping')
        claims.same(metrics.counter('droppedDueToLateness', 'pair'), 0, 'dropped before')
      }
    },
  }),
]
