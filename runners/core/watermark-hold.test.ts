import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../sdk/env.js'
import { InvariantViolation } from '../../sdk/invariant.js'
import { TIMESTAMP_MAX, TIMESTAMP_MIN } from '../../sdk/time.js'
import { WatermarkHold } from './watermark-hold.js'

const holding = (...timestamps: readonly number[]): WatermarkHold => {
  const hold = new WatermarkHold()
  for (const timestamp of timestamps) hold.add(timestamp)
  return hold
}

describe('the smallest hold', () => {
  it('is the end of time when there is none', () => {
    expect(holding().min).toBe(TIMESTAMP_MAX)
  })

  it('goes down at once, and up when the smallest is removed', () => {
    const hold = holding(20)
    hold.add(10)
    expect(hold.min).toBe(10)
    hold.remove(10)
    expect(hold.min).toBe(20)
    hold.remove(20)
    expect(hold.min).toBe(TIMESTAMP_MAX)
  })

  it('lasts as long as anyone holds it', () => {
    const hold = holding(10, 10, 20)
    hold.remove(10)
    expect(hold.min).toBe(10)
    hold.remove(10)
    expect(hold.min).toBe(20)
  })

  it('can come back after it was removed, looked at in between or not', () => {
    for (const looks of [true, false]) {
      const hold = holding(10, 20)
      hold.remove(10)
      if (looks) expect(hold.min).toBe(20)
      hold.add(10)
      expect(hold.min).toBe(10)
      hold.remove(10)
      expect(hold.min).toBe(20)
    }
  })

  it('may stand at the ends of time', () => {
    expect(holding(TIMESTAMP_MAX).min).toBe(TIMESTAMP_MAX)
    expect(holding(TIMESTAMP_MAX, TIMESTAMP_MIN).min).toBe(TIMESTAMP_MIN)
  })
})

it('what was not added cannot be removed', () => {
  const hold = holding(10)
  expect(() => hold.remove(11)).toThrow(InvariantViolation)
  hold.remove(10)
  expect(() => hold.remove(10)).toThrow(/only a hold that was added is removed \(timestamp: 10\)/)
})

it('counts nothing twice and keeps nothing that is gone', () => {
  const hold = holding()
  for (let i = 0; i < 100; i++) hold.add(i)
  for (let i = 0; i < 100; i++) hold.remove(i)
  expect(hold.size).toBe(0)
  expect(hold.min).toBe(TIMESTAMP_MAX)
})

it('a hold that comes and goes ten thousand times while others stay leaves nothing behind', () => {
  const hold = new WatermarkHold()
  hold.add(1)
  const before = hold.waiting
  for (let i = 0; i < 10_000; i++) {
    hold.add(5)
    hold.remove(5)
  }
  expect(hold.waiting - before).toBeLessThan(200)
  expect(hold.min).toBe(1)
})

it.each([1, 2, 3])('is the minimum of what was added and not yet removed (seed %d)', (seed) => {
  const random = seededRandom(seed)
  const hold = holding()
  const held: number[] = []
  for (let i = 0; i < 500; i++) {
    if (held.length > 0 && random() < 0.5) {
      const [timestamp] = held.splice(Math.floor(random() * held.length), 1) as [number]
      hold.remove(timestamp)
    } else {
      const timestamp = Math.floor(random() * 30)
      held.push(timestamp)
      hold.add(timestamp)
    }
    if (random() < 0.5) expect(hold.min).toBe(Math.min(TIMESTAMP_MAX, ...held))
  }
})
