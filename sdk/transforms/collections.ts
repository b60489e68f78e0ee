/**
 * Combiners that keep values: lists, sets, maps, the first n in an order; and two questions about all values.
 *
 * Law: the result depends on the values alone, not on how they were bracketed; the order of a list is open.
 */
import type { Ord } from 'fp-ts/lib/Ord.js'
import type { Semigroup } from 'fp-ts/lib/Semigroup.js'
import * as t from 'io-ts'
import { normalizeKey } from '../coders/index.js'
import { canonicalKey, identityKey } from '../coders/canonical-key.js'
import { dynamicCoder } from '../coders/dynamic.js'
import { DecodeError } from '../errors.js'
import type { CoderTable } from '../graph/coder-table.js'
import { refuseUnknownOptions, refuseUnknownValue } from '../known-options.js'
import type { KV } from '../kv.js'
import { preview } from '../preview.js'
import { refuse } from '../refuse.js'
import { type CombineFn, type MonoidCombine, type PartCoders, partCoders, type SemigroupCombine } from './combine.js'
import { firstValues } from './first-values.js'

/** Accumulators and outputs are lists of values, encoded as the values are. */
export const listsOfValues: { readonly [partCoders]: (coders: CoderTable, value: string) => PartCoders } = {
  [partCoders]: (coders, value) => ({ accumulator: coders.iterable(value), output: coders.iterable(value) }),
}

/** How values are put in order: an fp-ts `Ord`, or a function whose result is negative when `a` comes before `b`. */
export type Order<T> = Pick<Ord<T>, 'compare'> | ((a: T, b: T) => number)

/** Options of {@link top}. */
export interface TopOptions<T> {
  /** The order. Default: that of numbers. */
  readonly by: Order<T>
  /** Which end of the order is kept. Default: `'largest'`. */
  readonly keep?: 'largest' | 'smallest'
}

/** `compare` of an order. */
export function compareBy<T>(by: Order<T>): (a: T, b: T) => number {
  return typeof by === 'function' ? by : (a, b) => by.compare(a, b)
}

/**
 * The `n` largest values, the largest first; all of them when there are fewer. Of values that are equal in the order but
 * differ, those with the smaller encoding come first, so that the result does not depend on the order of arrival.
 *
 * Keeps at most 2n values, and compares each about log n times.
 *
 * @throws {PipelineError} when `n` is no whole number from 1, or an option is wrong.
 * @example
 * ```ts
 * import { pipeline, top } from 'millrace'
 * pipeline().create('numbers', [3, 9, 4]).combineGlobally('two', top(2)) // one element: [9, 4]
 * ```
 */
export function top(
  n: number,
  options?: { readonly keep?: 'largest' | 'smallest' },
): CombineFn<number, readonly number[], readonly number[]>
export function top<T>(n: number, options: TopOptions<T>): CombineFn<T, readonly T[], readonly T[]>
export function top<T>(n: number, options: Partial<TopOptions<T>> = {}): CombineFn<T, readonly T[], readonly T[]> {
  if (!Number.isSafeInteger(n) || n < 1)
    refuse('MR-1002', `top keeps a whole number of values from 1, but n is ${String(n)}.`)
  refuseUnknownOptions('top', options, { by: true, keep: true })
  const { by = (a: T, b: T) => Number(a) - Number(b), keep = 'largest' } = options
  refuseUnknownValue('keep of top', keep, ['largest', 'smallest'])
  const inOrder = compareBy(by)
  const sign = keep === 'largest' ? -1 : 1
  const compare = (a: T, b: T): number => sign * inOrder(a, b) || compareEncodings(a, b)
  const { add, cut } = firstValues(n, compare)
  return {
    createAccumulator: () => [],
    addInput: (kept, value) => add(kept as T[], value),
    mergeAccumulators: (a, b) => b.reduce(add, a as T[]),
    extractOutput: cut,
    compact: cut,
    ...listsOfValues,
  }
}

/** Order of the encodings of values that are equal in the order asked for. */
function compareEncodings(a: unknown, b: unknown): number {
  if (a === b) return 0
  const [first, second] = [canonicalKey(a, dynamicCoder), canonicalKey(b, dynamicCoder)]
  return first < second ? -1 : first > second ? 1 : 0
}

/**
 * All values, in any order.
 *
 * @example
 * ```ts
 * import { pipeline, toList } from 'millrace'
 * pipeline().create('numbers', [1, 1]).combineGlobally('all', toList<number>()) // one element: [1, 1]
 * ```
 */
export function toList<T>(): CombineFn<T, T[], readonly T[]> {
  return {
    createAccumulator: () => [],
    addInput: (list, value) => {
      list.push(value)
      return list
    },
    mergeAccumulators: (a, b) => {
      for (const value of b) a.push(value)
      return a
    },
    // A copy: the accumulator may grow after it has answered.
    extractOutput: (list) => list.slice(),
    ...listsOfValues,
  }
}

/** Values by what makes them equal as keys. */
type ByIdentity<V> = Map<unknown, V>

