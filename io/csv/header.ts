/**
 * What the first row of a file says about the others. A row that is decoded may come from the middle of its file, so the header
 * is read by itself, once for each file at hand.
 */
import type { FileSystem } from '../../sdk/env.js'
import { OffsetRangeTracker } from '../../sdk/source/restriction-tracker.js'
import type { Frame } from '../text/frame.js'
import { matchFiles, type MatchOptions } from '../text/match-files.js'
import type { FileReader } from '../text/file-reader.js'
import type { MatchedFile } from '../text/match-files.js'

/** Files whose headers are remembered. */
const REMEMBERED_MAX = 64

/** First rows of files. */
export class Headers<H> {
  readonly #files: FileSystem
  readonly #match: MatchOptions
  readonly #open: (file: MatchedFile) => FileReader
  readonly #understand: (first: Frame | undefined) => H
  readonly #known = new Map<string, H>()

  /**
   * @param open begins to read a file.
   * @param understand makes of the first row what is needed of it.
   */
  constructor(
    files: FileSystem,
    match: MatchOptions,
    open: (file: MatchedFile) => FileReader,
    understand: (first: Frame | undefined) => H,
  ) {
    this.#files = files
    this.#match = match
    this.#open = open
    this.#understand = understand
  }

  /** Of a file; a promise where it has to be unpacked. */
  of(path: string): H | Promise<H> {
    return this.#known.get(path) ?? this.#read(path)
  }

  #read(path: string): H | Promise<H> {
    const [file] = matchFiles(this.#files, path, { ...this.#match, emptyMatch: 'error' })
    const reader = this.#open(file as MatchedFile)
    const tracker = new OffsetRangeTracker({ from: 0, to: Number.MAX_SAFE_INTEGER })
    let first: Frame | undefined
    const emit = (frame: Frame): void => {
      if (first !== undefined || (frame.text === '' && frame.bad === undefined)) return
      first = frame
      tracker.trySplit(0)
    }
    const finished = (): H => {
      reader.close()
      return this.#remember(path, this.#understand(first))
    }
    const failed = (error: unknown): never => {
      reader.close()
      throw error
    }
    try {
      const reading = reader.read(tracker, { room: () => 1, emit })
      return reading instanceof Promise ? reading.then(finished, failed) : finished()
    } catch (error) {
      return failed(error)
    }
  }

  #remember(path: string, header: H): H {
    const [oldest] = this.#known.keys()
    if (this.#known.size >= REMEMBERED_MAX && oldest !== undefined) this.#known.delete(oldest)
    this.#known.set(path, header)
    return header
  }
}
