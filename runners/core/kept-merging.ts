/**
 * The cells of a grouping whose windows merge, kept from batch to batch: per key, its windows in their order, and those whose
 * trigger has finished until they expire.
 *
 * Law: the cells of a key are noted one by one; which of them there are is told by an entry of the key.
 */
import type { Coder } from '../../sdk/coders/index.js'
import { type BoundedWindow, sameWindow } from '../../sdk/windowing/window.js'
import type { CellFormat } from './cell-format.js'
import { KeyMap } from './key-map.js'
import type { EntryWriter } from './kept-entries.js'
import { KEY, type KeptForm } from './kept-form.js'
import { type CellWriting, keptCell, type Place } from './kept-writing.js'
import type { ClosingWindow, MergingWindows } from './merging-windows.js'
import type { KeptCell, MergingCell, ReduceCell } from './reduce-table.js'
import type { TriggerState } from './trigger-node.js'
import { WindowMap } from './window-map.js'

/** What the store has of a key. */
interface KeptKey {
  readonly key: unknown
  /** In the order of its windows. */
  cells: readonly StoredCell[]
  /** Windows for whose expiry a timer waits because their trigger has finished, where there are any. */
  closing: WindowMap<BoundedWindow> | undefined
  isStored: boolean
}

interface StoredCell extends KeptCell {
  readonly window: BoundedWindow
  /** When the cell was last seen to be there. */
  seen: number
}

/** A key as it was stored. */
export interface StoredKey {
  readonly key: unknown
  /** In the order of its windows. */
  readonly cells: readonly { readonly cell: MergingCell; readonly kept: KeptCell }[]
  readonly closing: readonly ClosingWindow[]
}

const NO_CELLS: readonly StoredCell[] = []

/** Keeps cells of windows that merge. */
export class KeptMerging {
  readonly #form: KeptForm
  readonly #format: CellFormat
  readonly #writing: CellWriting
  readonly #merging: MergingWindows
  readonly #keys: KeyMap<KeptKey>
  readonly #changed = new Set<KeptKey>()
  #order = 0
  #round = 0

  constructor(
    form: KeptForm,
    format: CellFormat,
    writing: CellWriting,
    merging: MergingWindows,
    keyCoder: Coder<unknown>,
  ) {
    this.#form = form
    this.#format = format
    this.#writing = writing
    this.#merging = merging
    this.#keys = new KeyMap(keyCoder)
  }

  /** Something happens to the windows of a key. */
  changed(key: unknown): void {
    this.#changed.add(this.#keptKey(key))
  }

  /** A timer waits for the expiry of a window whose trigger has finished, or does so no more. */
  closing(key: unknown, window: BoundedWindow, isWaiting: boolean): void {
    const kept = this.#keptKey(key)
    this.#changed.add(kept)
    if (isWaiting) (kept.closing ??= new WindowMap()).set(window, window)
    else if (kept.closing?.delete(window) === true) this.left(key)
  }

  /** A window of a key is there no more. A key that was never stored is forgotten with its last. */
  left(key: unknown): void {
    const kept = this.#keys.get(key)
    if (kept === undefined || kept.isStored || (kept.closing?.size ?? 0) > 0) return
    if (this.#merging.ofKey(kept.key) !== undefined) return
    this.#keys.delete(key)
    this.#changed.delete(kept)
  }

  #keptKey(key: unknown): KeptKey {
    let kept = this.#keys.get(key)
    if (kept === undefined) this.#keys.set(key, (kept = { key, cells: NO_CELLS, closing: undefined, isStored: false }))
    return kept
  }

  /** @param touched cells to which something has happened. */
  changes(writer: EntryWriter, touched: ReadonlySet<ReduceCell>): void {
    for (const kept of this.#changed) this.#write(writer, kept, touched)
    this.#changed.clear()
  }

  #write(writer: EntryWriter, kept: KeptKey, touched: ReadonlySet<ReduceCell>): void {
    const { key, closing } = kept
    const live = this.#merging.ofKey(key)
    const round = ++this.#round
    const all = [...(live?.active.values() ?? [])]
    for (const { details } of all) if (details.kept !== undefined) (details.kept as StoredCell).seen = round
    const gone = kept.cells.filter(({ seen }) => seen !== round)
    kept.cells = all.map((cell) => {
      const isNew = cell.details.kept === undefined
      const stored = isNew ? this.#newCell(cell, gone) : (cell.details.kept as StoredCell)
      if (isNew || touched.has(cell)) this.#writing.write(writer, this.#placeOf(stored), cell, stored)
      return stored
    })
    for (const stored of gone) this.#writing.remove(writer, this.#placeOf(stored), key, stored.entries)
    const isEmpty = all.length === 0 && (closing?.size ?? 0) === 0
    if (isEmpty) this.#keys.delete(key)
    if (isEmpty && !kept.isStored) return
    this.#form.beginOf(writer, KEY, undefined, key)
    if (isEmpty) writer.remove()
    else this.#putKey(writer, kept, live?.closed)
  }

  /** A cell that has not been stored may be of the same window as one that is gone: then its entries are that one's. */
  #newCell({ details }: MergingCell, gone: StoredCell[]): StoredCell {
    const { window } = details
    const at = gone.findIndex((of) => sameWindow(of.window, window))
    const stored = at < 0 ? { ...keptCell(this.#order++), window, seen: 0 } : (gone.splice(at, 1)[0] as StoredCell)
    details.kept = stored
    return stored
  }

  #placeOf({ window }: StoredCell): Place {
    return { window, bytes: this.#form.place('merging', window) }
  }

  #putKey(writer: EntryWriter, kept: KeptKey, closed: WindowMap<TriggerState> | undefined): void {
    const { cells, closing } = kept
    kept.isStored = true
    writer.beginContent()
    const { out } = writer
    out.varint(cells.length)
    for (const { window } of cells) this.#form.writeWindow(out, window)
    out.varint(closing?.size ?? 0)
    for (const window of closing?.values() ?? []) {
      const trigger = closed?.get(window)
      this.#form.writeWindow(out, window)
      out.byte(trigger === undefined ? 0 : 1)
      if (trigger !== undefined) this.#format.writeTrigger(out, trigger)
    }
    writer.put()
  }

  /** What is stored of a key that has been taken back. */
  restore({ key, cells, closing }: StoredKey): void {
    const kept = this.#keptKey(key)
    kept.isStored = true
    kept.cells = cells.map(({ cell: { details }, kept: ofCell }) => {
      const stored = { ...ofCell, window: details.window, seen: 0 }
      details.kept = stored
      this.#order = Math.max(this.#order, stored.order + 1)
      return stored
    })
    if (closing.length === 0) return
    kept.closing = new WindowMap()
    for (const { window } of closing) kept.closing.set(window, window)
  }
}
