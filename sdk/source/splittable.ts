/**
 * Splittable DoFns: steps whose work on one element can be cut into pieces. Every source is one underneath, from an
 * array to a broker: its element names what to read, its restriction says which part.
 *
 * Law: whatever bundles a runner cuts, and wherever it splits, the union of what is emitted is the same.
 */
import type { Codec, TypeOf } from '../codec.js'
import type { StepLog } from '../logger.js'
import type { MetricCells } from '../metrics.js'
import { type Duration, durationMillis, type Instant } from '../time.js'
import type {
  AfterCommit,
  EmitOf,
  MetricSpecs,
  OutputSpecs,
  SetupContext,
  SideInputs,
  SideValues,
} from '../transforms/do-fn.js'
import type { BoundedWindow } from '../windowing/window.js'
import type { RestrictionTracker } from './restriction-tracker.js'
import type { WatermarkPolicy } from './watermark-policy.js'

/** Returned by `process` to say: not done, call again. Made by {@link resume}. */
export interface Resume {
  readonly kind: 'resume'
  /** Not before this many milliseconds. */
  readonly delayMillis: number
}

/**
 * Ends the call although work is left; the runner calls again with what is left. Until then it does other work.
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

/** Nothing declared. */
type None = Record<never, never>

/**
 * What `process` of a splittable DoFn may use: `Out` is what it emits, or `Outs` the outputs it emits to by tag; `SI` its side
 * inputs, `M` its metrics.
 */
export interface SplittableContext<Out, Resource, Outs = never, SI = None, M = None> {
  /**
   * Emits at `timestamp`; default: the timestamp of the element that names the work. With several outputs, one function for
   * each: `emit.tag(value, timestamp)`.
   *
   * @throws after a claim was refused: what stands there is someone else's.
   */
  readonly emit: [Outs] extends [never] ? (value: Out, timestamp?: Instant) => void : EmitOf<never, Outs>
  /** Reports progress of event time; only with the `manual` policy. */
  readonly watermark: {
    /**
     * No element with an earlier timestamp will come.
     *
     * @throws when an earlier call has said more: a watermark never falls.
     */
    set(instant: Instant): void
    /**
     * What this work has reported last, also in a process that has ended since. Milliseconds since 1970;
     * `-9223372036854775` before the first report.
     */
    readonly current: number
  }
  /** Side inputs, in the window of the element that names the work. */
  readonly sides: SideValues<SI>
  readonly metrics: MetricCells<M>
  /** Writes log lines that say which pipeline and step they are from. */
  readonly log: StepLog
  /** Timestamp of the element that names the work. */
  readonly timestamp: number
  /**
   * Its window.
   *
   * @throws when it is in several and `perWindow` is not declared: the work is then done once for all of them.
   */
  readonly window: BoundedWindow
  /** How many elements the runner wants before the next claim, at least 1. A reader that claims blocks stays below it. */
  readonly room: () => number
  readonly resource: Resource
  /** The runner's clock, milliseconds. */
  readonly now: () => number
  /** Calls back once what the bundle has emitted is committed; needs `bundleFinalizer: true`. See {@link AfterCommit}. */
  readonly afterCommit: AfterCommit
  /**
   * Calls back once what is emitted in this call needs no second delivery; needs `acknowledges: true`. With
   * `guarantee: 'at-least-once'` that is when everything that became of it has left the pipeline; else, when the bundle is
   * committed. Callbacks of a step come in the order in which they were given. One that throws is reported, and no more.
   */
  readonly acknowledge: (callback: () => void | Promise<void>) => void
}

/** Any tracker of restrictions `R`, whatever its positions are. */
export type AnyTracker<R> = RestrictionTracker<R, never>

/**
 * What becomes, after a crash, of what a source had given and no plan or commit has yet:
 *
 * - `'exact'`: it is given again, each element once, as if nothing had happened.
 * - `'repeats'`: it is delivered again, and with it perhaps some that a plan has already.
 * - `'loses'`: it is gone.
 */
export type AfterCrash = 'exact' | 'repeats' | 'loses'

/** What the functions about restrictions may use. */
export interface RestrictionContext<Resource> {
  readonly resource: Resource
  /** The runner's clock, milliseconds. */
  readonly now: () => number
}

