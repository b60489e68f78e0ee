/**
 * Coders, byte for byte: what Beam's other SDKs write, and what values of the language are written as where no codec says more.
 */
import * as t from 'io-ts'
import { DecodeError, pipeline, seededRandom } from 'millrace'
import { checkCoder } from 'millrace/testing'
import {
  boolCoder,
  bytesCoder,
  type Coder,
  customWindowCoder,
  decodeFromBytes,
  doubleCoder,
  dynamicCoder,
  encodeToBytes,
  globalWindowCoder,
  intervalWindowCoder,
  iterableCoder,
  kvCoder,
  lengthPrefixCoder,
  nullableCoder,
  type PaneInfoLike,
  paneInfoCoder,
  paramWindowedValueCoder,
  shardedKeyCoder,
  stringUtf8Coder,
  timerCoder,
  timestampCoder,
  varintCoder,
  windowedValueCoder,
} from '../../sdk/coders/index.js'
import { rowCoder } from '../../sdk/schema/schema-coder.js'
import {
  atomic,
  decimal,
  type FieldType,
  logical,
  logicalTypes,
  millisInstant,
  nullable,
} from '../../sdk/schema/schema.js'
import { type ConformanceCase, constructionCase, unitCase } from './case.js'
import type { Claims } from './claims.js'

const hexOf = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from((hex.replaceAll(' ', '').match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16)))
const whole = <T>(coder: Coder<T>, value: T): string => hexOf(encodeToBytes(coder, value))
const nested = <T>(coder: Coder<T>, value: T): string => hexOf(encodeToBytes(coder, value, true))

/** Bytes of a value: nested in others, and alone where those differ. */
interface Example<T = unknown> {
  readonly value: T
  readonly nested: string
  readonly outer?: string
}

/** Claims that values have their bytes in both places, and come back from them. */
function examples<T>(claims: Claims, coder: Coder<T>, of: readonly Example<T>[]): void {
  for (const { value, nested: inside, outer = inside } of of) {
    const [insideHex, outerHex] = [inside.replaceAll(' ', ''), outer.replaceAll(' ', '')]
    claims.same(nested(coder, value), insideHex, `${coder.urn}, nested`)
    claims.same(whole(coder, value), outerHex, `${coder.urn}, alone`)
    claims.same(decodeFromBytes(coder, bytesOf(insideHex), true), value, `${coder.urn}, read nested`)
    claims.same(decodeFromBytes(coder, bytesOf(outerHex)), value, `${coder.urn}, read alone`)
  }
}

/** Claims that bytes are no value of a coder. */
function refused(claims: Claims, coder: Coder<unknown>, of: readonly string[], message = /./): void {
  for (const hex of of)
    claims.refuses(() => decodeFromBytes(coder, bytesOf(hex), true), { error: 'DecodeError', message })
}

const globalOnly = { kind: 'global' } as const
const globals = globalWindowCoder(globalOnly)
const intervals = intervalWindowCoder((start, end) => ({ start, end }))
const noFiring: PaneInfoLike = { isFirst: true, isLast: true, timing: 'unknown', index: 0, nonSpeculativeIndex: 0 }
const MAX = Number.MAX_SAFE_INTEGER

const pane = (
  timing: PaneInfoLike['timing'],
  index: number,
  nonSpeculativeIndex: number,
  isFirst: boolean,
  isLast: boolean,
): PaneInfoLike => ({ timing, index, nonSpeculativeIndex, isFirst, isLast })

/** A coder whose values are not looked at. */
const plain = <T>(coder: Coder<T>): Coder<unknown> => coder

