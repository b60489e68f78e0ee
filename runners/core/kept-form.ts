/**
 * The ids of what a grouping keeps. An id says what the entry is, where it lies, whose key it is of.
 *
 * Law: no two things have one id, and an id gives back what it was made of.
 */
import { type ByteReader, ByteWriter, type Coder } from '../../sdk/coders/index.js'
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import type { EntryWriter } from './kept-entries.js'
import type { TableRole } from './reduce-table.js'

/** What entries are: of the whole stage, a table, a cell, some values of a list, a key whose windows merge. */
export const STAGE = 0
export const TABLE = 1
export const CELL = 2
export const VALUES = 3
export const KEY = 4

/** Where cells lie. */
export type PlaceRole = TableRole | 'merging'

const ROLES: readonly PlaceRole[] = ['window', 'slice', 'union', 'merging']

/** How the place of a union begins. */
export const UNION_ROLE: number = ROLES.indexOf('union')

/** Writes and reads ids of one grouping. */
export class KeptForm {
  readonly #keyCoder: Coder<unknown>
  readonly #windowCoder: Coder<BoundedWindow>
  readonly #out = new ByteWriter()

  constructor(keyCoder: Coder<unknown>, windowCoder: Coder<BoundedWindow>) {
    this.#keyCoder = keyCoder
    this.#windowCoder = windowCoder
  }

  /** The part of an id that says where a cell lies. */
  place(role: PlaceRole, window: BoundedWindow): Uint8Array {
    const out = this.#out
    out.reset()
    out.byte(ROLES.indexOf(role))
    this.#windowCoder.encode(window, out, true)
    return out.take()
  }

  readPlace(input: ByteReader): { readonly role: PlaceRole; readonly window: BoundedWindow } {
    const start = input.position
    const role = ROLES[input.byte()]
    if (role === undefined) throw input.error('no place begins like this', start)
    return { role, window: this.#windowCoder.decode(input, true) }
  }

  writeWindow(out: ByteWriter, window: BoundedWindow): void {
    this.#windowCoder.encode(window, out, true)
  }

  readWindow(input: ByteReader): BoundedWindow {
    return this.#windowCoder.decode(input, true)
  }

  /** Begins an entry that is no key's. */
  begin(writer: EntryWriter, what: number, place?: Uint8Array): void {
    writer.begin()
    writer.out.byte(what)
    if (place !== undefined) writer.out.bytes(place)
  }

  /** Begins an entry of a key. */
  beginOf(writer: EntryWriter, what: number, place: Uint8Array | undefined, key: unknown): void {
    const { out } = writer
    this.begin(writer, what, place)
    writer.beginKey()
    this.#keyCoder.encode(key, out, true)
    writer.endKey()
  }

  readKey(input: ByteReader): unknown {
    return this.#keyCoder.decode(input, true)
  }
}

/** Bytes as a text that no other bytes have. */
export function textOf(bytes: Uint8Array): string {
  let text = ''
  for (let from = 0; from < bytes.length; from += 4096) {
    text += String.fromCharCode.apply(null, bytes.subarray(from, from + 4096) as unknown as number[])
  }
  return text
}
