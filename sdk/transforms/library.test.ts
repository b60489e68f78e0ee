/** Combiners and transforms that come with the SDK: their laws, and what they give in every way of running. */
import fc from 'fast-check'
import { ordString, ordNumber } from 'fp-ts/lib/Ord.js'
import * as t from 'io-ts'
import { describe, expect, expectTypeOf, it } from 'vitest'
import {
  any,
  approximateDistinct,
  combineFields,
  type CombineFn,
  combineValues,
  count,
  distinctBy,
  every,
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
  pipeline,
  quantiles,
  reducing,
  regexFind,
  regexFindAll,
  regexMatches,
  regexReplaceAll,
  regexSplit,
  run,
  sample,
  samplePerKey,
  sum,
  tee,
  toList,
  toMap,
  top,
  toSet,
  unionWith,
  withHotKeyFanout,
} from 'millrace'
import { at, testStream } from 'millrace/testing'
import { inEveryMode } from '../../conformance/support/modes.js'
import { decodeFromBytes, dynamicCoder, encodeToBytes } from '../coders/index.js'
import { coderOfCodec } from '../graph/coders.js'
import { seededRandom } from '../env.js'
import type { AnyCombiner } from './any-combiner.js'
import { toCombine } from './combine.js'
import { operationsOf } from './combine-operations.js'

const withHot = <C extends AnyCombiner>(combiner: C): C => withHotKeyFanout(combiner, 5)
const seed = Number(process.env['MILLRACE_SEED'] ?? 7)

/** An output that can be compared: lists of no order are sorted. */
const plain = (value: unknown): unknown =>
  value instanceof Set
    ? { set: [...value].map((v) => JSON.stringify(v)).sort() }
    : value instanceof Map
      ? { map: [...value].map((v) => JSON.stringify(v)).sort() }
      : value

const sorted = (value: unknown): unknown => (Array.isArray(value) ? [...value].sort() : plain(value))

// prettier-ignore
const combiners: readonly (readonly [string, AnyCombiner, fc.Arbitrary<unknown>, (value: unknown) => unknown])[] = [
  ['top', top(3), fc.integer({ min: -5, max: 5 }), plain],
  ['top by part of the value', top(3, { by: (a: { n: number }, b: { n: number }) => a.n - b.n, keep: 'smallest' }), fc.record({ n: fc.nat(2), other: fc.nat(9) }, { noNullPrototype: true }), plain],
  ['toList', toList(), fc.nat(5), sorted],
  ['toSet', toSet(), fc.oneof(fc.nat(3), fc.record({ n: fc.nat(2) }, { noNullPrototype: true })), plain],
  ['toMap', toMap({ merge: { concat: (a: number, b: number) => a + b } }), fc.record({ key: fc.oneof(fc.nat(3), fc.record({ n: fc.nat(2) }, { noNullPrototype: true })), value: fc.nat(9) }, { noNullPrototype: true }), plain],
  ['any', any((n: number) => n === 3), fc.nat(5), plain],
  ['every', every((n: number) => n < 5), fc.nat(5), plain],
  ['reducing', reducing((a: number, b: number) => a + b), fc.nat(5), plain],
  ['quantiles', quantiles(5), fc.double({ noNaN: true, noDefaultInfinity: true }), plain],
  ['approximateDistinct', approximateDistinct({ error: 0.5 }), fc.nat(20), plain],
  ['combineFields', combineFields({ n: count<number>(), least: min(), top: top(2), set: toSet<number>(), average: mean() }), fc.integer({ min: -5, max: 5 }), (v) => Object.fromEntries(Object.entries(v as object).map(([name, value]) => [name, plain(value)]))],
]

describe('the law of combiners: any order, any bracketing, through bytes', () => {
  it.each(combiners)(`%s (seed ${seed})`, (_, combiner, values, view) => {
    const { create, add, merge, extract } = operationsOf(toCombine(combiner, 'law'))
    const { accumulator, codec } = combiner as { accumulator?: t.Mixed; codec?: t.Mixed }
    const described = accumulator ?? codec
    const coder = described === undefined || 'semigroup' in combiner ? dynamicCoder : coderOfCodec(described)
    const travelled = (a: unknown): unknown => decodeFromBytes(coder, encodeToBytes(coder, a))
    fc.assert(
      fc.property(fc.array(values, { minLength: 1, maxLength: 12 }), fc.infiniteStream(fc.nat(3)), (inputs, cuts) => {
        const direct = view(extract(inputs.reduce(add, create())))
        const next = (): number => cuts.next().value
        const reduceParts = (part: readonly unknown[]): unknown => {
          if (part.length < 2 || next() === 0) return part.reduce(add, create())
          const at = 1 + (next() % (part.length - 1))
          const [left, right] = [reduceParts(part.slice(0, at)), reduceParts(part.slice(at))]
          const [a, b] = next() === 0 ? [right, left] : [left, right]
          return merge(merge(travelled(a), create()), travelled(b))
        }
        expect(view(extract(reduceParts(inputs)))).toEqual(direct)
      }),
      { seed },
    )
  })
})

