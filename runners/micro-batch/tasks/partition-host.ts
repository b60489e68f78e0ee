/**
 * A partition on a worker: the stages of the graph over its share of the keys, with all they keep. It does one task at a time.
 *
 * Law: what comes of a task depends on what the partition was before, on the order, and on what a source gives; nothing leaves the
 * partition but in the answer.
 */
import { ByteWriter, type Coder, decodeFromBytes, dynamicCoder, encodeToBytes } from '../../../sdk/coders/index.js'
import type { Env } from '../../../sdk/env.js'
import { UserCodeError } from '../../../sdk/errors.js'
import { invariant } from '../../../sdk/invariant.js'
import { TIMESTAMP_MAX, TIMESTAMP_MIN } from '../../../sdk/time.js'
import { SourceExecutor } from '../../core/execution/source-executor.js'
import type { TurnRecord } from '../../core/execution/source-journal.js'
import type { StageExecutor, UpstreamStage } from '../../core/execution/stage-executor.js'
import type { StageStatus } from '../../core/execution/stage-status.js'
import { StageWiring } from '../../core/execution/stage-wiring.js'
import { Metrics, type MetricsDelta } from '../../core/metrics.js'
import { PaneRecorder } from '../../core/pane-recorder.js'
import { ProcessingClock } from '../../core/processing-clock.js'
import type { Stage, StagedPipeline } from '../../core/stage.js'
import { TimeSlice } from '../../core/time-slice.js'
import { BatchAcknowledgements } from '../batch-acknowledgements.js'
import { hostedPart } from '../hosted-part.js'
import { KeptParts } from '../kept-parts.js'
import { type CollectedCoders, collectedCoders } from '../kept-results.js'
import { changesIn, ChangeWriter } from '../store/change-bytes.js'
import type { StoredEntry } from '../store/checkpoint-store.js'
import { BlockCodings, sideOf, WORK } from './block-codings.js'
import { CapturedLog } from './captured-log.js'
import { HostQueues } from './host-queues.js'
import {
  type Block,
  type HostedStage,
  type LoggedLine,
  type TaskDone,
  type TaskOrder,
  type TaskOutput,
  waitsOf,
} from './task.js'
import { TaskExchange } from './task-exchange.js'
import { hashOf } from './task-hash.js'
import { TaskJournal } from './task-journal.js'
import { TaskShedding } from './task-shedding.js'
import { TaskWorld } from './task-world.js'
import type { HostPartition, RunSettings } from './worker-link.js'

/** A stage as those after it see it: as far as all partitions are, which the driver says. */
class StageView implements UpstreamStage {
  readonly stage: Stage
  outputWatermark = TIMESTAMP_MIN
  nextProcessingTime = TIMESTAMP_MAX
  producers: readonly UpstreamStage[] = []
  upstream: readonly UpstreamStage[] = []

  constructor(stage: Stage) {
    this.stage = stage
  }
}

/** See the head of this file. */
export class PartitionHost {
  readonly #world: TaskWorld
  readonly #shedding: TaskShedding
  readonly #partOf: string
  readonly #metrics: Metrics
  readonly #clock: ProcessingClock
  readonly #panes: PaneRecorder
  readonly #log: CapturedLog
  readonly #journal: TaskJournal
  readonly #acknowledgements = new BatchAcknowledgements()
  readonly #codings: BlockCodings
  readonly #exchange: TaskExchange
  readonly #wiring: StageWiring
  readonly #views: readonly StageView[]
  readonly #collected: CollectedCoders
  readonly #queues: HostQueues
  #kept: KeptParts | undefined
  #batch = 0
  /** Whether the query does not go on from what is kept. */
  isQueryOver = false
  /** Of the lease that the driver has. */
  epoch: number | undefined
  #isSetUp = false

