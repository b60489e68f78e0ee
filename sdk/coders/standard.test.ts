/** Beam's coders: examples that the oracle has not got. */
import { describe, expect, test } from 'vitest'
import { DecodeError } from '../errors.js'
import * as c from './index.js'

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

describe('panes', () => {
  const pane = (
    timing: c.PaneInfoLike['timing'],
    index: number,
    nonSpeculativeIndex: number,
    first: boolean,
    last: boolean,
  ): c.PaneInfoLike => ({
    isFirst: first,
    isLast: last,
    timing,
    index,
    nonSpeculativeIndex,
  })
  const table: readonly (readonly [string, c.PaneInfoLike, string])[] = [
    ['no firing', noFiring, '0f'],
    ['on time, first and last', pane('onTime', 0, 0, true, true), '07'],
    ['early, first', pane('early', 0, -1, true, false), '1100'],
    ['early, index 1', pane('early', 1, -1, false, false), '1001'],
    ['on time after two early', pane('onTime', 2, 0, false, false), '240200'],
    ['late', pane('late', 3, 1, false, false), '280301'],
    ['on time, last, 5 and 5', pane('onTime', 5, 5, false, true), '1605'],
    // Beam makes no such panes; they must not turn into others.
    ['early with a non-speculative index', pane('early', 0, 0, true, false), '210000'],
    ['unknown with an index', pane('unknown', 3, 3, false, false), '1c03'],
  ]
  test.each(table)('%s', (_, value, expected) => {
    expect(nestedHex(c.paneInfoCoder, value)).toBe(expected)
    expect(decodeNested(c.paneInfoCoder, expected)).toEqual(value)
  })

  test('a byte 01, early and first without index, is Beam’s first early pane', () => {
    expect(decodeNested(c.paneInfoCoder, '01')).toEqual(pane('early', 0, -1, true, false))
  })

  test('other forms and other shapes are refused', () => {
    for (const bad of ['3000', '800000', 'f000', '10', '2000', '1080808080808080808001']) {
      expect(() => decodeNested(c.paneInfoCoder, bad), bad).toThrow(DecodeError)
    }
    expect(() => nestedHex(c.paneInfoCoder, { ...noFiring, timing: 'ON_TIME' as never })).toThrow(DecodeError)
    expect(() => nestedHex(c.paneInfoCoder, { ...noFiring, index: 0.5 })).toThrow(DecodeError)
  })
})

describe('windows', () => {
  const table: readonly (readonly [string, number, number, string])[] = [
    ['[0, 10 s)', 0, 10_000, '8000000000002710904e'],
    ['a minute of 2020', 1577836800000, 1577836860000, '8000016f5e67d260e0d403'],
    ['an empty window', 5, 5, '800000000000000500'],
    ['all of time', -MAX, MAX, '8020c49ba5e353f7eecf9adef4a6e220'],
    ['a window cut off at the end of the global window', 0, END_OF_GLOBAL + 1, '8020c49ba0bcf7f8f8eff385ba93b110'],
  ]
  test.each(table)('%s', (_, start, end, expected) => {
    expect(nestedHex(interval, { start, end })).toBe(expected)
    expect(decodeNested(interval, expected)).toEqual({ start, end })
  })

  test('that start at the beginning of time have Beam’s length', () => {
    const span = (start: number, end: number): bigint => {
      const input = new c.ByteReader(c.encodeToBytes(interval, { start, end }))
      input.int64()
      return BigInt(input.varint())
    }
    expect(span(-MAX, 0)).toBe(9223372036854775n)
    expect(span(-MAX, MAX)).toBe(2n * 9223372036854775n)
    expect(span(-MAX + 1, END_OF_GLOBAL - 1)).toBe(BigInt(MAX) - 1n + BigInt(END_OF_GLOBAL) - 1n)
    expect(span(END_OF_GLOBAL - 1, END_OF_GLOBAL)).toBe(9223371950454775n - BigInt(END_OF_GLOBAL - 1))
  })

  test('that only Beam has are cut to our range at both ends', () => {
    // [Beam's maximum − 2 days, Beam's end of the global window)
    expect(decodeNested(interval, '8020c49ba0bcf7f7' + '80b09929')).toEqual({
      start: END_OF_GLOBAL - 1,
      end: END_OF_GLOBAL,
    })
    expect(decodeNested(interval, '8000000000000000' + 'ffffffffffffffff7f')).toEqual({ start: -MAX, end: 0 })
  })

  test('that end before they start are refused in both directions', () => {
    expect(() => nestedHex(interval, { start: 2, end: 1 })).toThrow(DecodeError)
    expect(() => nestedHex(interval, { start: NaN, end: 1 })).toThrow(DecodeError)
    expect(() => decodeNested(interval, '8000000000002710' + 'ffffffffffffffffff01')).toThrow(DecodeError)
    expect(() => nestedHex(global, { start: 0, end: 1 } as never)).toThrow(DecodeError)
  })

  test('of a custom WindowFn are written behind their last timestamp', () => {
    expect(nestedHex(custom, { start: 0, end: 10_000 })).toBe('800000000000270f8000000000002710904e')
  })
})