describe('the error of sketches', () => {
  it(`is within its bound for 100,000 values (seed ${seed})`, () => {
    const random = seededRandom(seed)
    const numbers = Array.from({ length: 100_000 }, () => Math.exp(20 * random() - 10) * (random() < 0.3 ? -1 : 1))
    const exact = [...numbers].sort((a, b) => a - b)
    const fn = quantiles(101)
    const answer = fn.extractOutput(numbers.reduce((a, n) => fn.addInput(a, n), fn.createAccumulator()))
    expect(answer).toHaveLength(101)
    answer.forEach((value, i) => {
      const wanted = exact[Math.round((i * 99_999) / 100)] as number
      expect(Math.abs(value - wanted)).toBeLessThanOrEqual(0.01 * Math.abs(wanted) * (1 + 1e-9))
    })
    expect([answer[0], answer[100]]).toEqual([exact[0], exact[99_999]])
    const distinct = approximateDistinct<number>()
    const users = Array.from({ length: 100_000 }, () => Math.floor(random() * 50_000))
    const estimate = distinct.extractOutput(
      users.reduce((a, n) => distinct.addInput(a, n), distinct.createAccumulator()),
    )
    // Three standard errors of 2 %.
    expect(Math.abs(estimate / new Set(users).size - 1)).toBeLessThan(0.06)
  })

  it('is none for few values, and quantiles of the largest numbers are numbers', () => {
    const fn = quantiles(3)
    expect(
      fn.extractOutput(
        [Number.MAX_VALUE, -Number.MAX_VALUE, Number.MIN_VALUE].reduce(fn.addInput, fn.createAccumulator()),
      ),
    ).toEqual([-Number.MAX_VALUE, expect.closeTo(0), Number.MAX_VALUE])
    expect(fn.extractOutput(fn.createAccumulator())).toEqual([])
    expect(() => fn.addInput(fn.createAccumulator(), NaN)).toThrow('quantiles takes finite numbers, got NaN')
  })
})

// prettier-ignore
const refused: readonly (readonly [string, () => unknown, string])[] = [
  ['top of no values', () => top(0), 'top keeps a whole number of values from 1, but n is 0.'],
  ['a sample of half a value', () => sample(0.5), 'a sample has a whole number of values from 1, but n is 0.5.'],
  ['one quantile', () => quantiles(1), 'quantiles gives a whole number of values from 2, but n is 1.'],
  ['an error of one', () => approximateDistinct({ error: 1 }), 'the error of approximateDistinct must lie between 0 and 1, but is 1.'],
  ['an unknown multiplicity', () => unionWith({} as never, { keep: 'some' as never }), "keep must be 'distinct' or 'all', but is some."],
  ['a part that is no combiner', () => combineFields({ a: 1 as never }), 'step "combineFields: a" combines with something that is no combiner.'],
]
it.each(refused)('%s is refused', (_, make, message) => {
  expect(make).toThrow(message)
})

it('the types of combiners are those of their parts', () => {
  const fn = combineFields({ n: count<{ cents: number }>(), total: sum((order: { cents: number }) => order.cents) })
  expectTypeOf(fn.extractOutput).returns.toEqualTypeOf<{ readonly n: number; readonly total: number }>()
  expectTypeOf(fn.addInput).parameter(1).toHaveProperty('cents')
  expectTypeOf(top(2, { by: ordString })).toEqualTypeOf<CombineFn<string, readonly string[], readonly string[]>>()
  const numbers = pipeline().create('numbers', [1])
  const texts = top(2, { by: ordString })
  // @ts-expect-error numbers are not compared as texts
  numbers.combineGlobally('two', texts)
  const p = pipeline()
  expectTypeOf(p.create('pairs', [kv('a', 1)]).apply('some', samplePerKey(2))).toEqualTypeOf<
    PCollection<{ readonly key: string; readonly value: readonly number[] }>
  >()
})

