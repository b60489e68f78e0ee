/**
 * Where coders write bytes to: a growing buffer, reused from one value to the next.
 *
 * Law: what is written is a function of the calls alone, and a call that throws has written nothing. Integers are
 * big-endian and varints are little-endian groups of seven bits, as everywhere in Beam.
 */
import { assertWellFormed, encodeUtf8Into, SHORT_TEXT_MAX, writeShortUtf8 } from './utf8.js'

const CAPACITY_MIN = 64
/** What writers begin with: many are made that never write anything, and memory of one's own costs more than a value. */
const NO_BYTES = new Uint8Array(0)
const NO_VIEW = new DataView(NO_BYTES.buffer)
/** A writer that once held more than this gives the memory back when it is reset after little use. */
const CAPACITY_KEPT = 1 << 20
/** Copying this few bytes by a loop beats the call of `TypedArray.set`. */
const LOOP_COPY_MAX = 24

/**
 * A growing byte buffer.
 *
 * @example
 * ```ts
 * import { ByteWriter } from './byte-writer.js'
 * const out = new ByteWriter()
 * out.varint(300)
 * out.take() // => Uint8Array.of(0xac, 0x02)
 * ```
 */
export class ByteWriter {
  private buffer: Uint8Array<ArrayBuffer> = NO_BYTES
  private view: DataView = NO_VIEW
  private position = 0

  constructor(capacity = 0) {
    if (capacity > 0) this.resize(Math.max(capacity, CAPACITY_MIN))
  }

  /** Number of bytes written. */
  get length(): number {
    return this.position
  }

  /** Forgets everything written; the memory is used again. */
  reset(): void {
    const { buffer, position } = this
    if (buffer.length > CAPACITY_KEPT && position < buffer.length >> 2) this.resize(CAPACITY_KEPT)
    this.position = 0
  }

  /** Forgets everything written after the first `length` bytes: how a caller goes on after a refused value. */
  truncate(length: number): void {
    if (length < this.position) this.position = length
  }

  /** The bytes written, as a copy of their own; the writer is then empty. */
  take(): Uint8Array<ArrayBuffer> {
    const bytes = this.buffer.slice(0, this.position)
    this.reset()
    return bytes
  }

  /** The bytes from `start` on, without a copy: valid until the next call that writes or resets. */
  written(start = 0): Uint8Array<ArrayBuffer> {
    return this.buffer.subarray(start, this.position)
  }

  /** Appends the lowest eight bits of `value`. */
  byte(value: number): void {
    if (this.position === this.buffer.length) this.grow(1)
    this.buffer[this.position++] = value
  }

  /** The bytes as they are, without a length. */
  bytes(value: Uint8Array): void {
    const { length } = value
    if (this.position + length > this.buffer.length) this.grow(length)
    if (length <= LOOP_COPY_MAX) {
      const { buffer, position } = this
      for (let i = 0; i < length; i++) buffer[position + i] = value[i] as number
    } else {
      this.buffer.set(value, this.position)
    }
    this.position += length
  }

