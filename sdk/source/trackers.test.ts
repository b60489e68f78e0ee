import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  GrowableRangeTracker,
  type OffsetRange,
  OffsetRangeTracker,
  OneShotTracker,
  UNKNOWN_END,
  UnsplittableRangeTracker,
  watermarks,
} from 'millrace'

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

/** Claims everything that a range gives, splitting as told; the claimed positions of primary and residuals. */
function claimAll(
  range: OffsetRange,
  make: (range: OffsetRange) => OffsetRangeTracker,
  splits: readonly (readonly [after: number, fraction: number])[],
): readonly number[] {
  const claimed: number[] = []
  const queue = [range]
  for (let plan = 0, next = queue.shift(); next !== undefined; next = queue.shift()) {
    const tracker = make(next)
    for (let i = next.from; tracker.tryClaim(i); i++) {
      claimed.push(i)
      const [after, fraction] = splits[plan] ?? [Infinity, 0]
      if (i - next.from < after) continue
      plan++
      const rest = tracker.trySplit(fraction)
      if (rest !== undefined) queue.push(rest)
    }
    tracker.checkDone()
    expect(tracker.progress().remaining).toBe(0)
  }
  return claimed
}

const plans = fc.array(fc.tuple(fc.nat(20), fc.double({ min: 0, max: 1, noNaN: true })), { maxLength: 8 })

describe('primary and residuals are the whole, each position once', () => {
  it('of a range', () =>
    fc.assert(
      fc.property(fc.nat(100), plans, (to, splits) => {
        const claimed = claimAll({ from: 0, to }, (range) => new OffsetRangeTracker(range), splits)
        expect([...claimed].sort((a, b) => a - b)).toEqual(upTo(to))
      }),
    ))

  it('of a range that one reader must read', () =>
    fc.assert(
      fc.property(fc.nat(100), plans, (to, splits) => {
        const claimed = claimAll({ from: 0, to }, (range) => new UnsplittableRangeTracker(range), splits)
        expect(claimed).toEqual(upTo(to))
      }),
    ))

  it('of a range that grows, up to its estimate', () =>
    fc.assert(
      fc.property(fc.nat(50), fc.nat(200), fc.double({ min: 0.01, max: 1, noNaN: true }), (at, end, fraction) => {
        const tracker = new GrowableRangeTracker({ from: 0, to: UNKNOWN_END }, () => end)
        for (let i = 0; i <= at; i++) tracker.tryClaim(i)
        const rest = tracker.trySplit(fraction)
        if (end <= at + 1) {
          expect(rest).toBeUndefined()
          return
        }
        expect(rest?.to).toBe(UNKNOWN_END)
        expect(rest?.from).toBe(tracker.currentRestriction().to)
        expect(rest?.from).toBeGreaterThan(at)
        expect(rest?.from).toBeLessThanOrEqual(Math.max(end, at + 2))
      }),
    ))
})

describe('a growing range', () => {
  it('is put off where it stands, and done when its unknown end is claimed', () => {
    const tracker = new GrowableRangeTracker({ from: 0, to: UNKNOWN_END }, () => 10)
    tracker.tryClaim(3)
    expect(tracker.progress()).toEqual({ completed: 4, remaining: 6 })
    expect(() => tracker.checkDone()).toThrow(/reading stopped at 4/)
    expect(tracker.tryClaim(UNKNOWN_END)).toBe(false)
    expect(() => tracker.checkDone()).not.toThrow()
    const other = new GrowableRangeTracker({ from: 0, to: UNKNOWN_END }, () => 10)
    other.tryClaim(3)
    expect(other.trySplit(0)).toEqual({ from: 4, to: UNKNOWN_END })
    expect(other.tryClaim(4)).toBe(false)
  })

  it('is an ordinary one when it has an end, and refuses an estimate that is none', () => {
    const ended = new GrowableRangeTracker({ from: 0, to: 10 }, () => 1000)
    expect(ended.trySplit(0.5)).toEqual({ from: 5, to: 10 })
    expect(ended.progress()).toEqual({ completed: 0, remaining: 5 })
    const broken = new GrowableRangeTracker({ from: 0, to: UNKNOWN_END }, () => Number.NaN)
    expect(() => broken.trySplit(0.5)).toThrow(/must be a position, but is NaN/)
  })
})

it('work in one go is claimed once, or put off before it is', () => {
  const claimed = new OneShotTracker('all')
  expect(() => claimed.checkDone()).toThrow(/before the work was claimed/)
  expect(claimed.tryClaim()).toBe(true)
  expect(claimed.trySplit(0)).toBeUndefined()
  expect(claimed.tryClaim()).toBe(false)
  expect(() => claimed.checkDone()).not.toThrow()
  const putOff = new OneShotTracker('all')
  expect(putOff.trySplit(0.5)).toBeUndefined()
  expect(putOff.trySplit(0)).toBe('all')
  expect(putOff.tryClaim()).toBe(false)
  expect(() => putOff.checkDone()).not.toThrow()
})

it('policies are what they are called', () => {
  expect(watermarks.outOfOrder('1 second', { idleAfter: '1 minute' })).toEqual({
    kind: 'observed',
    outOfOrdernessMillis: 1000,
    idleMillis: 60_000,
  })
  expect(watermarks.monotonic()).toEqual({ kind: 'observed', outOfOrdernessMillis: 0, idleMillis: undefined })
  expect(watermarks.wallClock({ delay: '2 seconds' })).toEqual({ kind: 'wallClock', delayMillis: 2000 })
})
