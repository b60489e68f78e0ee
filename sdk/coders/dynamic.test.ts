import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DecodeError } from '../errors.js'
import { ByteWriter, decodeFromBytes, dynamicCoder, encodeToBytes } from './index.js'

const seed = process.env['MILLRACE_SEED'] === undefined ? {} : { seed: Number(process.env['MILLRACE_SEED']) }
const hex = (value: unknown): string => Buffer.from(encodeToBytes(dynamicCoder, value)).toString('hex')
const decodeHex = (text: string): unknown => decodeFromBytes(dynamicCoder, new Uint8Array(Buffer.from(text, 'hex')))
const roundTrip = (value: unknown): unknown => decodeFromBytes(dynamicCoder, encodeToBytes(dynamicCoder, value))
const utf8Hex = (text: string): string => Buffer.from(text).toString('hex')

/** Pinned: stored state and other workers depend on them. A change here is a new URN. */
const pinned: readonly (readonly [string, unknown, string])[] = [
  ['undefined', undefined, '00'],
  ['null', null, '01'],
  ['false', false, '02'],
  ['true', true, '03'],
  ['0', 0, '0400'],
  ['300', 300, '04ac02'],
  ['2^53 − 1', Number.MAX_SAFE_INTEGER, '04ffffffffffffff0f'],
  ['−1', -1, '0500'],
  ['−(2^53 − 1)', Number.MIN_SAFE_INTEGER, '05feffffffffffff0f'],
  ['0.5', 0.5, '063fe0000000000000'],
  ['2^53', 2 ** 53, '064340000000000000'],
  ['NaN', NaN, '067ff8000000000000'],
  ['−∞', -Infinity, '06fff0000000000000'],
  ['5e-324', 5e-324, '060000000000000001'],
  ['0n', 0n, '0700'],
  ['1n', 1n, '070101'],
  ['255n', 255n, '0701ff'],
  ['256n', 256n, '07020100'],
  ['−1n', -1n, '0800'],
  ['−257n', -257n, '08020100'],
  ['10^30', 10n ** 30n, '070d0c9f2c9cd04674edea40000000'],
  ["''", '', '0900'],
  ["'hé'", 'hé', '090368c3a9'],
  ['bytes', Uint8Array.of(1, 255), '0a0201ff'],
  ['an ArrayBuffer', Uint8Array.of(1).buffer, '0b000101'],
  ['Int8Array', Int8Array.of(-1), '0b0101ff'],
  ['Uint8ClampedArray', Uint8ClampedArray.of(7), '0b020107'],
  ['Int16Array', Int16Array.of(-2, 258), '0b0304fffe0102'],
  ['Uint16Array', Uint16Array.of(65535), '0b0402ffff'],
  ['Int32Array', Int32Array.of(-2), '0b0504fffffffe'],
  ['Uint32Array', Uint32Array.of(4294967295), '0b0604ffffffff'],
  ['Float32Array', Float32Array.of(1.5), '0b07043fc00000'],
  ['Float64Array', Float64Array.of(1), '0b08083ff0000000000000'],
  ['BigInt64Array', BigInt64Array.of(-2n), '0b0908fffffffffffffffe'],
  ['BigUint64Array', BigUint64Array.of(2n ** 64n - 1n), '0b0a08ffffffffffffffff'],
  ['a Date', new Date(1), '0c3ff0000000000000'],
  ['an invalid Date', new Date(NaN), '0c7ff8000000000000'],
  ['an array', [1, [], 'a'], '0d0304010d00090161'],
  ['an object', { b: 1, a: undefined }, '0e02016100016204' + '01'],
  ['a Map', new Map([['b', 1]]), '0f010901620401'],
  ['a Set', new Set([2, 1]), '100204010402'],
]

describe('each kind of value', () => {
  test.each(pinned)('%s has its pinned bytes and comes back', (_, value, expected) => {
    expect(hex(value)).toBe(expected)
    expect(roundTrip(value)).toStrictEqual(value)
  })

  test('all of them survive nested in each other (COD-21)', () => {
    const value = {
      json: [null, true, 'text', 1.5, { deep: [[[]]] }],
      maps: new Map<unknown, unknown>([[{ k: 1 }, new Set([1n, new Date(0)])]]),
      big: [2n ** 64n, -(2n ** 64n), 0n],
      binary: [new Uint8Array(0), Float32Array.of(NaN, Infinity), new ArrayBuffer(3)],
      empty: [{}, [], '', new Map(), new Set(), undefined],
    }
    expect(roundTrip(value)).toStrictEqual(value)
  })
})

