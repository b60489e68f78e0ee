/** How many elements a batch may read, as a function of the batches before it. */
import { describe, expect, it } from 'vitest'
import { elementsMax, type MeasuredBatch, NO_ESTIMATE, nextEstimate, type RateEstimate } from './backpressure.js'

const INTERVAL = 500

/** A pipeline with a constant cost for each batch and each element. */
function batchOf(elements: number, cost: { fixed: number; each: number }, over: Partial<MeasuredBatch> = {}) {
  const { fixed, each } = cost
  return { elements, busyMillis: fixed + each * elements, closingMillis: fixed, delayMillis: 0, isCut: true, ...over }
}

/** As many batches as it takes, from what there is to read; each begins when it is due, or when the one before is over. */
function batches(count: number, available: number, cost: (i: number) => { fixed: number; each: number }) {
  const read: MeasuredBatch[] = []
  let estimate: RateEstimate = NO_ESTIMATE
  for (let i = 0; i < count; i++) {
    const elements = Math.min(available, elementsMax(estimate, INTERVAL))
    const before = read.at(-1)
    const delayMillis = before === undefined ? 0 : Math.max(0, before.busyMillis - INTERVAL)
    const batch = batchOf(elements, cost(i), { delayMillis, isCut: elements < available })
    read.push(batch)
    estimate = nextEstimate(estimate, batch, INTERVAL)
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
    const { read } = batches(30, 100_000, (i) => ({ fixed: 10, each: i < 10 ? 2 : i < 20 ? 0.5 : 4 }))
    expect(read[9]?.elements).toBeCloseTo(245, -2)
    expect(read[19]?.elements).toBeCloseTo(980, -2)
    expect(read[29]?.elements).toBeCloseTo(122, -2)
  })

  it('does not make batches smaller for what they cost without elements: the next one is delayed instead', () => {
    const { read } = batches(10, 100_000, () => ({ fixed: 2000, each: 1 }))
    expect(read.at(-1)?.elements).toBeGreaterThan(1500)
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
