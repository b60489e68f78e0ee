/**
 * Splittable DoFns: steps whose work on one element can be cut into pieces. Every source is one underneath, from an
 * array to a broker: its element names what to read, its restriction says which part.
 *
 * Law: whatever bundles a runner cuts, the union of what is emitted is the same.
 */
import type { Codec, TypeOf } from '../codec.js'
import { type Duration, durationMillis, type Instant } from '../time.js'
import type { RestrictionTracker } from './restriction-tracker.js'

/** Returned by `process` to say: not done, call again. Made by {@link resume}. */
export interface Resume {
  readonly kind: 'resume'
  /** Not before this many milliseconds. */
  readonly delayMillis: number
}

/**
 * Ends the call although work is left; the runner calls again with what is left.
 *
 * @param options `after`: not before this long. Default: as soon as possible.
 * @example
 * ```ts
 * import { resume } from 'millrace'
 * resume({ after: '1 second' })
 * ```
 */
export function resume(options: { readonly after?: Duration } = {}): Resume {
  return { kind: 'resume', delayMillis: durationMillis(options.after ?? 0, 'delay of resume') }
}

/**
 * How a source knows the progress of event time. A watermark `w` says: no element with a timestamp before `w` will come.
 *
 * - `none`: nothing is known until the source ends (bounded sources).
 * - `observed`: the largest timestamp emitted, less the disorder that is allowed for; moves at the end of a bundle.
 * - `manual`: what `process` reports by `watermark.set`.
 */
export type WatermarkPolicy =
  | { readonly kind: 'none' }
  | { readonly kind: 'observed'; readonly outOfOrdernessMillis: number }
  | { readonly kind: 'manual' }

/** Ways to know the progress of event time. */
export interface WatermarkPolicies {
  /** Nothing is known until the source ends. */
  none(): WatermarkPolicy
  /** Timestamps never fall. */
  monotonic(): WatermarkPolicy
  /** Elements come at most this long after a later one. */
  outOfOrder(by: Duration): WatermarkPolicy
  /** The source says so itself. */
  manual(): WatermarkPolicy
}

/**
 * Watermark policies of sources.
 *
 * @example
 * ```ts
 * import { watermarks } from 'millrace'
 * watermarks.outOfOrder('9 hours')
 * ```
 */
export const watermarks: WatermarkPolicies = {
  none: () => ({ kind: 'none' }),
  monotonic: () => ({ kind: 'observed', outOfOrdernessMillis: 0 }),
  outOfOrder: (by) => ({ kind: 'observed', outOfOrdernessMillis: durationMillis(by, 'disorder of a source') }),
  manual: () => ({ kind: 'manual' }),
}

/** What `process` of a splittable DoFn may use. */
export interface SplittableContext<Out, Resource> {
  /** Emits at `timestamp`; default: the timestamp of the element that names the work. */
  readonly emit: (value: Out, timestamp?: Instant) => void
  /** Reports progress of event time; only with the `manual` policy. */
  readonly watermark: {
    /** No element with an earlier timestamp will come. */
    set(instant: Instant): void
  }
  /** How many elements the runner wants before the next claim, at least 1. A reader that claims blocks stays below it. */
  readonly room: () => number
  readonly resource: Resource
  /** The runner's clock, milliseconds. */
  readonly now: () => number
}

/** Any tracker of restrictions `R`, whatever its positions are. */
export type AnyTracker<R> = RestrictionTracker<R, never>

/** Declares a splittable DoFn over elements `E` and restrictions `R`, which trackers `T` hand out. */
export interface SplittableDoFn<E, R, T extends AnyTracker<R>, C extends Codec, Resource> {
  /** Describes what is emitted. */
  readonly output: C
  /** Whether the work on an element ends by itself. */
  readonly bounded: boolean
  /**
   * Whether the same restriction can be read again with the same result. For runners that go on after a failure; the direct
   * runner begins anew.
   */
  readonly replayable: boolean
  readonly watermark: WatermarkPolicy
  /** All the work that an element names. */
  readonly restriction: (element: E, context: { readonly resource: Resource }) => R
  /** Describes restrictions, so that they can be stored and sent. */
  readonly restrictionCodec: Codec
  /**
   * Cuts a restriction into about `parts` independent ones, for runners that read several at a time; the direct runner reads
   * one after another and does not ask. Default: not splittable.
   */
  readonly split?: (element: E, restriction: R, parts: number) => readonly R[]
  /** What hands out the positions of a restriction. */
  readonly tracker: (restriction: R) => T
  /**
   * For restrictions that are ranges of offsets and have one element at each: that element. A runner may then read by
   * position, without calling `process`.
   */
  readonly elementAt?: (element: E, position: number) => TypeOf<C>
  /** Its timestamp; default: that of the element that names the work. */
  readonly timestampAt?: (element: E, position: number) => number
  /** Makes what all calls share. Once per worker, before anything else. */
  readonly setup?: (context: { readonly step: string; readonly env: import('../env.js').Env }) => Resource
  /** Disposes of the resource. Called also after a failure. */
  readonly teardown?: (context: { readonly resource: Resource }) => void
  /** Claims positions and emits what stands there, until a claim is refused. */
  readonly process: (
    element: E,
    tracker: T,
    context: SplittableContext<TypeOf<C>, Resource>,
  ) => Resume | void | Promise<Resume | void>
}

/** A splittable DoFn as the engine sees it. */
export interface AnySplittable {
  readonly kind: 'splittable'
  readonly doFn: SplittableDoFn<never, unknown, RestrictionTracker<unknown, unknown>, Codec, unknown>
}
