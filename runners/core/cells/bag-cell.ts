/** Bags: see {@link BagState}. */
import type { BagState } from '../../../sdk/state/state-cell.js'
import { UNSET } from '../state-internals.js'
import type { CellPlace, CellValues } from './cell-place.js'
import { append, first } from './items.js'

/** The bag of a call. */
export function bagCell(place: CellPlace, values: CellValues): BagState<unknown> {
  const give = (item: unknown): unknown => values.given(item)
  const none: readonly unknown[] = []
  return {
    add: (value) => {
      const record = place.recordOf()
      const item = values.taken(value)
      append(
        record,
        place.readOrMake<unknown[]>(record, () => []),
        item,
      )
    },
    read: () => {
      const record = place.recordOf()
      const held = place.read(record)
      const items = held === UNSET ? none : (held as readonly unknown[])
      const { length } = items
      return place.iterable(record, () => first(items, length, give))
    },
    isEmpty: () => place.isEmpty(),
    clear: () => place.clear(),
  }
}
