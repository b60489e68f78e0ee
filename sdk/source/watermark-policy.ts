/**
 * How a source knows the progress of event time: what Beam calls its watermark estimator. What an estimator remembers is
 * kept with the rest of the work, so a reader that is interrupted goes on where it knew to be.
 *
 * Law: a watermark never falls.
 */
import { type Duration, durationMillis } from '../time.js'

/**
 * A watermark `w` says: no element with a timestamp before `w` will come.
 *
 * - `none`: nothing is known until the source ends (bounded sources).
 * - `observed`: the largest timestamp emitted, less the disorder that is allowed for; moves at the end of a bundle.
 * - `manual`: what `process` reports by `watermark.set`.
 * - `wallClock`: the runner's clock, less a delay; moves whenever `process` has been called.
 */
export type WatermarkPolicy =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'observed'
      readonly outOfOrdernessMillis: number
      /** After so long without an element the watermark follows the clock. `undefined`: it waits for elements. */
      readonly idleMillis: number | undefined
    }
  | { readonly kind: 'manual' }
  | { readonly kind: 'wallClock'; readonly delayMillis: number }

/** What a source does for those who wait for it while it has nothing to say. */
export interface IdleOptions {
  /**
   * After this long without an element (of the source, or of the part of it that is read) the watermark follows the
   * runner's clock, less the disorder allowed for, so that a quiet source does not hold up the others. An element that comes
   * later may then be late. Default: a quiet source holds its watermark.
   */
  readonly idleAfter?: Duration
}

/** Ways to know the progress of event time. */
export interface WatermarkPolicies {
  /** Nothing is known until the source ends. */
  none(): WatermarkPolicy
  /** Timestamps never fall. */
  monotonic(options?: IdleOptions): WatermarkPolicy
  /** Elements come at most this long after a later one. */
  outOfOrder(by: Duration, options?: IdleOptions): WatermarkPolicy
  /** The source says so itself. */
  manual(): WatermarkPolicy
  /** The runner's clock, less `delay` (default 0): for sources whose elements are stamped with the time of their arrival. */
  wallClock(options?: { readonly delay?: Duration }): WatermarkPolicy
}

/**
 * Watermark policies of sources.
 *
 * @example
 * ```ts
 * import { watermarks } from 'millrace'
 * watermarks.outOfOrder('9 hours')
 * watermarks.outOfOrder('5 seconds', { idleAfter: '1 minute' })
 * ```
 */
export const watermarks: WatermarkPolicies = {
  none: () => ({ kind: 'none' }),
  monotonic: (options) => observed(0, options),
  outOfOrder: (by, options) => observed(durationMillis(by, 'disorder of a source'), options),
  manual: () => ({ kind: 'manual' }),
  wallClock: ({ delay = 0 } = {}) => ({
    kind: 'wallClock',
    delayMillis: durationMillis(delay, 'delay of watermarks.wallClock'),
  }),
}

function observed(outOfOrdernessMillis: number, { idleAfter }: IdleOptions = {}): WatermarkPolicy {
  const idleMillis = idleAfter === undefined ? undefined : durationMillis(idleAfter, 'idleAfter of a source')
  return { kind: 'observed', outOfOrdernessMillis, idleMillis }
}
