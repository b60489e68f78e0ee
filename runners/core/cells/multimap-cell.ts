/** Multimaps: see {@link MultimapState}. The values of a key are a list that only grows, as in a bag. */
import { canonicalKey } from '../../../sdk/coders/index.js'
import type { MultimapState } from '../../../sdk/state/state-cell.js'
import { UNSET } from '../state-internals.js'
import type { CellPlace, CellValues } from './cell-place.js'
import { Entries } from './entries.js'
import { append, first } from './items.js'

type Lists = Entries<unknown[]>

/** The multimap of a call. */
export function multimapCell(place: CellPlace, keys: CellValues, values: CellValues): MultimapState<unknown, unknown> {
  const none: readonly unknown[] = []
  const there = (): Lists | undefined => {
    const held = place.read(place.recordOf())
    return held === UNSET ? undefined : (held as Lists)
  }
  const giveKey = (key: unknown): unknown => keys.given(key)
  const giveValue = (value: unknown): unknown => values.given(value)
  return {
    put: (key, value) => {
      const record = place.recordOf()
      const [k, v] = [keys.taken(key), values.taken(value)]
      const held = place.read(record)
      const lists = held === UNSET ? new Entries<unknown[]>(keys.coder) : (held as Lists)
      const items = lists.get(k)
      if (items === undefined) lists.put(record, k, [v])
      else {
        append(record, items, v)
        if (record.isTracked) lists.note(record, k)
      }
      if (held === UNSET) place.write(record, lists)
    },
    get: (key) => {
      const record = place.recordOf()
      const items = there()?.get(key) ?? none
      const { length } = items
      return place.iterable(record, () => first(items, length, giveValue))
    },
    has: (key) => there()?.has(key) ?? false,
    hasEntry: (key, value) => {
      const items = there()?.get(key) ?? none
      const bytes = canonicalKey(value, values.coder)
      return items.some((item) => item === value || canonicalKey(item, values.coder) === bytes)
    },
    remove: (key) => {
      const lists = there()
      if (lists === undefined) return
      lists.remove(place.recordOf(), key)
      if (lists.size === 0) place.clear()
    },
    keys: () => {
      const record = place.recordOf()
      const entries = there()?.snapshot(record)
      return place.iterable(record, function* () {
        for (const { key } of entries?.() ?? []) yield giveKey(key)
      })
    },
    entries: () => {
      const record = place.recordOf()
      // A list goes on growing: how long it is now is part of what is there now.
      const lists = [...(there()?.snapshot(record)() ?? [])].map(({ key, value }) => ({
        key,
        value,
        length: value.length,
      }))
      return place.iterable(record, function* () {
        for (const { key, value, length } of lists) {
          for (const item of first(value, length, giveValue)) yield [giveKey(key), item] as const
        }
      })
    },
    isEmpty: () => place.isEmpty(),
    clear: () => place.clear(),
  }
}
