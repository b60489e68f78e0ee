/**
 * KV is a key with a value: `{ key, value }`, named at the place of use, one object shape for the whole engine.
 * Law: two KVs belong together exactly when the canonical bytes of their keys are equal (see `coders/`).
 */

/** A keyed element. */
export interface KV<K, V> {
  readonly key: K
  readonly value: V
}

/**
 * Makes a KV.
 *
 * @example
 * ```ts
 * import { kv } from 'millrace'
 * kv('moby', 1) // => { key: 'moby', value: 1 }
 * ```
 */
export function kv<K, V>(key: K, value: V): KV<K, V> {
  return { key, value }
}
