/**
 * Reshuffle: the stage ends, and nothing of an element changes.
 */
import * as t from 'io-ts'
import {
  END_OF_GLOBAL_WINDOW,
  fixedWindows,
  flatten,
  kv,
  pipeline,
  sessionWindows,
  slidingWindows,
  TIMESTAMP_MIN,
} from 'millrace'
import { assertThat, at, type ObservedElement, testStream } from 'millrace/testing'
import { type ConformanceCase, constructionCase, pipelineCase } from './case.js'
import { expectSameInAnyOrder } from './claims.js'

/** A judge of everything but values: timestamp, window, timing, index and whether it is the last. */
function factsAre(
  ...expected: readonly (readonly [timestamp: number, start: number, end: number, ...pane: unknown[]])[]
): (values: readonly unknown[], elements: readonly ObservedElement<unknown>[]) => void {
  return (_, elements) =>
    expectSameInAnyOrder(
      elements.map(({ timestamp, window: { start, end }, timing, paneIndex, isLast }) => [
        timestamp,
        start,
        end,
        timing,
        paneIndex,
        isLast,
      ]),
      expected,
      'facts',
    )
}

const windowings = [
  { id: 'fixed', fn: fixedWindows(10), needs: [], bounds: [[0, 10]] },
  {
    id: 'sliding',
    fn: slidingWindows(10, { every: 5 }),
    needs: [],
    bounds: [
      [-5, 5],
      [0, 10],
    ],
  },
  { id: 'sessions', fn: sessionWindows(3), needs: ['windows.merging'], bounds: [[4, 7]] },
] as const

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'RSH-01',
    name: 'everything comes as often as it was there, keyed or not',
    needs: ['reshuffle'],
    build(p) {
      assertThat('plain', p.create('plain', [1, 2, 2]).reshuffle('spread')).containsInAnyOrder(2, 1, 2)
      const pairs = [kv('a', 1), kv('b', 2), kv('a', 1)]
      assertThat('keyed', p.create('keyed', pairs).reshuffle('spread keyed')).containsInAnyOrder(...pairs)
    },
  }),
  pipelineCase({
    id: 'RSH-02',
    name: 'timestamps stay, those at the ends of time too',
    needs: ['reshuffle'],
    build(p) {
      const times = [TIMESTAMP_MIN, -1, 0, 5, END_OF_GLOBAL_WINDOW]
      const spread = p.create('timed', times, { timestamp: (n) => n }).reshuffle('spread')
      assertThat('timestamps', spread).satisfies((_, elements) =>
        expectSameInAnyOrder(
          elements.map(({ value, timestamp }) => [value, timestamp]),
          times.map((time) => [time, time]),
        ),
      )
    },
  }),
  ...windowings.flatMap(({ id, fn, needs, bounds }) => [
    pipelineCase({
      id: `RSH-03/${id}`,
      name: `windows stay (${id})`,
      needs: ['reshuffle'],
      build(p) {
        const timed = p.create('timed', [4], { timestamp: (n) => n }).windowInto('windows', fn)
        assertThat('facts', timed.reshuffle('spread')).satisfies(
          factsAre(...bounds.map(([start, end]) => [4, start, end, 'unknown', 0, true] as const)),
        )
      },
    }),
    pipelineCase({
      id: `RSH-03/${id}-grouped`,
      name: `windows, timestamps and panes stay after a grouping (${id})`,
      needs: ['reshuffle', ...needs],
      brokenOn: [{ runner: 'flink', reason: 'its batch grouping says nothing of panes: it sends them as those that never fired' }], // prettier-ignore
      build(p) {
        const timed = p.create('timed', [4], { timestamp: (n) => n }).windowInto('windows', fn)
        const grouped = timed.keyBy('one', () => 'k').groupByKey('group')
        assertThat('facts', grouped.reshuffle('spread')).satisfies(
          factsAre(...bounds.map(([start, end]) => [end - 1, start, end, 'onTime', 0, true] as const)),
        )
      },
    }),
  ]),
  pipelineCase({
    id: 'RSH-04',
    name: 'panes stay: the late ones too',
    needs: ['reshuffle', 'testStream', 'lateness'],
    notIn: { strict: 'bundles of the script are cut' },
    build(p) {
      const script = testStream<number>().add(at(1, 1)).advanceWatermarkTo(11).add(at(2, 2))
      const grouped = p
        .apply('script', script.end())
        .windowInto('tens', fixedWindows(10), { allowedLateness: 100 })
        .keyBy('one', () => 'k')
        .groupByKey('group')
      assertThat('facts', grouped.reshuffle('spread')).satisfies(
        factsAre([9, 0, 10, 'onTime', 0, false], [9, 0, 10, 'late', 1, false]),
      )
    },
  }),
  pipelineCase({
    id: 'RSH-05',
    name: 'elements pass at once, and do not wait for the watermark',
    needs: ['reshuffle', 'testStream'],
    build(p) {
      // Behind the reshuffle 50 would be late, had 1 waited for a watermark of its own.
      const script = testStream<number>().add(at(1, 1)).advanceWatermarkTo(50).add(at(50, 50)).advanceWatermarkTo(100)
      const grouped = p
        .apply('script', script.end())
        .reshuffle('spread')
        .windowInto('tens', fixedWindows(10))
        .keyBy('one', () => 'k')
        .groupByKey('group')
      assertThat(
        'groups',
        grouped.map('list', ({ value }) => [...value]),
      ).containsInAnyOrder([1], [50])
      return ({ result }, claims) => claims.same(result.metrics.counter('droppedDueToLateness'), 0, 'dropped')
    },
  }),
  pipelineCase({
    id: 'RSH-06',
    name: 'late elements pass, and are not counted as dropped',
    needs: ['reshuffle', 'testStream'],
    build(p) {
      const script = testStream<number>().advanceWatermarkTo(100).add(at(1, 1), at(101, 101))
      const spread = p.apply('script', script.end()).windowInto('tens', fixedWindows(10)).reshuffle('spread')
      assertThat('all', spread).containsInAnyOrder(1, 101)
      return ({ result }, claims) => claims.same(result.metrics.counter('droppedDueToLateness'), 0, 'dropped')
    },
  }),
  constructionCase({
    id: 'RSH-07',
    name: 'the output has the windowing of the input',
    check(claims) {
      const p = pipeline()
      p.create('numbers', [1])
        .windowInto('sessions', sessionWindows(10), { allowedLateness: 5, accumulation: 'accumulating' })
        .reshuffle('spread')
      const { collections } = p.build().graph.components
      const of = (id: string): unknown => collections.get(id)?.windowingStrategyId
      claims.holds(of('sessions.out') !== undefined, 'a windowing of the input')
      claims.same(of('spread.out'), of('sessions.out'), 'windowing')
    },
  }),
  pipelineCase({
    id: 'RSH-09',
    name: 'spread over buckets of random keys, and brought back, a collection has everything once',
    needs: ['reshuffle'],
    build(p) {
      const numbers = Array.from({ length: 500 }, (_, n) => n)
      for (const buckets of [1, 7, 1000]) {
        const spread = p
          .create(`numbers of ${buckets}`, numbers)
          .parDo(`bucket of ${buckets}`, {
            output: t.type({ key: t.number, value: t.number }),
            process: (n, { random, emit }) => emit(kv(Math.floor(random() * buckets), n)),
          })
          .reshuffle(`spread over ${buckets}`)
          .map(`back of ${buckets}`, ({ value }) => value)
        assertThat(`all of ${buckets}`, spread).containsInAnyOrder(...numbers)
      }
    },
  }),
  pipelineCase({
    id: 'RSH-11',
    name: 'what comes after a reshuffle is attempted again with the same values, though what was before draws lots',
    needs: ['reshuffle'],
    build(p) {
      // Before it: every element with a number drawn for it. After it: two branches that must agree on these.
      const drawn = p
        .create('numbers', [1, 2, 3, 4, 5])
        .parDo('draw', {
          output: t.type({ key: t.number, value: t.number }),
          process: (n, { random, emit }) => emit(kv(n, random())),
        })
        .reshuffle('keep')
      const [a, b] = [drawn.map('first', (each) => each), drawn.map('second', (each) => each)]
      const differing = flatten('both', [a, b])
        .groupByKey('by number')
        .filter('differing', ({ value }) => new Set(value).size !== 1)
      assertThat('differing', differing).isEmpty()
      assertThat(
        'numbers again',
        drawn.map('number', ({ key }) => key),
      ).containsInAnyOrder(1, 2, 3, 4, 5)
    },
  }),
]
