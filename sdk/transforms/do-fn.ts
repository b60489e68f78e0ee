/**
 * A DoFn is what a step does with each element. It is declared, then inferred: outputs, state, timers, side inputs,
 * metrics and resource are named first, and `process` and the handlers see exactly those, typed.
 *
 * Law: a DoFn keeps nothing between calls but its declared state and its resource; the same element may be processed
 * again after a failure.
 */
import type { Codec, TypeOf } from '../codec.js'
import type { Env } from '../env.js'
import type { KV } from '../kv.js'
import type { StepLog } from '../logger.js'
import type { MetricCells, MetricSpec } from '../metrics.js'
import type { StateCells, StateSpec } from '../state/state-spec.js'
import type { TimeDomain, TimerCells, TimerSpec } from '../state/timer-spec.js'
import type { Duration, Instant } from '../time.js'
import type { PaneInfo } from '../windowing/pane-info.js'
import type { BoundedWindow } from '../windowing/window.js'
import type { AnyDelivery, Deliver, Delivery, Query } from './delivery.js'
import type { ErrorHandler } from './errors.js'
import type { PCollectionView } from './views.js'

/** Emits one element. Its timestamp is the input's, unless one is given; earlier ones need `allowedSkew`. */
export type Emit<Out> = (value: Out, timestamp?: Instant) => void

/** Emits where there is no input element to take timestamp and window from. */
export type EmitInWindow<Out> = (value: Out, timestamp: Instant, window: BoundedWindow) => void

/** Declarations of several outputs, by tag. */
export type OutputSpecs = Readonly<Record<string, Codec>>

/** `emit` of a step: a function, or one function per declared output. */
export type EmitOf<O, Outs> = [Outs] extends [never]
  ? Emit<[O] extends [never] ? never : TypeOf<O>>
  : { readonly [K in keyof Outs]: Emit<TypeOf<Outs[K]>> }

/** `emit` of `finishBundle`. */
export type EmitInWindowOf<O, Outs> = [Outs] extends [never]
  ? EmitInWindow<[O] extends [never] ? never : TypeOf<O>>
  : { readonly [K in keyof Outs]: EmitInWindow<TypeOf<Outs[K]>> }

/** Side inputs by name. */
export type SideInputs = Readonly<Record<string, PCollectionView<unknown>>>

/** Values of side inputs in the window of the current element. */
export type SideValues<SI> = { readonly [K in keyof SI]: SI[K] extends PCollectionView<infer V> ? V : never }

/** Key of a keyed element type. */
export type KeyOf<T> = T extends KV<infer K, unknown> ? K : undefined

/** What a step's functions may use besides the element. */
export interface StepContext<R, M> {
  /** What `setup` returned. */
  readonly resource: R
  readonly metrics: MetricCells<M>
  /** Writes log lines that say which pipeline, step and window they are from: to the run's `logger`, else to stderr. */
  readonly log: StepLog
  /** Processing time in milliseconds: the runner's clock, or the batch's instant. */
  readonly now: number
  /** Uniform in [0, 1); seeded where the runner promises determinism. */
  readonly random: () => number
}

/**
 * Calls back after the bundle is committed: when what it emitted is visible to others and will not be taken back. What Beam
 * calls bundle finalization. For telling the outside that something is done, never for doing it: the call may be missing
 * after a crash, and is missing when the bundle fails or is committed later than `within` allows (default: any time will do).
 * A callback that throws is reported and counted (`finalizerFailures`), and the run goes on. Callbacks of a bundle come in the
 * order in which they were given, before the next bundle of the stage; one that returns a promise is waited for.
 */
export type AfterCommit = (callback: () => void | Promise<void>, options?: { readonly within?: Duration }) => void

/** What `process` may use besides the element. Functions and cells survive destructuring. */
export interface ProcessContext<O, Outs, S, TM, SI, R, M, D = never> extends StepContext<R, M> {
  readonly timestamp: number
  readonly window: BoundedWindow
  readonly pane: PaneInfo
  readonly emit: EmitOf<O, Outs>
  readonly state: StateCells<S>
  readonly timers: TimerCells<TM>
  readonly sides: SideValues<SI>
  /** Calls back after the bundle is committed; needs `bundleFinalizer: true` in the declaration. */
  readonly afterCommit: AfterCommit
  /** Hands over an item to be delivered; needs `delivery` in the declaration. */
  readonly deliver: Deliver<D>
}

