import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DecodeError } from '../errors.js'
import {
  type ByteReader,
  type ByteWriter,
  canonicalKey,
  type Coder,
  decodeFromBytes,
  dynamicCoder,
  encodeToBytes,
  identityKey,
  kvCoder,
  normalizeKey,
  stringUtf8Coder,
  varintCoder,
} from './index.js'

const seed = process.env['MILLRACE_SEED'] === undefined ? {} : { seed: Number(process.env['MILLRACE_SEED']) }
const hex = (value: unknown): string => Buffer.from(encodeToBytes(dynamicCoder, value)).toString('hex')

/**
 * Equality of keys, written without any encoding: what the bytes are compared with. Keys are equal when they are of one kind
 * and hold the same, -0 being 0 and NaN being NaN; the order of an object's fields and of a set's members is none.
 */
function sameKey(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    return typeof a === typeof b && new Set([a, b]).size === 1
  }
  const kind = Object.prototype.toString.call(a)
  if (kind !== Object.prototype.toString.call(b)) return false
  if (a instanceof Date) return sameKey(a.getTime(), (b as Date).getTime())
  if (a instanceof ArrayBuffer) return sameKey(new Uint8Array(a), new Uint8Array(b as ArrayBuffer))
  if (Array.isArray(a) || ArrayBuffer.isView(a)) {
    const [left, right] = [[...(a as Iterable<unknown>)], [...(b as Iterable<unknown>)]]
    return left.length === right.length && left.every((part, i) => sameKey(part, right[i]))
  }
  if (a instanceof Map || a instanceof Set) return sameMembers([...(a as Set<unknown>)], [...(b as Set<unknown>)])
  const left = Object.entries(a)
  return (
    left.length === Object.keys(b).length && left.every(([k, v]) => Object.hasOwn(b, k) && sameKey(v, (b as never)[k]))
  )
}

function sameMembers(a: readonly unknown[], b: unknown[]): boolean {
  return (
    a.length === b.length &&
    a.every((member) => {
      const at = b.findIndex((other) => sameKey(member, other))
      if (at >= 0) b.splice(at, 1)
      return at >= 0
    })
  )
}

/** Whether a Map takes two identities for one key. */
const grouped = (a: unknown, b: unknown): boolean => new Set([identityKey(a), identityKey(b)]).size === 1

const someObject = { a: 1 }
/** Keys chosen to be mistaken for one another. */
// prettier-ignore
const adversarial: readonly unknown[] = [
  0, -0, 1, -1, NaN, Infinity, -Infinity, 0.1, 2 ** 53 - 1, 2 ** 53, 2 ** 53 + 2, -(2 ** 53), 5e-324, 256, 65536,
  0n, 1n, -1n, 2n ** 53n, 2n ** 64n, 256n,
  '', '0', '-0', '1', '1n', 'true', 'NaN', 'null', 'undefined', '[object Object]', '{"a":1}', '\0', '\u0004\u0000', '\ufeff', '\ufeffa', 'a',
  'e\u0301', 'é', '\u{1f600}', '\ufffd', '\uffff', '\ue000', 'A\u030a', '\u00c5', '\u212b', 'ﬁ', 'fi', 'x'.repeat(42), 'x'.repeat(43), 'é'.repeat(42), 'x'.repeat(10_000), `${'x'.repeat(10_000)}\0`,
  canonicalKey(someObject, dynamicCoder), canonicalKey('a', dynamicCoder), canonicalKey([1], dynamicCoder), JSON.stringify(someObject),
  true, false, null, undefined,
  {}, someObject, { a: 1 }, { a: -0 }, { a: 0 }, { a: undefined }, { b: undefined }, { a: null }, { a: '1' }, { a: 1n }, { a: true }, { b: 1, a: 1 }, { a: 1, b: 1 },
  { a: { b: 1, c: 2 } }, { a: { c: 2, b: 1 } }, { ab: 1 }, { a: { b: {} } }, { '': 1 }, { 0: 1 }, { length: 0 }, { key: 'a', value: 1 }, JSON.parse('{"__proto__":1}'), { constructor: 1 },
  { '\u{1f600}': 1, '\uffff': 2 }, { '\uffff': 2, '\u{1f600}': 1 }, Object.assign(Object.create(null), { a: 1 }),
  [], [[]], [undefined], [null], [0], [-0], ['a', 'b'], ['ab'], ['a,b'], [['a'], 'b'], ['a', ['b']], [1, 2], [12], [NaN], new Array(300).fill(0),
  new Uint8Array(0), Uint8Array.of(0), Uint8Array.of(0, 0), Buffer.from([0]), Int8Array.of(0), new ArrayBuffer(1), Uint8Array.of(97), new Uint8Array(300),
  Float64Array.of(0), Float64Array.of(-0), Float64Array.of(NaN), Float32Array.of(0, 0), BigInt64Array.of(0n), BigUint64Array.of(0n), Int16Array.of(1), Uint16Array.of(1), Int16Array.of(256),
  new Date(0), new Date(-0), new Date(1), new Date(NaN), new Date(8.64e15), 8.64e15,
  new Map(), new Map([[1, 2]]), new Map<unknown, unknown>([[1, 2], ['1', 2]]), new Map<unknown, unknown>([['1', 2], [1, 2]]), new Map([[{ a: 1 }, 1]]), new Map([[{ a: 1 }, 1], [{ a: 1 }, 2]]), new Map([[{ a: 1 }, 2], [{ a: 1 }, 1]]),
  new Set(), new Set([1, 2]), new Set([2, 1]), new Set([-0]), new Set([0]), new Set([[1], [2]]), new Set([[2], [1]]), new Set([[1], [1]]), new Set([[1]]), [new Map([[1, new Set([1])]])], [new Set([1])],
]

