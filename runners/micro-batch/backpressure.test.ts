/** How many elements a batch may read, as a function of the batches before it. */
import { describe, expect, it } from 'vitest'
import { elementsMax, type MeasuredBatch, NO_ESTIMATE, nextEstimate, type RateEstimate } from './backpressure.js'

const INTERVAL = 500

interface Cost {
  /** Of a batch, after it was read. */
  readonly fixed: number
  /** Of an element, while it is read. */
  readonly each: number
  /** Of a batch, while it is read. */
  readonly reading?: number
  /** Of an element, after it was read. */
  readonly eachClosing?: number
}

/** A pipeline with a constant cost for each batch and each element. */
function batchOf(elements: number, cost: Cost, over: Partial<MeasuredBatch> = {}) {
  const { fixed, each, reading = 0, eachClosing = 0 } = cost
  const closingMillis = fixed + eachClosing * elements
  return { elements, busyMillis: reading + each * elements + closingMillis, closingMillis, delayMillis: 0, isCut: true, ...over } // prettier-ignore
}

/** As many batches as it takes, from what there is to read; each begins when it is due, or when the one before is over. */
function batches(count: number, available: number, cost: (i: number) => Cost, interval: number = INTERVAL) {
  const read: MeasuredBatch[] = []
  let estimate: RateEstimate = NO_ESTIMATE
  for (let i = 0; i < count; i++) {
    const elements = Math.min(available, elementsMax(estimate, interval))
    const before = read.at(-1)
    const delayMillis = before === undefined ? 0 : Math.max(0, before.busyMillis - interval)
    const batch = batchOf(elements, cost(i), { delayMillis, isCut: elements < available })
    read.push(batch)
    estimate = nextEstimate(estimate, batch, interval)
  }
  return { read, estimate }
}

describe('backpressure', () => {
  it('holds nothing back while batches are over in time', () => {
    const { estimate } = batches(10, 1000, () => ({ fixed: 20, each: 0.1 }))
    expect(elementsMax(estimate, INTERVAL)).toBe(Infinity)
  })

  it('after one batch that took too long, lets the next read what fits', () => {
    const { read } = batches(2, 5000, () => ({ fixed: 20, each: 1 }))
    expect(read.map(({ elements }) => elements)).toEqual([5000, 480])
    expect(read[1]?.busyMillis).toBe(INTERVAL)
  })

  it('comes to what just fits, and makes up for the delay before', () => {
    const { read } = batches(20, 5000, () => ({ fixed: 20, each: 1 }))
    for (const { busyMillis } of read.slice(3)) {
      expect(busyMillis).toBeGreaterThan(0.9 * INTERVAL)
      expect(busyMillis).toBeLessThan(1.1 * INTERVAL)
    }
  })

  it('follows elements that become cheaper, and dearer', () => {
    const each = (i: number): number => (i < 20 ? 2 : i < 60 ? 0.5 : 4)
    const { read } = batches(80, 100_000, (i) => ({ fixed: 10, each: each(i) }))
    expect(read[19]?.elements).toBeCloseTo(245, -2)
    for (const { elements } of read.slice(30, 60)) expect(elements).toBeGreaterThan(800)
    expect(read[59]?.elements).toBeCloseTo(980, -2)
    for (const { elements } of read.slice(64)) expect(elements).toBeCloseTo(122, -2)
  })

  it('does not make batches smaller for what they cost without elements: the next one is delayed instead', () => {
    const { read } = batches(100, 100_000, () => ({ fixed: 2000, each: 1 }))
    for (const { elements } of read.slice(10)) expect(elements).toBeGreaterThan(700)
  })

  it('does not take for elements what reading costs whatever is read', () => {
    const both = batches(60, 5000, () => ({ fixed: 30, reading: 30, each: 0.05 }), 50)
    const reading = batches(60, 5000, () => ({ fixed: 0, reading: 60, each: 0.05 }), 50)
    for (const { read } of [both, reading])
      for (const { elements } of read.slice(30)) expect(elements).toBeGreaterThan(200)
  })

  it('does not stay at one element after the machine has stood still', () => {
    for (const reading of [30, 60]) {
      const stalled = { fixed: 30, reading: 5000, each: 0.05 }
      const cost = (i: number): Cost => (i >= 50 && i < 60 ? stalled : { fixed: 10, reading, each: 0.05 })
      const { read } = batches(160, 5000, cost, 50)
      for (const { elements } of read.slice(130)) expect(elements).toBeGreaterThan(100)
    }
  })

  it('makes batches smaller where elements cost after they were read, as in a sink', () => {
    const { read } = batches(40, 50_000, () => ({ fixed: 5, each: 0.01, eachClosing: 1 }))
    for (const { busyMillis } of read.slice(10)) {
      expect(busyMillis).toBeGreaterThan(0.8 * INTERVAL)
      expect(busyMillis).toBeLessThan(1.3 * INTERVAL)
    }
  })

  it('lets a batch read one element, however slow it is', () => {
    const { read } = batches(10, 10, () => ({ fixed: 0, each: 60_000 }))
    expect(read.at(-1)?.elements).toBe(1)
  })

  it('is told nothing by batches that had time and input left over', () => {
    const { estimate } = batches(5, 5000, () => ({ fixed: 20, each: 1 }))
    const quiet = nextEstimate(estimate, batchOf(2, { fixed: 20, each: 1 }, { isCut: false }), INTERVAL)
    expect(quiet.perSecond).toBe(estimate.perSecond)
  })

  it('does not believe one batch that was held up by something else', () => {
    const { estimate } = batches(5, 5000, () => ({ fixed: 20, each: 1 }))
    const before = elementsMax(estimate, INTERVAL)
    const heldUp = nextEstimate(estimate, batchOf(480, { fixed: 20, each: 1 }, { busyMillis: 60_000 }), INTERVAL)
    expect(elementsMax(heldUp, INTERVAL)).toBeGreaterThanOrEqual(Math.floor(before / 10))
  })
})
