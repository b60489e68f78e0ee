/**
 * A run in batches whose stages are done by partitions on workers: what the batches of {@link BatchedExecution} ask of it.
 *
 * Law: what partitions give for results and sinks is seen when the batch is committed; a batch that is given up leaves nothing behind,
 * here or in any partition.
 */
import { coded } from '../../../sdk/error-codes.js'
import type { Env } from '../../../sdk/env.js'
import { ByteReader, type Coder } from '../../../sdk/coders/index.js'
import { UserCodeError } from '../../../sdk/errors.js'
import { invariant } from '../../../sdk/invariant.js'
import { TIMESTAMP_MIN } from '../../../sdk/time.js'
import type { ScriptedClock } from '../../core/execution/root-executors.js'
import type { StageExecutor } from '../../core/execution/stage-executor.js'
import type { StageWiring } from '../../core/execution/stage-wiring.js'
import type { Metrics } from '../../core/metrics.js'
import type { PaneRecorder } from '../../core/pane-recorder.js'
import type { RunLog } from '../../core/run-log.js'
import type { StagedPipeline } from '../../core/stage.js'
import type { StuckCall } from '../../core/stage-runtime.js'
import type { BatchJournal } from '../batch-journal.js'
import { type CollectedCoders, collectedCoders } from '../kept-results.js'
import type { LoadShedding } from '../load-shedding.js'
import type { QueryStore } from '../query-store.js'
import type { Change, StoredEntry } from '../store/checkpoint-store.js'
import { KeptVersion } from './kept-version.js'
import type { Diverged, RecoveryCounts } from './partition.js'
import { PartitionedStage } from './partitioned-stage.js'
import type { StageRun } from './stage-run.js'
import { TaskDriver } from './task-driver.js'
import type { TaskDone, TaskOrder } from './task.js'
import type { Begin, OpenWorker } from './worker-link.js'

/** What the run is given. */
export interface PartitionedParts {
  /** The real world. */
  readonly env: Env
  readonly open: OpenWorker
  readonly workers: number
  /** How many partitions were asked for, if it was said. */
  readonly partitions: number | undefined
  /** Whether tasks that are slow are done twice. */
  readonly speculation: boolean
  /** A worker that has not said anything for so long, while it is waited for, is ended. */
  readonly silenceMillis: number
  readonly begin: (partitions: number) => Begin
  readonly journal: BatchJournal
  readonly shedding: LoadShedding
  readonly log: RunLog
  /** Where the last panes are kept while somebody looks. */
  readonly panes: PaneRecorder
  /** What randomness begins with: the same in every life of the query. */
  readonly seed: () => number | string
  /** Processing time of the batch at hand. */
  readonly now: () => number
  readonly clock: ScriptedClock | undefined
}

/** Where a query is kept. */
type KeptStore = Pick<QueryStore, 'entries'>

/** The run that it belongs to. */
export interface PartitionedPlace {
  readonly staged: StagedPipeline
  readonly wiring: StageWiring
  readonly metrics: Metrics
  /** Lets a run that waits look at what has happened. */
  readonly wake: () => void
}

/** What sources are read ahead in partitions. */
export interface AheadOfRun {
  readonly settings: Begin['queues']
  /** Reads no more. @returns whether nothing waits any more. */
  rests(): boolean
  goOn(): void
}

/** See the head of this file. */
export class PartitionedRun {
  readonly driver: TaskDriver
  /** Set before the run begins, where sources may be read ahead. */
  ahead: AheadOfRun | undefined
  readonly #parts: PartitionedParts
  #stages: readonly PartitionedStage[] = []
  #place: PartitionedPlace | undefined
  #coders: CollectedCoders = new Map()
  #version: KeptVersion = new KeptVersion(undefined, 1)
  /** What the batch at hand has given for results and sinks. */
  #given: TaskDone[] = []
  #isClosing = false
  /** Puts back what was when the batch began. */
  #back: () => void = () => undefined

  constructor(parts: PartitionedParts) {
    this.#parts = parts
    this.driver = new TaskDriver({
      ...parts,
      begin: () => ({ ...parts.begin(this.driver.partitions), queues: this.ahead?.settings }),
      stepOf: (stage) => this.stepOf(stage),
      stepsOf: (stage) => this.#stepsOf(stage),
      isReadTwice: (stage) => this.#isReadTwice(stage),
      failed: () => this.#place?.wake(),
      told: (log, metrics) => {
        for (const line of log) parts.log.relay(line)
        if (metrics !== undefined) this.#in.metrics.merge(metrics)
      },
    })
  }

  get #in(): PartitionedPlace {
    invariant(this.#place !== undefined, 'a run is somewhere')
    return this.#place
  }

