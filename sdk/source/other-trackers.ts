/**
 * Trackers of restrictions that cannot be cut just anywhere: ranges whose end is not known yet, ranges that only one reader
 * can work off, and work that is done in one go.
 *
 * Law: as for every tracker, claimed positions only grow, and what a split gives away is never claimed here.
 */
import { coded } from '../error-codes.js'
import { PipelineError } from '../errors.js'
import { preview } from '../preview.js'
import {
  type OffsetRange,
  OffsetRangeTracker,
  type RestrictionProgress,
  type RestrictionTracker,
} from './restriction-tracker.js'

/** The end of a range whose end is not known. */
export const UNKNOWN_END: number = Number.MAX_SAFE_INTEGER

/**
 * Tracks a range that grows while it is read, such as a partition of a log: `{ from, to: UNKNOWN_END }`. Where its end is for
 * now, `estimate` says; splits and progress go by that. A part that a split has given an end is an ordinary range.
 *
 * A reader that finds the real end claims {@link UNKNOWN_END}: that claim is refused, and the range is done.
 *
 * @example
 * ```ts
 * import { GrowableRangeTracker, UNKNOWN_END } from 'millrace'
 * const tracker = new GrowableRangeTracker({ from: 0, to: UNKNOWN_END }, () => 100)
 * tracker.tryClaim(9)
 * tracker.trySplit(0.5) // => { from: 55, to: 9007199254740991 }
 * tracker.currentRestriction() // => { from: 0, to: 55 }
 * ```
 */
export class GrowableRangeTracker extends OffsetRangeTracker {
  readonly #estimate: () => number

  /** @param estimate the position after the last that is there now; asked at splits and for progress only. */
  constructor(range: OffsetRange, estimate: () => number) {
    super(range)
    this.#estimate = estimate
  }

  override trySplit(fraction: number): OffsetRange | undefined {
    if (fraction <= 0 || this.currentRestriction().to !== UNKNOWN_END) return super.trySplit(fraction)
    const { completed, remaining } = this.progress()
    const at = this.currentRestriction().from + completed + Math.max(1, Math.floor(remaining * Math.min(fraction, 1)))
    return remaining === 0 ? undefined : this.splitAt(at)
  }

  override progress(): RestrictionProgress {
    const { from, to } = this.currentRestriction()
    if (to !== UNKNOWN_END) return super.progress()
    const { completed } = super.progress()
    const end = this.#estimate()
    if (typeof end !== 'number' || Number.isNaN(end)) {
      throw coded(
        'MR-1002',
        new RangeError(`the estimated end of a growing range must be a position, but is ${preview(end)}`),
      )
    }
    return { completed, remaining: Math.max(0, Math.min(end, UNKNOWN_END) - from - completed) }
  }
}

/**
 * Tracks a range that one reader must read from its beginning, such as a packed file or a stream in order: its rest may be put
 * off, but never given to another reader.
 */
export class UnsplittableRangeTracker extends OffsetRangeTracker {
  override trySplit(fraction: number): OffsetRange | undefined {
    return fraction > 0 ? undefined : super.trySplit(0)
  }
}

/**
 * Tracks work that is done in one go, whatever its restriction looks like: the first claim takes all of it.
 *
 * @example
 * ```ts
 * import { OneShotTracker } from 'millrace'
 * const tracker = new OneShotTracker({ table: 'orders' })
 * tracker.tryClaim() // => true
 * tracker.trySplit(0) // => undefined
 * tracker.tryClaim() // => false
 * ```
 */
export class OneShotTracker<R> implements RestrictionTracker<R, void> {
  readonly #restriction: R
  #isClaimed = false
  #isGivenAway = false

  constructor(restriction: R) {
    if (restriction === undefined) {
      throw new PipelineError('MR-1003', 'OneShotTracker needs a restriction; undefined says that nothing is left.')
    }
    this.#restriction = restriction
  }

  tryClaim(): boolean {
    if (this.#isClaimed || this.#isGivenAway) return false
    this.#isClaimed = true
    return true
  }

  currentRestriction(): R {
    return this.#restriction
  }

  /** All of it can be put off as long as it has not been claimed. */
  trySplit(fraction: number): R | undefined {
    if (this.#isClaimed || this.#isGivenAway || fraction > 0) return undefined
    this.#isGivenAway = true
    return this.#restriction
  }

  checkDone(): void {
    if (this.#isClaimed || this.#isGivenAway) return
    throw coded(
      'MR-3025',
      new RangeError('reading stopped before the work was claimed: it would be lost. Call tryClaim() first.'),
    )
  }

  progress(): RestrictionProgress {
    return this.#isClaimed ? { completed: 1, remaining: 0 } : { completed: 0, remaining: 1 }
  }
}
