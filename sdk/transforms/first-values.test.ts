/** The first n values: what the lists keep, and what keeping them costs. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { top } from 'millrace'
import { firstValues } from './first-values.js'

const upwards = (a: number | undefined, b: number | undefined): number => (a ?? 0) - (b ?? 0)

it('keeps the first n in order, cut at any time or never, `undefined` where the order has it', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.array(
        fc.record({ value: fc.option(fc.integer({ min: -5, max: 5 }), { nil: undefined }), cuts: fc.boolean() }),
      ),
      (n, inputs) => {
        const { add, cut } = firstValues(n, upwards)
        const kept = inputs.reduce<(number | undefined)[]>((list, { value, cuts }) => {
          const added = add(list, value)
          return cuts ? cut(added) : added
        }, [])
        const expected = inputs
          .map(({ value }) => value ?? 0)
          .sort(upwards)
          .slice(0, n)
        expect(kept.length).toBeLessThan(Math.max(2, 2 * n))
        expect(cut(kept).map((value) => value ?? 0)).toEqual(expected)
      },
    ),
  )
})

it.each<[string, (i: number) => number]>([
  ['upwards', (i) => i],
  ['downwards', (i) => -i],
  ['mixed', (i) => (i * 7919) % 100_003],
])('top of many values that come %s compares each about log n times', (_, valueOf) => {
  const [count, n] = [20_000, 4_000]
  let compared = 0
  const by = (a: number, b: number): number => {
    compared++
    return a - b
  }
  const { createAccumulator, addInput, extractOutput } = top(n, { by })
  const values = Array.from({ length: count }, (_, i) => valueOf(i))
  const kept = values.reduce(addInput, createAccumulator())
  expect(extractOutput(kept)).toEqual(values.toSorted((a, b) => b - a).slice(0, n))
  expect(compared).toBeLessThan(2 * count * Math.log2(2 * n))
})
