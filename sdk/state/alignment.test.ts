import fc from 'fast-check'
import { expect, it } from 'vitest'
import { TIMESTAMP_MAX, TIMESTAMP_MIN } from '../time.js'
import { alignmentOf, nextAligned } from './alignment.js'

it.each<[from: number, period: number, offset: number, expected: number]>([
  [103, 10, 0, 110],
  [110, 10, 0, 110],
  [103, 10, 4, 104],
  [105, 10, 4, 114],
  [105, 10, 24, 114],
  [-3, 10, 0, 0],
  [-13, 10, 4, -6],
  [TIMESTAMP_MAX, 7, 0, TIMESTAMP_MAX],
  [TIMESTAMP_MIN, 7, 0, TIMESTAMP_MIN],
])('after %i, in steps of %i from %i, comes %i', (from, period, offset, expected) => {
  expect(nextAligned(from, alignmentOf('t', period, offset))).toBe(expected)
})

it('the next aligned time is less than a period away, and stands at a multiple of it', () => {
  const whole = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max })
  fc.assert(
    fc.property(whole(-1e12, 1e12), whole(1, 1e8), whole(0, 1e9), (from, period, offset) => {
      const next = nextAligned(from, alignmentOf('t', period, offset))
      expect(next - from).toBeGreaterThanOrEqual(0)
      expect(next - from).toBeLessThan(period)
      expect(Math.abs((next - offset) % period)).toBe(0)
    }),
  )
})
