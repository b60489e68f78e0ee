import * as t from 'io-ts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as N from 'fp-ts/lib/number.js'
import { type CombineFn, type Combiner, type MonoidCombine, type SemigroupCombine, count, max, mean, min, type OffsetRange, offsetRangeCodec, OffsetRangeTracker, type RestrictionTracker, type SplittableDoFn, sum, typed, watermarks } from 'millrace' // prettier-ignore
import { checkCoder, checkCombineFn, checkSource, checkTracker, LawBroken } from 'millrace/testing'
import { decodeFromBytes, doubleCoder, dynamicCoder, iterableCoder, kvCoder, nullableCoder, stringUtf8Coder, timestampCoder, varintCoder, type Coder } from '../coders/index.js' // prettier-ignore

type AnyCombiner = Combiner<number, unknown, unknown>
/** Combiners of the forms that the faulty ones have. */
type Faulty =
  | CombineFn<number, { items: number[] }, number | readonly number[]>
  | MonoidCombine<number, number>
  | MonoidCombine<number, number[]>
  | SemigroupCombine<number, number>

const whole = (random: () => number): number => Math.floor(random() * 100)

describe('checkCombineFn', () => {
  it.each<readonly [string, object]>([
    ['sum', sum((n: number) => n)],
    ['count', count()],
    ['mean', mean()],
    ['min', min()],
    ['max', max()],
    ['a monoid of fp-ts', { of: (n: number) => n, monoid: N.MonoidProduct }],
  ])('accepts %s', (_, combiner) => {
    const { checked } = checkCombineFn(combiner as AnyCombiner, { inputs: whole, tolerance: 1e-3, maxInputs: 5 })
    expect(checked.size).toBeGreaterThanOrEqual(6)
    for (const times of checked.values()) expect(times).toBe(100)
  })

  const list: CombineFn<number, { items: number[] }, number> = {
    createAccumulator: () => ({ items: [] }),
    addInput: (a, n) => { a.items.push(n); return a }, // prettier-ignore
    mergeAccumulators: (a, b) => ({ items: [...a.items, ...b.items] }),
    extractOutput: ({ items }) => items.reduce((x, y) => x + y, 0),
    compact: ({ items }) => ({ items: [items.reduce((x, y) => x + y, 0)] }),
  }
  it('accepts one with all its parts', () => {
    expect(checkCombineFn(list, { inputs: [1, 2, 3] }).checked.has('accumulators may be compacted at any time')).toBe(true) // prettier-ignore
  })

  const shared = { items: [] as number[] }
  it.each<readonly [string, Faulty, RegExp]>([
    [
      'the last input',
      { of: (n) => n, semigroup: { concat: (_: number, b: number) => b } },
      /the order of inputs does not matter: inputs \[.*\d+ when added one by one, \d+ this way/,
    ],
    ['a difference', { of: (n) => n, semigroup: { concat: (a: number, b: number) => a - b } }, /does not matter/],
    [
      'a mean of means',
      { ...list, mergeAccumulators: (a, b) => ({ items: [(list.extractOutput(a) + list.extractOutput(b)) / 2] }) },
      /however they are bracketed/,
    ],
    [
      'an empty value that is not empty',
      { of: (n) => n, monoid: { empty: 1, concat: (a: number, b: number) => a + b } },
      /bracketed|changes nothing/,
    ],
    ['a shared accumulator', { ...list, createAccumulator: () => shared }, /does not hold that/],
    [
      'an accumulator that its coder refuses',
      {
        ...list,
        createAccumulator: () => ({ items: [], at: new URL('a:b') }),
        mergeAccumulators: (a, b) => ({ ...a, items: [...a.items, ...b.items] }),
      },
      /may go through their coder/,
    ],
    ['a compact that forgets', { ...list, compact: () => ({ items: [] }) }, /compacted/],
    [
      'an output that is a part of its accumulator',
      {
        ...list,
        extractOutput: ({ items }) => items,
        compact: (a) => a,
        addInput: (a, n) => {
          a.items.push(n)
          a.items.sort()
          return a
        },
        mergeAccumulators: (a, b) => ({ items: [...a.items, ...b.items].sort() }),
      },
      /an output stays as it is/,
    ],
    [
      'a concat that changes its argument',
      {
        of: (n) => [n],
        monoid: {
          empty: [] as number[],
          concat: (a: number[], b: number[]) => {
            a.push(...b)
            a.sort()
            return a
          },
        },
      },
      /does not hold that/,
    ],
    [
      'a result that is drawn by lot',
      { of: (n) => n, semigroup: { concat: () => Math.random() } },
      /the same inputs give the same output/,
    ],
  ])('finds fault with %s', (_, combiner, message) => {
    // prettier-ignore
    const check = (): unknown => checkCombineFn(combiner as AnyCombiner, { inputs: whole })
    expect(check).toThrow(LawBroken)
    expect(check).toThrow(message)
  })

  it('refuses inputs and trials that are none', () => {
    expect(() => checkCombineFn(sum(), { inputs: [] })).toThrow(/needs inputs/)
    expect(() => checkCombineFn(sum(), { inputs: [1], trials: 0 })).toThrow(/trials of a checker/)
    expect(() => checkCombineFn(sum(), { inputs: [1], seed: 0.5 })).toThrow(/seed of a checker/)
  })
})

describe('checkCoder', () => {
  const anything = fc.sample(fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true, withSparseArray: false }), { numRuns: 60, seed: 7 }) // prettier-ignore
  it.each<readonly [string, unknown, readonly unknown[]]>([
    ['dynamic', dynamicCoder, [...anything, { b: 1, a: { d: [{ y: 1, x: 2 }], c: 'x' } }]],
    ['string', stringUtf8Coder, ['', 'é𝄞', 'long'.repeat(100)]],
    ['double', doubleCoder, [0, -1.5, Number.NaN, Infinity]],
    ['varint', varintCoder, [0, -1, 300, 2 ** 53 - 1, 2n ** 62n]],
    ['timestamp', timestampCoder, [0, 1e12]],
    ['kv', kvCoder(stringUtf8Coder, nullableCoder(doubleCoder)), [{ key: 'a', value: null }, { key: '', value: 5 }]], // prettier-ignore
    ['iterable', iterableCoder(stringUtf8Coder), [[], ['a', '']]],
  ])('accepts %s', (_, coder, values) => {
    const { checked } = checkCoder(coder as Coder<unknown>, values)
    expect(checked.get('what is encoded comes back')).toBe(values.length)
    expect(checked.get('values that follow one another are read one after the other')).toBe(100)
  })

  it('takes a codec for the coder that it makes', () => {
    const order = t.type({ user: t.string, cents: t.number })
    expect(checkCoder(order, [{ user: 'ann', cents: 5 }]).checked.has('equal values have equal bytes')).toBe(true)
    // @ts-expect-error not an order
    expect(() => checkCoder(order, [{ user: 5 }])).toThrow(LawBroken)
  })

  const of = (
    encode: Coder<unknown>['encode'],
    decode: Coder<unknown>['decode'],
    canonical = true,
  ): Coder<unknown> => ({
    urn: 'test:coder',
    components: [],
    canonical,
    encode,
    decode,
  })
  const text = stringUtf8Coder as Coder<unknown>
  it.each<readonly [string, Coder<unknown>, unknown, RegExp]>([
    [
      'a part that is lost',
      of(
        (v, out) => text.encode((v as { a: string }).a, out, true),
        (input) => ({ a: text.decode(input, true) }),
      ),
      { a: 'x', b: 1 },
      /what is encoded comes back: value .* comes back as \{ a: "x" \}/,
    ],
    [
      'an encoding without an end',
      of(
        (v, out) => text.encode(v, out, false),
        (input) => text.decode(input, false),
      ),
      'long',
      /the end is missing are refused: value "long": 0 of its 4 bytes are taken for ""/,
    ],
    [
      'bytes that depend on the order of fields',
      of(
        (v, out) => text.encode(JSON.stringify(v), out, true),
        (input) => JSON.parse(text.decode(input, true) as string) as unknown,
      ),
      { b: 1, a: 2 },
      /equal values have equal bytes/,
    ],
    [
      'a coder that throws',
      of(
        () => {
          throw new Error('no coder')
        },
        () => 0,
      ),
      1,
      /what is encoded comes back: value 1: no coder/,
    ],
  ])('finds fault with %s', (_, coder, value, message) => {
    // prettier-ignore
    expect(() => checkCoder(coder, [value])).toThrow(message)
  })

  it('lets a coder that is not canonical have other bytes for other orders of fields', () => {
    const json = of((v, out) => text.encode(JSON.stringify(v), out, true), (input) => JSON.parse(text.decode(input, true) as string) as unknown, false) // prettier-ignore
    expect(checkCoder(json, [{ b: 1, a: 2 }]).checked.has('equal values have equal bytes')).toBe(false)
    expect(() => checkCoder(json, [])).toThrow(/needs values/)
    expect(decodeFromBytes(text, Uint8Array.of(65), false)).toBe('A')
  })
})

