/**
 * The last words of a window: `onWindowExpiration` runs once for each key with state, when nothing can come any more.
 */
import * as t from 'io-ts'
import { fixedWindows, type KV, kv, type PCollection, type Pipeline, state, timer, typed } from 'millrace'
import { assertThat, at, testStream } from 'millrace/testing'
import { type ConformanceCase, pipelineCase } from './case.js'
import { expectSameInAnyOrder } from './claims.js'
import { numbersFrom } from './sources.js'

type Pair = KV<string, number>

const anything = typed<unknown>()
const OWE = ['state.value', 'onWindowExpiration'] as const
const counter = { n: state.value(t.number, { initial: 0 }) }

/** Counts, and says so once, at the end of the window. */
function countsOf(input: PCollection<Pair>): PCollection<readonly [string, number]> {
  return input.parDo('count', {
    output: typed<readonly [string, number]>(),
    state: counter,
    process: (_, { state: { n } }) => n.write(n.read() + 1),
    onWindowExpiration: ({ key, state: { n }, emit }) => emit([key, n.read()]),
  })
}

const pairs: readonly Pair[] = [kv('a', 0), kv('b', 1), kv('a', 2), kv('a', 11), kv('b', 12), kv('c', 13)]

const inputs = [
  { of: 'bounded', needs: [], pairsOf: (p: Pipeline) => p.create('pairs', pairs, { timestamp: ({ value }) => value }) },
  {
    of: 'unbounded',
    needs: ['splittable.unbounded'],
    pairsOf: (p: Pipeline) =>
      numbersFrom(p, 'numbers', pairs.length, { timestamp: (n) => pairs[n]?.value ?? 0 }).map(
        'pair',
        (n) => pairs[n] ?? kv('none', 0),
      ),
  },
] as const

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'OWE-01',
    name: 'a count kept in state is emitted once for each key and window, in that window, at its last timestamp',
    needs: OWE,
    build(p) {
      const input = p.create('pairs', pairs, { timestamp: ({ value }) => value }).windowInto('tens', fixedWindows(10))
      assertThat('counts', countsOf(input)).satisfies((_, elements) =>
        expectSameInAnyOrder(
          elements.map(({ value, timestamp, window }) => [...value, window.start, timestamp]),
          [['a', 2, 0, 9], ['b', 1, 0, 9], ['a', 1, 10, 19], ['b', 1, 10, 19], ['c', 1, 10, 19]], // prettier-ignore
        ),
      )
    },
  }),
  ...inputs.flatMap(({ of, needs, pairsOf }) => [
    pipelineCase({
      id: `OWE-02/${of}-fixed`,
      name: `fixed windows of ${of} input say their last words`,
      needs: [...OWE, ...needs],
      build: (p) =>
        assertThat('counts', countsOf(pairsOf(p).windowInto('tens', fixedWindows(10)))).containsInAnyOrder(['a', 2], ['b', 1], ['a', 1], ['b', 1], ['c', 1]), // prettier-ignore
    }),
    pipelineCase({
      id: `OWE-02/${of}-global`,
      name: `the global window of ${of} input says its last words at the end`,
      needs: [...OWE, ...needs],
      build: (p) => assertThat('counts', countsOf(pairsOf(p))).containsInAnyOrder(['a', 3], ['b', 2], ['c', 1]),
    }),
  ]),
  pipelineCase({
    id: 'OWE-03',
    name: 'last words come after all timers of the window, and see its state',
    needs: ['state.bag', 'timers.eventTime', 'timers.processingTime', 'onWindowExpiration'],
    build(p) {
      const out = p
        .create('pairs', [kv('k', 1)], { timestamp: () => 1 })
        .windowInto('tens', fixedWindows(10))
        .parDo('log', {
          output: anything,
          state: { log: state.bag(t.string) },
          timers: { end: timer.eventTime(), again: timer.eventTime(), clock: timer.processingTime() },
          process(_, { state: { log }, timers: { end, clock }, window }) {
            log.add('element')
            end.set(window.maxTimestamp)
            clock.setRelative('1 day')
          },
          onTimer: {
            end({ state: { log }, timers: { again }, window }) {
              log.add('end')
              again.set(window.maxTimestamp)
            },
            again: ({ state: { log } }) => log.add('again'),
            clock: ({ state: { log } }) => log.add('clock'),
          },
          onWindowExpiration: ({ state: { log }, emit }) => emit([...log.read()]),
        })
      assertThat('log', out).containsInAnyOrder(['element', 'end', 'again', 'clock'])
    },
  }),
  pipelineCase({
    id: 'OWE-03/timers',
    name: 'last words cannot set a timer',
    needs: ['state.value', 'timers.eventTime', 'onWindowExpiration'],
    build(p) {
      p.create('pairs', [kv('k', 1)]).parDo('last', {
        state: counter,
        timers: { again: timer.eventTime() },
        process: (_, { state: { n } }) => n.write(1),
        onTimer: { again: () => undefined },
        // The types offer no timers; what reaches the runner is a program without them.
        onWindowExpiration: (context) =>
          (context as unknown as { readonly timers: { readonly again: { set(at: number): void } } }).timers.again.set(
            9,
          ),
      })
    },
    fails: { message: /failed in onWindowExpiration/, step: 'last' },
  }),
  pipelineCase({
    id: 'OWE-03/removed',
    name: 'after its last words the state of a window is gone',
    needs: [...OWE, 'testStream'],
    build(p) {
      const script = testStream<Pair>()
        .add(at(1, kv('k', 1)))
        .advanceWatermarkTo(15)
        .add(at(2, kv('k', 2)), at(16, kv('k', 16)))
      const counted = countsOf(p.apply('script', script.end()).windowInto('tens', fixedWindows(10)))
      assertThat('counts', counted).containsInAnyOrder(['k', 1], ['k', 1])
      return ({ result }, claims) => claims.same(result.metrics.counter('droppedDueToLateness', 'count'), 1, 'dropped')
    },
  }),
  pipelineCase({
    id: 'OWE-04',
    name: 'with a lateness of 50 last words come at the end and 50 more, with what was late',
    needs: [...OWE, 'testStream', 'lateness'],
    build(p) {
      const look = (time: number) => at(time, kv('look', time))
      const script = testStream<Pair>()
        .add(at(1, kv('k', 1)))
        .advanceWatermarkTo(30)
        .add(at(2, kv('k', 2)))
        .advanceWatermarkTo(59)
        .add(at(3, kv('k', 3)))
        .add(look(3))
        .advanceWatermarkTo(61)
        .add(at(4, kv('k', 4)))
        .add(look(61))
      const counted = countsOf(
        p.apply('script', script.end()).windowInto('tens', fixedWindows(10), { allowedLateness: 50 }),
      )
      assertThat('counts', counted).containsInAnyOrder(['k', 3], ['look', 1], ['look', 1])
      return ({ result }, claims) => claims.same(result.metrics.counter('droppedDueToLateness', 'count'), 1, 'dropped')
    },
  }),
  pipelineCase({
    id: 'OWE-04/not-late',
    name: 'last words are not late for the grouping that follows, though the lateness has passed',
    needs: [...OWE, 'testStream', 'lateness', 'combine'],
    build(p) {
      const script = testStream<Pair>()
        .add(at(1, kv('k', 1)))
        .advanceWatermarkTo(25)
        .advanceWatermarkTo(100)
      const counted = countsOf(
        p.apply('script', script.end()).windowInto('tens', fixedWindows(10), { allowedLateness: 50 }),
      )
      const sizes = counted.keyBy('key', ([key]) => key).countPerKey('group')
      assertThat('on time', sizes).inOnTimePane({ start: 0, end: 10 }).containsInAnyOrder(kv('k', 1))
      return ({ result }, claims) => claims.same(result.metrics.counter('droppedDueToLateness'), 0, 'dropped')
    },
  }),
  pipelineCase({
    id: 'OWE-05',
    name: 'last words are said once, though calls of their window have failed',
    needs: [...OWE, 'deadLetters'],
    build(p) {
      let failures = 0
      const bad = p.errors('bad', (letters) => assertThat('letters', letters).hasSize(1))
      const out = p.create('pairs', [kv('k', 1), kv('k', 2), kv('k', 3), kv('l', 3)]).parDo('count', {
        output: anything,
        state: counter,
        onError: bad,
        retry: { attempts: 3 },
        process({ key, value }, { state: { n } }) {
          n.write(n.read() + 1)
          if (key === 'k' && value === 3) throw new Error('never')
          if (value === 2 && failures++ === 0) throw new Error('not yet')
        },
        onWindowExpiration: ({ key, state: { n }, emit }) => emit([key, n.read()]),
      })
      assertThat('counts', out).containsInAnyOrder(['k', 2], ['l', 1])
    },
  }),
  pipelineCase({
    id: 'OWE-06',
    name: 'a key whose calls leave nothing in its state has no last words',
    needs: OWE,
    build(p) {
      const keys = ['nothing', 'reads', 'writes', 'clears', 'waits and clears']
      const out = p
        .create(
          'keys',
          keys.map((key) => kv(key, 1)),
        )
        .parDo('touch', {
          // prettier-ignore
          output: t.string,
          state: counter,
          process({ key }, { state: { n } }) {
            if (key === 'reads') n.read()
            if (key === 'writes' || key === 'clears') n.write(1)
            if (key === 'clears') n.clear()
            if (key !== 'waits and clears') return undefined
            n.write(1)
            return Promise.resolve().then(() => n.clear())
          },
          onWindowExpiration: ({ key, emit }) => emit(key),
        })
      assertThat('last words', out).containsInAnyOrder('writes')
    },
  }),
]
