/**
 * Reads the lines of one file from an offset on.
 *
 * Law: a line belongs to the range in which its first byte lies, so the ranges of a file, read in any order, give each
 * line once.
 */
import { coded } from '../../sdk/error-codes.js'
import * as t from 'io-ts'
import type { FileSystem } from '../../sdk/env.js'
import type { OffsetRangeTracker } from '../../sdk/source/restriction-tracker.js'
import { BLOCK_BYTES, FileReader, type RecordSink, type Stop } from './file-reader.js'
import { type Frame, FramePlaces } from './frame.js'
import {
  LineBuffer,
  type LineLimits,
  LongLine,
  NOT_UTF8,
  type Piece,
  type Problem,
  withoutReturn,
} from './line-buffer.js'
import type { MatchedFile } from './match-files.js'

/** A line with the place it stands at. */
export interface LineAt {
  /** The text, without its end. */
  readonly line: string
  /** Path of the file. */
  readonly file: string
  /** Offset of the line's first byte; in a packed file, of the text that it unpacks to. */
  readonly offset: number
}

/** Describes lines with their place. */
export const lineAtCodec: t.Type<LineAt> = t.type({ line: t.string, file: t.string, offset: t.number })

/** How lines are read. */
export interface LineReaderOptions extends LineLimits {
  /** What is emitted: texts, {@link LineAt}, or a {@link Frame} for each line, bad ones included. */
  readonly as: 'text' | 'place' | 'frame'
  /** What the limit is called, for messages. */
  readonly limitName: 'maxLineBytes' | 'maxRecordBytes'
}

/** Bytes of a line that is too long that its frame shows. */
const START_BYTES = 512

/** Reads lines. */
export class LineReader extends FileReader {
  readonly #files: FileSystem
  readonly #options: LineReaderOptions
  readonly #buffer: LineBuffer
  /** Where lines begin to be counted. */
  readonly #countedFrom: number
  /** Lines emitted. */
  #lines = 0
  /** Offset that must be reached before anything is a line. */
  #skipTo: number
  /** Whether what comes first is the rest of a line that began earlier. */
  #skipsLine: boolean
  #piece: Piece | undefined
  /** Lines of the piece that have been emitted. */
  #emitted = 0

  /** Opens the file, to read the lines that begin at `from` or later. */
  constructor(files: FileSystem, file: MatchedFile, from: number, options: LineReaderOptions) {
    // A line begins at `from` when the byte before it ends one.
    const skipTo = Math.max(0, from - 1)
    super(files, file, skipTo)
    const isPacked = file.compression !== 'none'
    this.#files = files
    this.#options = options
    this.#skipTo = skipTo
    this.#skipsLine = from > 0
    this.#countedFrom = isPacked ? 0 : skipTo
    // One byte more than a small file has, to see its end without asking for a larger block.
    const blockBytes = isPacked ? BLOCK_BYTES : Math.min(BLOCK_BYTES, file.size + 1)
    this.#buffer = new LineBuffer(this.#countedFrom, blockBytes, options)
  }

  override isAt(from: number): boolean {
    return this.#skipsLine ? this.#skipTo === from - 1 : this.#buffer.offset === from
  }

  protected override space(): Uint8Array {
    return this.#buffer.space()
  }

  protected override filled(count: number): void {
    this.#buffer.filled(count)
  }

  protected override received(): number {
    return this.#buffer.received
  }

