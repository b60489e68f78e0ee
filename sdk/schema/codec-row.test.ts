import fc from 'fast-check'
import * as t from 'io-ts'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { kv, pipeline, run, typed } from 'millrace'
import { inEveryMode } from '../../conformance/support/modes.js'
import { canonicalKey, type Coder, decodeFromBytes, encodeToBytes } from '../coders/index.js'
import { DecodeError, PipelineError } from '../errors.js'
import { codecOf } from './codec-of.js'
import { rowOfCodec, schemaOf, withSchema } from './codec-row.js'
import { rowCoder } from './schema-coder.js'
import { atomic, nullable, schemaText } from './schema.js'

const seed = process.env['MILLRACE_SEED'] === undefined ? {} : { seed: Number(process.env['MILLRACE_SEED']) }

const date = new t.Type<Date>(
  'date',
  (u): u is Date => u instanceof Date && !Number.isNaN(u.getTime()),
  (u, c) => (u instanceof Date && !Number.isNaN(u.getTime()) ? t.success(u) : t.failure(u, c)),
  t.identity,
)

/** A codec with a field of every type that fits a row. */
const Everything = t.intersection([
  t.type({
    text: t.string,
    number: t.number,
    whole: t.Int,
    wide: t.bigint,
    truth: t.boolean,
    at: date,
    colour: t.keyof({ red: null, green: null }),
    one: t.literal(1),
    list: t.array(t.union([t.string, t.null])),
    gaps: t.readonlyArray(t.union([t.number, t.undefined])),
    counts: t.record(t.string, t.number),
    inner: t.readonly(t.type({ a: t.union([t.number, t.null]), b: t.union([t.string, t.undefined]) })),
  }),
  t.exact(t.partial({ note: t.string })),
])
const text = fc.string({ unit: 'grapheme' })
const number = fc.double({ noDefaultInfinity: false })
const everything = fc.record(
  {
    text,
    number,
    whole: fc.maxSafeInteger(),
    wide: fc.bigInt(),
    truth: fc.boolean(),
    at: fc.date({ noInvalidDate: true }),
    colour: fc.constantFrom('red' as const, 'green' as const),
    one: fc.constant(1 as const),
    list: fc.array(fc.option(text)),
    gaps: fc.array(fc.option(number, { nil: undefined })),
    counts: fc.dictionary(text, number, { noNullPrototype: true }),
    inner: fc.record({ a: fc.option(number), b: fc.option(text, { nil: undefined }) }, { noNullPrototype: true }),
    note: text,
  },
  {
    requiredKeys: [
      'text',
      'number',
      'whole',
      'wide',
      'truth',
      'at',
      'colour',
      'one',
      'list',
      'gaps',
      'counts',
      'inner',
    ],
    noNullPrototype: true,
  },
)

/** What keys are to each other: −0 is 0. */
const zeroed = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, v: unknown) =>
      typeof v === 'bigint'
        ? `${v}n`
        : typeof v === 'number'
          ? v === 0
            ? '0'
            : String(v)
          : v === undefined
            ? 'undefined'
            : v,
    ),
  )

const coderOf = (codec: t.Mixed): Coder<unknown> => rowOfCodec(codec)?.coder as Coder<unknown>

