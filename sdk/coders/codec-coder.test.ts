import fc from 'fast-check'
import { either } from 'fp-ts'
import * as t from 'io-ts'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { DecodeError } from '../errors.js'
import {
  codecCoder,
  type Coder,
  decodeFromBytes,
  dynamicCoder,
  encodeToBytes,
  kvCoder,
  stringUtf8Coder,
} from './index.js'

const seed = process.env['MILLRACE_SEED'] === undefined ? {} : { seed: Number(process.env['MILLRACE_SEED']) }

class Money {
  readonly cents: number
  constructor(cents: number) {
    this.cents = cents
  }
}
const money = new t.Type<Money, number>(
  'Money',
  (u): u is Money => u instanceof Money,
  (u, c) =>
    either.chain((cents: number) =>
      cents < 0 ? t.failure<Money>(u, c, 'cents must not be negative') : t.success(new Money(cents)),
    )(t.number.validate(u, c)),
  (value) => value.cents,
)
const DateFromIso = new t.Type<Date, string>(
  'DateFromIso',
  (u): u is Date => u instanceof Date,
  (u, c) => either.map((text: string) => new Date(text))(t.string.validate(u, c)),
  (date) => date.toISOString(),
)
const Order = t.type({ user: t.string, price: money, at: DateFromIso, tags: t.array(t.string) }, 'Order')
const Plain = t.type({ user: t.string, cents: t.number, note: t.union([t.string, t.undefined]) }, 'Plain')
const dynamicBytes = (value: unknown): Uint8Array => encodeToBytes(dynamicCoder, value)

describe('the coder of an io-ts codec', () => {
  test('has the type of the codec', () => {
    expectTypeOf(codecCoder(Order)).toEqualTypeOf<Coder<t.TypeOf<typeof Order>>>()
    expectTypeOf(codecCoder(t.string)).toEqualTypeOf<Coder<string>>()
  })

  test('writes what the codec encodes to, and reads instances again', () => {
    const order = { user: 'ann', price: new Money(5), at: new Date(0), tags: ['a'] }
    const bytes = encodeToBytes(codecCoder(Order), order)
    expect(bytes).toEqual(dynamicBytes({ user: 'ann', price: 5, at: '1970-01-01T00:00:00.000Z', tags: ['a'] }))
    const back = decodeFromBytes(codecCoder(Order), bytes)
    expect(back).toStrictEqual(order)
    expect(back.price).toBeInstanceOf(Money)
  })

  test('gives random values back, one after the other in a stream', () => {
    const record = fc.record(
      { user: fc.string(), cents: fc.integer(), note: fc.option(fc.string(), { nil: undefined }) },
      { noNullPrototype: true },
    )
    fc.assert(
      fc.property(record, (value) => {
        const coder = kvCoder(codecCoder(Plain), codecCoder(Plain))
        expect(decodeFromBytes(coder, encodeToBytes(coder, { key: value, value }))).toStrictEqual({ key: value, value })
      }),
      seed,
    )
  })

  // prettier-ignore
  const mismatches: readonly (readonly [string, t.Mixed, unknown, string])[] = [
    ['a field of another type', Plain, { user: 1, cents: 2 }, '{ cents: 2, user: 1 } is not Plain: at user expected string, got 1'],
    ['a missing field', Plain, { user: 'a' }, '{ user: "a" } is not Plain: at cents expected number, got undefined'],
    ['no record at all', Plain, 'text', '"text" is not Plain'],
    ['an element of an array', t.type({ list: t.array(t.number) }, 'L'), { list: [1, 'x'] }, '{ list: [1, "x"] } is not L: at list[1] expected number, got "x"'],
    ['a message of the codec', t.type({ price: money }, 'Priced'), { price: -1 }, '{ price: -1 } is not Priced at price: cents must not be negative, got -1'],
    ['an alternative of a union', t.union([t.string, t.type({ 'a b': t.number })], 'U'), { 'a b': true }, '{ a b: true } is not U: at ["a b"] expected number, got true'],
    ['a part of an intersection', t.intersection([t.type({ a: t.number }), t.type({ b: t.number })], 'I'), { a: 1, b: '' }, '{ a: 1, b: "" } is not I: at b expected number, got ""'],
  ]
  test.each(mismatches)('names codec, path and value on decoding %s', (_, codec, plain, message) => {
    const decode = (): unknown => decodeFromBytes(codecCoder(codec as t.Type<unknown>), dynamicBytes(plain))
    expect(decode).toThrow(DecodeError)
    expect(decode).toThrow(message)
  })

  test('can be given a better name', () => {
    expect(() => decodeFromBytes(codecCoder(t.string, 'UserId'), dynamicBytes(1))).toThrow(
      '1 is not UserId: expected string, got 1',
    )
  })

  test('says what it expected when the conversion of a wrong value throws', () => {
    const encode = (): unknown => encodeToBytes(codecCoder(DateFromIso), 'yesterday' as never)
    expect(encode).toThrow(DecodeError)
    expect(encode).toThrow('"yesterday" is not DateFromIso')
    // An invalid Date is one of the codec's values: the failure is the codec's own.
    expect(() => encodeToBytes(codecCoder(DateFromIso), new Date(NaN))).toThrow(RangeError)
  })

  test('names codec and path when the codec leaves something that is no plain data', () => {
    const Loose = t.type({ inner: t.type({ it: t.unknown }) }, 'Loose')
    const coder = kvCoder(stringUtf8Coder, codecCoder(Loose))
    expect(() => encodeToBytes(coder, { key: 'k', value: { inner: { it: new Money(1) } } })).toThrow(
      /^\$\.value\.inner\.it: an instance of Money .*codec Loose/,
    )
  })
})
