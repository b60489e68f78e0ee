/** Lists by event time: see {@link OrderedListState}. */
import type { OrderedListState, TimestampedValue } from '../../../sdk/state/state-cell.js'
import { toTimestamp } from '../../../sdk/time.js'
import { UNSET } from '../state-internals.js'
import type { CellPlace, CellValues } from './cell-place.js'
import { SortedItems } from './sorted-items.js'

/** The ordered list of a call. */
export function orderedListCell(place: CellPlace, values: CellValues): OrderedListState<unknown> {
  const between = (from: number, to: number): Iterable<TimestampedValue<unknown>> => {
    const record = place.recordOf()
    const held = place.read(record)
    const items = held === UNSET ? undefined : (held as SortedItems).range(from, to)
    return place.iterable(record, function* () {
      for (const { timestamp, value } of items?.() ?? []) yield { timestamp, value: values.given(value) }
    })
  }
  return {
    add: (at, value) => {
      const record = place.recordOf()
      const [timestamp, item] = [toTimestamp(at), values.taken(value)]
      place.readOrMake(record, () => new SortedItems()).add(record, timestamp, item)
    },
    read: () => between(-Infinity, Infinity),
    range: (from, to) => between(toTimestamp(from), toTimestamp(to)),
    clearRange: (from, to) => {
      const record = place.recordOf()
      const [start, end] = [toTimestamp(from), toTimestamp(to)]
      const held = place.read(record)
      if (held === UNSET) return
      const items = held as SortedItems
      items.clearRange(record, start, end)
      if (items.isEmpty) place.clear()
    },
    isEmpty: () => place.isEmpty(),
    clear: () => place.clear(),
  }
}
