/**
 * Transforms that come with the SDK: what each gives, on nothing, on little, per key and per window.
 */
import * as t from 'io-ts'
import { ordNumber } from 'fp-ts/lib/Ord.js'
import {
  approximateDistinct,
  combineValues,
  count,
  distinctBy,
  exceptFor,
  fixedWindows,
  intersectWith,
  type KV,
  kv,
  latest,
  latestPerKey,
  max,
  mean,
  min,
  type PCollection,
  type Pipeline,
  quantiles,
  regexFind,
  regexFindAll,
  regexMatches,
  regexReplaceAll,
  regexSplit,
  sample,
  samplePerKey,
  seededRandom,
  sum,
  swap,
  tee,
  toList,
  toMap,
  top,
  toSet,
  toStrings,
  unionWith,
  withKeys,
} from 'millrace'
import { assertThat, at, testStream } from 'millrace/testing'
import { type ConformanceCase, constructionCase, pipelineCase } from './case.js'
import { expectSame, expectSameInAnyOrder } from './claims.js'
import { upTo } from './readers.js'

const numbersOf = (p: Pipeline): PCollection<number> =>
  p.create('numbers', [3, 1, 4, 1, 5, 9, 2, 6], { codec: t.number })
const fewOf = (p: Pipeline): PCollection<number> => p.create('few', [1, 1, 1, 7, 3], { codec: t.number })
const noneOf = (p: Pipeline): PCollection<number> => p.create('none', [], { codec: t.number })
const pairsOf = (p: Pipeline): PCollection<KV<string, number>> =>
  p.create('pairs', [kv('a', 1), kv('b', 2), kv('a', 3), kv('a', 2)])
/** Numbers at their own timestamps, in windows of ten. */
const timedOf = (p: Pipeline): PCollection<number> =>
  p.create('timed', [1, 2, 2, 12], { timestamp: (n) => n }).windowInto('tens', fixedWindows(10))
const linesOf = (p: Pipeline, ...lines: readonly string[]): PCollection<string> => p.create('lines', lines)

type Needs = ConformanceCase['needs']
type Program = (p: Pipeline) => PCollection<unknown>
interface Row {
  readonly id: string
  readonly name: string
  readonly needs?: Needs
  readonly program: Program
  readonly gives: readonly unknown[]
}

const COMBINE = ['combine'] as const
/** What gives something for nothing, too, looks whether there was nothing. */
const WITH_DEFAULT = ['combine', 'sideInputs'] as const

