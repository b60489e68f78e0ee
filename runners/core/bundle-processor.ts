/**
 * The BundleProcessor runs bundles of elements through one stage. It is the same in every local execution: what differs
 * is who feeds it, where its outputs go, and what stands behind state and timers.
 *
 * Law: `begin`, elements or handlers, `finish`, in that order; `finish` resolves only when every call has ended; after a
 * failure the processor is not used again but for `teardown`.
 */
import type { Coder } from '../../sdk/coders/index.js'
import type { Env } from '../../sdk/env.js'
import { coderOf } from '../../sdk/graph/coders.js'
import type { PaneInfo } from '../../sdk/windowing/pane-info.js'
import type { Query } from '../../sdk/transforms/delivery.js'
import type { Windows } from '../../sdk/windowing/window.js'
import type { DoFnRuntime } from './do-fn-runtime.js'
import type { DoFnServices } from './do-fn-services.js'
import type { ElementBuffer, Push } from './element-buffer.js'
import type { Metrics } from './metrics.js'
import type { RunLog } from './run-log.js'
import type { Operator, Output, ParDoOperator, Stage, StagedPipeline, StageRoot } from './stage.js'
import type { ClosureStage } from './stage-compiler/closure-stage.js'
import { type ClosureServices, compileClosures } from './stage-compiler/closures.js'
import type { CompiledStage, StageReceiver } from './stage-compiler/compiled-stage.js'
import { canGenerate, compileGenerated } from './stage-compiler/generated.js'
import { type DeadLetterBudget, StageRuntime, type StuckCall } from './stage-runtime.js'
import { ChunkSize, type TimeSlice } from './time-slice.js'

/** Which back end compiles stages. `auto` generates code where the environment allows it. */
export type StageCompiler = 'auto' | 'generated' | 'closures'

/** What a processor needs beside its stage. */
export interface ProcessorServices {
  readonly env: Env
  /** The world as sources and sinks see it. Default: `env`. */
  readonly outside?: Env | undefined
  readonly metrics: Metrics
  readonly log: RunLog
  readonly slice: TimeSlice
  readonly compiler: StageCompiler
  readonly isStrict: boolean
  readonly query: Query
  receiversOf(output: Output): readonly StageReceiver[]
  sinkFor(operator: Operator): Push
  budgetFor(operator: ParDoOperator): DeadLetterBudget
  doFnServices(operator: ParDoOperator): Pick<DoFnServices, 'sides' | 'state' | 'timers'>
}

/**
 * What the compilers of a stage get. A class, not a literal of functions: V8 makes those long-lived objects, each of which
 * keeps its run in memory until the next full collection.
 */
class ProcessorParts implements ClosureServices {
  readonly stage: Stage
  readonly root: StageRoot
  readonly runtime: StageRuntime
  readonly isStrict: boolean
  readonly #staged: StagedPipeline
  readonly #services: ProcessorServices
  readonly #coders = new Map<string, Coder<unknown>>()
  readonly #receivers = new Map<Output, readonly StageReceiver[]>()

  constructor(staged: StagedPipeline, stage: Stage, services: ProcessorServices, runtime: StageRuntime) {
    this.stage = stage
    this.root = stage.root
    this.runtime = runtime
    this.isStrict = services.isStrict
    this.#staged = staged
    this.#services = services
  }

  /** The same for all who ask: closures and generated code write what one bundle emits in one place, in one order. */
  receiversOf(output: Output): readonly StageReceiver[] {
    let receivers = this.#receivers.get(output)
    if (receivers === undefined) this.#receivers.set(output, (receivers = this.#services.receiversOf(output)))
    return receivers
  }

  sinkFor(operator: Operator): Push {
    return this.#services.sinkFor(operator)
  }

  budgetFor(operator: ParDoOperator): DeadLetterBudget {
    return this.#services.budgetFor(operator)
  }

  doFnServices(operator: ParDoOperator): Pick<DoFnServices, 'sides' | 'state' | 'timers'> {
    return this.#services.doFnServices(operator)
  }

  coder(id: string): Coder<unknown> {
    let coder = this.#coders.get(id)
    if (coder === undefined) this.#coders.set(id, (coder = coderOf(this.#staged.built, id)))
    return coder
  }
}

/** Elements a stage processes before code is generated for it: for fewer, generating costs more than it saves. */
const GENERATE_AFTER = 64

/** A processor of bundles. */
export class BundleProcessor {
  readonly stage: Stage
  readonly runtime: StageRuntime
  readonly #closures: ClosureStage
  #compiled: CompiledStage
  readonly #parts: ProcessorParts
  /** Elements until generating code is worth it. */
  #untilGenerated: number
  readonly #slice: TimeSlice
  readonly #chunk = new ChunkSize()
  readonly #ready: DoFnRuntime[] = []

  constructor(staged: StagedPipeline, stage: Stage, services: ProcessorServices) {
    this.stage = stage
    this.#slice = services.slice
    this.runtime = new StageRuntime(services.env, services.metrics, services.log, services.query, services.outside)
    const parts = new ProcessorParts(staged, stage, services, this.runtime)
    this.#closures = compileClosures(parts)
    this.#compiled = this.#closures
    const { compiler } = services
    if (compiler === 'generated') this.#compiled = compileGenerated(parts, this.#closures)
    this.#parts = parts
    this.#untilGenerated = compiler === 'auto' && canGenerate() ? GENERATE_AFTER : Infinity
  }

