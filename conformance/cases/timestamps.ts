/**
 * Timestamps of outputs: where they come from, and how far back they may lie.
 */
import * as t from 'io-ts'
import {
  END_OF_GLOBAL_WINDOW,
  fixedWindows,
  globalWindow,
  kv,
  type PCollection,
  type Pipeline,
  state,
  timer,
  TIMESTAMP_MAX,
  TIMESTAMP_MIN,
  typed,
} from 'millrace'
import { assertThat, at, testStream } from 'millrace/testing'
import { type ConformanceCase, pipelineCase } from './case.js'
import { expectSameInAnyOrder } from './claims.js'

/** One element, whose value is its timestamp. */
const oneAt = (p: Pipeline, timestamp: number): PCollection<number> =>
  p.create('element', [timestamp], { timestamp: (n) => n })

/** Asserts timestamps. */
function assertTimestamps(name: string, collection: PCollection<unknown>, ...expected: readonly number[]): void {
  assertThat(name, collection).satisfies((_, elements) =>
    expectSameInAnyOrder(
      elements.map(({ timestamp }) => timestamp),
      expected,
      'timestamps',
    ),
  )
}

/** A step that emits its element at another time. */
const moving = (to: number, allowedSkew = 0) => ({
  output: t.number,
  allowedSkew,
  process: (n: number, { emit }: { readonly emit: (n: number, at?: number) => void }): void => emit(n, to),
})

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'TSX-01',
    name: 'an output has the timestamp of its input',
    build(p) {
      const one = oneAt(p, 5)
      assertTimestamps('map', one.map('map', String), 5)
      assertTimestamps(
        'flatMap',
        one.flatMap('flatMap', (n) => [n, n]),
        5,
        5,
      )
      assertTimestamps('doFn', one.parDo('doFn', { output: t.number, process: (n, { emit }) => emit(n) }), 5)
    },
  }),
  pipelineCase({
    id: 'TSX-02',
    name: 'an output may be later than its input',
    build: (p) => assertTimestamps('later', oneAt(p, 5).parDo('later', moving(5000)), 5000),
  }),
  pipelineCase({
    id: 'TSX-03',
    name: 'an output before its input is refused, with both times and the allowed skew',
    build: (p) => void oneAt(p, 5000).parDo('back', moving(4999)),
    fails: {
      message: /00:00:04\.999Z is before the input's .*00:00:05\.000Z by more than allowedSkew \(0 ms\)/,
      step: 'back',
    },
  }),
  pipelineCase({
    id: 'TSX-04',
    name: 'an output may be as much earlier as the allowed skew says',
    build: (p) => assertTimestamps('back', oneAt(p, 5000).parDo('back', moving(4200, 800)), 4200),
  }),
  pipelineCase({
    id: 'TSX-04/more',
    name: 'a millisecond more is refused',
    build: (p) => void oneAt(p, 5000).parDo('back', moving(4199, 800)),
    fails: { message: /allowedSkew \(800 ms\)/, step: 'back' },
  }),
  pipelineCase({
    id: 'TSX-05',
    name: 'with a skew as long as time an output may lie at its beginning, and is not lost in the global window',
    build(p) {
      // The longest skew there is reaches back to the beginning of time from 1970.
      const back = oneAt(p, 0).parDo('back', moving(TIMESTAMP_MIN, Number.MAX_SAFE_INTEGER))
      assertTimestamps('back', back, TIMESTAMP_MIN)
      const grouped = back.keyBy('one', () => 'k').groupByKey('group')
      assertThat(
        'grouped',
        grouped.map('list', ({ value }) => [...value]),
      ).containsInAnyOrder([0])
    },
  }),
  ...[TIMESTAMP_MAX + 1, Number.NaN, 0.5, Number.POSITIVE_INFINITY].map((timestamp, n) =>
    pipelineCase({
      id: `TSX-06/${['after-the-end', 'not-a-number', 'fraction', 'infinite'][n] ?? n}`,
      name: `${timestamp} is no timestamp of an output`,
      build: (p) => void oneAt(p, 5).parDo('odd', moving(timestamp)),
      fails: { message: /is not a timestamp/, step: 'odd' },
    }),
  ),
  pipelineCase({
    id: 'TSX-07',
    name: 'the allowed skew holds for every output',
    build(p) {
      oneAt(p, 5000).parDo('back', {
        outputs: { main: t.number, more: t.number },
        process: (n, { emit }) => emit.more(n, 4999),
      })
    },
    fails: { message: /allowedSkew \(0 ms\)/, step: 'back' },
  }),
  pipelineCase({
    id: 'TSX-07/finish',
    name: 'finishBundle has no input to be before: it emits at any time',
    build(p) {
      const out = oneAt(p, 5000).parDo('end', {
        output: t.number,
        process: () => undefined,
        finishBundle: ({ emit }) => emit(1, 3, globalWindow),
      })
      assertTimestamps('end', out, 3)
    },
  }),
  pipelineCase({
    id: 'TSX-08',
    name: 'what a timer emits before its output timestamp is refused',
    needs: ['timers.eventTime'],
    build(p) {
      oneAt(p, 10)
        .keyBy('one', () => 'k')
        .parDo('timers', {
          output: t.number,
          timers: { later: timer.eventTime() },
          process: (_, { timers }) => timers.later.set(100, { outputTimestamp: 50 }),
          onTimer: { later: ({ emit }) => emit(1, 49) },
        })
    },
    fails: { message: /allowedSkew \(0 ms\)/, step: 'timers' },
  }),
  pipelineCase({
    id: 'TSX-08/accepted',
    name: 'what a timer emits has its output timestamp, or a later one',
    needs: ['timers.eventTime'],
    build(p) {
      const out = oneAt(p, 10)
        .keyBy('one', () => 'k')
        .parDo('timers', {
          output: t.number,
          timers: { later: timer.eventTime() },
          process: (_, { timers }) => timers.later.set(100, { outputTimestamp: 50 }),
          onTimer: {
            later({ emit }) {
              emit(1)
              emit(2, 51)
            },
          },
        })
      assertTimestamps('out', out, 50, 51)
    },
  }),
  pipelineCase({
    id: 'TSX-09',
    name: 'what an expiring window emits before its last timestamp is refused',
    needs: ['state.value', 'onWindowExpiration'],
    build: (p) => void expiring(p, 8),
    fails: { message: /allowedSkew \(0 ms\)/, step: 'expire' },
  }),
  pipelineCase({
    id: 'TSX-09/accepted',
    name: 'what an expiring window emits has the last timestamp of the window',
    needs: ['state.value', 'onWindowExpiration'],
    build: (p) => assertTimestamps('out', expiring(p, undefined), 9),
  }),
  pipelineCase({
    id: 'TSX-10',
    name: 'an element moved back behind the watermark is late, and dropped by a grouping when its window has expired',
    needs: ['testStream'],
    build(p) {
      const script = testStream<number>().advanceWatermarkTo(100).add(at(101, 101), at(102, 102))
      const grouped = p
        .apply('script', script.end())
        .parDo('back', {
          output: t.number,
          allowedSkew: 1000,
          process: (n, { emit }) => (n === 101 ? emit(n, 5) : emit(n)),
        })
        .windowInto('tens', fixedWindows(10))
        .keyBy('one', () => 'k')
        .groupByKey('group')
      assertThat(
        'grouped',
        grouped.map('list', ({ value }) => [...value]),
      ).containsInAnyOrder([102])
      return ({ result }, claims) => claims.same(result.metrics.counter('droppedDueToLateness'), 1, 'dropped')
    },
  }),
  pipelineCase({
    id: 'TSX-11',
    name: 'withTimestamps moves elements forward',
    build: (p) =>
      assertTimestamps(
        'later',
        oneAt(p, 5).withTimestamps('later', (n) => n + 100),
        105,
      ),
  }),
  pipelineCase({
    id: 'TSX-11/backwards',
    name: 'withTimestamps moves backwards only as far as the allowed skew says',
    build: (p) => void oneAt(p, 5).withTimestamps('earlier', (n) => n - 1),
    fails: { message: /allowedSkew \(0 ms\)/, step: 'earlier' },
  }),
  pipelineCase({
    id: 'TSX-11/skew',
    name: 'withTimestamps moves backwards within the allowed skew',
    build: (p) =>
      assertTimestamps(
        'earlier',
        oneAt(p, 5).withTimestamps('earlier', (n) => n - 1, { allowedSkew: 1 }),
        4,
      ),
  }),
  pipelineCase({
    id: 'TSX-11/null',
    name: 'null is no timestamp',
    // @ts-expect-error A timestamp is a number, a text or a date.
    build: (p) => void oneAt(p, 5).withTimestamps('none', () => null),
    fails: { message: /not a timestamp/, step: 'none' },
  }),
  pipelineCase({
    id: 'TSX-12',
    name: 'timestamps and windows that were made part of elements are given back exactly',
    build(p) {
      const times = [3, 17, END_OF_GLOBAL_WINDOW - 1, TIMESTAMP_MIN + 10]
      const reified = p
        .create('times', times, { timestamp: (n) => n })
        .windowInto('tens', fixedWindows(10))
        .parDo('reify', {
          output: typed<{ readonly time: number; readonly start: number }>(),
          process: (_, { timestamp, window, emit }) => emit({ time: timestamp, start: window.start }),
        })
      assertThat('windows', reified).satisfies((values, elements) =>
        expectSameInAnyOrder(
          values.map(({ start }) => start),
          elements.map(({ window }) => window.start),
        ),
      )
      const restored = reified.reshuffle('apart').withTimestamps('restore', ({ time }) => time)
      assertTimestamps('restored', restored, ...times)
    },
    needs: ['reshuffle'],
  }),
  pipelineCase({
    id: 'TSX-12/key',
    name: 'a key made of a timestamp is that timestamp',
    build(p) {
      const keyed = oneAt(p, 7).parDo('reify', {
        output: typed<{ readonly key: number; readonly value: number }>(),
        process: (n, { timestamp, emit }) => emit(kv(timestamp, n)),
      })
      const grouped = keyed.groupByKey('group').map('list', ({ key, value }) => kv(key, [...value]))
      assertThat('grouped', grouped).containsInAnyOrder(kv(7, [7]))
    },
  }),
]

/** A window [0, 10) that emits when it expires, at a time or at its own. */
function expiring(p: Pipeline, to: number | undefined): PCollection<number> {
  return oneAt(p, 5)
    .windowInto('tens', fixedWindows(10))
    .keyBy('one', () => 'k')
    .parDo('expire', {
      output: t.number,
      state: { seen: state.value(t.number) },
      process: ({ value }, { state: { seen } }) => seen.write(value),
      onWindowExpiration: ({ state: { seen }, emit }) => emit(seen.read() ?? -1, to),
    })
}
