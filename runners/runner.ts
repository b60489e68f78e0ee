/**
 * What every runner is: it takes a built pipeline and makes it happen. Runners differ in what they can do and what they
 * guarantee, never in what a pipeline means; what one cannot do it refuses by name before anything runs.
 */
import type { EngineSettings } from './engine-settings.js'
import type { Env } from '../sdk/env.js'
import type { ErrorCode } from '../sdk/error-codes.js'
import { MillraceError } from '../sdk/errors.js'
import type { BuiltPipeline } from '../sdk/graph/model.js'
import type { Logger } from '../sdk/logger.js'
import type { DistributionResult, MetricKind } from '../sdk/metrics.js'
import type { Duration } from '../sdk/time.js'
import type { PaneInfo } from '../sdk/windowing/pane-info.js'
import type { BoundedWindow } from '../sdk/windowing/window.js'
import type { RunStatus, SourceReading, StuckCallReport } from './run-status.js'
import type { Telemetry } from './telemetry.js'

export type { SourceReading, StuckCallReport } from './run-status.js'

/** Something a pipeline may need of a runner. */
export type Feature =
  | 'groupByKey'
  | 'combine'
  | 'flatten'
  | 'reshuffle'
  | 'sideInputs'
  | 'state.value'
  | 'state.bag'
  | 'state.set'
  | 'state.map'
  | 'state.multimap'
  | 'state.orderedList'
  | 'state.combining'
  | 'timers.eventTime'
  | 'timers.processingTime'
  | 'timers.family'
  | 'onWindowExpiration'
  | 'timeSortedInput'
  | 'stableInput'
  | 'windows.merging'
  | 'windows.calendar'
  | 'windows.custom'
  | 'windows.data'
  | 'windows.customMerging'
  | 'lateness'
  | 'accumulating'
  | 'triggers.early'
  | 'triggers.late'
  | 'triggers.processingTime'
  | 'triggers.batch'
  | 'triggers.composite'
  | 'lateData.output'
  | 'splittable.bounded'
  | 'splittable.unbounded'
  | 'external'
  | 'testStream'
  | 'testStream.processingTime'
  | 'deadLetters'
  | 'bundleFinalizer'
  | 'delivery'
  | 'workers'
  | 'spilling'
  | 'guarantee.atLeastOnce'
  | 'guarantee.exactlyOnce'

/** Thrown before a run when a pipeline, or an option, needs what the runner does not have. */
export class UnsupportedFeature extends MillraceError {
  readonly millraceError = 'UnsupportedFeature' as const
  override readonly name = 'UnsupportedFeature'
  readonly feature: string

  constructor(code: ErrorCode, feature: string, message: string, step?: string) {
    super(code, message, step)
    this.feature = feature
  }
}

/** What a run promises about each element when something fails. */
export type Guarantee = 'exactly-once' | 'at-least-once' | 'at-most-once' | 'gap'

/** How much one source may read, in the micro-batch runner. */
export interface SourceLimit {
  /** Elements a second at most, above 0. What was not used is made up for within a second, or a batch where that lasts longer. */
  readonly perSecond?: number
  /** Elements of one batch at most, from 1. */
  readonly perBatch?: number
  /**
   * Reads ahead into a queue, so that a source which cannot be told to wait is read while a batch is at work: `true`, or its bounds. Only
   * for a source that is unbounded and cannot be read again. Default: only under a `latencyObjective`; `false`: never.
   */
  readonly queue?: boolean | SourceQueueBounds
}

/** Bounds of the queue of a source; with workers each partition has an equal part of them. When it is full, the source is not read. */
export interface SourceQueueBounds {
  /** Elements at most, from 1. Default 1,000,000. */
  readonly elements?: number
  /** Encoded bytes at most, about, from 1. Default 1 GiB. */
  readonly bytes?: number
  /** Bytes in memory at most, about, from 1; the rest is on the disk, where there is one. Default 64 MiB. */
  readonly memoryBytes?: number
}

/** Where workers live: on threads of the driver's process, in processes of their own, or (for tests) in the driver itself. */
export type Isolation = 'thread' | 'process' | 'memory'