  constructor(staged: StagedPipeline, settings: RunSettings, partition: number, real: Env) {
    this.#shedding = new TaskShedding(settings.hasObjective, (salt) => this.#world.chance(salt))
    this.#world = new TaskWorld({ ...real, load: this.#shedding }, settings.isScripted)
    const { env, outside, disorder, readingDisorder } = this.#world
    this.#journal = new TaskJournal(() => outside.now())
    this.#partOf = hostedPart(partition, settings.partitions)
    this.#metrics = new Metrics(staged.collectionCount, staged.steps.length)
    this.#clock = new ProcessingClock(env)
    this.#panes = new PaneRecorder(env)
    this.#log = new CapturedLog(env, staged.built.name, settings.logLevels)
    this.#codings = new BlockCodings(staged)
    this.#exchange = new TaskExchange(this.#codings, partition, settings.partitions)
    this.#collected = collectedCoders(staged)
    const batch = (): number => this.#batch
    this.epoch = settings.query.epoch
    const epoch = (): number | undefined => this.epoch
    const restarts = (): boolean => settings.query.restarts && !this.isQueryOver
    const options = {
      runner: 'micro-batch',
      env,
      outside,
      query: {
        id: settings.query.id,
        get epoch() {
          return epoch()
        },
        part: partition,
        get batch() {
          return batch()
        },
        get restarts() {
          return restarts()
        },
      },
      isStrict: settings.isStrict,
      seed: settings.seed,
      ...(settings.isStrict ? { disorder, readingDisorder } : {}),
      reexecutes: settings.reexecutes,
      bundleSize: settings.bundleSize,
      stageCompiler: settings.stageCompiler,
      clock: settings.isScripted ? this.#world : undefined,
      acknowledgements: this.#acknowledgements,
      log: this.#log,
      traceBundle: undefined,
      journal: this.#journal,
      panes: this.#panes,
      exchange: this.#exchange,
    }
    this.#wiring = new StageWiring(staged, options, this.#metrics, new TimeSlice(env), this.#clock)
    this.#views = staged.stages.map((stage) => new StageView(stage))
    this.#wiring.seeThrough(({ stage }) => this.#views[stage.id] as StageView)
    for (const executor of this.#executors) {
      executor.commitsLater = true
      const view = this.#views[executor.stage.id] as StageView
      view.producers = executor.producers
      view.upstream = executor.upstream
    }
    const warn = (message: string): void => this.#log.note(`warning: ${message}`)
    this.#queues = new HostQueues(this.#executors, settings, partition, real, warn)
  }

