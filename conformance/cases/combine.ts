/**
 * Combine: many values reduced to one, in any order and any bracketing.
 */
import * as t from 'io-ts'
import {
  coGroupByKey,
  type CombineFn,
  type CombineGloballyOptions,
  count,
  fixedWindows,
  type KV,
  kv,
  max,
  mean,
  min,
  type PCollection,
  type Pipeline,
  pipeline,
  sessionWindows,
  slidingWindows,
  sum,
} from 'millrace'
import { assertThat } from 'millrace/testing'
import { type ConformanceCase, constructionCase, pipelineCase, transcript } from './case.js'
import { expectSameInAnyOrder } from './claims.js'
import { end, expectPanes, input, pane, watermark } from './transcript.js'

const scores = (p: Pipeline): PCollection<KV<string, number>> =>
  p.create('scores', [kv('a', 1), kv('a', 1), kv('a', 4), kv('b', 5)])
const timed = (p: Pipeline, ...times: readonly number[]): PCollection<number> =>
  p.create('timed', times, { timestamp: (n) => n })
const nothing: readonly number[] = []

/** Largest of the numbers: a reduction of two values to one. */
const largest = {
  of: (n: number): number => n,
  semigroup: { concat: (a: number, b: number): number => Math.max(a, b) },
}

/** The sum, with accumulators that are lists which every call changes in place. */
const inPlace: CombineFn<number, number[], number> = {
  createAccumulator: () => [],
  addInput(list, value) {
    list.push(value)
    return list
  },
  mergeAccumulators(a, b) {
    a.push(...b)
    // What was handed over is nobody's any more.
    b.length = 0
    return a
  },
  extractOutput(list) {
    const total = list.reduce((a, b) => a + b, 0)
    list.length = 0
    return total
  },
}

