/**
 * What a grouping keeps, as those who look at a run see it: how many keys, the window that answers next, and which pane
 * holds the watermark.
 *
 * Law: looking changes nothing. Where much is kept, keys are looked at only so far; then what is said is true of those.
 */
import { TIMESTAMP_MAX } from '../../sdk/time.js'
import { expiryOf } from '../../sdk/windowing/expiry.js'
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import type { WindowingStrategy } from '../../sdk/windowing/windowing-strategy.js'
import type { Awaited, AwaitedPane, Hold } from '../run-status.js'
import type { MergingWindows } from './merging-windows.js'
import type { CellDetails, ReduceCell, ReduceTable } from './reduce-table.js'
import { shortText, triggerText, windowStatus } from './status-texts.js'
import type { WindowMap } from './window-map.js'
import type { WindowSlices } from './window-slices.js'

/** What a grouping keeps. */
export interface KeptCells {
  /** Pairs of key and window. */
  readonly cells: number
  readonly tables: WindowMap<ReduceTable>
  readonly merging: MergingWindows | undefined
  readonly slices: WindowSlices | undefined
  /** The smallest timestamp held by what is kept. */
  readonly hold: number
}

/** A grouping at one moment. */
export interface GroupingStatus {
  readonly stateKeys: number
  readonly windows: number
  readonly awaits: Awaited | undefined
  /** The pane that holds, where one does. */
  readonly hold: Hold | undefined
}

/** Cells that are looked at one by one. */
const LOOK_MAX = 10_000

/** A pane that has not fired, before it is put into words. */
interface Pending {
  readonly window: BoundedWindow
  readonly keys: number
  readonly cell: ReduceCell | undefined
  /** Where it holds the watermark. */
  readonly hold: number
  readonly passes: number
  readonly isExpiry: boolean
}

/** What can be said of a grouping whose input watermark stands at `input`. */
export function groupingStatus(kept: KeptCells, strategy: WindowingStrategy, input: number): GroupingStatus {
  const pending = [...(kept.merging === undefined ? pendingTables(kept, input) : pendingCells(kept, strategy, input))]
  const first = least(pending, ({ passes }) => passes)
  const holder = kept.hold === TIMESTAMP_MAX ? undefined : pending.find(({ hold }) => hold === kept.hold)
  let sliced = 0
  for (const { cells } of kept.slices?.tables() ?? []) sliced += cells.size
  const paneOf = (of: Pending): { readonly kind: 'pane' } & AwaitedPane => ({
    kind: 'pane',
    window: windowStatus(of.window),
    keys: of.keys,
    key: of.cell === undefined ? undefined : shortText(of.cell.key),
    trigger: triggerText(strategy.trigger),
    passes: of.passes,
    isExpiry: of.isExpiry,
  })
  return {
    stateKeys: kept.cells + sliced,
    windows: kept.merging === undefined ? kept.tables.size : kept.cells,
    awaits: first === undefined ? undefined : paneOf(first),
    hold: holder === undefined ? undefined : { ...paneOf(holder), at: kept.hold },
  }
}

function* pendingTables({ tables, slices, hold }: KeptCells, input: number): Iterable<Pending> {
  let left = LOOK_MAX
  for (const table of tables.values()) {
    const { window, expiry } = table
    if (table.isFast) {
      const keys = table.isSliced && slices !== undefined ? keysOf(slices, table) : table.cells.size
      yield { window, keys, cell: undefined, hold: window.maxTimestamp, passes: window.maxTimestamp, isExpiry: false }
      continue
    }
    let first: ReduceCell | undefined
    let holder: ReduceCell | undefined
    let holders = 0
    let keys = 0
    for (const cell of table.cells.values()) {
      if (left-- <= 0) break
      if (cell.details !== undefined && holdOf(cell.details) === hold && holders++ === 0) holder = cell
      if (cell.details?.isPending === false) continue
      if (keys++ === 0) first = cell
    }
    const isAsked = table.isAskedAtEnd && input <= window.maxTimestamp
    // At its end a window speaks for all its keys, after that for those of which there is news.
    if (isAsked) keys = table.cells.size
    const cell = holders === 1 ? holder : holders === 0 && keys === 1 ? first : undefined
    if (keys === 0 && holder === undefined) continue
    yield {
      window,
      keys,
      cell,
      hold: holder?.details === undefined ? TIMESTAMP_MAX : holdOf(holder.details),
      passes: isAsked ? window.maxTimestamp : expiry,
      isExpiry: !isAsked,
    }
  }
}

/** Keys of a window whose slices it has not taken in: those of its slices, each once. */
function keysOf(slices: WindowSlices, { window }: ReduceTable): number {
  const seen = new Set<unknown>()
  for (const { cells } of slices.tables(window)) {
    for (const id of cells.ids()) {
      if (seen.size >= LOOK_MAX) return seen.size
      seen.add(id)
    }
  }
  return seen.size
}

function* pendingCells({ merging }: KeptCells, strategy: WindowingStrategy, input: number): Iterable<Pending> {
  let left = LOOK_MAX
  for (const cell of merging?.cells() ?? []) {
    if (left-- <= 0) return
    const { details } = cell
    const { window, isPending, isAskedAtEnd } = details
    const hold = holdOf(details)
    if (!isPending && hold === TIMESTAMP_MAX) continue
    const isAsked = isAskedAtEnd && input <= window.maxTimestamp
    const passes = isAsked ? window.maxTimestamp : expiryOf(window, strategy.allowedLatenessMillis)
    yield { window, keys: 1, cell, hold, passes, isExpiry: !isAsked }
  }
}

function holdOf({ elementHold, expiryHold }: CellDetails): number {
  const orEnd = (hold: number): number => (Number.isNaN(hold) ? TIMESTAMP_MAX : hold)
  return Math.min(orEnd(elementHold), orEnd(expiryHold))
}

function least<T>(items: readonly T[], by: (item: T) => number): T | undefined {
  return items.reduce<T | undefined>(
    (best, item) => (best === undefined || by(item) < by(best) ? item : best),
    undefined,
  )
}