/** What workers load, as the command and the conformance suite say it; authors give the path of a file. */
export type WorkerModule = (
  | { readonly file: string }
  /** A module that was bundled already: a `ModuleText` of `runners/author-module`. */
  | { readonly text: object }
  /** A function of a module that Node can load as it is, which gives the pipeline for an argument. */
  | { readonly call: { readonly url: string; readonly name: string; readonly argument: unknown } }
) & {
  /** The pipeline's options as they were given, before its codec has seen them. */
  readonly options?: unknown
  /** Takes what user code writes to the console in workers. Default: it is printed. */
  readonly console?: (text: string, stream: 'out' | 'err', step: string | undefined) => void
}

/** Options that every runner understands. */
export interface RunnerOptions {
  /** Elements are round-tripped through their coders, inputs watched for changes, bundles cut and ordered by a seed. */
  readonly strict?: boolean
  /** Seed of strict mode, a whole number; refused without `strict`. Default: a random one, printed when the run fails. */
  readonly seed?: number
  /**
   * Every bundle is attempted twice and what the first attempt emitted and counted is thrown away, as after a failure;
   * refused without `strict`. A step with state is attempted twice call by call, its timers' handlers once.
   */
  readonly reexecute?: boolean
  /** Elements per bundle of a source, from 1. Default: as many as a slice of time allows. */
  readonly bundleSize?: number
  /** Stops the run as {@link RunningPipeline.cancel} does. */
  readonly signal?: AbortSignal
  /** What is promised when something fails. Default: the runner's. */
  readonly guarantee?: Guarantee
  /**
   * Workers of the micro-batch runner, from 0. Default 0: everything runs on this thread. More need `module`, because each worker
   * builds the same pipeline. On other engines: how much of a step goes on at once, and the processes for it; these need `engine` with
   * another `environment` than `'loopback'`.
   */
  readonly workers?: number
  /** Whether workers are threads of this process, the default, or processes; refused without `workers`. */
  readonly isolation?: Isolation
  /** Whether a task that takes much longer than others is done twice, on another worker, and the first answer counts. Default: with 2 workers or more. */
  readonly speculation?: boolean
  /**
   * The file whose default export is the pipeline, as a path or as `import.meta.url`: what workers load. `millrace run FILE --workers n`
   * gives it by itself.
   */
  readonly module?: string | WorkerModule
  /** What runners on other engines are told besides. */
  readonly engine?: EngineSettings
  /**
   * Milliseconds, above 0, that one asynchronous call of user code may take before the run fails. Default: no limit. With workers also
   * the time after which a worker that does not answer is ended, and its tasks are done again elsewhere; the second time the run fails.
   * Default of that: 60,000.
   */
  readonly callTimeoutMillis?: number
  /** Refuses collections without a codec where they are grouped or kept. */
  readonly requireCodecs?: boolean
  /** How stages are compiled: `'auto'` (the default) generates code once a stage has seen some elements. */
  readonly stageCompiler?: 'auto' | 'generated' | 'closures'
  /**
   * Takes log lines: those of user code (`context.log`), and the runner's about the run, dead letters and further attempts.
   * Default: lines of user code are printed on stderr, from `info` on.
   */
  readonly logger?: Logger
  /** Traces the run and exports its metrics: `await openTelemetry()` of `millrace/opentelemetry`. */
  readonly telemetry?: Telemetry
  /**
   * Folder in which a run of the micro-batch runner is kept, so that it goes on there after a crash, or in which Flink puts the
   * checkpoints of a job. Default: none; a run that crashes begins anew.
   */
  readonly checkpoint?: string
  /** How long a batch of the micro-batch runner lasts, from 1 millisecond. Default 500 milliseconds. */
  readonly batchInterval?: Duration
  /** Elements that a batch reads at most, about: the bundle at hand is finished. Default: as many as come in its interval. */
  readonly batchSize?: number
  /**
   * Waits where another run has the checkpoint, and takes over when that ends or crashes: `'cold'` reads the state then, `'warm'` keeps
   * it in memory, `'hot'` does the same batches. Default: the run is refused where another has the checkpoint.
   */
  readonly standby?: 'cold' | 'warm' | 'hot'
  /**
   * What happens when the pipeline is not the one whose state the checkpoint keeps. `'refuse'` (the default) explains what has changed,
   * step by step, and runs nothing, unless all of it is codecs that take what was written; `'migrate'` goes on with what still fits.
   */
  readonly onChange?: 'refuse' | 'migrate'
  /** New names of steps by their old ones, so that what they keep goes along: `{ sum: 'total' }`. With `onChange: 'migrate'`. */
  readonly renameSteps?: Readonly<Record<string, string>>
  /**
   * What may be dropped of what is kept: steps, or parts of them, as the explanation names them: `['sum', 'over limit#total']`. With
   * `onChange: 'migrate'`, which drops nothing that is not named. A new part of a step that would lack what the step keeps (the table of
   * `outputMode('complete')`) is named here, too. Does nothing when the pipeline has not changed.
   */
  readonly dropState?: readonly string[]
  /**
   * Partitions of keys and state, 1 to 256. Default: as many as a checkpoint has, and at least as many as there are workers. Where a run goes
   * on with another number, what is kept is divided anew. With workers each partition is run by one of them; a run without workers has one
   * for its keys, and the number is that of the files of what is kept.
   */
  readonly partitions?: number
  /**
   * How long it may take, in the micro-batch runner, from the arrival of an element to the commit of what became of it. Batches last half
   * of it at most, whatever `batchInterval` says, and sources that cannot wait have a queue; above it steps that `shed` drop, and where that
   * is not enough a warning names the step that takes the time. From 2 milliseconds. Default: none.
   */
  readonly latencyObjective?: Duration
  /**
   * How much sources of the micro-batch runner may read, by the path of their step: `{ 'read orders': { perSecond: 1000 } }`. Default: as
   * much as batches can take.
   */
  readonly sourceLimits?: Readonly<Record<string, SourceLimit>>
  /**
   * Options of the engine itself, for runners that hand pipelines to one, by Beam's names: `{ parallelism: 2, max_bundle_size: 100 }`.
   * Default: those with which millrace was tried on it.
   */
  readonly engineOptions?: Readonly<Record<string, string | number | boolean | readonly string[]>>
  /** The world the run lives in. Default: the real one. */
  readonly env?: Env
}

