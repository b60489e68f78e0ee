/**
 * Parts that a graph has now and had not before. They begin empty, and that is right where nothing has come to them yet. The SDK makes
 * one step of several, though: where one of them goes on with what it keeps, another that is new beside it has not heard of that, and
 * hears of it only as it changes. The table of an output mode would lack each result that gets no new element.
 *
 * Law: a part that begins without what its step keeps is said to lack it, and not only to be empty.
 */
import type { Drops, Fate } from './change-plan.js'
import type { LivePart, PartShape } from './kept-shape.js'
import type { PartNames } from './part-names.js'

/** A part that goes on, and how many entries it has. */
export interface GoingPart {
  readonly shape: PartShape
  readonly entries: number
}

/** What becomes of new parts. @param going the parts that go on with what they keep. */
export function fatesOfNew(
  parts: Iterable<LivePart>,
  going: readonly GoingPart[],
  names: PartNames,
  drops: Drops,
): readonly Fate[] {
  return [...parts].flatMap(({ shape }): readonly Fate[] => {
    drops.note(shape.path)
    if (shape.keeps === 'elements' || shape.keeps === 'collected' || shape.keeps === 'script') return []
    const { what, address, ofKind } = names.of(shape)
    const base = { step: shape.path, what, address, isPiece: false, isChecked: false }
    const entries = unheardBy(shape, going)
    if (entries === 0) return [{ ...base, outcome: 'empty', because: 'it is new here', entries, isNamed: false }]
    drops.note(address)
    const because =
      shape.cells.length > 0
        ? 'so each result that is there is missing from it until an element changes it'
        : 'so no timer is set for that, and what does not change stays for ever'
    return [{ ...base, outcome: 'lacking', because, entries, isNamed: drops.has(address, ofKind, shape.path) }]
  })
}

/**
 * How many entries a new part would have to know. What remembers results would know what is accumulated; what has only timers sets
 * them for what is remembered.
 */
function unheardBy({ keeps, path, step, cells }: PartShape, going: readonly GoingPart[]): number {
  if (keeps !== 'state') return 0
  const of: PartShape['keeps'] = cells.length > 0 ? 'grouping' : 'state'
  return going
    .filter(({ shape }) => shape.path === path && shape.step !== step && shape.keeps === of)
    .reduce((sum, { entries }) => sum + entries, 0)
}
