import * as t from 'io-ts'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  coGroupByKey,
  count,
  flatten,
  globalWindow,
  kv,
  max,
  mean,
  min,
  type PCollection,
  type Pipeline,
  pipeline,
  run,
  state,
  sum,
  swap,
  toStrings,
  typed,
  withKeys,
} from 'millrace'
import { inEveryMode } from '../../conformance/support/modes.js'

const Pair = t.type({ key: t.string, value: t.number })
const words = (p: Pipeline): PCollection<string> => p.create('words', ['a', 'b', 'a'], { codec: t.string })
const numbers = (p: Pipeline): PCollection<number> => p.create('numbers', [1, 2, 3], { codec: t.number })
const pairs = (p: Pipeline): PCollection<t.TypeOf<typeof Pair>> =>
  p.create('pairs', [kv('a', 1), kv('b', 2), kv('a', 3)], { codec: Pair })

/** Pipelines that name a codec wherever something is stored. */
const described: readonly (readonly [string, (p: Pipeline) => PCollection<unknown>, readonly unknown[]])[] = [
  ['values under keys', (p) => pairs(p).groupByKey('group'), [kv('a', [1, 3]), kv('b', [2])]],
  [
    'values under keys of an exact, read-only record',
    (p) => p.create('pairs', [kv('a', 1)], { codec: t.readonly(t.exact(Pair)) }).groupByKey('group'),
    [kv('a', [1])],
  ],
  [
    'a key taken',
    (p) =>
      words(p)
        .keyBy('key', (w) => w, { codec: t.string })
        .countPerKey('n'),
    [kv('a', 2), kv('b', 1)],
  ],
  ['elements counted', (p) => words(p).countPerElement('n'), [kv('a', 2), kv('b', 1)]],
  ['all counted', (p) => words(p).combineGlobally('n', count()), [3]],
  ['a sum', (p) => numbers(p).combineGlobally('n', sum()), [6]],
  ['a mean', (p) => numbers(p).combineGlobally('n', mean()), [2]],
  ['the least', (p) => numbers(p).combineGlobally('n', min()), [1]],
  [
    'the greatest, described as the values are',
    (p) =>
      words(p)
        .combineGlobally('last', max({ equals: (a, b) => a === b, compare: (a, b) => (a < b ? -1 : a > b ? 1 : 0) }))
        .distinct('once'),
    ['b'],
  ],
  ['distinct elements, twice', (p) => words(p).distinct('once').distinct('again'), ['a', 'b']],
  ['keys', (p) => pairs(p).keys('keys').distinct('once'), ['a', 'b']],
  ['values', (p) => pairs(p).values('values').distinct('once'), [1, 2, 3]],
  [
    'key and value exchanged',
    (p) => pairs(p).apply('swap', swap).groupByKey('group'),
    [kv(1, ['a']), kv(2, ['b']), kv(3, ['a'])],
  ],
  ['texts', (p) => numbers(p).apply('texts', toStrings).distinct('once'), ['1', '2', '3']],
  [
    'one key',
    (p) =>
      numbers(p)
        .apply('all', withKeys('x', { codec: t.string }))
        .groupByKey('group'),
    [kv('x', [1, 2, 3])],
  ],
  ['elements spread anew', (p) => words(p).reshuffle('spread'), ['a', 'b', 'a']],
  [
    'a join',
    (p) =>
      coGroupByKey('join', {
        a: pairs(p),
        b: p.create('names', [kv('a', 'Ann')], { codec: t.type({ key: t.string, value: t.string }) }),
      }),
    [kv('a', { a: [1, 3], b: ['Ann'] }), kv('b', { a: [2], b: [] })],
  ],
  [
    'a union of what one codec describes',
    (p) => {
      const few = numbers(p)
      return flatten('both', [few, few.map('more', (n) => n + 10, { codec: t.number })]).distinct('once')
    },
    [1, 2, 3, 11, 12, 13],
  ],
  [
    'a view',
    (p) => {
      const total = numbers(p).combineGlobally('total', sum()).asSingleton('total of all')
      return words(p).parDo('with total', {
        output: typed<string>(),
        sides: { total },
        process: (w, { sides, emit }) => emit(`${w}${sides.total}`),
      })
    },
    ['a6', 'b6', 'a6'],
  ],
]

