/**
 * The restriction of a source that is read record by record: where it stands, as its own mark says, and how much more it may
 * read. Only its reader knows the mark, so a restriction can be put off but not be cut elsewhere.
 *
 * Law: the rest of a restriction begins with the mark after the last record that was claimed.
 */
import { coded } from '../error-codes.js'
import type { RestrictionProgress, RestrictionTracker } from './restriction-tracker.js'

/** A part of a source that is still to be read. */
export interface MarkedPart<Mark> {
  /** Which part; each has a reader of its own. */
  readonly part: number
  /** Where reading goes on; `undefined`: where a new reader begins. */
  readonly mark: Mark | undefined
  /** Records that may still be read; `undefined`: any number. */
  readonly limit: number | undefined
  /** When reading began, on the runner's clock. */
  readonly startedAt: number
}

/** Tracks the records of a part by their number, from 0. */
export class MarkTracker<Mark> implements RestrictionTracker<MarkedPart<Mark>, number> {
  readonly #part: MarkedPart<Mark>
  #claimed = 0
  #isOver = false
  #markNow: () => Mark | undefined
  #mark: { readonly mark: Mark | undefined } | undefined

  constructor(part: MarkedPart<Mark>) {
    this.#part = part
    this.#markNow = () => part.mark
  }

  /** The mark after the records claimed so far; asked for once. */
  get mark(): Mark | undefined {
    return (this.#mark ??= { mark: this.#markNow() }).mark
  }

  /** Whose marks they are. */
  readBy(markNow: () => Mark): void {
    this.#markNow = markNow
  }

  tryClaim(record: number): boolean {
    if (record !== this.#claimed) {
      throw coded(
        'MR-3023',
        new RangeError(`record ${record} is claimed, but ${this.#claimed} is next. Claim records one after another.`),
      )
    }
    if (this.#isOver || record >= (this.#part.limit ?? Infinity)) {
      this.#isOver = true
      return false
    }
    this.#claimed++
    return true
  }

  /** A record was claimed that was not there. */
  unclaim(): void {
    this.#claimed--
  }

  /** There are no more records, and will never be any. */
  end(): void {
    this.#isOver = true
  }

  currentRestriction(): MarkedPart<Mark> {
    return this.#part
  }

  trySplit(fraction: number): MarkedPart<Mark> | undefined {
    if (fraction > 0 || this.#isOver) return undefined
    this.#isOver = true
    const { limit } = this.#part
    return { ...this.#part, mark: this.mark, limit: limit === undefined ? undefined : limit - this.#claimed }
  }

  checkDone(): void {
    if (!this.#isOver)
      throw coded('MR-3025', new RangeError('reading stopped before the end, and is not to be resumed'))
  }

  progress(): RestrictionProgress {
    return { completed: this.#claimed, remaining: (this.#part.limit ?? Infinity) - this.#claimed }
  }
}
