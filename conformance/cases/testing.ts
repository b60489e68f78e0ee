/**
 * The testing kit itself: claims that must hold, claims that must fail and what they say then, scripts that decide what
 * happens when, and checkers that find what is wrong.
 */
import * as t from 'io-ts'
import {
  END_OF_GLOBAL_WINDOW,
  fixedWindows,
  flatten,
  type KV,
  kv,
  never,
  type OffsetRange,
  OffsetRangeTracker,
  type PCollection,
  type Pipeline,
  pipeline,
  sessionWindows,
  state,
  sum,
  timer,
  TIMESTAMP_MAX,
  typed,
} from 'millrace'
import {
  type Assertion,
  assertThat,
  at,
  checkCoder,
  checkCombineFn,
  checkSource,
  checkTracker,
  doFnTester,
  testStream,
  testStreamFrom,
  testStreams,
  unrunAssertions,
} from 'millrace/testing'
import { type Coder, stringUtf8Coder } from '../../sdk/coders/index.js'
import { type ConformanceCase, constructionCase, pipelineCase, transcript, unitCase } from './case.js'
import { expectSame } from './claims.js'
import { positionsOf, reader } from './readers.js'
import { end, expectPanes, input, pane, watermark } from './transcript.js'

/** A claim about created values. */
type Claim = (assertion: Assertion<unknown>) => void

// prettier-ignore
const holding: readonly (readonly [id: string, name: string, values: readonly unknown[], claim: Claim])[] = [
  ['PAS-01/holds', 'elements in any order, each as often as listed', [1, 2, 2], (a) => a.containsInAnyOrder(2, 1, 2)],
  ['PAS-02/empty', 'an empty collection is empty', [], (a) => a.isEmpty()],
  ['PAS-02/not-empty', 'a collection with something is not empty', [0], (a) => a.isNotEmpty()],
  ['PAS-02/singleton', 'a collection of one is a singleton', [{ b: 1, a: 2 }], (a) => a.isSingleton({ a: 2, b: 1 })],
  ['PAS-02/size', 'a collection has its size', ['a', 'a'], (a) => a.hasSize(2)],
  ['PAS-02/satisfies', 'a judge sees all elements', [1, 2], (a) => a.satisfies((seen) => expectSame([...seen].sort(), [1, 2]))],
  ['PAS-02/asynchronous', 'a judge may be asynchronous', [1], (a) => a.satisfies(async (seen) => { await Promise.resolve(); expectSame(seen, [1]) })],
  ['PAS-03/size', 'a claim about nothing is judged, and its judge called', [], (a) => a.hasSize(0)],
  ['PAS-08/bytes', 'bytes are equal by content', [Uint8Array.of(1, 2)], (a) => a.isSingleton(Uint8Array.of(1, 2))],
  ['PAS-08/nan', 'NaN is itself, and −0 is 0', [Number.NaN, -0], (a) => a.containsInAnyOrder(0, Number.NaN)],
  ['PAS-08/containers', 'maps, sets and dates are equal by content', [new Map([['a', new Set([1])]]), new Date(5)], (a) => a.containsInAnyOrder(new Date(5), new Map([['a', new Set([1])]]))],
  ['PAS-08/bigints', 'bigints are exact', [10n ** 30n], (a) => a.isSingleton(10n ** 30n)],
  ['PAS-08/records', 'records are equal whatever the order of their fields', [{ a: { x: 1, y: [2] } }], (a) => a.isSingleton({ a: { y: [2], x: 1 } })],
]

