/**
 * Ranges of captured changes, by their numbers. Their order means something (a row is inserted before it is retracted), so one
 * reader reads them all: a range may be put off but is never shared.
 */
import { UNKNOWN_END } from '../../sdk/source/other-trackers.js'
import { type KeyRange, KeyTracker } from './key-range.js'

/** The range of everything from a change on. */
export function changesFrom(from: number): KeyRange {
  return { from, to: UNKNOWN_END }
}

/** Hands out the changes of a range, one after another. */
export class ChangeTracker extends KeyTracker {
  override trySplit(fraction: number): KeyRange | undefined {
    return fraction > 0 ? undefined : super.trySplit(0)
  }
}
