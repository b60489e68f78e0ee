/** The laws that every coder obeys, on random values of it: round trip, streams (COD-24), damaged bytes (COD-25). */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DecodeError } from '../errors.js'
import * as c from './index.js'

const seed = process.env['MILLRACE_SEED'] === undefined ? {} : { seed: Number(process.env['MILLRACE_SEED']) }
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const fromHex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))
const nestedHex = <T>(coder: c.Coder<T>, value: T): string => hex(c.encodeToBytes(coder, value, true))
const decodeNested = <T>(coder: c.Coder<T>, text: string): T => c.decodeFromBytes(coder, fromHex(text), true)

const MAX = Number.MAX_SAFE_INTEGER
const END_OF_GLOBAL = MAX - 86_400_000
const globalWindow = { kind: 'global' } as const
const global = c.globalWindowCoder(globalWindow)
const interval = c.intervalWindowCoder((start, end) => ({ start, end }))
const custom = c.customWindowCoder(interval, (window) => window.end - 1)
const strings = c.stringUtf8Coder
const noFiring: c.PaneInfoLike = { isFirst: true, isLast: true, timing: 'unknown', index: 0, nonSpeculativeIndex: 0 }

/** Every coder with random values of it. */
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true })
const text = fc.string({ unit: 'binary' })
const timestamp = fc.oneof(fc.maxSafeInteger(), fc.constantFrom(-MAX, MAX, END_OF_GLOBAL, END_OF_GLOBAL + 1, 0))
const int64 = fc
  .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
  .map((n) => (Number.isSafeInteger(Number(n)) ? Number(n) : n))
const window = fc.tuple(timestamp, timestamp).map(([a, b]) => ({ start: Math.min(a, b), end: Math.max(a, b) }))
const pane = record<c.PaneInfoLike>({
  isFirst: fc.boolean(),
  isLast: fc.boolean(),
  timing: fc.constantFrom('early', 'onTime', 'late', 'unknown'),
  index: fc.oneof(fc.constantFrom(0, 1), fc.nat()),
  nonSpeculativeIndex: fc.oneof(fc.constantFrom(-1, 0, 1), fc.nat()),
})
const anything = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withSparseArray: false,
})
const kvOfAnything = c.kvCoder(strings, c.iterableCoder(c.nullableCoder(c.dynamicCoder)))

function law<T>(
  name: string,
  coder: c.Coder<T>,
  values: fc.Arbitrary<T>,
): readonly [string, c.Coder<unknown>, fc.Arbitrary<unknown>] {
  return [name, coder, values]
}
const laws = [
  law('bytes', c.bytesCoder, fc.uint8Array()),
  law('string', strings, text),
  law('bool', c.boolCoder, fc.boolean()),
  law<number | bigint>('varint', c.varintCoder, fc.oneof(fc.integer(), fc.maxSafeInteger(), int64)),
  law('double', c.doubleCoder, fc.double()),
  law('timestamp', c.timestampCoder, timestamp),
  law('pane', c.paneInfoCoder, pane),
  law('global window', global, fc.constant(globalWindow)),
  law('interval window', interval, window),
  law(
    'custom window',
    custom,
    window.filter(({ end }) => end > -MAX),
  ),
  law('kv', c.kvCoder(strings, c.bytesCoder), record({ key: text, value: fc.uint8Array() })),
  law('iterable', c.iterableCoder(strings), fc.array(text)),
  law('iterable of windows without bytes', c.iterableCoder(global), fc.array(fc.constant(globalWindow))),
  law('length prefix', c.lengthPrefixCoder(c.iterableCoder(c.doubleCoder)), fc.array(fc.double(), { maxLength: 40 })),
  law('nullable', c.nullableCoder(strings), fc.option(text)),
  law('sharded key', c.shardedKeyCoder(strings), record({ key: text, shardId: fc.uint8Array() })),
  law(
    'windowed value',
    c.windowedValueCoder(strings, interval),
    record({ value: text, timestamp, windows: fc.array(window), pane }),
  ),
  law(
    'param windowed value',
    c.paramWindowedValueCoder(strings, global, { timestamp: 5, windows: [globalWindow], pane: noFiring }),
    text.map((value) => ({ value, timestamp: 5, windows: [globalWindow], pane: noFiring })),
  ),
  law<c.TimerElement<string, typeof globalWindow>>(
    'timer',
    c.timerCoder(strings, global),
    fc.oneof(
      record({
        userKey: text,
        dynamicTimerTag: text,
        windows: fc.constant([globalWindow]),
        clearBit: fc.constant(true as const),
      }),
      record({
        userKey: text,
        dynamicTimerTag: text,
        windows: fc.constant([globalWindow]),
        clearBit: fc.constant(false as const),
        fireTimestamp: timestamp,
        holdTimestamp: timestamp,
        pane,
      }),
    ),
  ),
  law('dynamic', c.dynamicCoder, anything),
  law(
    'tagged',
    c.taggedCoder([strings, c.bytesCoder]),
    fc.oneof(record({ input: fc.constant(0), value: text }), record({ input: fc.constant(1), value: fc.uint8Array() })),
  ),
  law('kv of dynamic', kvOfAnything, record({ key: text, value: fc.array(anything) })),
] as const

