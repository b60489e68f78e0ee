/**
 * Late data: what a window still takes, what is dropped, and what is said of it.
 */
import * as t from 'io-ts'
import {
  afterCount,
  type Duration,
  fixedWindows,
  flatten,
  type KV,
  type LateElement,
  type PCollection,
  type Pipeline,
  pipeline,
  sessionWindows,
  slidingWindows,
  state,
  sum,
  type WindowFn,
  type WindowingOptions,
} from 'millrace'
import { assertThat, at, testStream } from 'millrace/testing'
import { type ConformanceCase, constructionCase, pipelineCase, transcript } from './case.js'
import { dropped, end, expectPanes, input, keyed, pane, valueAt, watermark } from './transcript.js'

const tens = fixedWindows(10)
const oneKey = (collection: PCollection<number>): PCollection<KV<string, number>> =>
  collection.keyBy('by one key', () => 'k')

/** 1 in time, then 2 and 15 behind a watermark of 30. */
const late = (p: Pipeline): PCollection<number> =>
  p.apply('script', testStream<number>().add(at(1, 1)).advanceWatermarkTo(30).add(at(2, 2), at(15, 15)).end())

/** The late elements of a step, as text: `step: 2 at 2 in [0, 10), late`. */
function lateOf(
  p: Pipeline,
  step: (lateData: WindowingOptions['lateData']) => unknown,
  ...expected: readonly string[]
): void {
  const handler = p.lateData('too late', (elements) =>
    assertThat('late', elements.map('as text', textOf)).containsInAnyOrder(...expected),
  )
  step(handler)
}

function textOf({ step, element, timestamp, window, reason }: LateElement): string {
  const value = typeof element === 'number' ? element : (element as KV<string, number>).value
  return `${step}: ${value} at ${timestamp} in [${window.start}, ${window.end}), ${reason}`
}

/** The lateness of a collection's windowing, as it stands in the graph. */
function latenessOf(build: (numbers: PCollection<number>) => PCollection<number>): number | undefined {
  const p = pipeline()
  const { id } = build(p.create('numbers', [1]))
  const { collections, windowingStrategies } = p.build().graph.components
  return windowingStrategies.get(collections.get(id)?.windowingStrategyId ?? '')?.allowedLatenessMillis
}

/** A step that says each element that it is given, with how many it has seen of its window. */
const counting = {
  output: t.string,
  state: { seen: state.value(t.number) },
  process(
    { value }: KV<string, number>,
    {
      state: { seen },
      emit,
    }: {
      readonly state: { readonly seen: { read(): number | undefined; write(n: number): void } }
      readonly emit: (text: string) => void
    },
  ): void {
    const number = (seen.read() ?? 0) + 1
    seen.write(number)
    emit(`${value}, number ${number}`)
  },
}

