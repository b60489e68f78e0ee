/**
 * The key of an element, where a step needs one.
 */
import { coded } from '../../sdk/error-codes.js'
import type { KV } from '../../sdk/kv.js'

/** The key of a keyed element. @throws {TypeError} when it has none. */
export function keyOf(value: unknown): unknown {
  if (typeof value === 'object' && value !== null && 'key' in value && 'value' in value)
    return (value as KV<unknown, unknown>).key
  throw coded(
    'MR-1009',
    new TypeError('the element is not keyed: a keyed step needs { key, value }. Put keyBy(name, fn) before it.'),
  )
}