/** Everything a splittable DoFn declares but its outputs. */
export interface SplittableFunctions<E, R, T extends AnyTracker<R>, Out, Outs, Resource, SI, M> {
  /** Whether the work on an element ends by itself. */
  readonly bounded: boolean
  /**
   * Whether the same restriction can be read again with the same result. For runners that go on after a failure; the direct
   * runner begins anew.
   */
  readonly replayable: boolean
  /**
   * Whether what is read now may be gone when it is read again, though the source is replayable otherwise: a runner that goes on
   * after a failure then keeps it until that cannot happen any more. Asked after each bundle. Default: no.
   */
  readonly mayVanish?: (context: { readonly resource: Resource }) => boolean
  /**
   * What it reads of the process that starts the run, in words: `'standard input'`. A worker on another thread or in another process has
   * none of that, so a runner with such workers refuses the step before anything runs. Default: nothing.
   */
  readonly ofProcess?: string
  /** See {@link AfterCrash}. Default: `'exact'` when replayable, else `'repeats'` when it acknowledges, else `'loses'`. */
  readonly afterCrash?: AfterCrash
  /** How the progress of event time is known; see `watermarks`. */
  readonly watermark: WatermarkPolicy
  /** Views that `process` reads. */
  readonly sides?: SI
  /** Metrics that `process` updates. */
  readonly metrics?: M
  /**
   * Whether an element in several windows is work for each of them, so that `process` may look at `window`. Default: yes when
   * there are side inputs; else the work is done once, and what it emits is in all the windows.
   */
  readonly perWindow?: boolean
  /** Whether `process` uses `afterCommit`. */
  readonly bundleFinalizer?: boolean
  /** Whether `process` uses `acknowledge`, because what it reads from delivers again what was not acknowledged. */
  readonly acknowledges?: boolean
  /** All the work that an element names. */
  readonly restriction: (element: E, context: RestrictionContext<Resource>) => R
  /** Describes restrictions, so that they can be stored and sent. */
  readonly restrictionCodec: Codec
  /**
   * Cuts a restriction into about `parts` independent ones, for runners that read several at a time. The direct runner reads
   * one after another and asks in strict mode only, to see that it makes no difference. Default: not cut.
   */
  readonly split?: (element: E, restriction: R, parts: number) => readonly R[]
  /**
   * How much work a restriction is, a number from 0 in units of its own: the source's backlog, as `progress()` and the metrics
   * show it. Default: what its tracker says remains.
   */
  readonly size?: (element: E, restriction: R, context: RestrictionContext<Resource>) => number
  /**
   * What of a restriction is still to be done when the run is drained; `undefined`: nothing. Default: all of it when `bounded`,
   * nothing when not.
   */
  readonly truncate?: (element: E, restriction: R, context: RestrictionContext<Resource>) => R | undefined
  /** What hands out the positions of a restriction. */
  readonly tracker: (restriction: R) => T
  /**
   * For restrictions that are ranges of offsets and have one element at each: that element. A runner may then read by
   * position, without calling `process`. Only with one output and without side inputs.
   */
  readonly elementAt?: (element: E, position: number) => Out
  /** Its timestamp; default: that of the element that names the work. */
  readonly timestampAt?: (element: E, position: number) => number
  /** Makes what all calls share. Once per worker, before anything else. */
  readonly setup?: (context: SetupContext) => Resource | Promise<Resource>
  /** Disposes of the resource. Called also after a failure. */
  readonly teardown?: (context: { readonly resource: Resource }) => void | Promise<void>
  /** Claims positions and emits what stands there, until a claim is refused. */
  readonly process: (
    element: E,
    tracker: T,
    context: SplittableContext<Out, Resource, Outs, SI, M>,
  ) => Resume | void | Promise<Resume | void>
}

/** Declares a splittable DoFn over elements `E` and restrictions `R`, which trackers `T` hand out. */
export interface SplittableDoFn<
  E,
  R,
  T extends AnyTracker<R>,
  C extends Codec,
  Resource,
  SI = None,
  M = None,
> extends SplittableFunctions<E, R, T, TypeOf<C>, never, Resource, SI, M> {
  /** Describes what is emitted. */
  readonly output: C
}

/** Declares a splittable DoFn with several outputs, by tag. */
export interface TaggedSplittableDoFn<
  E,
  R,
  T extends AnyTracker<R>,
  Outs extends OutputSpecs,
  Resource,
  SI = None,
  M = None,
> extends SplittableFunctions<E, R, T, never, Outs, Resource, SI, M> {
  /** Describes what is emitted, by tag. */
  readonly outputs: Outs
}

/** A splittable DoFn as the engine sees it. */
export interface AnySplittable {
  readonly kind: 'splittable'
  readonly doFn: AnySplittableDoFn<never>
  /** Of the outputs, in the order they are declared. */
  readonly tags: readonly string[]
}

/** What a declaration says of crashes, or implies. */
export function afterCrashOf(
  doFn: Pick<AnySplittableDoFn<never>, 'afterCrash' | 'replayable' | 'acknowledges'>,
): AfterCrash {
  return doFn.afterCrash ?? (doFn.replayable ? 'exact' : doFn.acknowledges === true ? 'repeats' : 'loses')
}

/** The declaration, its types already checked. @internal */
export interface AnySplittableDoFn<E> extends Omit<
  SplittableFunctions<
    E,
    unknown,
    RestrictionTracker<unknown, unknown>,
    unknown,
    never,
    unknown,
    SideInputs,
    MetricSpecs
  >,
  'process'
> {
  readonly output?: Codec
  readonly outputs?: OutputSpecs
  readonly process: (
    element: E,
    tracker: RestrictionTracker<unknown, unknown>,
    context: object,
  ) => Resume | void | Promise<Resume | void>
}
