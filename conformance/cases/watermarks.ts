/**
 * Watermarks: how event time goes on, what holds it, and what it closes.
 */
import * as t from 'io-ts'
import {
  afterCount,
  defaultTrigger,
  END_OF_GLOBAL_WINDOW,
  fixedWindows,
  flatten,
  type KV,
  kv,
  type PCollection,
  type Pipeline,
  readFrom,
  repeatedly,
  type SourceReader,
  state,
  timer,
  type TimestampCombiner,
  typed,
  watermarks,
} from 'millrace'
import { assertThat, at, testStream, type TestStreams, testStreams } from 'millrace/testing'
import { type ConformanceCase, constructionCase, pipelineCase, transcript } from './case.js'
import { dropped, end, expectPanes, input, keyed, pane, valueAt, watermark } from './transcript.js'

const tens = fixedWindows(10)
const hundreds = fixedWindows(100)
const hour = 3_600_000

/** What a probe is: `main` goes through the step in question, `side` is there for steps with two inputs. */
const outputs = { main: t.number, side: t.number, probe: t.number }
type Script = TestStreams<typeof outputs>

const oneKey = <T>(collection: PCollection<T>, name = 'one'): PCollection<KV<string, T>> =>
  collection.keyBy(name, () => 'k')

/**
 * The watermark behind a step, by probes: an element in a window of its own millisecond, united with what the step gives, is
 * late exactly when the watermark has passed it. Gives the probes that were in time.
 */
function probesInTime(
  p: Pipeline,
  script: Script,
  step: (main: PCollection<number>, side: PCollection<number>) => PCollection<unknown>,
): PCollection<number> {
  const { main, side, probe } = p.apply('script', script.end())
  const ones = fixedWindows(1)
  const nothing = step(main, side)
    .flatMap('nothing', (): readonly number[] => [])
    .windowInto('milliseconds too', ones, { trigger: defaultTrigger })
  const both = flatten('with probes', [probe.windowInto('milliseconds', ones), nothing])
  return oneKey(both, 'of all')
    .groupByKey('by millisecond')
    .flatMap('probes', ({ value }) => value)
}

/** Puts probes one after the other. */
const probing = (script: Script, ...times: readonly number[]): Script =>
  times.reduce((longer, time) => longer.add('probe', at(time, time)), script)

const hundredsBy = (timestampCombiner: TimestampCombiner) => (main: PCollection<number>) =>
  oneKey(main.windowInto('hundreds', hundreds, { timestampCombiner })).groupByKey('group')

