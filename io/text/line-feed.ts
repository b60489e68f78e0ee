/**
 * Lines of bytes that are still coming: whoever has some puts them in, whole lines come out one by one.
 *
 * Law: what has no line end yet waits, until it is said that nothing follows.
 */
import type { ErrorCode } from '../../sdk/error-codes.js'
import {
  LineBuffer,
  type LineLimits,
  LongLine,
  NOT_UTF8,
  type Piece,
  type Problem,
  withoutReturn,
} from './line-buffer.js'

/** A line that came out. */
export interface FedLine {
  readonly line: string
  /** Offset of its first byte, where that is asked for. */
  readonly offset: number
}

/** Thrown for text that cannot be taken as lines; `offset` is that of the line's first byte. */
export class BadLine extends Error {
  readonly code: ErrorCode
  readonly offset: number

  constructor(offset: number, { code, reason }: Problem) {
    super(reason)
    this.code = code
    this.offset = offset
  }
}

/** Bytes on their way to lines, one line at a time. */
export class LineFeed {
  readonly #buffer: LineBuffer
  readonly #limits: LineLimits
  #piece: Piece | undefined
  /** Lines of the piece that have come out, and those of them that the buffer knows of. */
  #taken = 0
  #consumed = 0
  readonly #withOffsets: boolean
  /** Offset before which nothing is a line; `undefined` once it lies behind. */
  #skipTo: number | undefined

  /** @param withOffsets whether lines say where they lie. @param from where lines begin; when it lies within one, with the one that follows. @param first offset of the first byte that is put in, `from` or the one before. */
  constructor(from: number, first: number, blockBytes: number, limits: LineLimits, withOffsets: boolean) {
    this.#withOffsets = withOffsets
    this.#limits = limits
    this.#buffer = new LineBuffer(first, blockBytes, limits)
    this.#skipTo = first < from ? first : undefined
  }

  /** Offset of the next line that comes out. */
  get offset(): number {
    if (this.#skipTo !== undefined) return this.#skipTo + 1
    const behind = this.#taken - this.#consumed
    return this.#buffer.offset + (behind === 0 ? 0 : this.#buffer.bytesOfLines(behind))
  }

  /** Offset up to which bytes were put in. */
  get received(): number {
    return this.#buffer.received
  }

  /** Where to put more bytes; only when `next` had nothing. */
  space(): Uint8Array {
    return this.#buffer.space()
  }

  /** `count` bytes were put there. */
  filled(count: number): void {
    this.#buffer.filled(count)
  }

  /** Puts bytes in, however many. */
  add(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const space = this.#buffer.space()
      const count = Math.min(space.length, bytes.length - at)
      space.set(bytes.subarray(at, at + count))
      this.#buffer.filled(count)
      at += count
    }
  }

  /** The next line; `undefined` when more bytes must come first. @throws {BadLine} */
  next(isAtEnd: boolean): FedLine | undefined {
    if (this.#skipTo !== undefined) {
      if (!this.#buffer.skipLine()) return undefined
      this.#skipTo = undefined
    }
    const piece = (this.#piece ??= this.#nextPiece(isAtEnd))
    if (piece === undefined) return undefined
    const { lines, hasReturns, bad } = piece
    const at = this.#taken
    const isBad = bad?.has(at) === true
    const text = lines[at] as string
    // To find where each line lies costs as much as all the rest.
    const offset = this.#withOffsets || isBad ? this.offset : -1
    this.#taken = at + 1
    if (this.#taken === lines.length) {
      this.#buffer.consume(this.#buffer.pieceBytes)
      this.#piece = undefined
      this.#taken = 0
      this.#consumed = 0
    } else if (this.#withOffsets) {
      this.#buffer.consumeLine()
      this.#consumed = this.#taken
    }
    if (isBad) throw new BadLine(offset, NOT_UTF8)
    return { line: hasReturns ? withoutReturn(text) : text, offset }
  }

  #nextPiece(isAtEnd: boolean): Piece | undefined {
    try {
      return this.#buffer.next(isAtEnd)
    } catch (error) {
      if (!(error instanceof LongLine)) throw error
      throw new BadLine(error.offset, {
        code: 'MR-5006',
        reason: `is longer than maxLineBytes (${this.#limits.maxLineBytes} bytes). If lines that long are meant, raise maxLineBytes; else this is no text, or has line ends other than \\n and \\r\\n.`,
      })
    }
  }
}
