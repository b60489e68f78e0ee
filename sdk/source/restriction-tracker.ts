/**
 * A restriction is a piece of work (a range of a file, of a partition, of a sequence); a tracker hands it out position
 * by position. A reader claims a position before it emits what stands there, and stops when a claim is refused: that
 * refusal is how a runner ends a bundle, splits work, or takes a checkpoint, without the reader's help.
 *
 * Law: claimed positions only grow; primary and residual of a split are disjoint and together the whole.
 */
import { coded } from '../error-codes.js'
import * as t from 'io-ts'
import { PipelineError } from '../errors.js'

/** How far a restriction is worked off, in units of its own; numbers from 0, and `remaining` only shrinks by claims and splits. */
export interface RestrictionProgress {
  readonly completed: number
  readonly remaining: number
}

/** Hands out the positions `P` of a restriction `R`. */
export interface RestrictionTracker<R, P> {
  /** Whether the position is ours to process; after `false` the reader must stop. */
  tryClaim(position: P): boolean
  /** What is still to be done by this reader, claimed positions included. */
  currentRestriction(): R
  /**
   * Keeps `fraction` of the unclaimed rest (0: nothing of it) and gives the other part away. A runner asks for this while the
   * reader is at work: with 0 to end a bundle, with more to have the rest read by another. Work that cannot be cut refuses,
   * and goes on.
   *
   * @returns the part given away, or `undefined` when there is none or the tracker refuses.
   */
  trySplit(fraction: number): R | undefined
  /** @throws when the reader stopped although positions were left: data would be lost. */
  checkDone(): void
  /** How much is done and how much is left. */
  progress(): RestrictionProgress
}

/** Positions `from ≤ p < to`. */
export interface OffsetRange {
  readonly from: number
  readonly to: number
}

/** Describes ranges of offsets, as the `restrictionCodec` of a source. */
export const offsetRangeCodec: t.Type<OffsetRange> = t.type({ from: t.number, to: t.number })

/** Tracks a range of whole numbers. Claiming `p` claims every position up to and including `p`. */
export class OffsetRangeTracker implements RestrictionTracker<OffsetRange, number> {
  private from: number
  private to: number
  private lastClaimed: number
  private lastAttempted: number

  constructor(range: OffsetRange) {
    if (!(range.from <= range.to)) {
      throw new PipelineError('MR-1002', `offset range [${range.from}, ${range.to}) is upside down`)
    }
    this.from = range.from
    this.to = range.to
    this.lastClaimed = range.from - 1
    this.lastAttempted = range.from - 1
  }

  tryClaim(position: number): boolean {
    if (position <= this.lastAttempted) {
      throw coded(
        'MR-3023',
        new RangeError(
          `claim of position ${position} goes backwards: ${this.lastAttempted} was claimed before. Claim growing positions.`,
        ),
      )
    }
    if (position < this.from) {
      throw coded(
        'MR-3023',
        new RangeError(`claim of position ${position} lies before the range [${this.from}, ${this.to})`),
      )
    }
    this.lastAttempted = position
    if (position >= this.to) return false
    this.lastClaimed = position
    return true
  }

  /**
   * Claims up to `count` positions from `from` on.
   *
   * @returns how many were granted; fewer than asked for means that the reader must stop after them.
   */
  tryClaimBlock(from: number, count: number): number {
    if (from <= this.lastAttempted) {
      throw coded(
        'MR-3023',
        new RangeError(
          `claim of position ${from} goes backwards: ${this.lastAttempted} was claimed before. Claim growing positions.`,
        ),
      )
    }
    const granted = Math.max(0, Math.min(count, this.to - from))
    if (granted > 0) this.lastClaimed = from + granted - 1
    this.lastAttempted = granted < count ? Math.max(this.lastClaimed, this.to) : this.lastClaimed
    return granted
  }

  currentRestriction(): OffsetRange {
    return { from: this.from, to: this.to }
  }

  trySplit(fraction: number): OffsetRange | undefined {
    const next = this.lastClaimed + 1
    return this.splitAt(next + Math.floor((this.to - next) * Math.min(Math.max(fraction, 0), 1)))
  }

  /** Gives everything from `position` on away; `undefined` when there is nothing. */
  protected splitAt(position: number): OffsetRange | undefined {
    const at = Math.max(position, this.lastClaimed + 1)
    if (at >= this.to) return undefined
    const residual = { from: at, to: this.to }
    this.to = at
    return residual
  }

  checkDone(): void {
    if (this.lastAttempted < this.to - 1) {
      throw coded(
        'MR-3025',
        new RangeError(
          `reading stopped at ${this.lastClaimed + 1} of [${this.from}, ${this.to}): the rest would be lost. Claim until tryClaim returns false, or return resume().`,
        ),
      )
    }
  }

  progress(): RestrictionProgress {
    return { completed: this.lastClaimed + 1 - this.from, remaining: Math.max(0, this.to - this.lastClaimed - 1) }
  }
}