describe('the schema of a codec', () => {
  test('says what the fields are, in the order of declaration', () => {
    expect(schemaText(schemaOf(Everything))).toBe(
      '{ text: string, number: double, whole: int64, wide: decimal, truth: boolean, at: millis_instant, colour: string, one: double, list: array<string?>, gaps: array<double?>, counts: map<string, double>, inner: { a: double?, b: string? }, note: string? }',
    )
  })

  // prettier-ignore
  const misfits: readonly (readonly [string, t.Mixed])[] = [
    ['no record', t.string],
    ['a field of any kind', t.type({ a: t.unknown })],
    ['a union of types', t.type({ a: t.union([t.string, t.number]) })],
    ['a field that may be null or undefined', t.type({ a: t.union([t.string, t.null, t.undefined]) })],
    ['a field that may be absent or null', t.partial({ a: t.union([t.string, t.null]) })],
    ['a tuple', t.type({ a: t.tuple([t.string]) })],
    ['a codec that converts', t.type({ a: new t.Type<Date, string>('D', (u): u is Date => u instanceof Date, (u) => t.success(new Date(u as string)), (d) => d.toISOString()) })],
    ['dates that may be invalid', t.type({ a: new t.Type<Date>('D', (u): u is Date => u instanceof Date, (u) => t.success(u as Date), t.identity) })],
    ['literals of two types', t.type({ a: t.union([t.literal(1), t.literal('1')]) })],
    ['two descriptions of one field', t.intersection([t.type({ a: t.number }), t.type({ a: t.Int })])],
    ['a record that refers to itself', t.recursion('R', (self) => t.type({ next: t.union([self, t.null]) }))],
  ]
  test.each(misfits)('there is none for %s', (_, codec) => {
    expect(rowOfCodec(codec)).toBeUndefined()
    expect(() => schemaOf(codec)).toThrow(/is no row: give a t\.type/)
  })

  test('is another one where it is given, for a Standard Schema too', async () => {
    const schema = { fields: [{ name: 'n', type: atomic('INT32') }] } as const
    const Zod = withSchema(z.object({ n: z.number() }), schema)
    expect(schemaOf(Zod)).toBe(schema)
    expect(schemaOf(withSchema(t.type({ n: t.number }), schema))).toBe(schema)
    const p = pipeline()
    p.create('rows', [{ n: 1 }], { codec: Zod })
      .distinct('once')
      .collect('out')
    p.create('more', [{ n: 1 }], { codec: withSchema(typed<{ n: number }>(), schema) }).collect('typed')
    const given = [...p.build().graph.components.coders.values()].filter((node) => node.schema === schema)
    expect(given.map(({ urn }) => urn)).toEqual(['beam:coder:row:v1', 'beam:coder:row:v1'])
    expect((await run(p, { strict: true, seed: 1 })).collect('out')).toEqual([{ n: 1 }])
    expect(() => withSchema(t.string, { fields: [schema.fields[0], schema.fields[0]] })).toThrow(PipelineError)
  })
})

describe('the row coder of a codec', () => {
  test('gives every value back', () => {
    const coder = coderOf(Everything)
    fc.assert(
      fc.property(everything, (value) => {
        expect(Everything.is(value)).toBe(true)
        expect(zeroed(decodeFromBytes(coder, encodeToBytes(coder, value)))).toEqual(zeroed(value))
      }),
      seed,
    )
  })

  test('writes what the coder of its schema writes', () => {
    const Plain = t.type({ text: t.string, number: t.number, whole: t.Int, list: t.array(t.boolean) })
    const [mine, standard] = [coderOf(Plain), rowCoder(schemaOf(Plain), true)]
    const value = { text: 'a', number: 1.5, whole: 300, list: [true] }
    expect(encodeToBytes(mine, value)).toEqual(encodeToBytes(standard as Coder<unknown>, value))
  })

  test('has equal bytes exactly for equal keys', () => {
    const coder = coderOf(Everything)
    const base = fc.sample(everything, { ...seed, numRuns: 1 })[0] as object
    const some = fc.record(
      {
        number: fc.constantFrom(0, -0, NaN, 1, Infinity),
        note: fc.constantFrom('', 'a'),
        whole: fc.constantFrom(0, -0, 1),
      },
      { requiredKeys: ['number', 'whole'] },
    )
    fc.assert(
      fc.property(some, some, (a, b) => {
        const keys = [a, b].map((change) => canonicalKey({ ...base, note: undefined, ...change }, coder))
        const same = (['number', 'whole', 'note'] as const).every((name) => new Set([a[name], b[name]]).size === 1)
        expect(keys[0] === keys[1]).toBe(same)
      }),
      seed,
    )
    const record = coderOf(t.type({ r: t.record(t.string, t.number) }))
    expect(encodeToBytes(record, { r: { b: 1, a: 2 } })).toEqual(encodeToBytes(record, { r: { a: 2, b: 1 } }))
  })

  test('leaves out what the codec does not name, and an optional field that is undefined', () => {
    const coder = coderOf(t.intersection([t.type({ a: t.number }), t.partial({ b: t.number })]))
    expect(decodeFromBytes(coder, encodeToBytes(coder, { a: 1, b: undefined, c: 3 }))).toStrictEqual({ a: 1 })
  })

  test('keeps a field that is called __proto__', () => {
    const coder = coderOf(t.type(Object.fromEntries([['__proto__', t.string]])))
    const value: unknown = JSON.parse('{"__proto__":"x"}')
    expect(decodeFromBytes(coder, encodeToBytes(coder, value))).toStrictEqual(value)
  })

  class Point {
    x = 1
  }
  // prettier-ignore
  const refused: readonly (readonly [string, t.Mixed, unknown, string])[] = [
    ['null where none may be', t.type({ a: t.string }), { a: null }, 'field "a" must not be null, in { a: null }'],
    ['a missing field', t.type({ a: t.string }), {}, 'field "a" must not be missing, in {}'],
    ['a wrong field in a row in an array', t.type({ l: t.array(t.type({ n: t.Int })) }), { l: [{ n: 1 }, { n: 0.5 }] }, '$.l[1].n: expected a safe integer'],
    ['an instance', t.type({ x: t.number }), new Point(), 'expected a plain object'],
    ['an integer that is not safe', t.type({ n: t.Int }), { n: 1e300 }, '$.n: expected a safe integer'],
  ]
  test.each(refused)('refuses %s', (_, codec, value, message) => {
    expect(() => encodeToBytes(coderOf(codec), value)).toThrow(DecodeError)
    expect(() => encodeToBytes(coderOf(codec), value)).toThrow(message)
  })

  test('checks what the schema does not say', () => {
    const Positive = t.refinement(t.number, (n) => n > 0, 'Positive')
    const bytes = encodeToBytes(coderOf(t.type({ n: t.number })), { n: -1 })
    expect(() => decodeFromBytes(coderOf(t.type({ n: Positive }, 'P')), bytes)).toThrow(
      '{ n: -1 } is not P: at n expected',
    )
  })

  test('reads rows written before the last fields existed, if those may be empty', () => {
    const old = encodeToBytes(coderOf(t.type({ a: t.string })), { a: 'x' })
    expect(
      decodeFromBytes(coderOf(t.intersection([t.type({ a: t.string }), t.partial({ b: t.string })])), old),
    ).toEqual({
      a: 'x',
    })
    expect(() => decodeFromBytes(coderOf(t.type({ a: t.string, b: t.string })), old)).toThrow(
      'row without field "b", which must have a value',
    )
  })
})

