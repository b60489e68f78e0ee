/**
 * A list that only grows, for bags and the values of a multimap's key. What was there at a moment is its first so many
 * items: to remember it costs nothing.
 */
import type { StateRecord } from '../state-internals.js'

/** Adds an item, for as long as the call is not taken back. */
export function append(record: StateRecord, items: unknown[], item: unknown): void {
  record.note()
  items.push(item)
  // Steps are taken back in reverse, so the item is the last one again.
  if (record.isInCall) record.onRollBack(() => void items.pop())
}

/** The first items of a list, each as `give` returns it. */
export function* first<T>(items: readonly unknown[], count: number, give: (item: unknown) => T): IterableIterator<T> {
  for (let i = 0; i < count; i++) yield give(items[i])
}
