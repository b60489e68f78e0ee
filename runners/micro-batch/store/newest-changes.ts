/**
 * The newest record of each entry, among those of many chunks.
 *
 * Law: an entry is found by its part and the bytes of its id, whatever they are.
 */
import { canonicalHash } from '../../../sdk/coders/canonical-hash.js'
import { ChunkReader, type ChunkWriter } from './change-chunks.js'

/** Numbers that describe a record: its chunk, its part, where it begins and ends, where its id does, the hash of that. */
const FIELDS = 7
const CHUNK = 0
const PART = 1
const START = 2
const END = 3
const ID_START = 4
const ID_END = 5
const HASH = 6

const SLOTS_MIN = 16
const FREE = -1
const SEED_BYTES = 256

/** See the head of this file. */
export class NewestChanges {
  readonly #chunks: Uint8Array[] = []
  readonly #parts: string[] = []
  readonly #numbers = new Map<string, number>()
  /** What is known of each record; those of entries that are gone have a negative start. */
  #fields = new Int32Array(SLOTS_MIN * FIELDS)
  /** Indexes of records, by the hash of their entries. */
  #slots = new Int32Array(SLOTS_MIN * 2).fill(FREE)
  #count = 0
  /** Different from time to time, so that nobody can choose keys that all have one hash. */
  #seed = 0

  /** Takes the records of a chunk: they are newer than all before. */
  put(chunk: Uint8Array): void {
    const reader = new ChunkReader(chunk)
    if (this.#count === 0) this.#seed = canonicalHash(chunk, 0, Math.min(chunk.length, SEED_BYTES)) ^ chunk.length
    const number = this.#chunks.push(chunk) - 1
    let name: string | undefined
    let part = 0
    while (reader.next()) {
      if (reader.part !== name) part = this.#numberOf((name = reader.part))
      this.#take(reader, number, part)
    }
  }

  /** Whether there is a record of the entry that a reader stands at. */
  has(reader: ChunkReader): boolean {
    const part = this.#numbers.get(reader.part)
    return (
      part !== undefined &&
      (this.#slots[this.#slotOf(reader, part, hashOf(reader, part ^ this.#seed))] as number) !== FREE
    )
  }

  /** Writes the newest record of each entry that is there, in the order in which they were first met. */
  writeTo(writer: ChunkWriter): void {
    const fields = this.#fields
    for (let at = 0; at < this.#count * FIELDS; at += FIELDS) {
      const start = fields[at + START] as number
      if (start < 0) continue
      const part = this.#parts[fields[at + PART] as number] as string
      writer.copy(part, this.#chunks[fields[at + CHUNK] as number] as Uint8Array, start, fields[at + END] as number)
    }
  }

  #take(reader: ChunkReader, chunk: number, part: number): void {
    const hash = hashOf(reader, part ^ this.#seed)
    const slot = this.#slotOf(reader, part, hash)
    let index = this.#slots[slot] as number
    if (index === FREE) this.#slots[slot] = index = this.#count++
    if (this.#count * FIELDS > this.#fields.length) this.#fields = grown(this.#fields)
    const fields = this.#fields
    const at = index * FIELDS
    fields[at + CHUNK] = chunk
    fields[at + PART] = part
    fields[at + START] = reader.contentStart < 0 ? -1 : reader.start
    fields[at + END] = reader.end
    fields[at + ID_START] = reader.idStart
    fields[at + ID_END] = reader.idEnd
    fields[at + HASH] = hash
    if (this.#count * 2 > this.#slots.length) this.#rehash()
  }

  /** The slot of an entry: its own, or the free one that it would have. */
  #slotOf(reader: ChunkReader, part: number, hash: number): number {
    const slots = this.#slots
    const mask = slots.length - 1
    let slot = hash & mask
    for (;;) {
      const index = slots[slot] as number
      if (index === FREE || this.#isOf(index, reader, part, hash)) return slot
      slot = (slot + 1) & mask
    }
  }

  #isOf(index: number, { chunk, idStart, idEnd }: ChunkReader, part: number, hash: number): boolean {
    const fields = this.#fields
    const at = index * FIELDS
    if (fields[at + HASH] !== hash || fields[at + PART] !== part) return false
    const from = fields[at + ID_START] as number
    const length = idEnd - idStart
    if ((fields[at + ID_END] as number) - from !== length) return false
    const other = this.#chunks[fields[at + CHUNK] as number] as Uint8Array
    for (let i = 0; i < length; i++) if (other[from + i] !== chunk[idStart + i]) return false
    return true
  }

  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 2).fill(FREE)
    const mask = slots.length - 1
    for (let index = 0; index < this.#count; index++) {
      let slot = (this.#fields[index * FIELDS + HASH] as number) & mask
      while (slots[slot] !== FREE) slot = (slot + 1) & mask
      slots[slot] = index
    }
    this.#slots = slots
  }

  #numberOf(part: string): number {
    let number = this.#numbers.get(part)
    if (number === undefined) this.#numbers.set(part, (number = this.#parts.push(part) - 1))
    return number
  }
}

function grown(fields: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(fields.length * 2)
  larger.set(fields)
  return larger
}

/** FNV-1a, mixed so that the low bits depend on all others. */
function hashOf({ chunk, idStart, idEnd }: ChunkReader, seed: number): number {
  let hash = 0x811c9dc5 ^ Math.imul(seed, 0x9e3779b1)
  for (let i = idStart; i < idEnd; i++) hash = Math.imul(hash ^ (chunk[i] as number), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b)
  return hash ^ (hash >>> 13)
}
