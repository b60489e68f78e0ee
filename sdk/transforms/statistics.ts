/**
 * Ready-made combiners: count, sum, mean, min, max. Each is a value for `combinePerKey` and `combineGlobally`.
 */
import * as t from 'io-ts'
import type { Ord } from 'fp-ts/lib/Ord.js'
import type { CombineFn, MonoidCombine, SemigroupCombine } from './combine.js'

const add = (a: number, b: number): number => a + b
const itself = (value: number): number => value
const one = (): number => 1

/**
 * Number of values.
 *
 * @example
 * ```ts
 * import { count, pipeline } from 'millrace'
 * pipeline().create('numbers', [4, 5]).combineGlobally('how many', count()) // one element: 2
 * ```
 */
export function count<T = unknown>(): MonoidCombine<T, number> {
  return { of: one, monoid: { empty: 0, concat: add }, codec: t.number }
}

/**
 * Sum of numbers, or of the number `of` takes from each value. An empty sum is 0.
 *
 * @example
 * ```ts
 * import { pipeline, sum } from 'millrace'
 * pipeline().create('numbers', [4, 5]).combineGlobally('total', sum()) // one element: 9
 * ```
 */
export function sum(): MonoidCombine<number, number>
export function sum<T>(of: (value: T) => number): MonoidCombine<T, number>
export function sum(of: (value: number) => number = itself): MonoidCombine<number, number> {
  return { of, monoid: { empty: 0, concat: add }, codec: t.number }
}

/** Accumulator of a mean. */
export interface MeanAccumulator {
  sum: number
  count: number
}

const meanAccumulator = t.type({ sum: t.number, count: t.number })

/**
 * Arithmetic mean: Σx / n. The mean of nothing is NaN.
 *
 * @example
 * ```ts
 * import { mean, pipeline } from 'millrace'
 * pipeline().create('numbers', [4, 5]).combineGlobally('average', mean()) // one element: 4.5
 * ```
 */
export function mean(): CombineFn<number, MeanAccumulator, number>
export function mean<T>(of: (value: T) => number): CombineFn<T, MeanAccumulator, number>
export function mean(of: (value: number) => number = itself): CombineFn<number, MeanAccumulator, number> {
  return {
    createAccumulator: () => ({ sum: 0, count: 0 }),
    addInput: (accumulator, value) => {
      accumulator.sum += of(value)
      accumulator.count++
      return accumulator
    },
    mergeAccumulators: (a, b) => ({ sum: a.sum + b.sum, count: a.count + b.count }),
    extractOutput: ({ sum, count }) => sum / count,
    accumulator: meanAccumulator,
    output: t.number,
  }
}

/**
 * The smallest value: of numbers, or by an fp-ts `Ord`.
 *
 * @example
 * ```ts
 * import { min, pipeline } from 'millrace'
 * pipeline().create('numbers', [4, 5]).combineGlobally('least', min()) // one element: 4
 * ```
 */
export function min(): SemigroupCombine<number, number>
export function min<T>(ord: Ord<T>): SemigroupCombine<T, T>
export function min(ord?: Ord<number>): SemigroupCombine<number, number> {
  const concat =
    ord === undefined
      ? (a: number, b: number) => Math.min(a, b)
      : (a: number, b: number) => (ord.compare(b, a) < 0 ? b : a)
  return { of: itself, semigroup: { concat }, selects: true }
}

/**
 * The largest value: of numbers, or by an fp-ts `Ord`.
 *
 * @example
 * ```ts
 * import { max, pipeline } from 'millrace'
 * pipeline().create('numbers', [4, 5]).combineGlobally('greatest', max()) // one element: 5
 * ```
 */
export function max(): SemigroupCombine<number, number>
export function max<T>(ord: Ord<T>): SemigroupCombine<T, T>
export function max(ord?: Ord<number>): SemigroupCombine<number, number> {
  const concat =
    ord === undefined
      ? (a: number, b: number) => Math.max(a, b)
      : (a: number, b: number) => (ord.compare(b, a) > 0 ? b : a)
  return { of: itself, semigroup: { concat }, selects: true }
}
