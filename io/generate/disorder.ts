/**
 * Disorder on request: elements keep their order of arrival and get timestamps that lie behind it, as if each had been
 * on the way for a while.
 *
 * Law: an element's delay is a function of seed and position alone, so whatever bundles are cut and however often a
 * position is read again, it is the same. Elements that are not late lie at most `by` behind; late ones lie further
 * behind than that, and the watermark has passed them when they come.
 */
import { PipelineError } from '../../sdk/errors.js'
import { type Duration, durationMillis } from '../../sdk/time.js'

/** How disordered a stream is. */
export interface Disorder {
  /** Longest way of an element that is not late; the watermark stays this far behind. */
  readonly by: Duration
  /** Fraction of elements that come after the watermark, from 0 to 1. Default 0. The first element is never late. */
  readonly late?: number
  /** How far behind the watermark late elements lie, at most. Default: as much as `by`, at least 1 ms. */
  readonly lateBy?: Duration
  /** Chooses which elements are delayed, and by how much. Default 1; the same seed gives the same stream. */
  readonly seed?: number
}

/** Delays by position. */
export interface Delays {
  /** How far the watermark stays behind. */
  readonly byMillis: number
  isLate(position: number): boolean
  /** Milliseconds that the element at `position` lies behind its arrival. */
  of(position: number): number
}

/** No disorder at all. */
export const inOrder: Delays = { byMillis: 0, isLate: () => false, of: () => 0 }

/** The delays that options describe; `first` is the position that is never late. */
export function delaysOf(disorder: Disorder | undefined, first: number): Delays {
  if (disorder === undefined) return inOrder
  const { late = 0, seed = 1 } = disorder
  const byMillis = durationMillis(disorder.by, 'disorder.by')
  const lateByMillis = durationMillis(disorder.lateBy ?? Math.max(byMillis, 1), 'disorder.lateBy')
  if (!(late >= 0 && late <= 1)) {
    throw new PipelineError('MR-1002', `disorder.late is a fraction from 0 to 1, but is ${String(late)}.`)
  }
  if (!Number.isSafeInteger(seed)) {
    throw new PipelineError('MR-1002', `disorder.seed must be a whole number, but is ${String(seed)}.`)
  }
  if (lateByMillis < 1) throw new PipelineError('MR-2003', 'disorder.lateBy must be at least 1 millisecond.')
  const isLate = (position: number): boolean => position !== first && uniform(seed, 2 * position) < late
  return {
    byMillis,
    isLate,
    of: (position) => {
      const share = uniform(seed, 2 * position + 1)
      return isLate(position) ? byMillis + 1 + Math.floor(share * lateByMillis) : Math.floor(share * (byMillis + 1))
    },
  }
}

/** A hash of seed and number, uniform in [0, 1). Mixes like `seededRandom`, but needs no state from one call to the next. */
function uniform(seed: number, n: number): number {
  let mixed = Math.imul(seed, 0x9e3779b1) ^ Math.imul(n % 4294967296, 0x85ebca6b) ^ Math.floor(n / 4294967296)
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
  return ((mixed ^ (mixed >>> 15)) >>> 0) / 4294967296
}
