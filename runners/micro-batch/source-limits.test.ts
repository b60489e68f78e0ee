/** Limits of sources, and batches that are held to what they can do in time, in simulated time. */
import {
  type PCollection,
  type Pipeline,
  pipeline,
  readFrom,
  run,
  type RunStatus,
  start,
  typed,
  watermarks,
} from 'millrace'
import type { RunnerOptions, SourceLimit } from 'millrace'
import { microBatchRunner } from 'millrace/micro-batch'
import { describe, expect, it } from 'vitest'
import { SimulatedWorld } from '../../conformance/proof/sim/simulated-world.js'
import { SourceAllowances } from './source-limits.js'

/** Numbers from 0, all there from the beginning. */
function numbers(count: number): (p: Pipeline) => PCollection<number> {
  return readFrom({
    output: typed<number>(),
    bounded: false,
    replayable: true,
    watermark: watermarks.monotonic(),
    maxRecords: count,
    open: (mark: number | undefined) => {
      let next = mark ?? 0
      return { read: () => ({ value: next, timestamp: next++ }), mark: () => next, backlog: () => count - next }
    },
  })
}

interface Looked {
  readonly at: number
  readonly batches: NonNullable<RunStatus['batches']>
}

/** Runs until all is read; looks at each batch. */
async function read(counts: Readonly<Record<string, number>>, options: RunnerOptions, spend = 0) {
  const world = new SimulatedWorld(() => 0.5, 0.002)
  const p = pipeline()
  for (const [name, count] of Object.entries(counts))
    p.apply(name, numbers(count))
      .map(`${name} cost`, (n) => {
        world.elapsed += spend
        return n
      })
      .collect(`${name} seen`)
  const looks: Looked[] = []
  const running = start(p, {
    runner: microBatchRunner({ batchInterval: '500 ms' }),
    env: { ...world.env, crashpoint: (name) => void (name === 'batch.committed' && look()) },
    ...options,
  })
  const look = (): void => {
    const { batches } = running.status()
    if (batches !== undefined) looks.push({ at: world.elapsed, batches })
  }
  const result = await world.until(running.result, 1e7)
  const { batches } = running.status()
  for (const [name, count] of Object.entries(counts)) expect(result.collect(`${name} seen`)).toHaveLength(count)
  return { elapsed: world.elapsed, looks: looks.slice(1), last: batches?.last, batches }
}

describe('limits of sources', () => {
  it('hold the elements of a batch', async () => {
    const { batches } = await read({ orders: 1000 }, { sourceLimits: { orders: { perBatch: 50 } } })
    expect(batches?.committed).toBeGreaterThanOrEqual(20)
    expect(batches?.committed).toBeLessThanOrEqual(22)
  })

  it('hold the elements of a second, over any number of batches', async () => {
    const { elapsed, looks } = await read({ orders: 5000 }, { sourceLimits: { orders: { perSecond: 1000 } } })
    // The first batch may begin at once.
    expect(elapsed).toBeGreaterThan(4400)
    expect(elapsed).toBeLessThan(5600)
    for (const { batches } of looks) expect(batches.last?.elements).toBeLessThanOrEqual(510)
  })

  it('of one source do not hold others', async () => {
    const limits = { slow: { perSecond: 10 } }
    const { elapsed } = await read({ slow: 20, fast: 20_000 }, { sourceLimits: limits })
    expect(elapsed).toBeGreaterThan(1000)
    expect(elapsed).toBeLessThan(3000)
  })

  it('of less than one element a batch are kept, too', async () => {
    const { elapsed } = await read({ orders: 5 }, { sourceLimits: { orders: { perSecond: 0.5 } } })
    expect(elapsed).toBeGreaterThan(8000)
    expect(elapsed).toBeLessThan(12_000)
  })

  it('are for steps that read: others are refused, with the nearest name', async () => {
    const p = pipeline()
    p.create('read orders', [1]).collect('out')
    const limited = (sourceLimits: Readonly<Record<string, SourceLimit>>) =>
      run(p, { runner: 'micro-batch', sourceLimits })
    await expect(limited({ 'read order': { perBatch: 1 } })).rejects.toThrow(
      /no step of that path reads\. Did you mean "read orders"\?/,
    )
    await expect(limited({ 'collect out': { perBatch: 1 } })).rejects.toThrow(/MR-6060|no step of that path reads/)
    await expect(limited({ 'read orders': { perBatch: 0 } })).rejects.toThrow(
      /perBatch.*whole number.*from 1, but is 0/,
    )
    await expect(limited({ 'read orders': { perSecond: -1 } })).rejects.toThrow(/perSecond.*above 0, but is -1/)
    const misspelt = { 'read orders': { perSecnd: 1 } } as Readonly<Record<string, SourceLimit>>
    await expect(limited(misspelt)).rejects.toThrow(/no option "perSecnd".*Did you mean "perSecond"/)
    await expect(run(p, { sourceLimits: {} })).rejects.toThrow(/sourceLimits is an option of the micro-batch runner/)
  })

  it('hold sources that are read on workers, too', async () => {
    const p = pipeline()
    p.create(
      'orders',
      Array.from({ length: 300 }, (_, i) => i),
    ).collect('seen')
    const running = start(p, {
      runner: microBatchRunner({ batchInterval: '20 ms' }),
      workers: 2,
      isolation: 'memory',
      sourceLimits: { orders: { perBatch: 30 } },
    })
    expect((await running.result).collect('seen')).toHaveLength(300)
    expect(running.status().batches?.committed).toBeGreaterThanOrEqual(10)
  })

  it('make up for at most a second that was not used', () => {
    let now = 0
    const allowances = new SourceAllowances(new Map([[3, { perSecond: 100 }]]), () => now, 500)
    allowances.begin()
    expect(allowances.room(3)).toBe(50)
    now = 60_000
    allowances.begin()
    expect(allowances.room(3)).toBe(100)
    allowances.take(3, 70)
    expect(allowances.room(3)).toBe(30)
    expect(allowances.room(4)).toBe(Infinity)
  })
})

describe('batches that take longer than their interval', () => {
  it('read less from then on, so that the next ones are over in time', async () => {
    const { looks, batches } = await read({ orders: 3000 }, {}, 5)
    const busy = looks.map(({ at }, i) => at - (looks[i - 1]?.at ?? 0)).slice(3, -1)
    expect(busy.length).toBeGreaterThan(10)
    for (const millis of busy) expect(millis).toBeLessThan(750)
    expect(batches?.elementsMax).toBeGreaterThan(60)
    expect(batches?.elementsMax).toBeLessThan(120)
  })

  it('are not held where they are over in time', async () => {
    const { batches } = await read({ orders: 50_000 }, {})
    expect(batches?.elementsMax).toBeUndefined()
  })
})
