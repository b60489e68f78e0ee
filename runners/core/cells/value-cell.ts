/** Cells with one value: see {@link ValueState}. */
import type { ValueState } from '../../../sdk/state/state-cell.js'
import { type StateRecord, UNSET } from '../state-internals.js'
import type { CellValues } from './cell-place.js'

/** The value cell of a call. Reads and writes are the hot path of stateful steps: nothing stands between them and the record. */
export function valueCell(
  cell: number,
  recordOf: () => StateRecord,
  values: CellValues,
  initial: unknown,
): ValueState<unknown, unknown> {
  // An initial array that one key fills must not be there for the next.
  const isShared = typeof initial === 'object' && initial !== null
  const unset = (): unknown => (isShared ? values.copy(initial) : initial)
  return {
    read: values.copies
      ? () => {
          const value = recordOf().read(cell)
          return value === UNSET ? unset() : values.given(value)
        }
      : () => {
          const record = recordOf()
          const value = record.read(cell)
          // An author may change in place what was read.
          if (typeof value === 'object') record.note()
          return value === UNSET ? unset() : value
        },
    write: (value) => {
      const record = recordOf()
      record.write(cell, values.taken(value))
    },
    isEmpty: () => recordOf().read(cell) === UNSET,
    clear: () => {
      recordOf().write(cell, UNSET)
    },
  }
}