describe('values that are one', () => {
  test('−0 is 0, also inside containers, Dates and typed arrays', () => {
    expect(hex(-0)).toBe(hex(0))
    expect(Object.is(roundTrip(-0), 0)).toBe(true)
    expect(hex([{ a: -0 }])).toBe(hex([{ a: 0 }]))
    expect(hex(new Map([[-0, -0]]))).toBe(hex(new Map([[0, 0]])))
    expect(hex(Float64Array.of(-0))).toBe(hex(Float64Array.of(0)))
    expect(hex(Float32Array.of(-0))).toBe(hex(Float32Array.of(0)))
    expect(hex(new Date(-0))).toBe(hex(new Date(0)))
  })

  test('there is one NaN, whatever its bits', () => {
    const odd = new Float64Array(new BigUint64Array([0x7ff0_0000_0000_0001n]).buffer)
    const odd32 = new Float32Array(new Uint32Array([0x7f80_0001]).buffer)
    expect(hex(odd[0])).toBe(hex(NaN))
    expect(hex(odd)).toBe(hex(Float64Array.of(NaN)))
    expect(hex(odd32)).toBe(hex(Float32Array.of(NaN)))
  })

  test('1 000 random permutations of fields, entries and members have equal bytes (COD-23)', () => {
    const fields = [
      'a',
      'b',
      'aa',
      '',
      '10',
      '9',
      'Z',
      'é',
      '\u{1f600}',
      '\uffff',
      '\ue000',
      '__proto__',
      'constructor',
      'x y',
    ]
    const build = (order: readonly string[], depth: number): unknown => {
      const value: Record<string, unknown> = {}
      for (const name of order) {
        Object.defineProperty(value, name, { value: depth === 0 ? name : build(order, depth - 1), enumerable: true })
      }
      return depth === 0 ? value : [value, new Map(order.map((name) => [name, 1])), new Set(order)]
    }
    const expected = hex(build(fields, 1))
    fc.assert(
      fc.property(fc.shuffledSubarray(fields, { minLength: fields.length }), (order) => {
        expect(hex(build(order, 1))).toBe(expected)
      }),
      { ...seed, numRuns: 1000 },
    )
  })

  test('fields are in the order of their UTF-8 bytes, which is not that of UTF-16', () => {
    const names = ['\u{1f600}', '\uffff', 'z', 'é', '']
    const expected = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    expect(expected.at(-1)).toBe('\u{1f600}')
    const fieldHex = expected.map(
      (name) => `${(utf8Hex(name).length / 2).toString(16).padStart(2, '0')}${utf8Hex(name)}03`,
    )
    // Twice and thrice: the second and third time the order comes from the memo.
    for (let i = 0; i < 3; i++)
      expect(hex(Object.fromEntries(names.map((name) => [name, true])))).toBe(`0e05${fieldHex.join('')}`)
  })

  test('Maps and Sets decode in canonical order', () => {
    expect([...(roundTrip(new Set(['b', 'a'])) as Set<string>)]).toEqual(['a', 'b'])
    expect([
      ...(
        roundTrip(
          new Map([
            [2, 'x'],
            [1, 'y'],
          ]),
        ) as Map<number, string>
      ).keys(),
    ]).toEqual([1, 2])
  })
})

describe('values that differ', () => {
  test('by type, by a missing field, by kind of binary', () => {
    // prettier-ignore
    const values = [
      1, 1n, '1', true, [1], { 0: 1 }, new Set([1]), new Map([[0, 1]]), Uint8Array.of(1), Int8Array.of(1),
      Uint8ClampedArray.of(1), Uint8Array.of(1).buffer, new Date(1), 0, false, null, undefined, '', 0n, [], {},
      { a: undefined }, { a: null }, [undefined], [null], new Map(), new Set(), NaN, 'NaN', new Date(NaN), '\u0000', 'é', 'e\u0301',
    ]
    expect(new Set(values.map(hex)).size).toBe(values.length)
  })
})

