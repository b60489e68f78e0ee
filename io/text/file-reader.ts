/**
 * What readers of a file have in common, whatever a record is to them: bytes come in blocks, records go out as claims are
 * granted. A reader outlives bundles: what has been read and not emitted yet stays with it, so that a bundle of one record
 * costs no read of its own.
 *
 * Law: nothing is emitted that was not claimed, and the end of the range is claimed only when nothing is left.
 */
import { coded } from '../../sdk/error-codes.js'
import type { FileSystem } from '../../sdk/env.js'
import { messageOf } from '../../sdk/errors.js'
import type { OffsetRangeTracker } from '../../sdk/source/restriction-tracker.js'
import { type ByteSource, fileBytes, unpacked } from './byte-source.js'
import type { MatchedFile } from './match-files.js'

/** Bytes read at a time. */
export const BLOCK_BYTES: number = 1024 * 1024

/** Takes the records of a bundle. */
export interface RecordSink {
  /** How many records are wanted now. */
  readonly room: () => number
  readonly emit: (record: never) => void
}

/** Why a reader stops to emit: it needs bytes, a claim was refused, or the file is at its end. */
export type Stop = 'hungry' | 'refused' | 'end'

/** A file that is being read. */
export abstract class FileReader {
  protected readonly file: MatchedFile
  protected isAtEnd = false
  readonly #source: ByteSource

  /** Opens the file, to read its bytes from `position` on; a packed one from its beginning. */
  constructor(files: FileSystem, file: MatchedFile, position: number) {
    this.file = file
    const { compression } = file
    this.#source = this.#attempt('open', () => {
      const handle = files.openForReading(file.path)
      return compression === 'none' ? fileBytes(handle, position) : unpacked(handle, compression)
    })
  }

  /** Whether the next record is the first at or after `from`, as far as is known without looking. */
  abstract isAt(from: number): boolean
  /** Emits records that are there already. */
  protected abstract emitBuffered(tracker: OffsetRangeTracker, sink: RecordSink): Stop
  /** Where to put more bytes, at least one. */
  protected abstract space(): Uint8Array
  /** `count` bytes were put into the space. */
  protected abstract filled(count: number): void
  /** File offset up to which bytes have come; of a packed file, offset of the text. */
  protected abstract received(): number

  /** Emits the records of the tracker's range until a claim is refused. @returns whether the end of the file was reached. */
  read(tracker: OffsetRangeTracker, sink: RecordSink): boolean | Promise<boolean> {
    for (;;) {
      const stop = this.emitBuffered(tracker, sink)
      if (stop !== 'hungry') return stop === 'end'
      const filling = this.#fill()
      if (filling !== undefined) return this.#readOn(filling, tracker, sink)
    }
  }

  close(): void {
    this.#source.close()
  }

  /** Claims the end: whoever holds the range knows by it that nothing was left out. */
  protected finish(tracker: OffsetRangeTracker): 'end' {
    this.#checkSize()
    tracker.tryClaim(tracker.currentRestriction().to)
    return 'end'
  }

  async #readOn(filling: Promise<void> | undefined, tracker: OffsetRangeTracker, sink: RecordSink): Promise<boolean> {
    for (;;) {
      await filling
      const stop = this.emitBuffered(tracker, sink)
      if (stop !== 'hungry') return stop === 'end'
      filling = this.#fill()
    }
  }

  /** Gets more bytes; a promise while they are on their way. */
  #fill(): Promise<void> | undefined {
    const count = this.#attempt('read', () => this.#source.read(this.space()))
    if (typeof count === 'number') return void this.#take(count)
    return count.then(
      (bytes) => this.#take(bytes),
      (error: unknown) => {
        throw this.#failure('unpack', error)
      },
    )
  }

  #take(bytes: number): void {
    if (bytes === 0) this.isAtEnd = true
    else this.filled(bytes)
  }

  /** A file that has become shorter would lose its records without a word. */
  #checkSize(): void {
    const { path, size, compression } = this.file
    if (compression !== 'none' || this.received() >= size) return
    throw coded(
      'MR-5003',
      new Error(
        `file "${path}" had ${size} bytes and now ends at ${this.received()}: it was changed while it was read.`,
      ),
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
    const { path, compression } = this.file
    const at =
      what === 'open'
        ? ''
        : compression === 'none'
          ? ` at byte ${this.received()}`
          : ` after ${this.received()} bytes of text`
    const hint =
      what === 'unpack'
        ? `. The ${compression} file is broken or incomplete; if it is no ${compression} file, say compression: 'none'.`
        : ''
    return coded(
      what === 'unpack' ? 'MR-5005' : 'MR-5004',
      new Error(`cannot ${what} "${path}"${at}: ${messageOf(error)}${hint}`, { cause: error }),
    )
  }
}
