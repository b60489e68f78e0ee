/**
 * `state` as a DoFn sees it: one cell for each declaration, bound to the key and window of the call. What each kind does
 * is in `cells/`.
 */
import type { StateSpec } from '../../sdk/state/state-spec.js'
import { toCombine } from '../../sdk/transforms/combine.js'
import { bagCell } from './cells/bag-cell.js'
import { type CellCoders, CellPlace, CellValues } from './cells/cell-place.js'
import { combiningCell } from './cells/combining-cell.js'
import { mapCell } from './cells/map-cell.js'
import { multimapCell } from './cells/multimap-cell.js'
import { orderedListCell } from './cells/ordered-list-cell.js'
import { setCell } from './cells/set-cell.js'
import { valueCell } from './cells/value-cell.js'
import type { StateRecord } from './state-internals.js'

/**
 * The cells of a call.
 *
 * @param step - path of the step, for messages.
 * @param specs - by name, in the order of the record's cells.
 * @param coders - by cell.
 * @param copies - whether what goes in and out is copied, so that nothing is shared with the author's code.
 * @param recordOf - the record of the call; throws when the call has ended.
 */
export function stateCells(
  step: string,
  specs: Readonly<Record<string, StateSpec>>,
  coders: readonly CellCoders[],
  copies: boolean,
  recordOf: () => StateRecord,
): object {
  const cellOf = (spec: StateSpec, cell: number): object => {
    const { value, key } = coders[cell] as CellCoders
    const values = new CellValues(spec.codec, value, copies)
    if (spec.kind === 'value') return valueCell(cell, recordOf, values, spec.initial)
    const place = new CellPlace(cell, recordOf)
    switch (spec.kind) {
      case 'bag':
        return bagCell(place, values)
      case 'set':
        return setCell(place, values)
      case 'orderedList':
        return orderedListCell(place, values)
      case 'map':
        return mapCell(place, new CellValues(spec.keyCodec, key ?? value, copies), values)
      case 'multimap':
        return multimapCell(place, new CellValues(spec.keyCodec, key ?? value, copies), values)
      case 'combining':
        return combiningCell(place, values, toCombine(spec.combiner, step))
    }
  }
  return Object.fromEntries(Object.entries(specs).map(([id, spec], cell) => [id, cellOf(spec, cell)]))
}