/**
 * How a run ended: `DONE`, its sources had an end; `DRAINED`, they were told to end; `CANCELLED`, given up; `STOPPED`, it goes on when it
 * is started again with the same checkpoint; `DETACHED`, its job goes on on an engine, without this process. A failure is a rejected
 * promise instead.
 */
export type EndState = 'DONE' | 'DRAINED' | 'CANCELLED' | 'STOPPED' | 'DETACHED'

/** An element with what the model knows of it. */
export interface WindowedElement<T = unknown> {
  readonly value: T
  readonly timestamp: number
  readonly window: BoundedWindow
  readonly pane: PaneInfo
}

/** A metric declared by a DoFn. */
export interface MetricReading {
  readonly step: string
  readonly name: string
  readonly kind: MetricKind
  readonly value: number | bigint | DistributionResult | readonly string[] | undefined
}

/**
 * A counter that the engine keeps: `droppedDueToLateness` (once per window that had expired; where combining begins before
 * the grouping, as in strict mode, partial results are counted instead of elements), `droppedWithoutWindow` (an element that
 * fell into a gap between windows), `deadLetters`, `retries`, `finalizerFailures` (callbacks after a bundle that have thrown).
 */
export interface SystemReading {
  readonly step: string
  readonly name: string
  readonly value: number
}

/** Dead letters that have one cause, as far as a program can tell: one step, one place in the author's code, one kind of error. */
export interface DeadLetterGroup {
  readonly step: string
  /** Name of the errors: `TypeError`. */
  readonly error: string
  /** Where they were thrown, `file:line:column`, when that is not inside millrace. */
  readonly place: string | undefined
  readonly count: number
  /** Of the first of them: its code when millrace made the error, message, element, window and time. */
  readonly example: {
    readonly code: ErrorCode | undefined
    readonly message: string
    /** Preview of the element. */
    readonly element: string
    readonly window: string
    /** Milliseconds since 1970. */
    readonly timestamp: number
    /** The author's line that made the step. */
    readonly source: string | undefined
  }
}

/** Metrics of a run. */
export interface MetricsResult {
  /** What DoFns declared. */
  readonly user: readonly MetricReading[]
  /** What the engine counted, where it is not zero. */
  readonly system: readonly SystemReading[]
  /** Elements per step and output. */
  readonly elements: ReadonlyMap<string, number>
  /** Dead letters, grouped, in the order of their first; at most 100 groups, the rest of a step is one more. */
  readonly deadLetters: readonly DeadLetterGroup[]
  /** Sources at the end of the run. */
  readonly sources: readonly SourceReading[]
  /** The value of one declared metric; `undefined` when the step declares no such metric. */
  get(step: string, name: string): MetricReading['value']
  /** The sum of an engine counter over all steps, or of one. */
  counter(name: string, step?: string): number
}

