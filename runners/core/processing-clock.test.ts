import { expect, it } from 'vitest'
import { ProcessingClock } from './processing-clock.js'

const HOUR = 3_600_000

/** What the clock tells when the wall clock has these times, one after the other. */
function told(...walls: readonly number[]): readonly number[] {
  let wall = 0
  const clock = new ProcessingClock({ now: () => wall })
  return walls.map((time) => {
    wall = time
    return clock.now()
  })
}

it('follows the wall clock, also when that jumps ahead', () => {
  expect(told(5, 5, 9, HOUR, HOUR + 1)).toEqual([5, 5, 9, HOUR, HOUR + 1])
})

it('waits where the wall clock is adjusted by a little, however often', () => {
  expect(told(10_000, 9_500, 9_200, 9_100, 9_999, 10_001)).toEqual([10_000, 10_000, 10_000, 10_000, 10_000, 10_001])
})

it('goes on from where it is when the wall clock is set back, as often as that happens', () => {
  const day = 24 * HOUR
  expect(told(day, day - HOUR, day - HOUR + 7, day - 2 * HOUR, day - 2 * HOUR + 5, day - 2 * HOUR + 4)).toEqual([
    day,
    day,
    day + 7,
    day + 7,
    day + 12,
    day + 12,
  ])
})

it('follows the wall clock again when that has caught up', () => {
  const day = 24 * HOUR
  expect(told(day, day - HOUR, day - HOUR + 50, day + 60, day + 61)).toEqual([day, day, day + 50, day + 60, day + 61])
})
