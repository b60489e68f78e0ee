/**
 * How many values the pages of a column chunk say they have: looked at before hyparquet takes memory for them.
 *
 * Law: a chunk is refused only for what its headers say; bytes that are no headers are left for hyparquet to refuse.
 */
import { coded } from '../../sdk/error-codes.js'

/** Structs within structs: page headers have three levels. */
const DEPTH_MAX = 8

/** The fields of a header that are read: of a page its sizes, of its kinds the number of values. */
const COMPRESSED_SIZE = 3
const KINDS: readonly number[] = [5, 7, 8]
const NUMBER_OF_VALUES = 1

/** Bytes of Thrift's compact protocol. */
class Compact {
  readonly #bytes: Uint8Array
  at: number
  compressedSize = 0
  values = 0

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes
    this.at = at
  }

  #byte(): number {
    const byte = this.#bytes[this.at++]
    if (byte === undefined) throw coded('MR-4104', new RangeError('the bytes end'))
    return byte
  }

  #varint(): number {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#byte()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
  }

  #signed(): number {
    const value = this.#varint()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  /** Reads a struct; `path` is the fields that lead to it. */
  struct(path: readonly number[]): void {
    if (path.length > DEPTH_MAX) throw coded('MR-4104', new RangeError('nested too deep'))
    for (let id = 0; ;) {
      const head = this.#byte()
      if (head === 0) return
      id = head >> 4 === 0 ? this.#signed() : id + (head >> 4)
      this.#value(head & 15, [...path, id])
    }
  }

  #value(type: number, path: readonly number[]): void {
    if (type <= 2) return
    if (type === 3) this.at++
    else if (type <= 6) this.#integer(path)
    else if (type === 7) this.at += 8
    else if (type === 8) this.at += this.#varint()
    else if (type === 12) this.struct(path)
    else throw coded('MR-4104', new RangeError('no page header has this'))
  }

  #integer([field, inner]: readonly number[]): void {
    const value = this.#signed()
    if (inner === undefined && field === COMPRESSED_SIZE) this.compressedSize = value
    if (inner === NUMBER_OF_VALUES && KINDS.includes(field as number)) this.values = value
  }
}

/** Checks a column chunk. @throws when its pages say that they have more than `max` values together. */
export function checkPages(chunk: Uint8Array, max: number): void {
  let values = 0
  for (let at = 0; at < chunk.length - 1;) {
    const header = new Compact(chunk, at)
    try {
      header.struct([])
    } catch {
      return
    }
    values += header.values
    if (header.values < 0 || values > max)
      throw coded(
        'MR-4107',
        new Error(`its pages are said to have ${values} values, more than ${max} (maxRowGroupBytes / 8)`),
      )
    if (header.compressedSize < 0) return
    at = header.at + header.compressedSize
  }
}
