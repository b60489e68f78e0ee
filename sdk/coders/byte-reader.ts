/**
 * Where coders read bytes from.
 *
 * Law: a reader never reads past its end and never believes a length that is greater than what remains. On truncated or
 * corrupted input each call throws a {@link DecodeError} that names the position, without having allocated more than
 * the input is long.
 */
import { DecodeError } from '../errors.js'
import { compareRanges } from './byte-writer.js'
import { readUtf8 } from './utf8.js'

/**
 * Reads `bytes` from front to back.
 *
 * @example
 * ```ts
 * import { ByteReader } from './byte-reader.js'
 * new ByteReader(Uint8Array.of(0xac, 0x02)).varint() // => 300
 * ```
 */
export class ByteReader {
  private readonly buffer: Uint8Array
  private readonly data: DataView
  /** Index of the next byte. */
  position = 0
  private limit: number

  constructor(bytes: Uint8Array) {
    this.buffer = bytes
    this.data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.limit = bytes.length
  }

  /** Index after the last byte. */
  get end(): number {
    return this.limit
  }

  /** Number of bytes not read yet. */
  get remaining(): number {
    return this.limit - this.position
  }

  /** An error about the bytes at `position`. */
  error(problem: string, position: number = this.position): DecodeError {
    return new DecodeError('MR-4003', `${problem}, at byte ${position} of ${this.limit}`)
  }

  /** The next byte, 0 to 255. */
  byte(): number {
    if (this.position >= this.limit) throw this.truncated(1)
    return this.buffer[this.position++] as number
  }

  /** `length` bytes without a copy: they change when the underlying buffer does. */
  view(length: number): Uint8Array {
    return this.buffer.subarray(this.advance(length), this.position)
  }

  /** `length` bytes, as a copy of their own. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.view(length))
  }

  /** A varint as a 64-bit two's complement integer: a number where that is exact, else a bigint. */
  varint(): number | bigint {
    const start = this.position
    const first = this.byte()
    if (first < 0x80) return first
    let low = first & 0x7f
    let scale = 0x80
    // Seven groups are 49 bits, exact in a number.
    for (let i = 1; i < 7; i++) {
      const byte = this.byte()
      low += (byte & 0x7f) * scale
      if (byte < 0x80) return low
      scale *= 0x80
    }
    return this.wideVarint(start, low)
  }

  private wideVarint(start: number, low: number): number | bigint {
    let value = BigInt(low)
    for (let shift = 49n; shift <= 63n; shift += 7n) {
      const byte = this.byte()
      if (shift === 63n && byte > 1) break
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) {
        const signed = BigInt.asIntN(64, value)
        const exact = Number(signed)
        return Number.isSafeInteger(exact) ? exact : signed
      }
    }
    throw this.error('varint of more than 64 bits', start)
  }

  /** A varint that says how many bytes, or how many parts of at least one byte, follow. */
  length(): number {
    const start = this.position
    const length = this.varint()
    if (typeof length === 'bigint' || length < 0 || length > this.remaining) {
      throw this.error(`length ${length}, but only ${this.remaining} bytes follow`, start)
    }
    return length
  }

  /** Checks that the varint just read from `start` on had its shortest form, as canonical encodings demand. */
  assertShortestVarint(start: number): void {
    if (this.position - start > 1 && this.buffer[this.position - 1] === 0) {
      throw this.error('varint is longer than it must be', start)
    }
  }

  /** Two bytes, the highest first. */
  uint16(): number {
    return this.data.getUint16(this.advance(2))
  }

  /** Four bytes, the highest first. */
  uint32(): number {
    return this.data.getUint32(this.advance(4))
  }

  /** Four bytes of two's complement, the highest first. */
  int32(): number {
    return this.data.getInt32(this.advance(4))
  }

  /** Eight bytes of two's complement, the highest first. */
  int64(): bigint {
    return this.data.getBigInt64(this.advance(8))
  }

  /** Four bytes of IEEE 754. */
  float(): number {
    return this.data.getFloat32(this.advance(4))
  }

  /** Eight bytes of IEEE 754. */
  double(): number {
    return this.data.getFloat64(this.advance(8))
  }

  /** Steps over `expected` if the next bytes are those. */
  skip(expected: Uint8Array): boolean {
    const { buffer, position } = this
    const { length } = expected
    if (length > this.limit - position) return false
    for (let i = 0; i < length; i++) if (buffer[position + i] !== expected[i]) return false
    this.position = position + length
    return true
  }

  /** The byte `offset` after the next one, or −1 beyond the end. */
  peek(offset: number): number {
    const at = this.position + offset
    return at < this.limit ? (this.buffer[at] as number) : -1
  }

  /** A string of `length` bytes of UTF-8. */
  utf8(length: number): string {
    return readUtf8(this.buffer, this.advance(length), this.position)
  }

  /** A string behind its length in bytes. */
  string(): string {
    return this.utf8(this.length())
  }

  /** Lets the input end after the next `length` bytes. @returns what to give to {@link widen} when they are read. */
  narrow(length: number): number {
    const end = this.limit
    if (length > this.remaining) throw this.truncated(length)
    this.limit = this.position + length
    return end
  }

  /** Undoes {@link narrow}. */
  widen(end: number): void {
    this.limit = end
  }

  /** Sign of the comparison of two ranges of the input, byte by byte; a prefix comes first. */
  compare(from: number, to: number, otherFrom: number, otherTo: number): number {
    return compareRanges(this.buffer, from, to, otherFrom, otherTo)
  }

  private advance(length: number): number {
    const start = this.position
    if (length > this.limit - start) throw this.truncated(length)
    this.position = start + length
    return start
  }

  private truncated(wanted: number): DecodeError {
    return this.error(`input ends early: ${wanted} bytes wanted, ${this.remaining} left`)
  }
}