// prettier-ignore
const failing: readonly (readonly [id: string, name: string, values: readonly unknown[], claim: Claim, message: RegExp])[] = [
  ['PAS-01/missing', 'a missing element fails, with both sides', [1], (a) => a.containsInAnyOrder(1, 2), /missing: \[2\]; expected \[1, 2\], got \[1\]/],
  ['PAS-01/extra', 'an unexpected element fails, with both sides', [1, 3], (a) => a.containsInAnyOrder(1), /unexpected: \[3\]; expected \[1\], got/],
  ['PAS-01/too-few', 'one too few of the same fails', [1], (a) => a.containsInAnyOrder(1, 1), /missing: \[1\]; expected \[1, 1\], got \[1\]/],
  ['PAS-01/too-many', 'one too many of the same fails', [1, 1], (a) => a.containsInAnyOrder(1), /unexpected: \[1\]/],
  ['PAS-02/not-as-empty', 'something is not empty', [1], (a) => a.isEmpty(), /unexpected: \[1\]/],
  ['PAS-02/nothing', 'nothing is not something', [], (a) => a.isNotEmpty(), /expected elements, got none/],
  ['PAS-02/two', 'two are no singleton', [1, 1], (a) => a.isSingleton(1), /expected one element, 1, got \[1, 1\]/],
  ['PAS-02/other-size', 'another size fails', [1], (a) => a.hasSize(2), /expected 2 elements, got 1/],
  ['PAS-02/rejects', 'an asynchronous judge that rejects fails', [1], (a) => a.satisfies(() => Promise.reject(new Error('not so'))), /not so/],
  ['PAS-03', 'a claim about an empty collection is judged, and can fail', [], (a) => a.satisfies(() => { throw new Error('it was called') }), /it was called/],
  ['PAS-07', 'what fails names the file and line of its assertion', [1], (a) => a.isEmpty(), /at .*testing\.(ts|js):\d+/],
  ['PAS-08/types', 'a number, its text and its bigint differ', [1], (a) => a.containsInAnyOrder('1', 1n), /missing: .*"1".*1n.*unexpected: \[1\]/],
  ['PAS-10', 'the run rejects with what the assertion says', [1], (a) => a.isSingleton(2), /assertion "assert it" failed: expected one element, 2, got \[1\]/],
]

const first = { start: 0, end: 10 }

/** A window with a pane on time and a late one, and one that is only on time. */
const panesOf = (p: Pipeline): PCollection<KV<string, number>> =>
  p
    .apply(
      'events',
      testStream<number>().add(at(1, 10), at(2, 20), at(12, 5)).advanceWatermarkTo(10).add(at(3, 30)).end(),
    )
    .windowInto('tens', fixedWindows(10), { allowedLateness: 100, accumulation: 'accumulating' })
    .keyBy('one', () => 'all')
    .countPerKey('count')

const PANES = { needs: ['testStream', 'lateness', 'accumulating', 'combine'] } as const