  protected override emitBuffered(tracker: OffsetRangeTracker, sink: RecordSink): Stop {
    for (;;) {
      if (this.#piece === undefined) {
        const next = this.#nextPiece()
        if (next === 'long') {
          if (!this.#emitLong(tracker, sink)) return 'refused'
          continue
        }
        this.#piece = next
      }
      if (this.#piece !== undefined) {
        if (!this.#emitPiece(this.#piece, tracker, sink)) return 'refused'
        continue
      }
      if (!this.isAtEnd) return 'hungry'
      return this.finish(tracker)
    }
  }

  /** Emits as many lines as there is room for. @returns whether all of them were granted. */
  #emitPiece(piece: Piece, tracker: OffsetRangeTracker, { room, emit }: RecordSink): boolean {
    const { lines, hasReturns, bad } = piece
    const buffer = this.#buffer
    const from = this.#emitted
    const lineAt = (i: number): string => (hasReturns ? withoutReturn(lines[i] as string) : (lines[i] as string))
    const asked = Math.min(lines.length - from, room())
    const bytes = from + asked === lines.length ? buffer.pieceBytes : buffer.bytesOfLines(asked)
    const granted = tracker.tryClaimBlock(buffer.offset, bytes)
    const isWhole = granted === bytes
    const to = from + (isWhole ? asked : buffer.linesWithin(granted))
    // What is emitted may end the bundle, and what is not emitted by then must not be taken away.
    if (this.#options.as === 'frame') {
      for (let i = from; i < to; i++) {
        const offset = buffer.consumeLine()
        const problem = bad?.has(i) === true ? NOT_UTF8 : undefined
        ;(emit as (frame: Frame) => void)(this.#frame(lineAt(i), offset, problem))
      }
    } else if (this.#options.as === 'place') {
      const { path: file } = this.file
      for (let i = from; i < to; i++) {
        const offset = buffer.consumeLine()
        if (bad?.has(i) === true) this.#refuse(offset, NOT_UTF8)
        this.#lines++
        ;(emit as (line: LineAt) => void)({ line: lineAt(i), file, offset })
      }
    } else {
      const give = emit as (line: string) => void
      const firstBad = bad === undefined ? undefined : [...bad].find((i) => i >= from && i < to)
      if (firstBad !== undefined) {
        this.#lines += firstBad - from
        this.#refuse(buffer.offset + buffer.bytesOfLines(firstBad - from), NOT_UTF8)
      }
      this.#lines += to - from
      buffer.consume(isWhole ? bytes : buffer.bytesOfLines(to - from))
      if (hasReturns) for (let i = from; i < to; i++) give(withoutReturn(lines[i] as string))
      else for (let i = from; i < to; i++) give(lines[i] as string)
    }
    this.#emitted = to
    if (to === lines.length) {
      this.#piece = undefined
      this.#emitted = 0
    }
    return isWhole
  }

  /** Emits what there is of a line that is too long, and lets go of it. @returns whether it was granted. */
  #emitLong(tracker: OffsetRangeTracker, { emit }: RecordSink): boolean {
    const { offset } = this.#buffer
    const { maxLineBytes, limitName } = this.#options
    const reason = `is longer than ${limitName} (${maxLineBytes} bytes). If lines that long are meant, raise ${limitName}; else the file is no text, or has line ends other than \\n and \\r\\n.`
    const problem: Problem = { code: 'MR-5006', reason }
    if (this.#options.as !== 'frame') this.#refuse(offset, problem)
    if (tracker.tryClaimBlock(offset, 1) === 0) return false
    // Whoever goes on from here looks for the end of this line, as for that of any other.
    this.#skipTo = offset
    this.#skipsLine = true
    ;(emit as (frame: Frame) => void)(this.#frame(this.#buffer.startOfLine(START_BYTES), offset, problem))
    // Its end is counted when it has been found.
    this.#lines--
    return true
  }

  #frame(text: string, offset: number, bad: Problem | undefined): Frame {
    const lines = this.#buffer.linesSkipped + this.#lines++
    return { text, file: this.file.path, offset, countedFrom: this.#countedFrom, lines, bad }
  }

  #refuse(offset: number, problem: Problem): never {
    const place = new FramePlaces(this.#files).placeOf(this.#frame('', offset, problem))
    throw coded(problem.code, new Error(`line at ${place} ${problem.reason}`))
  }

  #nextPiece(): Piece | 'long' | undefined {
    const buffer = this.#buffer
    if (this.#skipsLine) {
      if (!buffer.skipTo(this.#skipTo) || !buffer.skipLine()) return undefined
      this.#skipsLine = false
    }
    try {
      return buffer.next(this.isAtEnd)
    } catch (error) {
      if (error instanceof LongLine) return 'long'
      throw error
    }
  }
}
