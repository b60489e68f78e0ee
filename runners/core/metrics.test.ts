import { describe, expect, it } from 'vitest'
import { type Counter, type Distribution, type Gauge, metric, type StringSet } from '../../sdk/metrics.js'
import { Metrics } from './metrics.js'

const MAX = Number.MAX_SAFE_INTEGER

/** The metrics of one step, with the value each has. */
function cells() {
  const metrics = new Metrics(0, 0)
  const specs = { count: metric.counter(), sizes: metric.distribution(), level: metric.gauge() }
  const { count, sizes, level } = metrics.cells('step', specs) as unknown as {
    count: Counter
    sizes: Distribution
    level: Gauge
  }
  const value = (name: string) => metrics.results().find((result) => result.name === name)?.value
  return { metrics, count, sizes, level, value }
}

describe('a counter', () => {
  it.each<[string, readonly number[], number | bigint]>([
    ['nothing', [], 0],
    ['increments', [1, 2, 3], 6],
    ['decrements', [1, -3], -2],
    ['up to the last safe number', [MAX], MAX],
    ['beyond it', [MAX, 1], BigInt(MAX) + 1n],
    ['beyond it, where doubles would lose the one', [MAX, 1, 1, 1], BigInt(MAX) + 3n],
    ['far beyond it', [MAX, MAX, MAX], 3n * BigInt(MAX)],
    ['beyond it and back', [MAX, 2, -2], MAX],
    ['beyond it and back to nothing', [MAX, MAX, -MAX, -MAX], 0],
    ['below the first safe number', [-MAX, -1], -BigInt(MAX) - 1n],
    ['below it and back', [-MAX, -5, 5], -MAX],
  ])('counts %s exactly', (_, increments, expected) => {
    const { count, value } = cells()
    for (const by of increments) count.inc(by)
    expect(value('count')).toBe(expected)
  })

  it('counts by one when it is not told otherwise, and dec takes away', () => {
    const { count, value } = cells()
    count.inc()
    count.inc()
    count.dec()
    count.dec(5)
    expect(value('count')).toBe(-4)
  })

  it.each([0.5, Number.NaN, Number.POSITIVE_INFINITY, MAX + 1, '3', 3n, null])('refuses %s', (by) => {
    const { count, value } = cells()
    expect(() => count.inc(by as number)).toThrow(/counter "count" counts whole numbers, not/)
    expect(value('count')).toBe(0)
  })
})

describe('a distribution', () => {
  it('of nothing has a count and a sum', () => {
    expect(cells().value('sizes')).toEqual({ count: 0, sum: 0, min: undefined, max: undefined, mean: undefined })
  })

  it.each<[readonly number[], object]>([
    [[5], { count: 1, sum: 5, min: 5, max: 5, mean: 5 }],
    [[3, -1, 4], { count: 3, sum: 6, min: -1, max: 4, mean: 2 }],
    [[0], { count: 1, sum: 0, min: 0, max: 0, mean: 0 }],
    [[1, 2], { count: 2, sum: 3, min: 1, max: 2, mean: 1.5 }],
  ])('of %j', (values, expected) => {
    const { sizes, value } = cells()
    for (const each of values) sizes.update(each)
    expect(value('sizes')).toEqual(expected)
  })

  it.each([Number.NaN, Number.NEGATIVE_INFINITY, '3', undefined])('refuses %s', (value) => {
    expect(() => cells().sizes.update(value as number)).toThrow(/distribution "sizes" takes finite numbers, not/)
  })
})

describe('a gauge', () => {
  it('has no value until one is set, and then the latest', () => {
    const { level, value } = cells()
    expect(value('level')).toBeUndefined()
    level.set(3)
    level.set(1)
    expect(value('level')).toBe(1)
  })

  it.each([Number.NaN, '3', null])('refuses %s', (value) => {
    expect(() => cells().level.set(value as number)).toThrow(/gauge "level" takes numbers, not/)
  })
})

describe('all metrics of a run', () => {
  it('are one per step and name, whoever asks', () => {
    const { metrics, count, value } = cells()
    const again = metrics.cells('step', { count: metric.counter() }) as unknown as { count: Counter }
    const other = metrics.cells('other step', { count: metric.counter() }) as unknown as { count: Counter }
    expect(again.count).toBe(count)
    expect(other.count).not.toBe(count)
    other.count.inc(9)
    count.inc(4)
    expect(value('count')).toBe(4)
    expect(metrics.results().map(({ step, name, kind }) => `${step}/${name}: ${kind}`)).toEqual([
      'step/count: counter',
      'step/sizes: distribution',
      'step/level: gauge',
      'other step/count: counter',
    ])
  })

  it('names of steps and metrics cannot be mixed up', () => {
    const metrics = new Metrics(0, 0)
    const specs = { 'b","c': metric.counter(), c: metric.counter() }
    const one = metrics.cells('a', specs) as unknown as Record<string, Counter>
    const two = metrics.cells('a","b', specs) as unknown as Record<string, Counter>
    one['b","c']?.inc(1)
    two['c']?.inc(10)
    expect(metrics.results().map(({ value }) => value)).toEqual([1, 0, 0, 10])
  })

  it('system counters add up per step and over all', () => {
    const metrics = new Metrics(0, 0)
    metrics.count('a', 'retries')
    metrics.count('a', 'retries', 2)
    metrics.count('b', 'retries', 4)
    metrics.count('b', 'deadLetters')
    expect(metrics.system('retries')).toBe(7)
    expect([metrics.system('retries', 'a'), metrics.system('retries', 'b'), metrics.system('retries', 'c')]).toEqual([
      3, 4, 0,
    ])
    expect(metrics.systemCounters()).toEqual([
      { step: 'a', name: 'retries', value: 3 },
      { step: 'b', name: 'retries', value: 4 },
      { step: 'b', name: 'deadLetters', value: 1 },
    ])
  })
})

describe('a set of strings', () => {
  it('has each once, sorted, and goes back to what it was', () => {
    const metrics = new Metrics(0, 0)
    const { seen } = metrics.cells('step', { seen: metric.stringSet() }) as unknown as { readonly seen: StringSet }
    const values = (): unknown => metrics.results()[0]?.value
    expect(values()).toEqual([])
    for (const each of ['b', 'a', 'b']) seen.add(each)
    const restore = metrics.save()
    seen.add('c')
    expect(values()).toEqual(['a', 'b', 'c'])
    restore()
    expect(values()).toEqual(['a', 'b'])
    expect(() => seen.add(1 as never)).toThrow(/set "seen" takes strings, not 1/)
  })
})
