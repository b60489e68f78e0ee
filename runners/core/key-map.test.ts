import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  canonicalKey,
  type Coder,
  dynamicCoder,
  kvCoder,
  stringUtf8Coder,
  varintCoder,
} from '../../sdk/coders/index.js'
import { preview } from '../../sdk/preview.js'
import { KeyMap, representative } from './key-map.js'

/** `MILLRACE_SEED` repeats a failure. */
const seed = process.env['MILLRACE_SEED'] === undefined ? {} : { seed: Number(process.env['MILLRACE_SEED']) }

const keys: readonly unknown[] = [
  ...[0, -0, 1, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53],
  ...[0n, 1n, '', '0', '1', 'NaN', 'null', '__proto__', '\ufffd', true, false, null, undefined],
  ...[{}, { x: 1, y: -0 }, { y: 0, x: 1 }, { x: 1 }, [], [1], ['1'], [[1]], [1, undefined], { __proto__: null, x: 1 }],
  ...[new Date(0), new Date(1), new Uint8Array([1]), new Map([[1, 2]]), new Set([1])],
]

it('finds what was set exactly where the canonical bytes are equal', () => {
  for (const a of keys) {
    const map = new KeyMap<string>(dynamicCoder)
    map.set(a, 'found')
    for (const b of keys) {
      const isEqual = canonicalKey(a, dynamicCoder) === canonicalKey(b, dynamicCoder)
      expect(map.get(b), `${preview(a)} and ${preview(b)}`).toBe(isEqual ? 'found' : undefined)
    }
  }
})

it('finds what was set exactly where the canonical bytes are equal, for any two keys', () => {
  const key = fc.oneof(fc.constantFrom(...keys), fc.string({ unit: 'binary' }), fc.double(), fc.jsonValue())
  fc.assert(
    fc.property(key, key, (a, b) => {
      const map = new KeyMap<boolean>(dynamicCoder)
      map.set(a, true)
      expect(map.get(b) === true).toBe(canonicalKey(a, dynamicCoder) === canonicalKey(b, dynamicCoder))
    }),
    seed,
  )
})

it('a string that looks like an encoded key is not one', () => {
  const map = new KeyMap<string>(dynamicCoder)
  map.set({ x: 1 }, 'object')
  const disguised = canonicalKey({ x: 1 }, dynamicCoder)
  expect(map.get(disguised)).toBeUndefined()
  map.set(disguised, 'text')
  expect([map.size, map.get({ x: 1 }), map.get(disguised)]).toEqual([2, 'object', 'text'])
})

describe.each<[string, Coder<unknown>, readonly [unknown, unknown, unknown]]>([
  ['primitives under the default coder', dynamicCoder, ['a', 'b', 'c']],
  ['objects under the default coder', dynamicCoder, [{ k: 1 }, { k: 2 }, [3]]],
  ['both together', dynamicCoder, ['a', { k: 1 }, 2]],
  ['strings under a coder of their own', stringUtf8Coder, ['a', 'b', 'c']],
  ['numbers under a coder of their own', varintCoder, [1, 2, 3]],
])('%s', (_, coder, [a, b, c]) => {
  it('are set, replaced, counted, deleted and cleared', () => {
    const map = new KeyMap<string>(coder)
    map.set(a, 'one')
    map.set(b, 'two')
    map.set(a, 'three')
    expect([map.size, map.get(a), map.get(b), map.get(c)]).toEqual([2, 'three', 'two', undefined])
    expect([...map.values()].sort()).toEqual(['three', 'two'])
    expect([map.delete(a), map.delete(a), map.delete(c)]).toEqual([true, false, false])
    expect([map.size, map.get(a), [...map.values()]]).toEqual([1, undefined, ['two']])
    map.clear()
    expect([map.size, map.get(b), [...map.values()]]).toEqual([0, undefined, []])
  })
})

it('primitives are looked up as they are under the default coder only', () => {
  expect(KeyMap.primitivesAreIds(dynamicCoder)).toBe(true)
  expect(KeyMap.primitivesAreIds(stringUtf8Coder as Coder<unknown>)).toBe(false)
  const map = new KeyMap<string>(stringUtf8Coder)
  map.set('a', 'found')
  expect(map.primitives.size).toBe(0)
})

it('a representative is the key as its bytes give it back, and shares nothing with it', () => {
  const key = { x: [-0] }
  const copy = representative(key, dynamicCoder) as typeof key
  expect(copy).toEqual({ x: [0] })
  key.x.push(1)
  expect(copy).toEqual({ x: [0] })
  expect(representative(-0, dynamicCoder)).toBe(0)
  const pair = representative({ key: 'a', value: 1 }, kvCoder(stringUtf8Coder, varintCoder))
  expect(pair).toEqual({ key: 'a', value: 1 })
})

it.each([
  ['a function', () => 1],
  ['a symbol', Symbol('key')],
  ['a class instance', new (class Point {})()],
])('%s is no key', (_, key) => expect(() => representative(key, dynamicCoder)).toThrow())