const numbers = (p: Pipeline): PCollection<number> => p.create('numbers', [3, 1, 4, 1, 5, 9, 2, 6], { codec: t.number })
const Pair = t.type({ key: t.string, value: t.number })
const pairs = (p: Pipeline): PCollection<t.TypeOf<typeof Pair>> =>
  p.create('pairs', [kv('a', 1), kv('b', 2), kv('a', 3), kv('a', 2)], { codec: Pair })
const few = (p: Pipeline): PCollection<number> => p.create('few', [1, 1, 1, 7, 3], { codec: t.number })

// prettier-ignore
const programs: readonly (readonly [string, (p: Pipeline) => PCollection<unknown>, readonly unknown[]])[] = [
  ['the largest', (p) => numbers(p).combineGlobally('x', top(3)), [[9, 6, 5]]],
  ['the smallest per key', (p) => pairs(p).combinePerKey('x', top(2, { by: ordNumber, keep: 'smallest' })), [kv('a', [1, 2]), kv('b', [2])]],
  ['more than there are', (p) => pairs(p).combinePerKey('x', top(9)), [kv('a', [3, 2, 1]), kv('b', [2])]],
  ['a set, spread', (p) => few(p).combineGlobally('x', toSet<number>()).flatMap('all', (s) => s), [1, 3, 7]],
  ['a map', (p) => pairs(p).combineGlobally('x', toMap<string, number>({ merge: { concat: (a, b) => a + b } })).flatMap('all', (m) => [...m].map(([key, value]) => kv(key, value))), [kv('a', 6), kv('b', 2)]],
  ['several combines in one', (p) => pairs(p).combinePerKey('x', combineFields({ total: sum(), n: count<number>(), most: max() })), [kv('a', { total: 6, n: 3, most: 3 }), kv('b', { total: 2, n: 1, most: 2 })]],
  ['a hot key', (p) => pairs(p).combinePerKey('x', withHot(sum())), [kv('a', 6), kv('b', 2)]],
  ['a hot key of a full combiner', (p) => pairs(p).combinePerKey('x', withHot(mean())), [kv('a', 2), kv('b', 2)]],
  ['a hot key of a semigroup, by key', (p) => pairs(p).combinePerKey('x', withHotKeyFanout(max(), (key) => (key === 'a' ? 4 : 0))), [kv('a', 3), kv('b', 2)]],
  ['a hot whole', (p) => numbers(p).combineGlobally('x', withHot(sum())), [31]],
  ['a hot whole of nothing', (p) => numbers(p).filter('none', () => false).combineGlobally('x', withHot(sum())), [0]],
  ['a sample of all', (p) => pairs(p).apply('x', samplePerKey(9)).apply('n', combineValues(sum())), [kv('a', 6), kv('b', 2)]],
  ['a sample of two', (p) => numbers(p).apply('x', sample(2)).map('n', (some) => some.length), [2]],
  ['the latest', (p) => numbers(p).withTimestamps('own', (n) => n).apply('x', latest), [9]],
  ['the latest per key and window', (p) => pairs(p).withTimestamps('own', ({ value }) => value).windowInto('two', fixedWindows(2)).apply('x', latestPerKey), [kv('a', 1), kv('a', 3), kv('b', 2)]],
  ['one of each parity', (p) => numbers(p).apply('x', distinctBy((n) => n % 2)).map('parity', (n) => n % 2), [0, 1]],
  ['grouped values combined', (p) => pairs(p).groupByKey('group').apply('x', combineValues(max())), [kv('a', 3), kv('b', 2)]],
  ['empty groups combined', (p) => p.create('empty', [kv('a', [] as number[])]).apply('sum', combineValues(sum())), [kv('a', 0)]],
  ['empty groups combined by a semigroup', (p) => p.create('empty', [kv('a', [] as number[])]).apply('max', combineValues(max())), []],
  ['a union', (p) => numbers(p).apply('x', unionWith(few(p))), [1, 2, 3, 4, 5, 6, 7, 9]],
  ['a union of bags', (p) => few(p).apply('x', unionWith(p.create('one', [1], { codec: t.number }), { keep: 'all' })), [1, 1, 1, 1, 3, 7]],
  ['an intersection', (p) => few(p).apply('x', intersectWith(numbers(p))), [1, 3]],
  ['an intersection of bags', (p) => few(p).apply('x', intersectWith(numbers(p), { keep: 'all' })), [1, 1, 3]],
  ['a difference', (p) => few(p).apply('x', exceptFor(numbers(p))), [7]],
  ['a difference of bags', (p) => few(p).apply('x', exceptFor(numbers(p), { keep: 'all' })), [1, 7]],
  ['a look aside', (p) => few(p).apply('x', tee((n) => n.collect('aside'))), [1, 1, 1, 3, 7]],
  ['a first match', (p) => p.create('lines', ['a=1', 'b', 'c=2=3']).apply('x', regexFind(/=(?<v>\d)/g, 'v')), ['1', '2']],
  ['every match', (p) => p.create('lines', ['a=1', 'b', 'c=2=3']).apply('x', regexFindAll(/\d/)), ['1', '2', '3']],
  ['whole matches', (p) => p.create('lines', ['a', 'ab', 'b']).apply('x', regexMatches(/a|b/y)), ['a', 'b']],
  ['replaced matches', (p) => p.create('lines', ['a-b-c']).apply('x', regexReplaceAll(/-(\w)/, '$1.')), ['ab.c.']],
  ['split texts', (p) => p.create('lines', ['a, b,,c']).apply('x', regexSplit(/,\s*/)), ['a', 'b', 'c']],
]

