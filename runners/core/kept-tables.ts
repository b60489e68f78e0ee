/**
 * The tables of a grouping, kept from batch to batch: those of windows that do not merge, and those of slices.
 *
 * Law: while a table only collects, it is scanned if a bundle has used it; after that its cells have details, and each one
 * that something happens to is noted.
 */
import type { EntryWriter } from './kept-entries.js'
import { type KeptForm, TABLE } from './kept-form.js'
import type { CellWriting, Place } from './kept-writing.js'
import { keptCell } from './kept-writing.js'
import type { KeptCell, KeptTable, ReduceCell, ReduceTable } from './reduce-table.js'
import type { WindowMap } from './window-map.js'

/** Flags of a table. */
export const FAST = 1
export const ASKED_AT_END = 2
export const SLICED = 4

/** What an entry of a table says. */
export interface WrittenTable {
  readonly order: number
  readonly isFast: boolean
  readonly isAskedAtEnd: boolean
  readonly isSliced: boolean
}

/** A table as it was stored, with the cells in it, in their order. */
export interface StoredTable {
  readonly table: ReduceTable
  readonly written: WrittenTable
  /** In the order of the table; `content` is what the store has of one. */
  readonly cells: readonly { readonly cell: ReduceCell; readonly kept: KeptCell; readonly content: Uint8Array }[]
}

/** What a store still has of a table that is there no more: no cells, which would live on until the next commit. */
interface GoneTable {
  readonly kept: Place
  readonly keys: unknown[]
  /** Of each key, in how many entries its values are listed. */
  readonly entries: number[]
}

/** Keeps tables. */
export class KeptTables {
  readonly #form: KeptForm
  readonly #writing: CellWriting
  /** The tables of windows, as they are now. */
  readonly #tables: WindowMap<ReduceTable>
  readonly #isImmutable: boolean
  readonly #lists: boolean
  /** In the order in which they were used first. Tables come and go by thousands: in a Set, each would live as long as it. */
  readonly #used: (ReduceTable | undefined)[] = []
  /** How many of these have gone. */
  #unused = 0
  #gone: GoneTable[] = []
  #order = 0

  constructor(
    form: KeptForm,
    writing: CellWriting,
    tables: WindowMap<ReduceTable>,
    { isImmutable, kind }: { readonly isImmutable: boolean; readonly kind: string },
  ) {
    this.#form = form
    this.#writing = writing
    this.#tables = tables
    this.#isImmutable = isImmutable
    this.#lists = kind === 'list'
  }

  /** Something is added to a table, or it becomes another. */
  used(table: ReduceTable): void {
    if (table.usedAt < 0) table.usedAt = this.#used.push(table) - 1
  }

  /** A table is there no more. One that was never stored is forgotten: many may come and go in a batch. */
  gone(table: ReduceTable): void {
    if (table.usedAt >= 0) this.#unuse(table)
    if (table.kept !== undefined) this.#gone.push(this.#goneTable(table, table.kept))
    table.kept = undefined
  }

  #unuse(table: ReduceTable): void {
    const used = this.#used
    used[table.usedAt] = undefined
    table.usedAt = -1
    if (++this.#unused * 2 <= used.length) return
    let length = 0
    for (const each of used) {
      if (each === undefined) continue
      each.usedAt = length
      used[length++] = each
    }
    used.length = length
    this.#unused = 0
  }

