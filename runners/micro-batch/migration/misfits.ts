/**
 * Why something that is kept cannot go on in a graph that is another.
 */
import { type Conversion, conversion, shapeText } from '../../../sdk/graph/coder-shape.js'
import type { CellShape, LivePart, PartShape, WindowsShape } from './kept-shape.js'

/** What becomes of values. */
export function valueOf(from: PartShape['value'], to: LivePart['coders']['value']): Conversion | undefined {
  return from === undefined || to === undefined ? undefined : conversion(from, to)
}

/** A kind of cell in words. */
export function kindText({ kind, inPieces }: CellShape): string {
  return kind === 'combining' ? `combining cell ${inPieces ? 'of a CombineFn' : 'of a monoid'}` : `${kind} cell`
}

/** That a codec is another one. */
export function codecText(from: PartShape['value'], to: PartShape['value']): string {
  const [was, is] = [from === undefined ? 'none' : shapeText(from), to === undefined ? 'none' : shapeText(to)]
  return `its codec changed from ${was} to ${is}, which does not take what was written`
}

/** Why what a part holds cannot be read; `undefined` when it can. */
export function unreadable(
  from: PartShape,
  to: PartShape,
  value: Conversion | undefined,
  restriction: Conversion | undefined,
): string | undefined {
  // Records of state have values of their own; elements that wait among them are few, and go like those of an inbox.
  if (value?.relation === 'other') return codecText(from.value, to.value)
  return restriction?.relation === 'other' ? codecText(from.restriction, to.restriction) : undefined
}

/** Why a part cannot go on; `undefined` when it can. */
export function misfitOf(from: PartShape, to: PartShape): string | undefined {
  if (JSON.stringify(from.key) !== JSON.stringify(to.key))
    return `the codec of its keys changed from ${from.key === undefined ? 'none' : shapeText(from.key)} to ${to.key === undefined ? 'none' : shapeText(to.key)}, and keys decide where state lies`
  if (from.isList !== to.isList)
    return from.isList ? 'it listed values, and combines them now' : 'it combined values, and lists them now'
  if (from.windows === undefined || to.windows === undefined) return undefined
  if (JSON.stringify(from.windows.coder) !== JSON.stringify(to.windows.coder)) return 'its windows are of another kind'
  return from.keeps === 'grouping' ? groupingMisfit(from.windows, to.windows) : undefined
}

/** What has been accumulated by windows goes on where windows, triggers and holds have the same form. */
function groupingMisfit(from: WindowsShape, to: WindowsShape): string | undefined {
  if (from.isMerging !== to.isMerging) return 'its windows merge, or do so no more'
  const isSliding = from.fn['kind'] === 'sliding' || to.fn['kind'] === 'sliding'
  if (isSliding && JSON.stringify(from.fn) !== JSON.stringify(to.fn))
    return 'sliding windows share slices of their size'
  if (from.trigger !== to.trigger) return 'its trigger is of another form'
  return from.timestamps === to.timestamps ? undefined : 'its timestamp combiner changed'
}
