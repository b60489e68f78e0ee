/**
 * Reads the lines of one file from an offset on. It outlives bundles: what has been read and decoded but not emitted
 * yet stays here, so that a bundle of one line costs no read of its own.
 *
 * Law: a line belongs to the range in which its first byte lies, so the ranges of a file, read in any order, give each
 * line once.
 */
import { coded } from '../../sdk/error-codes.js'
import * as t from 'io-ts'
import type { FileSystem } from '../../sdk/env.js'
import { messageOf } from '../../sdk/errors.js'
import type { OffsetRangeTracker } from '../../sdk/source/restriction-tracker.js'
import { type ByteSource, fileBytes, gunzipped } from './byte-source.js'
import { BadLine, LineBuffer, type LineLimits, type Piece, withoutReturn } from './line-buffer.js'
import type { MatchedFile } from './match-files.js'

/** Bytes read at a time. */
const BLOCK_BYTES = 1024 * 1024

/** A line with the place it stands at. */
export interface LineAt {
  /** The text, without its end. */
  readonly line: string
  /** Path of the file. */
  readonly file: string
  /** Offset of the line's first byte; in a gzip file, of the text that it unpacks to. */
  readonly offset: number
}

/** Describes lines with their place. */
export const lineAtCodec: t.Type<LineAt> = t.type({ line: t.string, file: t.string, offset: t.number })

/** Takes the lines of a bundle. */
export interface LineSink {
  /** How many lines are wanted now. */
  readonly room: () => number
  readonly emit: (line: never) => void
}

/** How lines are read. */
export interface LineReaderOptions extends LineLimits {
  /** Whether elements are {@link LineAt} instead of texts. */
  readonly withPosition: boolean
}

/** A file that is being read. */
export class LineReader {
  readonly #file: MatchedFile
  readonly #withPosition: boolean
  readonly #source: ByteSource
  readonly #buffer: LineBuffer
  /** Offset that must be reached before anything is a line. */
  readonly #skipTo: number
  /** Whether what comes first is the rest of a line that began earlier. */
  #skipsLine: boolean
  #isAtEnd = false
  #piece: Piece | undefined
  /** Lines of the piece that have been emitted. */
  #emitted = 0

  /** Opens the file, to read the lines that begin at `from` or later. */
  constructor(files: FileSystem, file: MatchedFile, from: number, options: LineReaderOptions) {
    this.#file = file
    this.#withPosition = options.withPosition
    // A line begins at `from` when the byte before it ends one.
    this.#skipTo = Math.max(0, from - 1)
    this.#skipsLine = from > 0
    const isPacked = file.compression === 'gzip'
    const handle = this.#attempt('open', () => files.openForReading(file.path))
    this.#source = isPacked ? gunzipped(handle) : fileBytes(handle, this.#skipTo)
    // One byte more than a small file has, to see its end without asking for a larger block.
    const blockBytes = isPacked ? BLOCK_BYTES : Math.min(BLOCK_BYTES, file.size + 1)
    this.#buffer = new LineBuffer(isPacked ? 0 : this.#skipTo, blockBytes, options)
  }

  /** Whether the next line is the first at or after `from`, as far as is known without looking. */
  isAt(from: number): boolean {
    return this.#skipsLine ? this.#skipTo === from - 1 : this.#buffer.offset === from
  }

  /** Emits the lines of the tracker's range until a claim is refused. @returns whether the end of the file was reached. */
  read(tracker: OffsetRangeTracker, sink: LineSink): boolean | Promise<boolean> {
    for (;;) {
      const state = this.#emitBuffered(tracker, sink)
      if (state !== 'hungry') return state === 'end'
      const filling = this.#fill()
      if (filling !== undefined) return this.#readOn(filling, tracker, sink)
    }
  }

  close(): void {
    this.#source.close()
  }