/** What a finished run gives back. */
export interface PipelineResult {
  readonly state: EndState
  readonly metrics: MetricsResult
  /**
   * Elements of `.collect(name)`, in no particular order. What was collected within a scope of `apply` or an error handler
   * is named by its path: `'shop/seen'`.
   *
   * @throws {PipelineError} when there is no such step, with the names there are.
   */
  collect<T = unknown>(name: string): readonly T[]
  /** The same, with timestamp, window and pane. */
  collectWindowed<T = unknown>(name: string): readonly WindowedElement<T>[]
}

/** A step while it runs. */
export interface StepProgress {
  readonly step: string
  readonly elementsIn: number
  readonly elementsOut: number
  readonly watermark: number
}

/** A run under way, as seen from outside. */
export interface Progress {
  readonly steps: readonly StepProgress[]
  /** Sources, and other splittable steps. */
  readonly sources: readonly SourceReading[]
  readonly elements: number
  /** The oldest asynchronous call that has not ended. */
  readonly oldestCall: StuckCallReport | undefined
}

/** A pipeline that has been started. Its functions may be handed on by themselves: `process.on('SIGTERM', running.drain)`. */
export interface RunningPipeline {
  /** Resolves when the run has ended; rejects when it failed. */
  readonly result: Promise<PipelineResult>
  /** Stops reading; what has been read is finished: windows close, timers fire. */
  readonly drain: () => void
  /** Stops at once. A run with a checkpoint goes on after its last committed batch when it is started again. */
  readonly cancel: () => void
  /**
   * Stops so that the run can go on: the batch at hand is finished and committed, windows stay open, the checkpoint is given back, and
   * the result says `STOPPED`. The next run with the same checkpoint goes on after that batch. Whoever cannot wait so long calls
   * {@link RunningPipeline.cancel} after a while: the batch at hand is then done again.
   *
   * @throws {UnsupportedFeature} when the run has no checkpoint, as every run of the direct runner.
   */
  readonly stop: () => void
  /** The run as it stands. */
  readonly progress: () => Progress
  /** Metrics as they stand: what has been attempted so far, also by bundles that are not finished. */
  readonly metrics: () => MetricsResult
  /**
   * Everything about the run as it stands: per step what it has done, its watermarks and what holds them, what it keeps. Made
   * when it is asked for; a look may cost a few milliseconds where much is kept, so look about once a second.
   *
   * @example
   * ```ts
   * import { pipeline, start } from 'millrace'
   * const p = pipeline()
   * p.create('numbers', [1, 2, 3]).map('double', (n) => 2 * n).collect('all')
   * const running = start(p)
   * await running.result
   * running.status().steps.find(({ step }) => step === 'double')?.elementsOut // => 3
   * ```
   */
  readonly status: () => RunStatus
  /**
   * From now on keeps the last `count` panes that groupings put out, for {@link RunStatus.panes}. Several observers may ask:
   * as many are kept as the one that wants most. Costs a few stores per pane while somebody wants them, nothing else.
   *
   * @param count a whole number from 1.
   * @returns ends it, for this observer.
   */
  readonly recordPanes: (count: number) => () => void
  /**
   * Stops reading until {@link RunningPipeline.resume}; what has been read goes on. While a run is paused no partition counts as
   * idle, so nothing becomes late because of it.
   *
   * @returns whether the run is paused now: not when it has ended or is being drained.
   * @throws {UnsupportedFeature} when the runner cannot pause.
   */
  readonly pause: () => boolean
  /** Reads on. */
  readonly resume: () => void
  /**
   * From the next batch on, so many workers share what the run keeps; nothing is done again. Others are started, or ended in order.
   *
   * @param count a whole number from 1.
   * @throws {UnsupportedFeature} when the run was started without workers.
   */
  readonly setWorkers: (count: number) => void
}

/** Makes pipelines happen. */
export interface Runner {
  readonly name: string
  readonly features: ReadonlySet<Feature>
  /** Starts a pipeline. @throws {UnsupportedFeature} before anything runs. */
  start(pipeline: BuiltPipeline, options?: RunnerOptions): RunningPipeline
}