/** What a timer handler may use. `timestamp` is the timer's output timestamp. */
export interface TimerContext<K, O, Outs, S, TM, SI, R, M, Spec = TimerSpec, D = never> extends StepContext<R, M> {
  /** The timer's declared name. */
  readonly id: string
  /** Which timer of a family it is. */
  readonly tag: Spec extends { readonly family: true } ? string : undefined
  readonly timeDomain: TimeDomain
  readonly key: K
  readonly timestamp: number
  /** The time the timer was set to, in its own time domain. */
  readonly fireTimestamp: number
  readonly window: BoundedWindow
  readonly emit: EmitOf<O, Outs>
  readonly state: StateCells<S>
  readonly timers: TimerCells<TM>
  readonly sides: SideValues<SI>
  /** Hands over an item to be delivered; needs `delivery` in the declaration. */
  readonly deliver: Deliver<D>
}

/** What `onWindowExpiration` may use. Timers can no longer be set; `timestamp` is the window's last. */
export interface ExpirationContext<K, O, Outs, S, R, M, D = never> extends StepContext<R, M> {
  readonly key: K
  readonly timestamp: number
  readonly window: BoundedWindow
  readonly emit: EmitOf<O, Outs>
  readonly state: StateCells<S>
  /** Hands over an item to be delivered; needs `delivery` in the declaration. */
  readonly deliver: Deliver<D>
}

/** What `finishBundle` may use. */
export interface FinishContext<O, Outs, R, M, D = never> extends StepContext<R, M> {
  readonly emit: EmitInWindowOf<O, Outs>
  /** Hands over an item to be delivered; needs `delivery` in the declaration. */
  readonly deliver: Deliver<D>
}

/** What `setup` may use. */
export interface SetupContext {
  /** Path of the step. */
  readonly step: string
  /** Writes log lines that say which pipeline and step they are from. */
  readonly log: StepLog
  /**
   * The world of the run: clock, timers, files. Connectors use nothing else. It is not that of a batch, which is the same when it is done
   * again: what elements become is for the `now` and `random` of a call.
   */
  readonly env: Env
  /** What the run is known by: for names outside that must be the same when a batch is done again. */
  readonly query: Query
}

/** How often a failing call of the step's function (`process` of a DoFn) is tried, and how long to wait in between. Timers' handlers are called once. */
export interface RetryOptions {
  /** Calls in total, the first included. */
  readonly attempts: number
  /** Wait before the second attempt, doubled before each further one. Default 0. */
  readonly backoff?: Duration
  /** Longest wait. Default 1 minute. */
  readonly maxBackoff?: Duration
}

/** Options of any step that runs user code. */
export interface StepOptions {
  /** Elements whose call throws go to this handler instead of failing the run. */
  readonly onError?: ErrorHandler
  /** Failing calls are repeated before they count as failed. */
  readonly retry?: RetryOptions
  /** Asynchronous calls in flight at once. Default 16. */
  readonly concurrency?: number
  /** `false` lets outputs of asynchronous calls leave as they finish instead of in input order. */
  readonly ordered?: boolean
}

/** The parts of a DoFn that its types are inferred from. */
export interface DoFnShape<S, TM, SI, M> extends StepOptions {
  readonly state?: S
  readonly timers?: TM
  readonly sides?: SI
  readonly metrics?: M
  /** Whether `process` uses `afterCommit`. Declared, so that a runner that cannot do it says so before anything runs. */
  readonly bundleFinalizer?: boolean
  /** How far before its input's timestamp an output may lie. Default 0. */
  readonly allowedSkew?: Duration
  /**
   * Each key's elements come in the order of their timestamps: an element waits until the watermark has passed it by the
   * allowed lateness, and one that comes later than that is dropped and counted. Only for steps with state or timers.
   */
  readonly requiresTimeSortedInput?: boolean
  /**
   * An element that is processed again after a failure is the same element, whatever steps before it would make of a second
   * chance: for calls that write to the world outside. What the step reads is stored before it is processed.
   */
  readonly requiresStableInput?: boolean
}

