/**
 * The form in which changes lie in a store: chunks of records, each of which can be read by itself.
 *
 * A record is a 1, its slot, its id behind the length of it, and 0 where the entry is gone, else the content behind its length plus 1.
 * A 0 and a name stand before the records of a part. Numbers are varints.
 *
 * Law: what is read is what was written, in the same order.
 */
import { coded } from '../../../sdk/error-codes.js'

/** A chunk is ended when it is at least this long. */
export const CHUNK_BYTES: number = 1 << 20

/** Room in a writer at first: each batch begins with it, and most change little. */
const FIRST_BYTES = 512
/** Room for the numbers of a record. */
const NUMBERS_BYTES = 24
/** Copying this few bytes by a loop beats the call of `set`. */
const LOOP_COPY_MAX = 64

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

/** Writes chunks. */
export class ChunkWriter {
  /** Whole chunks; those that were taken out are gone. */
  #chunks: Uint8Array[] = []
  #target: Uint8Array
  #length = 0
  #part: string | undefined
  /** Bytes of all whole chunks. */
  bytes = 0
  readonly #chunkBytes: number

  constructor(chunkBytes: number = CHUNK_BYTES) {
    this.#chunkBytes = chunkBytes
    this.#target = new Uint8Array(Math.min(chunkBytes + 256, FIRST_BYTES))
  }

  /** Puts a record in. */
  put(part: string, slot: number, id: Uint8Array, content: Uint8Array | undefined): void {
    const contentLength = content === undefined ? 0 : content.length
    const start = this.#begin(part, id.length + contentLength + NUMBERS_BYTES)
    this.#number(1)
    this.#number(slot)
    this.#number(id.length)
    this.#append(id, 0, id.length)
    this.#number(content === undefined ? 0 : contentLength + 1)
    if (content !== undefined) this.#append(content, 0, contentLength)
    this.#end(part, start)
  }

  /** Puts in a record as it lies in another chunk. */
  copy(part: string, chunk: Uint8Array, from: number, to: number): void {
    const start = this.#begin(part, to - from)
    this.#append(chunk, from, to)
    this.#end(part, start)
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

  /** A record was written. */
  protected wrote(_part: string, _bytes: Uint8Array, _from: number, _to: number): void {
    // For those who want to know.
  }

  #begin(part: string, bytes: number): number {
    if (this.#part !== part) this.#beginPart(part)
    this.#room(bytes)
    return this.#length
  }

  #end(part: string, start: number): void {
    this.wrote(part, this.#target, start, this.#length)
    if (this.#length >= this.#chunkBytes) this.#endChunk()
  }

  #beginPart(part: string): void {
    const name = encoder.encode(part)
    this.#room(name.length + NUMBERS_BYTES)
    this.#number(0)
    this.#number(name.length)
    this.#append(name, 0, name.length)
    this.#part = part
  }

  #endChunk(): void {
    this.#chunks.push(this.#target.slice(0, this.#length))
    this.bytes += this.#length
    this.#length = 0
    this.#part = undefined
  }

  #room(bytes: number): void {
    const needed = this.#length + bytes
    if (needed <= this.#target.length) return
    const larger = new Uint8Array(Math.max(needed, this.#target.length * 2))
    larger.set(this.#target.subarray(0, this.#length))
    this.#target = larger
  }

  #append(bytes: Uint8Array, from: number, to: number): void {
    const target = this.#target
    let at = this.#length
    if (to - from <= LOOP_COPY_MAX) for (let i = from; i < to; i++) target[at++] = bytes[i] as number
    else {
      target.set(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to), at)
      at += to - from
    }
    this.#length = at
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

/** Reads the records of a chunk, one after the other. Where one lies is said by positions: nothing is copied. */
export class ChunkReader {
  readonly chunk: Uint8Array
  /** What the record at hand belongs to. */
  part = ''
  /** Where the record begins and ends. */
  start = 0
  end = 0
  slot = 0
  idStart = 0
  idEnd = 0
  /** -1: the entry is gone. */
  contentStart = -1
  #hasPart = false

  constructor(chunk: Uint8Array) {
    this.chunk = chunk
  }

  /** Goes on to the next record. @returns whether there is one. @throws {RangeError} when this is no chunk. */
  next(): boolean {
    for (;;) {
      if (this.end >= this.chunk.length) return false
      this.start = this.end
      if (this.#number() !== 0) break
      const length = this.#number()
      this.part = decoder.decode(this.chunk.subarray(this.end, this.#pass(length)))
      this.#hasPart = true
    }
    if (!this.#hasPart) throw ended()
    this.slot = this.#number()
    const idLength = this.#number()
    this.idStart = this.end
    this.idEnd = this.#pass(idLength)
    const length = this.#number()
    this.contentStart = length === 0 ? -1 : this.end
    if (length > 0) this.#pass(length - 1)
    return true
  }

  get id(): Uint8Array {
    return this.chunk.subarray(this.idStart, this.idEnd)
  }

  get content(): Uint8Array | undefined {
    return this.contentStart < 0 ? undefined : this.chunk.subarray(this.contentStart, this.end)
  }

  #pass(length: number): number {
    this.end += length
    if (this.end > this.chunk.length) throw ended()
    return this.end
  }

  #number(): number {
    const { chunk } = this
    let at = this.end
    let value = 0
    let factor = 1
    for (;;) {
      const byte = chunk[at++]
      if (byte === undefined) throw ended()
      value += (byte & 0x7f) * factor
      if (byte < 0x80) break
      factor *= 128
    }
    this.end = at
    return value
  }
}

function ended(): RangeError {
  return coded('MR-6103', new RangeError('changes end too early'))
}
