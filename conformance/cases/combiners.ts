/**
 * Combiners of the library and what may be done with any: hot keys, several at once, groups that exist already, a life of
 * their own.
 */
import * as t from 'io-ts'
import {
  any,
  approximateDistinct,
  combineFields,
  type CombineFn,
  type CombinerOutput,
  combineValues,
  count,
  every,
  globalWindows,
  afterCount,
  kv,
  max,
  mean,
  min,
  type PCollection,
  type Pipeline,
  quantiles,
  repeatedly,
  sample,
  sum,
  toList,
  toMap,
  top,
  toSet,
  withHotKeyFanout,
} from 'millrace'
import { assertThat, at, checkCombineFn, testStream } from 'millrace/testing'
import { type ConformanceCase, pipelineCase, unitCase } from './case.js'
import { expectSame, expectSameInAnyOrder } from './claims.js'

const upTo = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i)
const numbersOf = (p: Pipeline): PCollection<number> => p.create('numbers', [3, -1, 10, 4])
const bundles = 'a count trigger means "at least": bundles decide how often it fires'

/** Numbers from 1 to 5, each a bundle of its own, of which every one fires. */
function eachFires(p: Pipeline): PCollection<number> {
  const script = upTo(5).reduce((stream, n) => stream.add(at(n, n + 1)), testStream(t.number))
  return p.apply('script', script.end()).windowInto('all', globalWindows(), {
    trigger: repeatedly(afterCount(1)),
    accumulation: 'accumulating',
  })
}

/** Half of all numbers are of one key. */
const skewed = upTo(200).map((n) => kv(n % 2 === 0 ? 'hot' : `cold ${n % 5}`, n))
const meansOfSkewed = [kv('hot', 99), ...upTo(5).map((key) => kv(`cold ${key}`, 95 + ((key * 6 + 5) % 10)))]

/** Ways to spread the keys. */
const fanouts = [
  ['none', 0],
  ['fixed', 5],
  ['by-key', (key: unknown): number => (key === 'hot' ? 16 : 1)],
  ['by-chance', (): number => 1 + Math.floor(Math.random() * 4)],
] as const

/** What a combiner gives for 3, −1, 10 and 4, in a field `out` of its own. */
const library: readonly (readonly [id: string, build: (p: Pipeline) => PCollection<unknown>, expected: unknown])[] = [
  ['top', (p) => numbersOf(p).combineGlobally('top', top(2)), [10, 4]],
  ['top-of-few', (p) => numbersOf(p).combineGlobally('top', top(9, { keep: 'smallest' })), [-1, 3, 4, 10]],
  [
    'any',
    (p) =>
      numbersOf(p).combineGlobally(
        'any',
        any((n: number) => n > 9),
      ),
    true,
  ],
  [
    'every',
    (p) =>
      numbersOf(p).combineGlobally(
        'every',
        every((n: number) => n > 0),
      ),
    false,
  ],
  [
    'set',
    (p) =>
      numbersOf(p)
        .map('sign', Math.sign)
        .combineGlobally('set', toSet<number>())
        .map('sorted', (signs) => [...signs].sort()),
    [-1, 1],
  ],
  [
    'list',
    (p) =>
      numbersOf(p)
        .combineGlobally('list', toList<number>())
        .map('sorted', (list) => [...list].sort((a, b) => a - b)),
    [-1, 3, 4, 10],
  ],
  [
    'map',
    (p) =>
      numbersOf(p)
        .map('square', (n) => kv(n, n * n))
        .combineGlobally('map', toMap<number, number>())
        .map('sorted', (squares) => [...squares].sort(([a], [b]) => a - b)),
    [
      [-1, 1],
      [3, 9],
      [4, 16],
      [10, 100],
    ],
  ],
]

/** A sum whose functions work only between setup and teardown. */
function alive(log: string[]): CombineFn<number, number, number> {
  let isAlive = false
  const check = (): void => {
    if (!isAlive) throw new Error('the combiner is not set up')
  }
  return {
    setup: async () => {
      await Promise.resolve()
      log.push('setup')
      isAlive = true
    },
    createAccumulator() {
      check()
      return 0
    },
    addInput(total, n) {
      check()
      return total + n
    },
    mergeAccumulators(a, b) {
      check()
      return a + b
    },
    extractOutput(total) {
      check()
      return total
    },
    teardown() {
      log.push('teardown')
      isAlive = false
    },
  }
}