/** Steps that give nothing. */
const silent: readonly (readonly [
  id: string,
  what: string,
  step: (main: PCollection<number>) => PCollection<unknown>,
])[] = [
  ['filter', 'a filter', (main) => main.filter('none', () => false)],
  [
    'grouping',
    'a grouping of nothing',
    (main) => oneKey(main.filter('none', () => false).windowInto('tens', tens)).groupByKey('group'),
  ],
  [
    'state',
    'a stateful step',
    (main) =>
      oneKey(main).parDo('count', {
        output: t.number,
        state: { seen: state.value(t.number) },
        process: (_, { state: { seen } }) => seen.write((seen.read() ?? 0) + 1),
      }),
  ],
]

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'WMK-16',
    name: 'where the watermark of each step stands is told while the pipeline runs',
    needs: ['testStream'],
    inProcess: true,
    build(p, { progress }) {
      const seen: (number | undefined)[] = []
      const script = testStream(t.number).add(at(1, 1)).advanceWatermarkTo(25).add(at(30, 30)).end()
      p.apply('numbers', script).parDo('look', {
        process() {
          seen.push(progress()?.steps.find(({ step }) => step === 'numbers')?.watermark)
        },
      })
      return (_, claims) => claims.same(seen.slice(-1), [25], 'the watermark of the script at its second element')
    },
  }),
  pipelineCase({
    id: 'WMK-01',
    name: 'at the end of bounded input all windows close, timers fire, and the pipeline ends by itself',
    needs: ['timers.eventTime'],
    build(p) {
      const pairs = oneKey(p.create('numbers', [1, 12, 1e12], { timestamp: (n) => n }))
      const groups = pairs
        .windowInto('tens', tens)
        .groupByKey('group')
        .map('values', ({ value }) => [...value])
      assertThat('groups', groups).containsInAnyOrder([1], [12], [1e12])
      const fired = pairs.parDo('timers', {
        output: t.string,
        timers: { far: timer.eventTime() },
        process: (_, { timers }) => timers.far.set(END_OF_GLOBAL_WINDOW - 1),
        onTimer: { far: ({ emit }) => emit('fired') },
      })
      assertThat('fired', fired).containsInAnyOrder('fired')
      return ({ result }, claims) => claims.same(result.state, 'DONE', 'state')
    },
  }),
  pipelineCase({
    id: 'WMK-02',
    name: 'a source that reports less than before is not believed',
    needs: ['splittable.unbounded'],
    build(p) {
      const source = readFrom({
        output: t.number,
        bounded: false,
        replayable: true,
        watermark: watermarks.manual(),
        pollEvery: 1,
        open: (mark: number | undefined) =>
          scriptedReader([[100, 100], 'idle', [7, 7], [105, 105], 'idle'], mark ?? 0, (taken) =>
            taken <= 2 ? 100 : 0,
          ),
      })
      const groups = oneKey(p.apply('source', source).windowInto('tens', tens)).groupByKey('group')
      assertThat(
        'groups',
        groups.map('values', ({ value }) => [...value].toSorted((a, b) => a - b)),
      ).containsInAnyOrder([100, 105])
      return ({ result }, claims) => claims.same(result.metrics.counter('droppedDueToLateness'), 1, 'dropped')
    },
  }),
  constructionCase({
    id: 'WMK-02/script',
    name: 'a script cannot move its watermark back',
    check(claims) {
      const script = testStream<number>().advanceWatermarkTo(10)
      claims.refuses(() => script.advanceWatermarkTo(9), { message: /cannot move its watermark back from .* to / })
      claims.holds(script.advanceWatermarkTo(10).events.length === 2, 'the same watermark to be accepted')
    },
  }),
  transcript({
    id: 'WMK-03',
    name: 'a watermark closes the windows that ended before it, and no others',
    windowFn: tens,
    events: [
      input(5, 15),
      watermark(11),
      expectPanes(pane([0, 10], [5], 'onTime', 0, { at: 9, last: true })),
      input(16),
      watermark(20),
      expectPanes(pane([10, 20], [15, 16], 'onTime', 0, { at: 19, last: true })),
    ],
  }),
  transcript({
    id: 'WMK-04',
    name: 'a watermark that jumps over many windows lets each of them answer once',
    windowFn: tens,
    events: [
      input(keyed('a', 5), keyed('b', 6), keyed('a', 17)),
      input(keyed('a', 31), keyed('b', 995)),
      watermark(1000),
      expectPanes(
        pane([0, 10], [5], 'onTime', 0, { key: 'a' }),
        pane([0, 10], [6], 'onTime', 0, { key: 'b' }),
        pane([10, 20], [17], 'onTime', 0, { key: 'a' }),
        pane([30, 40], [31], 'onTime', 0, { key: 'a' }),
        pane([990, 1000], [995], 'onTime', 0, { key: 'b' }),
      ),
      input(keyed('a', 1001)),
      end(),
      expectPanes(pane([1000, 1010], [1001], 'onTime', 0, { key: 'a' })),
    ],
  }),
  pipelineCase({
    id: 'WMK-04/timers',
    name: 'the timers of a key that a watermark jumps over fire in the order of their times',
    needs: ['testStream', 'timers.eventTime', 'timers.family', 'state.bag', 'onWindowExpiration'],
    build(p) {
      const script = testStream<KV<string, number>>()
        .add(at(1, kv('a', 30)), at(1, kv('b', 25)), at(1, kv('a', 10)), at(1, kv('a', 20)), at(1, kv('b', 5)))
        .advanceWatermarkTo(500)
      const orders = p
        .apply('script', script.end())
        .windowInto('thousands', fixedWindows(1000))
        .parDo('timers', {
          output: typed<readonly [string, ...number[]]>(),
          state: { order: state.bag(t.number) },
          timers: { at: timer.eventTimeFamily() },
          process: ({ value }, { timers }) => timers.at.set(String(value), value),
          onTimer: { at: ({ fireTimestamp, state: { order } }) => order.add(fireTimestamp) },
          onWindowExpiration: ({ key, state: { order }, emit }) => emit([key, ...order.read()]),
        })
      assertThat('orders', orders).containsInAnyOrder(['a', 10, 20, 30], ['b', 5, 25])
    },
  }),
  transcript({
    id: 'WMK-05',
    name: 'a watermark at the end of a window closes it',
    windowFn: tens,
    events: [
      input(5, 9),
      watermark(10),
      expectPanes(pane([0, 10], [5, 9], 'onTime', 0, { at: 9 })),
      input(8),
      dropped(1),
    ],
  }),
  transcript({
    id: 'WMK-06',
    name: 'a watermark at the last timestamp of a window does not close it: an element may have that timestamp',
    windowFn: tens,
    events: [
      input(5),
      watermark(9),
      expectPanes(),
      input(9),
      watermark(10),
      expectPanes(pane([0, 10], [5, 9], 'onTime', 0, { at: 9 })),
    ],
  }),
  pipelineCase({
    id: 'WMK-07/input',
    name: 'a step that keeps nothing is as far as its input',
    needs: ['testStream', 'testStream.processingTime'],
    build(p) {
      const script = probing(testStreams(outputs).add('main', at(5, 5)).advanceWatermarkTo(30), 29, 30)
      assertThat(
        'in time',
        probesInTime(p, script, (main) => main.map('same', (n) => n)),
      ).containsInAnyOrder(30)
    },
  }),
  pipelineCase({
    id: 'WMK-07/timer',
    name: 'a timer holds the watermark at the timestamp of what it will emit, until it fires',
    needs: ['testStream', 'timers.eventTime', 'testStream.processingTime'],
    build(p) {
      const set = probing(testStreams(outputs).add('main', at(5, 5)).advanceWatermarkTo(30), 4, 5, 6)
      const fired = probing(set.advanceWatermarkTo(60), 58, 59, 60)
      const step = (main: PCollection<number>): PCollection<string> =>
        oneKey(main).parDo('timers', {
          output: t.string,
          timers: { later: timer.eventTime() },
          process: (_, { timers }) => timers.later.set(50, { outputTimestamp: 5 }),
          onTimer: { later: ({ emit }) => emit('fired') },
        })
      assertThat('in time', probesInTime(p, fired, step)).containsInAnyOrder(5, 6, 60)
    },
  }),
  pipelineCase({
    id: 'WMK-07/emitted',
    name: 'what a timer emits at the time that it has held is not late behind it',
    needs: ['testStream', 'timers.eventTime'],
    build(p) {
      const fired = oneKey(
        p.apply('script', testStream<number>().add(at(5, 5)).advanceWatermarkTo(30).advanceWatermarkTo(60).end()),
      ).parDo('timers', {
        output: t.number,
        timers: { later: timer.eventTime() },
        process: (_, { timers }) => timers.later.set(50, { outputTimestamp: 5 }),
        onTimer: { later: ({ emit }) => emit(1) },
      })
      const groups = oneKey(fired.windowInto('tens', tens), 'again').groupByKey('group')
      const panes = groups.parDo('describe', {
        output: t.string,
        process: ({ value }, { pane, window, emit }) =>
          emit(`${[...value].join()} ${pane.timing} in [${window.start}, ${window.end})`),
      })
      assertThat('panes', panes).containsInAnyOrder('1 onTime in [0, 10)')
      return ({ result }, claims) => claims.same(result.metrics.counter('droppedDueToLateness'), 0, 'dropped')
    },
  }),
  pipelineCase({
    id: 'WMK-07/side-input',
    name: 'elements that wait for a side input hold the watermark at their timestamps',
    needs: ['testStream', 'sideInputs', 'testStream.processingTime'],
    build(p) {
      const both = testStreams(outputs)
        .add('main', at(5, 5))
        .advanceWatermarkTo(30, 'main')
        .advanceWatermarkTo(30, 'probe')
      const waiting = probing(both, 4, 5, 6)
      const read = probing(waiting.advanceWatermarkTo(30, 'side'), 28, 29, 30)
      const step = (main: PCollection<number>, side: PCollection<number>): PCollection<number> =>
        main.windowInto('tens', tens).parDo('read', {
          output: t.number,
          sides: { list: side.windowInto('tens of the side', tens).asList('list') },
          process: (n, { sides, emit }) => emit(n + sides.list.length),
        })
      assertThat('in time', probesInTime(p, read, step)).containsInAnyOrder(5, 6, 30)
    },
  }),
  pipelineCase({
    id: 'WMK-07/bundle',
    name: 'elements whose bundle has not ended hold the watermark: what waits is not late when it comes',
    needs: ['testStream'],
    build(p) {
      const slow = p
        .apply('script', testStream<number>().add(at(5, 5), at(6, 6)).advanceWatermarkTo(30).end())
        .map('slow', async (n) => new Promise<number>((resolve) => setTimeout(() => resolve(n), 3)), {
          codec: t.number,
        })
      const groups = oneKey(slow.windowInto('tens', tens)).groupByKey('group')
      assertThat(
        'groups',
        groups.map('values', ({ value }) => [...value].toSorted()),
      ).containsInAnyOrder([5, 6])
      return ({ result }, claims) => claims.same(result.metrics.counter('droppedDueToLateness'), 0, 'dropped')
    },
  }),
  pipelineCase({
    id: 'WMK-08',
    name: 'a union is as far as the input furthest behind, and goes on when that one has ended',
    needs: ['testStream', 'testStream.processingTime'],
    build(p) {
      const apart = testStreams(outputs)
        .advanceWatermarkTo(5, 'main')
        .advanceWatermarkTo(50, 'side')
        .advanceWatermarkTo(60, 'probe')
      const ended = probing(apart, 4, 5, 6).advanceWatermarkTo(END_OF_GLOBAL_WINDOW, 'main')
      const step = (main: PCollection<number>, side: PCollection<number>): PCollection<number> =>
        flatten('union', [main, side])
      assertThat('in time', probesInTime(p, probing(ended, 48, 49, 50), step)).containsInAnyOrder(5, 6, 50)
    },
  }),
  ...silent.map(([id, what, step]) =>
    pipelineCase({
      id: `WMK-09/${id}`,
      name: `${what}, though it gives nothing, lets the watermark through`,
      needs: ['testStream', 'testStream.processingTime', ...(id === 'state' ? (['state.value'] as const) : [])],
      build(p) {
        const script = probing(testStreams(outputs).add('main', at(5, 5)).advanceWatermarkTo(30), 28, 29, 30, 31)
        assertThat('in time', probesInTime(p, script, step)).containsInAnyOrder(30, 31)
      },
    }),
  ),
  ...(
    [
      ['earliest', 'the smallest timestamp of them', [20, 24, 25, 49, 50]],
      ['latest', 'the largest', [25, 49, 50]],
      ['endOfWindow', 'the end of their window', [50]],
    ] as const
  ).map(([combiner, where, inTime]) =>
    pipelineCase({
      id: `WMK-10/${combiner.toLowerCase()}`,
      name: `what a grouping keeps holds the watermark at the timestamp of its pane: ${where}`,
      needs: ['testStream', 'testStream.processingTime'],
      build(p) {
        const kept = testStreams(outputs).add('main', at(20, 20), at(25, 25)).advanceWatermarkTo(50)
        const script = probing(kept, 19, 20, 24, 25, 49, 50)
        assertThat('in time', probesInTime(p, script, hundredsBy(combiner))).containsInAnyOrder(...inTime)
      },
    }),
  ),
  pipelineCase({
    id: 'WMK-10/consumer',
    name: 'a pane is not late behind its grouping, however far the watermark jumps',
    needs: ['testStream', 'combine'],
    build(p) {
      const script = testStream<number>().add(at(20, 20)).advanceWatermarkTo(5000)
      for (const combiner of ['earliest', 'latest', 'endOfWindow'] as const) {
        const counts = p.apply(combiner, (pipeline: Pipeline) => {
          const sizes = hundredsBy(combiner)(pipeline.apply('script', script.end())).map('size', () => 1)
          return oneKey(sizes.windowInto('milliseconds', fixedWindows(1)), 'again').countPerKey('count')
        })
        assertThat(combiner, counts).containsInAnyOrder(kv('k', 1))
      }
      return ({ result }, claims) => claims.same(result.metrics.counter('droppedDueToLateness'), 0, 'dropped')
    },
  }),
  pipelineCase({
    id: 'WMK-11',
    name: 'a pane releases what its elements held; later elements hold anew',
    needs: ['testStream', 'triggers.early', 'testStream.processingTime'],
    build(p) {
      const first = probing(testStreams(outputs).add('main', at(20, 20)).advanceWatermarkTo(30), 19, 20)
      const fired = probing(first.add('main', at(30, 30)), 28, 29, 31)
      const again = probing(fired.add('main', at(40, 40)).advanceWatermarkTo(50), 39, 41)
      const step = (main: PCollection<number>): PCollection<unknown> =>
        oneKey(
          main.windowInto('hundreds', hundreds, {
            timestampCombiner: 'earliest',
            trigger: repeatedly(afterCount(2)),
          }),
        ).groupByKey('group')
      assertThat('in time', probesInTime(p, again, step)).containsInAnyOrder(20, 31, 41)
    },
  }),
  pipelineCase({
    id: 'WMK-12',
    name: 'an element behind the output watermark does not hold it back',
    needs: ['testStream', 'testStream.processingTime'],
    build(p) {
      const behind = testStreams(outputs).advanceWatermarkTo(50).add('main', at(30, 30))
      const script = probing(probing(behind, 49, 50).advanceWatermarkTo(90), 88, 89, 90)
      assertThat('in time', probesInTime(p, script, hundredsBy('earliest'))).containsInAnyOrder(50, 90)
    },
  }),
  transcript({
    id: 'WMK-12/window',
    name: 'it holds the end of its window: its pane has that timestamp, and is on time',
    needs: ['lateness'],
    windowFn: hundreds,
    options: { timestampCombiner: 'earliest', allowedLateness: 20 },
    events: [
      watermark(50),
      input(30),
      watermark(110),
      expectPanes(pane([0, 100], [30], 'onTime', 0, { at: 99, last: false })),
    ],
  }),
  transcript({
    id: 'WMK-12/expiry',
    name: 'one that comes after its window has ended cannot: its pane is late, within the window',
    needs: ['lateness'],
    windowFn: hundreds,
    options: { timestampCombiner: 'earliest', allowedLateness: 20 },
    events: [watermark(110), input(30), expectPanes(pane([0, 100], [30], 'late', 0, { at: 99, last: false }))],
  }),
  transcript({
    id: 'WMK-13',
    name: 'a lateness longer than the rest of time ends with the global window',
    needs: ['lateness'],
    windowFn: fixedWindows('6 hours'),
    options: { allowedLateness: '36500 days' },
    events: [
      input(valueAt(1, lastDay())),
      watermark(lastDay() + 7 * hour),
      expectPanes(pane([lastDay(), lastDay() + 6 * hour], [1], 'onTime', 0, { last: false })),
      input(valueAt(2, lastDay() + 1)),
      expectPanes(pane([lastDay(), lastDay() + 6 * hour], [2], 'late', 1, { last: false })),
      watermark(END_OF_GLOBAL_WINDOW),
      input(valueAt(3, lastDay() + 1)),
      expectPanes(pane([lastDay(), lastDay() + 6 * hour], [3], 'late', 2, { last: false })),
    ],
  }),
  pipelineCase({
    id: 'WMK-14',
    name: 'a source that says it is idle does not hold up the others',
    needs: ['splittable.unbounded'],
    inProcess: true,
    build: (p) => idling(p, { idleAfter: 1, polls: 5000, expected: ['window 0', 'window 10', 'quiet ends'] }),
  }),
  pipelineCase({
    id: 'WMK-14/holds',
    name: 'one that does not say so holds them up until it ends',
    needs: ['splittable.unbounded'],
    inProcess: true,
    build: (p) => idling(p, { polls: 20, expected: ['quiet ends', 'window 0', 'window 10'] }),
  }),
  pipelineCase({
    id: 'WMK-15',
    name: 'the clock of a key never goes back, and does not wait for the watermark',
    needs: ['testStream', 'timers.processingTime', 'state.value', 'testStream.processingTime'],
    build(p) {
      const script = testStream<number>()
        .add(at(50, 50))
        .advanceProcessingTime(5000)
        .add(at(1, 1))
        .advanceWatermarkTo(20)
        .advanceProcessingTime(5000)
      const steps = oneKey(p.apply('script', script.end())).parDo('timers', {
        output: t.string,
        state: { last: state.value(t.number) },
        timers: { soon: timer.processingTime() },
        process: (_, { timers }) => timers.soon.setRelative(1000),
        onTimer: {
          soon({ now, state: { last }, emit }) {
            const before = last.read()
            last.write(now)
            emit(before === undefined ? 'first' : now - before >= 5000 ? 'later by what has passed' : 'too early')
          },
        },
      })
      assertThat('firings', steps).containsInAnyOrder('first', 'later by what has passed')
    },
  }),
]