/** Examples of our own for each line of Beam's table of standard coders. */
const standard: readonly (readonly [id: string, coder: Coder<never>, of: readonly Example<never>[]])[] = [
  row('bytes', bytesCoder, [
    { value: bytesOf(''), nested: '00', outer: '' },
    { value: bytesOf('616200'), nested: '03 616200', outer: '616200' },
  ]),
  row('bool', boolCoder, [
    { value: true, nested: '01' },
    { value: false, nested: '00' },
  ]),
  row('string', stringUtf8Coder, [
    { value: '', nested: '00', outer: '' },
    { value: 'hé𝄞', nested: '07 68 c3a9 f09d849e', outer: '68c3a9f09d849e' },
  ]),
  row('varint', varintCoder, [
    { value: 1, nested: '01' },
    { value: 300, nested: 'ac02' },
  ]),
  row('double', doubleCoder, [{ value: 1.5, nested: '3ff8000000000000' }]),
  row('kv', kvCoder(bytesCoder, varintCoder), [
    { value: { key: bytesOf('61'), value: 5 }, nested: '01 61 05' },
    { value: { key: bytesOf('6162'), value: 200 }, nested: '02 6162 c801' },
  ]),
  row('iterable', iterableCoder(bytesCoder), [{ value: [bytesOf('61'), bytesOf('')], nested: '00000002 0161 00' }]),
  row('global-window', globals, [{ value: globalOnly, nested: '' }]),
  row('interval-window', intervals, [{ value: { start: 0, end: 10_000 }, nested: '8000000000002710 904e' }]),
  row('length-prefix', lengthPrefixCoder(varintCoder), [{ value: 300, nested: '02 ac02' }]),
  row('nullable', nullableCoder(varintCoder), [
    { value: null, nested: '00' },
    { value: 5, nested: '01 05' },
  ]),
  row('sharded-key', shardedKeyCoder(stringUtf8Coder), [
    { value: { key: 'k', shardId: bytesOf('7368') }, nested: '02 7368 01 6b', outer: '02 7368 01 6b' },
  ]),
  row(
    'custom-window',
    customWindowCoder(intervals, ({ end }) => end - 1),
    [{ value: { start: 0, end: 10_000 }, nested: '800000000000270f 8000000000002710 904e' }],
  ),
  row('windowed-value', windowedValueCoder(varintCoder, globals), [
    {
      value: { value: 5, timestamp: 1000, windows: [globalOnly], pane: noFiring },
      nested: '80000000000003e8 00000001 0f 05',
    },
  ]),
  row('timer', timerCoder(stringUtf8Coder, globals), [
    {
      value: { userKey: 'k', dynamicTimerTag: 't', windows: [globalOnly], clearBit: true },
      nested: '016b 0174 00000001 01',
    },
  ]),
  row('row', rowCoder({ fields: [{ name: 'n', type: atomic('INT64') }] }), [
    { value: { n: 300 }, nested: '01 00 ac02' },
  ]),
]

/** One line, of any type. */
function row<T>(
  id: string,
  coder: Coder<T>,
  of: readonly Example<T>[],
): readonly [string, Coder<never>, readonly Example<never>[]] {
  return [id, coder as Coder<unknown> as Coder<never>, of as readonly Example<never>[]]
}