describe.each(laws)('the coder of %s', (_, coder, values) => {
  const nested = (value: unknown): string => nestedHex(coder, value)

  test('gives random values back, in both contexts', () => {
    fc.assert(
      fc.property(values, fc.boolean(), (value, context) => {
        const back = c.decodeFromBytes(coder, c.encodeToBytes(coder, value, context), context)
        // The dynamic coder makes one of both zeros and takes prototypes away: for it, equal bytes are the law.
        if (coder !== c.dynamicCoder && coder !== kvOfAnything) expect(back).toStrictEqual(value)
        expect(nested(back)).toBe(nested(value))
      }),
      seed,
    )
  })

  test('reads a stream of nested values one after the other (COD-24)', () => {
    fc.assert(
      fc.property(fc.array(values, { maxLength: 6 }), (list) => {
        const out = new c.ByteWriter()
        for (const value of list) coder.encode(value, out, true)
        const input = new c.ByteReader(out.take())
        for (const value of list) expect(nested(coder.decode(input, true))).toBe(nested(value))
        expect(input.remaining).toBe(0)
      }),
      seed,
    )
  })

  test('refuses every truncation (COD-25)', () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = c.encodeToBytes(coder, value, true)
        for (let length = 0; length < Math.min(bytes.length, 200); length++) {
          expect(() => c.decodeFromBytes(coder, bytes.subarray(0, length), true)).toThrow(DecodeError)
        }
      }),
      seed,
    )
  })

  test('answers corrupted bytes with an error or another value, soon (COD-25)', () => {
    const corruption = fc.array(fc.tuple(fc.nat(), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat(2)), {
      minLength: 1,
      maxLength: 4,
    })
    fc.assert(
      fc.property(values, corruption, fc.boolean(), (value, edits, context) => {
        const bytes = [...c.encodeToBytes(coder, value, context)]
        for (const [where, byte, how] of edits)
          bytes.splice(where % (bytes.length + 1), how === 2 ? 0 : 1, ...(how === 1 ? [] : [byte]))
        const before = performance.now()
        try {
          const other = c.decodeFromBytes(coder, Uint8Array.from(bytes), context)
          if (coder === c.dynamicCoder) expect(nested(other)).toBe(hex(Uint8Array.from(bytes)))
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError)
        }
        expect(performance.now() - before).toBeLessThan(1000)
      }),
      { ...seed, numRuns: 200 },
    )
  })
})

describe('a count that the bytes cannot account for', () => {
  const windows = c.iterableCoder(global)
  test('costs neither time nor memory', () => {
    const bombs: readonly (readonly [c.Coder<unknown>, string])[] = [
      [windows, '7fffffff'],
      [windows, 'ffffffff ffffffffffffffff7f'],
      [windows, `ffffffff ${'ff07'.repeat(100_000)}`],
      [c.iterableCoder(strings), '7fffffff'],
      [c.windowedValueCoder(strings, global), '8000000000000000 7fffffff'],
      [c.bytesCoder, 'ffffffffffffffff7f'],
      [c.lengthPrefixCoder(strings), 'ffffffff07'],
    ]
    for (const [coder, bytes] of bombs) {
      const before = performance.now()
      expect(() => decodeNested(coder, bytes)).toThrow(DecodeError)
      expect(performance.now() - before).toBeLessThan(500)
    }
  })

  test('is refused when encoding what could not be decoded', () => {
    const fits = new Array<typeof globalWindow>(1024).fill(globalWindow)
    expect(decodeNested(windows, nestedHex(windows, fits))).toEqual(fits)
    expect(() => nestedHex(windows, [...fits, globalWindow])).toThrow(DecodeError)
  })
})