const assertions: readonly ConformanceCase[] = [
  ...holding.map(([id, name, values, claim]) =>
    pipelineCase({ id, name, build: (p) => claim(assertThat('it', p.create('values', values))) }),
  ),
  ...failing.map(([id, name, values, claim, message]) =>
    pipelineCase({
      id,
      name,
      build: (p) => claim(assertThat('it', p.create('values', values))),
      fails: { error: 'AssertionFailed', message },
    }),
  ),
  pipelineCase({
    id: 'PAS-04',
    name: 'claims are made about a window, and about its panes by their timing',
    ...PANES,
    notIn: { strict: 'an accumulating combine may fire once more where bundles are cut' },
    build(p) {
      const counts = panesOf(p)
      assertThat('window', counts).inWindow(first).containsInAnyOrder(kv('all', 2), kv('all', 3))
      assertThat('on time', counts).inOnTimePane(first).isSingleton(kv('all', 2))
      assertThat('all on time', counts).inOnTimePane().containsInAnyOrder(kv('all', 2), kv('all', 1))
      assertThat('late', counts).inLatePanes(first).isSingleton(kv('all', 3))
      assertThat('early', counts).inEarlyPanes().isEmpty()
      assertThat('not late', counts).inNonLatePanes(first).isSingleton(kv('all', 2))
      const numbers = p.create('plain', [1, 2])
      assertThat('final', numbers).inFinalPane().containsInAnyOrder(1, 2)
      assertThat('none on time', numbers).inOnTimePane().isEmpty()
    },
  }),
  pipelineCase({
    id: 'PAS-05/empty',
    name: 'nothing is in a window that never exists',
    ...PANES,
    build: (p) => assertThat('nowhere', panesOf(p)).inWindow({ start: 500, end: 510 }).isEmpty(),
  }),
  pipelineCase({
    id: 'PAS-05/content',
    name: 'to claim something of a window that never exists fails, and says which',
    ...PANES,
    build: (p) => assertThat('nowhere', panesOf(p)).inWindow({ start: 500, end: 510 }).isNotEmpty(),
    fails: { error: 'AssertionFailed', message: /expected elements, got none in \[500, 510\)/ },
  }),
  pipelineCase({
    id: 'PAS-06/merging',
    name: 'claims look through windows that merge, before and after',
    needs: ['testStream', 'windows.merging', 'combine'],
    build(p) {
      const sessions = p
        .apply('events', testStream<string>().add(at(0, 'a'), at(4, 'a'), at(30, 'a')).end())
        .windowInto('sessions', sessionWindows(10))
      assertThat('before', sessions).inWindow({ start: 4, end: 14 }).isSingleton('a')
      const counts = sessions.keyBy('self', (word) => word).countPerKey('count')
      assertThat('after', counts).inWindow({ start: 0, end: 14 }).isSingleton(kv('a', 2))
    },
  }),
  pipelineCase({
    id: 'PAS-06/never',
    name: 'claims are judged although the input’s trigger never fires',
    build(p) {
      const silent = p
        .create('numbers', [1, 2], { timestamp: (n) => n })
        .windowInto('never', fixedWindows(10), { trigger: never(), allowedLateness: 0, accumulation: 'discarding' })
      assertThat('all', silent).containsInAnyOrder(1, 2)
    },
  }),
  pipelineCase({
    id: 'PAS-08/tolerance',
    name: 'numbers may lie as far apart as was said, wherever they stand, and no further',
    build(p) {
      const near = p.create('near', [{ a: [0.1 + 0.2] }])
      assertThat('near', near, { tolerance: 1e-9 }).isSingleton({ a: [0.3] })
      assertThat('two', p.create('two', [0.9, 1.8]), { tolerance: 1 }).containsInAnyOrder(1.5, 0)
    },
  }),
  pipelineCase({
    id: 'PAS-08/no-tolerance',
    name: 'without a tolerance numbers are equal or not',
    build: (p) => assertThat('near', p.create('near', [0.1 + 0.2])).isSingleton(0.3),
    fails: { error: 'AssertionFailed', message: /expected one element, 0\.3/ },
  }),
  pipelineCase({
    id: 'PAS-09',
    name: 'claims are judged inside composites, and several on one collection',
    inProcess: true,
    build(p) {
      const seen = new Set<string>()
      const numbers = p.create('numbers', [1, 2])
      numbers.apply('checked', (inside) => {
        assertThat('a', inside).satisfies(() => void seen.add('a'))
        assertThat('b', inside).satisfies(() => void seen.add('b'))
        return inside.map('same', (n) => n)
      })
      assertThat('a', numbers).satisfies(() => void seen.add('outer a'))
      return (_, claims) => claims.same([...seen].sort(), ['a', 'b', 'outer a'], 'judged')
    },
  }),
  pipelineCase({
    id: 'PAS-10/all',
    name: 'when several do not hold, the run names each of them',
    build(p) {
      const numbers = p.create('numbers', [1])
      assertThat('first', numbers).isEmpty()
      assertThat('second', numbers).hasSize(2)
      assertThat('third', numbers).isNotEmpty()
      return ({ error }, claims) =>
        claims.holds(!/"assert third"/.test(error?.message ?? ''), 'the one that holds left out')
    },
    fails: { error: 'AssertionFailed', message: /"assert first" failed[^]*"assert second" failed/ },
  }),
  unitCase({
    id: 'PAS-11',
    name: 'assertions whose pipeline is never run are listed, with their line',
    check(claims) {
      unrunAssertions()
      assertThat('forgotten', pipeline().create('numbers', [1])).isEmpty()
      const [text = '', ...others] = unrunAssertions()
      claims.holds(/^assertion "assert forgotten" was never judged/.test(text), `the name, and not ${text}`)
      claims.holds(/testing\.(ts|js):\d+/.test(text), 'the line')
      claims.same([others.length, unrunAssertions().length], [0, 0], 'others')
    },
  }),
  pipelineCase({
    id: 'PAS-12',
    name: 'each assertion is judged exactly once, however often its collection comes in bundles and panes',
    ...PANES,
    inProcess: true,
    build(p) {
      let judged = 0
      assertThat('once', panesOf(p)).satisfies(() => void judged++)
      assertThat('once more', p.create('none', [])).satisfies(() => void judged++)
      return (_, claims) => claims.same(judged, 2, 'judgements')
    },
  }),
]