describe('objects', () => {
  test('with own fields named like members of Object.prototype keep them and touch no prototype', () => {
    const hostile = JSON.parse(
      '{"__proto__":{"polluted":1},"constructor":2,"toString":3,"hasOwnProperty":4,"valueOf":null}',
    )
    const back = roundTrip(hostile) as Record<string, unknown>
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype)
    expect(Object.getOwnPropertyDescriptor(back, '__proto__')).toEqual({
      value: { polluted: 1 },
      writable: true,
      enumerable: true,
      configurable: true,
    })
    expect(Object.keys(back).sort()).toEqual(Object.keys(hostile).sort())
    expect(back['toString']).toBe(3)
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
    expect(hex(back)).toBe(hex(hostile))
    // An object and a number as the value of __proto__ would behave differently under assignment.
    expect(hex(roundTrip(JSON.parse('{"__proto__":7}')))).toBe(hex(JSON.parse('{"__proto__":7}')))
  })

  test('without prototype come back as plain objects', () => {
    const bare = Object.assign(Object.create(null), { a: 1, constructor: 2 }) as object
    expect(hex(bare)).toBe(hex({ a: 1, constructor: 2 }))
    expect(roundTrip(bare)).toStrictEqual({ a: 1, constructor: 2 })
  })

  test('of another realm are what they are there', () => {
    const foreign: unknown = runInNewContext(
      '({ a: [1], d: new Date(5), m: new Map([[1, 2]]), s: new Set([3]), b: new Uint8Array([4]), f: new Float64Array([6]), u: new ArrayBuffer(2) })',
    )
    const local = {
      a: [1],
      d: new Date(5),
      m: new Map([[1, 2]]),
      s: new Set([3]),
      b: Uint8Array.of(4),
      f: Float64Array.of(6),
      u: new ArrayBuffer(2),
    }
    expect(hex(foreign)).toBe(hex(local))
    expect(() => hex(runInNewContext('new (class Money {})()'))).toThrow('Money')
  })

  test('a Buffer and a view into a larger buffer are the bytes they show', () => {
    expect(hex(Buffer.from('abc'))).toBe(hex(new TextEncoder().encode('abc')))
    expect(roundTrip(Buffer.from('abc'))).toStrictEqual(new TextEncoder().encode('abc'))
    expect(hex(new Float64Array([1, 2, 3]).subarray(1, 2))).toBe(hex(Float64Array.of(2)))
  })

  test('decoded bytes are a copy of their own', () => {
    const bytes = encodeToBytes(dynamicCoder, Uint8Array.of(1, 2))
    const back = decodeFromBytes(dynamicCoder, bytes) as Uint8Array
    bytes.fill(0)
    expect(back).toEqual(Uint8Array.of(1, 2))
  })

  test('used as dictionaries with ever new names are encoded right while the memo of field orders is replaced', () => {
    for (let i = 0; i < 2000; i++) {
      const value = { [`n${i % 700}`]: i, a: 1, [`m${i % 31}`]: 2 }
      expect(roundTrip(value)).toStrictEqual(value)
    }
  })
})

