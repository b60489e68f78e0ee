import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DecodeError } from '../errors.js'
import { ByteReader, ByteWriter } from './bytes.js'

const seed = process.env['MILLRACE_SEED'] === undefined ? {} : { seed: Number(process.env['MILLRACE_SEED']) }
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
function written(write: (out: ByteWriter) => void): Uint8Array {
  const out = new ByteWriter()
  write(out)
  return out.take()
}

describe('varints', () => {
  const table: readonly (readonly [number | bigint, string])[] = [
    [0, '00'],
    [1, '01'],
    [127, '7f'],
    [128, '8001'],
    [300, 'ac02'],
    [9001, 'a946'],
    [2 ** 31 - 1, 'ffffffff07'],
    [2 ** 31, '8080808008'],
    [2 ** 49 - 1, 'ffffffffffff7f'],
    [2 ** 49, '8080808080808001'],
    [Number.MAX_SAFE_INTEGER, 'ffffffffffffff0f'],
    [2n ** 53n, '8080808080808010'],
    [2n ** 63n - 1n, 'ffffffffffffffff7f'],
    [-1, 'ffffffffffffffffff01'],
    [Number.MIN_SAFE_INTEGER, '81808080808080f0ff01'],
    [-(2n ** 63n), '80808080808080808001'],
  ]
  test.each(table)('%s is written and read as %s', (value, expected) => {
    const bytes = written((out) => (typeof value === 'number' ? out.varint(value) : out.varint64(value)))
    expect(hex(bytes)).toBe(expected)
    expect(hex(written((out) => out.varint64(BigInt(value))))).toBe(expected)
    expect(new ByteReader(bytes).varint()).toBe(value)
  })

  test('are what 64-bit arithmetic says, for random numbers', () => {
    fc.assert(
      fc.property(fc.oneof(fc.maxSafeInteger(), fc.integer()), (value) => {
        const bytes = written((out) => out.varint(value))
        expect(hex(bytes)).toBe(hex(written((out) => out.varint64(BigInt(value)))))
        expect(new ByteReader(bytes).varint()).toBe(value)
      }),
      seed,
    )
  })

  test('of more than 64 bits are refused', () => {
    for (const bytes of [new Uint8Array(11).fill(0xff), Uint8Array.of(...new Uint8Array(9).fill(0x80), 2)]) {
      expect(() => new ByteReader(bytes).varint()).toThrow(DecodeError)
    }
  })
})

describe('strings', () => {
  const unit = fc.oneof(
    fc.constantFrom(
      'a',
      '\0',
      '\x7f',
      '\x80',
      '\u07ff',
      '\u0800',
      '\ufeff',
      '\uffff',
      '\u{10000}',
      '\u{10ffff}',
      'é',
      '日',
    ),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 3 }),
  )
  // Lengths around the places where the writer and the reader change their method.
  const lengths = fc.constantFrom(0, 1, 3, 8, 15, 16, 17, 41, 42, 43, 44, 126, 127, 128, 129, 300, 5000)
  const text = fc
    .tuple(fc.array(unit, { maxLength: 6 }), lengths, fc.boolean())
    .map(([units, length, ascii]) =>
      ascii ? 'x'.repeat(length) + units.join('') : (units.join('') || 'é').repeat(length),
    )

  test('have the bytes that TextEncoder gives, behind their length, wherever they begin in the buffer', () => {
    fc.assert(
      fc.property(text, fc.nat(200), (value, offset) => {
        const reference = new TextEncoder().encode(value)
        const out = new ByteWriter()
        out.bytes(new Uint8Array(offset))
        out.string(value)
        out.utf8(value)
        const input = new ByteReader(out.take())
        input.view(offset)
        expect(input.length()).toBe(reference.length)
        expect(hex(input.view(reference.length))).toBe(hex(reference))
        expect(hex(input.view(input.remaining))).toBe(hex(reference))
        input.position = offset
        expect(input.string()).toBe(value)
        expect(input.utf8(input.remaining)).toBe(value)
      }),
      { ...seed, numRuns: 500 },
    )
  })

  test('that differ only in the last byte are told apart by the reader, also when their hashes meet', () => {
    const values = Array.from({ length: 20_000 }, (_, i) => `k${i.toString(36)}`)
    const out = new ByteWriter()
    for (const value of values) out.string(value)
    const input = new ByteReader(out.take())
    for (const value of values) expect(input.string()).toBe(value)
  })

  test('with a lone surrogate are refused, with its index, and leave nothing behind', () => {
    const lone: readonly (readonly [string, number])[] = [
      ['\ud800', 0],
      ['\udc00', 0],
      ['ab\udc00', 2],
      ['é\ud83d', 1],
      ['\ud83d\ude00\ude00', 2],
      ['\ud800\ud800\udc00', 0],
      [`${'x'.repeat(100)}\ud800y`, 100],
      [`${'x'.repeat(100)}\ud800\ue000`, 100],
      [`${'x'.repeat(100)}\u{1f600}\udc00`, 102],
    ]
    for (const [value, index] of lone) {
      const out = new ByteWriter()
      out.byte(7)
      expect(() => out.string(value)).toThrow(`lone surrogate at index ${index}`)
      expect(() => out.utf8(value)).toThrow(DecodeError)
      expect(hex(out.take())).toBe('07')
    }
  })

  test('that are not UTF-8 are refused', () => {
    const bad = ['ff', 'c0af', 'eda080', 'f4908080', 'e282', '80']
    for (const bytes of bad) {
      expect(() => new ByteReader(Buffer.from(bytes, 'hex')).utf8(bytes.length / 2), bytes).toThrow(DecodeError)
    }
  })
})