const beam: readonly ConformanceCase[] = [
  ...standard.map(([id, coder, of]) =>
    unitCase({
      id: `COD-01/${id}`,
      name: `values have the bytes that Beam gives them, alone and in others (${id})`,
      check: (claims) => examples(claims, coder, of),
    }),
  ),
  unitCase({
    id: 'COD-02',
    name: 'bytes are themselves, behind their length where something follows',
    check(claims) {
      examples(claims, bytesCoder, [{ value: bytesOf('00ff'), nested: '02 00ff', outer: '00ff' }])
      claims.same(nested(bytesCoder, new Uint8Array(300)).slice(0, 4), 'ac02', 'length of 300 bytes')
      refused(claims, bytesCoder, ['02 00', ''])
    },
  }),
  unitCase({
    id: 'COD-03',
    name: 'texts are UTF-8; a lone surrogate has none, and is refused with its place',
    check(claims) {
      examples(claims, stringUtf8Coder, [
        { value: 'a\0b', nested: '03 610062', outer: '610062' },
        { value: '\u{1f600}', nested: '04 f09f9880', outer: 'f09f9880' },
        { value: '\uffff', nested: '03 efbfbf', outer: 'efbfbf' },
      ])
      claims.refuses(() => encodeToBytes(stringUtf8Coder, 'x\ud800'), {
        error: 'DecodeError',
        message: /lone surrogate at index 1/,
      })
      // A surrogate in three bytes, an overlong form, a byte that begins nothing.
      refused(claims, stringUtf8Coder, ['03 eda080', '02 c080', '01 ff'])
    },
  }),
  unitCase({
    id: 'COD-04',
    name: 'truth values are 00 and 01, and nothing else is one',
    check(claims) {
      examples(claims, boolCoder, [
        { value: false, nested: '00' },
        { value: true, nested: '01' },
      ])
      refused(claims, boolCoder, ['02', 'ff', ''])
      for (const value of [0, 1, 'true', null])
        claims.refuses(() => encodeToBytes(boolCoder, value as never), { error: 'DecodeError', message: /./ })
    },
  }),
  unitCase({
    id: 'COD-05',
    name: 'integers of 64 bits are varints; numbers where those are exact, else bigints',
    check(claims) {
      examples<number | bigint>(claims, varintCoder, [
        { value: 0, nested: '00' },
        { value: 127, nested: '7f' },
        { value: 128, nested: '8001' },
        { value: 9001, nested: 'a946' },
        { value: 2n ** 63n - 1n, nested: 'ffffffffffffffff7f' },
        { value: -1, nested: 'ffffffffffffffffff01' },
        { value: -(2n ** 63n), nested: '80808080808080808001' },
        { value: MAX, nested: 'ffffffffffffff0f' },
        { value: 2n ** 53n, nested: '8080808080808010' },
      ])
      claims.same(nested(varintCoder, 5n), '05', 'a small bigint')
      for (const value of [0.5, 2 ** 53, Number.NaN, 2n ** 63n])
        claims.refuses(() => encodeToBytes(varintCoder, value), { error: 'DecodeError', message: /./ })
      refused(claims, varintCoder, ['80', '808080808080808080808001'])
    },
  }),
  unitCase({
    id: 'COD-06',
    name: 'numbers are eight bytes of IEEE 754, the sign of zero included',
    check: (claims) =>
      examples(claims, doubleCoder, [
        { value: 0, nested: '0000000000000000' },
        { value: -0, nested: '8000000000000000' },
        { value: 5e-324, nested: '0000000000000001' },
        { value: Infinity, nested: '7ff0000000000000' },
        { value: -Infinity, nested: 'fff0000000000000' },
        { value: Number.NaN, nested: '7ff8000000000000' },
      ]),
  }),
  unitCase({
    id: 'COD-07',
    name: 'of a pair the key is nested, and the value as the pair is',
    check: (claims) =>
      examples(claims, kvCoder(bytesCoder, bytesCoder), [
        { value: { key: bytesOf('6162'), value: bytesOf('6364') }, nested: '02 6162 02 6364', outer: '02 6162 6364' },
      ]),
  }),
  unitCase({
    id: 'COD-08',
    name: 'a list is a count of four bytes and its elements; one of unknown length, −1 and chunks, is read like it',
    check(claims) {
      const coder = iterableCoder(varintCoder)
      examples<readonly (number | bigint)[]>(claims, coder, [
        { value: [], nested: '00000000' },
        { value: [1, 2, 3], nested: '00000003 010203' },
      ])
      for (const [hex, value] of [
        ['ffffffff 00', []],
        ['ffffffff 03 010203 00', [1, 2, 3]],
        ['ffffffff 02 0102 01 03 00', [1, 2, 3]],
      ] as const)
        claims.same(decodeFromBytes(coder, bytesOf(hex), true), value, hex)
      refused(claims, coder, ['fffffffe', 'ffffffff 03 0102', '00000002 01'])
    },
  }),
  unitCase({
    id: 'COD-10',
    name: 'a length before anything keeps it apart from what follows',
    check(claims) {
      const coder = kvCoder(lengthPrefixCoder(bytesCoder), lengthPrefixCoder(varintCoder))
      examples(claims, coder, [{ value: { key: bytesOf('6162'), value: 5 }, nested: '02 6162 01 05' }])
      // The content ends before its length does, or goes on behind it.
      refused(claims, lengthPrefixCoder(varintCoder), ['02 05 05', '01 80 05'])
    },
  }),
  unitCase({
    id: 'COD-11',
    name: 'the global window has no bytes',
    check: (claims) => examples(claims, globals, [{ value: globalOnly, nested: '' }]),
  }),
  unitCase({
    id: 'COD-12',
    name: 'a window is its end, ordered as bytes, and its length; at both ends of time it is Beam’s',
    check(claims) {
      examples(claims, intervals, [
        { value: { start: 0, end: 10_000 }, nested: '8000000000002710 904e' },
        { value: { start: 5, end: 5 }, nested: '8000000000000005 00' },
        { value: { start: -10, end: 0 }, nested: '8000000000000000 0a' },
        { value: { start: 1577836800000, end: 1577836860000 }, nested: '8000016f5e67d260 e0d403' },
        { value: { start: -MAX, end: MAX }, nested: '8020c49ba5e353f7 eecf9adef4a6e220' },
      ])
      const ends = [-5000, -1, 0, 1, 5000].map((end) => nested(intervals, { start: -6000, end }).slice(0, 16))
      claims.same(ends, [...ends].sort(), 'order of ends')
      claims.refuses(() => encodeToBytes(intervals, { start: 2, end: 1 }), { error: 'DecodeError', message: /./ })
    },
  }),
  unitCase({
    id: 'COD-13',
    name: 'timestamps are eight bytes whose order is that of time',
    check(claims) {
      examples(claims, timestampCoder, [
        { value: 0, nested: '8000000000000000' },
        { value: 1, nested: '8000000000000001' },
        { value: -1, nested: '7fffffffffffffff' },
        { value: -1000, nested: '7ffffffffffffc18' },
      ])
      const texts = [-MAX, -1_000_000, -1, 0, 1, 4_294_967_296, MAX - 86_400_000, MAX].map((n) =>
        nested(timestampCoder, n),
      )
      claims.same(texts, [...texts].sort(), 'order')
    },
  }),
  unitCase({
    id: 'COD-14',
    name: 'an element is its time, its windows, its pane and its value',
    check: (claims) =>
      examples(claims, windowedValueCoder(stringUtf8Coder, intervals), [
        {
          value: {
            value: 'ab',
            timestamp: 5,
            windows: [
              { start: 0, end: 10 },
              { start: 5, end: 15 },
            ],
            pane: pane('onTime', 0, 0, true, true),
          },
          nested: '8000000000000005 00000002 800000000000000a 0a 800000000000000f 0a 07 02 6162',
          outer: '8000000000000005 00000002 800000000000000a 0a 800000000000000f 0a 07 6162',
        },
      ]),
  }),
  unitCase({
    id: 'COD-15',
    name: 'where all elements have one time, window and pane only values travel',
    check: (claims) =>
      examples(
        claims,
        paramWindowedValueCoder(varintCoder, globals, { timestamp: 1000, windows: [globalOnly], pane: noFiring }),
        [{ value: { value: 300, timestamp: 1000, windows: [globalOnly], pane: noFiring }, nested: 'ac02' }],
      ),
  }),
  unitCase({
    id: 'COD-16',
    name: 'a timer is its key, tag and windows, and when it fires; one that is cleared ends behind that bit',
    check(claims) {
      const coder = timerCoder(stringUtf8Coder, globals)
      examples(claims, coder, [
        {
          value: {
            userKey: 'k',
            dynamicTimerTag: '',
            windows: [globalOnly],
            clearBit: false,
            fireTimestamp: 1000,
            holdTimestamp: 2000,
            pane: noFiring,
          },
          nested: '016b 00 00000001 00 80000000000003e8 80000000000007d0 0f',
        },
        {
          value: { userKey: 'k', dynamicTimerTag: 't', windows: [globalOnly], clearBit: true },
          nested: '016b 0174 00000001 01',
        },
      ])
      refused(claims, coder, ['016b 00 00000001 02'])
    },
  }),
  unitCase({
    id: 'COD-17',
    name: 'a pane takes one byte, two, or three and more',
    check(claims) {
      examples(claims, paneInfoCoder, [
        { value: noFiring, nested: '0f' },
        { value: pane('onTime', 0, 0, true, true), nested: '07' },
        { value: pane('early', 1, -1, false, false), nested: '1001' },
        { value: pane('onTime', 5, 5, false, true), nested: '1605' },
        { value: pane('onTime', 2, 0, false, false), nested: '240200' },
        { value: pane('late', 300, 200, false, false), nested: '28ac02c801' },
      ])
      refused(claims, paneInfoCoder, ['3000', 'f000', '10', '2000'])
    },
  }),
]