/** What `process` may return; a generator where there is a single output `O`. */
export type Processed<O> =
  | void
  | Promise<void>
  | ([O] extends [never] ? never : Generator<TypeOf<O>, void, unknown> | AsyncGenerator<TypeOf<O>, void, unknown>)

/** The functions of a DoFn. */
export interface DoFnFunctions<T, O, Outs, S, TM, SI, R, M, D extends Codec = never> {
  /** Makes what all calls share: a client, a pool. Once per worker, before anything else. */
  readonly setup?: (context: SetupContext) => R | Promise<R>
  /** Disposes of the resource. Called also after a failure. */
  readonly teardown?: (context: { readonly resource: R }) => void | Promise<void>
  /** Runs before the first element of each bundle. */
  readonly startBundle?: (context: StepContext<R, M>) => void | Promise<void>
  /**
   * Runs for each element. When it returns a promise, the element is done when the promise is. A generator emits what it
   * yields; calling `emit` is faster.
   */
  readonly process: (element: T, context: ProcessContext<O, Outs, S, TM, SI, R, M, D>) => Processed<O>
  /** Runs after the last element of each bundle. */
  readonly finishBundle?: (context: FinishContext<O, Outs, R, M, D>) => void | Promise<void>
  /** Runs once per key and window that has state, when the window expires, before its state is removed. */
  readonly onWindowExpiration?: (context: ExpirationContext<KeyOf<T>, O, Outs, S, R, M, D>) => void | Promise<void>
  /** Items that calls hand over, and how they reach the world outside once they will not be taken back. */
  readonly delivery?: Delivery<D, R>
}

/** Handlers: one for each declared timer, none for others. */
export type TimerHandlers<T, O, Outs, S, TM, SI, R, M, D = never> = [keyof TM] extends [never]
  ? { readonly onTimer?: undefined }
  : {
      /** By the timer's declared name. */
      readonly onTimer: {
        readonly [K in keyof TM]: (
          context: TimerContext<KeyOf<T>, O, Outs, S, TM, SI, R, M, TM[K], D>,
        ) => void | Promise<void>
      }
    }

/** State declarations by name. */
export type StateSpecs = Readonly<Record<string, StateSpec>>

/** Timer declarations by name. */
export type TimerSpecs = Readonly<Record<string, TimerSpec>>

/** Metric declarations by name. */
export type MetricSpecs = Readonly<Record<string, MetricSpec>>

/** A DoFn as the engine sees it, its types already checked. @internal */
export interface AnyDoFn extends DoFnShape<StateSpecs, TimerSpecs, SideInputs, MetricSpecs> {
  readonly output?: Codec
  readonly outputs?: OutputSpecs
  readonly setup?: (context: SetupContext) => unknown
  readonly teardown?: (context: { readonly resource: unknown }) => unknown
  readonly startBundle?: (context: object) => unknown
  readonly process: (element: never, context: never) => unknown
  readonly finishBundle?: (context: object) => unknown
  readonly onTimer?: Readonly<Record<string, (context: never) => unknown>>
  readonly onWindowExpiration?: (context: never) => unknown
  readonly delivery?: AnyDelivery
}

/** What a ParDo node's function is: a DoFn, or one of the element-wise steps that need no context. */
export type StepFunction =
  | {
      readonly kind: 'map'
      readonly fn: (value: never) => unknown
      readonly codec?: Codec
      readonly options: StepOptions
    }
  | {
      readonly kind: 'flatMap'
      readonly fn: (value: never) => unknown
      readonly codec?: Codec
      readonly options: StepOptions
    }
  | { readonly kind: 'filter'; readonly fn: (value: never) => unknown; readonly options: StepOptions }
  /** Emits `{ key: fn(value), value }`; `constant` says that the key never changes. */
  | {
      readonly kind: 'keyBy'
      readonly fn: (value: never) => unknown
      readonly constant: boolean
      readonly options: StepOptions
    }
  | {
      readonly kind: 'timestamps'
      readonly fn: (value: never) => Instant
      readonly allowedSkewMillis: number
      readonly options: StepOptions
    }
  | {
      readonly kind: 'partition'
      readonly fn: (value: never) => number
      readonly count: number
      readonly options: StepOptions
    }
  | {
      readonly kind: 'doFn'
      readonly doFn: AnyDoFn
      readonly tags: readonly string[]
      readonly allowedSkewMillis: number
      readonly options: StepOptions
    }