const byText = (values: readonly unknown[]): readonly string[] =>
  values.map((value) => JSON.stringify(value, (_, v: unknown) => (Array.isArray(v) ? [...v].sort() : v))).sort()

inEveryMode((options) => {
  it.each(described)('with requireCodecs: %s', async (_name, build, expected) => {
    const p = pipeline()
    build(p).collect('out')
    const result = await run(p, { ...options, requireCodecs: true })
    expect(byText(result.collect('out'))).toEqual(byText(expected))
  })

  it('state may be kept by the key of a described pair', async () => {
    const p = pipeline()
    pairs(p)
      .parDo('running sum', {
        output: typed<string>(),
        state: { seen: state.value(t.number, { initial: 0 }) },
        process({ key, value }, { state: { seen }, emit }) {
          seen.write(seen.read() + value)
          emit(`${key}: ${seen.read() > 0}`)
        },
      })
      .collect('out')
    const result = await run(p, options)
    expect(byText(result.collect('out'))).toEqual(byText(['a: true', 'a: true', 'b: true']))
  })

  it('keys that a codec leaves as they are group like those of the default coder', async () => {
    const odd: readonly (string | number | null | boolean)[] = [0, -0, NaN, NaN, '0', null, 'null', true, 1]
    const groups = async (codec?: t.Mixed): Promise<readonly string[]> => {
      const p = pipeline()
      const all = p.create('odd', odd)
      all
        .keyBy('key', (key) => key, codec === undefined ? {} : { codec })
        .countPerKey('n')
        .collect('out')
      return byText(
        (await run(p, options))
          .collect<{ key: unknown; value: number }>('out')
          .map(({ key, value }) => [String(key), typeof key, value]),
      )
    }
    expect(await groups(t.union([t.string, t.number, t.null, t.boolean]))).toEqual(await groups())
  })

  it('what a codec does not describe is refused where it is made', async () => {
    const lies = async (build: (p: Pipeline) => unknown): Promise<string> => {
      const p = pipeline()
      try {
        build(p)
        await run(p, options)
        return 'accepted'
      } catch (error) {
        return (error as Error).message
      }
    }
    const one = (p: Pipeline): PCollection<number> => p.create('one', [1])
    const text = 'x' as unknown as number
    expect(await lies((p) => p.create('made', [1, text], { codec: t.number }))).toMatch(
      /^value 1 of create "made": "x" is not number[^]*codecs\.test/,
    )
    expect(await lies((p) => one(p).map('maps', () => text, { codec: t.number }))).toMatch(/^step "maps" failed/)
    expect(
      await lies((p) => one(p).parDo('emits', { output: t.number, process: (_, { emit }) => emit(text) })),
    ).toMatch(/^step "emits" failed in process: "x" is not number/)
    expect(
      await lies((p) => one(p).parDo('emits', { outputs: { a: t.number }, process: (_, { emit }) => emit.a(text) })),
    ).toMatch(/^step "emits" failed in process: "x" is not number/)
    expect(
      await lies((p) =>
        one(p).parDo('yields', {
          output: t.number,
          process: function* () {
            yield text
          },
        }),
      ),
    ).toMatch(/^step "yields" failed in process: "x" is not number/)
    expect(
      await lies((p) =>
        one(p).parDo('ends', {
          output: t.number,
          process: () => undefined,
          finishBundle: ({ emit }) => emit(text, 0, globalWindow),
        }),
      ),
    ).toMatch(/^step "ends" failed in finishBundle: "x" is not number/)
    expect(
      await lies((p) =>
        pairs(p).parDo('keeps', {
          state: { n: state.value(t.number) },
          process: (_, { state: { n } }) => n.write(text),
        }),
      ),
    ).toMatch(/^step "keeps" failed in process: "x" is not number/)
  })

  it('a schema that changes what it checks is asked once', async () => {
    const Next = z.number().transform((n) => n + 1)
    const Parsed = z.string().transform(Number)
    const p = pipeline()
    p.create('numbers', [1, 2])
      .map('next', (n) => n, { codec: Next })
      .reshuffle('here')
      .distinct('once')
      .collect('next')
    p.create('texts', ['1', '2'])
      .map('parsed', (s) => s as unknown as number, { codec: Parsed })
      .reshuffle('there')
      .collect('parsed')
    p.create('given', [5], { codec: Next }).reshuffle('anywhere').collect('given')
    const result = await run(p, options)
    expect([...result.collect<number>('next')].sort()).toEqual([2, 3])
    expect([...result.collect<number>('parsed')].sort()).toEqual([1, 2])
    expect(result.collect('given')).toEqual([6])
  })

  it('keys that a codec writes otherwise are equal when they are written equally', async () => {
    const Folded = new t.Type<string, string>('Folded', t.string.is, t.string.validate, (text) => text.toLowerCase())
    const p = pipeline()
    p.create('words', ['Ann', 'ANN', 'bob'])
      .keyBy('key', (w) => w, { codec: Folded })
      .countPerKey('n')
      .collect('out')
    const counts = (await run(p, options)).collect<{ value: number }>('out').map(({ value }) => value)
    expect([...counts].sort()).toEqual([1, 2])
  })
})

