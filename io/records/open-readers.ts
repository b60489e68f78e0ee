/**
 * Files that are being read, kept from bundle to bundle. Forgetting one costs time, never records.
 */

/** Reads a file from some place on. */
export interface PlacedReader {
  /** Whether what it would read next is what comes first at or after `from`. */
  isAt(from: number): boolean
  close(): void
}

/** Files that are kept open between bundles. */
const OPEN_MAX = 8

/** Readers by the path of their file. */
export class OpenReaders<File extends { readonly path: string }, Reader extends PlacedReader> {
  readonly #open: (file: File, from: number) => Reader
  readonly #readers = new Map<string, Reader>()

  constructor(open: (file: File, from: number) => Reader) {
    this.#open = open
  }

  /** The reader of a file that is at `from`: one that is there already, or another. */
  at(file: File, from: number): Reader {
    const open = this.#readers.get(file.path)
    if (open?.isAt(from) === true) return open
    this.forget(file.path)
    for (const path of this.#readers.keys()) {
      if (this.#readers.size < OPEN_MAX) break
      this.forget(path)
    }
    const reader = this.#open(file, from)
    this.#readers.set(file.path, reader)
    return reader
  }

  /** Closes a file. */
  forget(path: string): void {
    this.#readers.get(path)?.close()
    this.#readers.delete(path)
  }

  /** Closes all of them. */
  close(): void {
    for (const path of [...this.#readers.keys()]) this.forget(path)
  }
}
