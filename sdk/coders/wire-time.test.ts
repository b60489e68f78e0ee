import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DecodeError } from '../errors.js'
import { decodeFromBytes, encodeToBytes, fromWireMillis, timestampCoder, toWireMillis } from './index.js'

const seed = process.env['MILLRACE_SEED'] === undefined ? {} : { seed: Number(process.env['MILLRACE_SEED']) }
const hex = (timestamp: number): string => Buffer.from(encodeToBytes(timestampCoder, timestamp)).toString('hex')
const fromHex = (text: string): number => decodeFromBytes(timestampCoder, new Uint8Array(Buffer.from(text, 'hex')))

const MAX = 9007199254740991
const END_OF_GLOBAL = MAX - 86400000
const BEAM_MAX = 9223372036854775n
const BEAM_END_OF_GLOBAL = 9223371950454775n

const timestamp = fc.oneof(
  fc.constantFrom(
    -MAX,
    -MAX + 1,
    -1,
    0,
    1,
    2 ** 32,
    -(2 ** 32),
    2 ** 32 - 1,
    END_OF_GLOBAL - 1,
    END_OF_GLOBAL,
    END_OF_GLOBAL + 1,
    MAX - 1,
    MAX,
  ),
  fc.maxSafeInteger(),
  fc.integer(),
  fc.integer({ min: END_OF_GLOBAL - 10_000, max: MAX }),
  fc.integer({ min: -MAX, max: -MAX + 10_000 }),
)
const wire = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: BigInt(END_OF_GLOBAL) - 1000n, max: BigInt(MAX) + 1000n }),
  fc.bigInt({ min: BEAM_END_OF_GLOBAL - 1000n, max: BEAM_MAX + 1000n }),
  timestamp.map(toWireMillis),
)

describe('timestamps on the wire', () => {
  const table: readonly (readonly [string, number, bigint, string])[] = [
    ['0', 0, 0n, '8000000000000000'],
    ['1234', 1234, 1234n, '80000000000004d2'],
    ['−1', -1, -1n, '7fffffffffffffff'],
    ['the minimum', -MAX, -BEAM_MAX, '7fdf3b645a1cac09'],
    ['the maximum', MAX, BEAM_MAX, '8020c49ba5e353f7'],
    ['the end of the global window', END_OF_GLOBAL, BEAM_END_OF_GLOBAL, '8020c49ba0bcf7f7'],
    ['the first instant after the global window', END_OF_GLOBAL + 1, BEAM_END_OF_GLOBAL + 1n, '8020c49ba0bcf7f8'],
    ['the last instant of time but one', MAX - 1, BEAM_MAX - 1n, '8020c49ba5e353f6'],
    ['the last instant inside the global window', END_OF_GLOBAL - 1, BigInt(END_OF_GLOBAL - 1), '801ffffffad9a3fe'],
  ]
  test.each(table)('%s is what Beam means by it', (_, ours, beams, bytes) => {
    expect(toWireMillis(ours)).toBe(beams)
    expect(fromWireMillis(beams)).toBe(ours)
    expect(hex(ours)).toBe(bytes)
    expect(fromHex(bytes)).toBe(ours)
  })

  test('come back, and keep their order as times and as bytes', () => {
    fc.assert(
      fc.property(timestamp, timestamp, (a, b) => {
        expect(fromWireMillis(toWireMillis(a))).toBe(a)
        expect(fromHex(hex(a))).toBe(a)
        expect(toWireMillis(a) < toWireMillis(b)).toBe(a < b)
        expect(hex(a) < hex(b)).toBe(a < b)
      }),
      { ...seed, numRuns: 1000 },
    )
  })

  test('that only Beam has become one of ours, in order', () => {
    fc.assert(
      fc.property(wire, wire, (a, b) => {
        expect(Number.isSafeInteger(fromWireMillis(a))).toBe(true)
        if (a <= b) expect(fromWireMillis(a)).toBeLessThanOrEqual(fromWireMillis(b))
        const bytes = Buffer.alloc(8)
        bytes.writeBigUInt64BE(BigInt.asUintN(64, a + 2n ** 63n))
        expect(fromHex(bytes.toString('hex'))).toBe(fromWireMillis(a))
      }),
      { ...seed, numRuns: 1000 },
    )
    expect(fromWireMillis(BEAM_END_OF_GLOBAL - 1n)).toBe(END_OF_GLOBAL - 1)
    expect(fromWireMillis(-(2n ** 63n))).toBe(-MAX)
    expect(fromWireMillis(2n ** 63n - 1n)).toBe(MAX)
  })

  test('are refused when they are no whole number in range', () => {
    for (const bad of [0.5, NaN, Infinity, -Infinity, 2 ** 53]) {
      expect(() => toWireMillis(bad)).toThrow(DecodeError)
      expect(() => hex(bad)).toThrow(DecodeError)
    }
    expect(hex(-0)).toBe(hex(0))
  })
})