/** A value built anew with everything that must not matter turned round: order of fields and members, sign of zero. */
function turned(value: unknown): unknown {
  if (value === 0) return Object.is(value, -0) ? 0 : -0
  if (Array.isArray(value)) return value.map(turned)
  if (value instanceof Map) return new Map([...value].reverse().map(([k, v]) => [turned(k), turned(v)]))
  if (value instanceof Set) return new Set([...value].reverse().map(turned))
  if (value instanceof Date || value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return structuredClone(value)
  if (typeof value !== 'object' || value === null) return value
  const result = {}
  for (const [name, field] of Object.entries(value).reverse()) {
    Object.defineProperty(result, name, { value: turned(field), enumerable: true })
  }
  return result
}

const leaf = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...adversarial) },
  fc.double(),
  fc.maxSafeInteger(),
  fc.bigInt(),
  fc.string({ unit: 'binary' }),
  fc.date({ noInvalidDate: false }),
  fc.uint8Array({ maxLength: 5 }),
)
const name = fc.oneof(
  fc.constantFrom('a', 'b', '', '__proto__', 'constructor', '1', '\u{1f600}', '\uffff'),
  fc.string({ maxLength: 3 }),
)
const { key } = fc.letrec<{ key: unknown }>((tie) => ({
  key: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    leaf,
    fc.array(tie('key'), { maxLength: 4 }),
    fc.dictionary(name, tie('key'), { maxKeys: 5 }),
    fc.array(tie('key'), { maxLength: 4 }).map((members) => new Set(members)),
    fc.array(fc.tuple(tie('key'), tie('key')), { maxLength: 3 }).map((entries) => new Map(entries)),
  ),
}))
/** Two keys that often are one. */
const pair = fc.oneof(
  fc.tuple(key, key),
  fc.tuple(fc.constantFrom(...adversarial), fc.constantFrom(...adversarial)),
  key.map((a) => [a, turned(a)] as const),
  key.map((a) => [[a], [turned(turned(a))]] as const),
)

function assertOneLaw(a: unknown, b: unknown): void {
  const equal = sameKey(a, b)
  expect(hex(a) === hex(b), 'bytes').toBe(equal)
  expect(canonicalKey(a, dynamicCoder) === canonicalKey(b, dynamicCoder), 'canonicalKey').toBe(equal)
  expect(grouped(a, b), 'identityKey').toBe(equal)
}