/** Steps that keep something for a window. */
const keeping: readonly (readonly [id: string, step: (input: PCollection<number>) => PCollection<unknown>])[] = [
  ['group', (input) => oneKey(input).groupByKey('group')],
  ['combine', (input) => input.combineGlobally('group', sum(), { whenEmpty: 'nothing' })],
  ['state', (input) => oneKey(input).parDo('group', counting)],
]

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  transcript({
    id: 'LAT-01',
    name: 'a late element gives a late pane while the window is kept, and is dropped and counted afterwards',
    needs: ['lateness'],
    windowFn: tens,
    options: { allowedLateness: 20 },
    events: [
      input(1),
      watermark(25),
      expectPanes(pane([0, 10], [1], 'onTime', 0, { ns: 0, last: false, at: 9 })),
      input(2),
      expectPanes(pane([0, 10], [2], 'late', 1, { ns: 1, last: false, at: 9 })),
      watermark(31),
      input(3),
      dropped(1),
      end(),
    ],
  }),
  transcript({
    id: 'LAT-02',
    name: 'without lateness a window takes nothing once it has ended',
    windowFn: tens,
    events: [
      input(1),
      watermark(10),
      expectPanes(pane([0, 10], [1], 'onTime', 0, { last: true })),
      input(5, 11),
      dropped(1),
      end(),
      expectPanes(pane([10, 20], [11], 'onTime', 0)),
    ],
  }),
  transcript({
    id: 'LAT-03',
    name: 'an element far behind the watermark is not late while its window is open',
    windowFn: fixedWindows(1000),
    events: [
      watermark(999),
      input(1),
      watermark(1000),
      expectPanes(pane([0, 1000], [1], 'onTime', 0, { at: 999 })),
      end(),
      dropped(0),
    ],
  }),
  transcript({
    id: 'LAT-03/long',
    name: 'in a window of a hundred years nothing is late for decades',
    windowFn: fixedWindows('36500 days'),
    events: [
      watermark(1e12),
      input(1),
      watermark(2e12),
      input(2),
      end(),
      expectPanes(pane([0, 36_500 * 86_400_000], [1, 2], 'onTime', 0)),
    ],
  }),
  transcript({
    id: 'LAT-04',
    name: 'of several windows those that have expired drop the element, each counted, and the others take it',
    windowFn: slidingWindows(30, { every: 10 }),
    events: [
      watermark(15),
      input(5), //                                              [-20, 10) has expired
      dropped(1),
      watermark(40),
      expectPanes(pane([-10, 20], [5], 'onTime', 0, { at: 19 }), pane([0, 30], [5], 'onTime', 0, { at: 29 })),
      input(6), //                                              and so have all three
      dropped(3),
      input(38),
      dropped(1),
      end(),
      expectPanes(pane([20, 50], [38], 'onTime', 0), pane([30, 60], [38], 'onTime', 0)),
    ],
  }),
  transcript({
    id: 'LAT-05',
    name: 'a first element that is too late is dropped, and what comes in time afterwards is not touched by it',
    needs: ['lateness'],
    windowFn: tens,
    options: { allowedLateness: 10 },
    events: [
      watermark(100),
      input(5),
      dropped(1),
      input(105),
      watermark(110),
      expectPanes(pane([100, 110], [105], 'onTime', 0, { ns: 0, last: false, at: 109 })),
      end(),
    ],
  }),
  pipelineCase({
    id: 'LAT-06',
    name: 'steps without a grouping pass late elements on: map, DoFn, union, further outputs, reshuffle',
    needs: ['testStream', 'reshuffle'],
    build(p) {
      const windowed = late(p).windowInto('tens', tens)
      const emitted = windowed.parDo('outputs', {
        outputs: { main: t.number, more: t.number },
        process: (n, { emit }) => emit.more(n),
      })
      const passed = {
        map: windowed.map('map', (n) => n),
        flatMap: windowed.flatMap('flatMap', (n) => [n]),
        outputs: emitted.more,
        flatten: flatten('flatten', [windowed.filter('some', (n) => n > 1), windowed.filter('others', (n) => n <= 1)]),
        reshuffle: windowed.reshuffle('reshuffle'),
      }
      for (const [name, collection] of Object.entries(passed))
        assertThat(`after ${name}`, collection).containsInAnyOrder(1, 2, 15)
      return ({ result }, claims) => claims.same(result.metrics.counter('droppedDueToLateness'), 0, 'dropped')
    },
  }),
  ...keeping.map(([id, step]) =>
    pipelineCase({
      id: `LAT-06/${id}`,
      name: `what keeps data for a window drops what is late for it, and says at which step: ${id}`,
      needs: [
        'testStream',
        ...(id === 'combine' ? (['combine'] as const) : []),
        ...(id === 'state' ? (['state.value'] as const) : []),
      ],
      // Strict mode combines before the grouping, where two late elements of two windows are still two.
      build(p) {
        assertThat(
          'once',
          step(late(p).windowInto('tens', tens)).map('one', () => 1),
        ).containsInAnyOrder(1)
        return ({ result }, claims) => claims.same(result.metrics.counter('droppedDueToLateness'), 2, 'dropped')
      },
    }),
  ),
  pipelineCase({
    id: 'LAT-07',
    name: 'a stateful step takes late elements until its window expires; then it drops them, and state stays gone',
    needs: ['testStream', 'state.value', 'onWindowExpiration', 'lateness'],
    build(p) {
      const script = testStream<number>()
        .add(at(1, 1))
        .advanceWatermarkTo(29)
        .add(at(2, 2))
        .advanceWatermarkTo(30)
        .add(at(3, 3))
        .advanceWatermarkTo(60)
        .add(at(4, 4))
      const seen = oneKey(p.apply('script', script.end()).windowInto('tens', tens, { allowedLateness: 20 })).parDo(
        'count',
        {
          ...counting,
          onWindowExpiration: ({ state: { seen: cell }, emit }) => emit(`expired with ${cell.read()}`),
        },
      )
      assertThat('seen', seen).containsInAnyOrder('1, number 1', '2, number 2', 'expired with 2')
      return ({ result }, claims) => claims.same(result.metrics.counter('droppedDueToLateness'), 2, 'dropped')
    },
  }),
  pipelineCase({
    id: 'LAT-08',
    name: 'of bounded input nothing is late, in whatever order it comes',
    needs: ['state.value', 'combine', 'windows.merging'],
    build(p) {
      const numbers = Array.from({ length: 100 }, (_, n) => (n * 37) % 1000)
      const moved = p.create('numbers', numbers).withTimestamps('times', (n) => n)
      const stamped = p.create('numbers too', numbers, { timestamp: (n) => n })
      for (const [name, input] of [
        ['moved', moved],
        ['stamped', stamped],
      ] as const) {
        const sizes = p.apply(name, () => {
          const pairs = oneKey(input)
          const fixed = pairs.windowInto('tens', tens)
          return {
            groups: fixed.groupByKey('group').map('size', ({ value }) => [...value].length),
            counts: fixed.countPerKey('count').map('number', ({ value }) => value),
            sessions: pairs
              .windowInto('sessions', sessionWindows(5))
              .groupByKey('by session')
              .map('length', ({ value }) => [...value].length),
            calls: fixed.parDo('calls', counting).map('one', () => 1),
          }
        })
        for (const [of, numbersOf] of Object.entries(sizes))
          assertThat(
            `all of ${name} in ${of}`,
            numbersOf
              .windowInto(`together ${name} ${of}`, fixedWindows('1 day'))
              .combineGlobally(`sum ${name} ${of}`, sum(), { whenEmpty: 'nothing' }),
          ).containsInAnyOrder(100)
      }
      return ({ result }, claims) => claims.same(result.metrics.counter('droppedDueToLateness'), 0, 'dropped')
    },
  }),
  transcript({
    id: 'LAT-09',
    name: 'an element is kept while the watermark is at the last timestamp of its window and lateness, and dropped after it',
    needs: ['lateness'],
    windowFn: tens,
    options: { allowedLateness: 20 },
    events: [
      watermark(29),
      input(1),
      expectPanes(pane([0, 10], [1], 'late', 0, { ns: 0, last: false, at: 9 })),
      watermark(30),
      input(2),
      dropped(1),
    ],
  }),
  transcript({
    id: 'LAT-10',
    name: 'a session element is late by its own window, though a session is open that it would have been part of',
    needs: ['windows.merging'],
    windowFn: sessionWindows(10),
    events: [
      input(20, 29),
      watermark(25),
      input(12), //                                             its own window [12, 22) has expired
      dropped(1),
      end(),
      expectPanes(pane([20, 39], [20, 29], 'onTime', 0, { at: 38 })),
    ],
  }),
  transcript({
    id: 'LAT-10/kept',
    name: 'within the allowed lateness of its own window it is taken in',
    needs: ['windows.merging', 'lateness'],
    windowFn: sessionWindows(10),
    options: { allowedLateness: 5 },
    events: [
      input(20, 29),
      watermark(25),
      input(12),
      end(),
      expectPanes(pane([12, 39], [12, 20, 29], 'onTime', 0, { at: 38 })),
    ],
  }),
  constructionCase({
    id: 'LAT-11',
    name: 'a second windowing keeps the larger lateness, which the graph says',
    check(claims) {
      const twice = (first: Duration, second: Duration) => (numbers: PCollection<number>) =>
        numbers
          .windowInto('first', tens, { allowedLateness: first })
          .windowInto('second', tens, { allowedLateness: second })
      claims.same(latenessOf(twice(20, 5)), 20, 'of 20 and 5')
      claims.same(latenessOf(twice(5, '1 second')), 1000, 'of 5 and a second')
      claims.same(
        latenessOf((numbers) => numbers.windowInto('first', tens, { allowedLateness: 20 }).windowInto('second', tens)),
        20,
        'where the second says nothing',
      )
      claims.same(
        latenessOf((numbers) => numbers.windowInto('first', tens)),
        0,
        'where nobody says anything',
      )
    },
  }),
  pipelineCase({
    id: 'LAT-11/run',
    name: 'the lateness of the first windowing holds behind a second that says less',
    needs: ['testStream', 'lateness'],
    build(p) {
      const script = testStream<number>().advanceWatermarkTo(25).add(at(1, 1)).advanceWatermarkTo(31).add(at(2, 2))
      const windowed = p
        .apply('script', script.end())
        .windowInto('first', tens, { allowedLateness: 20 })
        .windowInto('second', tens, { allowedLateness: 5 })
      const groups = oneKey(windowed).groupByKey('group')
      assertThat(
        'groups',
        groups.map('values', ({ value }) => [...value]),
      ).containsInAnyOrder([1])
      return ({ result }, claims) => claims.same(result.metrics.counter('droppedDueToLateness'), 1, 'dropped')
    },
  }),
  ...(
    [
      ['grouping', tens, (input) => oneKey(input).groupByKey('step'), ['2 at 2 in [0, 10)', '15 at 15 in [10, 20)']],
      [
        'combine',
        tens,
        (input) => oneKey(input).combinePerKey('step', sum()),
        ['2 at 2 in [0, 10)', '15 at 15 in [10, 20)'],
      ],
      ['state', tens, (input) => oneKey(input).parDo('step', counting), ['2 at 2 in [0, 10)', '15 at 15 in [10, 20)']],
      [
        'global',
        tens,
        (input) => input.combineGlobally('step', sum(), { whenEmpty: 'nothing' }),
        ['2 at 2 in [0, 10)', '15 at 15 in [10, 20)'],
      ],
      [
        'sliding',
        slidingWindows(20, { every: 10 }),
        (input) => oneKey(input).groupByKey('step'),
        ['2 at 2 in [-10, 10)', '2 at 2 in [0, 20)', '15 at 15 in [0, 20)', '15 at 15 in [10, 30)'],
      ],
      [
        'sessions',
        sessionWindows(5),
        (input) => oneKey(input).groupByKey('step'),
        ['2 at 2 in [2, 7)', '15 at 15 in [15, 20)'],
      ],
    ] satisfies readonly (readonly [string, WindowFn, (input: PCollection<number>) => unknown, readonly string[]])[]
  ).map(([id, windowFn, step, expected]) =>
    pipelineCase({
      id: `LAT-12/${id}`,
      name: `what is dropped goes to the handler of late data, once for each window, with window and reason: ${id}`,
      needs: [
        'testStream',
        'lateData.output',
        ...(id === 'combine' || id === 'global' ? (['combine'] as const) : []),
        ...(id === 'state' ? (['state.value'] as const) : []),
        ...(id === 'sessions' ? (['windows.merging'] as const) : []),
      ],
      build(p) {
        lateOf(
          p,
          (lateData) => step(late(p).windowInto('windows', windowFn, lateData === undefined ? {} : { lateData })),
          ...expected.map((text) => `step: ${text}, late`),
        )
        return ({ result }, claims) =>
          claims.same(result.metrics.counter('droppedDueToLateness'), expected.length, 'counted')
      },
    }),
  ),
  pipelineCase({
    id: 'LAT-12/closed',
    name: 'an element whose window its trigger has closed says so',
    needs: ['testStream', 'lateData.output', 'triggers.early'],
    build(p) {
      const script = testStream<number>().add(at(1, 1)).add(at(2, 2))
      lateOf(
        p,
        (lateData) =>
          oneKey(
            p.apply('script', script.end()).windowInto('tens', tens, {
              trigger: afterCount(1),
              allowUnsafeTrigger: true,
              ...(lateData === undefined ? {} : { lateData }),
            }),
          ).groupByKey('step'),
        'step: 2 at 2 in [0, 10), closedWindow',
      )
    },
  }),
  pipelineCase({
    id: 'LAT-12/in-time',
    name: 'what a window has taken never goes there, also where it came late',
    needs: ['testStream', 'lateData.output', 'lateness'],
    build(p) {
      lateOf(
        p,
        (lateData) => {
          const windowed = late(p).windowInto('tens', tens, {
            allowedLateness: 15,
            ...(lateData === undefined ? {} : { lateData }),
          })
          const panes = oneKey(windowed).groupByKey('step')
          assertThat(
            'taken',
            panes.map('values', ({ value }) => [...value]),
          ).containsInAnyOrder([1], [15])
        },
        'step: 2 at 2 in [0, 10), late',
      )
    },
  }),
  transcript({
    id: 'LAT-12/keys',
    name: 'what is too late for one key is too late for another',
    windowFn: tens,
    events: [
      input(keyed('a', 1)),
      watermark(10),
      expectPanes(pane([0, 10], [1], 'onTime', 0, { key: 'a' })),
      input(keyed('a', 2), keyed('b', 3), { ...valueAt(4, 12), key: 'b' }),
      dropped(2),
      end(),
      expectPanes(pane([10, 20], [4], 'onTime', 0, { key: 'b' })),
    ],
  }),
]