  /** Stands in the place of the stages of this process. */
  stagesFor(own: readonly StageExecutor[]): readonly StageExecutor[] {
    const { journal, shedding, seed, env, now } = this.#parts
    const stages: PartitionedStage[] = []
    const run: StageRun = {
      driver: this.driver,
      seed,
      now,
      monotonic: () => env.monotonic(),
      stages,
      phase: () => (this.#isClosing ? 1 : 0),
      journal,
      budgets: () => this.#in.wiring.budgets.used(),
      shed: () => shedding.cuts,
      panes: () => this.#parts.panes.limit,
      done: (stage, done) => this.#done(stage, done),
      stuck: () => this.#stuck(),
    }
    for (const each of own) stages.push(new PartitionedStage(each, run))
    const byOwn = new Map(own.map((each, i) => [each, stages[i] as PartitionedStage]))
    for (const stage of stages) {
      stage.producers = stage.producers.map((each) => byOwn.get(each as StageExecutor) ?? each)
      stage.upstream = stage.upstream.map((each) => byOwn.get(each as StageExecutor) ?? each)
    }
    return (this.#stages = stages)
  }

  attach(place: PartitionedPlace): void {
    this.#place = place
    this.#coders = collectedCoders(place.staged)
    for (const stage of this.#stages) stage.readsSides((collectionId) => place.staged.producer.get(collectionId))
  }

  /** The codecs of sources, by stage. */
  get codecs(): ReadonlyMap<number, PartitionedStage['codec']> {
    return new Map(this.#stages.flatMap((stage) => (stage.source === undefined ? [] : [[stage.stage.id, stage.codec]])))
  }

  /** How many partitions were asked for, if it was said. */
  get asked(): number | undefined {
    return this.#parts.partitions
  }

  /** How many workers begin. */
  get workers(): number {
    return this.#parts.workers
  }

  /** How many there are. */
  get partitions(): number {
    return this.driver.partitions
  }

  get counts(): RecoveryCounts {
    return this.driver.counts
  }

  /**
   * Starts the workers, and makes the partitions live as they were after a committed batch; 0 before the first.
   *
   * @param store where that is kept; `undefined` where it is in memory.
   * @param held what is in memory then.
   */
  async open(
    partitions: number,
    committed: number,
    store: KeptStore | undefined,
    held: readonly StoredEntry[] = [],
  ): Promise<void> {
    this.#version = new KeptVersion(store && ((batch) => store.entries(batch)), partitions)
    this.#version.hold(held)
    for (const stage of this.#stages) stage.share(partitions)
    await this.driver.open(partitions, (partition) => this.#version.of(partition))
    this.#committedAt(committed)
    const hosted = await this.driver.live()
    for (const [partition, stages] of hosted.entries())
      for (const stage of this.#stages) stage.hosted(partition, stages[stage.stage.id])
    // Which steps shed is known where they are set up.
    for (const [step, measure] of (hosted[0] ?? []).flatMap(({ gates = [] }) => gates))
      this.#parts.shedding.gate(step, measure)
  }

  /** Between batches. @returns whether it is done; before that, batches take what was read ahead. */
  async resize(workers: number): Promise<boolean> {
    if (this.ahead?.rests() === false) return false
    await this.driver.resize(workers)
    this.ahead?.goOn()
    return true
  }

  #committedAt(batch: number): void {
    const watermarks = this.#stages.map(({ outputWatermark }) => outputWatermark)
    this.#version.at = { batch, instant: this.#parts.now(), watermarks }
  }

  // ---- a batch ---------------------------------------------------------------------------------------------------

  begin(batch: number): void {
    const { metrics, wiring } = this.#in
    const backs = [metrics.save(), wiring.budgets.save(), ...this.#stages.map((stage) => stage.save())]
    const { clock, now } = this.#parts
    const instant = now()
    this.#back = () => {
      for (const back of backs) back()
      clock?.advance(instant - now())
    }
    this.#isClosing = false
    this.driver.begin(batch)
  }

  /** The batch has been read. */
  closing(): void {
    this.#isClosing = true
    this.driver.closing()
  }

  planned(batch: number): Promise<void> {
    return this.driver.settle('planned', batch)
  }

  /** What has changed in the batch, by partition. */
  changes(batch: number): Promise<readonly (readonly Change[])[]> {
    return this.driver.changes(batch)
  }

  /** The batch is going to be committed: what it has given goes to results, and to steps that deliver. */
  apply(): void {
    const { wiring } = this.#in
    for (const { collected, printed, delivered, panes } of this.#given.splice(0)) {
      for (const pane of panes) this.#parts.panes.relay(pane)
      for (const [name, elements, count] of collected) this.#collect(name, elements, count)
      for (const [index, lines, hidden] of printed) wiring.printed[index]?.print({ lines, hidden })
      for (const [id, items, count] of delivered) this.#deliver(id, items, count)
    }
  }

  #collect(name: string, elements: Uint8Array, count: number): void {
    const own = this.#in.wiring.collected.get(name)
    const coder = this.#coders.get(name)?.coder
    invariant(own !== undefined && coder !== undefined, 'what is collected has a name', { name })
    for (const { value, timestamp, windows, pane } of unpacked(elements, count, coder)) {
      own.add(value, timestamp, windows, pane)
    }
    own.commit()
  }

  #deliver(id: string, items: Uint8Array, count: number): void {
    for (const { processor } of this.#stages) {
      const { deliveries } = processor.runtime
      const step = deliveries.steps.find(({ info }) => info.id === id)
      if (step === undefined) continue
      for (const item of unpacked(items, count, step.coder)) step.add(item)
      deliveries.commit()
    }
  }

  /** The batch is committed. */
  async committed(batch: number, changes: readonly (readonly Change[])[]): Promise<void> {
    this.#committedAt(batch)
    this.#version.keep(changes)
    await this.driver.settle('committed', batch)
  }

  /** The batch is committed by the driver that this one follows; whoever waited for it there was told there. */
  async followed(batch: number, changes: readonly (readonly Change[])[]): Promise<void> {
    this.#committedAt(batch)
    this.#version.keep(changes)
    await this.driver.settle('followed', batch)
  }

  /** This driver leads from now on, and the store is its own. */
  leads(store: KeptStore): void {
    this.#version.askStore((batch) => store.entries(batch))
    this.driver.leads()
  }

  /** Gives up what was done in the batch. */
  abandon({ stage }: Diverged): void {
    this.#given = []
    this.driver.abandon(stage)
    this.#back()
  }

  /** The step that a stage begins with. */
  stepOf(stage: number): string {
    return this.#in.staged.stages[stage]?.root.info.path ?? ''
  }

  #isReadTwice(stage: number): boolean {
    const root = this.#in.staged.stages[stage]?.root
    return root?.kind !== 'splittable' || root.fn.doFn.replayable
  }

  #stepsOf(stage: number): readonly string[] {
    const of = this.#in.staged.stages[stage]
    if (of === undefined) return []
    const called = of.operators.filter(({ kind }) => kind !== 'collect' && kind !== 'print' && kind !== 'flatten')
    return [...new Set([of.root.info.path, ...called.map(({ info }) => info.path)])]
  }

  // ---- tasks -----------------------------------------------------------------------------------------------------

  #done(_stage: StageExecutor, done: TaskDone): void {
    const { collected, printed, delivered, panes, shed } = done
    if (shed !== undefined) this.#parts.shedding.add(shed)
    if (collected.length + printed.length + delivered.length + panes.length > 0) this.#given.push(done)
    if (done.script !== undefined && done.script.advanceMillis > 0)
      this.#parts.clock?.advance(done.script.advanceMillis)
    const exceeded = this.#in.wiring.budgets.add(done.budgets)
    if (exceeded !== undefined) throw this.#tooManyLetters(exceeded, done.budgets)
  }

  /** Partitions count dead letters by themselves; together they may be too many. */
  #tooManyLetters({ used, max }: { readonly used: number; readonly max: number }, _of: TaskOrder['budgets']): Error {
    const last = this.#in.metrics.deadLetters.list().at(-1)
    const step = last?.step ?? ''
    const { source } = this.#in.staged.steps.find(({ path }) => path === step) ?? { source: undefined }
    return new UserCodeError({
      step,
      call: 'process',
      ...(last === undefined ? {} : { element: last.example.element, window: last.example.window }),
      timestamp: last?.example.timestamp ?? TIMESTAMP_MIN,
      source,
      cause: coded(
        'MR-3019',
        new Error(
          `dead letter ${used} is more than maxDeadLetters allows (${max}); the last one failed with: ${last?.example.message ?? ''}`,
        ),
      ),
    })
  }

  #stuck(): StuckCall | undefined {
    const stuck = this.driver.stuck()
    const step = this.#in.staged.steps.find(({ path }) => path === stuck?.call.step)
    if (stuck === undefined || step === undefined) return undefined
    const { call, element } = stuck.call
    return {
      step,
      call,
      element: undefined,
      startedAt: stuck.startedAt,
      ...(element === undefined ? {} : { shown: element }),
    }
  }

  /** Ends the workers. @throws what failed in their teardown. */
  close(isQueryOver: boolean): Promise<void> {
    return this.driver.close(isQueryOver)
  }
}

function* unpacked<T>(bytes: Uint8Array, count: number, coder: Coder<T>): Generator<T, void, undefined> {
  const input = new ByteReader(bytes)
  for (let i = 0; i < count; i++) yield coder.decode(input, true)
}
