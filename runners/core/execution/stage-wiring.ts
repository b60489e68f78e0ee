/**
 * Wires a run of the direct runner: makes the executor of every stage, and connects what stages write to what others
 * read: inboxes, groupings that are fed directly, side inputs, collected and printed elements.
 *
 * Law: what a bundle emits becomes visible to others only through the targets that its executor commits.
 */
import { type Env, seededRandom } from '../../../sdk/env.js'
import { UserCodeError } from '../../../sdk/errors.js'
import { invariant } from '../../../sdk/invariant.js'
import { kv } from '../../../sdk/kv.js'
import { preview } from '../../../sdk/preview.js'
import { NO_FIRING } from '../../../sdk/windowing/pane-info.js'
import { type BoundedWindow, globalWindow } from '../../../sdk/windowing/window.js'
import { BundleProcessor } from '../bundle-processor.js'
import { ImmediateDelivery } from '../deliveries.js'
import type { DoFnServices } from '../do-fn-services.js'
import { ElementBuffer, type Push, type Receiver } from '../element-buffer.js'
import { DeadLetterBudgets } from '../dead-letter-budgets.js'
import type { Keeper } from '../kept-state.js'
import { KeyedState } from '../keyed-state.js'
import { lateElement } from '../late-data.js'
import type { Metrics } from '../metrics.js'
import type { ProcessingClock } from '../processing-clock.js'
import { reduceFnOf } from '../reduce-fn.js'
import { ReduceFnRunner } from '../reduce-fn-runner.js'
import {
  mainInputs,
  type Operator,
  type Output,
  type ParDoOperator,
  type Stage,
  sideInputs,
  type StagedPipeline,
} from '../stage.js'
import type { StageReceiver } from '../stage-compiler/compiled-stage.js'
import type { DeadLetterBudget } from '../stage-runtime.js'
import type { TimeSlice } from '../time-slice.js'
import { ElementExecutor } from './element-executor.js'
import type { ExecutionOptions } from './execution-options.js'
import type { ExchangeReceiver, Marked } from './exchange.js'
import { GroupingExecutor } from './grouping-executor.js'
import { type BundleDisorder, Inbox } from './inbox.js'
import { Collected, Printed } from './result.js'
import { ImpulseExecutor, TestStreamExecutor } from './root-executors.js'
import type { SideSource } from './side-gate.js'
import type { WaitingCoding } from './kept-elements.js'
import { StageCoders } from './stage-coders.js'
import { sideReader, sideSource } from './side-sources.js'
import { SourceExecutor } from './source-executor.js'
import { bundleLimits } from './bundle-limits.js'
import { copying } from './strict-copies.js'
import type { Committable, StageExecutor, UpstreamStage } from './stage-executor.js'

/** Largest bundle that strict mode cuts. */
const STRICT_BUNDLE = 50

/** What a stage is made of besides its processor. */
interface StageParts {
  readonly coding: () => WaitingCoding
  readonly inbox: Inbox
  readonly sides: SideSource[]
  readonly keyed: KeyedState | undefined
  readonly reduce: ReduceFnRunner | undefined
  /** Elements that the grouping has dropped and that someone wants to have. */
  readonly late: ElementBuffer
  /** What the stage's bundles make visible. */
  readonly targets: Set<Committable>
  /** Inboxes of groupings, which want to know where bundles end. */
  readonly marked: Set<Marked>
}

/** The wired stages of a run. */
export class StageWiring {
  /** In topological order. */
  readonly executors: readonly StageExecutor[]
  readonly collected: Map<string, Collected> = new Map()
  readonly printed: Printed[] = []
  readonly #staged: StagedPipeline
  readonly #options: ExecutionOptions
  readonly #coders: StageCoders
  readonly #env: Env
  readonly #metrics: Metrics
  readonly #slice: TimeSlice
  /** Processing time, for groupings and timers. */
  readonly clock: ProcessingClock
  readonly #parts: readonly StageParts[]
  readonly budgets: DeadLetterBudgets = new DeadLetterBudgets()
  readonly #disorder: BundleDisorder | undefined

