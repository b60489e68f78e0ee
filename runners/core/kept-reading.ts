/**
 * Reads what a grouping has kept: entries in any order become tables, cells and keys.
 */
import { ByteReader } from '../../sdk/coders/index.js'
import { invariant } from '../../sdk/invariant.js'
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import { type CellFormat, whole, type WrittenCell } from './cell-format.js'
import { CELL, KEY, type KeptForm, type PlaceRole, STAGE, TABLE, textOf, VALUES } from './kept-form.js'
import type { KeptEntry } from './kept-state.js'
import { tableOf, type WrittenTable } from './kept-tables.js'
import type { ClosingWindow } from './merging-windows.js'
import type { KeptCell } from './reduce-table.js'

/** A cell as it was read. */
export interface ReadCell {
  readonly key: unknown
  readonly written: WrittenCell
  readonly kept: KeptCell
  /** As the store has it. */
  readonly content: Uint8Array
}

/** A place as it was read. */
export interface ReadPlace {
  readonly role: PlaceRole
  readonly window: BoundedWindow
  table: WrittenTable | undefined
  readonly cells: ReadCell[]
}

/** A key whose windows merge as it was read. */
export interface ReadKey {
  readonly key: unknown
  readonly cells: readonly ReadCell[]
  readonly closing: readonly ClosingWindow[]
}

/** What was kept. */
export interface ReadEntries {
  /** What is kept of the grouping as a whole. */
  readonly stage: ByteReader | undefined
  /** Tables in their order, with their cells in theirs. */
  readonly tables: readonly (ReadPlace & { readonly table: WrittenTable })[]
  readonly keys: readonly ReadKey[]
}

/** Reads entries. */
export function readEntries(entries: Iterable<KeptEntry>, form: KeptForm, format: CellFormat): ReadEntries {
  let stage: ByteReader | undefined
  const places = new Map<string, ReadPlace>()
  const heads: { readonly key: unknown; readonly text: string; readonly content: Uint8Array }[] = []
  const byId = new Map<string, ReadCell>()
  const values: { readonly of: string; readonly n: number; readonly content: Uint8Array }[] = []
  const placeOf = (input: ByteReader, id: Uint8Array): ReadPlace => {
    const start = input.position
    const { role, window } = form.readPlace(input)
    const text = textOf(id.subarray(start, input.position))
    let place = places.get(text)
    if (place === undefined) places.set(text, (place = { role, window, table: undefined, cells: [] }))
    return place
  }
  for (const { id, content } of entries) {
    const input = new ByteReader(id)
    const what = input.byte()
    switch (what) {
      case STAGE:
        stage = new ByteReader(content)
        break
      case TABLE: {
        const of = new ByteReader(content)
        placeOf(input, id).table = tableOf(of.byte(), whole(of))
        break
      }
      case CELL: {
        const place = placeOf(input, id)
        const key = form.readKey(input)
        const written = format.read(new ByteReader(content), place.window)
        const kept: KeptCell = { order: written.order, list: undefined, length: 0, entries: 0 }
        const cell = { key, written, kept, content }
        place.cells.push(cell)
        if (place.role === 'merging' || Array.isArray(written.accumulator)) byId.set(textOf(id.subarray(1)), cell)
        break
      }
      case VALUES: {
        form.readPlace(input)
        form.readKey(input)
        const of = textOf(id.subarray(1, input.position))
        values.push({ of, n: whole(input), content })
        break
      }
      case KEY: {
        const start = input.position
        const key = form.readKey(input)
        heads.push({ key, text: textOf(id.subarray(start, input.position)), content })
        break
      }
      default:
        throw input.error('no entry begins like this', 0)
    }
  }
  for (const { of, content } of values.sort((a, b) => a.n - b.n)) addValues(byId.get(of), content, format)
  const all = [...places.values()]
  for (const { cells } of all) cells.sort((a, b) => a.written.order - b.written.order)
  const tables = all.filter((place): place is ReadPlace & { table: WrittenTable } => place.table !== undefined)
  return {
    stage,
    tables: tables.sort((a, b) => a.table.order - b.table.order),
    keys: heads.map(({ key, text, content }) => readKey(key, text, content, byId, form, format)),
  }
}

function addValues(cell: ReadCell | undefined, content: Uint8Array, format: CellFormat): void {
  invariant(cell !== undefined, 'values that are kept are those of a cell')
  const { kept, written } = cell
  const list = written.accumulator as unknown[]
  format.readValues(new ByteReader(content), list)
  kept.list = list
  kept.length = list.length
  kept.entries++
}

function readKey(
  key: unknown,
  text: string,
  content: Uint8Array,
  byId: ReadonlyMap<string, ReadCell>,
  form: KeptForm,
  format: CellFormat,
): ReadKey {
  const input = new ByteReader(content)
  const cells: ReadCell[] = []
  for (let left = whole(input); left > 0; left--) {
    const window = form.readWindow(input)
    const cell = byId.get(textOf(form.place('merging', window)) + text)
    invariant(cell !== undefined, 'a window that is kept has a cell', { window: String(window) })
    cells.push(cell)
  }
  const closing: ClosingWindow[] = []
  for (let left = whole(input); left > 0; left--) {
    const window = form.readWindow(input)
    closing.push({ window, trigger: input.byte() === 0 ? undefined : format.readTrigger(input) })
  }
  return { key, cells, closing }
}