/** Elements in the order in which a stateful step met them, as one list at the end. */
const inOrder = {
  output: typed<readonly string[]>(),
  state: { seen: state.value(t.readonlyArray(t.string), { initial: [] }) },
  timers: { end: timer.eventTime() },
  process(
    { value }: KV<string, string>,
    {
      state: { seen },
      timers,
      window,
    }: {
      readonly state: { readonly seen: { read(): readonly string[]; write(value: readonly string[]): void } }
      readonly timers: { readonly end: { set(at: number): void } }
      readonly window: { readonly maxTimestamp: number }
    },
  ): void {
    seen.write([...seen.read(), value])
    timers.end.set(window.maxTimestamp)
  },
  onTimer: {
    end: ({
      state: { seen },
      emit,
    }: {
      readonly state: { readonly seen: { read(): readonly string[] } }
      readonly emit: (value: readonly string[]) => void
    }) => emit(seen.read()),
  },
}
const BUFFERED = { needs: ['testStream', 'state.value', 'timers.eventTime', 'flatten'] } as const

/** The order in which elements of all inputs come to one place. */
const orderOf = (inputs: readonly PCollection<string>[]): PCollection<readonly string[]> =>
  flatten('union', [...inputs] as [PCollection<string>, ...PCollection<string>[]])
    .keyBy('all', () => 'all')
    .parDo('buffer', inOrder)

const anyValues: readonly (readonly [id: string, values: readonly unknown[]])[] = [
  ['texts', ['', 'é𝄞']],
  ['bytes', [Uint8Array.of(0, 255)]],
  ['numbers', [0, -1, 2 ** 53 - 1, 0.1, Number.NaN, Infinity]],
  ['truth', [true, false]],
  ['records', [{ a: { b: [1, null] } }, []]],
  ['rich', [10n, undefined, new Date(5), new Map([[1, new Set(['x'])]])]],
]

