/**
 * One run of the direct runner: makes the executors of all stages, wires them, and gives them their turns until nothing
 * is left to do.
 */
import { type Coder, decodeFromBytes, encodeToBytes } from '../../sdk/coders/index.js'
import { type Env, seededRandom } from '../../sdk/env.js'
import { UserCodeError } from '../../sdk/errors.js'
import { coderOf } from '../../sdk/graph/coders.js'
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import * as urns from '../../sdk/graph/urns.js'
import { invariant } from '../../sdk/invariant.js'
import { preview } from '../../sdk/preview.js'
import { TIMESTAMP_MIN } from '../../sdk/time.js'
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import { BundleProcessor } from '../core/bundle-processor.js'
import type { DoFnServices } from '../core/do-fn-runtime.js'
import type { Push, Receiver } from '../core/element-buffer.js'
import { fuse } from '../core/fusion.js'
import { KeyedState } from '../core/keyed-state.js'
import { Metrics } from '../core/metrics.js'
import { reduceFnOf } from '../core/reduce-fn.js'
import { ReduceFnRunner } from '../core/reduce-fn-runner.js'
import { SideInputStore } from '../core/side-inputs.js'
import {
  mainInputs,
  type Operator,
  type Output,
  type ParDoOperator,
  type Stage,
  type StagedPipeline,
} from '../core/stage.js'
import type { StageReceiver } from '../core/stage-compiler/compiled-stage.js'
import type { DeadLetterBudget, StuckCall } from '../core/stage-runtime.js'
import { TimeSlice } from '../core/time-slice.js'
import type { EndState, PipelineResult, Progress, RunnerOptions } from '../runner.js'
import { ElementExecutor, type SideSource } from './element-executor.js'
import { GroupingExecutor } from './grouping-executor.js'
import { type BundleDisorder, Inbox } from './inbox.js'
import { Collected, DirectResult, elementCount, metricsResult, Printed } from './result.js'
import { ImpulseExecutor, type ScriptedClock, TestStreamExecutor } from './root-executors.js'
import { type BundleLimits, SourceExecutor } from './source-executor.js'
import type { Committable, StageExecutor } from './stage-executor.js'

/** Elements per bundle, unless the author says otherwise. Larger ones cost less per element; endless sources answer sooner with smaller ones. */
const BOUNDED_BUNDLE = 10_000
const UNBOUNDED_BUNDLE = 1_000
/** Largest bundle that strict mode cuts. */
const STRICT_BUNDLE = 50

/** What a stage is made of besides its processor. */
interface StageParts {
  readonly inbox: Inbox
  readonly sides: SideSource[]
  readonly keyed: KeyedState | undefined
  readonly reduce: ReduceFnRunner | undefined
  /** What the stage's bundles make visible. */
  readonly targets: Set<Committable>
  /** Inboxes of groupings, which want to know where bundles end. */
  readonly marked: Set<Inbox>
}

/** Options that have been decided. */
export interface ExecutionOptions {
  readonly env: Env
  readonly isStrict: boolean
  readonly seed: number
  readonly bundleSize: number | undefined
  readonly stageCompiler: NonNullable<RunnerOptions['stageCompiler']>
  /** Set when scripted events move the clock. */
  readonly clock: ScriptedClock | undefined
}

/** A run. */
export class DirectExecution {
  readonly #staged: StagedPipeline
  readonly #env: Env
  readonly #options: ExecutionOptions
  readonly #metrics: Metrics
  readonly #slice: TimeSlice
  readonly #parts: readonly StageParts[]
  readonly #executors: StageExecutor[] = []
  readonly #collected = new Map<string, Collected>()
  readonly #printed: Printed[] = []
  readonly #budgets = new Map<string, DeadLetterBudget>()
  readonly #disorder: BundleDisorder | undefined
  #isDraining = false
  #isCancelled = false
  #wake: (() => void) | undefined

