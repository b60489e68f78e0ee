import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import avsc from 'avsc'
import fc from 'fast-check'
import * as t from 'io-ts'
import { expect, expectTypeOf, it } from 'vitest'
import { ByteWriter } from '../../sdk/coders/bytes.js'
import { schemasAndValues } from '../../conformance/support/random-avro.js'
import { avroCodec, avroSchemaOf, type AvroSchema, type AvroValueOf } from 'millrace/io/avro'
import { AvroDataError, reading, readWhole } from './decode.js'
import { writing } from './encode.js'
import { parseSchema } from './schema.js'

function encoded(schema: AvroSchema, value: unknown): Uint8Array {
  const out = new ByteWriter()
  writing(parseSchema(schema))(out, value)
  return out.take()
}

function decoded(
  bytes: Uint8Array,
  schema: AvroSchema,
  reader: AvroSchema = schema,
  timestamps: 'date' | 'integer' = 'date',
): unknown {
  return readWhole(reading(parseSchema(schema), parseSchema(reader), { timestamps }), bytes)
}

const roundTrip = (schema: AvroSchema, value: unknown): unknown => decoded(encoded(schema, value), schema)

/** As avsc gives values, for comparison: no prototypes, no Buffers. */
function plainOf(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`
  if (Array.isArray(value)) return value.map(plainOf)
  if (value instanceof Map) return plainOf(Object.fromEntries(value as ReadonlyMap<string, unknown>))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plainOf(part)]))
}

it('avsc reads what we write, and we read what avsc writes, of random schemas', () => {
  let compared = 0
  fc.assert(
    fc.property(schemasAndValues(), ({ schema, values }) => {
      const theirs = avsc.Type.forSchema(schema as avsc.Schema, { wrapUnions: true })
      for (const value of values) {
        const bytes = encoded(schema, value.ours)
        expect(plainOf(theirs.fromBuffer(Buffer.from(bytes)))).toEqual(plainOf(value.theirs))
        expect(plainOf(decoded(theirs.toBuffer(value.theirs), schema))).toEqual(plainOf(value.ours))
        expect(decoded(bytes, schema)).toEqual(value.ours)
        compared++
      }
    }),
    { numRuns: 400 },
  )
  expect(compared).toBeGreaterThan(400)
})

it('longs are numbers where that is exact, else bigints, over the whole range', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
      const exact = Number(value)
      expect(roundTrip('long', value)).toBe(Number.isSafeInteger(exact) ? exact : value)
    }),
  )
  for (const power of [6, 7, 13, 14, 31, 32, 45, 46, 47, 48, 52, 53, 62]) {
    for (const value of [
      2n ** BigInt(power),
      2n ** BigInt(power) - 1n,
      -(2n ** BigInt(power)),
      -(2n ** BigInt(power)) - 1n,
    ])
      expect(BigInt(roundTrip('long', value) as number)).toBe(value)
  }
  expect(roundTrip('long', 2n ** 63n - 1n)).toBe(2n ** 63n - 1n)
  expect(roundTrip('long', -(2n ** 63n))).toBe(-(2n ** 63n))
})

it('the bytes are those of the specification', () => {
  expect(encoded('string', 'foo')).toEqual(Uint8Array.of(0x06, 0x66, 0x6f, 0x6f))
  expect(encoded({ type: 'array', items: 'long' }, [3, 27])).toEqual(Uint8Array.of(0x04, 0x06, 0x36, 0x00))
  expect(encoded(['null', 'string'], 'a')).toEqual(Uint8Array.of(0x02, 0x02, 0x61))
  const Test: AvroSchema = {
    type: 'record',
    name: 'test',
    fields: [
      { name: 'a', type: 'long' },
      { name: 'b', type: 'string' },
    ],
  }
  expect(encoded(Test, { a: 27, b: 'foo' })).toEqual(Uint8Array.of(0x36, 0x06, 0x66, 0x6f, 0x6f))
  // A block of an array with a negative count says how many bytes it has.
  expect(decoded(Uint8Array.of(0x03, 0x04, 0x06, 0x36, 0x00), { type: 'array', items: 'long' })).toEqual([3, 27])
})

const List: AvroSchema = {
  type: 'record',
  name: 'List',
  namespace: 'org.example',
  fields: [
    { name: 'value', type: 'int' },
    { name: 'next', type: ['null', 'List'], default: null },
  ],
}

it('records contain themselves, and names live in namespaces', () => {
  const value = { value: 1, next: { value: 2, next: null } }
  expect(roundTrip(List, value)).toEqual(value)
  const Outer: AvroSchema = {
    type: 'record',
    name: 'a.Outer',
    fields: [
      { name: 'first', type: { type: 'enum', name: 'Colour', symbols: ['RED', 'BLUE'] } },
      { name: 'second', type: 'Colour' },
      { name: 'third', type: 'a.Colour' },
    ],
  }
  expect(roundTrip(Outer, { first: 'RED', second: 'BLUE', third: 'RED' })).toEqual({
    first: 'RED',
    second: 'BLUE',
    third: 'RED',
  })
})

it('a field may be called __proto__', () => {
  const schema: AvroSchema = {
    type: 'record',
    name: 'R',
    fields: [
      { name: '__proto__', type: 'int' },
      { name: 'constructor', type: 'int' },
    ],
  }
  const value: unknown = JSON.parse('{"__proto__":1,"constructor":2}')
  const read = roundTrip(schema, value) as object
  expect(Object.getOwnPropertyNames(read)).toEqual(['__proto__', 'constructor'])
  expect(JSON.stringify(read)).toBe('{"__proto__":1,"constructor":2}')
})

const logical = (type: string, logicalType: string, more: object = {}): AvroSchema => ({ type, logicalType, ...more })

it('dates, timestamps, decimals and uuids are values of their kind, and nothing is rounded', () => {
  const at = new Date('2026-11-21T12:34:56.789Z')
  expect(roundTrip(logical('int', 'date'), new Date('1969-12-31'))).toEqual(new Date('1969-12-31'))
  expect(roundTrip(logical('long', 'timestamp-millis'), at)).toEqual(at)
  expect(roundTrip(logical('long', 'timestamp-micros'), at)).toEqual(at)
  expect(decoded(encoded('long', at.getTime() * 1000), 'long', logical('long', 'timestamp-micros'))).toEqual(at)
  expect(() => encoded(logical('int', 'date'), at)).toThrow('2026-11-21T12:34:56.789Z is not the beginning of a day')
  expect(() => encoded(logical('long', 'timestamp-millis'), new Date(NaN))).toThrow('no valid Date')
  expect(() => roundTrip(logical('long', 'timestamp-micros'), 1_500)).toThrow("timestamps: 'integer'")
  expect(decoded(encoded('long', 1_500), logical('long', 'timestamp-micros'), undefined, 'integer')).toBe(1_500)
  expect(() => roundTrip(logical('long', 'timestamp-millis'), 2n ** 60n)).toThrow('beyond what a Date can hold')
  const price = logical('bytes', 'decimal', { precision: 6, scale: 2 })
  for (const text of ['12.34', '-0.01', '0.00', '9999.99', '-9999.99']) expect(roundTrip(price, text)).toBe(text)
  expect(roundTrip(price, 5)).toBe('5.00')
  expect(roundTrip(logical('bytes', 'decimal', { precision: 30 }), 2n ** 80n)).toBe(String(2n ** 80n))
  for (const wrong of ['1.234', '12345.00', 'x', 1e21, null])
    expect(() => encoded(price, wrong)).toThrow(/decimal|digits/)
  const inFixed: AvroSchema = { type: 'fixed', name: 'F', size: 4, logicalType: 'decimal', precision: 9, scale: 3 }
  expect(roundTrip(inFixed, '-1.5')).toBe('-1.500')
  expect(roundTrip(logical('string', 'uuid'), 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6')).toBe(
    'f81d4fae-7dec-11d0-a765-00a0c91e6bf6',
  )
  // What nobody knows is what carries it.
  expect(roundTrip(logical('long', 'time-nanos'), 5)).toBe(5)
})

const record = (
  ...fields: readonly {
    readonly name: string
    readonly type: AvroSchema
    readonly default?: unknown
    readonly aliases?: readonly string[]
  }[]
): AvroSchema => ({
  type: 'record',
  name: 'R',
  fields,
})

it.each<[name: string, writer: AvroSchema, reader: AvroSchema, written: unknown, read: unknown]>([
  ['int as long', 'int', 'long', 5, 5],
  ['int as double', 'int', 'double', 5, 5],
  ['long as float', 'long', 'float', 16_777_217, 16_777_216],
  ['float as double', 'float', 'double', 1.5, 1.5],
  ['string as bytes', 'string', 'bytes', 'ä', new TextEncoder().encode('ä')],
  ['bytes as string', 'bytes', 'string', new TextEncoder().encode('ä'), 'ä'],
  ['a type as a union of it', 'string', ['null', 'string'], 'a', 'a'],
  ['a union as one of its types', ['null', 'int'], 'long', 5, 5],
  ['a union as a wider one', ['null', 'int'], ['string', 'null', 'double'], 5, 5],
  [
    'a field less',
    record({ name: 'a', type: 'int' }, { name: 'b', type: { type: 'array', items: 'string' } }),
    record({ name: 'a', type: 'int' }),
    { a: 1, b: ['x'] },
    { a: 1 },
  ],
  [
    'fields in another order',
    record({ name: 'a', type: 'int' }, { name: 'b', type: 'int' }),
    record({ name: 'b', type: 'int' }, { name: 'a', type: 'int' }),
    { a: 1, b: 2 },
    { a: 1, b: 2 },
  ],
  [
    'a field by its alias',
    record({ name: 'old', type: 'int' }),
    record({ name: 'new', type: 'long', aliases: ['old'] }),
    { old: 1 },
    { new: 1 },
  ],
  [
    'a field by its default',
    record(),
    record({ name: 'a', type: { type: 'map', values: 'bytes' }, default: { k: '\u00ff' } }),
    {},
    { a: new Map([['k', Uint8Array.of(255)]]) },
  ],
  ['a default of a union', record(), record({ name: 'a', type: ['null', 'string'], default: null }), {}, { a: null }],
  [
    'a default of a second branch',
    record(),
    record({ name: 'a', type: ['null', 'string'], default: 'x' }),
    {},
    { a: 'x' },
  ],
  [
    'a default record with defaults',
    record(),
    record({
      name: 'a',
      type: { type: 'record', name: 'I', fields: [{ name: 'x', type: 'int', default: 7 }] },
      default: {},
    }),
    {},
    { a: { x: 7 } },
  ],
  [
    'a record by its alias',
    { type: 'record', name: 'Old', fields: [{ name: 'a', type: 'int' }] },
    { type: 'record', name: 'New', aliases: ['Old'], fields: [{ name: 'a', type: 'int' }] },
    { a: 1 },
    { a: 1 },
  ],
  [
    'an unknown symbol by the default',
    { type: 'enum', name: 'E', symbols: ['A', 'B'] },
    { type: 'enum', name: 'E', symbols: ['A', 'OTHER'], default: 'OTHER' },
    'B',
    'OTHER',
  ],
])('resolves %s, as avsc does where it can', (_, writer, reader, written, read) => {
  expect(decoded(encoded(writer, written), writer, reader)).toEqual(read)
})

it.each<[name: string, writer: AvroSchema, reader: AvroSchema, written: unknown, message: RegExp]>([
  ['a narrower number', 'long', 'int', 5, /long was written, and cannot be read as int/],
  [
    'another name',
    { type: 'fixed', name: 'A', size: 1 },
    { type: 'fixed', name: 'B', size: 1 },
    Uint8Array.of(1),
    /A was written, and cannot be read as B/,
  ],
  [
    'another size',
    { type: 'fixed', name: 'A', size: 1 },
    { type: 'fixed', name: 'A', size: 2 },
    Uint8Array.of(1),
    /A was written/,
  ],
  ['a branch that is not there', ['null', 'string'], 'null', 'x', /string was written, and cannot be read as null/],
  [
    'a field without a default',
    record(),
    record({ name: 'a', type: 'int' }),
    {},
    /field a of R was not written and has no default/,
  ],
  [
    'a default that does not fit',
    record(),
    record({ name: 'a', type: 'int', default: 'x' }),
    {},
    /field a has the default "x", which does not fit/,
  ],
  [
    'a default without an end',
    record(),
    { type: 'record', name: 'R', fields: [{ name: 'a', type: 'R', default: {} }] },
    {},
    /nested deeper than 512/,
  ],
  [
    'a symbol without a default',
    { type: 'enum', name: 'E', symbols: ['A', 'B'] },
    { type: 'enum', name: 'E', symbols: ['A'] },
    'B',
    /symbol "B" is not known to enum E/,
  ],
  [
    'a field of another type',
    record({ name: 'a', type: 'int' }),
    record({ name: 'a', type: 'string' }),
    { a: 1 },
    /field a of R: int was written/,
  ],
])('does not resolve %s', (_, writer, reader, written, message) => {
  const bytes = encoded(writer, written)
  expect(() => decoded(bytes, writer, reader)).toThrow(message)
})

it.each<[schema: unknown, message: RegExp]>([
  [undefined, /must be a type/],
  [{}, /has no "type"/],
  ['Unknown', /names the type "Unknown"/],
  [[], /union of nothing/],
  [['int', ['null']], /union in a union/],
  [['int', 'int'], /union with int twice/],
  [{ type: 'record', name: 'R' }, /needs a list of fields/],
  [{ type: 'record', name: '1', fields: [] }, /has the name "1"/],
  [{ type: 'record', name: 'int', fields: [] }, /a type of Avro's own/],
  [
    {
      type: 'record',
      name: 'R',
      fields: [
        { name: 'a', type: 'int' },
        { name: 'a', type: 'int' },
      ],
    },
    /two fields "a"/,
  ],
  [
    { type: 'record', name: 'R', fields: [{ name: 'a', type: { type: 'fixed', name: 'R', size: 1 } }] },
    /defines R a second time/,
  ],
  [{ type: 'enum', name: 'E', symbols: ['A', 'A'] }, /there twice/],
  [{ type: 'enum', name: 'E', symbols: ['A'], default: 'B' }, /none of its symbols/],
  [{ type: 'fixed', name: 'F', size: 2 ** 40 }, /has the size/],
  [{ type: 'fixed', name: 'F', size: -1 }, /has the size/],
  [{ type: 'bytes', logicalType: 'decimal', precision: 2, scale: 3 }, /is a decimal of precision 2 and scale 3/],
  [
    Array.from({ length: 600 }).reduce<unknown>((inner) => ({ type: 'array', items: inner }), 'int'),
    /nested deeper than 512/,
  ],
  [Array.from({ length: 25_000 }, (_, i) => ({ type: 'fixed', name: `F${i}`, size: 1 })), /more than 20000 types/],
])('refuses the schema %#', (schema, message) => {
  expect(() => parseSchema(schema)).toThrow(message)
})

it.each<[name: string, schema: AvroSchema, bytes: readonly number[], message: RegExp]>([
  ['a boolean of 2', 'boolean', [2], /2 is no boolean/],
  ['an int of 33 bits', 'int', [0x80, 0x80, 0x80, 0x80, 0x20], /is no int/],
  ['a long of 11 bytes', 'long', Array.from({ length: 11 }, () => 0xff), /64 bits/],
  ['bytes that are not there', 'bytes', [0x08, 1], /has 4 bytes, but only 1 follow/],
  ['a negative length', 'string', [0x01], /has -1 bytes/],
  ['a text that is no UTF-8', 'string', [0x02, 0xff], /not UTF-8/],
  ['a branch that there is not', ['null', 'int'], [0x04], /no branch of a union of 2/],
  ['a symbol that there is not', { type: 'enum', name: 'E', symbols: ['A'] }, [0x02], /no symbol of enum E/],
  [
    'a list without an end',
    { type: 'array', items: 'null' },
    [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0],
    /items that take no bytes/,
  ],
  ['a list longer than its bytes', { type: 'array', items: 'int' }, [0xfe, 0xff, 0xff, 0x7f, 2, 4], /byte/],
  [
    'a list of the smallest long',
    { type: 'array', items: 'int' },
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0],
    /byte/,
  ],
  [
    'a record that contains only itself',
    { type: 'record', name: 'R', fields: [{ name: 'r', type: 'R' }] },
    [],
    /nested deeper than 512/,
  ],
  ['a list deeper than 512', List, Array.from({ length: 2000 }, () => 2), /nested deeper than 512/],
  ['bytes after the value', 'int', [2, 2], /1 bytes are left/],
])('refuses %s', (_, schema, bytes, message) => {
  expect(() => decoded(Uint8Array.from(bytes), schema)).toThrow(message)
})

it('a time keeps its instant when the reader counts it in another unit', () => {
  const at = new Date('2026-11-21T12:34:56.789Z')
  const stamp = (unit: string): AvroSchema => logical('long', `timestamp-${unit}`)
  expect(decoded(encoded(stamp('millis'), at), stamp('millis'), stamp('micros'))).toEqual(at)
  expect(decoded(encoded(stamp('micros'), at), stamp('micros'), stamp('millis'))).toEqual(at)
  const nanos = encoded(stamp('nanos'), BigInt(at.getTime()) * 1_000_000n)
  expect(decoded(nanos, stamp('nanos'), stamp('millis'))).toEqual(at)
  expect(decoded(encoded(stamp('millis'), at), stamp('millis'), stamp('nanos'))).toBe(BigInt(at.getTime()) * 1_000_000n)
  expect(decoded(encoded(stamp('millis'), 7), stamp('millis'), stamp('micros'), 'integer')).toBe(7_000)
  expect(
    decoded(encoded(logical('int', 'time-millis'), 7), logical('int', 'time-millis'), logical('long', 'time-micros')),
  ).toBe(7_000)
  expect(() => decoded(encoded(stamp('micros'), 1_500), stamp('micros'), stamp('millis'), 'integer')).toThrow(
    '1500 (timestamp-micros) is no whole number of timestamp-millis',
  )
  expect(() => decoded(encoded(stamp('millis'), 2n ** 60n), stamp('millis'), stamp('nanos'))).toThrow(
    'is too large for',
  )
})

it('a logical type that means something else is refused before any value, with the field', () => {
  const row = (type: AvroSchema): AvroSchema => ({ type: 'record', name: 'R', fields: [{ name: 'x', type }] })
  const decimal = (precision: number, scale: number): AvroSchema => logical('bytes', 'decimal', { precision, scale })
  const refused: readonly (readonly [AvroSchema, AvroSchema])[] = [
    [decimal(6, 2), decimal(6, 1)],
    [decimal(6, 2), decimal(7, 2)],
    [logical('int', 'date'), logical('long', 'timestamp-millis')],
    [logical('long', 'timestamp-micros'), logical('long', 'local-timestamp-micros')],
    [logical('int', 'time-millis'), logical('int', 'date')],
  ]
  for (const [writer, reader] of refused) {
    const resolve = (): unknown => reading(parseSchema(row(writer)), parseSchema(row(reader)), { timestamps: 'date' })
    expect(resolve).toThrow(/^field x of R: .* was written, and cannot be read/)
    expect(resolve).toThrow(expect.objectContaining({ code: 'MR-4101' }) as Error)
  }
  expect(decoded(encoded(decimal(6, 2), '1.23'), decimal(6, 2), decimal(6, 2))).toBe('1.23')
})

it('a number beyond what a float can hold is refused, and infinity is itself', () => {
  const row: AvroSchema = { type: 'record', name: 'R', fields: [{ name: 'x', type: 'float' }] }
  for (const x of [1e39, -1e39, 3.4028236e38])
    expect(() => encoded(row, { x })).toThrow(/^x is .* beyond what a float can hold\. Make it a double/)
  for (const x of [Infinity, -Infinity, NaN, Math.fround(3.4e38), 1e-60])
    expect(roundTrip(row, { x })).toEqual({ x: Math.fround(x) })
})

it('where only one side has a logical type, the plain value passes to the other', () => {
  const price = logical('bytes', 'decimal', { precision: 6, scale: 2 })
  expect(decoded(encoded(price, '1.23'), price, 'bytes')).toEqual(Uint8Array.of(123))
  expect(decoded(encoded('bytes', Uint8Array.of(123)), 'bytes', price)).toBe('1.23')
  expect(decoded(encoded('string', '{'), 'string', price)).toBe('1.23')
  expect(decoded(encoded(logical('int', 'date'), 3), logical('int', 'date'), 'long')).toBe(3)
  expect(decoded(encoded('int', 3), 'int', logical('long', 'timestamp-millis'))).toEqual(new Date(3))
})

it('random bytes are values or errors, never anything else', () => {
  fc.assert(
    fc.property(schemasAndValues(), fc.uint8Array({ maxLength: 80 }), ({ schema }, bytes) => {
      try {
        decoded(bytes, schema)
      } catch (error) {
        expect(error).toBeInstanceOf(AvroDataError)
      }
    }),
    { numRuns: 500 },
  )
})

it('a value that does not fit is refused with its place, and leaves no bytes', () => {
  const schema = record({ name: 'a', type: { type: 'array', items: record({ name: 'b', type: 'int' }) as never } })
  const named: AvroSchema = JSON.parse(
    JSON.stringify(schema).replace('"name":"R","fields":[{"name":"b"', '"name":"I","fields":[{"name":"b"'),
  ) as AvroSchema
  const out = new ByteWriter()
  out.byte(7)
  expect(() => writing(parseSchema(named))(out, { a: [{ b: 1 }, { b: 'x' }] })).toThrow(
    'a[1].b must be a whole number of 32 bits, but is "x"',
  )
  expect(out.take()).toEqual(Uint8Array.of(7))
  expect(() => encoded('int', 1.5)).toThrow('the value must be a whole number')
  expect(() => encoded('string', '\ud800')).toThrow('lone surrogate')
  expect(() => encoded(['null', 'int'], 'x')).toThrow('must be one of [null, int]')
  expect(() => encoded(record({ name: 'a', type: 'int' }), {})).toThrow(
    'a must be a whole number of 32 bits, but is undefined',
  )
  expect(roundTrip(record({ name: 'a', type: 'int', default: 4 }), {})).toEqual({ a: 4 })
  const endless: { next?: unknown } = {}
  endless.next = endless
  expect(() => encoded({ type: 'record', name: 'L', fields: [{ name: 'next', type: 'L' }] }, endless)).toThrow(
    'nested deeper than 512',
  )
})

it('a codec has a schema, and a schema has a codec', () => {
  const Order = t.type({
    user: t.string,
    cents: t.Int,
    price: t.number,
    paid: t.boolean,
    note: t.union([t.string, t.null]),
    tags: t.array(t.string),
    counts: t.record(t.string, t.number),
    address: t.type({ street: t.string }),
    big: t.bigint,
  })
  expect(avroSchemaOf(Order, 'Order')).toEqual({
    type: 'record',
    name: 'Order',
    fields: [
      { name: 'user', type: 'string' },
      { name: 'cents', type: 'long' },
      { name: 'price', type: 'double' },
      { name: 'paid', type: 'boolean' },
      { name: 'note', type: ['null', 'string'], default: null },
      { name: 'tags', type: { type: 'array', items: 'string' } },
      { name: 'counts', type: { type: 'map', values: 'double' } },
      {
        name: 'address',
        type: { type: 'record', name: 'Order_address', fields: [{ name: 'street', type: 'string' }] },
      },
      { name: 'big', type: { type: 'bytes', logicalType: 'decimal', precision: 38, scale: 0 } },
    ],
  })
  expect(() => avroSchemaOf(t.string)).toThrow('string is no row')
  expect(() => avroSchemaOf(t.type({ 'a b': t.string }))).toThrow('has a field with the name "a b"')
  const Point = avroCodec({
    type: 'record',
    name: 'Point',
    fields: [
      { name: 'x', type: 'int' },
      { name: 'label', type: ['null', 'string'] },
      { name: 'kind', type: { type: 'enum', name: 'Kind', symbols: ['A', 'B'] } },
      { name: 'sizes', type: { type: 'array', items: 'long' } },
      {
        name: 'more',
        type: {
          type: 'map',
          values: {
            type: 'record',
            name: 'In',
            fields: [{ name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } }],
          },
        },
      },
    ],
  } as const)
  expectTypeOf<t.TypeOf<typeof Point>>().toEqualTypeOf<{
    readonly x: number
    readonly label: string | null
    readonly kind: 'A' | 'B'
    readonly sizes: readonly (number | bigint)[]
    readonly more: ReadonlyMap<string, { readonly at: Date }>
  }>()
  const value = { x: 1, label: null, kind: 'A', sizes: [1, 2n ** 60n], more: new Map([['k', { at: new Date(0) }]]) }
  expect(Point.is(value)).toBe(true)
  expect(Point.is({ ...value, x: 1.5 })).toBe(false)
  expect(Point.decode({ ...value, kind: 'C' })._tag).toBe('Left')
  expectTypeOf<AvroValueOf<'long'>>().toEqualTypeOf<number | bigint>()
})

it('reads and writes where code from strings is not allowed', () => {
  const built = (path: string): string =>
    JSON.stringify(join(fileURLToPath(new URL('../../dist/', import.meta.url)), path))
  const script = `
    const { ByteWriter } = await import(${built('sdk/coders/bytes.js')})
    const { parseSchema } = await import(${built('io/avro/schema.js')})
    const { writing } = await import(${built('io/avro/encode.js')})
    const { reading, readWhole } = await import(${built('io/avro/decode.js')})
    try { new Function('return 1'); console.log('allowed') } catch { }
    const type = parseSchema({ type: 'record', name: 'R', fields: [{ name: 'a', type: ['null', { type: 'array', items: 'double' }] }] })
    const out = new ByteWriter()
    writing(type)(out, { a: [1.5, 2] })
    console.log(JSON.stringify(readWhole(reading(type, type, { timestamps: 'date' }), out.take())))
  `
  const printed = execFileSync(
    process.execPath,
    ['--disallow-code-generation-from-strings', '--input-type=module', '-e', script],
    { encoding: 'utf8' },
  )
  expect(printed).toBe('{"a":[1.5,2]}\n')
})