describe('checkTracker and checkSource', () => {
  const positions = ({ from, to }: OffsetRange): readonly number[] => Array.from({ length: to - from }, (_, i) => from + i) // prettier-ignore
  const check = (make: (range: OffsetRange) => RestrictionTracker<OffsetRange, number>): unknown =>
    checkTracker(make, { restriction: { from: 3, to: 12 }, positions })
  const broken =
    (methods: (whole: OffsetRangeTracker) => Partial<RestrictionTracker<OffsetRange, number>>) =>
    (range: OffsetRange) => {
      // prettier-ignore
      const whole = new OffsetRangeTracker(range)
      const tracker: RestrictionTracker<OffsetRange, number> = {
        tryClaim: (p) => whole.tryClaim(p),
        currentRestriction: () => whole.currentRestriction(),
        trySplit: (f) => whole.trySplit(f),
        checkDone: () => whole.checkDone(),
        progress: () => whole.progress(),
      }
      return { ...tracker, ...methods(whole) }
    }

  it('accept the tracker of offsets', () => {
    expect(() => check((range) => new OffsetRangeTracker(range))).not.toThrow()
    expect(() => check(broken(() => ({})))).not.toThrow()
    expect(() => checkTracker((range: OffsetRange) => new OffsetRangeTracker(range), { restriction: { from: 0, to: 1 }, positions })).toThrow(/at least two positions/) // prettier-ignore
  })

  it.each<readonly [string, (whole: OffsetRangeTracker) => Partial<RestrictionTracker<OffsetRange, number>>, RegExp]>([
    [
      'a claim that is refused too early',
      (w) => ({ tryClaim: (p) => p < 10 && w.tryClaim(p) }),
      /every position .*10 was refused/,
    ],
    ['an end that is not noticed', () => ({ checkDone: () => undefined }), /stops before the end is told so/],
    [
      'a split that loses a position',
      (w) => ({
        trySplit: (f) => {
          const r = w.trySplit(f)
          return r === undefined || r.from + 1 >= r.to ? undefined : { from: r.from + 1, to: r.to }
        },
      }),
      /disjoint and together the whole.*it keeps/,
    ],
    [
      'a split that keeps what it gives',
      (w) => ({ trySplit: () => ({ from: w.currentRestriction().to - 1, to: w.currentRestriction().to }) }),
      /together the whole/,
    ],
    [
      'progress that goes backwards',
      (w) => ({
        progress: () => {
          const { completed, remaining } = w.progress()
          return { completed: remaining, remaining: completed }
        },
      }),
      /never goes backwards/,
    ],
  ])('find fault with %s', (_, methods, message) => {
    // prettier-ignore
    expect(() => check(broken(methods))).toThrow(message)
  })

  const squares: SplittableDoFn<
    number,
    OffsetRange,
    OffsetRangeTracker,
    ReturnType<typeof typed<number>>,
    undefined
  > = {
    // prettier-ignore
    output: typed<number>(),
    bounded: true,
    replayable: true,
    watermark: watermarks.none(),
    restriction: (n) => ({ from: 0, to: n }),
    restrictionCodec: offsetRangeCodec,
    split: (_, { to }, parts) => Array.from({ length: parts }, (_, i) => ({ from: Math.floor((i * to) / parts), to: Math.floor(((i + 1) * to) / parts) })), // prettier-ignore
    tracker: (range) => new OffsetRangeTracker(range),
    process(_, tracker, { emit }) {
      for (let i = tracker.currentRestriction().from; tracker.tryClaim(i); i++) emit(i * i, i)
    },
  }
  it('accept a source', async () => {
    const { checked } = await checkSource(squares, 30)
    expect(checked.get('reading may be cut anywhere')).toBe(20)
    expect(checked.get('the parts of a source are together the whole')).toBe(20)
  })

  let reads = 0
  it.each<readonly [string, Partial<typeof squares>, RegExp]>([
    [
      'parts that overlap',
      {
        split: (_, { from, to }) => [
          { from, to },
          { from: to - 1, to },
        ],
      },
      /parts .* 0 elements are missing and 1 too many, of 30/,
    ],
    [
      'elements that come unclaimed',
      {
        process(_, tracker, { emit }) {
          emit(-1, 0)
          for (let i = tracker.currentRestriction().from; tracker.tryClaim(i); i++) emit(i, i)
        },
      },
      /cut anywhere/,
    ],
    [
      'another result each time',
      {
        process(_, tracker, { emit }) {
          reads++
          for (let i = tracker.currentRestriction().from; tracker.tryClaim(i); i++) emit(reads, i)
        },
      },
      /gives the same again/,
    ],
    [
      'a reader that stops',
      {
        process() {
          return undefined
        },
      },
      /reading stopped at 0/,
    ],
    ['no end', { bounded: false }, /says that it has none/],
  ])('find fault with a source that has %s', async (_, parts, message) => {
    // prettier-ignore
    await expect(checkSource({ ...squares, ...parts }, 30)).rejects.toThrow(message)
  })

  it('stop reading at some point', async () => {
    await expect(checkSource(squares, 500, { maxElements: 100 })).rejects.toThrow(/has read 100 elements/)
  })
})