describe('the codec of a schema', () => {
  const schema = {
    fields: [
      { name: 'n', type: atomic('INT16') },
      { name: 's', type: nullable(atomic('STRING')) },
      { name: 'm', type: { kind: 'map', key: atomic('STRING'), value: atomic('INT64'), nullable: false } },
    ],
  } as const

  test('has that schema, and takes exactly its values', () => {
    const codec = codecOf(schema)
    expect(schemaOf(codec)).toBe(schema)
    expect(codec.is({ n: 1, s: null, m: new Map([['a', 2n ** 60n]]) })).toBe(true)
    expect(codec.is({ n: 1, m: new Map() })).toBe(true)
    expect(codec.is({ n: 40_000, s: null, m: new Map() })).toBe(false)
    expect(codec.is({ n: 1, s: null, m: new Map([['a', 0.5]]) })).toBe(false)
  })

  test('names field and value of what is none', async () => {
    const p = pipeline()
    p.create('rows', ['{"n":1.5}'])
      .map('parse', (line) => JSON.parse(line) as Readonly<Record<string, unknown>>, { codec: codecOf(schema) })
      .print('x')
    await expect(run(p)).rejects.toThrow('n: expected int16, got 1.5')
  })
})

inEveryMode((options) => {
  const User = t.intersection([t.type({ name: t.string, age: t.number }), t.partial({ nick: t.string })])

  test('rows are keys', async () => {
    const p = pipeline()
    const users = p.create(
      'users',
      [
        kv({ name: 'a', age: 0 }, 1),
        kv({ age: -0, name: 'a' }, 2),
        kv({ name: 'a', age: NaN, nick: 'x' }, 3),
        kv({ name: 'a', nick: 'x', age: NaN }, 4),
      ],
      {
        codec: t.type({ key: User, value: t.number }),
      },
    )
    users
      .groupByKey('group')
      .map('sum', ({ key, value }) =>
        kv(
          key,
          [...value].reduce((a, b) => a + b, 0),
        ),
      )
      .collect('out')
    const out = [...(await run(p, options)).collect('out')] as { key: unknown; value: number }[]
    expect(out.sort((a, b) => a.value - b.value)).toEqual([
      kv({ name: 'a', age: 0 }, 3),
      kv({ name: 'a', age: NaN, nick: 'x' }, 7),
    ])
  })
})