describe('a writer', () => {
  test('grows from any size and keeps what was written', () => {
    const out = new ByteWriter()
    const expected: number[] = []
    for (let i = 0; i < 3000; i++) {
      out.byte(i & 0xff)
      out.uint32(i)
      expected.push(i & 0xff, 0, 0, i >> 8, i & 0xff)
    }
    expect(out.length).toBe(expected.length)
    expect(hex(out.written(5))).toBe(hex(Uint8Array.from(expected.slice(5))))
    expect(hex(out.take())).toBe(hex(Uint8Array.from(expected)))
    expect(out.length).toBe(0)
  })

  test('gives bytes away for good: later writing does not change them', () => {
    const out = new ByteWriter()
    out.byte(1)
    const first = out.take()
    out.byte(2)
    expect(first).toEqual(Uint8Array.of(1))
  })

  test('is used again after reset and truncate', () => {
    const out = new ByteWriter()
    out.bytes(new Uint8Array(5_000_000))
    out.reset()
    out.byte(1)
    out.reset()
    out.bytes(Uint8Array.of(1, 2, 3))
    out.truncate(2)
    out.truncate(100)
    expect(hex(out.take())).toBe('0102')
  })

  test('prefixes a length of any size', () => {
    for (const length of [0, 1, 127, 128, 16383, 16384, 100_000]) {
      const out = new ByteWriter()
      out.byte(9)
      const start = out.length
      out.byte(0)
      for (let i = 0; i < length; i++) out.byte(i & 0xff)
      out.prefixLength(start)
      const input = new ByteReader(out.take())
      expect(input.byte()).toBe(9)
      expect(input.length()).toBe(length)
      expect(input.bytes(length)).toEqual(Uint8Array.from({ length }, (_, i) => i & 0xff))
      expect(input.remaining).toBe(0)
    }
  })

  test('writes one NaN, also for a NaN with other bits', () => {
    const odd = new Float64Array(new BigUint64Array([0xfff8_0000_0000_0001n]).buffer)[0] as number
    for (const value of [NaN, odd]) {
      expect(hex(written((out) => out.double(value)))).toBe('7ff8000000000000')
      expect(hex(written((out) => out.float(value)))).toBe('7fc00000')
    }
  })
})

describe('a reader', () => {
  test('reads what is inside its view only', () => {
    const bytes = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]).subarray(2, 6)
    const input = new ByteReader(bytes)
    expect(input.uint32()).toBe(0x03040506)
    expect(() => input.byte()).toThrow('at byte 4 of 4')
  })

  test('throws DecodeError on each kind of truncation, without moving past the end', () => {
    const reads: readonly ((input: ByteReader) => unknown)[] = [
      (input) => input.byte(),
      (input) => input.uint16(),
      (input) => input.uint32(),
      (input) => input.int32(),
      (input) => input.int64(),
      (input) => input.float(),
      (input) => input.double(),
      (input) => input.varint(),
      (input) => input.bytes(2),
      (input) => input.view(2),
      (input) => input.utf8(2),
      (input) => input.string(),
      (input) => input.narrow(2),
    ]
    for (const read of reads) {
      for (const bytes of [new Uint8Array(0), Uint8Array.of(0x81)]) {
        const input = new ByteReader(bytes)
        if (bytes.length === 1 && read === reads[0]) continue
        expect(() => read(input)).toThrow(DecodeError)
        expect(input.position).toBeLessThanOrEqual(bytes.length)
      }
    }
  })

  test('does not believe a length beyond the end', () => {
    for (const length of [5, 2 ** 31, Number.MAX_SAFE_INTEGER, -1]) {
      const bytes = written((out) => out.varint(length))
      expect(() => new ByteReader(bytes).string()).toThrow(/length -?\d+, but only 0 bytes follow, at byte 0/)
    }
  })

  test('copies where it says so', () => {
    const bytes = Uint8Array.of(1, 2)
    const copy = new ByteReader(bytes).bytes(2)
    const view = new ByteReader(bytes).view(2)
    bytes[0] = 9
    expect([copy[0], view[0]]).toEqual([1, 9])
  })
})