  /** Varint of a safe integer; a negative number takes ten bytes (64-bit two's complement). */
  varint(value: number): void {
    if (value >= 0 && value < 0x80) {
      this.byte(value)
      return
    }
    if (value < 0 || value > Number.MAX_SAFE_INTEGER) {
      this.varint64(BigInt(value))
      return
    }
    if (this.position + 8 > this.buffer.length) this.grow(8)
    let rest = value
    // Bit operations work on 32 bits: divide until the rest fits.
    while (rest >= 0x8000_0000) {
      this.buffer[this.position++] = (rest & 0x7f) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    while (rest >= 0x80) {
      this.buffer[this.position++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.buffer[this.position++] = rest
  }

  /** Varint of the low 64 bits of `value`. */
  varint64(value: bigint): void {
    let rest = BigInt.asUintN(64, value)
    while (rest >= 0x80n) {
      this.byte(Number(rest & 0x7fn) | 0x80)
      rest >>= 7n
    }
    this.byte(Number(rest))
  }

  /** The low 16 bits of `value`, big-endian. */
  uint16(value: number): void {
    this.byte((value >> 8) & 0xff)
    this.byte(value & 0xff)
  }

  /** The low 32 bits of `value`, big-endian. */
  uint32(value: number): void {
    if (this.position + 4 > this.buffer.length) this.grow(4)
    this.view.setUint32(this.position, value)
    this.position += 4
  }

  /** The low 64 bits of `value`, big-endian. */
  int64(value: bigint): void {
    if (this.position + 8 > this.buffer.length) this.grow(8)
    this.view.setBigInt64(this.position, value)
    this.position += 8
  }

  /** IEEE 754 single precision, big-endian. Every NaN has the same bytes. */
  float(value: number): void {
    if (this.position + 4 > this.buffer.length) this.grow(4)
    if (value !== value) this.view.setUint32(this.position, 0x7fc0_0000)
    else this.view.setFloat32(this.position, value)
    this.position += 4
  }

  /** IEEE 754 double precision, big-endian. Every NaN has the same bytes; −0 and 0 differ. */
  double(value: number): void {
    if (this.position + 8 > this.buffer.length) this.grow(8)
    // An engine may hand out the bits of any NaN, so the canonical ones are written by hand.
    if (value !== value) {
      this.view.setUint32(this.position, 0x7ff8_0000)
      this.view.setUint32(this.position + 4, 0)
    } else {
      this.view.setFloat64(this.position, value)
    }
    this.position += 8
  }

  /** UTF-8 without a length. @throws {DecodeError} on a lone surrogate. */
  utf8(text: string): void {
    if (text.length <= SHORT_TEXT_MAX) {
      if (this.position + 3 * SHORT_TEXT_MAX > this.buffer.length) this.grow(3 * SHORT_TEXT_MAX)
      this.position = writeShortUtf8(text, this.buffer, this.position)
      return
    }
    assertWellFormed(text)
    this.longUtf8(text)
  }

  private longUtf8(text: string): void {
    let rest = text
    for (;;) {
      if (this.buffer.length - this.position < rest.length) this.grow(rest.length)
      const { read, written } = encodeUtf8Into(rest, this.buffer.subarray(this.position))
      this.position += written
      if (read === rest.length) return
      // Not ASCII, and it did not fit: what is left takes at most three bytes a unit.
      rest = rest.slice(read)
      this.grow(3 * rest.length)
    }
  }

  /** UTF-8 behind its length in bytes (varint): a self-delimiting string. @throws {DecodeError} on a lone surrogate. */
  string(text: string): void {
    if (text.length > SHORT_TEXT_MAX) {
      assertWellFormed(text)
      const start = this.position
      this.byte(0)
      this.longUtf8(text)
      this.prefixLength(start)
      return
    }
    // At most 126 bytes follow, so the length is one byte and can be filled in afterwards.
    if (this.position + 3 * SHORT_TEXT_MAX + 1 > this.buffer.length) this.grow(3 * SHORT_TEXT_MAX + 1)
    const start = this.position + 1
    const end = writeShortUtf8(text, this.buffer, start)
    this.buffer[this.position] = end - start
    this.position = end
  }

  /**
   * Turns the byte at `start`, written as a placeholder, into the length (varint) of all that follows it. So that a
   * part can be written before its length is known.
   */
  prefixLength(start: number): void {
    const length = this.position - start - 1
    if (length < 0x80) {
      this.buffer[start] = length
      return
    }
    const extra = varintSize(length) - 1
    if (this.position + extra > this.buffer.length) this.grow(extra)
    this.buffer.copyWithin(start + 1 + extra, start + 1, this.position)
    this.position = start
    this.varint(length)
    this.position += length
  }

  /** Sorts what was written by its bytes: part i lies between `bounds[i]` and `bounds[i + 1]`. */
  sortParts(bounds: readonly number[]): void {
    const count = bounds.length - 1
    let sorted = true
    for (let i = 1; sorted && i < count; i++) sorted = this.compareParts(bounds, i - 1, i) <= 0
    if (sorted) return
    const start = bounds[0] as number
    const order = Array.from({ length: count }, (_, i) => i).sort((a, b) => this.compareParts(bounds, a, b))
    const copy = this.buffer.slice(start, bounds[count])
    let position = start
    for (const part of order) {
      const bytes = copy.subarray((bounds[part] as number) - start, (bounds[part + 1] as number) - start)
      this.buffer.set(bytes, position)
      position += bytes.length
    }
  }

  private compareParts(bounds: readonly number[], a: number, b: number): number {
    const fromA = bounds[a] as number
    const fromB = bounds[b] as number
    return compareRanges(this.buffer, fromA, bounds[a + 1] as number, fromB, bounds[b + 1] as number)
  }

  private grow(room: number): void {
    this.resize(Math.max(this.buffer.length * 2, this.position + room, CAPACITY_MIN))
  }

  private resize(capacity: number): void {
    const buffer = new Uint8Array(capacity)
    buffer.set(this.buffer.subarray(0, Math.min(this.position, capacity)))
    this.buffer = buffer
    this.view = new DataView(buffer.buffer)
  }
}

/** Sign of the comparison of two ranges of bytes; a prefix comes first. */
export function compareRanges(bytes: Uint8Array, from: number, to: number, otherFrom: number, otherTo: number): number {
  const common = Math.min(to - from, otherTo - otherFrom)
  for (let i = 0; i < common; i++) {
    const difference = (bytes[from + i] as number) - (bytes[otherFrom + i] as number)
    if (difference !== 0) return difference
  }
  return to - from - (otherTo - otherFrom)
}

function varintSize(value: number): number {
  let size = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++
  return size
}