const scripts: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'TST-01',
    name: 'elements, watermark and clock happen in the order written; elements that are added together are one bundle',
    needs: ['testStream', 'testStream.processingTime'],
    notIn: { strict: 'bundles of a script are cut' },
    inProcess: true,
    build(p) {
      let bundles = 0
      const script = testStream<string>()
        .add(at(0, 'a'), at(0, 'b'))
        .advanceProcessingTime(250)
        .advanceWatermarkTo(5)
        .add(at(6, 'c'))
      const stamped = p.apply('events', script.end()).parDo('stamp', {
        output: typed<string>(),
        startBundle: () => void bundles++,
        process: (word, { now, emit }) => emit(`${word}@${now} in ${bundles}`),
      })
      assertThat('stamped', stamped).containsInAnyOrder('a@0 in 1', 'b@0 in 1', 'c@250 in 2')
    },
  }),
  pipelineCase({
    id: 'TST-02',
    name: 'a script that does not say that the watermark ends is ended by the runner',
    needs: ['testStream', 'combine'],
    build(p) {
      const script = testStream<number>().add(at(1, 1))
      for (const [name, events] of [
        ['said', script.advanceWatermarkToInfinity()],
        ['unsaid', script.end()],
      ] as const) {
        const counts = p
          .apply(name, events)
          .windowInto(`tens ${name}`, fixedWindows(10))
          .countPerElement(`count ${name}`)
        assertThat(name, counts).inOnTimePane(first).isSingleton(kv(1, 1))
      }
    },
  }),
  constructionCase({
    id: 'TST-03',
    name: 'a script that cannot be is refused where it is written',
    check(claims) {
      const refused: readonly (readonly [() => unknown, RegExp])[] = [
        [() => testStream().advanceWatermarkTo(5).advanceWatermarkTo(4), /cannot move its watermark back/],
        [() => testStream().advanceWatermarkTo(TIMESTAMP_MAX), /by end\(\)/],
        [() => testStream().add(at(END_OF_GLOBAL_WINDOW + 1, 1)), /after the end of the global window/],
        [() => testStream().advanceProcessingTime(-1), /advance of processing time/],
        [() => testStream().add(1 as never), /made by at\(timestamp, value\)/],
        [() => testStreams({}), /at least one output/],
        [() => testStreams({ a: t.number }).add('b' as never), /no output "b"/],
      ]
      for (const [make, message] of refused) claims.refuses(make, { message })
      claims.holds(testStream().add(at(END_OF_GLOBAL_WINDOW, 1)).events.length === 1, 'the last instant to be one')
    },
  }),
  ...anyValues.map(([id, values]) =>
    pipelineCase({
      id: `TST-04/${id}`,
      name: `elements of a script may be anything (${id})`,
      needs: ['testStream'],
      build(p) {
        const script = values.reduce<ReturnType<typeof testStream>>((s, value, i) => s.add(at(i, value)), testStream())
        assertThat('values', p.apply('events', script.end())).containsInAnyOrder(...values)
      },
    }),
  ),
  pipelineCase({
    id: 'TST-05',
    name: 'after each event everything behind it is done, through groupings and other windows, before the next',
    needs: ['testStream', 'state.value', 'timers.eventTime', 'flatten'],
    build(p) {
      const words = p.apply(
        'words',
        testStream<string>()
          .add(at(0, 'a'))
          .advanceWatermarkTo(10)
          .add(at(100, 'b'))
          .advanceWatermarkTo(110)
          .add(at(900, 'c'))
          .end(),
      )
      const grouped = words
        .windowInto('tens', fixedWindows(10))
        .keyBy('self', (word) => word)
        .groupByKey('group')
        .map('once', ({ key }) => `${key}1`)
        .windowInto('tens again', fixedWindows(10))
        .keyBy('self again', (word) => word)
        .groupByKey('group again')
        .map('twice', ({ key }) => `${key}2`)
        .windowInto('wide', fixedWindows(1000))
      const order = orderOf([words.windowInto('words wide', fixedWindows(1000)), grouped])
      assertThat('order', order).isSingleton(['a', 'a12', 'b', 'b12', 'c', 'c12'])
    },
  }),
  pipelineCase({
    id: 'TST-06',
    name: 'what a branch makes of an event comes to a buffer before the next event does',
    ...BUFFERED,
    build(p) {
      const words = p.apply(
        'words',
        testStream<string>().add(at(0, 'one')).advanceWatermarkTo(1000).add(at('1970-01-01T00:00:10Z', 'two')).end(),
      )
      const upper = words
        .windowInto('seconds', fixedWindows('1 second'))
        .keyBy('self', (word) => word)
        .groupByKey('group')
        .map('upper', ({ key }) => key.toUpperCase())
        .windowInto('upper wide', fixedWindows('100 seconds'))
      const order = orderOf([words.windowInto('wide', fixedWindows('100 seconds')), upper])
      assertThat('order', order).isSingleton(['one', 'ONE', 'two', 'TWO'])
    },
  }),
  pipelineCase({
    id: 'TST-07',
    name: 'two scripts of one pipeline take turns, the first begins',
    ...BUFFERED,
    build(p) {
      const a = p.apply('a', testStream<string>().add(at(0, 'a1')).add(at(0, 'a2')).add(at(0, 'a3')).end())
      const b = p.apply('b', testStream<string>().add(at(0, 'b1')).add(at(0, 'b2')).end())
      assertThat('order', orderOf([a, b])).isSingleton(['a1', 'b1', 'a2', 'b2', 'a3'])
    },
  }),
  pipelineCase({
    id: 'TST-08',
    name: 'a script with several outputs keeps the order of all its events',
    ...BUFFERED,
    needs: [...BUFFERED.needs, 'testStream.processingTime'],
    build(p) {
      const { a, b } = p.apply(
        'events',
        testStreams({ a: t.string, b: t.string })
          .add('b', at(0, 'b1'))
          .add('a', at(0, 'a1'))
          .advanceWatermarkTo(5)
          .add('b', at(6, 'b2'))
          .advanceProcessingTime('1 second')
          .add('a', at(7, 'a2'))
          .end(),
      )
      assertThat('a', a).containsInAnyOrder('a1', 'a2')
      assertThat('order', orderOf([a, b])).isSingleton(['b1', 'a1', 'b2', 'a2'])
    },
  }),
  ...anyValues.map(([id, values]) =>
    unitCase({
      id: `TST-09/${id}`,
      name: `a script that is kept as JSON and read again is the same (${id})`,
      check(claims) {
        const script = values
          .reduce<ReturnType<typeof testStream>>((s, value, i) => s.add(at(i, value)), testStream())
          .advanceWatermarkTo(100)
          .advanceProcessingTime('2 seconds')
        const read = testStreamFrom(JSON.parse(JSON.stringify(script)))
        claims.same(read.events, script.events, 'events')
      },
    }),
  ),
  pipelineCase({
    id: 'TST-10',
    name: 'when the clock moves far, timers fire in the order of their times, each at its own',
    needs: ['testStream', 'state.value', 'timers.processingTime', 'testStream.processingTime'],
    notIn: { strict: 'elements of a script are cut into bundles' },
    build(p) {
      const script = testStream<KV<string, number>>()
        .add(at(0, kv('k', 0)))
        .advanceProcessingTime(10_000)
      const fired = p.apply('events', script.end()).parDo('timers', {
        output: typed<string>(),
        state: { order: state.value(t.number, { initial: 0 }) },
        timers: { late: timer.processingTime(), soon: timer.processingTime() },
        process(_, { timers }) {
          timers.late.setRelative(5000)
          timers.soon.setRelative(1000)
        },
        onTimer: {
          late: ({ emit, fireTimestamp, state: { order } }) => {
            emit(`late at ${fireTimestamp}, ${order.read()}`)
            order.write(order.read() + 1)
          },
          soon: ({ emit, fireTimestamp, state: { order } }) => {
            emit(`soon at ${fireTimestamp}, ${order.read()}`)
            order.write(order.read() + 1)
          },
        },
      })
      assertThat('fired', fired).containsInAnyOrder('soon at 1000, 0', 'late at 5000, 1')
    },
  }),
  transcript({
    id: 'TST-11',
    name: 'one script gives one sequence of panes, however it is run',
    needs: ['lateness'],
    windowFn: fixedWindows(10),
    options: { allowedLateness: 50 },
    events: [
      input(1, 2, 12),
      watermark(10),
      expectPanes(pane([0, 10], [1, 2], 'onTime', 0, { ns: 0, at: 9, last: false })),
      input(3),
      expectPanes(pane([0, 10], [3], 'late', 1, { ns: 1 })),
      input(13),
      watermark(20),
      expectPanes(pane([10, 20], [12, 13], 'onTime', 0, { ns: 0, at: 19, last: false })),
      end(),
    ],
  }),
]