  /** Pushes one element in at the root, during a bundle. */
  get push(): Push {
    return this.#compiled.push
  }

  /** Pushes one element into an output of the stage, during a bundle; for outputs that are rarely used. */
  pushTo(output: Output): Push {
    return this.#closures.outputEntry(output)
  }

  /** The DoFn at the root of the stage, if it has one. */
  get rootDoFn(): DoFnRuntime | undefined {
    const { root } = this.stage
    return root.kind === 'parDo' ? this.#closures.doFnOf.get(root.operator) : undefined
  }

  /** The call that has been pending longest. */
  stuck(): StuckCall | undefined {
    return this.#closures.stuck() ?? this.runtime.oldestOutside
  }

  /** Sets up every DoFn of the stage. */
  async setup(): Promise<void> {
    for (const doFn of this.#compiled.doFns) {
      // A setup that fails half-way is torn down too.
      this.#ready.push(doFn)
      await doFn.setup()
    }
  }

  /** Begins a bundle. */
  async begin(): Promise<void> {
    this.#compiled.begin()
    for (const doFn of this.#compiled.doFns) {
      await (doFn.startBundle() as Promise<void> | undefined)
    }
  }

  /** Processes the elements of a buffer, yielding to the event loop now and then. */
  async process(buffer: ElementBuffer): Promise<void> {
    const { values, timestamps, windows, panes } = buffer
    await this.#inChunks(values.length, (from, to) => this.#compiled.run(values, timestamps, windows, panes, from, to))
  }

  /** Reads and processes positions `[from, to)` of a source that knows its elements by position. */
  async processIndexed(
    element: unknown,
    timestamp: number,
    windows: Windows,
    pane: PaneInfo,
    from: number,
    to: number,
  ): Promise<void> {
    await this.#inChunks(
      to - from,
      (a, b) => this.#compiled.runIndexed(element, timestamp, windows, pane, from + a, from + b) - from,
    )
  }

  /** Processes elements that share timestamp, windows and pane. */
  async processUniform(
    values: readonly unknown[],
    timestamp: number,
    count: number,
    windows: Windows,
    pane: PaneInfo,
  ): Promise<void> {
    await this.#inChunks(count, (from, to) => this.#compiled.runUniform(values, timestamp, windows, pane, from, to))
  }

  /** Processes elements that share windows and pane. */
  async processStamped(
    values: readonly unknown[],
    timestamps: ArrayLike<number>,
    count: number,
    windows: Windows,
    pane: PaneInfo,
  ): Promise<void> {
    await this.#inChunks(count, (from, to) => this.#compiled.runStamped(values, timestamps, windows, pane, from, to))
  }

  /** Ends the bundle: waits for every call, lets DoFns finish, upstream ones first. */
  async finish(): Promise<void> {
    await this.settle()
    for (const doFn of this.#compiled.doFns) {
      await (doFn.finishBundle() as Promise<void> | undefined)
      await this.settle()
    }
    // Combining before a grouping ends a branch of the stage: what DoFns emit last is in it too.
    for (const precombine of this.#compiled.precombines) precombine.flush()
    await this.settle()
    for (const doFn of this.#compiled.doFns) doFn.closeBundle()
    this.runtime.throwIfFailed()
  }

  /** Waits until no call is under way; throws when one has failed. */
  async settle(): Promise<void> {
    if (this.runtime.pending > 0) await this.runtime.settled()
    this.runtime.throwIfFailed()
    this.runtime.exit = false
  }

  /** Gives up the bundle: whatever still runs may no longer emit. */
  abandon(): void {
    this.runtime.finalizers.abandon()
    this.runtime.deliveries.abandon()
    for (const doFn of this.#compiled.doFns) doFn.closeBundle()
    for (const step of this.#closures.elementSteps.values()) step.calls.abandon()
  }

  /** Disposes of what `setup` made, in reverse order; reports the first failure when all is done. */
  async teardown(): Promise<void> {
    let failure: unknown
    this.#compiled.release()
    for (const doFn of this.#ready.splice(0).reverse()) {
      try {
        await doFn.teardown()
      } catch (error) {
        failure ??= error
      }
    }
    if (failure !== undefined) throw failure
  }

  async #inChunks(count: number, run: (from: number, to: number) => number): Promise<void> {
    const { runtime } = this
    let now = this.#slice.now()
    for (let at = 0; at < count;) {
      const to = Math.min(at + this.#chunk.size, count)
      if (this.#untilGenerated !== Infinity) this.#generateWhenWorthIt(to - at)
      const reached = run(at, to)
      const after = this.#slice.now()
      if (reached === to) this.#chunk.observe(to - at, after - now)
      now = after
      at = reached
      if (runtime.exit) await this.#afterExit()
      if (this.#slice.isOver(now)) {
        await this.#slice.yield()
        now = this.#slice.now()
      }
    }
  }

  #generateWhenWorthIt(elements: number): void {
    this.#untilGenerated -= elements
    if (this.#untilGenerated >= 0) return
    this.#untilGenerated = Infinity
    this.#compiled = compileGenerated(this.#parts, this.#closures)
    this.#compiled.begin()
  }

  /** The loop stopped for calls under way: go on beside them while there is room, wait when there is none. */
  async #afterExit(): Promise<void> {
    const { runtime } = this
    runtime.throwIfFailed()
    while (runtime.isSaturated && runtime.failure === undefined) await runtime.nextChange()
    runtime.throwIfFailed()
    if (runtime.pending === 0) runtime.exit = false
  }
}
