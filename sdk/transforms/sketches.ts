/**
 * Combiners that answer approximately in bounded space, with an error that is stated. Both sketches depend on the values
 * alone: merging in any order and bracketing gives the same sketch, so a result never depends on how work was divided.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import * as t from 'io-ts'
import { encodeToBytes } from '../coders/whole.js'
import { dynamicCoder } from '../coders/dynamic.js'
import { DecodeError } from '../errors.js'
import { type OptionNames, refuseUnknownOptions } from '../known-options.js'
import { preview } from '../preview.js'
import { refuse } from '../refuse.js'
import type { CombineFn } from './combine.js'

/** How wrong a sketch may be. */
export interface SketchOptions {
  /** Relative error, between 0 and 1. Default: 0.01 for quantiles, 0.02 for numbers of distinct values. */
  readonly error?: number
}

function checkedError(what: string, options: SketchOptions, usual: number): number {
  refuseUnknownOptions(what, options, { error: true } satisfies OptionNames<SketchOptions>)
  const { error = usual } = options
  if (error > 0 && error < 1) return error
  return refuse('MR-1002', `the error of ${what} must lie between 0 and 1, but is ${String(error)}.`)
}

// ---- quantiles -----------------------------------------------------------------------------------------------------

/** Counts by bucket of the logarithm; a DDSketch. */
export interface QuantileSketch {
  readonly positive: Map<number, number>
  readonly negative: Map<number, number>
  zeros: number
  least: number
  greatest: number
}

function isSketch(u: unknown): u is QuantileSketch {
  return typeof u === 'object' && u !== null && 'positive' in u && 'negative' in u && 'zeros' in u
}

const sketchCodec = new t.Type<QuantileSketch>(
  'QuantileSketch',
  isSketch,
  (u, context) => (isSketch(u) ? t.success(u) : t.failure(u, context)),
  t.identity,
)

/**
 * `n` values at equal distances in the order of all values, the least and the greatest among them: `quantiles(5)` gives
 * minimum, quartiles and maximum. Minimum and maximum are exact. The value at each other rank is within `error` of the
 * exact one, relative to it, however many values there are. No value gives an empty list.
 *
 * A DDSketch (Masson, Rim, Lee, 2019): with γ = (1 + error) / (1 − error), value x counts in bucket ⌈log_γ |x|⌉, which is
 * answered by 2 γ^i / (γ + 1). Space grows with the logarithm of the range of values, not with their number.
 *
 * @throws {PipelineError} when `n` is no whole number from 2, or `error` is not between 0 and 1.
 * @throws {DecodeError} while it runs, when a value is NaN or infinite.
 * @example
 * ```ts
 * import { pipeline, quantiles } from 'millrace'
 * pipeline().create('numbers', [1, 2, 3]).combineGlobally('median', quantiles(3)) // one element: [1, about 2, 3]
 * ```
 */
export function quantiles(
  n: number,
  options: SketchOptions = {},
): CombineFn<number, QuantileSketch, readonly number[]> {
  if (!Number.isSafeInteger(n) || n < 2)
    refuse('MR-1002', `quantiles gives a whole number of values from 2, but n is ${String(n)}.`)
  const error = checkedError('quantiles', options, 0.01)
  const gamma = (1 + error) / (1 - error)
  const logGamma = Math.log(gamma)
  const bucketOf = (magnitude: number): number => Math.ceil(Math.log(magnitude) / logGamma)
  // The exponent is halved: γ^i itself may be beyond the largest number where the value in its bucket is not.
  const valueOf = (bucket: number): number =>
    Math.exp((bucket * logGamma) / 2) * (2 / (gamma + 1)) * Math.exp((bucket * logGamma) / 2)
  return {
    createAccumulator: () => ({
      positive: new Map(),
      negative: new Map(),
      zeros: 0,
      least: Infinity,
      greatest: -Infinity,
    }),
    addInput: (sketch, value) => {
      if (!Number.isFinite(value))
        throw new DecodeError('MR-4002', `quantiles takes finite numbers, got ${preview(value)}`)
      if (value > 0) increase(sketch.positive, bucketOf(value), 1)
      else if (value < 0) increase(sketch.negative, bucketOf(-value), 1)
      else sketch.zeros++
      sketch.least = Math.min(sketch.least, value)
      sketch.greatest = Math.max(sketch.greatest, value)
      return sketch
    },
    mergeAccumulators: (a, b) => {
      for (const [bucket, count] of b.positive) increase(a.positive, bucket, count)
      for (const [bucket, count] of b.negative) increase(a.negative, bucket, count)
      a.zeros += b.zeros
      a.least = Math.min(a.least, b.least)
      a.greatest = Math.max(a.greatest, b.greatest)
      return a
    },
    extractOutput: (sketch) => ranked(sketch, n, valueOf),
    accumulator: sketchCodec,
    output: t.array(t.number),
  }
}

