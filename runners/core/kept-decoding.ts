/**
 * What is kept, as values: what the cells of records hold, timers, and what groupings have accumulated, read from entries without the
 * user code that a keeper needs.
 *
 * Law: what is read is what was written, as `kept-cells.ts`, `kept-records.ts` and `cell-format.ts` write it.
 */
import { ByteReader, type Coder } from '../../sdk/coders/index.js'
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import { skipToAccumulator, whole } from './cell-format.js'
import { numberOf } from './cells/kept-cells.js'
import { CELL, KeptForm, type PlaceRole, textOf, VALUES } from './kept-form.js'
import { RECORD_ID } from './kept-records.js'
import type { KeptEntry } from './kept-state.js'

/** A declared cell, and its coders. */
export interface CellDecoding {
  readonly name: string
  readonly kind: 'value' | 'bag' | 'set' | 'map' | 'multimap' | 'orderedList' | 'combining'
  readonly inPieces: boolean
  readonly value: Coder<unknown>
  readonly key: Coder<unknown>
}

/** What a cell or a timer of a key and window holds. */
export interface DecodedState {
  readonly key: unknown
  readonly window: BoundedWindow
  readonly kind: CellDecoding['kind'] | 'timer'
  readonly name: string
  /**
   * Of a value cell and of one that combines, the value (of a CombineFn, its accumulators); of a bag and a set, a list; of a map, pairs;
   * of a multimap, keys with lists; of an ordered list, `{ timestamp, value }`; of a timer, `{ fireTimestamp, outputTimestamp, tag }`.
   */
  readonly value: unknown
}

/** Reads the records of a step. */
export function decodeRecords(
  entries: Iterable<KeptEntry>,
  { key, window, cells, timers }: RecordDecoding,
): readonly DecodedState[] {
  const records: { id: string; key: unknown; window: BoundedWindow; content: Uint8Array }[] = []
  const parts = new Map<string, Map<string, Uint8Array>>()
  for (const { id, content } of entries) {
    if (id[0] !== RECORD_ID) continue
    const name = new ByteReader(id)
    name.byte()
    const of = { window: window.decode(name, true), key: key.decode(name, true) }
    const record = textOf(id.subarray(0, name.position))
    if (name.remaining === 0) {
      records.push({ id: record, ...of, content })
      continue
    }
    const cell = `${record} ${numberOf(name)}`
    let own = parts.get(cell)
    if (own === undefined) parts.set(cell, (own = new Map<string, Uint8Array>()))
    own.set(name.string(), content)
  }
  const serialOf = ({ content }: { readonly content: Uint8Array }): number => numberOf(new ByteReader(content))
  return records
    .sort((a, b) => serialOf(a) - serialOf(b))
    .flatMap(({ id, content, ...of }) => {
      const input = new ByteReader(content)
      numberOf(input)
      const held = cells.flatMap((cell, at): readonly DecodedState[] =>
        input.byte() === 0
          ? []
          : [{ ...of, kind: cell.kind, name: cell.name, value: decodeCell(cell, input, parts.get(`${id} ${at}`)) }],
      )
      return [...held, ...decodeTimers(input, timers).map((timer) => ({ ...of, kind: 'timer' as const, ...timer }))]
    })
}

/** How the records of a step are read. */
export interface RecordDecoding {
  readonly key: Coder<unknown>
  readonly window: Coder<BoundedWindow>
  readonly cells: readonly CellDecoding[]
  /** Names of timers. */
  readonly timers: readonly string[]
}

function decodeTimers(input: ByteReader, names: readonly string[]): readonly Pick<DecodedState, 'name' | 'value'>[] {
  return Array.from({ length: numberOf(input) }, () => {
    const name = names[numberOf(input)] ?? ''
    const flags = input.byte()
    const tag = (flags & 1) === 0 ? undefined : input.string()
    const times = { fireTimestamp: input.double(), outputTimestamp: input.double() }
    numberOf(input)
    return { name, value: tag === undefined ? times : { ...times, tag } }
  })
}

type CellParts = ReadonlyMap<string, Uint8Array> | undefined