const address = { fields: [{ name: 'street', type: nullable(atomic('STRING')) }] } as const
const person = {
  fields: [
    { name: 'name', type: atomic('STRING') },
    { name: 'age', type: nullable(atomic('INT32')) },
    { name: 'address', type: nullable({ kind: 'row', schema: address, nullable: false }) },
    { name: 'tags', type: { kind: 'array', element: atomic('STRING'), nullable: false } },
    { name: 'marks', type: { kind: 'map', key: atomic('STRING'), value: atomic('BOOLEAN'), nullable: false } },
  ],
} as const

const ofField = (type: FieldType): Coder<unknown> => rowCoder({ fields: [{ name: 'f', type }] })
const holding = (value: unknown, hex: string): Example => ({ value: { f: value }, nested: `01 00 ${hex}` })

const rows: readonly ConformanceCase[] = [
  unitCase({
    id: 'COD-18',
    name: 'a row is the number of its fields, a bit for each that is null, and the values of the others',
    check(claims) {
      examples<unknown>(claims, rowCoder(person), [
        {
          value: { name: 'ann', age: 41, address: { street: 'x' }, tags: ['a'], marks: new Map([['m', true]]) },
          nested: '05 00 03616e6e 29 01 00 0178 00000001 0161 00000001 016d 01',
        },
        {
          value: { name: 'ann', age: null, address: null, tags: [], marks: new Map() },
          nested: '05 01 06 03616e6e 00000000 00000000',
        },
        {
          value: { name: '', age: null, address: { street: null }, tags: [], marks: new Map() },
          nested: '05 01 02 00 01 01 01 00000000 00000000',
        },
      ])
      // Written before the last field, which may be null, was there.
      const { fields } = person
      const old = encodeToBytes(rowCoder({ fields: fields.slice(0, 1) }), { name: 'ann' })
      claims.same(
        decodeFromBytes(rowCoder({ fields: fields.slice(0, 3) }), old),
        { name: 'ann', age: null, address: null },
        'a row without its last fields',
      )
      claims.refuses(() => decodeFromBytes(rowCoder(person), old), { error: 'DecodeError', message: /"tags"/ })
    },
  }),
  unitCase({
    id: 'COD-19',
    name: 'fields are written in the order of their positions; logical types as what carries them',
    check(claims) {
      const moved = {
        fields: [
          { name: 'b', type: atomic('BOOLEAN'), encodingPosition: 1 },
          { name: 'n', type: atomic('INT64'), encodingPosition: 0 },
        ],
      }
      examples<unknown>(claims, rowCoder(moved), [{ value: { b: true, n: 300 }, nested: '02 00 ac02 01' }])
      examples<unknown>(claims, ofField(millisInstant), [holding(1000, '80000000000003e8')])
      examples<unknown>(claims, ofField(logical('own:celsius', atomic('INT64'))), [holding(20, '14')])
      claims.refuses(() => rowCoder({ fields: [{ name: 'n', type: atomic('INT64'), encodingPosition: 1 }] }), {
        message: /encoding position 1/,
      })
    },
  }),
  unitCase({
    id: 'COD-20',
    name: 'smaller numbers, bytes, decimals, keys of shards and windows of one’s own have their bytes',
    check(claims) {
      examples<unknown>(claims, ofField(atomic('BYTE')), [holding(-1, 'ff')])
      examples<unknown>(claims, ofField(atomic('INT16')), [holding(-2, 'fffe'), holding(258, '0102')])
      examples<unknown>(claims, ofField(atomic('INT32')), [holding(300, 'ac02'), holding(-1, 'ffffffff0f')])
      examples<unknown>(claims, ofField(atomic('FLOAT')), [holding(1.5, '3fc00000')])
      examples<unknown>(claims, ofField(atomic('BYTES')), [holding(bytesOf('00ff'), '02 00ff')])
      examples<unknown>(claims, ofField(logical(logicalTypes.fixedBytes, atomic('BYTES'), 2)), [
        holding(bytesOf('00ff'), '02 00ff'),
      ])
      // Scale and then the unscaled number: 1.25 is 125 · 10^−2.
      examples<unknown>(claims, ofField(decimal), [holding('1.25', '02 01 7d'), holding('-3', '00 01 fd')])
      examples(claims, nullableCoder(stringUtf8Coder), [
        { value: null, nested: '00' },
        { value: 'a', nested: '01 0161', outer: '01 61' },
      ])
      claims.refuses(() => encodeToBytes(ofField(atomic('INT16')), { f: 40_000 }), {
        error: 'DecodeError',
        message: /int16|16/i,
      })
    },
  }),
]