const totals = {
  output: typed<string>(),
  state: { sum: state.value(t.number, { initial: 0 }) },
  timers: { flush: timer.eventTime(), idle: timer.processingTime() },
  process({ value }: KV<string, number>, { state, timers, timestamp, emit }: TotalsContext): void {
    if (value < 0) throw new Error('negative')
    state.sum.write(state.sum.read() + value)
    timers.flush.set(timestamp + 10)
    timers.idle.setRelative('5 seconds')
    emit('seen')
  },
  onTimer: {
    flush: ({ state, emit }: Pick<TotalsContext, 'state' | 'emit'>) => emit(`sum ${state.sum.read()}`),
    idle: ({ emit }: Pick<TotalsContext, 'emit'>) => emit('idle'),
  },
}

interface TotalsContext {
  readonly state: { readonly sum: { read(): number; write(value: number): void } }
  readonly timers: {
    readonly flush: { set(at: number): void }
    readonly idle: { setRelative(by: '5 seconds'): void }
  }
  readonly timestamp: number
  readonly emit: (value: string) => void
}

/** That a checker finds what is wrong, and names the law. */
const finds = async (check: () => unknown): Promise<string> => {
  try {
    await check()
    return 'nothing'
  } catch (error) {
    return error instanceof Error && error.name === 'LawBroken' ? error.message : `another error: ${String(error)}`
  }
}

