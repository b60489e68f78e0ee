/**
 * What a grouping keeps: a table per window, a cell per key in it, and details of the cells that need them.
 */
import type { Coder } from '../../sdk/coders/index.js'
import type { PaneInfo } from '../../sdk/windowing/pane-info.js'
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import { TIMESTAMP_MAX } from '../../sdk/time.js'
import { KeyMap } from './key-map.js'
import type { TriggerState } from './trigger-node.js'

/** What a key has collected in a window. Most cells fire once and need no more than this, so there is no more in them. */
export interface ReduceCell {
  readonly key: unknown
  accumulator: unknown
  /** Made when more than the first on-time pane is to be remembered. */
  details: CellDetails | undefined
}

/** What is remembered of a cell that fires more than once, holds the watermark by itself, or lies in a merging window. */
export interface CellDetails {
  window: BoundedWindow
  /** Whether anything has come since the last pane. */
  isPending: boolean
  /** Whether its trigger is to be asked at the end of the window. */
  isAskedAtEnd: boolean
  /** Where elements hold the watermark; `NaN` when they do not. */
  elementHold: number
  /** Where the window's expiry holds it; `NaN` when it does not. */
  expiryHold: number
  /** The last pane emitted. */
  pane: PaneInfo | undefined
  trigger: TriggerState
  /** What a store has of it, where there is one. */
  kept: KeptCell | undefined
}

/** What is remembered at first. */
export function newDetails(window: BoundedWindow, isPending: boolean, trigger: TriggerState): CellDetails {
  return {
    window,
    isPending,
    isAskedAtEnd: false,
    elementHold: Number.NaN,
    expiryHold: Number.NaN,
    pane: undefined,
    trigger,
    kept: undefined,
  }
}

/** What a store has of a cell. */
export interface KeptCell {
  /** Its place among others. */
  readonly order: number
  /** The list of which the store has the first `length` values, in as many entries; nothing where values are not listed. */
  list: readonly unknown[] | undefined
  length: number
  entries: number
}

/** A cell of a merging window: it moves from window to window, so it knows where it is. */
export type MergingCell = ReduceCell & { details: CellDetails }

/** The cells of a window. */
export interface ReduceTable {
  readonly window: BoundedWindow
  readonly expiry: number
  readonly cells: KeyMap<ReduceCell>
  /**
   * While true, adding a value is all there is to do for an element: the window is open, nothing can fire before its
   * end, and the table itself holds the watermark for all its cells.
   */
  isFast: boolean
  /** Whether there is a timer for the end of the window: some trigger in it, or all, are to be asked then. */
  isAskedAtEnd: boolean
  /** Whether slices of the window are still to be taken in. */
  isSliced: boolean
  readonly role: TableRole
  /** What a store has of it, where there is one. */
  kept: KeptTable | undefined
  /** Its place among those to which something has happened since they were stored; -1: it is none of them. */
  usedAt: number
}

/** What a store has of a table. */
export interface KeptTable {
  readonly window: BoundedWindow
  /** The part of an id that says where its cells lie. */
  readonly bytes: Uint8Array
  /** Tables are in the order of these. */
  readonly order: number
  flags: number
  /** What it has of cells without details, by their place in the table: whose keys are their own identity, and others. */
  primitives: unknown[]
  encoded: unknown[]
  /** The place of the next cell that is noted by itself; `undefined` while the table is scanned. */
  next: number | undefined
}

/** What a table is: of a window, with state of keys; or of a slice, or a union of slices, with what is only on its way there. */
export type TableRole = 'window' | 'slice' | 'union'

/** Makes cells; one class per grouping lets the engine specialise their fields. */
export type MakeCell = (key: unknown, accumulator: unknown) => ReduceCell

/** Makes a cell class; its text also goes into generated code, so it refers to nothing outside itself. */
export function cellFactory(): MakeCell {
  class Cell implements ReduceCell {
    // `declare`: a field that was `undefined` before it was a number never holds numbers unboxed.
    declare readonly key: unknown
    declare accumulator: unknown
    declare details: CellDetails | undefined

    constructor(key: unknown, accumulator: unknown) {
      this.key = key
      this.accumulator = accumulator
      this.details = undefined
    }
  }
  return (key, accumulator) => new Cell(key, accumulator)
}

/** What a timer of a grouping is for. */
export type TimerPayload =
  | { readonly kind: 'table'; readonly table: ReduceTable }
  | { readonly kind: 'cell'; readonly cell: MergingCell }
  | { readonly kind: 'closed'; readonly key: unknown; readonly window: BoundedWindow }

/** A table without cells. A slice's, or that of several, is only added to: what it has goes to the tables of windows. */
export function newTable(
  window: BoundedWindow,
  role: TableRole,
  keyCoder: Coder<unknown>,
  of: Pick<ReduceTable, 'expiry' | 'isFast' | 'isAskedAtEnd' | 'isSliced'> = OF_SLICES,
): ReduceTable {
  const { expiry, isFast, isAskedAtEnd, isSliced } = of
  const cells = new KeyMap<ReduceCell>(keyCoder)
  return { window, expiry, cells, isFast, isAskedAtEnd, isSliced, role, kept: undefined, usedAt: -1 }
}

const OF_SLICES = { expiry: TIMESTAMP_MAX, isFast: true, isAskedAtEnd: false, isSliced: false }
