/**
 * Files that are being read, kept from bundle to bundle.
 *
 * Law: forgetting one costs time, never records.
 */
import type { OffsetRangeTracker } from '../../sdk/source/restriction-tracker.js'
import type { FileReader, RecordSink } from './file-reader.js'
import type { MatchedFile } from './match-files.js'

/** Files that are kept open between bundles. */
const OPEN_MAX = 8

/** Readers by path. */
export class OpenFiles {
  readonly #open: (file: MatchedFile, from: number) => FileReader
  readonly #readers = new Map<string, FileReader>()

  /** @param open begins to read the records that begin at an offset or later. */
  constructor(open: (file: MatchedFile, from: number) => FileReader) {
    this.#open = open
  }

  /** @param whenRead called when nothing of the file is left. */
  read(
    file: MatchedFile,
    tracker: OffsetRangeTracker,
    sink: RecordSink,
    whenRead?: (file: MatchedFile) => void,
  ): void | Promise<void> {
    const { from, to } = tracker.currentRestriction()
    const reader = this.#readerAt(file, from)
    const finished = (isAtEnd: boolean): void => {
      // With the rest of the range put off, someone will still ask here whether anything is left.
      if (!isAtEnd || tracker.currentRestriction().to !== to) return
      this.#forget(file.path)
      whenRead?.(file)
    }
    const failed = (error: unknown): never => {
      this.#forget(file.path)
      throw error
    }
    try {
      const isAtEnd = reader.read(tracker, sink)
      return typeof isAtEnd === 'boolean' ? finished(isAtEnd) : isAtEnd.then(finished, failed)
    } catch (error) {
      return failed(error)
    }
  }

  close(): void {
    for (const path of [...this.#readers.keys()]) this.#forget(path)
  }

  #readerAt(file: MatchedFile, from: number): FileReader {
    const open = this.#readers.get(file.path)
    if (open?.isAt(from) === true) return open
    this.#forget(file.path)
    for (const path of this.#readers.keys()) {
      if (this.#readers.size < OPEN_MAX) break
      this.#forget(path)
    }
    const reader = this.#open(file, from)
    this.#readers.set(file.path, reader)
    return reader
  }

  #forget(path: string): void {
    this.#readers.get(path)?.close()
    this.#readers.delete(path)
  }
}