describe('refused values are named with their path and the way out', () => {
  class Money {
    cents = 1
  }
  class MyMap extends Map {}
  class MyDate extends Date {}
  const unnamed = new (class {})()
  const self: Record<string, unknown> = {}
  self['self'] = self
  const ring: { list: unknown[] } = { list: [] }
  ring.list.push({ b: new Map([['k', ring.list]]) })

  const table: readonly (readonly [string, unknown, string])[] = [
    [
      'an instance of a class',
      { a: [0, 1, 2, { b: new Money() }] },
      '$.a[3].b: an instance of Money has no default encoding: give the step a codec',
    ],
    ['an instance that extends a built-in', [new MyMap()], '$[0]: an instance of MyMap'],
    ['an instance that extends Date', new MyDate(), '$: an instance of MyDate'],
    ['an instance of an unnamed class', unnamed, '$: an instance of an unnamed class'],
    ['an object with a prototype of its own', Object.create({ a: 1 }), '$: an instance of Object'],
    [
      'an object with an empty prototype of its own',
      Object.create(Object.create(null)),
      '$: an instance of an unnamed class',
    ],
    ['an Error', { e: new TypeError('x') }, '$.e: an instance of TypeError'],
    ['a RegExp', /x/, '$: an instance of RegExp'],
    ['a WeakMap', new WeakMap(), '$: an instance of WeakMap'],
    ['a DataView', new DataView(new ArrayBuffer(1)), '$: an instance of DataView'],
    ['a boxed number', [Object(1)], '$[0]: an instance of Number'],
    ['a URL', new URL('http://localhost'), '$: an instance of URL'],
    ['a Promise', { later: Promise.resolve(1) }, '$.later: a Promise is not data: await it first'],
    ['a function', { f: function twice() {} }, '$.f: a function (twice) is not data'],
    ['a class', [Money], '$[0]: a function (Money) is not data'],
    ['a symbol', { s: Symbol('x') }, '$.s: Symbol(x) is not data'],
    // prettier-ignore
    ['a hole', { list: [1, , 3] }, '$.list[1]: a hole in the array'],
    ['a sparse array of 4 billion', Object.assign([], { length: 4294967295 }), '$[0]: a hole in the array'],
    ['a lone surrogate', { user: { name: 'abc\ud800' } }, '$.user.name: lone surrogate at index 3'],
    ['a lone surrogate in a long string', [`${'x'.repeat(500)}\udc00`], '$[0]: lone surrogate at index 500'],
    [
      'a lone surrogate in a field name',
      { a: { '\ud800': 1 } },
      '$.a: field name "\\ud800": lone surrogate at index 0',
    ],
    ['a field with a name that is no identifier', { 'first name': { '1': Money } }, '$["first name"]["1"]: a function'],
    [
      'a key of a Map',
      new Map<unknown, unknown>([
        [1, 1],
        [new Money(), 1],
      ]),
      '$(key 1): an instance of Money',
    ],
    ['a value of a Map', new Map<unknown, unknown>([[1, new Money()]]), '$(value 0): an instance of Money'],
    ['a member of a Set', { tags: new Set(['a', Symbol.iterator]) }, '$.tags(member 1): Symbol(Symbol.iterator)'],
    ['an object in itself', self, '$.self: cyclic: this is $ again'],
    ['a cycle through array and Map', { ring }, '$.ring.list[0].b(value 0): cyclic: this is $.ring.list again'],
  ]
  test.each(table)('%s', (_, value, message) => {
    expect(() => hex(value)).toThrow(DecodeError)
    expect(() => hex(value)).toThrow(message)
  })

  test('the same object twice is no cycle', () => {
    const shared = { a: 1 }
    expect(roundTrip([shared, shared, { shared }])).toStrictEqual([shared, shared, { shared }])
    expect(() => hex([shared, shared, new Money()])).toThrow('$[2]: an instance of Money')
  })

  test('leave nothing in the writer, so that the next value can follow', () => {
    const out = new ByteWriter()
    out.byte(1)
    expect(() => dynamicCoder.encode(['written', new Money()], out, true)).toThrow(DecodeError)
    expect(out.take()).toEqual(Uint8Array.of(1))
  })

  test('an error of user code passes unchanged', () => {
    const failing = {
      get boom(): never {
        throw new RangeError('mine')
      },
    }
    expect(() => hex(failing)).toThrow(new RangeError('mine'))
  })
})

