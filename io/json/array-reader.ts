/**
 * Reads the elements of a file that is one JSON array, one by one.
 *
 * Law: an element is claimed with its comma, so whoever goes on after a claim begins with the next element.
 */
import type { FileSystem } from '../../sdk/env.js'
import type { OffsetRangeTracker } from '../../sdk/source/restriction-tracker.js'
import { BLOCK_BYTES, FileReader, type RecordSink, type Stop } from '../text/file-reader.js'
import type { Frame } from '../text/frame.js'
import { isUtf8, NOT_UTF8 } from '../text/line-buffer.js'
import type { MatchedFile } from '../text/match-files.js'
import type { ReadSettings } from '../text/read-options.js'
import { type Element, ElementScanner } from './element-scanner.js'

/** Reads elements. */
export class ArrayReader extends FileReader {
  readonly #scanner: ElementScanner
  readonly #isStrict: boolean
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  /** Elements that begin before this were read before. */
  readonly #from: number
  /** An element that was not granted yet. */
  #waiting: Element | undefined
  /** After the last element that was emitted. */
  #position: number

  /** Opens the file, to read the elements that begin at `from` or later; it is scanned from its beginning all the same. */
  constructor(files: FileSystem, file: MatchedFile, from: number, limits: ReadSettings['limits']) {
    super(files, file, 0)
    const blockBytes = file.compression === 'none' ? Math.min(BLOCK_BYTES, file.size + 1) : BLOCK_BYTES
    this.#scanner = new ElementScanner(blockBytes, limits.maxLineBytes)
    this.#isStrict = limits.invalidUtf8 === 'error'
    this.#from = from
    this.#position = from
  }

  override isAt(from: number): boolean {
    return this.#position === from
  }

  protected override space(): Uint8Array {
    return this.#scanner.space()
  }

  protected override filled(count: number): void {
    this.#scanner.filled(count)
  }

  protected override received(): number {
    return this.#scanner.received
  }

  protected override emitBuffered(tracker: OffsetRangeTracker, { emit }: RecordSink): Stop {
    for (;;) {
      const next = this.#waiting ?? this.#scanner.next(this.isAtEnd)
      if (next === 'hungry') return 'hungry'
      if (next === 'end') return this.finish(tracker)
      if (next.from < this.#from) continue
      this.#waiting = next
      // From where the last one ended: white space before an element goes with it.
      const length = Math.max(1, next.to - this.#position)
      if (tracker.tryClaimBlock(this.#position, length) < length) return 'refused'
      this.#waiting = undefined
      this.#position += length
      ;(emit as (frame: Frame) => void)(this.#frame(next))
    }
  }

  #frame({ from, bytes, lines, bad }: Element): Frame {
    const text = this.#decoder.decode(bytes)
    const isBroken = this.#isStrict && text.includes('\uFFFD') && !isUtf8(bytes)
    const problem = bad ?? (isBroken ? NOT_UTF8 : undefined)
    return { text, file: this.file.path, offset: from, countedFrom: 0, lines, bad: problem }
  }
}
