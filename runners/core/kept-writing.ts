/**
 * Writes cells of a grouping for a store: those without details as a table is scanned, others one by one.
 *
 * Law: an entry is handed out where it differs from what the store has. Accumulators that nobody changes are compared with the
 * ones stored, lists by their length (they only grow), others by their bytes.
 */
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import type { CellFormat } from './cell-format.js'
import type { EntryWriter } from './kept-entries.js'
import { CELL, type KeptForm, VALUES } from './kept-form.js'
import type { ReduceFn } from './reduce-fn.js'
import type { KeptCell, ReduceCell } from './reduce-table.js'
import type { WakeCalls } from './wake-calls.js'

/** What writing cells takes. */
export interface WritingParts {
  readonly form: KeptForm
  readonly format: CellFormat
  readonly reduce: ReduceFn
  readonly calls: WakeCalls
  /** Reports what a coder, or `compact`, throws. */
  readonly guard: <T>(call: string, key: unknown, window: BoundedWindow, run: () => T) => T
}

/** A place where cells lie. */
export interface Place {
  readonly window: BoundedWindow
  readonly bytes: Uint8Array
}

/** Writes cells. */
export class CellWriting {
  readonly #parts: WritingParts
  readonly #lists: boolean

  constructor(parts: WritingParts) {
    this.#parts = parts
    this.#lists = parts.reduce.kind === 'list'
  }

  /**
   * Writes cells without details that differ from what is stored.
   *
   * @param stored what the store has of each, by its place among the cells: an accumulator, the bytes of one, or a
   *   {@link KeptCell} where values are listed. Changed to what it has then.
   * @param other told of a cell that has details.
   */
  scan(
    writer: EntryWriter,
    place: Place,
    cells: Iterable<ReduceCell>,
    stored: unknown[],
    other: (cell: ReduceCell, order: number) => void,
  ): void {
    const { form, format, reduce } = this.#parts
    const { isImmutable } = reduce
    const { out } = writer
    const { bytes } = place
    let at = 0
    let current: ReduceCell | undefined
    try {
      for (const cell of cells) {
        const order = at++
        const isNew = order >= stored.length
        current = cell
        if (cell.details !== undefined) other(cell, order)
        else if (isImmutable) {
          const { accumulator } = cell
          if (!isNew && Object.is(stored[order], accumulator)) continue
          form.beginOf(writer, CELL, bytes, cell.key)
          writer.beginContent()
          format.writePlain(out, order, accumulator)
          writer.put()
          stored[order] = accumulator
        } else if (this.#lists) this.#scanList(writer, bytes, cell, stored, order)
        else this.#scanChangeable(writer, bytes, cell, stored, order)
      }
    } catch (error) {
      this.#failed(error, current, place.window)
    }
  }

  #scanList(writer: EntryWriter, bytes: Uint8Array, cell: ReduceCell, stored: unknown[], order: number): void {
    let kept = stored[order] as KeptCell | undefined
    if (kept === undefined) {
      stored[order] = kept = keptCell(order)
      this.#put(writer, bytes, cell, order)
    }
    this.#writeList(writer, bytes, cell, kept)
  }

  #scanChangeable(writer: EntryWriter, bytes: Uint8Array, cell: ReduceCell, stored: unknown[], order: number): void {
    this.#compact(cell)
    const before = stored[order]
    const { accumulator } = cell
    const isObject = typeof accumulator === 'object' && accumulator !== null
    if (!isObject && order < stored.length && Object.is(before, accumulator)) return
    const { form, format } = this.#parts
    form.beginOf(writer, CELL, bytes, cell.key)
    writer.beginContent()
    format.writePlain(writer.out, order, accumulator)
    const content = isObject ? writer.content() : undefined
    if (content !== undefined && before instanceof Uint8Array && sameBytes(before, content)) {
      writer.drop()
      return
    }
    stored[order] = content === undefined ? accumulator : content.slice()
    writer.put()
  }

  /** Writes a cell as it is. */
  write(writer: EntryWriter, place: Place, cell: ReduceCell, kept: KeptCell): void {
    try {
      this.#compact(cell)
      this.#put(writer, place.bytes, cell, kept.order)
      if (this.#lists) this.#writeList(writer, place.bytes, cell, kept)
    } catch (error) {
      this.#failed(error, cell, place.window)
    }
  }

  #put(writer: EntryWriter, bytes: Uint8Array, cell: ReduceCell, order: number): void {
    const { form, format, calls } = this.#parts
    form.beginOf(writer, CELL, bytes, cell.key)
    writer.beginContent()
    format.write(writer.out, cell, order, calls.callsOf(cell))
    writer.put()
  }

  #compact(cell: ReduceCell): void {
    const { compact } = this.#parts.reduce
    if (compact !== undefined) cell.accumulator = compact(cell.accumulator)
  }

  #writeList(writer: EntryWriter, bytes: Uint8Array, { key, accumulator }: ReduceCell, kept: KeptCell): void {
    const list = accumulator as readonly unknown[]
    const before = kept.entries
    if (kept.list !== list) {
      kept.list = list
      kept.length = 0
      kept.entries = 0
    }
    if (list.length > kept.length) {
      this.#beginValues(writer, bytes, key, kept.entries++)
      writer.beginContent()
      this.#parts.format.writeValues(writer.out, list, kept.length)
      writer.put()
      kept.length = list.length
    }
    for (let n = kept.entries; n < before; n++) this.#removeValues(writer, bytes, key, n)
  }

  /** Removes what is stored of a cell. @param entries in how many its values are listed. */
  remove(writer: EntryWriter, { bytes }: Place, key: unknown, entries: number): void {
    this.#parts.form.beginOf(writer, CELL, bytes, key)
    writer.remove()
    for (let n = 0; n < entries; n++) this.#removeValues(writer, bytes, key, n)
  }

  #removeValues(writer: EntryWriter, bytes: Uint8Array, key: unknown, n: number): void {
    this.#beginValues(writer, bytes, key, n)
    writer.remove()
  }

  #beginValues(writer: EntryWriter, bytes: Uint8Array, key: unknown, n: number): void {
    this.#parts.form.beginOf(writer, VALUES, bytes, key)
    writer.out.varint(n)
  }

  #failed(error: unknown, cell: ReduceCell | undefined, window: BoundedWindow): never {
    return this.#parts.guard('the encoding of what it has collected', cell?.key, window, () => {
      throw error
    })
  }
}

/** A cell of which nothing is stored yet. */
export function keptCell(order: number): KeptCell {
  return { order, list: undefined, length: 0, entries: 0 }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
