/** Maps: see {@link MapState}. */
import type { MapState } from '../../../sdk/state/state-cell.js'
import { UNSET } from '../state-internals.js'
import type { CellPlace, CellValues } from './cell-place.js'
import { Entries, type Entry } from './entries.js'

/** The map of a call. */
export function mapCell(place: CellPlace, keys: CellValues, values: CellValues): MapState<unknown, unknown> {
  const there = (): Entries<unknown> | undefined => {
    const held = place.read(place.recordOf())
    return held === UNSET ? undefined : (held as Entries<unknown>)
  }
  const put = (key: unknown, value: unknown): void => {
    const record = place.recordOf()
    const [k, v] = [keys.taken(key), values.taken(value)]
    const held = place.read(record)
    // A key that cannot be encoded must not leave an empty map.
    const map = held === UNSET ? new Entries<unknown>(keys.coder) : (held as Entries<unknown>)
    map.put(record, k, v)
    if (held === UNSET) place.write(record, map)
  }
  /** An iterable over what is there now. */
  const each = <T>(give: (entry: Entry<unknown>) => T): Iterable<T> => {
    const record = place.recordOf()
    const entries = there()?.snapshot(record)
    return place.iterable(record, function* () {
      for (const entry of entries?.() ?? []) yield give(entry)
    })
  }
  const get = (key: unknown): unknown => {
    const record = place.recordOf()
    const map = there()
    const value = map?.get(key)
    // An author may change in place what was read.
    if (typeof value === 'object' && record.isTracked && !values.copies) map?.note(record, key)
    return values.given(value)
  }
  return {
    put,
    get,
    putIfAbsent: (key, value) => {
      const before = get(key)
      if (there()?.has(key) !== true) put(key, value)
      return before
    },
    computeIfAbsent: (key, make) => {
      if (there()?.has(key) !== true) put(key, make(key))
      return get(key)
    },
    has: (key) => there()?.has(key) ?? false,
    remove: (key) => {
      const map = there()
      if (map === undefined) return
      map.remove(place.recordOf(), key)
      if (map.size === 0) place.clear()
    },
    keys: () => each(({ key }) => keys.given(key)),
    values: () => each(({ value }) => values.given(value)),
    entries: () => each(({ key, value }) => [keys.given(key), values.given(value)] as const),
    size: () => there()?.size ?? 0,
    isEmpty: () => place.isEmpty(),
    clear: () => place.clear(),
  }
}