class Point {
  readonly x = 1
}

/** Values of the language, each of which must come back as it was. */
const values: readonly (readonly [id: string, values: readonly unknown[]])[] = [
  ['plain', [undefined, null, true, false, 0, -1, 0.5, Number.NaN, Infinity, -Infinity, '', 'é']],
  ['bigints', [0n, -1n, 2n ** 64n, -(10n ** 30n)]],
  ['objects', [{}, { a: 1, b: { c: [] } }, { a: undefined }, JSON.parse('{"__proto__":1}') as unknown]],
  ['arrays', [[], [1, [2, [undefined]]]]],
  ['maps-and-sets', [new Map<unknown, unknown>([[{ k: 1 }, new Set([1n])]]), new Set(['a', 'b'])]],
  ['dates', [new Date(0), new Date(-1), new Date(Number.NaN)]],
  [
    'binary',
    [
      Uint8Array.of(0, 255),
      Int8Array.of(-1),
      Uint16Array.of(65535),
      Int32Array.of(-2),
      Float32Array.of(1.5),
      Float64Array.of(0.1),
      BigInt64Array.of(-2n),
    ],
  ],
]

/** A list in another order. */
function reordered<T>(of: readonly T[], random: () => number): readonly T[] {
  const left = [...of]
  const made: T[] = []
  while (left.length > 0) made.push(...left.splice(Math.floor(random() * left.length), 1))
  return made
}

