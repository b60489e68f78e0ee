/**
 * Cuts bytes into lines. Whole lines are decoded many at a time, because finding and decoding each line by itself costs
 * several times as much.
 *
 * Law: whatever sizes the bytes come in, the lines are `text.split(/\r?\n/)` without the last one when it is empty; the
 * offset of a line is that of its first byte. Only `\n` ends a line; a `\r` before it goes with it, any other `\r` stays.
 */
import type { ErrorCode } from '../../sdk/error-codes.js'
import { makeRoom } from './make-room.js'

/**
 * Bytes decoded at a time. Small, for two reasons: strings this short are freed by the cheap collections of the young
 * generation, and lines share memory with the text they were cut from, so a line that is kept keeps that much.
 */
const PIECE_BYTES = 64 * 1024

const NEWLINE = 10
const CARRIAGE_RETURN = '\r'

/** Whole lines that lie one after another. */
export interface Piece {
  /** The lines; those that end in `\r\n` still have their `\r` when `hasReturns`. */
  readonly lines: readonly string[]
  readonly hasReturns: boolean
  /** Which of them are not UTF-8, where that matters. */
  readonly bad: ReadonlySet<number> | undefined
}

/** A line, without the `\r` of its end. */
export function withoutReturn(line: string): string {
  return line.endsWith(CARRIAGE_RETURN) ? line.slice(0, -1) : line
}

/** Thrown for a line that is too long; `offset` is that of its first byte. */
export class LongLine extends Error {
  readonly code = 'MR-5006' as const
  readonly offset: number

  constructor(offset: number) {
    super('a line is too long')
    this.offset = offset
  }
}

/** What is wrong with a record; goes on after its place. */
export interface Problem {
  readonly code: ErrorCode
  readonly reason: string
}

/** What is wrong with a line that is no UTF-8. */
export const NOT_UTF8: Problem = {
  code: 'MR-5007',
  reason: "is not valid UTF-8. Convert the file, or take such bytes as U+FFFD with invalidUtf8: 'replace'.",
}

/** How lines are taken. */
export interface LineLimits {
  readonly maxLineBytes: number
  readonly invalidUtf8: 'replace' | 'error'
}