/** The mean, with accumulators made smaller whenever anyone asks for it. */
const compacting: CombineFn<number, readonly number[], number> = {
  createAccumulator: () => [],
  addInput: (list, value) => [...list, value],
  mergeAccumulators: (a, b) => [...a, ...b],
  compact: (list) => [list.reduce((a, b) => a + b, 0)],
  extractOutput: (list) => list.reduce((a, b) => a + b, 0),
}

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'CMB-01',
    name: 'a sum per key',
    needs: ['combine'],
    build: (p) => assertThat('sums', scores(p).combinePerKey('sum', sum())).containsInAnyOrder(kv('a', 6), kv('b', 5)),
  }),
  pipelineCase({
    id: 'CMB-02',
    name: 'a sum of everything is one element',
    needs: ['combine', 'sideInputs'],
    build: (p) =>
      assertThat('sum', p.create('numbers', [2, 3, 5]).combineGlobally('sum', sum())).containsInAnyOrder(10),
  }),
  pipelineCase({
    id: 'CMB-03',
    name: 'of nothing, everything is what the combiner makes of nothing',
    needs: ['combine', 'sideInputs'],
    build: (p) => assertThat('sum', p.create('none', nothing).combineGlobally('sum', sum())).containsInAnyOrder(0),
  }),
  pipelineCase({
    id: 'CMB-03/own',
    name: 'of nothing, everything is the value that was given for it',
    needs: ['combine', 'sideInputs'],
    build: (p) =>
      assertThat(
        'sum',
        p.create('none', nothing).combineGlobally('sum', sum(), { whenEmpty: { emit: -1 } }),
      ).containsInAnyOrder(-1),
  }),
  pipelineCase({
    id: 'CMB-04',
    name: 'without a default, nothing comes of nothing',
    needs: ['combine'],
    build: (p) =>
      assertThat('sum', p.create('none', nothing).combineGlobally('sum', sum(), { whenEmpty: 'nothing' })).isEmpty(),
  }),
  pipelineCase({
    id: 'CMB-05',
    name: 'no pairs give no sums',
    needs: ['combine'],
    build(p) {
      const pairs = p.create('none', nothing).keyBy('key', () => 'k')
      assertThat('sums', pairs.combinePerKey('sum', sum())).isEmpty()
    },
  }),
  constructionCase({
    id: 'CMB-06',
    name: 'a value for empty windows is refused where nobody knows which there are',
    check(claims) {
      const inTens = pipeline().create('numbers', [1]).windowInto('tens', fixedWindows(10))
      claims.refuses(() => inTens.combineGlobally('sum', sum(), { whenEmpty: { emit: 0 } }), {
        message: /whenEmpty/,
        step: 'sum',
      })
    },
  }),
  pipelineCase({
    id: 'CMB-07',
    name: 'accumulators may be of another type than inputs and outputs',
    needs: ['combine'],
    build: (p) =>
      assertThat('means', scores(p).combinePerKey('mean', mean())).containsInAnyOrder(kv('a', 2), kv('b', 5)),
  }),
  pipelineCase({
    id: 'CMB-08',
    name: 'accumulators may be changed and emptied in place',
    needs: ['combine', 'sideInputs'],
    build(p) {
      assertThat('sums', scores(p).combinePerKey('sum', inPlace)).containsInAnyOrder(kv('a', 6), kv('b', 5))
      const numbers = p.create('numbers', [1, 2, 3, 4, 5, 6, 7])
      assertThat('sum', numbers.combineGlobally('sum of all', inPlace)).containsInAnyOrder(28)
    },
  }),
  transcript({
    id: 'CMB-08/panes',
    name: 'a pane that was given does not change with what comes later',
    needs: ['lateness', 'accumulating'],
    windowFn: fixedWindows(10),
    options: { allowedLateness: 100, accumulation: 'accumulating' },
    events: [
      input(1),
      watermark(11),
      expectPanes(pane([0, 10], [1], 'onTime', 0, { last: false })),
      input(2),
      expectPanes(pane([0, 10], [1, 2], 'late', 1)),
      input(3),
      expectPanes(pane([0, 10], [1, 2, 3], 'late', 2)),
      end(),
    ],
  }),
  pipelineCase({
    id: 'CMB-09',
    name: 'accumulators may be made smaller at any point',
    needs: ['combine'],
    build: (p) =>
      assertThat('sums', scores(p).combinePerKey('sum', compacting)).containsInAnyOrder(kv('a', 6), kv('b', 5)),
  }),
  pipelineCase({
    id: 'CMB-10',
    name: 'a combine gives what the grouping gives that it stands for, wherever it begins',
    needs: ['combine', 'sideInputs'],
    build(p) {
      const numbers = p.create(
        'numbers',
        Array.from({ length: 200 }, (_, n) => n),
      )
      const keyed = numbers.keyBy('key', (n) => n % 7)
      const grouped = keyed.groupByKey('group').map('sum of group', ({ key, value }) => {
        const values = [...value]
        return kv(
          key,
          values.reduce((a, b) => a + b, 0),
        )
      })
      const combined = keyed.combinePerKey('sum', sum())
      const both = coGroupByKey('both', { grouped, combined })
      const differences = both.flatMap('difference', ({ value }) => {
        const [a, b] = [[...value.grouped], [...value.combined]]
        return a.length === 1 && b.length === 1 && a[0] === b[0] ? [] : [[a, b]]
      })
      assertThat('differences', differences).isEmpty()
      assertThat(
        'keys',
        combined.map('key alone', ({ key }) => key),
      ).containsInAnyOrder(0, 1, 2, 3, 4, 5, 6)
      assertThat('mean', numbers.combineGlobally('mean', mean())).containsInAnyOrder(99.5)
    },
  }),
  pipelineCase({
    id: 'CMB-11',
    name: 'more keys in one bundle than are kept before the grouping make no difference',
    needs: ['combine', 'sideInputs'],
    build(p) {
      // All of one element, so that no bundle ends in between.
      const keyed = p
        .create('one', [12_000])
        .flatMap('numbers', (n) => Array.from({ length: n }, (_, at) => at))
        .keyBy('key', (n) => n % 11_000)
      for (const name of ['count', 'count again']) {
        const counts = keyed.combinePerKey(name, count()).map(`${name}: value`, ({ value }) => value)
        assertThat(`${name}: keys`, counts.combineGlobally(`${name}: keys`, count())).containsInAnyOrder(11_000)
        assertThat(`${name}: all`, counts.combineGlobally(`${name}: all`, sum())).containsInAnyOrder(12_000)
      }
    },
  }),
  pipelineCase({
    id: 'CMB-14',
    name: 'each fixed window has its sum, and a window without elements none',
    needs: ['combine'],
    build(p) {
      const values = new Map([
        [0, 1],
        [3, 2],
        [6, 4],
        [21, 9],
      ])
      const sums = timed(p, ...values.keys())
        .map('value', (time) => values.get(time) ?? 0)
        .windowInto('fives', fixedWindows(5))
        .combineGlobally('sum', sum())
      assertWindowed('sums', sums, [
        [0, 3],
        [5, 4],
        [20, 9],
      ])
    },
  }),
  pipelineCase({
    id: 'CMB-15',
    name: 'an element counts in every sliding window that it lies in',
    needs: ['combine'],
    build(p) {
      const sums = timed(p, 7, 12)
        .windowInto('sliding', slidingWindows(10, { every: 5 }))
        .combineGlobally('sum', sum())
      assertWindowed('sums', sums, [
        [0, 7],
        [5, 19],
        [10, 12],
      ])
    },
  }),
  pipelineCase({
    id: 'CMB-16',
    name: 'each merged session has one result',
    needs: ['combine', 'windows.merging'],
    build(p) {
      const sums = timed(p, 1, 3, 6, 20).windowInto('sessions', sessionWindows(5)).combineGlobally('sum', sum())
      assertWindowed('sums', sums, [
        [1, 10],
        [20, 20],
      ])
    },
  }),
  transcript({
    id: 'CMB-17',
    name: 'an element that bridges two sessions makes one of them, with everything in it',
    needs: ['windows.merging'],
    windowFn: sessionWindows(5),
    events: [input(1), input(9), input(5), end(), expectPanes(pane([1, 14], [1, 5, 9], 'onTime', 0, { at: 13 }))],
  }),
  constructionCase({
    id: 'CMB-18',
    // Beam lets a combiner read side inputs; here the step before it does, and a combiner that asks for them is refused.
    name: 'a combiner that asks for side inputs is refused, by what it asks for',
    check(claims) {
      const p = pipeline()
      const numbers = p.create('numbers', [1])
      const combiner = { ...sum(), sides: { factor: numbers.asSingleton('factor') } }
      claims.refuses(() => numbers.combineGlobally('total', combiner), {
        message: /side inputs, which a combiner cannot read/,
        step: 'total',
      })
    },
  }),
  pipelineCase({
    id: 'CMB-18/before',
    name: 'what a side input says reaches a combine by the step before it, by the window of the main element',
    needs: ['combine', 'sideInputs'],
    build(p) {
      const stamped = (name: string, values: readonly number[]): PCollection<number> =>
        p.create(name, values, { timestamp: (n) => n }).windowInto(`${name} tens`, fixedWindows(10))
      const factor = stamped('factors', [2, 13]).asSingleton('factor')
      const totals = stamped('numbers', [1, 3, 11])
        .parDo('weigh', {
          output: t.number,
          sides: { factor },
          process: (n, { sides, emit }) => emit(n * sides.factor),
        })
        .combineGlobally('sum', sum())
      assertThat('totals', totals).containsInAnyOrder(8, 143)
    },
  }),
  pipelineCase({
    id: 'CMB-19',
    name: 'a view of a combine of nothing has its default',
    needs: ['combine', 'sideInputs'],
    build(p) {
      const total = p
        .create('none', nothing)
        .combineGlobally('sum', sum(), { whenEmpty: 'nothing' })
        .asSingleton('total', { default: -1 })
      const seen = p.create('one', [1]).parDo('see', {
        output: t.number,
        sides: { total },
        process: (_, { sides, emit }) => emit(sides.total),
      })
      assertThat('seen', seen).containsInAnyOrder(-1)
    },
  }),
  pipelineCase({
    id: 'CMB-22',
    name: 'a reduction of one value is that value',
    needs: ['combine'],
    build: (p) => assertThat('max', p.create('one', [-7]).combineGlobally('max', largest)).containsInAnyOrder(-7),
  }),
  pipelineCase({
    id: 'CMB-22/nothing',
    name: 'a reduction of no value is nothing, or the value that was given for it',
    needs: ['combine', 'sideInputs'],
    build(p) {
      const none = p.create('none', nothing)
      const given: CombineGloballyOptions<number> = { whenEmpty: { emit: 0 } }
      assertThat('nothing', none.combineGlobally('max', largest)).isEmpty()
      assertThat('given', none.combineGlobally('max or 0', largest, given)).containsInAnyOrder(0)
      const keyed = none.keyBy('key', () => 'k')
      assertThat('per key', keyed.combinePerKey('max per key', largest)).isEmpty()
    },
  }),
  pipelineCase({
    id: 'CMB-24',
    name: 'count, sum, mean, smallest and largest',
    needs: ['combine', 'sideInputs'],
    notIn: { smallBatches: 'thousands of batches take half a minute and show nothing new' },
    build(p) {
      const numbers = p.create('numbers', [3, -1, 10, 4])
      assertThat('count', numbers.combineGlobally('count', count())).containsInAnyOrder(4)
      assertThat('sum', numbers.combineGlobally('sum', sum())).containsInAnyOrder(16)
      assertThat('mean', numbers.combineGlobally('mean', mean())).containsInAnyOrder(4)
      assertThat('min', numbers.combineGlobally('min', min())).containsInAnyOrder(-1)
      assertThat('max', numbers.combineGlobally('max', max())).containsInAnyOrder(10)
      assertThat('distinct', numbers.map('sign', Math.sign).distinct('signs')).containsInAnyOrder(1, -1)
      assertThat('per element', numbers.map('sign too', Math.sign).countPerElement('per sign')).containsInAnyOrder(
        kv(1, 3),
        kv(-1, 1),
      )
    },
  }),
  pipelineCase({
    id: 'CMB-25',
    name: 'several combines over one input give what each gives alone',
    needs: ['combine'],
    build(p) {
      const input = scores(p)
      assertThat('sum', input.combinePerKey('sum', sum())).containsInAnyOrder(kv('a', 6), kv('b', 5))
      assertThat('max', input.combinePerKey('max', max())).containsInAnyOrder(kv('a', 4), kv('b', 5))
      assertThat('count', input.countPerKey('count')).containsInAnyOrder(kv('a', 3), kv('b', 1))
    },
  }),
]

/** Asserts what is in which window, by the window's start. */
function assertWindowed(
  name: string,
  collection: PCollection<number>,
  expected: readonly (readonly [start: number, value: number])[],
): void {
  assertThat(name, collection).satisfies((_, elements) =>
    expectSameInAnyOrder(
      elements.map(({ window, value }) => [window.start, value]),
      expected,
    ),
  )
}