const language: readonly ConformanceCase[] = [
  ...values.map(([id, all]) =>
    unitCase({
      id: `COD-21/${id}`,
      name: `values of the language come back as they were, alone and in others (${id})`,
      check(claims) {
        for (const value of all) {
          claims.same(decodeFromBytes(dynamicCoder, encodeToBytes(dynamicCoder, value)), value, 'alone')
          claims.same(decodeFromBytes(dynamicCoder, encodeToBytes(dynamicCoder, [value])), [value], 'in a list')
        }
      },
    }),
  ),
  unitCase({
    id: 'COD-21/as-keys',
    name: 'a field that is undefined is not one that is missing; −0 is 0, and there is one NaN',
    check(claims) {
      const bytes = (value: unknown): string => whole(dynamicCoder, value)
      claims.holds(bytes({ a: undefined }) !== bytes({}), 'undefined and missing to differ')
      claims.holds(bytes(1) !== bytes(1n) && bytes(1) !== bytes('1'), 'types to differ')
      claims.same(bytes(-0), bytes(0), '−0')
      claims.same(bytes(new Float64Array(new BigUint64Array([0x7ff0_0000_0000_0001n]).buffer)[0]), bytes(Number.NaN))
    },
  }),
  unitCase({
    id: 'COD-21/refused',
    name: 'what would come back as something else is refused, with its path',
    check(claims) {
      for (const [value, path] of [
        [{ a: new Point() }, '$.a'],
        [{ list: [() => 1] }, '$.list[0]'],
        [new Map([['k', Symbol('s')]]), '$'],
      ] as const) {
        const error = claims.refuses(() => encodeToBytes(dynamicCoder, value), { error: 'DecodeError', message: /./ })
        claims.holds(error.message.startsWith(path), `the path ${path}, in: ${error.message}`)
      }
    },
  }),
  unitCase({
    id: 'COD-22',
    name: 'what contains itself is refused, with the path to the place',
    check(claims) {
      const loop: Record<string, unknown> = { name: 'x' }
      loop['list'] = [1, { back: loop }]
      claims.refuses(() => encodeToBytes(dynamicCoder, loop), { error: 'DecodeError', message: /\$\.list\[1\]\.back/ })
      const map = new Map<string, unknown>()
      map.set('self', map)
      claims.refuses(() => encodeToBytes(dynamicCoder, map), { error: 'DecodeError', message: /./ })
    },
  }),
  unitCase({
    id: 'COD-23',
    name: 'equal values have equal bytes, whatever the order of fields, entries and members: 1,000 permutations',
    check(claims) {
      const random = seededRandom(23)
      const names = ['a', 'b', 'aa', '', '10', '9', 'Z', 'é', '\u{1f600}', '\uffff', 'x y', 'constructor']
      const build = (order: readonly string[]): unknown => [
        Object.fromEntries(order.map((name) => [name, name])),
        new Map(order.map((name) => [name, name.length])),
        new Set(order),
      ]
      const expected = whole(dynamicCoder, build(names))
      let different = 0
      for (let i = 0; i < 1000; i++) if (whole(dynamicCoder, build(reordered(names, random))) !== expected) different++
      claims.same(different, 0, 'permutations with other bytes')
      claims.same(dynamicCoder.canonical, true, 'declared')
      // Bytes of numbers are not those of keys: −0 and 0 are equal.
      claims.same(doubleCoder.canonical, false, 'numbers of Beam')
    },
  }),
  unitCase({
    id: 'COD-24',
    name: 'random values come back from every coder, and a stream of them is read one after the other',
    check(claims) {
      const random = seededRandom(24)
      const whole32 = (): number => Math.floor((random() - 0.5) * 2 ** 32)
      const text = (): string => String.fromCodePoint(...Array.from({ length: 5 }, () => Math.floor(random() * 0xd7ff)))
      const many = <T>(make: () => T): readonly T[] => Array.from({ length: 50 }, make)
      const window = (): { start: number; end: number } => {
        const start = whole32()
        return { start, end: start + Math.floor(random() * 1000) }
      }
      const each: readonly (readonly [Coder<unknown>, readonly unknown[]])[] = [
        [plain(bytesCoder), many(() => Uint8Array.from([random() * 256, random() * 256]))],
        [plain(stringUtf8Coder), many(text)],
        [plain(varintCoder), many(whole32)],
        [plain(doubleCoder), many(() => random() * 1e9 + 0.5)],
        [plain(boolCoder), [true, false]],
        [plain(intervals), many(window)],
        [plain(kvCoder(stringUtf8Coder, varintCoder)), many(() => ({ key: text(), value: whole32() }))],
        [plain(iterableCoder(nullableCoder(varintCoder))), many(() => [whole32(), null, whole32()])],
        [plain(lengthPrefixCoder(stringUtf8Coder)), many(text)],
        [
          plain(shardedKeyCoder(stringUtf8Coder)),
          many(() => ({ key: text(), shardId: Uint8Array.of(random() * 256) })),
        ],
        [plain(dynamicCoder), many(() => ({ t: text(), n: whole32(), l: [random()] }))],
      ]
      for (const [coder, of] of each) {
        const { checked } = checkCoder(coder, of)
        claims.holds(checked.size >= 2, `laws of ${coder.urn} to be tried`)
      }
    },
  }),
  unitCase({
    id: 'COD-25',
    name: 'bytes that are cut off or damaged are an error or another value, at once',
    check(claims) {
      const random = seededRandom(25)
      const coders: readonly (readonly [Coder<unknown>, unknown])[] = [
        [stringUtf8Coder, 'héllo'],
        [plain(kvCoder(stringUtf8Coder, iterableCoder(varintCoder))), { key: 'k', value: [1, 300] }],
        [
          windowedValueCoder(stringUtf8Coder, intervals),
          { value: 'v', timestamp: 5, windows: [{ start: 0, end: 9 }], pane: noFiring },
        ],
        [plain(rowCoder(person)), { name: 'n', age: 1, address: null, tags: ['t'], marks: new Map() }],
        [dynamicCoder, { a: [1, 'x', new Map([[1n, new Date(0)]])] }],
      ]
      for (const [coder, value] of coders) {
        const bytes = encodeToBytes(coder, value, true)
        let accepted = 0
        for (let length = 0; length < bytes.length; length++) {
          if (!isRefused(() => decodeFromBytes(coder, bytes.slice(0, length), true))) accepted++
        }
        claims.same(accepted, 0, `cut-off bytes of ${coder.urn} that were accepted`)
        for (let trial = 0; trial < 200; trial++) {
          const damaged = Uint8Array.from(bytes)
          damaged[Math.floor(random() * damaged.length)] = Math.floor(random() * 256)
          isRefused(() => decodeFromBytes(coder, damaged, true))
        }
      }
      // Lengths that nothing accounts for: neither memory nor time.
      refused(claims, iterableCoder(globals), ['7fffffff'])
      refused(claims, bytesCoder, ['ffffffffffffffff7f'])
      refused(claims, iterableCoder(stringUtf8Coder), ['7fffffff', 'ffffffff ffffffff07'])
    },
  }),
  constructionCase({
    id: 'COD-27',
    name: 'one codec that is used twice stands in the graph once',
    check(claims) {
      const User = t.type({ name: t.string })
      const p = pipeline()
      const users = [{ name: 'ann' }]
      const a = p.create('a', users, { codec: User })
      const b = p.create('b', users, { codec: User })
      const { collections, coders } = p.build().graph.components
      const idOf = (id: string): string => collections.get(id)?.coderId ?? ''
      claims.same(idOf(a.id), idOf(b.id), 'coder')
      claims.same(
        [...coders.values()].filter(({ schema }) => schema?.fields.some(({ name }) => name === 'name')).length,
        1,
        'coders of users',
      )
    },
  }),
]

/** Whether a call fails with a DecodeError. @throws what else it fails with. */
function isRefused(call: () => unknown): boolean {
  try {
    call()
    return false
  } catch (error) {
    if (error instanceof DecodeError) return true
    throw error
  }
}

/** The cases. */
export const cases: readonly ConformanceCase[] = [...beam, ...rows, ...language]