// prettier-ignore
const programs: readonly Row[] = [
  { id: 'LIB-01/filter', name: 'filter keeps what its predicate keeps', program: (p) => numbersOf(p).filter('odd', (n) => n % 2 === 1), gives: [3, 1, 1, 5, 9] },
  { id: 'LIB-01/keys', name: 'keys are the keys, each as often as it was there', program: (p) => pairsOf(p).keys('keys'), gives: ['a', 'b', 'a', 'a'] },
  { id: 'LIB-01/values', name: 'values are the values', program: (p) => pairsOf(p).values('values'), gives: [1, 2, 3, 2] },
  { id: 'LIB-01/swap', name: 'swap exchanges key and value', program: (p) => pairsOf(p).apply('swap', swap), gives: [kv(1, 'a'), kv(2, 'b'), kv(3, 'a'), kv(2, 'a')] },
  { id: 'LIB-01/with-keys', name: 'every element gets one key, or its own', program: (p) => fewOf(p).apply('key', withKeys('k')), gives: [1, 1, 1, 7, 3].map((n) => kv('k', n)) },
  { id: 'LIB-01/to-strings', name: 'elements become texts', program: (p) => pairsOf(p).apply('text', toStrings), gives: ['{"key":"a","value":1}', '{"key":"b","value":2}', '{"key":"a","value":3}', '{"key":"a","value":2}'] },
  { id: 'LIB-01/regex-find', name: 'the first match, or a group of it', program: (p) => linesOf(p, 'a=1', 'b', 'c=2=3').apply('x', regexFind(/=(?<v>\d)/g, 'v')), gives: ['1', '2'] },
  { id: 'LIB-01/regex-all', name: 'every match', program: (p) => linesOf(p, 'a=1', 'b', 'c=2=3').apply('x', regexFindAll(/\d/)), gives: ['1', '2', '3'] },
  { id: 'LIB-01/regex-matches', name: 'texts that match as a whole', program: (p) => linesOf(p, 'a', 'ab', 'b').apply('x', regexMatches(/a|b/)), gives: ['a', 'b'] },
  { id: 'LIB-01/regex-replace', name: 'matches replaced', program: (p) => linesOf(p, 'a-b-c').apply('x', regexReplaceAll(/-(\w)/, '$1.')), gives: ['ab.c.'] },
  { id: 'LIB-01/regex-split', name: 'texts between matches', program: (p) => linesOf(p, 'a, b,,c').apply('x', regexSplit(/,\s*/)), gives: ['a', 'b', 'c'] },
  { id: 'LIB-02/global', name: 'elements are counted', needs: WITH_DEFAULT, program: (p) => numbersOf(p).combineGlobally('n', count()), gives: [8] },
  { id: 'LIB-02/none', name: 'nothing counts 0', needs: WITH_DEFAULT, program: (p) => noneOf(p).combineGlobally('n', count()), gives: [0] },
  { id: 'LIB-02/per-key', name: 'elements are counted by key', needs: COMBINE, program: (p) => pairsOf(p).countPerKey('n'), gives: [kv('a', 3), kv('b', 1)] },
  { id: 'LIB-02/per-element', name: 'equal elements are counted', needs: COMBINE, program: (p) => fewOf(p).countPerElement('n'), gives: [kv(1, 3), kv(7, 1), kv(3, 1)] },
  { id: 'LIB-02/windowed', name: 'each window has its count', needs: COMBINE, program: (p) => timedOf(p).countPerElement('n'), gives: [kv(1, 1), kv(2, 2), kv(12, 1)] },
  { id: 'LIB-03/sum', name: 'a sum', needs: WITH_DEFAULT, program: (p) => numbersOf(p).combineGlobally('x', sum()), gives: [31] },
  { id: 'LIB-03/sum-none', name: 'the sum of nothing is 0', needs: WITH_DEFAULT, program: (p) => noneOf(p).combineGlobally('x', sum()), gives: [0] },
  { id: 'LIB-03/min', name: 'the smallest', needs: COMBINE, program: (p) => numbersOf(p).combineGlobally('x', min()), gives: [1] },
  { id: 'LIB-03/max', name: 'the largest', needs: COMBINE, program: (p) => numbersOf(p).combineGlobally('x', max()), gives: [9] },
  { id: 'LIB-03/max-none', name: 'nothing has no largest', needs: COMBINE, program: (p) => noneOf(p).combineGlobally('x', max()), gives: [] },
  { id: 'LIB-03/mean', name: 'a mean', needs: WITH_DEFAULT, program: (p) => numbersOf(p).combineGlobally('x', mean()), gives: [31 / 8] },
  { id: 'LIB-03/mean-none', name: 'the mean of nothing is NaN', needs: WITH_DEFAULT, program: (p) => noneOf(p).combineGlobally('x', mean()), gives: [Number.NaN] },
  { id: 'LIB-03/per-key', name: 'sums, extremes and means by key', needs: COMBINE, program: (p) => pairsOf(p).combinePerKey('x', mean()), gives: [kv('a', 2), kv('b', 2)] },
  { id: 'LIB-04/largest', name: 'the largest, in falling order', needs: WITH_DEFAULT, program: (p) => numbersOf(p).combineGlobally('x', top(3)), gives: [[9, 6, 5]] },
  { id: 'LIB-04/smallest', name: 'the smallest, by a comparison, per key', needs: COMBINE, program: (p) => pairsOf(p).combinePerKey('x', top(2, { by: ordNumber, keep: 'smallest' })), gives: [kv('a', [1, 2]), kv('b', [2])] },
  { id: 'LIB-04/few', name: 'when there are fewer, all of them', needs: COMBINE, program: (p) => pairsOf(p).combinePerKey('x', top(9)), gives: [kv('a', [3, 2, 1]), kv('b', [2])] },
  { id: 'LIB-04/none', name: 'of nothing, an empty list', needs: WITH_DEFAULT, program: (p) => noneOf(p).combineGlobally('x', top(3)), gives: [[]] },
  { id: 'LIB-05/all', name: 'a sample of more than there are is everything, by key', needs: COMBINE, program: (p) => pairsOf(p).apply('x', samplePerKey(9)).apply('sums', combineValues(sum())), gives: [kv('a', 6), kv('b', 2)] },
  { id: 'LIB-05/size', name: 'a sample has its size', needs: WITH_DEFAULT, program: (p) => numbersOf(p).apply('x', sample(2)).map('n', (some) => some.length), gives: [2] },
  { id: 'LIB-06/whole', name: 'equal elements come once', needs: COMBINE, program: (p) => fewOf(p).distinct('x'), gives: [1, 7, 3] },
  { id: 'LIB-06/by', name: 'elements with equal representatives come once', needs: COMBINE, program: (p) => numbersOf(p).apply('x', distinctBy((n) => n % 2)).map('parity', (n) => n % 2), gives: [0, 1] },
  { id: 'LIB-06/windowed', name: 'elements that are equal and in different windows are different', needs: COMBINE, program: (p) => p.create('timed', [1, 1, 2], { timestamp: (n) => n * 10 }).windowInto('tens', fixedWindows(10)).map('one', () => 'x').distinct('x'), gives: ['x', 'x'] },
  { id: 'LIB-08/global', name: 'the element with the latest timestamp', needs: COMBINE, program: (p) => numbersOf(p).withTimestamps('own', (n) => n).apply('x', latest), gives: [9] },
  { id: 'LIB-08/per-key', name: 'the latest by key, in each window', needs: COMBINE, program: (p) => pairsOf(p).withTimestamps('own', ({ value }) => value).windowInto('two', fixedWindows(2)).apply('x', latestPerKey), gives: [kv('a', 1), kv('a', 3), kv('b', 2)] },
  { id: 'LIB-12/union', name: 'a union of sets', needs: COMBINE, program: (p) => numbersOf(p).apply('x', unionWith(fewOf(p))), gives: [1, 2, 3, 4, 5, 6, 7, 9] },
  { id: 'LIB-12/union-all', name: 'a union of bags', needs: ['flatten'], program: (p) => fewOf(p).apply('x', unionWith(p.create('one', [1], { codec: t.number }), { keep: 'all' })), gives: [1, 1, 1, 1, 3, 7] },
  { id: 'LIB-12/intersection', name: 'an intersection of sets', needs: ['flatten'], program: (p) => fewOf(p).apply('x', intersectWith(numbersOf(p))), gives: [1, 3] },
  { id: 'LIB-12/intersection-all', name: 'an intersection of bags', needs: ['flatten'], program: (p) => fewOf(p).apply('x', intersectWith(numbersOf(p), { keep: 'all' })), gives: [1, 1, 3] },
  { id: 'LIB-12/difference', name: 'a difference of sets', needs: ['flatten'], program: (p) => fewOf(p).apply('x', exceptFor(numbersOf(p))), gives: [7] },
  { id: 'LIB-12/difference-all', name: 'a difference of bags', needs: ['flatten'], program: (p) => fewOf(p).apply('x', exceptFor(numbersOf(p), { keep: 'all' })), gives: [1, 7] },
  { id: 'LIB-13/list', name: 'all elements as a list', needs: WITH_DEFAULT, program: (p) => fewOf(p).combineGlobally('x', toList()).map('sorted', (all) => [...all].sort()), gives: [[1, 1, 1, 3, 7]] },
  { id: 'LIB-13/set', name: 'all elements as a set', needs: WITH_DEFAULT, program: (p) => fewOf(p).combineGlobally('x', toSet<number>()).map('sorted', (all) => [...all].sort()), gives: [[1, 3, 7]] },
  { id: 'LIB-13/map', name: 'pairs as a map, values of one key merged', needs: WITH_DEFAULT, program: (p) => pairsOf(p).combineGlobally('x', toMap<string, number>({ merge: { concat: (a, b) => a + b } })).flatMap('all', (all) => [...all].map(([key, value]) => kv(key, value))), gives: [kv('a', 6), kv('b', 2)] },
  { id: 'LIB-15', name: 'a look aside leaves the collection as it is', program: (p) => fewOf(p).apply('x', tee((n) => n.map('wrong', (each) => each * 100))), gives: [1, 1, 1, 3, 7] },
]