/** Describes accumulators that are Maps by identity: on the wire they are the values alone. */
function byIdentity<V>(name: string, identity: (value: V) => unknown): t.Type<ByIdentity<V>, readonly V[]> {
  return new t.Type<ByIdentity<V>, readonly V[]>(
    name,
    (u): u is ByIdentity<V> => u instanceof Map,
    (u, context) =>
      Array.isArray(u)
        ? t.success(new Map((u as readonly V[]).map((value) => [identity(value), value])))
        : t.failure(u, context),
    (values) => [...values.values()],
  )
}

const setAccumulator = byIdentity<unknown>('values of a set', identityKey)

/**
 * The distinct values. Equality is that of keys: two objects with equal fields are one value.
 *
 * @example
 * ```ts
 * import { pipeline, toSet } from 'millrace'
 * pipeline().create('numbers', [1, 1]).combineGlobally('which', toSet<number>()) // one element: Set { 1 }
 * ```
 */
export function toSet<T>(): CombineFn<T, ReadonlyMap<unknown, T>, ReadonlySet<T>> {
  const add = (values: ReadonlyMap<unknown, T>, value: T): ReadonlyMap<unknown, T> => {
    const key = identityKey(value)
    if (!values.has(key)) (values as Map<unknown, T>).set(key, normalizeKey(value) as T)
    return values
  }
  return {
    createAccumulator: () => new Map(),
    addInput: add,
    mergeAccumulators: (a, b) => [...b.values()].reduce(add, a),
    extractOutput: (values) => new Set(values.values()),
    accumulator: setAccumulator,
  }
}

/** Options of {@link toMap}. */
export interface ToMapOptions<V> {
  /** One value of two that a key has. Default: two different values of a key are an error. */
  readonly merge?: Semigroup<V>
}

const mapAccumulator = byIdentity<KV<unknown, unknown>>('entries of a map', ({ key }) => identityKey(key))

/**
 * Keyed values as one Map.
 *
 * @throws {DecodeError} while it runs, when a key has two values that differ and no `merge` is given.
 * @example
 * ```ts
 * import { kv, pipeline, toMap } from 'millrace'
 * pipeline().create('ages', [kv('ann', 41)]).combineGlobally('by name', toMap<string, number>()) // Map { 'ann' => 41 }
 * ```
 */
export function toMap<K, V>(
  options: ToMapOptions<V> = {},
): CombineFn<KV<K, V>, ReadonlyMap<unknown, KV<K, V>>, ReadonlyMap<K, V>> {
  refuseUnknownOptions('toMap', options, { merge: true })
  const concat =
    options.merge?.concat ??
    ((a: V, b: V, key?: K): V => {
      if (compareEncodings(a, b) === 0) return a
      throw new DecodeError(
        'MR-4017',
        `toMap has two values for key ${preview(key)}: ${preview(a)} and ${preview(b)}. Give toMap({ merge }) to make one of them.`,
      )
    })
  type Entries = ReadonlyMap<unknown, KV<K, V>>
  const add = (entries: Entries, { key, value }: KV<K, V>): Entries => {
    const identity = identityKey(key)
    const known = entries.get(identity)
    const merged = known === undefined ? value : (concat as (a: V, b: V, key: K) => V)(known.value, value, key)
    ;(entries as Map<unknown, KV<K, V>>).set(identity, { key: normalizeKey(key) as K, value: merged })
    return entries
  }
  return {
    createAccumulator: () => new Map(),
    addInput: add,
    mergeAccumulators: (a, b) => [...b.values()].reduce(add, a),
    extractOutput: (entries) => new Map([...entries.values()].map(({ key, value }) => [key, value])),
    accumulator: mapAccumulator,
  }
}

/**
 * Whether the predicate holds for any value; `false` for none.
 *
 * @example
 * ```ts
 * import { any, pipeline } from 'millrace'
 * pipeline().create('numbers', [1, 2]).combineGlobally('one even', any((n: number) => n % 2 === 0)) // true
 * ```
 */
export function any<T>(predicate: (value: T) => boolean): MonoidCombine<T, boolean> {
  return { of: predicate, monoid: { empty: false, concat: (a, b) => a || b }, codec: t.boolean }
}

/**
 * Whether the predicate holds for every value; `true` for none.
 *
 * @example
 * ```ts
 * import { every, pipeline } from 'millrace'
 * pipeline().create('numbers', [1, 2]).combineGlobally('all even', every((n: number) => n % 2 === 0)) // false
 * ```
 */
export function every<T>(predicate: (value: T) => boolean): MonoidCombine<T, boolean> {
  return { of: predicate, monoid: { empty: true, concat: (a, b) => a && b }, codec: t.boolean }
}

/**
 * Reduces values by a function of two, which must not mind order and bracketing. One value is itself; none gives no result.
 *
 * @example
 * ```ts
 * import { pipeline, reducing } from 'millrace'
 * pipeline().create('numbers', [3, 4]).combineGlobally('product', reducing((a: number, b: number) => a * b)) // 12
 * ```
 */
export function reducing<T>(combine: (a: T, b: T) => T): SemigroupCombine<T, T> {
  return { of: (value) => value, semigroup: { concat: combine }, selects: true }
}
