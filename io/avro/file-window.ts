/**
 * Bytes of a file at any offset, read in blocks: what lies close together costs one read.
 *
 * Law: what is given out are the bytes at that offset, fewer than asked for only at the end of the file; they are valid
 * until the next call.
 */
import type { FileHandle } from '../../sdk/env.js'

/** Bytes read at a time. */
const BLOCK_BYTES = 256 * 1024

/** A file and the part of it that is in memory. */
export class FileWindow {
  readonly #handle: FileHandle
  #buffer = new Uint8Array(0)
  #start = 0
  #end = 0

  constructor(handle: FileHandle) {
    this.#handle = handle
  }

  /** The bytes `[offset, offset + length)`. */
  bytes(offset: number, length: number): Uint8Array {
    if (offset < this.#start || offset + length > this.#end) this.#load(offset, length)
    const from = offset - this.#start
    return this.#buffer.subarray(from, Math.min(from + length, this.#end - this.#start))
  }

  /** Offset of the first occurrence of `wanted` that begins in `[from, to)`. */
  find(wanted: Uint8Array, from: number, to: number): number | undefined {
    for (let at = from; at < to;) {
      const bytes = this.bytes(at, Math.min(BLOCK_BYTES, to - at + wanted.length - 1))
      const found = indexOf(bytes, wanted)
      if (found >= 0) return at + found
      if (bytes.length < wanted.length) return undefined
      at += bytes.length - wanted.length + 1
    }
    return undefined
  }

  close(): void {
    this.#handle.close()
  }

  #load(offset: number, length: number): void {
    if (this.#buffer.length < length || this.#buffer.length > Math.max(4 * length, BLOCK_BYTES))
      this.#buffer = new Uint8Array(Math.max(length, BLOCK_BYTES))
    let filled = 0
    this.#start = this.#end = offset
    while (filled < length) {
      const count = this.#handle.read(this.#buffer, filled, this.#buffer.length - filled, offset + filled)
      if (count === 0) break
      filled += count
    }
    this.#end = offset + filled
  }
}

function indexOf(bytes: Uint8Array, wanted: Uint8Array): number {
  const first = wanted[0] as number
  for (
    let at = bytes.indexOf(first);
    at >= 0 && at + wanted.length <= bytes.length;
    at = bytes.indexOf(first, at + 1)
  ) {
    let i = 1
    while (i < wanted.length && bytes[at + i] === wanted[i]) i++
    if (i === wanted.length) return at
  }
  return -1
}
