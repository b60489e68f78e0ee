/**
 * The cells of a grouping whose windows merge, kept from batch to batch: per key, its windows in their order, and those whose
 * trigger has finished until they expire.
 *
 * Law: the cells of a key are noted one by one; which of them there are is told by an entry of the key.
 */
import type { Coder } from '../../sdk/coders/index.js'
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import type { CellFormat } from './cell-format.js'
import { KeyMap } from './key-map.js'
import type { EntryWriter } from './kept-entries.js'
import { KEY, type KeptForm, textOf } from './kept-form.js'
import { type CellWriting, keptCell } from './kept-writing.js'
import type { ClosingWindow, MergingWindows } from './merging-windows.js'
import type { KeptCell, MergingCell, ReduceCell } from './reduce-table.js'

/** What the store has of a key. */
interface KeptKey {
  readonly key: unknown
  /** By the text of their place. */
  cells: Map<string, StoredCell>
  /** Windows for whose expiry a timer waits because their trigger has finished. */
  readonly closing: Map<string, BoundedWindow>
  isStored: boolean
}

interface StoredCell {
  readonly window: BoundedWindow
  readonly bytes: Uint8Array
  readonly kept: KeptCell
}

/** A key as it was stored. */
export interface StoredKey {
  readonly key: unknown
  /** In the order of its windows. */
  readonly cells: readonly { readonly cell: MergingCell; readonly kept: KeptCell }[]
  readonly closing: readonly ClosingWindow[]
}

/** Keeps cells of windows that merge. */
export class KeptMerging {
  readonly #form: KeptForm
  readonly #format: CellFormat
  readonly #writing: CellWriting
  readonly #merging: MergingWindows
  readonly #keys: KeyMap<KeptKey>
  readonly #changed = new Set<KeptKey>()
  #order = 0

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
    const place = textOf(this.#form.place('merging', window))
    if (isWaiting) kept.closing.set(place, window)
    else kept.closing.delete(place)
  }

  #keptKey(key: unknown): KeptKey {
    let kept = this.#keys.get(key)
    if (kept === undefined) this.#keys.set(key, (kept = { key, cells: new Map(), closing: new Map(), isStored: false }))
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
    const before = kept.cells
    const cells = new Map<string, StoredCell>()
    for (const cell of live?.active.values() ?? []) {
      const { details } = cell
      const bytes = this.#form.place('merging', details.window)
      const text = textOf(bytes)
      const known = before.get(text)
      const stored = known ?? { window: details.window, bytes, kept: keptCell(this.#order++) }
      cells.set(text, stored)
      before.delete(text)
      if (known !== undefined && details.kept === known.kept && !touched.has(cell)) continue
      details.kept = stored.kept
      this.#writing.write(writer, stored, cell, stored.kept)
    }
    for (const stored of before.values()) this.#writing.remove(writer, stored, key, stored.kept)
    kept.cells = cells
    const isEmpty = cells.size === 0 && closing.size === 0
    if (isEmpty) this.#keys.delete(key)
    if (isEmpty && !kept.isStored) return
    this.#form.beginOf(writer, KEY, undefined, key)
    if (isEmpty) {
      writer.remove()
      return
    }
    kept.isStored = true
    writer.beginContent()
    const { out } = writer
    out.varint(cells.size)
    for (const { window } of cells.values()) this.#form.writeWindow(out, window)
    out.varint(closing.size)
    for (const window of closing.values()) {
      const trigger = live?.closed.get(window)
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
    for (const { cell, kept: ofCell } of cells) {
      const { window } = cell.details
      const bytes = this.#form.place('merging', window)
      cell.details.kept = ofCell
      kept.cells.set(textOf(bytes), { window, bytes, kept: ofCell })
      this.#order = Math.max(this.#order, ofCell.order + 1)
    }
    for (const { window } of closing) kept.closing.set(textOf(this.#form.place('merging', window)), window)
  }
}