/** The start of a window of six hours about a day before the end of the global window. */
function lastDay(): number {
  return Math.floor((END_OF_GLOBAL_WINDOW - 24 * hour) / (6 * hour)) * 6 * hour
}

/** A reader of a list that ends; `watermark` is told how many steps it has taken. */
function scriptedReader(
  steps: readonly (readonly [value: number, timestamp: number] | 'idle')[],
  from: number,
  reported: (taken: number) => number,
): SourceReader<number, number> {
  let next = from
  return {
    read() {
      const step = steps[next]
      if (step === undefined) return 'end'
      next++
      return step === 'idle' ? step : { value: step[0], timestamp: step[1] }
    },
    mark: () => next,
    watermark: () => reported(next),
  }
}

/** A busy source and one that has nothing, until the other's windows have answered or it has been asked often enough. */
function idling(
  p: Pipeline,
  {
    idleAfter,
    polls,
    expected,
  }: { readonly idleAfter?: number; readonly polls: number; readonly expected: readonly string[] },
): ReturnType<Parameters<typeof pipelineCase>[0]['build']> {
  const seen: string[] = []
  let asked = 0
  const quiet = readFrom({
    output: t.number,
    bounded: false,
    replayable: true,
    watermark: watermarks.monotonic(idleAfter === undefined ? {} : { idleAfter }),
    pollEvery: 1,
    open: () => ({
      read() {
        if (asked++ < polls && !seen.includes('window 10')) return 'idle'
        seen.push('quiet ends')
        return 'end'
      },
      mark: () => 0,
    }),
  })
  const busy = readFrom({
    output: t.number,
    bounded: false,
    replayable: true,
    watermark: watermarks.monotonic(),
    open: (mark: number | undefined) =>
      scriptedReader(
        [
          [1, 1],
          [11, 11],
          [21, 21],
        ],
        mark ?? 0,
        () => 0,
      ),
  })
  const groups = oneKey(
    flatten('both', [p.apply('quiet', quiet), p.apply('busy', busy)]).windowInto('tens', tens),
  ).groupByKey('group')
  groups.parDo('see', {
    process(_, { window }) {
      if (window.start < 20) seen.push(`window ${window.start}`)
    },
  })
  return (_, claims) => claims.same(seen, expected, 'what happened')
}