  async #readOn(filling: Promise<void> | undefined, tracker: OffsetRangeTracker, sink: LineSink): Promise<boolean> {
    for (;;) {
      await filling
      const state = this.#emitBuffered(tracker, sink)
      if (state !== 'hungry') return state === 'end'
      filling = this.#fill()
    }
  }

  #emitBuffered(tracker: OffsetRangeTracker, sink: LineSink): 'hungry' | 'refused' | 'end' {
    for (;;) {
      this.#piece ??= this.#nextPiece()
      if (this.#piece !== undefined) {
        if (!this.#emitPiece(this.#piece, tracker, sink)) return 'refused'
        continue
      }
      if (!this.#isAtEnd) return 'hungry'
      this.#checkSize()
      // Claims the end: whoever holds the range knows by it that nothing was left out.
      tracker.tryClaim(tracker.currentRestriction().to)
      return 'end'
    }
  }

  /** Emits as many lines as there is room for. @returns whether all of them were granted. */
  #emitPiece({ lines, hasReturns }: Piece, tracker: OffsetRangeTracker, { room, emit }: LineSink): boolean {
    const buffer = this.#buffer
    const from = this.#emitted
    const asked = Math.min(lines.length - from, room())
    const bytes = from + asked === lines.length ? buffer.pieceBytes : buffer.bytesOfLines(asked)
    const granted = tracker.tryClaimBlock(buffer.offset, bytes)
    const isWhole = granted === bytes
    const to = from + (isWhole ? asked : buffer.linesWithin(granted))
    // What is emitted may end the bundle, and what is not emitted by then must not be taken away.
    const give = emit as (line: string | LineAt) => void
    if (this.#withPosition) {
      const file = this.#file.path
      for (let i = from; i < to; i++) {
        give({ line: withoutReturn(lines[i] as string), file, offset: buffer.consumeLine() })
      }
    } else {
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

  #nextPiece(): Piece | undefined {
    const buffer = this.#buffer
    if (this.#skipsLine) {
      if (!buffer.skipTo(this.#skipTo) || !buffer.skipLine()) return undefined
      this.#skipsLine = false
    }
    try {
      return buffer.next(this.#isAtEnd)
    } catch (error) {
      if (!(error instanceof BadLine)) throw error
      throw coded(error.code, new Error(`line at byte ${error.offset} of "${this.#file.path}" ${error.message}`))
    }
  }

  /** Gets more bytes; a promise while they are on their way. */
  #fill(): Promise<void> | undefined {
    const count = this.#attempt('read', () => this.#source.read(this.#buffer.space()))
    if (typeof count === 'number') return void this.#filled(count)
    return count.then(
      (bytes) => this.#filled(bytes),
      (error: unknown) => {
        throw this.#failure('unpack', error)
      },
    )
  }

  #filled(bytes: number): void {
    if (bytes === 0) this.#isAtEnd = true
    else this.#buffer.filled(bytes)
  }

  /** A file that has become shorter would lose its lines without a word. */
  #checkSize(): void {
    const { path, size, compression } = this.#file
    const { received } = this.#buffer
    if (compression === 'gzip' || received >= size) return
    throw coded(
      'MR-5003',
      new Error(`file "${path}" had ${size} bytes and now ends at ${received}: it was changed while it was read.`),
    )
  }

  #attempt<T>(what: string, call: () => T): T {
    try {
      return call()
    } catch (error) {
      throw this.#failure(what, error)
    }
  }

  #failure(what: string, error: unknown): Error {
    const { path, compression } = this.#file
    const at =
      what === 'open'
        ? ''
        : compression === 'gzip'
          ? ` after ${this.#buffer.received} bytes of text`
          : ` at byte ${this.#buffer.received}`
    return coded(
      what === 'unpack' ? 'MR-5005' : 'MR-5004',
      new Error(
        `cannot ${what} "${path}"${at}: ${messageOf(error)}${what === 'unpack' ? ". The gzip file is broken or incomplete; if it is no gzip file, say compression: 'none'." : ''}`,
        { cause: error },
      ),
    )
  }
}