const byText = (values: readonly unknown[]): readonly string[] => values.map((value) => JSON.stringify(value)).sort()

inEveryMode((options) => {
  it.each(programs)('%s', async (_, build, expected) => {
    const p = pipeline()
    build(p).collect('out')
    expect(byText((await run(p, options)).collect('out'))).toEqual(byText(expected))
  })
})

it('a hot key counts nothing twice where panes accumulate', async () => {
  const p = pipeline()
  const stream = testStream<KV<string, number>>()
    .add(at(1, kv('a', 1)), at(2, kv('a', 2)), at(3, kv('a', 3)))
    .advanceWatermarkTo(10)
    .add(at(4, kv('a', 4)))
    .add(at(5, kv('a', 5)))
  p.apply('values', stream.end())
    .windowInto('accumulating', fixedWindows(10), { accumulation: 'accumulating', allowedLateness: 10 })
    .combinePerKey('sum', withHotKeyFanout(sum(), 3))
    .collect('out')
  const panes = [...(await run(p, { strict: true, seed })).collect<KV<string, number>>('out')]
  expect(panes[0]).toEqual(kv('a', 6))
  expect(panes.at(-1)).toEqual(kv('a', 15))
})

inEveryMode((options) => {
  it.each([
    ['distinct', (input: PCollection<string>) => input.distinct('once')],
    [
      'distinctBy',
      (input: PCollection<string>) =>
        input.apply(
          'once',
          distinctBy((word) => word),
        ),
    ],
  ] as const)('%s gives an element once per window, however often that fires', async (_, once) => {
    const p = pipeline()
    const script = testStream<string>()
      .add(at(1, 'a'), at(2, 'a'), at(12, 'a'))
      .advanceWatermarkTo(10)
      .add(at(3, 'a'))
      .add(at(4, 'b'))
      .add(at(5, 'b'))
    once(p.apply('events', script.end()).windowInto('tens', fixedWindows(10), { allowedLateness: 100 })).collect('out')
    expect([...(await run(p, options)).collect<string>('out')].sort()).toEqual(['a', 'a', 'b'])
  })
})

it('toMap refuses two values of a key', async () => {
  const p = pipeline()
  pairs(p).combineGlobally('map', toMap<string, number>()).collect('out')
  await expect(run(p)).rejects.toThrow(/toMap has two values for key "a": 1 and 3\. Give toMap\(\{ merge \}\)/)
})

it(`a sample is uniform (seed ${seed})`, async () => {
  const p = pipeline()
  const keys = Array.from({ length: 4000 }, (_, key) => key)
  p.create(
    'values',
    keys.flatMap((key) => [0, 1, 2, 3, 4].map((value) => kv(key, value))),
  )
    .apply('two', samplePerKey(2))
    .collect('out')
  const seen = new Map<string, number>()
  for (const { value } of (await run(p, { strict: true, seed })).collect<KV<number, readonly number[]>>('out')) {
    const pair = [...value].sort().join('')
    seen.set(pair, (seen.get(pair) ?? 0) + 1)
  }
  expect(seen.size).toBe(10)
  // χ² with 9 degrees of freedom is below 27.88 in all but one of a thousand samples.
  const chi2 = [...seen.values()].reduce((total, n) => total + (n - 400) ** 2 / 400, 0)
  expect(chi2).toBeLessThan(27.88)
})