/** Counts of how often each pair of five was drawn. */
function uniformity(samples: readonly (readonly number[])[]): number {
  const seen = new Map<string, number>()
  for (const each of samples) {
    const pair = [...each].sort().join('')
    seen.set(pair, (seen.get(pair) ?? 0) + 1)
  }
  const expected = samples.length / 10
  return (
    [...seen.values()].reduce((total, n) => total + (n - expected) ** 2 / expected, 0) + (10 - seen.size) * expected
  )
}

const others: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'LIB-13/repeated',
    name: 'two values of one key are no map, unless it was said how they are merged',
    needs: WITH_DEFAULT,
    build: (p) => void pairsOf(p).combineGlobally('map', toMap<string, number>()),
    fails: { message: /toMap has two values for key "a"/ },
  }),
  pipelineCase({
    id: 'LIB-13/partition',
    name: 'elements are parted by which part of the range they are in, each in one part',
    build(p) {
      const [low, middle, high] = numbersOf(p).partition('thirds', 3, (n) => (n < 3 ? 0 : n < 5 ? 1 : 2))
      assertThat('low', low).containsInAnyOrder(1, 1, 2)
      assertThat('middle', middle).containsInAnyOrder(3, 4)
      assertThat('high', high).containsInAnyOrder(5, 9, 6)
    },
  }),
  constructionCase({
    id: 'LIB-04/refused',
    name: 'none of the largest, a sample of half a value, one quantile, or an error of one are refused',
    check(claims) {
      claims.refuses(() => top(0), { message: /top keeps a whole number of values from 1/ })
      claims.refuses(() => sample(0.5), { message: /a sample has a whole number of values from 1/ })
      claims.refuses(() => quantiles(1), { message: /quantiles gives a whole number of values from 2/ })
      claims.refuses(() => approximateDistinct({ error: 1 }), { message: /must lie between 0 and 1/ })
    },
  }),
  pipelineCase({
    id: 'LIB-05/uniform',
    name: 'every part of the input is as likely a sample as any other',
    needs: ['combine'],
    notIn: { smallBatches: 'thousands of batches take half a minute and show nothing new' },
    build(p) {
      const pairs = upTo(4000).flatMap((key) => upTo(5).map((value) => kv(key, value)))
      const samples = p.create('values', pairs).apply('two', samplePerKey(2))
      assertThat('samples', samples).satisfies((all) => {
        expectSame(
          all.every(({ value }) => new Set(value).size === 2),
          true,
          'two different ones each',
        )
        // χ² with 9 degrees of freedom is below 37 in all but one of 37,000 samples.
        const chi2 = uniformity(all.map(({ value }) => value))
        if (chi2 > 37) throw new Error(`the samples are not uniform: χ² is ${chi2}`)
      })
    },
  }),
  pipelineCase({
    id: 'LIB-06/late',
    name: 'an element that comes again late, in panes that follow, is given once per window in total',
    needs: ['testStream', 'lateness', 'combine'],
    build(p) {
      const script = testStream<string>()
        .add(at(1, 'a'), at(2, 'a'))
        .advanceWatermarkTo(10)
        .add(at(3, 'a'))
        .add(at(4, 'b'))
        .add(at(5, 'b'))
      const once = p
        .apply('events', script.end())
        .windowInto('tens', fixedWindows(10), { allowedLateness: 100 })
        .distinct('once')
      assertThat('once', once).containsInAnyOrder('a', 'b')
    },
  }),
  pipelineCase({
    id: 'LIB-09/quantiles',
    name: 'quantiles of 100,000 values are within their bound of the exact ones',
    needs: WITH_DEFAULT,
    notIn: { smallBatches: 'thousands of batches take half a minute and show nothing new' },
    build(p) {
      const random = seededRandom(9)
      const numbers = upTo(100_000).map(() => Math.exp(20 * random() - 10) * (random() < 0.3 ? -1 : 1))
      const exact = [...numbers].sort((a, b) => a - b)
      assertThat('percentiles', p.create('numbers', numbers).combineGlobally('x', quantiles(101))).satisfies(
        ([answer = []]) => {
          expectSame(answer.length, 101, 'number of quantiles')
          answer.forEach((value, i) => {
            const wanted = exact[Math.round((i * 99_999) / 100)] as number
            if (Math.abs(value - wanted) > 0.01 * Math.abs(wanted) * (1 + 1e-9))
              throw new Error(`percentile ${i} is ${value}, and ${wanted} exactly`)
          })
          expectSame([answer[0], answer[100]], [exact[0], exact[99_999]], 'extremes')
        },
      )
    },
  }),
  pipelineCase({
    id: 'LIB-09/distinct',
    name: 'the estimated number of different values of 100,000 is within three standard errors; of few it is exact',
    needs: WITH_DEFAULT,
    notIn: { smallBatches: 'thousands of batches take half a minute and show nothing new' },
    build(p) {
      const random = seededRandom(10)
      const users = upTo(100_000).map(() => Math.floor(random() * 50_000))
      const size = new Set(users).size
      const estimate = p.create('users', users).combineGlobally('distinct', approximateDistinct<number>())
      assertThat('many', estimate).satisfies(([answer = 0]) => {
        // An error of 2 % is the standard error.
        if (Math.abs(answer / size - 1) > 0.06) throw new Error(`the estimate is ${answer}, and ${size} exactly`)
      })
      assertThat('few', fewOf(p).combineGlobally('three', approximateDistinct<number>())).isSingleton(3)
      assertThat('none', noneOf(p).combineGlobally('zero', approximateDistinct<number>())).isSingleton(0)
    },
  }),
  pipelineCase({
    id: 'LIB-15/aside',
    name: 'who looks aside sees every element',
    build(p) {
      const seen = fewOf(p).apply(
        'look',
        tee((n) => assertThat('aside', n).satisfies((all) => expectSameInAnyOrder(all, [1, 1, 1, 3, 7]))),
      )
      assertThat('passed', seen).hasSize(5)
    },
  }),
]

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  ...programs.map(({ id, name, needs, program, gives }) =>
    pipelineCase({
      id,
      name,
      ...(needs === undefined ? {} : { needs }),
      build: (p) => assertThat('out', program(p)).containsInAnyOrder(...gives),
    }),
  ),
  ...others,
]
