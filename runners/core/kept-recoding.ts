/**
 * What is kept, written anew by other coders: entries of records, of their cells and of groupings, byte by byte, without the user code
 * that a keeper needs.
 *
 * Law: what is not recoded is as it was, and what is recoded holds the same values in the same order.
 */
import { ByteReader, type ByteWriter, type Coder } from '../../sdk/coders/index.js'
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import { skipToAccumulator, whole } from './cell-format.js'
import { bytesOf, numberOf } from './cells/kept-cells.js'
import { CELL, VALUES } from './kept-form.js'
import { ELEMENT_ID } from './keyed-state-keeper.js'
import { RECORD_ID } from './kept-records.js'
import type { KeptEntry } from './kept-state.js'

/** Reads a value as it was written, and writes it as it is to be. */
export type Recode = (input: ByteReader, out: ByteWriter, nested: boolean) => void

/** What writes a value anew. @param convert makes of it what the new coder takes. */
export function recodeOf(from: Coder<unknown>, to: Coder<unknown>, convert: (value: unknown) => unknown): Recode {
  return (input, out, nested) => to.encode(convert(from.decode(input, nested)), out, nested)
}

// ---- state cells ---------------------------------------------------------------------------------------------------

/** A declared cell, as it was stored. */
export interface CellRecoding {
  readonly kind: 'value' | 'bag' | 'set' | 'map' | 'multimap' | 'orderedList' | 'combining'
  /** Of combining cells: whether a CombineFn may change its accumulators, of which two are then stored. */
  readonly inPieces: boolean
  /** Its place among the cells now; `undefined` when it is dropped. */
  readonly at: number | undefined
  readonly value: Recode
  /** Of sets, maps and multimaps. */
  readonly key: Recode
}

/** What stands of a cell in the entry of its record. */
function recodeHeld({ kind, inPieces, value }: CellRecoding, input: ByteReader, out: ByteWriter): void {
  switch (kind) {
    case 'value':
      value(input, out, true)
      return
    case 'combining':
      if (!inPieces) return value(input, out, true)
      for (let piece = 0; piece < 2; piece++) {
        const flag = input.byte()
        out.byte(flag)
        if (flag !== 0) value(input, out, true)
      }
      return
    case 'bag':
      return recodeList(value, input, out)
    default:
      for (let counter = 0; counter < 2; counter++) out.varint(numberOf(input))
  }
}

function recodeList(value: Recode, input: ByteReader, out: ByteWriter): void {
  out.varint(numberOf(input))
  const rest = numberOf(input)
  out.varint(rest)
  for (let left = rest; left > 0; left--) value(input, out, true)
}

/** A part of a cell that has many things. */
function recodePart({ kind, key, value }: CellRecoding, name: string, input: ByteReader, out: ByteWriter): void {
  while (input.remaining > 0) {
    if (kind === 'bag' || name.includes('.')) value(input, out, true)
    else if (kind === 'orderedList') {
      out.double(input.double())
      out.varint(numberOf(input))
      value(input, out, true)
    } else {
      out.varint(numberOf(input))
      out.varint(numberOf(input))
      key(input, out, true)
      if (kind === 'map') value(input, out, true)
      if (kind === 'multimap') recodeList(value, input, out)
    }
  }
}

// ---- records -------------------------------------------------------------------------------------------------------

/** The records of a step. */
export interface RecordRecoding {
  readonly key: Coder<unknown>
  readonly window: Coder<BoundedWindow>
  /** As they were declared. */
  readonly cells: readonly CellRecoding[]
  /** How many there are now. */
  readonly cellCount: number
  /** The place of each timer that was declared among those of now; `undefined` when it is dropped. */
  readonly timers: readonly (number | undefined)[]
  /** An element that waits to be sorted. */
  readonly element: (content: Uint8Array) => Uint8Array
}

/** An entry of a stateful step. @returns `undefined` when nothing is left of it. */
export function recodeRecord(entry: KeptEntry, recoding: RecordRecoding): KeptEntry | undefined {
  const { id, content } = entry
  if (id[0] === ELEMENT_ID) return { ...entry, content: recoding.element(content) }
  if (id[0] !== RECORD_ID) return entry
  const name = new ByteReader(id)
  name.byte()
  recoding.window.decode(name, true)
  recoding.key.decode(name, true)
  if (name.remaining === 0) {
    const written = recordContent(new ByteReader(content), recoding)
    return written === undefined ? undefined : { ...entry, content: written }
  }
  const place = id.subarray(0, name.position)
  const cell = recoding.cells[numberOf(name)]
  const part = name.string()
  if (cell?.at === undefined) return undefined
  const { at } = cell
  return {
    ...entry,
    id: bytesOf((out) => {
      out.bytes(place)
      out.varint(at)
      out.string(part)
    }),
    content: bytesOf((out) => recodePart(cell, part, new ByteReader(content), out)),
  }
}

function recordContent(input: ByteReader, { cells, cellCount, timers }: RecordRecoding): Uint8Array | undefined {
  const serial = numberOf(input)
  const held = new Map<number, Uint8Array>()
  for (const cell of cells) {
    if (input.byte() === 0) continue
    const bytes = bytesOf((out) => recodeHeld(cell, input, out))
    if (cell.at !== undefined) held.set(cell.at, bytes)
  }
  const settings: Uint8Array[] = []
  for (let left = numberOf(input); left > 0; left--) {
    const at = timers[numberOf(input)]
    const bytes = bytesOf((out) => {
      out.varint(at ?? 0)
      copySetting(input, out)
    })
    if (at !== undefined) settings.push(bytes)
  }
  const fired = Array.from({ length: numberOf(input) }, () => input.string()).flatMap((slot) => {
    const [timer = '', ...tag] = slot.split(' ')
    const at = timers[Number(timer)]
    return at === undefined ? [] : [`${at} ${tag.join(' ')}`]
  })
  if (held.size === 0 && settings.length === 0 && fired.length === 0) return undefined
  return bytesOf((out) => {
    out.varint(serial)
    for (let cell = 0; cell < cellCount; cell++) {
      const bytes = held.get(cell)
      out.byte(bytes === undefined ? 0 : 1)
      if (bytes !== undefined) out.bytes(bytes)
    }
    out.varint(settings.length)
    for (const bytes of settings) out.bytes(bytes)
    out.varint(fired.length)
    for (const slot of fired) out.string(slot)
  })
}

/** What follows the place of a timer, as `kept-records.ts` writes it. */
function copySetting(input: ByteReader, out: ByteWriter): void {
  const flags = input.byte()
  out.byte(flags)
  if ((flags & 1) !== 0) out.string(input.string())
  out.double(input.double())
  out.double(input.double())
  out.varint(numberOf(input))
}

// ---- groupings -----------------------------------------------------------------------------------------------------

/** An entry of a grouping. @param value of an accumulator, or of a value where they are listed. */
export function recodeGrouping(entry: KeptEntry, value: Recode): KeptEntry {
  const { id, content } = entry
  if (id[0] === VALUES) {
    const input = new ByteReader(content)
    return {
      ...entry,
      content: bytesOf((out) => {
        const count = whole(input)
        out.varint(count)
        for (let left = count; left > 0; left--) value(input, out, true)
      }),
    }
  }
  if (id[0] !== CELL) return entry
  const input = new ByteReader(content)
  if (!skipToAccumulator(input)) return entry
  return {
    ...entry,
    content: bytesOf((out) => {
      out.bytes(content.subarray(0, input.position))
      value(input, out, false)
    }),
  }
}
