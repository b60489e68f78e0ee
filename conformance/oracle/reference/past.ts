/**
 * A window of a key is nothing but its past: the list of what happened to it. Everything else is a question that is
 * answered from the whole list, each time it is asked.
 *
 * Laws, those of Beam Java:
 * 1. *Content.* A pane holds the elements since the last firing (discarding) or all of them (accumulating). A firing
 *    counts even if nothing came out of it. A merged window has what its parts had.
 * 2. *Empty* is a window without elements since its last firing, also when accumulating.
 * 3. *Holds.* An element holds the output watermark at its timestamp (EARLIEST, LATEST) or at the window's last instant,
 *    unless the output watermark is past that or the input watermark is past the window; then it holds at the expiry. Several
 *    holds of elements are one, their minimum or, with LATEST, their maximum.
 *    A firing lets go of both, and with closing FIRE_ALWAYS holds at the expiry. A merge keeps holds of elements (at the
 *    merged window's last instant, where that is what elements hold) and adds one at the expiry.
 * 4. *Pane numbers* count what came out of this very window. A merged window that is none of its parts starts anew.
 */
import { expiryOf, isSame, lastOf, type ScriptElement, type Strategy, type Window } from './script.js'
import { afterElement, afterFiring, afterMerge, blank, type Memory, type Now } from './trigger.js'

/** A pane that came out. */
export interface Pane {
  readonly key: string
  readonly window: Window
  readonly values: readonly number[]
  readonly timing: 'EARLY' | 'ON_TIME' | 'LATE'
  readonly index: number
  readonly nonSpeculativeIndex: number
  readonly isFirst: boolean
  readonly isLast: boolean
  readonly timestamp: number
}

/** What the clocks showed when something happened. */
export interface Instant {
  /** The watermark of the input. */
  readonly watermark: number
  /** The watermark of the output, over all keys, when the turn began. */
  readonly outputWatermark: number
  readonly clock: number
  readonly synchronizedClock: number
}

/** One thing that happened to a window. A merge can only be the first. */
type Happening = { readonly at: Instant } & (
  | { readonly kind: 'element'; readonly element: ScriptElement }
  | { readonly kind: 'firing'; readonly pane: Pane | undefined }
  | { readonly kind: 'merge'; readonly parts: readonly Cell[] }
)

/** A window of a key, with its past. */
export interface Cell {
  readonly key: string
  readonly window: Window
  readonly past: readonly Happening[]
}

/** The same window, one happening later. */
export const later = (cell: Cell, happening: Happening): Cell => ({ ...cell, past: [...cell.past, happening] })

/** All elements of a window. */
export function elementsOf({ past }: Cell): readonly ScriptElement[] {
  return past.flatMap((happening) => {
    if (happening.kind === 'merge') return happening.parts.flatMap(elementsOf)
    return happening.kind === 'element' ? [happening.element] : []
  })
}

/** The elements since the last firing. */
export function freshElementsOf({ past }: Cell): readonly ScriptElement[] {
  const since = past.slice(past.findLastIndex(({ kind }) => kind === 'firing') + 1)
  return since.flatMap((happening) => {
    if (happening.kind === 'merge') return happening.parts.flatMap(freshElementsOf)
    return happening.kind === 'element' ? [happening.element] : []
  })
}

/** What the next pane holds. */
export function contentOf(strategy: Strategy, cell: Cell): readonly number[] {
  const isDiscarding = strategy.accumulationMode === 'DISCARDING_FIRED_PANES'
  return (isDiscarding ? freshElementsOf(cell) : elementsOf(cell)).map(({ value }) => value)
}

/** The last pane that came out of this very window. */
export function lastPaneOf({ window, past }: Cell): Pane | undefined {
  const panes = past.map((happening) => {
    if (happening.kind === 'firing') return happening.pane
    if (happening.kind === 'element') return undefined
    const same = happening.parts.find((part) => isSame(part.window, window))
    return same === undefined ? undefined : lastPaneOf(same)
  })
  return panes.findLast((pane) => pane !== undefined)
}

/** Where a window holds the output watermark. */
export interface Holds {
  readonly elements?: number
  readonly expiry?: number
}

/** The holds of a window. */
export function holdsOf(strategy: Strategy, { window, past }: Cell): Holds {
  const combined = (holds: readonly number[]): Holds =>
    holds.length === 0
      ? {}
      : { elements: strategy.timestampCombiner === 'LATEST' ? Math.max(...holds) : Math.min(...holds) }
  const own = (timestamp: number): number =>
    strategy.timestampCombiner === 'END_OF_WINDOW' ? lastOf(window) : timestamp
  const canHold = (hold: number, at: Instant): boolean => hold >= at.outputWatermark && lastOf(window) >= at.watermark
  const atExpiry = (at: Instant): Holds => {
    const expiry = expiryOf(window, strategy.allowedLateness)
    return expiry >= at.watermark ? { expiry } : {}
  }
  return past.reduce<Holds>((holds, happening) => {
    const { at } = happening
    switch (happening.kind) {
      case 'element': {
        const hold = own(happening.element.timestamp)
        if (!canHold(hold, at)) return { ...holds, ...atExpiry(at) }
        return { ...holds, ...combined([...(holds.elements === undefined ? [] : [holds.elements]), hold]) }
      }
      case 'firing':
        return strategy.closingBehavior === 'FIRE_ALWAYS' ? atExpiry(at) : {}
      case 'merge': {
        const before = happening.parts.flatMap((part) => holdsOf(strategy, part).elements ?? [])
        if (strategy.timestampCombiner !== 'END_OF_WINDOW') return { ...combined(before), ...atExpiry(at) }
        const holdsOn = happening.parts.length > 0 && canHold(lastOf(window), at)
        return { ...(holdsOn ? { elements: lastOf(window) } : {}), ...atExpiry(at) }
      }
    }
  }, {})
}

/** What the trigger remembers of a window. */
export function memoryOf(strategy: Strategy, { window, past }: Cell): Memory {
  const { trigger } = strategy
  return past.reduce<Memory>((memory, happening) => {
    const now = nowOf(strategy, window, happening.at)
    switch (happening.kind) {
      case 'element':
        return afterElement(trigger, memory, now)
      case 'firing':
        return afterFiring(trigger, memory, now)
      case 'merge':
        return afterMerge(
          trigger,
          happening.parts.map((part) => ({ window: part.window, memory: memoryOf(strategy, part) })),
          now,
        )
    }
  }, blank(trigger))
}

/** How a trigger sees an instant. */
export function nowOf(strategy: Strategy, window: Window, at: Instant): Now {
  const { watermark, clock, synchronizedClock } = at
  return { window, canMerge: strategy.windowFn.windowFn === 'Sessions', watermark, clock, synchronizedClock }
}