/** The first text: which is first, bundles decide. */
const firstOne: CombineFn<string, string, string> = {
  createAccumulator: () => '',
  addInput: (first, text) => (first === '' ? text : first),
  mergeAccumulators: (a, b) => (a === '' ? b : a),
  extractOutput: (first) => first,
}

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  ...fanouts.map(([id, fanout]) =>
    pipelineCase({
      id: `CMB-12/${id}`,
      name: `means are the same however hot keys are spread (${id})`,
      needs: ['combine'],
      build(p) {
        const means = p.create('skewed', skewed).combinePerKey('mean', withHotKeyFanout(mean(), fanout))
        assertThat('means', means).containsInAnyOrder(...meansOfSkewed)
      },
    }),
  ),
  pipelineCase({
    id: 'CMB-13',
    name: 'a combine that is spread and fires for every element counts none twice',
    needs: ['combine', 'testStream', 'triggers.early', 'accumulating'],
    build(p) {
      const sums = eachFires(p).combineGlobally('sum', withHotKeyFanout(sum(), 3), { whenEmpty: 'nothing' })
      assertThat('sums', sums).satisfies((values) => {
        expectSame(Math.max(...values), 15, 'largest sum')
        if (!values.every((value) => value <= 15)) throw new Error('a value was counted twice')
      })
    },
  }),
  pipelineCase({
    id: 'CMB-20',
    name: 'a combiner is set up before its first call and torn down after its last',
    needs: ['combine', 'sideInputs'],
    inProcess: true,
    build(p) {
      const log: string[] = []
      const combiner = alive(log)
      assertThat('sum', numbersOf(p).combineGlobally('sum', combiner)).containsInAnyOrder(16)
      const pairs = pairsOf(p)
      assertThat('sums', pairs.combinePerKey('sums', combiner)).containsInAnyOrder(kv('a', 3), kv('b', 5))
      return (_, claims) => {
        claims.same(log[0], 'setup', 'first')
        claims.same(log.at(-1), 'teardown', 'last')
        claims.same(log.filter((call) => call === 'setup').length, log.length / 2, 'setups, each with a teardown')
      }
    },
  }),
  pipelineCase({
    id: 'CMB-21',
    name: 'several combiners over one input give what each gives alone',
    needs: ['combine', 'sideInputs'],
    build(p) {
      const parts = { total: sum(), least: min(), most: max(), mean: mean(), count: count() }
      const numbers = numbersOf(p)
      const together: PCollection<CombinerOutput<ReturnType<typeof combineFields<typeof parts>>>> =
        numbers.combineGlobally('together', combineFields(parts))
      const expected = { total: 16, least: -1, most: 10, mean: 4, count: 4 }
      assertThat('together', together).containsInAnyOrder(expected)
      assertThat('total', numbers.combineGlobally('total', sum())).containsInAnyOrder(expected.total)
      assertThat('mean', numbers.combineGlobally('mean', mean())).containsInAnyOrder(expected.mean)
    },
  }),
  pipelineCase({
    id: 'CMB-23',
    name: 'combining values that are grouped already gives what combining per key gives',
    needs: ['combine'],
    build(p) {
      const pairs = pairsOf(p)
      const grouped = pairs.groupByKey('group').apply('sum', combineValues(sum()))
      assertThat('of groups', grouped).containsInAnyOrder(kv('a', 3), kv('b', 5))
      assertThat('per key', pairs.combinePerKey('sum per key', sum())).containsInAnyOrder(kv('a', 3), kv('b', 5))
    },
  }),
  ...library.map(([id, build, expected]) =>
    pipelineCase({
      id: `CMB-24/${id}`,
      name: `the library's combiners give what they say (${id})`,
      needs: ['combine', 'sideInputs'],
      build: (p) => assertThat('out', build(p)).containsInAnyOrder(expected),
    }),
  ),
  pipelineCase({
    id: 'CMB-24/sample',
    name: 'a sample has as many values as asked for, all of the collection, and all of a smaller one',
    needs: ['combine', 'sideInputs'],
    build(p) {
      const numbers = p.create('upwards', upTo(50))
      assertThat('some', numbers.apply('some', sample(5))).satisfies(([some = []]) => {
        expectSame([some.length, new Set(some).size], [5, 5], 'size')
        if (!some.every((n) => n >= 0 && n < 50)) throw new Error('a value of nowhere')
      })
      assertThat('all', numbers.apply('all', sample(99))).satisfies(([all = []]) => expectSameInAnyOrder(all, upTo(50)))
    },
  }),
  pipelineCase({
    id: 'CMB-24/quantiles',
    name: 'quantiles lie within their error of the true ones, and the ends are exact',
    needs: ['combine'],
    build(p) {
      const found = p
        .create('upwards', upTo(1001))
        .combineGlobally('quantiles', quantiles(5, { error: 0.01 }), { whenEmpty: 'nothing' })
      assertThat('quantiles', found).satisfies(
        ([[least = -1, first = -1, middle = -1, third = -1, most = -1] = []]) => {
          expectSame([least, most], [0, 1000], 'ends')
          for (const [is, should] of [
            [first, 250],
            [middle, 500],
            [third, 750],
          ] as const)
            if (Math.abs(is - should) > should * 0.01 + 1)
              throw new Error(`a quantile is ${is} and should be ${should}`)
        },
      )
    },
  }),
  pipelineCase({
    id: 'CMB-24/distinct',
    name: 'the number of distinct values is exact for few, and within its error for many',
    needs: ['combine'],
    build(p) {
      const twice = p.create('twice', [...upTo(5000), ...upTo(5000)])
      const few = twice
        .map('few', (n) => n % 100)
        .combineGlobally('of few', approximateDistinct(), { whenEmpty: 'nothing' })
      assertThat('few', few).containsInAnyOrder(100)
      const many = twice.combineGlobally('of many', approximateDistinct({ error: 0.05 }), { whenEmpty: 'nothing' })
      // Four standard errors: hashes do not change, so what holds once holds always.
      assertThat('many', many).satisfies(([n = 0]) => {
        if (Math.abs(n - 5000) > 4 * 0.05 * 5000) throw new Error(`${n} distinct values, and there are 5,000`)
      })
    },
  }),
  pipelineCase({
    id: 'CMB-26',
    name: 'with triggers in the global window, firings come after data and none is the default',
    needs: ['combine', 'sideInputs', 'testStream', 'triggers.early', 'accumulating'],
    notIn: { strict: bundles },
    build(p) {
      // The last is the pane on time: it comes at the end of the window though nothing is new, as in Beam Java.
      assertThat('sums', eachFires(p).combineGlobally('sum', sum())).containsInAnyOrder(1, 3, 6, 10, 15, 15)
    },
  }),
  pipelineCase({
    id: 'CMB-26/empty',
    name: 'with triggers in the global window and no data, the default comes once',
    needs: ['combine', 'sideInputs', 'testStream', 'triggers.early', 'accumulating'],
    build(p) {
      const nothing = p
        .apply('script', testStream(t.number).advanceWatermarkTo(100).end())
        .windowInto('all', globalWindows(), { trigger: repeatedly(afterCount(1)), accumulation: 'accumulating' })
      assertThat('sums', nothing.combineGlobally('sum', sum())).containsInAnyOrder(0)
    },
  }),
  unitCase({
    id: 'CMB-27',
    name: 'a combiner whose result depends on the order of its inputs is found out',
    check(claims) {
      claims.refuses(() => checkCombineFn(firstOne, { inputs: ['a', 'b', 'c'], seed: 1 }), {
        error: 'LawBroken',
        message: /order|bracket/,
      })
      claims.holds(checkCombineFn(max(), { inputs: [1, 5, -2], seed: 1 }).checked.size > 3, 'laws that hold of max')
    },
  }),
]

function pairsOf(p: Pipeline): PCollection<{ readonly key: string; readonly value: number }> {
  return p.create('pairs', [kv('a', 1), kv('b', 5), kv('a', 2)])
}