describe('composites', () => {
  test('nest all parts but the last', () => {
    const coder = c.kvCoder(c.bytesCoder, c.bytesCoder)
    const value = { key: fromHex('6162'), value: fromHex('6364') }
    expect(hex(c.encodeToBytes(coder, value))).toBe('0261626364')
    expect(nestedHex(coder, value)).toBe('026162026364')
    expect(
      nestedHex(c.kvCoder(c.varintCoder, c.kvCoder(strings, c.boolCoder)), {
        key: 1,
        value: { key: 'a', value: true },
      }),
    ).toBe('01016101')
    expect(nestedHex(c.lengthPrefixCoder(c.bytesCoder), fromHex('686579'))).toBe('03686579')
    expect(nestedHex(c.lengthPrefixCoder(c.varintCoder), 300)).toBe('02ac02')
  })

  test('an iterable of unknown length is read like one of known length', () => {
    const coder = c.iterableCoder(c.varintCoder)
    expect(decodeNested(coder, 'ffffffff 03 01 02 03 00')).toEqual([1, 2, 3])
    expect(decodeNested(coder, 'ffffffff 02 01 02 01 03 00')).toEqual([1, 2, 3])
    expect(decodeNested(coder, 'ffffffff 00')).toEqual([])
    for (const bad of ['fffffffe', 'ffffffff 03 01 02', 'ffffffff fe ff ff ff ff ff ff ff ff 01', 'ffffffff 01 05']) {
      expect(() => decodeNested(coder, bad), bad).toThrow(DecodeError)
    }
  })

  test('an iterable that goes on in state is refused where there is no state', () => {
    const token = 'ffffffff 02 01 02 ffffffffffffffffff01 03 544f4b'
    expect(() => decodeNested(c.iterableCoder(c.varintCoder), token)).toThrow('runner state')
  })

  test('a length prefix keeps its content inside, and the whole of it', () => {
    const coder = c.kvCoder(c.lengthPrefixCoder(c.bytesCoder), c.varintCoder)
    expect(decodeNested(coder, '02 6162 05')).toEqual({ key: fromHex('6162'), value: 5 })
    // The content ends before its length does: what is left is no part of what follows.
    expect(() => decodeNested(c.kvCoder(c.lengthPrefixCoder(c.varintCoder), c.varintCoder), '02 05 05')).toThrow(
      DecodeError,
    )
    expect(() => decodeNested(c.lengthPrefixCoder(c.varintCoder), '01 8005')).toThrow(DecodeError)
  })

  test('a reader goes on behind a length prefix whose content could not be read', () => {
    const input = new c.ByteReader(fromHex('02 ff05 07'))
    expect(() => c.lengthPrefixCoder(strings).decode(input, true)).toThrow(DecodeError)
    expect(input.end).toBe(4)
  })

  test('a KV with other fields, or without its own, is refused', () => {
    const coder = c.kvCoder(strings, c.dynamicCoder)
    for (const bad of [{ key: 'a' }, { value: 1 }, { key: 'a', value: 1, extra: 2 }, null, undefined, 7, ['a', 1]]) {
      expect(() => nestedHex(coder, bad as never)).toThrow(DecodeError)
    }
    expect(nestedHex(coder, { key: 'a', value: undefined })).toBe('016100')
  })

  test('a refusal deep inside names the whole path', () => {
    const deep = c.kvCoder(strings, c.iterableCoder(c.kvCoder(strings, c.nullableCoder(c.dynamicCoder))))
    const value = {
      key: 'k',
      value: [
        { key: 'a', value: 1 },
        { key: 'b', value: { user: { name: 'x\ud800' } } },
      ],
    }
    expect(() => nestedHex(deep, value)).toThrow(/^\$\.value\[1\]\.value\.user\.name: lone surrogate at index 1/)
    expect(() => nestedHex(deep, { key: '\udc00', value: [] })).toThrow(/^\$\.key: lone surrogate at index 0/)
    expect(() => nestedHex(deep, { key: 'k', value: [{ key: 1, value: null }] } as never)).toThrow(
      '$.value[0].key: expected a string, got 1',
    )
  })

  test('are canonical when their parts are', () => {
    expect(c.kvCoder(strings, c.dynamicCoder).canonical).toBe(true)
    expect(c.kvCoder(strings, c.doubleCoder).canonical).toBe(false)
    expect(c.iterableCoder(c.nullableCoder(c.lengthPrefixCoder(c.doubleCoder))).canonical).toBe(false)
  })
})

describe('values of another type are refused', () => {
  const table: readonly (readonly [string, c.Coder<unknown>, readonly unknown[]])[] = [
    ['bytes', c.bytesCoder, ['a', [1], null, Int8Array.of(1), new ArrayBuffer(1)]],
    ['string', strings, [1, null, undefined, Object('a')]],
    ['bool', c.boolCoder, [0, 1, null, 'true']],
    ['varint', c.varintCoder, [0.5, NaN, 2 ** 53, '1', null, 2n ** 63n, -(2n ** 63n) - 1n]],
    ['double', c.doubleCoder, [1n, '1', null]],
    ['iterable', c.iterableCoder(strings), ['text', null, new Set()]],
  ]
  test.each(table)('by %s', (_, coder, values) => {
    for (const value of values) expect(() => c.encodeToBytes(coder, value as never)).toThrow(DecodeError)
  })

  test('and other bytes than 00 and 01 are no boolean, null flag or clear bit', () => {
    expect(() => decodeNested(c.boolCoder, '02')).toThrow(DecodeError)
    expect(() => decodeNested(c.nullableCoder(c.varintCoder), '0205')).toThrow(DecodeError)
    expect(() => decodeNested(c.timerCoder(strings, global), '016b00 00000001 02')).toThrow(DecodeError)
  })
})

test('timers have the bytes of the portability study', () => {
  const coder = c.timerCoder(strings, global)
  // prettier-ignore
  const set = { userKey: 'k', dynamicTimerTag: '', windows: [globalWindow], clearBit: false, fireTimestamp: 1000, holdTimestamp: 1000, pane: noFiring } as const
  expect(nestedHex(coder, set)).toBe('016b00000000010080000000000003e880000000000003e80f')
  expect(nestedHex(coder, { userKey: 'k', dynamicTimerTag: 't', windows: [globalWindow], clearBit: true })).toBe(
    '016b01740000000101',
  )
})
