/**
 * The order in which keys answer when they answer together and something downstream can tell: another grouping, whose
 * triggers are asked key by key. Nothing in the model specifies it, so it is one that depends on the keys alone, not on which
 * of them came first: texts in the order of their characters, as Beam Java's tables have them for short ones, then all others.
 */
import { canonicalKey, type Coder } from '../../sdk/coders/index.js'

/** Items in the order of their keys; those of one key stay as they are. */
export function inKeyOrder<T>(items: readonly T[], keyOf: (item: T) => unknown, coder: Coder<unknown>): readonly T[] {
  if (items.length < 2) return items
  return items
    .map((item) => {
      const key = keyOf(item)
      const isText = typeof key === 'string'
      return { item, isText, text: isText ? key : canonicalKey(key, coder) }
    })
    .sort((a, b) => (a.isText !== b.isText ? (a.isText ? -1 : 1) : a.text < b.text ? -1 : a.text > b.text ? 1 : 0))
    .map(({ item }) => item)
}
