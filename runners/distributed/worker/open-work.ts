/**
 * Work of a splittable step while it is done, as far as a part of it can be given away.
 *
 * Law: what is given away is not done here, and the rest is. What was claimed stays.
 */
import type { Reading } from '../../core/execution/source-reading.js'
import type { Work } from '../../core/execution/source-work.js'
import type { OffsetRange } from '../../../sdk/source/restriction-tracker.js'
import type { RestrictionProgress, RestrictionTracker } from '../../../sdk/source/restriction-tracker.js'

/** Work at hand. */
export interface OpenWork {
  readonly work: Work
  progress(): RestrictionProgress
  /** Restrictions of what stays and what goes; `undefined` where nothing can go. */
  split(fraction: number): readonly [primary: unknown, residual: unknown] | undefined
}

/** A call of `process`: it may be under way, or what it has read is on its way while the rest waits for the next call. */
export class OpenCall implements OpenWork {
  readonly work: Work
  readonly #reading: Reading
  readonly #trackerOf: (restriction: unknown) => RestrictionTracker<unknown, unknown>
  hasReturned = false

  constructor(work: Work, reading: Reading, trackerOf: (restriction: unknown) => RestrictionTracker<unknown, unknown>) {
    this.work = work
    this.#reading = reading
    this.#trackerOf = trackerOf
  }

  progress(): RestrictionProgress {
    return this.#reading.tracker.progress()
  }

  split(fraction: number): readonly [unknown, unknown] | undefined {
    const { residual, tracker } = this.#reading
    if (residual === undefined) return this.hasReturned ? undefined : cut(tracker, fraction)
    const parts = cut(this.#trackerOf(residual.rest), fraction)
    if (parts !== undefined) this.#reading.residual = { rest: parts[0] }
    return parts
  }
}

function cut(tracker: RestrictionTracker<unknown, unknown>, fraction: number): readonly [unknown, unknown] | undefined {
  const residual = tracker.trySplit(fraction)
  return residual === undefined ? undefined : [tracker.currentRestriction(), residual]
}

/** Positions `[from, end)` that are read, of `[from, to)`. */
export class OpenPositions implements OpenWork {
  readonly work: Work
  readonly #from: number
  readonly #end: number
  /** Where the work ends by now. */
  to: number

  constructor(work: Work, from: number, end: number, to: number) {
    this.work = work
    this.#from = from
    this.#end = end
    this.to = to
  }

  progress(): RestrictionProgress {
    return { completed: this.#end - this.#from, remaining: this.to - this.#end }
  }

  split(fraction: number): readonly [OffsetRange, OffsetRange] | undefined {
    const at = this.#end + Math.floor((this.to - this.#end) * Math.min(Math.max(fraction, 0), 1))
    if (at >= this.to) return undefined
    const residual = { from: at, to: this.to }
    this.to = at
    return [{ from: this.#from, to: at }, residual]
  }
}
