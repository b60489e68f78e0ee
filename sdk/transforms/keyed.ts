/**
 * Small transforms over keyed collections, and toStrings: functions for `apply`, so that chaining stays short.
 */
import { coded } from '../error-codes.js'
import * as t from 'io-ts'
import type { Codec } from '../codec.js'
import { reservedName } from '../graph/builder.js'
import { type KV, kv } from '../kv.js'
import type { PCollection } from '../pcollection.js'
import { preview } from '../preview.js'
import { addCodedMap } from './element-wise.js'

/**
 * Exchanges key and value.
 *
 * @example
 * ```ts
 * import { kv, pipeline, swap } from 'millrace'
 * pipeline().create('ages', [kv('ann', 41)]).apply('by age', swap) // { key: 41, value: 'ann' }
 * ```
 */
export function swap<K, V>(input: PCollection<KV<K, V>>): PCollection<KV<V, K>> {
  const [keyCoder, valueCoder] = input.builder.keyedCoders(input)
  return input.derive(
    addCodedMap(
      input,
      reservedName('swap'),
      ({ key, value }: KV<K, V>) => kv(value, key),
      input.builder.coders.kv(valueCoder, keyCoder),
    ),
  )
}

/**
 * Gives every element the same key.
 *
 * @example
 * ```ts
 * import { pipeline, withKeys } from 'millrace'
 * pipeline().create('numbers', [1, 2]).apply('one group', withKeys('all')) // { key: 'all', value: 1 }, …
 * ```
 */
export function withKeys<K>(
  key: K,
  options: { readonly codec?: Codec } = {},
): <T>(input: PCollection<T>) => PCollection<KV<K, T>> {
  return (input) => input.keyBy('key', (): K => key, options)
}

/**
 * Text of each element: strings as they are, everything else as JSON, and what JSON cannot say as a preview.
 *
 * @example
 * ```ts
 * import { kv, pipeline, toStrings } from 'millrace'
 * pipeline().create('pairs', [kv('ann', 41)]).apply('as text', toStrings) // '{"key":"ann","value":41}'
 * ```
 */
export function toStrings(input: PCollection<unknown>): PCollection<string> {
  const { coders } = input.builder
  const text = coders.codec(input.builder.pathOf(reservedName('text')), 0, t.string)
  return input.derive(addCodedMap(input, reservedName('text'), textOf, text))
}

/** Refuses what JSON would silently write as something else. */
export function refusingLoss(_key: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value))
    throw coded('MR-4016', new RangeError('JSON has finite numbers only'))
  if (value instanceof Map || value instanceof Set) throw coded('MR-4016', new TypeError('JSON has no maps and sets'))
  return value
}

/** Text of a value for people and files. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  try {
    return JSON.stringify(value, refusingLoss) ?? preview(value)
  } catch {
    return preview(value)
  }
}