  constructor(
    staged: StagedPipeline,
    options: ExecutionOptions,
    metrics: Metrics,
    slice: TimeSlice,
    clock: ProcessingClock,
  ) {
    this.clock = clock
    this.#staged = staged
    this.#coders = new StageCoders(staged.built)
    this.#options = options
    this.#env = options.env
    this.#metrics = metrics
    this.#slice = slice
    const random = options.disorder ?? seededRandom(options.seed)
    this.#disorder = options.isStrict ? { random, bundleSizeMax: options.bundleSize ?? STRICT_BUNDLE } : undefined
    this.#parts = staged.stages.map((stage) => this.#partsOf(stage))
    this.executors = staged.stages.map((stage) => this.#executorOf(stage))
    this.#wire()
  }

  /** From now on stages see those before them as `view` shows them. */
  seeThrough(view: (stage: UpstreamStage) => UpstreamStage): void {
    for (const executor of this.executors) {
      executor.producers = executor.producers.map(view)
      executor.upstream = executor.upstream.map(view)
    }
    for (const side of this.#parts.flatMap(({ sides }) => sides))
      if (side.producer !== undefined) side.producer = view(side.producer)
  }

  /** Where elements wait for a stage: for its main input, or for the side input of a name. */
  inboxOf(stage: number, side: string | undefined): Inbox | undefined {
    const parts = this.#parts[stage]
    return side === undefined ? parts?.inbox : parts?.sides.find(({ store }) => store.side.name === side)?.inbox
  }

  /** What the run keeps from batch to batch besides what its stages keep, by name. */
  keepers(): ReadonlyMap<string, Keeper> {
    return new Map([
      ['metrics', this.#metrics.keeper()],
      ['dead letter budgets', this.budgets.keeper()],
    ])
  }

  #partsOf(stage: Stage): StageParts {
    const { root } = stage
    const operator = root.kind === 'parDo' ? root.operator : undefined
    const late = new ElementBuffer()
    const coding = (): WaitingCoding => this.#coders.waitingFor(stage)
    return {
      coding,
      inbox: new Inbox(this.#isScripted(stage) ? undefined : this.#disorder, coding),
      sides: sideInputs(stage).map((side) =>
        sideSource(this.#staged.built, side, this.#staged.outputs.get(side.collectionId)?.producer ?? root.info),
      ),
      keyed:
        operator?.isStateful === true
          ? new KeyedState(
              operator,
              this.#coders.ofKey(operator.inputCoderId),
              () => this.clock.now(),
              (id) => this.#coders.of(id),
            )
          : undefined,
      reduce: root.kind === 'grouping' ? this.#reduceRunner(stage.id, root, late) : undefined,
      late,
      targets: new Set(),
      marked: new Set(),
    }
  }

  /** Whether what a stage reads comes straight from a TestStream: there an author has said what a bundle is. */
  #isScripted(stage: Stage): boolean {
    return mainInputs(stage).some((input) => {
      const producer = this.#staged.stages[this.#staged.producer.get(input) ?? -1]
      return producer?.root.kind === 'testStream'
    })
  }

  #executorOf(stage: Stage): StageExecutor {
    const parts = this.#parts[stage.id] as StageParts
    const { root } = stage
    const processor = new BundleProcessor(this.#staged, stage, {
      env: this.#env,
      outside: this.#options.outside,
      metrics: this.#metrics,
      log: this.#options.log,
      query: this.#options.query,
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
        return new SourceExecutor(processor, parts.targets, {
          built: this.#staged.built,
          inbox: parts.inbox,
          sides: parts.sides,
          coding: parts.coding,
          env: this.#env,
          limits: bundleLimits(this.#options, this.#disorder),
          acknowledgements: this.#options.acknowledgements,
          isScripted: this.#options.clock !== undefined,
          journal: this.#options.journal,
          share: this.#options.exchange?.work(stage),
        })
      case 'grouping':
        return new GroupingExecutor(processor, parts.targets, {
          ...parts,
          panes: this.#options.panes,
          reduce: parts.reduce as ReduceFnRunner,
          copyOf: root.mergesAccumulators ? this.#coders.copying(root.output.coderId) : undefined,
        })
      case 'parDo':
      case 'edge':
        return new ElementExecutor(processor, parts.targets, {
          ...parts,
          acknowledgements: this.#options.acknowledgements,
          keepsBundles: this.#options.isStrict,
        })
    }
  }

  #wire(): void {
    const producerOf = (collectionId: string): StageExecutor => {
      const executor = this.executors[this.#staged.producer.get(collectionId) ?? -1]
      invariant(executor !== undefined, 'every collection has a producer', { collection: collectionId })
      return executor
    }
    const delivery = new ImmediateDelivery(this.#options.query)
    this.#staged.stages.forEach((stage, i) => {
      const executor = this.executors[i] as StageExecutor
      executor.delivery = delivery
      if (this.#options.reexecutes) executor.savepoint = () => this.#savepoint()
      const { traceBundle } = this.#options
      if (traceBundle !== undefined) executor.trace = (run) => traceBundle(stage.root.info.path, run)
      executor.producers = [...new Set(mainInputs(stage).map(producerOf))]
      executor.upstream = [...new Set(executor.producers.flatMap((producer) => [producer, ...producer.upstream]))]
      for (const side of this.#parts[i]?.sides ?? []) side.producer = producerOf(side.store.side.collectionId)
    })
  }

  /** What a bundle counts: metrics, and the budgets of dead letters. */
  #savepoint(): () => void {
    const restore = this.#metrics.save()
    const budgets = this.budgets.save()
    return () => {
      restore()
      budgets()
    }
  }

  #receiversOf(own: StageParts, output: Output): readonly StageReceiver[] {
    if (!output.crossesStages) return []
    const receivers: StageReceiver[] = []
    for (const reader of this.#staged.stages) {
      const parts = this.#parts[reader.id] as StageParts
      for (const input of mainInputs(reader)) {
        if (input !== output.collectionId) continue
        // Panes of a grouping go through the inbox, which keeps the bundles they came in.
        const exchanged = this.#options.exchange?.main(reader, output)
        if (
          exchanged === undefined &&
          parts.reduce?.acceptsEagerly === true &&
          !this.#options.isStrict &&
          own.reduce === undefined
        ) {
          receivers.push({ kind: 'grouping', runner: parts.reduce, info: reader.root.info })
          continue
        }
        receivers.push(this.#received(own, output, parts.inbox, exchanged))
        if (parts.reduce !== undefined) own.marked.add(exchanged ?? parts.inbox)
      }
      for (const { store, inbox } of parts.sides) {
        if (store.side.collectionId !== output.collectionId) continue
        receivers.push(this.#received(own, output, inbox, this.#options.exchange?.side(reader, store.side, output)))
      }
    }
    return receivers
  }

  /** In strict mode what goes from stage to stage goes through its coder, as it would between machines. */
  #checked(receiver: Receiver, output: Output, own: StageParts): Receiver {
    if (!this.#options.isStrict) return receiver
    const copy = copying(this.#coders, output)
    return this.#guarded((...element) => receiver.add(...copy(...element)), output, own)
  }

  /** What takes elements for another stage: the one of this partition, or what brings them to where they belong. */
  #received(own: StageParts, output: Output, inbox: Inbox, exchanged: ExchangeReceiver | undefined): StageReceiver {
    own.targets.add(exchanged ?? inbox)
    return {
      kind: 'buffer',
      receiver:
        exchanged === undefined || this.#options.isStrict
          ? this.#checked(exchanged ?? inbox, output, own)
          : this.#guarded((...element) => exchanged.add(...element), output, own),
    }
  }

  /** What coders throw is thrown through user code, which may swallow it; the bundle fails all the same. */
  #guarded(add: Push, output: Output, own: StageParts): Receiver {
    const { path, source } = output.producer
    return {
      add: (value, timestamp, windows, pane) => {
        try {
          add(value, timestamp, windows, pane)
        } catch (cause) {
          const { runtime } = (this.executors[this.#parts.indexOf(own)] as StageExecutor).processor
          runtime.broken(
            new UserCodeError({ step: path, call: 'its output', element: preview(value), timestamp, source, cause }),
          )
          throw runtime.failure
        }
      },
    }
  }

  #reduceRunner(
    stageId: number,
    root: Extract<Stage['root'], { kind: 'grouping' }>,
    late: ElementBuffer,
  ): ReduceFnRunner {
    const processor = (): BundleProcessor => (this.executors[stageId] as StageExecutor).processor
    const outputCoder = this.#coders.ofValue(root.output.coderId)
    const { info, accumulatorCoderId } = root
    const accumulatorCoder = this.#coders.of(accumulatorCoderId ?? root.valueCoderId)
    return new ReduceFnRunner({
      step: info.path,
      strategy: root.strategy,
      reduce: reduceFnOf(root.combine, root.mergesAccumulators, outputCoder, accumulatorCoder),
      keyCoder: this.#coders.of(root.keyCoderId),
      accumulatorCoder,
      metrics: this.#metrics,
      clocks: {
        processing: () => this.clock.now(),
        synchronized: () => (this.executors[stageId] as StageExecutor).synchronizedTime(this.clock.now()),
      },
      ordersKeys: () => (this.#parts[stageId] as StageParts).marked.size > 0,
      guard: (call, key, window: BoundedWindow, run) => {
        try {
          return run()
        } catch (error) {
          processor().runtime.failed(info, call, error, { key }, window.maxTimestamp, window, undefined)
          throw error
        }
      },
      output: (value, timestamp, windows, pane) =>
        (this.executors[stageId] as GroupingExecutor).emit(value, timestamp, windows, pane),
      ...(root.late === undefined
        ? {}
        : {
            late: (reason, key, value, timestamp, window) =>
              late.add(
                lateElement(info, reason, kv(key, value), timestamp, window),
                timestamp,
                globalWindow,
                NO_FIRING,
              ),
          }),
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
    this.collected.set(name, collected)
    return collected
  }

  #print(name: string, limit: number): Printed {
    const printed = new Printed(this.#env, name, limit, this.#options.exchange !== undefined)
    this.printed.push(printed)
    return printed
  }

  /** Steps that share a handler share its budget. */
  #budgetFor(operator: ParDoOperator): DeadLetterBudget {
    invariant(
      operator.fn.kind !== undefined && operator.fn.options.onError !== undefined,
      'a step with dead letters has a handler',
    )
    const { name, maxDeadLetters } = operator.fn.options.onError
    return this.budgets.of(name, maxDeadLetters)
  }
}

function doFnServices({ sides, keyed }: StageParts): Pick<DoFnServices, 'sides' | 'state' | 'timers'> {
  return { sides: sideReader(sides), state: keyed?.state, timers: keyed }
}