const kit: readonly ConformanceCase[] = [
  unitCase({
    id: 'TST-13',
    name: 'a DoFn is tested without a runner: outputs, state and timers can be read, and its clocks moved',
    async check(claims) {
      const tester = doFnTester(totals)
      await tester.process(kv('ann', 1), { timestamp: 5 })
      await tester.process(kv('ann', 2), { timestamp: 6 })
      claims.same(tester.state('ann'), { sum: 3 }, 'state')
      claims.same(
        tester.timers.map(({ name, key, at: when }) => [name, key, when]),
        [
          ['flush', 'ann', 16],
          ['idle', 'ann', 5000],
        ],
        'timers',
      )
      await tester.advanceWatermarkTo(15)
      claims.same(tester.values(), ['seen', 'seen'], 'before the timer')
      await tester.advanceWatermarkTo(17)
      claims.same(tester.outputs().at(-1)?.value, 'sum 3', 'of the timer')
      claims.same(tester.outputs().at(-1)?.timestamp, 16, 'its timestamp')
      await tester.advanceProcessingTime('5 seconds')
      claims.same(tester.values().at(-1), 'idle', 'of the clock')
      let message = ''
      await tester.process(kv('ann', -1), { timestamp: 20 }).catch((error: unknown) => (message = String(error)))
      claims.holds(/failed in process: negative/.test(message), `the failure, and not "${message}"`)
      claims.same(tester.state('ann'), { sum: 3 }, 'state after a failure')
    },
  }),
  unitCase({
    id: 'TST-14/combine',
    name: 'the checker of combiners accepts a sum and finds a difference',
    async check(claims) {
      claims.holds(checkCombineFn(sum(), { inputs: [1, 2, 3] }).checked.size >= 6, 'laws to be tried')
      const wrong = { of: (n: number) => n, semigroup: { concat: (a: number, b: number) => a - b } }
      claims.holds(
        /does not matter|bracketed/.test(await finds(() => checkCombineFn(wrong, { inputs: [1, 2, 3] }))),
        'it',
      )
    },
  }),
  unitCase({
    id: 'TST-14/coder',
    name: 'the checker of coders accepts texts and finds a coder that loses something',
    async check(claims) {
      claims.holds(checkCoder(stringUtf8Coder, ['', 'é']).checked.size >= 2, 'laws to be tried')
      const wrong: Coder<string> = {
        urn: 'own:first-letter',
        components: [],
        canonical: true,
        encode: (value, out) => stringUtf8Coder.encode(value.slice(0, 1), out, true),
        decode: (bytes) => stringUtf8Coder.decode(bytes, true),
      }
      claims.holds((await finds(() => checkCoder(wrong, ['ab', 'c']))).startsWith('it does not hold that'), 'it')
    },
  }),
  unitCase({
    id: 'TST-14/tracker',
    name: 'the checker of trackers accepts ranges, and finds a split that loses a position or gives one twice',
    async check(claims) {
      const about = { restriction: { from: 0, to: 8 }, positions: positionsOf }
      claims.same(checkTracker((range: OffsetRange) => new OffsetRangeTracker(range), about).checked.size, 4, 'laws')
      for (const shift of [1, -1]) {
        class Wrong extends OffsetRangeTracker {
          override trySplit(fraction: number): OffsetRange | undefined {
            const rest = super.trySplit(fraction)
            return rest === undefined ? undefined : { from: rest.from + shift, to: rest.to }
          }
        }
        const found = await finds(() => checkTracker((range: OffsetRange) => new Wrong(range), about))
        claims.holds(/disjoint and together the whole|without positions/.test(found), `it, and not ${found}`)
      }
    },
  }),
  unitCase({
    id: 'TST-14/source',
    name: 'the checker of sources accepts a reader, and finds one that loses what a checkpoint leaves',
    async check(claims) {
      claims.holds((await checkSource(reader(30), new Uint8Array(0))).checked.size >= 3, 'laws to be tried')
      const wrong = reader(30, {
        process(_, tracker, { emit }) {
          // Leaves out the first position of what a checkpoint has left.
          const { from } = tracker.currentRestriction()
          for (let i = from; tracker.tryClaim(i); i++) if (i > from || from === 0) emit(i)
        },
      })
      const found = await finds(() => checkSource(wrong, new Uint8Array(0)))
      claims.holds(/reading may be cut anywhere/.test(found), `it, and not ${found}`)
    },
  }),
]

/** The cases. */
export const cases: readonly ConformanceCase[] = [...assertions, ...scripts, ...kit]
