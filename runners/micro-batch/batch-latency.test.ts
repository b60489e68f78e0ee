/**
 * What the looks at a batch tell of it.
 */
import { describe, expect, it } from 'vitest'
import { pipeline, start } from 'millrace'
import { BatchLatency, StageLooks } from './batch-latency.js'

const NOW = 1_000_000

describe('the latency of a batch', () => {
  it('is exact while every element is looked at', () => {
    const latency = new BatchLatency()
    latency.begin()
    latency.add(1, 3, [NOW - 50, NOW - 40, NOW - 30], NOW - 10)
    latency.add(1, 1, [NOW - 900], NOW - 5)
    expect(latency.status(NOW)).toEqual({
      arrival: { p50Millis: 10, p99Millis: 10, maxMillis: 10 },
      event: { p50Millis: 40, p99Millis: 900, maxMillis: 900 },
      skew: { p50Millis: 30, p99Millis: 895, maxMillis: 895 },
    })
  })

  it.each([1, 7, 300, 100_000])('of many elements in bundles of %d is near what all of them would say', (bundle) => {
    const latency = new BatchLatency()
    latency.begin()
    const elements = 100_000
    for (let from = 0; from < elements; from += bundle) {
      const count = Math.min(bundle, elements - from)
      // The n-th arrives when n / 100 ms of the batch are over, and happened as long before that as it came late.
      const arrivedAt = NOW - (elements - from) / 100
      const timestamps = Array.from({ length: count }, (_, i) => arrivedAt - (from + i) / 100)
      latency.add(1, count, timestamps, arrivedAt)
    }
    const { arrival, event, skew } = latency.status(NOW)
    const near = (millis: number | undefined, expected: number): void =>
      expect(Math.abs((millis ?? Number.NaN) - expected)).toBeLessThanOrEqual(10)
    near(skew?.p50Millis, 500)
    near(skew?.p99Millis, 990)
    near(skew?.maxMillis, 999.99)
    near(arrival?.maxMillis, 1000)
    if (bundle > 300) return
    near(arrival?.p50Millis, 500)
    near(arrival?.p99Millis, 990)
    near(event?.p50Millis, 1000)
  })

  it('weighs a stage by what it has read, however many looks at it are kept', () => {
    const latency = new BatchLatency()
    latency.begin()
    latency.add(1, 99_000, undefined, NOW - 1)
    for (let each = 0; each < 500; each++) latency.add(2, 1, undefined, NOW - 100)
    expect(latency.status(NOW).arrival).toEqual({ p50Millis: 1, p99Millis: 1, maxMillis: 100 })
    expect(latency.status(NOW, new Set([2])).arrival).toEqual({ p50Millis: 100, p99Millis: 100, maxMillis: 100 })
    expect(latency.status(NOW, new Set([3]))).toEqual({ arrival: undefined, event: undefined, skew: undefined })
  })

  it('knows nothing of events whose time is not known, and forgets a batch when the next begins', () => {
    const latency = new BatchLatency()
    latency.begin()
    latency.add(1, 10, undefined, NOW - 1)
    latency.add(1, 2, [Number.NEGATIVE_INFINITY, NOW - 20], NOW - 1)
    expect(latency.status(NOW).event).toEqual({ p50Millis: 20, p99Millis: 20, maxMillis: 20 })
    latency.begin()
    expect(latency.status(NOW)).toEqual({ arrival: undefined, event: undefined, skew: undefined })
  })

  it('is told in short of what was read elsewhere: how much, and the oldest of it', () => {
    const looks = new StageLooks(64)
    expect(looks.seen(false)).toBeUndefined()
    const timestamps = Array.from({ length: 1000 }, (_, i) => NOW - 100 - ((i * 7) % 1000))
    for (let from = 0; from < 1000; from += 10) looks.add(10, timestamps.slice(from, from + 10), NOW - 10)
    const seen = looks.seen(false)
    expect([seen?.count, seen?.arrivedAt, seen?.timestamps[0]]).toEqual([1000, NOW - 10, looks.oldestTimestamp])
    expect(seen?.timestamps.length).toBeLessThanOrEqual(64)
    const latency = new BatchLatency()
    latency.begin()
    latency.add(1, seen?.count ?? 0, seen?.timestamps, seen?.arrivedAt ?? 0)
    const { arrival, event, skew } = latency.status(NOW)
    expect(arrival).toEqual({ p50Millis: 10, p99Millis: 10, maxMillis: 10 })
    expect(skew?.maxMillis).toBe(NOW - 10 - looks.oldestTimestamp)
    expect(Math.abs((event?.p50Millis ?? 0) - 600)).toBeLessThan(100)
    looks.begin()
    expect(looks.seen(false)).toBeUndefined()
  })

  it('is told of what has waited to be read with the time that each has come', () => {
    const looks = new StageLooks(64)
    for (let from = 0; from < 1000; from += 10) looks.add(10, [NOW - 3000 + 2 * from], NOW - 1000 + from)
    const { arrivals = [], timestamps = [] } = looks.seen(true) ?? {}
    expect(arrivals.length).toBe(timestamps.length)
    expect(arrivals.length).toBeGreaterThan(30)
    expect(timestamps[0]).toBe(looks.oldestTimestamp)
    for (const [i, arrival] of arrivals.entries()) expect(timestamps[i]).toBe(NOW - 3000 + 2 * (arrival - NOW + 1000))
  })

  it.each([1, 3])('is known of what %d workers read', async (workers) => {
    const p = pipeline()
    p.create(
      'numbers',
      Array.from({ length: 100 }, (_, i) => i),
      { timestamp: (n) => Date.now() - 60_000 - n },
    ).collect('all')
    const running = start(p, { runner: 'micro-batch', workers, isolation: 'memory' })
    expect((await running.result).collect('all')).toHaveLength(100)
    const { arrival, event, skew } = running.status().batches?.last?.latency ?? {}
    expect(arrival?.maxMillis).toBeGreaterThanOrEqual(0)
    expect(arrival?.maxMillis).toBeLessThan(30_000)
    expect(skew?.p50Millis).toBeGreaterThan(59_000)
    expect(event?.maxMillis).toBeGreaterThanOrEqual(60_000)
  })
})