  get #executors(): readonly StageExecutor[] {
    return this.#wiring.executors
  }

  /** Sets everything up, and takes back what was kept. */
  async begin({ batch, instant, entries, watermarks }: Omit<HostPartition, 'kind'>): Promise<void> {
    this.#batch = batch
    this.#world.begin(instant, 0)
    this.#isSetUp = true
    for (const executor of this.#executors) await executor.setup()
    this.#clock.restore(instant)
    const kept = (this.#kept = new KeptParts(this.#executors, new Map(), this.#partOf))
    await kept.restore(entriesIn(entries))
    for (const executor of this.#executors) {
      const watermark = watermarks[executor.stage.id] ?? TIMESTAMP_MIN
      executor.sharedWatermark = watermark
      executor.restoreWatermark(watermark)
      ;(this.#views[executor.stage.id] as StageView).outputWatermark = watermark
    }
  }

  /** What its stages wait for before they had a task. */
  hosted(): readonly HostedStage[] {
    return this.#executors.map((executor) => ({
      ...waitsOf(executor),
      hasWaiting: this.#waits(executor.stage.id),
      played: executor.script?.played,
      gates: this.#shedding.declared(new Set(executor.stage.operators.map(({ info }) => info.path))),
    }))
  }

  #waits(stage: number): boolean {
    return (this.#wiring.inboxOf(stage, undefined)?.length ?? 0) > 0
  }

  /** Does a task. */
  async task(order: TaskOrder): Promise<TaskDone> {
    const executor = this.#executors[order.stage]
    invariant(executor !== undefined, 'tasks are for stages that there are', { stage: order.stage })
    const { source } = order
    this.#batch = order.batch
    this.#world.begin(order.now, order.seed)
    this.#shedding.begin(order.shed)
    this.#wiring.budgets.set(order.budgets)
    this.#panes.recordFor(order.panes)
    for (const view of this.#views) {
      view.outputWatermark = order.watermarks[view.stage.id] ?? TIMESTAMP_MIN
      view.nextProcessingTime = order.waits[view.stage.id] ?? TIMESTAMP_MAX
    }
    executor.sharedWatermark = order.watermarks[order.stage] ?? TIMESTAMP_MIN
    const reader = executor instanceof SourceExecutor ? executor : undefined
    this.#journal.begin(source, source?.record === undefined ? undefined : recordFrom(reader, source.record))
    if (source?.isDraining === true) reader?.drain()
    if (source?.ahead !== undefined) await this.#queues.begin(order.stage, source, this.epoch)
    if (source !== undefined && source.pausedMillis > 0) reader?.wasPausedFor(source.pausedMillis)
    for (const block of order.blocks) this.#put(block, executor)
    if (order.isReleased) executor.script?.release()
    const changed = await executor[order.call]()
    for (const each of this.#executors) each.throwIfFailed()
    executor.endShared()
    return this.#doneOf(order, executor, reader, changed)
  }

  #put(block: Block, executor: StageExecutor): void {
    if (block.input === WORK) {
      ;(executor as SourceExecutor).takeWork(block.bytes)
      return
    }
    const inbox = this.#wiring.inboxOf(block.stage, sideOf(block.input))
    invariant(inbox !== undefined, 'blocks are for inputs that there are', { input: block.input })
    const push = inbox.add.bind(inbox)
    this.#codings.read(executor.stage, block, push, () => inbox.mark())
    inbox.commit()
  }

  #doneOf(order: TaskOrder, executor: StageExecutor, reader: SourceExecutor | undefined, changed: boolean): TaskDone {
    const record = this.#journal.written
    const output = this.#output()
    return {
      batch: order.batch,
      number: order.number,
      ...output,
      hash: hashOf(output),
      changed,
      hasDrawn: this.#world.hasDrawn,
      ...waitsOf(executor),
      outputWatermark: executor.outputWatermark,
      isAwaited:
        this.#acknowledgements.isAwaited ||
        this.#queues.isAwaited ||
        this.#executors.some(({ isAwaited }) => isAwaited),
      waiting: this.#executors.flatMap(({ stage: { id } }) => (this.#waits(id) ? [id] : [])),
      waitMillis: reader?.waitMillis,
      reading: reader?.report,
      queue: order.source?.ahead === undefined ? undefined : this.#queues.told(order.stage),
      seen: this.#journal.elements,
      shed: this.#shedding.take(),
      record: reader === undefined || record === undefined ? undefined : encodeToBytes(dynamicCoder, reader.codec.turn(record)), // prettier-ignore
      script:
        executor.script === undefined
          ? undefined
          : { played: executor.script.played, advanceMillis: this.#world.advancedMillis },
      metrics: this.#metrics.take(),
      budgets: usedSince(order.budgets, this.#wiring.budgets.used()),
      log: this.#log.take(),
      panes: this.#panes.take(),
    }
  }

  #output(): TaskOutput {
    const delivered = this.#executors.flatMap(({ processor: { runtime } }) =>
      runtime.deliveries.take().map(({ step, items }) => {
        const { coder } = runtime.deliveries.step(step)
        return [step, packed(items, coder), items.length] as const
      }),
    )
    const collected = [...this.#wiring.collected].flatMap(([name, { elements }]) => {
      if (elements.length === 0) return []
      const taken = elements.splice(0)
      return [[name, this.#collectedBytes(name, taken), taken.length] as const]
    })
    const printed = this.#wiring.printed.flatMap((each, index) => {
      const { lines, hidden } = each.take()
      return lines.length === 0 && hidden === 0 ? [] : [[index, lines, hidden] as const]
    })
    return { blocks: this.#exchange.take(), delivered, collected, printed }
  }

  #collectedBytes(name: string, elements: readonly CollectedElement[]): Uint8Array {
    const of = this.#collected.get(name)
    invariant(of !== undefined, 'what is collected has a coder', { name })
    const { coder, step } = of
    try {
      return packed(
        elements.map(({ value, timestamp, window, pane }) => ({ value, timestamp, windows: [window], pane })),
        coder,
      )
    } catch (cause) {
      throw new UserCodeError({ step: step.path, call: 'collecting', source: step.source, cause })
    }
  }

  /** The plan of the batch is durable. */
  async planned(): Promise<void> {
    await this.#acknowledgements.planned()
  }

  /** What has changed in the batch. */
  changes(): readonly Uint8Array[] {
    const changes = this.#kept?.changes() ?? []
    return changes.length === 0 ? [] : new ChangeWriter().putAll(changes).finish()
  }

  /** The batch is committed. */
  async committed(): Promise<void> {
    for (const executor of this.#executors) await executor.batchCommitted()
    await this.#acknowledgements.batchCommitted()
    this.#queues.committed()
  }

  /** The batch is committed by another driver: those who wait for it were told where it was done. */
  followed(): void {
    this.#acknowledgements.forget()
    for (const { processor } of this.#executors) processor.runtime.finalizers.abandon()
  }

  /** What was counted and logged beside tasks. */
  takeRemarks(): { readonly metrics: MetricsDelta; readonly log: readonly LoggedLine[] } {
    return { metrics: this.#metrics.take(), log: this.#log.take() }
  }

  status(): readonly StageStatus[] {
    return this.#executors.map((executor) => executor.status())
  }

  /** The call that has been under way longest, with the time since it began. */
  stuck():
    { readonly step: string; readonly call: string; readonly element: unknown; readonly since: number } | undefined {
    const calls = this.#executors.map((executor) => executor.stuck()).filter((call) => call !== undefined)
    const [oldest] = calls.sort((a, b) => a.startedAt - b.startedAt)
    if (oldest === undefined) return undefined
    return { step: oldest.step.path, call: oldest.call, element: oldest.element, since: oldest.startedAt }
  }

  /** Nothing goes on by itself any more. */
  halt(): void {
    this.#queues.halt()
  }

  /** What is under way is not waited for. */
  broken(error: unknown): void {
    for (const executor of this.#executors) executor.broken(error)
  }

  /** Disposes of what was set up. @throws the first failure, after everything was told. */
  async teardown(): Promise<void> {
    if (!this.#isSetUp) return
    this.#isSetUp = false
    let failure: unknown
    for (const executor of [...this.#executors].reverse()) {
      try {
        executor.abandon()
        await executor.teardown()
      } catch (error) {
        failure ??= new UserCodeError({ step: executor.stage.name, call: 'teardown', cause: error })
      }
    }
    this.#queues.close()
    if (failure !== undefined) throw failure
  }
}

type CollectedElement =
  StageWiring['collected'] extends Map<string, { readonly elements: (infer Element)[] }> ? Element : never

function recordFrom(reader: SourceExecutor | undefined, record: Uint8Array): TurnRecord | undefined {
  return reader?.codec.turnFrom(reader.stage.id, decodeFromBytes(dynamicCoder, record))
}

function usedSince(before: TaskOrder['budgets'], now: TaskOrder['budgets']): TaskOrder['budgets'] {
  const was = new Map(before)
  return now.flatMap(([name, used]) => {
    const more = used - (was.get(name) ?? 0)
    return more === 0 ? [] : [[name, more] as const]
  })
}

function* entriesIn(chunks: readonly Uint8Array[]): Generator<StoredEntry, void, undefined> {
  for (const chunk of chunks)
    for (const { part, slot, id, content } of changesIn(chunk))
      if (content !== undefined) yield { part, slot, id, content }
}

/** Values one after another. */
function packed<T>(values: readonly T[], coder: Coder<T>): Uint8Array {
  const out = new ByteWriter()
  for (const value of values) coder.encode(value, out, true)
  return out.take()
}
