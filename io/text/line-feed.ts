/**
 * Lines of bytes that are still coming: whoever has some puts them in, whole lines come out one by one.
 *
 * Law: what has no line end yet waits, until it is said that nothing follows.
 */
import { LineBuffer, type LineLimits, LongLine, NOT_UTF8, type Piece, withoutReturn } from './line-buffer.js'

/** A line that came out. */
export interface FedLine {
  readonly line: string
  /** Offset of its first byte. */
  readonly offset: number
}

/** Thrown for text that cannot be taken as lines; `offset` is that of the line's first byte. */
export class BadLine extends Error {
  readonly offset: number

  constructor(offset: number, message: string) {
    super(message)
    this.offset = offset
  }
}

/** Bytes on their way to lines, one line at a time. */
export class LineFeed {
  readonly #buffer: LineBuffer
  readonly #limits: LineLimits
  #piece: Piece | undefined
  /** Lines of the piece that have come out. */
  #taken = 0
  /** Offset before which nothing is a line; `undefined` once it lies behind. */
  #skipTo: number | undefined

  /** @param from where lines begin; when it lies within one, with the one that follows. @param first offset of the first byte that is put in, `from` or the one before. */
  constructor(from: number, first: number, blockBytes: number, limits: LineLimits) {
    this.#limits = limits
    this.#buffer = new LineBuffer(first, blockBytes, limits)
    this.#skipTo = first < from ? first : undefined
  }

  /** Offset of the next line that comes out. */
  get offset(): number {
    return this.#skipTo === undefined ? this.#buffer.offset : this.#skipTo + 1
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
    this.#piece ??= this.#nextPiece(isAtEnd)
    if (this.#piece === undefined) return undefined
    const { lines, hasReturns, bad } = this.#piece
    const isBad = bad?.has(this.#taken) === true
    const text = lines[this.#taken++] as string
    const offset = this.#buffer.consumeLine()
    if (isBad) throw new BadLine(offset, NOT_UTF8)
    if (this.#taken === lines.length) {
      this.#piece = undefined
      this.#taken = 0
    }
    return { line: hasReturns ? withoutReturn(text) : text, offset }
  }

  #nextPiece(isAtEnd: boolean): Piece | undefined {
    try {
      return this.#buffer.next(isAtEnd)
    } catch (error) {
      if (!(error instanceof LongLine)) throw error
      throw new BadLine(
        error.offset,
        `is longer than maxLineBytes (${this.#limits.maxLineBytes} bytes). If lines that long are meant, raise maxLineBytes; else this is no text, or has line ends other than \\n and \\r\\n.`,
      )
    }
  }
}
