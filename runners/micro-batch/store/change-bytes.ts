/**
 * Changes of entries as bytes, in chunks that can be read one by one, and their hash.
 *
 * Law: what is decoded is what was encoded, in the same order; the hash depends on what the changes are and not on their order, so
 * two attempts of a batch that did the same have the same hash.
 */
import { coded } from '../../../sdk/error-codes.js'
import type { Change } from './checkpoint-store.js'

/** A chunk is ended when it is at least this long. */
export const CHUNK_BYTES: number = 1 << 20

/** The hash of no changes. */
export const NO_CHANGES = '0000000000000000'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

/** Changes on their way to a store. */
export class ChangeWriter {
  /** Whole chunks; those that were taken out are gone. */
  #chunks: Uint8Array[] = []
  #target: Uint8Array
  #length = 0
  #part: string | undefined
  readonly #seeds = new Map<string, number>()
  #low = 0
  #high = 0
  /** Changes that were put in. */
  count = 0
  /** Bytes of all chunks. */
  bytes = 0
  readonly #chunkBytes: number

  constructor(chunkBytes: number = CHUNK_BYTES) {
    this.#chunkBytes = chunkBytes
    this.#target = new Uint8Array(Math.min(chunkBytes + 256, 4096))
  }

  /** Puts a change in. */
  put(part: string, slot: number, id: Uint8Array, content: Uint8Array | undefined): void {
    if (this.#part !== part) this.#beginPart(part)
    this.#room(id.length + (content?.length ?? 0) + 24)
    const start = this.#length
    this.#number(1)
    this.#number(slot)
    this.#number(id.length)
    this.#append(id)
    this.#number(content === undefined ? 0 : content.length + 1)
    if (content !== undefined) this.#append(content)
    this.#hash(this.#seeds.get(part) as number, start)
    this.count++
    if (this.#length >= this.#chunkBytes) this.#endChunk()
  }

  /** Puts all of them in. */
  putAll(changes: Iterable<Change>): this {
    for (const { part, slot, id, content } of changes) this.put(part, slot, id, content)
    return this
  }

  /** Hash of all changes so far. */
  get hash(): string {
    return hex(this.#high) + hex(this.#low)
  }

  /** The chunks that are whole, each given out once. */
  takeChunks(): readonly Uint8Array[] {
    const chunks = this.#chunks
    this.#chunks = []
    return chunks
  }

  /** All that are left. */
  finish(): readonly Uint8Array[] {
    if (this.#length > 0) this.#endChunk()
    return this.takeChunks()
  }

  #beginPart(part: string): void {
    const name = encoder.encode(part)
    this.#room(name.length + 12)
    this.#number(0)
    this.#number(name.length)
    this.#append(name)
    this.#part = part
    if (!this.#seeds.has(part)) {
      let seed = 0x811c9dc5
      for (const byte of name) seed = Math.imul(seed ^ byte, 0x01000193)
      this.#seeds.set(part, seed)
    }
  }

  #endChunk(): void {
    this.#chunks.push(this.#target.slice(0, this.#length))
    this.bytes += this.#length
    this.#length = 0
    this.#part = undefined
  }

  /** Adds the hash of the bytes since `start`: two lanes of 32 bits, finished so that sums of them say something. */
  #hash(seed: number, start: number): void {
    const target = this.#target
    let a = seed
    let b = ~seed
    for (let i = start; i < this.#length; i++) {
      const byte = target[i] as number
      a = Math.imul(a ^ byte, 0x01000193)
      b = Math.imul(b + byte, 0x9e3779b1)
      b ^= b >>> 15
    }
    a = finished(a ^ (b >>> 7))
    b = finished(b ^ Math.imul(a, 0x27d4eb2f))
    const low = this.#low + (a >>> 0)
    this.#low = low >>> 0
    this.#high = (this.#high + (b >>> 0) + (low > 0xffffffff ? 1 : 0)) >>> 0
  }

  #room(bytes: number): void {
    const needed = this.#length + bytes
    if (needed <= this.#target.length) return
    const larger = new Uint8Array(Math.max(needed, this.#target.length * 2))
    larger.set(this.#target.subarray(0, this.#length))
    this.#target = larger
  }

  #append(bytes: Uint8Array): void {
    this.#target.set(bytes, this.#length)
    this.#length += bytes.length
  }

  #number(value: number): void {
    let rest = value
    while (rest > 0x7f) {
      this.#target[this.#length++] = (rest & 0x7f) | 0x80
      rest = Math.floor(rest / 128)
    }
    this.#target[this.#length++] = rest
  }
}

/** Reads a chunk. Bytes of ids and contents are views of it. @throws {RangeError} when it is no chunk. */
export function* changesIn(chunk: Uint8Array): Generator<Change, void, undefined> {
  let at = 0
  const number = (): number => {
    let value = 0
    let factor = 1
    for (;;) {
      const byte = chunk[at++]
      if (byte === undefined) throw ended()
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
      factor *= 128
    }
  }
  const bytes = (length: number): Uint8Array => {
    const end = at + length
    if (end > chunk.length) throw ended()
    const view = chunk.subarray(at, end)
    at = end
    return view
  }
  let part: string | undefined
  while (at < chunk.length) {
    if (number() === 0) {
      part = decoder.decode(bytes(number()))
      continue
    }
    if (part === undefined) throw ended()
    const slot = number()
    const id = bytes(number())
    const length = number()
    yield { part, slot, id, content: length === 0 ? undefined : bytes(length - 1) }
  }
}

/** The newest change of each entry. */
export class NewestChanges {
  readonly #changes = new Map<string, Change>()

  /** Takes a change that is newer than those before. */
  put(change: Change): void {
    this.#changes.set(keyOf(change), change)
  }

  has(change: Change): boolean {
    return this.#changes.has(keyOf(change))
  }

  values(): Iterable<Change> {
    return this.#changes.values()
  }
}

/** What an entry is called, among all of a partition. */
export function keyOf({ part, id }: { readonly part: string; readonly id: Uint8Array }): string {
  let key = `${part}\u0000`
  for (let at = 0; at < id.length; at += 4096) key += String.fromCharCode(...id.subarray(at, at + 4096))
  return key
}

function ended(): RangeError {
  return coded('MR-6103', new RangeError('changes end too early'))
}

function finished(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0')
}