describe('requireCodecs refuses, naming the step and its line,', () => {
  const refusals: readonly (readonly [string, (p: Pipeline) => unknown, RegExp])[] = [
    [
      'a key without a codec',
      (p) =>
        words(p)
          .keyBy('key', (w) => w)
          .groupByKey('group'),
      /step "group" stores elements of "key" that no codec describes[^]*codecs\.test\.ts/,
    ],
    [
      'elements without one',
      (p) => p.create('plain', [1]).reshuffle('spread'),
      /step "spread" stores elements of "plain"/,
    ],
    [
      'accumulators without one',
      (p) => numbers(p).combineGlobally('all', { of: (n) => n, monoid: { empty: 0, concat: (a, b) => a + b } }),
      /step "all" combines to what no codec describes/,
    ],
    [
      'a view without one',
      (p) =>
        words(p).parDo('read', {
          output: typed<string>(),
          sides: { all: p.create('plain', [1]).asList('all') },
          process: () => undefined,
        }),
      /step "read" stores elements of "plain"/,
    ],
  ]
  it.each(refusals)('%s', async (_name, build, message) => {
    const p = pipeline()
    build(p)
    await expect(run(p, { requireCodecs: true })).rejects.toThrow(message)
    const q = pipeline()
    build(q)
    await expect(run(q)).resolves.toMatchObject({ state: 'DONE' })
  })
})

describe('what a codec says to have no key', () => {
  const unkeyed: readonly (readonly [string, t.Mixed, unknown])[] = [
    ['text', t.string, 'a'],
    ['a list', t.array(t.number), [1]],
    ['a record without a key', t.type({ value: t.number }), { value: 1 }],
    ['a record without a value', t.exact(t.type({ key: t.number })), { key: 1 }],
  ]
  it.each(unkeyed)('cannot be grouped: %s', (_name, codec, value) => {
    const all = pipeline().create('all', [value as never], { codec }) as unknown as PCollection<{
      key: string
      value: 1
    }>
    expect(() => all.groupByKey('group')).toThrow(
      /"all" is used as a keyed collection, but its elements are [^]*codecs\.test\.ts/,
    )
  })

  it('is grouped all the same when a codec does not tell its fields', async () => {
    const p = pipeline()
    p.create('pairs', [{ key: 'a', value: 1 }], { codec: z.object({ key: z.string(), value: z.number() }) })
      .groupByKey('group')
      .collect('out')
    expect((await run(p, { strict: true, seed: 1 })).collect('out')).toEqual([{ key: 'a', value: [1] }])
  })
})