function decodeCell({ kind, inPieces, value, key }: CellDecoding, input: ByteReader, parts: CellParts): unknown {
  switch (kind) {
    case 'value':
      return value.decode(input, true)
    case 'combining': {
      if (!inPieces) return value.decode(input, true)
      return [0, 1].flatMap(() => (input.byte() === 0 ? [] : [value.decode(input, true)]))
    }
    case 'bag':
      return decodeList(value, '', input, parts)
    case 'orderedList':
      numberOf(input)
      numberOf(input)
      return [...(parts?.values() ?? [])].flatMap((part) => decodeItems(value, part)).sort(byTime)
    default: {
      numberOf(input)
      numberOf(input)
      const entries = [...(parts ?? [])].flatMap(([name, part]) =>
        name.includes('.') ? [] : decodeEntries(kind, key, value, new ByteReader(part), parts),
      )
      entries.sort((a, b) => a.serial - b.serial)
      return entries.map((entry) => (kind === 'set' ? entry.key : [entry.key, entry.value]))
    }
  }
}

function decodeList(value: Coder<unknown>, prefix: string, input: ByteReader, parts: CellParts): unknown[] {
  const full = numberOf(input)
  const rest = numberOf(input)
  const items: unknown[] = []
  for (let part = 0; part < full; part++) {
    const content = new ByteReader(parts?.get(`${prefix}${part}`) ?? new Uint8Array())
    while (content.remaining > 0) items.push(value.decode(content, true))
  }
  for (let left = rest; left > 0; left--) items.push(value.decode(input, true))
  return items
}

interface DecodedItem {
  readonly timestamp: number
  readonly value: unknown
}

function byTime(a: DecodedItem, b: DecodedItem): number {
  return a.timestamp - b.timestamp
}

function decodeItems(value: Coder<unknown>, part: Uint8Array): readonly DecodedItem[] {
  const items: DecodedItem[] = []
  for (const input = new ByteReader(part); input.remaining > 0;) {
    const timestamp = input.double()
    numberOf(input)
    items.push({ timestamp, value: value.decode(input, true) })
  }
  return items
}

function decodeEntries(
  kind: 'set' | 'map' | 'multimap',
  key: Coder<unknown>,
  value: Coder<unknown>,
  input: ByteReader,
  parts: CellParts,
): readonly { readonly serial: number; readonly key: unknown; readonly value: unknown }[] {
  const entries: { serial: number; key: unknown; value: unknown }[] = []
  while (input.remaining > 0) {
    const serial = numberOf(input)
    numberOf(input)
    const own = key.decode(input, true)
    const held =
      kind === 'set'
        ? undefined
        : kind === 'map'
          ? value.decode(input, true)
          : decodeList(value, `${serial}.`, input, parts)
    entries.push({ serial, key: own, value: held })
  }
  return entries
}

// ---- groupings -----------------------------------------------------------------------------------------------------

/** What a grouping has of a key in a window. */
export interface DecodedCell {
  readonly key: unknown
  readonly window: BoundedWindow
  /** Cells of slices are not those of windows: see `window-slices.ts`. */
  readonly role: PlaceRole
  /** The accumulator, or the values in their order. */
  readonly value: unknown
}

/** Reads the cells of a grouping. Those to which nothing has come since their last pane are left out. */
export function decodeGrouping(
  entries: Iterable<KeptEntry>,
  key: Coder<unknown>,
  window: Coder<BoundedWindow>,
  value: Coder<unknown>,
  isList: boolean,
): readonly DecodedCell[] {
  const form = new KeptForm(key, window)
  const cells: DecodedCell[] = []
  const lists = new Map<string, { cell: Omit<DecodedCell, 'value'>; parts: { n: number; values: unknown[] }[] }>()
  for (const { id, content } of entries) {
    if (id[0] !== CELL && id[0] !== VALUES) continue
    const name = new ByteReader(id)
    name.byte()
    const cell = { ...form.readPlace(name), key: form.readKey(name) }
    const input = new ByteReader(content)
    if (id[0] === CELL) {
      if (!isList && skipToAccumulator(input)) cells.push({ ...cell, value: value.decode(input, false) })
      continue
    }
    const of = textOf(id.subarray(1, name.position))
    let list = lists.get(of)
    if (list === undefined) lists.set(of, (list = { cell, parts: [] }))
    list.parts.push({ n: whole(name), values: Array.from({ length: whole(input) }, () => value.decode(input, true)) })
  }
  for (const { cell, parts } of lists.values())
    cells.push({ ...cell, value: parts.sort((a, b) => a.n - b.n).flatMap(({ values }) => values) })
  return cells
}