  constructor(built: BuiltPipeline, options: ExecutionOptions) {
    this.#options = options
    this.#env = options.env
    this.#staged = fuse(built)
    this.#metrics = new Metrics(this.#staged.collectionCount, this.#staged.steps.length)
    this.#slice = new TimeSlice(this.#env)
    const random = seededRandom(options.seed)
    this.#disorder = options.isStrict ? { random, bundleSizeMax: options.bundleSize ?? STRICT_BUNDLE } : undefined
    this.#parts = this.#staged.stages.map((stage) => this.#partsOf(stage))
    for (const stage of this.#staged.stages) this.#executors.push(this.#executorOf(stage))
    this.#wire()
  }

  // ---- the run ---------------------------------------------------------------------------------------------------

  /** Runs until nothing is left to do, or the run is drained or cancelled. */
  async run(): Promise<PipelineResult> {
    let state: EndState = 'DONE'
    try {
      await this.#setup()
      await this.#rounds()
      if (this.#isCancelled) state = 'CANCELLED'
      else if (this.#isDraining) state = 'DRAINED'
    } catch (error) {
      for (const { processor } of this.#executors) processor.abandon()
      // The first failure is the one to report, not what disposing of a broken run may throw.
      await this.#teardown().catch(() => undefined)
      throw error
    }
    await this.#teardown()
    for (const printed of this.#printed) printed.finish()
    return new DirectResult(state, metricsResult(this.#staged, this.#metrics), this.#collected)
  }

  drain(): void {
    this.#isDraining = true
    for (const executor of this.#executors) if (executor instanceof SourceExecutor) executor.drain()
    this.#wake?.()
  }

  cancel(): void {
    this.#isCancelled = true
    this.#wake?.()
  }

  /** The asynchronous call that has been under way longest. */
  stuck(): StuckCall | undefined {
    return this.#executors
      .map(({ processor }) => processor.stuck())
      .filter((call) => call !== undefined)
      .sort((a, b) => a.startedAt - b.startedAt)[0]
  }

  progress(): Progress {
    const stuck = this.stuck()
    const steps = this.#staged.stages.map((stage, i) => {
      const { root } = stage
      const inputs = mainInputs(stage)
      const outputs = 'output' in root ? [root.output] : root.kind === 'parDo' ? root.operator.outputs : []
      return {
        step: root.info.path,
        elementsIn: inputs.reduce((sum, id) => sum + this.#count(id), 0),
        elementsOut: outputs.reduce((sum, output) => sum + this.#count(output.collectionId), 0),
        watermark: this.#executors[i]?.outputWatermark ?? TIMESTAMP_MIN,
      }
    })
    return {
      steps,
      elements: this.#metrics.elements.reduce((sum, count) => sum + count, 0),
      oldestCall:
        stuck === undefined
          ? undefined
          : {
              step: stuck.step,
              element: preview(stuck.element),
              millis: Math.round(this.#env.monotonic() - stuck.startedAt),
            },
    }
  }

  /** Rounds until nothing changes and nothing can. */
  async #rounds(): Promise<void> {
    for (;;) {
      let changed = false
      for (const executor of this.#executors) {
        if (this.#isCancelled) return
        if (await this.#turn(executor)) changed = true
        if (this.#slice.isOver(this.#slice.now())) await this.#slice.yield()
      }
      // Also a call that went on after its bundle may have broken something since.
      for (const { processor } of this.#executors) processor.runtime.throwIfFailed()
      if (changed) continue
      if (this.#executors.every((executor) => executor.isDone)) return
      if (this.#releaseScripted()) continue
      await this.#waitForSources()
    }
  }

  /** A turn; cancelling does not wait for calls that never end. */
  async #turn(executor: StageExecutor): Promise<boolean> {
    const turn = executor.turn()
    let wake: (() => void) | undefined
    const cancelled = new Promise<boolean>((resolve) => {
      wake = () => {
        if (this.#isCancelled) resolve(false)
      }
      this.#wake = wake
    })
    const changed = await Promise.race([turn, cancelled])
    if (this.#isCancelled) {
      executor.processor.abandon()
      // The turn may still fail, or wait for ever; nobody is interested any more.
      turn.catch(() => undefined)
    }
    return changed
  }

  #releaseScripted(): boolean {
    let released = false
    for (const executor of this.#executors) {
      if (executor instanceof TestStreamExecutor) released = executor.release() || released
    }
    return released
  }

  async #waitForSources(): Promise<void> {
    const waits = this.#executors.flatMap((executor) =>
      executor instanceof SourceExecutor ? (executor.waitMillis ?? []) : [],
    )
    invariant(waits.length > 0, 'a run that is not over waits for a source', {
      open: this.#executors
        .filter((executor) => !executor.isDone)
        .map(({ stage }) => stage.name)
        .join(', '),
    })
    await new Promise<void>((resolve) => {
      const timer = this.#env.setTimer(Math.max(0, Math.min(...waits)), resolve)
      this.#wake = () => {
        timer.cancel()
        resolve()
      }
    })
  }

  async #setup(): Promise<void> {
    for (const executor of this.#executors) {
      if (executor instanceof SourceExecutor) executor.setup()
      await executor.processor.setup()
    }
  }

  async #teardown(): Promise<void> {
    let failure: unknown
    for (const executor of [...this.#executors].reverse()) {
      try {
        await executor.processor.teardown()
        if (executor instanceof SourceExecutor) executor.teardown()
      } catch (error) {
        failure ??= new UserCodeError({ step: executor.stage.name, call: 'teardown', cause: error })
      }
    }
    if (failure !== undefined) throw failure
  }

  #count(collectionId: string): number {
    return elementCount(this.#staged, this.#metrics, collectionId)
  }

  // ---- wiring ----------------------------------------------------------------------------------------------------

  #partsOf(stage: Stage): StageParts {
    const { root } = stage
    const operator = root.kind === 'parDo' ? root.operator : undefined
    return {
      inbox: new Inbox(this.#disorder),
      sides: (operator?.sides ?? []).map((side): SideSource => {
        const keyCoder = this.#keyCoder(this.#coderId(side.collectionId))
        return {
          store: new SideInputStore(side, keyCoder, TIMESTAMP_MIN),
          inbox: new Inbox(undefined),
          producer: undefined,
        }
      }),
      keyed:
        operator?.isStateful === true ? new KeyedState(operator, this.#keyCoder(operator.inputCoderId)) : undefined,
      reduce: root.kind === 'grouping' ? this.#reduceRunner(stage.id, root) : undefined,
      targets: new Set(),
      marked: new Set(),
    }
  }

  #executorOf(stage: Stage): StageExecutor {
    const parts = this.#parts[stage.id] as StageParts
    const { root } = stage
    const processor = new BundleProcessor(this.#staged, stage, {
      env: this.#env,
      metrics: this.#metrics,
      slice: this.#slice,
      compiler: this.#options.stageCompiler,
      isStrict: this.#options.isStrict,
      receiversOf: (output) => this.#receiversOf(parts, output),
      sinkFor: (operator) => this.#sinkFor(parts, operator),
      budgetFor: (operator) => this.#budgetFor(operator),
      doFnServices: () => doFnServices(parts),
    })
    switch (root.kind) {
      case 'impulse':
        return new ImpulseExecutor(processor, parts.targets)
      case 'testStream':
        return new TestStreamExecutor(processor, parts.targets, this.#options.clock)
      case 'splittable':
        return new SourceExecutor(processor, parts.targets, parts.inbox, this.#env, this.#limits())
      case 'grouping':
        return new GroupingExecutor(processor, parts.targets, parts.inbox, parts.reduce as ReduceFnRunner)
      case 'parDo':
      case 'edge':
        return new ElementExecutor(processor, parts.targets, { ...parts, keepsBundles: this.#options.isStrict })
    }
  }

  #wire(): void {
    const producerOf = (collectionId: string): StageExecutor => {
      const executor = this.#executors[this.#staged.producer.get(collectionId) ?? -1]
      invariant(executor !== undefined, 'every collection has a producer', { collection: collectionId })
      return executor
    }
    this.#staged.stages.forEach((stage, i) => {
      const executor = this.#executors[i] as StageExecutor
      executor.producers = [...new Set(mainInputs(stage).map(producerOf))]
      for (const side of this.#parts[i]?.sides ?? []) side.producer = producerOf(side.store.side.collectionId)
    })
  }

  #receiversOf(own: StageParts, output: Output): readonly StageReceiver[] {
    if (!output.crossesStages) return []
    const receivers: StageReceiver[] = []
    for (const reader of this.#staged.stages) {
      const parts = this.#parts[reader.id] as StageParts
      for (const input of mainInputs(reader)) {
        if (input !== output.collectionId) continue
        // Panes of a grouping go through the inbox, which keeps the bundles they came in.
        if (parts.reduce?.acceptsEagerly === true && !this.#options.isStrict && own.reduce === undefined) {
          receivers.push({ kind: 'grouping', runner: parts.reduce, info: reader.root.info })
          continue
        }
        receivers.push({ kind: 'buffer', receiver: this.#checked(parts.inbox, output, own) })
        own.targets.add(parts.inbox)
        if (parts.reduce !== undefined) own.marked.add(parts.inbox)
      }
      for (const { store, inbox } of parts.sides) {
        if (store.side.collectionId !== output.collectionId) continue
        receivers.push({ kind: 'buffer', receiver: this.#checked(inbox, output, own) })
        own.targets.add(inbox)
      }
    }
    return receivers
  }

  /** In strict mode what goes from stage to stage goes through its coder, as it would between machines. */
  #checked(receiver: Receiver, output: Output, own: StageParts): Receiver {
    if (!this.#options.isStrict) return receiver
    const coder = coderOf(this.#staged.built, output.coderId)
    const { path, source } = output.producer
    return {
      add: (value, timestamp, windows, pane) => {
        let copy: unknown
        try {
          copy = decodeFromBytes(coder, encodeToBytes(coder, value))
        } catch (cause) {
          // Thrown through user code, which may swallow it; the bundle fails all the same.
          const { runtime } = (this.#executors[this.#parts.indexOf(own)] as StageExecutor).processor
          runtime.broken(
            new UserCodeError({ step: path, call: 'its output', element: preview(value), timestamp, source, cause }),
          )
          throw runtime.failure
        }
        receiver.add(copy, timestamp, windows, pane)
      },
    }
  }

  #reduceRunner(stageId: number, root: Extract<Stage['root'], { kind: 'grouping' }>): ReduceFnRunner {
    const { built } = this.#staged
    const processor = (): BundleProcessor => (this.#executors[stageId] as StageExecutor).processor
    const outputCoder = coderOf(built, this.#valueCoderId(root.output.coderId))
    const { info } = root
    return new ReduceFnRunner({
      step: info.path,
      strategy: root.strategy,
      reduce: reduceFnOf(root.combine, root.mergesAccumulators, outputCoder),
      keyCoder: coderOf(built, root.keyCoderId),
      metrics: this.#metrics,
      guard: (call, key, window: BoundedWindow, run) => {
        try {
          return run()
        } catch (error) {
          processor().runtime.failed(info, call, error, { key }, window.maxTimestamp, window, undefined)
          throw error
        }
      },
      output: (value, timestamp, windows, pane) => {
        processor().push(value, timestamp, windows, pane)
        for (const inbox of this.#parts[stageId]?.marked ?? []) inbox.mark()
      },
    })
  }

  #sinkFor(parts: StageParts, operator: Operator): Push {
    const sink =
      operator.kind === 'collect'
        ? this.#collect(operator.name)
        : operator.kind === 'print'
          ? this.#print(operator.name, operator.limit)
          : undefined
    invariant(sink !== undefined, 'only collect and print are sinks', { kind: operator.kind })
    parts.targets.add(sink)
    return (value, timestamp, windows, pane) => sink.add(value, timestamp, windows, pane)
  }

  #collect(name: string): Collected {
    const collected = new Collected()
    this.#collected.set(name, collected)
    return collected
  }

  #print(name: string, limit: number): Printed {
    const printed = new Printed(this.#env, name, limit)
    this.#printed.push(printed)
    return printed
  }

  /** Steps that share a handler share its budget. */
  #budgetFor(operator: ParDoOperator): DeadLetterBudget {
    invariant(
      operator.fn.kind !== undefined && operator.fn.options.onError !== undefined,
      'a step with dead letters has a handler',
    )
    const { name, maxDeadLetters } = operator.fn.options.onError
    let budget = this.#budgets.get(name)
    if (budget === undefined) this.#budgets.set(name, (budget = { max: maxDeadLetters, used: 0 }))
    return budget
  }

  #limits(): BundleLimits {
    const { bundleSize } = this.#options
    const disorder = this.#disorder
    if (disorder !== undefined) return { next: () => 1 + Math.floor(disorder.random() * disorder.bundleSizeMax) }
    return { next: (isBounded) => bundleSize ?? (isBounded ? BOUNDED_BUNDLE : UNBOUNDED_BUNDLE) }
  }

  #coderId(collectionId: string): string {
    return this.#staged.built.graph.components.collections.get(collectionId)?.coderId ?? ''
  }

  #keyCoder(coderId: string): Coder<unknown> {
    const node = this.#staged.built.graph.components.coders.get(coderId)
    return coderOf(this.#staged.built, node?.urn === urns.KV_CODER ? (node.componentCoderIds[0] as string) : coderId)
  }

  #valueCoderId(coderId: string): string {
    const node = this.#staged.built.graph.components.coders.get(coderId)
    return node?.urn === urns.KV_CODER ? (node.componentCoderIds[1] as string) : coderId
  }
}

function doFnServices({ sides, keyed }: StageParts): Pick<DoFnServices, 'sides' | 'state' | 'timers'> {
  return {
    sides:
      sides.length === 0
        ? undefined
        : { read: (side, mainWindow) => (sides[side] as SideSource).store.read(mainWindow) },
    state: keyed?.state,
    timers: keyed,
  }
}
