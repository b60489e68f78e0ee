/**
 * Reads the rows of a CSV file whose quoted fields may have line ends in them.
 *
 * Law: a row is claimed from where the last one ended to where it ends, so whoever goes on after a claim begins with the next
 * row. That is why such a file has one reader: from the middle, nobody can tell an opening quote from a closing one.
 */
import type { FileSystem } from '../../sdk/env.js'
import type { OffsetRangeTracker } from '../../sdk/source/restriction-tracker.js'
import { BLOCK_BYTES, FileReader, type RecordSink, type Stop } from '../text/file-reader.js'
import type { Frame } from '../text/frame.js'
import { LineBuffer, LongLine, NOT_UTF8, type Piece, type Problem, withoutReturn } from '../text/line-buffer.js'
import type { MatchedFile } from '../text/match-files.js'
import type { ReadSettings } from '../text/read-options.js'
import { type Dialect, isOpenAfter } from './dialect.js'

/** A row, as far as it has been read. */
interface Row {
  readonly from: number
  /** Line ends before it. */
  readonly linesBefore: number
  /** Its lines; only the first one once it is bad. */
  readonly lines: string[]
  bad: Problem | undefined
  to: number
}

const UNCLOSED: Problem = {
  code: 'MR-5101',
  reason: 'has a quoted field that is never closed: the file ends inside of it.',
}

/** Characters of a bad row that its frame shows. */
const START_LENGTH = 512

/** Reads rows. */
export class RowReader extends FileReader {
  readonly #dialect: Dialect
  readonly #bytesMax: number
  readonly #buffer: LineBuffer
  readonly #countedFrom: number
  readonly #from: number
  /** After the last row that was emitted. */
  #position: number
  #lines = 0
  #isAtFrom: boolean
  #piece: Piece | undefined
  #taken = 0
  /** The row at hand, and whether the next line begins between quotes of it. */
  #row: Row | undefined
  #isOpen = false
  /** Whether the rest of a line is skipped, because it is too long. */
  #isSkipping = false
  /** A row that was not granted yet. */
  #waiting: Row | undefined

  /** Opens the file, to read the rows from `from` on, where one begins. */
  constructor(
    files: FileSystem,
    file: MatchedFile,
    from: number,
    dialect: Dialect,
    { maxLineBytes, invalidUtf8 }: ReadSettings['limits'],
  ) {
    super(files, file, from)
    const isPacked = file.compression !== 'none'
    this.#dialect = dialect
    this.#bytesMax = maxLineBytes
    this.#countedFrom = isPacked ? 0 : from
    this.#from = from
    this.#isAtFrom = !isPacked || from === 0
    this.#position = from
    const blockBytes = isPacked ? BLOCK_BYTES : Math.min(BLOCK_BYTES, file.size + 1)
    this.#buffer = new LineBuffer(this.#countedFrom, blockBytes, { maxLineBytes, invalidUtf8 })
  }

  override isAt(from: number): boolean {
    return this.#position === from
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

  protected override emitBuffered(tracker: OffsetRangeTracker, { emit }: RecordSink): Stop {
    for (;;) {
      this.#waiting ??= this.#nextRow()
      const row = this.#waiting
      if (row === undefined) return this.isAtEnd ? this.finish(tracker) : 'hungry'
      const length = row.to - this.#position
      if (tracker.tryClaimBlock(this.#position, length) < length) return 'refused'
      this.#waiting = undefined
      this.#position = row.to
      ;(emit as (frame: Frame) => void)(this.#frame(row))
    }
  }

  #frame({ from, linesBefore, lines, bad }: Row): Frame {
    const text = lines.length === 1 ? (lines[0] as string) : lines.join('\n')
    return { text, file: this.file.path, offset: from, countedFrom: this.#countedFrom, lines: linesBefore, bad }
  }

  /** The next row; `undefined` when there is none without more bytes, or none at all. */
  #nextRow(): Row | undefined {
    const buffer = this.#buffer
    if (!this.#isAtFrom) {
      if (!buffer.skipTo(this.#from)) return undefined
      this.#isAtFrom = true
    }
    for (;;) {
      if (this.#isSkipping) {
        if (!buffer.skipLine() && !this.isAtEnd) return undefined
        this.#isSkipping = false
        // Whether its quotes were closed nobody has seen; the next line begins anew.
        return this.#ended()
      }
      this.#piece ??= this.#nextPiece()
      if (this.#isSkipping) continue
      if (this.#piece === undefined) {
        if (!this.isAtEnd || this.#row === undefined) return undefined
        this.#row.bad ??= UNCLOSED
        return this.#ended()
      }
      if (this.#takeLine(this.#piece)) return this.#ended()
    }
  }

  #nextPiece(): Piece | undefined {
    try {
      return this.#buffer.next(this.isAtEnd)
    } catch (error) {
      if (!(error instanceof LongLine)) throw error
      const row = (this.#row ??= this.#begun(this.#buffer.offset, this.#buffer.startOfLine(START_LENGTH)))
      this.#spoil(row, this.#tooLong())
      this.#isSkipping = true
      return undefined
    }
  }

  /** Adds a line to the row. @returns whether the row ends with it. */
  #takeLine({ lines, hasReturns, bad }: Piece): boolean {
    const at = this.#taken++
    let line = lines[at] as string
    const isNotUtf8 = bad?.has(at) === true
    const offset = this.#buffer.consumeLine()
    if (this.#taken === lines.length) {
      this.#piece = undefined
      this.#taken = 0
    }
    this.#isOpen = isOpenAfter(line, this.#isOpen, this.#dialect)
    if (!this.#isOpen && hasReturns) line = withoutReturn(line)
    if (this.#row === undefined) this.#row = this.#begun(offset, line)
    else if (this.#row.bad === undefined) this.#row.lines.push(line)
    this.#lines++
    if (isNotUtf8) this.#spoil(this.#row, NOT_UTF8)
    if (this.#buffer.offset - this.#row.from > this.#bytesMax + 2) this.#spoil(this.#row, this.#tooLong())
    return !this.#isOpen
  }

  #begun(from: number, line: string): Row {
    return { from, linesBefore: this.#buffer.linesSkipped + this.#lines, lines: [line], bad: undefined, to: from }
  }

  /** Says what is wrong with a row, and lets go of all but its beginning. */
  #spoil(row: Row, bad: Problem): void {
    row.bad ??= bad
    row.lines.length = 1
    row.lines[0] = (row.lines[0] as string).slice(0, START_LENGTH)
  }

  #ended(): Row {
    const row = this.#row as Row
    row.to = this.#buffer.offset
    this.#row = undefined
    this.#isOpen = false
    return row
  }

  #tooLong(): Problem {
    const reason = `is longer than maxRecordBytes (${this.#bytesMax} bytes). If rows that long are meant, raise maxRecordBytes; else a quote may never be closed, or the file is no CSV.`
    return { code: 'MR-5006', reason }
  }
}