/** Bytes on their way to lines. */
export class LineBuffer {
  readonly #limits: LineLimits
  readonly #pieceBytes: number
  #bytes: Uint8Array
  /** File offset of `#bytes[0]`. */
  #base: number
  /** Bytes `[#start, #end)` have not become lines yet. */
  #start = 0
  #end = 0
  /** There is no newline in `[#start, #searched)`. */
  #searched = 0
  /** Where the piece at hand ends; it does not include its last newline. */
  #pieceEnd = 0
  #linesSkipped = 0
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })

  constructor(base: number, blockBytes: number, limits: LineLimits) {
    this.#base = base
    this.#bytes = new Uint8Array(blockBytes)
    this.#limits = limits
    // A piece of several lines then never has one that is too long.
    this.#pieceBytes = Math.min(PIECE_BYTES, limits.maxLineBytes + 1)
  }

  /** File offset of the next line. */
  get offset(): number {
    return this.#base + this.#start
  }

  /** File offset up to which bytes have come. */
  get received(): number {
    return this.#base + this.#end
  }

  /** Line ends among what was skipped. */
  get linesSkipped(): number {
    return this.#linesSkipped
  }

  /** Text at the beginning of the next line, of at most so many bytes. */
  startOfLine(bytesMax: number): string {
    const end = Math.min(this.#start + bytesMax, this.#end)
    return this.#decoder.decode(this.#bytes.subarray(this.#start, end))
  }

  /** Where to put more bytes, at least one. Makes room; only to be called when no piece is at hand. */
  space(): Uint8Array {
    this.#bytes = makeRoom(this.#bytes, this.#start, this.#end)
    this.#base += this.#start
    this.#end -= this.#start
    this.#searched -= this.#start
    this.#start = 0
    return this.#bytes.subarray(this.#end)
  }

  /** `count` bytes were put into the space. */
  filled(count: number): void {
    this.#end += count
  }

  /** Drops what lies before an offset. @returns whether it has been reached. */
  skipTo(offset: number): boolean {
    const to = Math.min(this.#end, Math.max(this.#start, offset - this.#base))
    this.#linesSkipped += newlinesIn(this.#bytes.subarray(this.#start, to))
    this.#start = to
    this.#searched = to
    return this.offset >= offset
  }

  /** Drops the rest of a line. @returns whether its end has been found. */
  skipLine(): boolean {
    const newline = this.#newlineFrom(this.#start)
    this.#start = newline < 0 ? this.#end : newline + 1
    this.#searched = this.#start
    if (newline >= 0) this.#linesSkipped++
    return newline >= 0
  }

  /**
   * The next lines; `undefined` when there are none without more bytes, or none at all.
   *
   * @throws {LongLine} when the next one is too long; it has not been taken then.
   */
  next(isAtEnd: boolean): Piece | undefined {
    const end = this.#wholeLines(isAtEnd)
    if (end < 0) return undefined
    const from = this.#start + (this.offset === 0 ? byteOrderMark(this.#bytes, end) : 0)
    if (from > this.#start && from === this.#end) {
      // Nothing follows the mark: the text is empty.
      this.#start = from
      return undefined
    }
    this.#pieceEnd = end
    const text = this.#decoder.decode(this.#bytes.subarray(from, end))
    const bad = this.#limits.invalidUtf8 === 'error' && text.includes('\uFFFD') ? this.#notUtf8(from, end) : undefined
    // A last line without an end keeps whatever it has.
    return { lines: text.split('\n'), hasReturns: end < this.#end && text.includes(CARRIAGE_RETURN), bad }
  }

  /** How many bytes all lines that are left of the piece have, their ends included. */
  get pieceBytes(): number {
    return this.#lineEnd(this.#pieceEnd) - this.#start
  }

  /** How many bytes the next `count` lines of the piece have, their ends included. */
  bytesOfLines(count: number): number {
    let at = this.#start
    for (let i = 0; i < count; i++) at = this.#afterLine(at)
    return at - this.#start
  }

  /** How many lines of the piece begin within the next `bytes`. */
  linesWithin(bytes: number): number {
    let count = 0
    for (let at = this.#start; at < this.#start + bytes; at = this.#afterLine(at)) count++
    return count
  }

  /** Takes a line of the piece away. @returns its offset. */
  consumeLine(): number {
    const { offset } = this
    this.consume(this.bytesOfLines(1))
    return offset
  }

  /** Takes lines of the piece away. */
  consume(bytes: number): void {
    this.#start += bytes
    this.#searched = Math.max(this.#searched, this.#start)
  }

  /** Where the lines end that can be taken now, before their last newline; -1 when there are none. */
  #wholeLines(isAtEnd: boolean): number {
    const start = this.#start
    if (start === this.#end) return -1
    const last = this.#bytes.subarray(start, Math.min(start + this.#pieceBytes, this.#end)).lastIndexOf(NEWLINE)
    if (last >= 0) return start + last
    const newline = this.#newlineFrom(Math.max(this.#searched, start))
    const end = newline >= 0 ? newline : this.#end
    if (end - start > this.#limits.maxLineBytes) throw new LongLine(this.offset)
    return newline >= 0 || isAtEnd ? end : -1
  }

  #newlineFrom(at: number): number {
    // The view keeps the search from running into what an earlier block has left behind.
    const found = this.#bytes.subarray(at, this.#end).indexOf(NEWLINE)
    this.#searched = found < 0 ? this.#end : at + found
    return found < 0 ? -1 : at + found
  }

  /** Where the line after the one at `at` begins, as far as the piece goes. */
  #afterLine(at: number): number {
    const newline = this.#bytes.indexOf(NEWLINE, at)
    return this.#lineEnd(newline < 0 ? this.#pieceEnd : Math.min(newline, this.#pieceEnd))
  }

  /** After the newline at `at`; a last line has none. */
  #lineEnd(at: number): number {
    return Math.min(at + 1, this.#end)
  }

  /** Which lines are not UTF-8: the replacement character may stand in the file itself, only a strict decoder knows. */
  #notUtf8(from: number, end: number): ReadonlySet<number> | undefined {
    const bad = new Set<number>()
    let line = 0
    for (let at = from; at <= end; line++) {
      const newline = this.#bytes.subarray(at, end).indexOf(NEWLINE)
      const lineEnd = newline < 0 ? end : at + newline
      if (!isUtf8(this.#bytes.subarray(at, lineEnd))) bad.add(line)
      at = lineEnd + 1
    }
    return bad.size === 0 ? undefined : bad
  }
}

/** Whether bytes are UTF-8. */
export function isUtf8(bytes: Uint8Array): boolean {
  try {
    strict.decode(bytes)
    return true
  } catch {
    return false
  }
}

const strict = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true })

/** How many line ends there are among bytes. */
export function newlinesIn(bytes: Uint8Array): number {
  let count = 0
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) count++
  return count
}

/** How many bytes the mark at the beginning of a file takes: 3 or none. */
function byteOrderMark(bytes: Uint8Array, end: number): number {
  return end >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
}
