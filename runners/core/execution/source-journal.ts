/**
 * What a source did in its turns, so that the same can be done again: after a crash the batch that was planned is read exactly as
 * it was, whatever has come to the source since.
 *
 * Law: turns done again from what was written down emit the same elements in the same bundles, leave the same work, and have the
 * same watermarks. What a source gives beyond that, or does not give any more, fails the run.
 */
import type { Work, WorkElement } from './source-work.js'

/** Work that is left, or was split off. */
export interface WorkLeft {
  readonly id: number
  readonly restriction: unknown
  /** Not before so many milliseconds. */
  readonly delayMillis: number
  readonly watermark: number
  readonly maxTimestamp: number
}

/** An element that came, and the restriction that it names. */
export interface WorkBegun extends Omit<WorkElement, 'since'> {
  readonly restriction: unknown
}

/** One bundle of a source. */
export interface ReadRecord {
  /** Which work was read. */
  readonly work: number
  /** How many elements came of it. */
  readonly count: number
  /** Whether its size ended the bundle, and all that it left is the rest of the work, to be read at once. */
  readonly isFull: boolean
  /** `undefined`, of a full bundle: the rest, as the source leaves it. */
  readonly left: readonly WorkLeft[] | undefined
  /** What cannot be read again, as a `SourceCodec` has it. */
  readonly elements: Uint8Array | undefined
}

/** One turn of a source in which something was done. */
export interface TurnRecord {
  readonly stage: number
  /** Which of those that share the work did it. Default 0. */
  readonly partition?: number
  /** Whether the run was being drained. */
  readonly drains: boolean
  /**
   * The elements that came in this turn, with what they name: done again, the steps before the source might find others, such as
   * a file that has come since, and the source might begin elsewhere.
   */
  readonly begun?: readonly WorkBegun[]
  readonly reads: readonly ReadRecord[]
  /** Watermarks of work that had given nothing for so long that they followed the clock. */
  readonly idle: readonly { readonly work: number; readonly watermark: number }[]
}

/** Decides what sources do in their turns, and hears what they did. */
export interface SourceJournal {
  /** Whether anything new may be read now. */
  readonly isReading: boolean
  /** Whether what comes to be read is written down. Where it is not, nothing is read of it before it is kept. */
  readonly isOpen: boolean
  /** How many elements a stage may still read now; less than 1: none. */
  room(stage: number): number
  /** Whether what is written here is kept, with elements that cannot be read again. */
  readonly isKept: boolean
  /** What is to be done again in this turn of a stage; `undefined`: decide anew, if something may be read. */
  again(stage: number): TurnRecord | undefined
  /**
   * Elements have come in.
   *
   * @param timestamps those of the elements, or of some of them; `undefined` where they have none of their own.
   * @param arrivedAt wall clock when they came, where that was before now.
   */
  seen(stage: number, count: number, timestamps: ArrayLike<number> | undefined, arrivedAt: number | undefined): void
  /** What was done. */
  write(turn: TurnRecord): void
}

/** Work that is left, as it is written down. `at` is the time of the delay clock. */
export function workLeft(work: Work, at: number): WorkLeft {
  const { id, restriction, watermark, maxTimestamp } = work
  return { id, restriction, delayMillis: Math.max(0, work.notBefore - at), watermark, maxTimestamp }
}

/** The same as work. */
export function workAgain(of: Work, left: WorkLeft, at: number): Work {
  const work = of.part(left.restriction, at)
  work.id = left.id
  work.watermark = left.watermark
  work.maxTimestamp = left.maxTimestamp
  work.notBefore = left.delayMillis === 0 ? 0 : at + left.delayMillis
  return work
}
