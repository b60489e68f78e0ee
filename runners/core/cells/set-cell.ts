/** Sets: see {@link SetState}. */
import type { SetState } from '../../../sdk/state/state-cell.js'
import { UNSET } from '../state-internals.js'
import type { CellPlace, CellValues } from './cell-place.js'
import { Entries, type Entry } from './entries.js'

/** The set of a call. */
export function setCell(place: CellPlace, values: CellValues): SetState<unknown> {
  const make = (): Entries<true> => new Entries(values.coder)
  const there = (): Entries<true> | undefined => {
    const held = place.read(place.recordOf())
    return held === UNSET ? undefined : (held as Entries<true>)
  }
  const add = (value: unknown): boolean => {
    const record = place.recordOf()
    const item = values.taken(value)
    const held = place.read(record)
    if (held !== UNSET && (held as Entries<true>).has(item)) return false
    // A value that cannot be encoded must not leave an empty set.
    const set = held === UNSET ? make() : (held as Entries<true>)
    set.put(record, item, true)
    if (held === UNSET) place.write(record, set)
    return true
  }
  return {
    add: (value) => void add(value),
    addIfAbsent: add,
    has: (value) => there()?.has(value) ?? false,
    remove: (value) => {
      const set = there()
      if (set === undefined) return
      set.remove(place.recordOf(), value)
      if (set.size === 0) place.clear()
    },
    read: () => {
      const record = place.recordOf()
      const entries = there()?.snapshot(record) ?? none
      return place.iterable(record, () => valuesOf(entries(), values))
    },
    size: () => there()?.size ?? 0,
    isEmpty: () => place.isEmpty(),
    clear: () => place.clear(),
  }
}

function* valuesOf(entries: Iterable<Entry<true>>, values: CellValues): IterableIterator<unknown> {
  for (const { key } of entries) yield values.given(key)
}

function none(): IterableIterator<never> {
  return [][Symbol.iterator]()
}
