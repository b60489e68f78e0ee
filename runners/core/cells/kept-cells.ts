/**
 * What a store has of a state cell. Small things stand in the entry of their record; what a cell has many of stands in parts
 * of its own, so that one change among a hundred thousand items has few of them written again.
 *
 * Law: a cell that was restored holds the same values in the same order, and goes on as the cell that was stored would have.
 */
import { ByteReader, ByteWriter, type Coder } from '../../../sdk/coders/index.js'
import { invariant } from '../../../sdk/invariant.js'
import type { StateSpec } from '../../../sdk/state/state-spec.js'
import { toCombine } from '../../../sdk/transforms/combine.js'
import { UNSET } from '../state-internals.js'
import type { CellCoders } from './cell-place.js'
import { type CombineOf, Pieces } from './combining-cell.js'
import { Entries, type StoredEntry } from './entries.js'
import { type Item, SortedItems } from './sorted-items.js'

/** Items of a list that are stored together. What is not enough for a part stands with what holds the list. */
const LIST_PART = 32

/** Takes the parts of one cell, by name. */
export interface PartSink {
  /** Whether a part of that name is stored, and of what the cell holds now. */
  has(name: string): boolean
  put(name: string, content: Uint8Array): void
  remove(name: string): void
}

/** How cells of one declaration are stored. */
export interface CellKeeping {
  /** Writes what stands in the entry of the record, and the parts that have changed. */
  save(held: unknown, out: ByteWriter, parts: PartSink): void
  restore(input: ByteReader, parts: ReadonlyMap<string, Uint8Array>): unknown
}

/** How the cells of a declaration are stored. */
export function cellKeeping(step: string, spec: StateSpec, { value, key }: CellCoders): CellKeeping {
  switch (spec.kind) {
    case 'value':
      return valueKeeping(value)
    case 'combining': {
      const combine = toCombine(spec.combiner, step)
      return combine.kind === 'full' ? piecesKeeping(value, combine.fn) : valueKeeping(value)
    }
    case 'bag':
      return bagKeeping(value)
    case 'set':
      return entriesKeeping<true>(key ?? value, {
        write: () => undefined,
        read: () => true,
        forget: () => undefined,
      })
    case 'map':
      return entriesKeeping(key ?? value, {
        write: (item, out) => value.encode(item, out, true),
        read: (input) => value.decode(input, true),
        forget: () => undefined,
      })
    case 'multimap':
      return entriesKeeping(key ?? value, listsOf(value))
    case 'orderedList':
      return sortedKeeping(value)
  }
}

function valueKeeping(coder: Coder<unknown>): CellKeeping {
  return {
    save: (held, out) => coder.encode(held, out, true),
    restore: (input) => coder.decode(input, true),
  }
}

function piecesKeeping(coder: Coder<unknown>, combine: CombineOf): CellKeeping {
  return {
    save: (held, out) => {
      for (const accumulator of (held as Pieces).stored) {
        out.byte(accumulator === UNSET ? 0 : 1)
        if (accumulator !== UNSET) coder.encode(accumulator, out, true)
      }
    },
    restore: (input) => {
      const accumulator = (): unknown => (input.byte() === 0 ? UNSET : coder.decode(input, true))
      return Pieces.restored(combine, [accumulator(), accumulator()])
    },
  }
}

function bagKeeping(coder: Coder<unknown>): CellKeeping {
  return {
    save: (held, out, parts) => saveList(held as readonly unknown[], coder, '', out, parts),
    restore: (input, parts) => restoreList(input, coder, '', parts),
  }
}

/** How the value of an entry is stored. */
interface EntryValues<V> {
  write(value: V, out: ByteWriter, serial: number, parts: PartSink): void
  read(input: ByteReader, serial: number, parts: ReadonlyMap<string, Uint8Array>): V
  /** An entry of this number is not there; its parts must not be either. */
  forget(serial: number, parts: PartSink): void
}