describe('keys group by identity exactly as by canonical bytes', () => {
  test('for all pairs of adversarial keys', () => {
    let equal = 0
    for (const a of adversarial) {
      for (const b of adversarial) {
        assertOneLaw(a, b)
        if (a !== b && sameKey(a, b)) equal++
      }
    }
    // The list would prove little if hardly any two of its keys were equal.
    expect(equal).toBeGreaterThan(20)
  })

  test('for random pairs, half of them equal', () => {
    fc.assert(
      fc.property(pair, ([a, b]) => assertOneLaw(a, b)),
      { ...seed, numRuns: 3000 },
    )
  })

  test('and an object never meets a string, whatever the string', () => {
    fc.assert(
      fc.property(key, fc.string({ unit: 'binary' }), (value, text) => {
        if (typeof value !== 'object' || value === null) return
        const identity = identityKey(value) as string
        expect(() => identityKey(identity)).toThrow(DecodeError)
        expect(identity).not.toBe(text)
      }),
      seed,
    )
  })

  test('and a refused key is refused by all three', () => {
    // prettier-ignore
    for (const refused of ['\ud800', ['a\udc00'], Symbol('s'), () => 1, new (class Money {})(), { a: [, 1] }]) {
      expect(() => identityKey(refused)).toThrow(DecodeError)
      expect(() => normalizeKey(refused)).toThrow(DecodeError)
      expect(() => canonicalKey(refused, dynamicCoder)).toThrow(DecodeError)
    }
  })
})

describe('canonicalKey', () => {
  test('works with any coder, and for keys of a megabyte', () => {
    const coder = kvCoder(stringUtf8Coder, varintCoder)
    const text = 'x'.repeat(1_000_000)
    expect(canonicalKey({ key: text, value: 1 }, coder)).toBe(canonicalKey({ key: text, value: 1n }, coder))
    expect(canonicalKey({ key: text, value: 1 }, coder)).not.toBe(canonicalKey({ key: text, value: 2 }, coder))
    expect(canonicalKey(text, stringUtf8Coder)).toHaveLength(500_002)
  })

  test('may be called from within a coder, and after a refusal', () => {
    const inner: Coder<string> = {
      urn: 'test:inner',
      components: [],
      canonical: true,
      encode: (value: string, out: ByteWriter) =>
        out.string(canonicalKey(value, stringUtf8Coder).length.toString() + value),
      decode: (input: ByteReader) => input.string(),
    }
    const coder = kvCoder(inner, inner)
    const expected = canonicalKey({ key: '1a', value: '2bcd' }, kvCoder(stringUtf8Coder, stringUtf8Coder))
    expect(canonicalKey({ key: 'a', value: 'bcd' }, coder)).toBe(expected)
    expect(canonicalKey({ key: 'a', value: 'bcd' }, coder)).toBe(expected)
    expect(() => canonicalKey({ key: 'a', value: '\ud800' }, coder)).toThrow(DecodeError)
    expect(canonicalKey({ key: 'a', value: 'bcd' }, coder)).toBe(expected)
  })
})

describe('normalizeKey', () => {
  test('gives what decoding the encoding gives', () => {
    fc.assert(
      fc.property(key, (value) => {
        const normal = normalizeKey(value)
        const decoded = decodeFromBytes(dynamicCoder, encodeToBytes(dynamicCoder, value))
        // Not toStrictEqual, which takes an own field named constructor for the class.
        expect(sameKey(normal, decoded) && sameKey(normal, value)).toBe(true)
        expect(Object.is(normal, -0)).toBe(false)
        if (typeof decoded === 'object' && decoded !== null) {
          expect(Object.getPrototypeOf(normal)).toBe(Object.getPrototypeOf(decoded))
          expect(normal).not.toBe(value)
        }
        expect(hex(normal)).toBe(hex(value))
      }),
      { ...seed, numRuns: 1000 },
    )
    expect(Object.is(normalizeKey(-0), 0)).toBe(true)
  })

  test('gives a copy that a later change of the original does not reach', () => {
    const original = { list: [1], bytes: Uint8Array.of(1) }
    const normal = normalizeKey(original)
    original.list.push(2)
    original.bytes[0] = 9
    normalizeKey(['overwrites the buffer', 'that was used before'])
    expect(normal).toStrictEqual({ list: [1], bytes: Uint8Array.of(1) })
  })

  test('goes through the coder it is given', () => {
    expect(normalizeKey<number | bigint>(7n, varintCoder)).toBe(7)
  })
})