describe('deep nesting', () => {
  function nested(levels: number, wrap: (inner: unknown) => unknown): unknown {
    let value: unknown = 0
    for (let i = 0; i < levels; i++) value = wrap(value)
    return value
  }
  const wraps: readonly (readonly [string, (inner: unknown) => unknown, string])[] = [
    ['arrays', (inner) => [inner], '0d01'],
    ['objects', (next) => ({ next }), '0e01046e657874'],
    ['Maps', (inner) => new Map([[0, inner]]), '0f010400'],
    ['Map keys', (inner) => new Map([[inner, 0]]), '0f01'],
    ['Sets', (inner) => new Set([inner]), '1001'],
  ]
  test.each(wraps)(
    '500 levels of %s pass, one more and 100 000 are refused, in both directions',
    (_, wrap, opening) => {
      const deepest = nested(500, wrap)
      expect(hex(roundTrip(deepest))).toBe(hex(deepest))
      for (const levels of [501, 100_000]) {
        expect(() => hex(nested(levels, wrap))).toThrow('nested more than 500 levels deep')
        const bytes = opening.repeat(levels) + '0400'.repeat(opening === '0f01' ? levels + 1 : 1)
        expect(() => decodeHex(bytes)).toThrow('nested more than 500 levels deep')
      }
    },
  )

  test('a leaf object may lie in the deepest container', () => {
    const value = nested(499, (inner) => [inner, new Date(0), Uint8Array.of(1), Int8Array.of(1)])
    expect(hex(roundTrip([value]))).toBe(hex([value]))
  })
})

describe('bytes that are no canonical encoding are refused', () => {
  const bad: readonly (readonly [string, string])[] = [
    ['nothing', ''],
    ['an unknown tag', '11'],
    ['a trailing byte', '0000'],
    ['a longer varint than needed', '048000'],
    ['a length that is longer than needed', '09810061'],
    ['a safe integer as a double', '063ff0000000000000'],
    ['−0', '068000000000000000'],
    ['another NaN', '067ff8000000000001'],
    ['a negative NaN', '06fff8000000000000'],
    ['an integer beyond 2^53 − 1', '048080808080808010'],
    ['a negative varint as an integer', '04ffffffffffffffffff01'],
    ['an integer below −(2^53 − 1)', '05ffffffffffffff0f'],
    ['a bigint with leading zeros', '07020001'],
    ['a Date of half a millisecond', '0c3fe0000000000000'],
    ['a Date beyond the end of Dates', '0c7fefffffffffffff'],
    ['a Date of −0', '0c8000000000000000'],
    ['fields out of order', '0e02016203016103'],
    ['a field twice', '0e02016103016103'],
    ['Map entries out of order', '0f02040203040103'],
    ['a Map key twice', '0f02040101040103'],
    ['Set members out of order', '100204020401'],
    ['a Set member twice', '100204010401'],
    ['a Float64Array of seven bytes', '0b080700000000000000'],
    ['a Float64Array with another NaN', '0b08087ff8000000000001'],
    ['a Float64Array with −0', '0b08088000000000000000'],
    ['a Float32Array with another NaN', '0b07047fc00001'],
    ['a Float32Array with −0', '0b070480000000'],
    ['a Float64Array of one byte, inside an array', '0d020b080100'],
    ['an unknown kind of typed array', '0b0b00'],
    ['a string that is not UTF-8', '0902c328'],
  ]
  test.each(bad)('%s', (_, bytes) => {
    expect(() => decodeHex(bytes)).toThrow(DecodeError)
  })

  test('also after the memo of field orders has come to expect other fields', () => {
    const usual = { a: true, c: true, e: true }
    for (let i = 0; i < 4; i++) expect(roundTrip(usual)).toStrictEqual(usual)
    for (const other of [
      { a: true, c: true, d: 1 },
      { a: true, c: true, f: 1 },
      { a: 1, b: 2, c: 3 },
      { a: [usual] },
    ]) {
      expect(roundTrip(other)).toStrictEqual(other)
    }
    const [count, a, c] = ['0e03', '016103', '016303']
    for (const bad of [count + a + c + a, count + a + c + c, count + a + c + '016203', count + a + c, count + a]) {
      expect(() => decodeHex(bad), bad).toThrow(DecodeError)
    }
  })

  test('a lie about a length or count costs nothing', () => {
    const huge = ['ffffffff7f', 'ffffffffffffff0f', 'ffffffffffffffffff01', '8080808010']
    for (const tag of ['07', '09', '0a', '0b00', '0b08', '0d', '0e', '0f', '10']) {
      for (const length of huge) {
        const before = performance.now()
        expect(() => decodeHex(tag + length + '04'.repeat(20))).toThrow(DecodeError)
        expect(performance.now() - before).toBeLessThan(500)
      }
    }
  })
})
