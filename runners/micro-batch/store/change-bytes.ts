/**
 * Changes of entries as bytes, in chunks that can be read one by one, and their hash.
 *
 * Law: what is decoded is what was encoded, in the same order; the hash depends on what the changes are and not on their order, so
 * two attempts of a batch that did the same have the same hash.
 */
import { ChunkReader, ChunkWriter } from './change-chunks.js'
import type { Change } from './checkpoint-store.js'

/** The hash of no changes. */
export const NO_CHANGES = '0000000000000000'

/** Changes on their way to a store. */
export class ChangeWriter extends ChunkWriter {
  readonly #seeds = new Map<string, number>()
  #low = 0
  #high = 0
  /** Changes that were put in. */
  count = 0

  /** Puts all of them in. */
  putAll(changes: Iterable<Change>): this {
    for (const { part, slot, id, content } of changes) this.put(part, slot, id, content)
    return this
  }

  /** Hash of all changes so far. */
  get hash(): string {
    return hex(this.#high) + hex(this.#low)
  }

  /** Adds the hash of a record: two lanes of 32 bits, finished so that sums of them say something. */
  protected override wrote(part: string, bytes: Uint8Array, from: number, to: number): void {
    let seed = this.#seeds.get(part)
    if (seed === undefined) this.#seeds.set(part, (seed = seedOf(part)))
    let a = seed
    let b = ~seed
    for (let i = from; i < to; i++) {
      const byte = bytes[i] as number
      a = Math.imul(a ^ byte, 0x01000193)
      b = Math.imul(b + byte, 0x9e3779b1)
      b ^= b >>> 15
    }
    a = finished(a ^ (b >>> 7))
    b = finished(b ^ Math.imul(a, 0x27d4eb2f))
    const low = this.#low + (a >>> 0)
    this.#low = low >>> 0
    this.#high = (this.#high + (b >>> 0) + (low > 0xffffffff ? 1 : 0)) >>> 0
    this.count++
  }
}

function seedOf(part: string): number {
  let seed = 0x811c9dc5
  for (const byte of new TextEncoder().encode(part)) seed = Math.imul(seed ^ byte, 0x01000193)
  return seed
}

/** Reads a chunk. Bytes of ids and contents are views of it. @throws {RangeError} when it is no chunk. */
export function* changesIn(chunk: Uint8Array): Generator<Change, void, undefined> {
  const reader = new ChunkReader(chunk)
  while (reader.next()) yield { part: reader.part, slot: reader.slot, id: reader.id, content: reader.content }
}

function finished(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0')
}
