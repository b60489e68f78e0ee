/**
 * Reading by position: what a source that knows its elements by position leaves to be read, and what it says of time.
 *
 * Law: the ranges that are left are disjoint and together all positions that have not been read.
 */
import type { OffsetRange } from '../../../sdk/source/restriction-tracker.js'
import type { AnySplittableDoFn } from '../../../sdk/source/splittable.js'
import { TIMESTAMP_MAX, TIMESTAMP_MIN } from '../../../sdk/time.js'
import type { SplitPlan } from './source-reading.js'
import type { WorkElement } from './source-work.js'

/** Positions that are left, in strict mode cut once more. */
export function positionsLeft({ from, to }: OffsetRange, plan: SplitPlan | undefined): readonly OffsetRange[] {
  if (from >= to) return []
  const at = plan === undefined ? to : from + 1 + Math.floor(plan.fraction * (to - from - 1))
  if (at >= to) return [{ from, to }]
  return [
    { from, to: at },
    { from: at, to },
  ]
}

/** Smallest and largest timestamp of positions; all are looked at only where the watermark depends on them. */
export function timestampsOf(
  { watermark, timestampAt }: AnySplittableDoFn<unknown>,
  of: WorkElement,
  { from, to }: OffsetRange,
): readonly [min: number, max: number] {
  if (from >= to) return [TIMESTAMP_MAX, TIMESTAMP_MIN]
  if (timestampAt === undefined) return [of.timestamp, of.timestamp]
  let min = TIMESTAMP_MAX
  let max = TIMESTAMP_MIN
  const step = watermark.kind === 'observed' ? 1 : Math.max(1, to - from - 1)
  for (let i = from; i < to; i += step) {
    const timestamp = timestampAt(of.element, i)
    min = Math.min(min, timestamp)
    max = Math.max(max, timestamp)
  }
  return [min, max]
}