  /** @param touched cells with details to which something has happened. */
  changes(writer: EntryWriter, touched: Set<ReduceCell>): void {
    for (const table of this.#gone) this.#remove(writer, table)
    this.#gone = []
    for (const table of this.#used) {
      if (table === undefined) continue
      table.usedAt = -1
      this.#write(writer, table, touched)
    }
    this.#used.length = 0
    this.#unused = 0
    for (const cell of touched) this.#writeDetailed(writer, cell)
  }

  #write(writer: EntryWriter, table: ReduceTable, touched: Set<ReduceCell>): void {
    const kept = (table.kept ??= this.#newTable(table, this.#order++))
    const flags = flagsOf(table)
    if (flags !== kept.flags) {
      this.#form.begin(writer, TABLE, kept.bytes)
      writer.beginContent()
      writer.out.byte(flags)
      writer.out.varint(kept.order)
      writer.put()
      kept.flags = flags
    }
    if (kept.next !== undefined) return
    const { primitives, encoded } = kept
    const place = kept
    const lists = this.#lists
    const take =
      (stored: readonly unknown[]) =>
      (cell: ReduceCell, order: number): void => {
        if (cell.details === undefined) return
        const ofCell = lists ? ((stored[order] as KeptCell | undefined) ?? keptCell(order)) : keptCell(order)
        cell.details.kept = ofCell
        this.#writing.write(writer, place, cell, ofCell)
        touched.delete(cell)
      }
    this.#writing.scan(writer, kept, table.cells.primitives.values(), primitives, take(primitives))
    this.#writing.scan(writer, kept, table.cells.encoded(), encoded, take(encoded))
    if (table.isFast) return
    kept.next = table.cells.size
    kept.primitives = kept.encoded = []
  }

  #writeDetailed(writer: EntryWriter, cell: ReduceCell): void {
    const { details } = cell
    if (details === undefined) return
    const kept = this.#tables.get(details.window)?.kept
    if (kept?.next === undefined) return
    details.kept ??= keptCell(kept.next++)
    this.#writing.write(writer, kept, cell, details.kept)
  }

  #remove(writer: EntryWriter, { kept, keys, entries }: GoneTable): void {
    this.#form.begin(writer, TABLE, kept.bytes)
    writer.remove()
    for (const [i, key] of keys.entries()) this.#writing.remove(writer, kept, key, entries[i] as number)
  }

  #goneTable({ cells }: ReduceTable, { window, bytes, next, primitives, encoded }: KeptTable): GoneTable {
    const gone: GoneTable = { kept: { window, bytes }, keys: [], entries: [] }
    const take = (all: Iterable<ReduceCell>, stored: readonly unknown[]): void => {
      let at = 0
      for (const { key, details } of all) {
        const order = at++
        if (next === undefined ? order >= stored.length : details?.kept === undefined) continue
        const ofCell = next === undefined ? (this.#lists ? (stored[order] as KeptCell) : undefined) : details?.kept
        gone.keys.push(key)
        gone.entries.push(ofCell?.entries ?? 0)
      }
    }
    take(cells.primitives.values(), primitives)
    take(cells.encoded(), encoded)
    return gone
  }

  #newTable({ window, role }: ReduceTable, order: number): KeptTable {
    const bytes = this.#form.place(role, window)
    return { window, bytes, order, flags: -1, primitives: [], encoded: [], next: undefined }
  }

  /** What is stored of a table that has been taken back. */
  restore({ table, written, cells }: StoredTable): void {
    const kept = this.#newTable(table, written.order)
    this.#order = Math.max(this.#order, written.order + 1)
    kept.flags = flagsOf(table)
    table.kept = kept
    if (!table.isFast) {
      kept.next = cells.reduce((next, { kept: { order } }) => Math.max(next, order + 1), 0)
      for (const { cell, kept: ofCell } of cells) if (cell.details !== undefined) cell.details.kept = ofCell
      return
    }
    const byCell = new Map(cells.map((stored) => [stored.cell, stored]))
    const take = (all: Iterable<ReduceCell>, into: unknown[]): void => {
      for (const cell of all) {
        const stored = byCell.get(cell)
        const isObject = typeof cell.accumulator === 'object' && cell.accumulator !== null
        into.push(this.#lists ? stored?.kept : this.#isImmutable || !isObject ? cell.accumulator : stored?.content)
      }
    }
    take(table.cells.primitives.values(), kept.primitives)
    take(table.cells.encoded(), kept.encoded)
  }
}

function flagsOf({ isFast, isAskedAtEnd, isSliced }: WrittenTable | ReduceTable): number {
  return (isFast ? FAST : 0) | (isAskedAtEnd ? ASKED_AT_END : 0) | (isSliced ? SLICED : 0)
}

/** What the flags of an entry say. */
export function tableOf(flags: number, order: number): WrittenTable {
  return {
    order,
    isFast: (flags & FAST) !== 0,
    isAskedAtEnd: (flags & ASKED_AT_END) !== 0,
    isSliced: (flags & SLICED) !== 0,
  }
}