function increase(buckets: Map<number, number>, bucket: number, count: number): void {
  buckets.set(bucket, (buckets.get(bucket) ?? 0) + count)
}

function ranked(
  { positive, negative, zeros, least, greatest }: QuantileSketch,
  n: number,
  valueOf: (bucket: number) => number,
): readonly number[] {
  const upwards = (a: readonly [number, number], b: readonly [number, number]): number => a[0] - b[0]
  const ordered: (readonly [value: number, count: number])[] = [
    ...[...negative]
      .sort(upwards)
      .reverse()
      .map(([bucket, count]) => [-valueOf(bucket), count] as const),
    ...(zeros > 0 ? [[0, zeros] as const] : []),
    ...[...positive].sort(upwards).map(([bucket, count]) => [valueOf(bucket), count] as const),
  ]
  const total = ordered.reduce((sum, [, count]) => sum + count, 0)
  if (total === 0) return []
  const results: number[] = []
  let at = 0
  let below = 0
  for (let i = 0; i < n; i++) {
    const rank = Math.round((i * (total - 1)) / (n - 1))
    while (below + (ordered[at]?.[1] ?? 0) <= rank) below += ordered[at++]?.[1] ?? 0
    const value = i === 0 ? least : i === n - 1 ? greatest : (ordered[at]?.[0] ?? greatest)
    results.push(Math.min(greatest, Math.max(least, value)))
  }
  return results
}

// ---- number of distinct values -------------------------------------------------------------------------------------

const TWO_21 = 2 ** 21

/** 53 bits of the hash of the canonical bytes, as a number in [0, 1). */
function hashOf(value: unknown): number {
  const hash = new DataView(sha256(encodeToBytes(dynamicCoder, value, true)).buffer)
  return (hash.getUint32(0) * TWO_21 + (hash.getUint32(4) >>> 11)) / 2 ** 53
}

/**
 * How many distinct values there are, approximately. Equality is that of keys. Exact up to about 1 / error² values; beyond,
 * the standard error is `error` relative to the number (default 0.02: 2,502 hashes of 8 bytes).
 *
 * Keeps the k = 1 / error² + 2 least hashes; with h the greatest of them, (k − 1) / h values are expected (Bar-Yossef and
 * others, 2002; standard error 1 / √(k − 2), Beyer and others, 2007).
 *
 * @throws {PipelineError} when `error` is not between 0 and 1.
 * @example
 * ```ts
 * import { approximateDistinct, pipeline } from 'millrace'
 * pipeline().create('users', ['ann', 'bob', 'ann']).combineGlobally('how many', approximateDistinct()) // one element: 2
 * ```
 */
export function approximateDistinct<T = unknown>(options: SketchOptions = {}): CombineFn<T, readonly number[], number> {
  const error = checkedError('approximateDistinct', options, 0.02)
  const size = Math.ceil(1 / (error * error)) + 2
  const merge = (a: readonly number[], b: readonly number[]): readonly number[] => {
    const least: number[] = []
    for (let i = 0, j = 0; least.length < size && (i < a.length || j < b.length);) {
      const [first, second] = [a[i] ?? Infinity, b[j] ?? Infinity]
      least.push(Math.min(first, second))
      if (first <= second) i++
      if (second <= first) j++
    }
    return least
  }
  return {
    createAccumulator: () => [],
    addInput: (least, value) => inserted(least as number[], hashOf(value), size),
    mergeAccumulators: merge,
    extractOutput: (least) =>
      least.length < size ? least.length : Math.round((size - 1) / (least[size - 1] as number)),
    accumulator: t.array(t.number),
    output: t.number,
  }
}

/** Puts a hash in its place, unless it is there already or too great to matter. */
function inserted(least: number[], hash: number, size: number): number[] {
  if (least.length === size && hash >= (least[size - 1] as number)) return least
  let [from, to] = [0, least.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if ((least[middle] as number) < hash) from = middle + 1
    else to = middle
  }
  if (least[from] === hash) return least
  least.splice(from, 0, hash)
  if (least.length > size) least.pop()
  return least
}