function entriesKeeping<V>(keys: Coder<unknown>, values: EntryValues<V>): CellKeeping {
  return {
    save: (held, out, parts) => {
      const entries = held as Entries<V>
      for (const counter of entries.counters) out.varint(counter)
      for (const chunk of entries.takeTouched()) {
        const stored = entries.storedOf(chunk)
        const there = new Set(stored.map(({ serial }) => serial))
        for (const serial of Entries.serialsOf(chunk)) if (!there.has(serial)) values.forget(serial, parts)
        if (stored.length === 0) parts.remove(String(chunk))
        else
          parts.put(
            String(chunk),
            bytesOf((content) => writeEntries(stored, content, parts)),
          )
      }
    },
    restore: (input, parts) => {
      const counters = [numberOf(input), numberOf(input)] as const
      const entries: StoredEntry<V>[] = []
      for (const [name, content] of parts) {
        if (name.includes('.')) continue
        for (const chunk = new ByteReader(content); chunk.remaining > 0;) {
          const serial = numberOf(chunk)
          const from = numberOf(chunk)
          const key = keys.decode(chunk, true)
          entries.push({ key, value: values.read(chunk, serial, parts), from, serial })
        }
      }
      return Entries.restored(
        keys,
        entries.sort((a, b) => a.serial - b.serial),
        counters,
      )
    },
  }

  function writeEntries(stored: readonly StoredEntry<V>[], out: ByteWriter, parts: PartSink): void {
    for (const { key, value, from, serial } of stored) {
      out.varint(serial)
      out.varint(from)
      keys.encode(key, out, true)
      values.write(value, out, serial, parts)
    }
  }
}

/** Lists of a multimap: what is long has parts named by the entry. */
function listsOf(coder: Coder<unknown>): EntryValues<unknown[]> {
  return {
    write: (items, out, serial, parts) => saveList(items, coder, `${serial}.`, out, parts),
    read: (input, serial, parts) => restoreList(input, coder, `${serial}.`, parts),
    forget: (serial, parts) => {
      for (let part = 0; parts.has(`${serial}.${part}`); part++) parts.remove(`${serial}.${part}`)
    },
  }
}

/** A list only grows, so a part that is full never changes. */
function saveList(
  items: readonly unknown[],
  coder: Coder<unknown>,
  prefix: string,
  out: ByteWriter,
  parts: PartSink,
): void {
  const full = Math.floor(items.length / LIST_PART)
  const write = (content: ByteWriter, from: number, to: number): void => {
    for (let i = from; i < to; i++) coder.encode(items[i], content, true)
  }
  out.varint(full)
  out.varint(items.length - full * LIST_PART)
  write(out, full * LIST_PART, items.length)
  for (let part = full - 1; part >= 0 && !parts.has(prefix + part); part--) {
    parts.put(
      prefix + part,
      bytesOf((content) => write(content, part * LIST_PART, (part + 1) * LIST_PART)),
    )
  }
}

function restoreList(
  input: ByteReader,
  coder: Coder<unknown>,
  prefix: string,
  parts: ReadonlyMap<string, Uint8Array>,
): unknown[] {
  const full = numberOf(input)
  const rest = numberOf(input)
  const items: unknown[] = []
  for (let part = 0; part < full; part++) {
    const content = parts.get(prefix + part)
    invariant(content !== undefined, 'a list has all its parts', { part })
    const reader = new ByteReader(content)
    for (let i = 0; i < LIST_PART; i++) items.push(coder.decode(reader, true))
  }
  for (let i = 0; i < rest; i++) items.push(coder.decode(input, true))
  return items
}

function sortedKeeping(coder: Coder<unknown>): CellKeeping {
  return {
    save: (held, out, parts) => {
      const items = held as SortedItems
      for (const counter of items.counters) out.varint(counter)
      for (const [id, chunk] of items.takeTouched()) {
        if (chunk.length === 0) parts.remove(String(id))
        else
          parts.put(
            String(id),
            bytesOf((content) => writeItems(chunk, content)),
          )
      }
    },
    restore: (input, parts) => {
      const counters = [numberOf(input), numberOf(input)] as const
      const chunks = [...parts].map(([id, content]) => [Number(id), readItems(new ByteReader(content))] as const)
      return SortedItems.restored(chunks, counters)
    },
  }

  function writeItems(items: readonly Item[], out: ByteWriter): void {
    for (const { timestamp, value, serial } of items) {
      out.double(timestamp)
      out.varint(serial)
      coder.encode(value, out, true)
    }
  }

  function readItems(input: ByteReader): Item[] {
    const items: Item[] = []
    while (input.remaining > 0) {
      const timestamp = input.double()
      const serial = numberOf(input)
      items.push({ timestamp, value: coder.decode(input, true), serial })
    }
    return items
  }
}

/** What `write` writes. */
export function bytesOf(write: (out: ByteWriter) => void): Uint8Array {
  const out = new ByteWriter()
  write(out)
  return out.take()
}

/** A varint that was a number when it was written. */
export function numberOf(input: ByteReader): number {
  return Number(input.varint())
}
