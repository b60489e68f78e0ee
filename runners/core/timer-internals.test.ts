import { expect, it } from 'vitest'
import { seededRandom } from '../../sdk/env.js'
import { TimerQueue } from './timer-internals.js'

/** Everything due before a watermark, as payloads. */
function due<P>(queue: TimerQueue<P>, watermark: number): readonly P[] {
  const taken: P[] = []
  for (let entry = queue.takeDue(watermark); entry !== undefined; entry = queue.takeDue(watermark)) {
    taken.push(entry.payload)
  }
  return taken
}

it('an empty queue has nothing', () => {
  const queue = new TimerQueue<string>()
  expect([queue.size, queue.peek(), queue.takeDue(Number.POSITIVE_INFINITY)]).toEqual([0, undefined, undefined])
})

it('is due once the watermark is past its time, not at it', () => {
  const queue = new TimerQueue<string>()
  queue.add(10, 'ten')
  expect(due(queue, 9)).toEqual([])
  expect(due(queue, 10)).toEqual([])
  expect(queue.size).toBe(1)
  expect(due(queue, 11)).toEqual(['ten'])
  expect(queue.size).toBe(0)
})

it('order is by time, then rank, then order of setting', () => {
  const queue = new TimerQueue<string>()
  queue.add(20, 'c, first')
  queue.add(10, 'b, expiry', 1)
  queue.add(10, 'a, first')
  queue.add(20, 'c, second')
  queue.add(10, 'a, second')
  queue.add(5, 'before', 1)
  expect(due(queue, 21)).toEqual(['before', 'a, first', 'a, second', 'b, expiry', 'c, first', 'c, second'])
})

it('what is set while others are taken out comes in its place', () => {
  const queue = new TimerQueue<number>()
  for (const time of [1, 3, 5]) queue.add(time, time)
  const taken: number[] = []
  for (let entry = queue.takeDue(6); entry !== undefined; entry = queue.takeDue(6)) {
    taken.push(entry.payload)
    if (entry.payload % 2 === 1) queue.add(entry.payload + 1, entry.payload + 1)
  }
  expect(taken).toEqual([1, 2, 3, 4, 5])
  expect(queue.peek()?.payload).toBe(6)
})

it('keeps the order of what is retained', () => {
  const queue = new TimerQueue<number>()
  for (let i = 0; i < 100; i++) queue.add((i * 37) % 20, i)
  queue.retain((i) => i % 3 === 0)
  expect(queue.size).toBe(34)
  const taken: (readonly [number, number])[] = []
  for (let entry = queue.takeDue(Infinity); entry !== undefined; entry = queue.takeDue(Infinity))
    taken.push([entry.timestamp, entry.payload])
  expect(taken).toEqual([...taken].sort(([t, i], [u, j]) => t - u || i - j))
  expect(taken.every(([, i]) => i % 3 === 0)).toBe(true)
})

it.each([1, 2, 3, 4, 5])('is a stable sort, whatever is set and taken (seed %d)', (seed) => {
  const random = seededRandom(seed)
  const queue = new TimerQueue<number>()
  // A list that is sorted anew each time is the plain way to say the same.
  const expected: { time: number; rank: number; id: number }[] = []
  for (let id = 0; id < 300; id++) {
    const time = Math.floor(random() * 20) - 10
    const rank = random() < 0.2 ? 1 : 0
    queue.add(time, id, rank)
    expected.push({ time, rank, id })
    if (random() < 0.3) {
      const watermark = Math.floor(random() * 20) - 10
      const before = expected
        .filter((entry) => entry.time < watermark)
        .sort((a, b) => a.time - b.time || a.rank - b.rank || a.id - b.id)
      expect(due(queue, watermark)).toEqual(before.map((entry) => entry.id))
      for (const entry of before) expected.splice(expected.indexOf(entry), 1)
      expect(queue.size).toBe(expected.length)
    }
  }
})
