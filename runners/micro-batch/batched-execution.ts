/**
 * A run in batches. A batch is read for as long as its interval lasts, planned, finished, and committed: all it has changed becomes
 * visible at once. What comes between two commits is done again after a crash, from the plan.
 *
 *     instant ─► rounds that read ─► plan ─► rounds until nothing changes ─► changes, commit ─► outside
 *
 * Law: the state after batch n is a function of the plans 1 … n; nothing is seen outside that is not committed.
 */
import { canonicalHash } from '../../sdk/coders/canonical-hash.js'
import { dynamicCoder, encodeToBytes } from '../../sdk/coders/index.js'
import type { Env } from '../../sdk/env.js'
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import type { Delivered } from '../core/deliveries.js'
import { Execution } from '../core/execution/execution.js'
import type { ExecutionOptions } from '../core/execution/execution-options.js'
import type { SourceCodec } from '../core/execution/source-codec.js'
import { SourceExecutor } from '../core/execution/source-executor.js'
import type { PipelineResult, RunnerOptions } from '../runner.js'
import type { RunStatus } from '../run-status.js'
import { newQueryId } from '../core/query-identity.js'
import type { RunLog } from '../core/run-log.js'
import type { BatchAcknowledgements } from './batch-acknowledgements.js'
import type { BatchJournal } from './batch-journal.js'
import { decodePlan } from './batch-journal.js'
import { type BatchLimits, BatchPacing } from './batch-pacing.js'
import type { BatchWorld } from './batch-world.js'
import { decodeCommitContent, encodeCommitContent } from './commit-content.js'
import { collectedKeepers } from './kept-results.js'
import { KeptParts } from './kept-parts.js'
import { Outbox } from './outbox.js'
import { follow, type Follower } from './following.js'
import type { QueryStore } from './query-store.js'
import { SourceQueues } from './queue/source-queues.js'
import { type StandbyMode, StandbyRole } from './standby-role.js'
import { limitsByStage, readingSteps, SourceAllowances } from './source-limits.js'
import type { Change, PlanRecord } from './store/checkpoint-store.js'

/** What a batched run needs besides the options of every run. */
export interface BatchedParts {
  readonly real: Env
  readonly world: BatchWorld
  readonly journal: BatchJournal
  readonly acknowledgements: BatchAcknowledgements
  readonly limits: BatchLimits
  readonly sourceLimits: RunnerOptions['sourceLimits']
  /** Folder for what sources have given and the memory does not hold. */
  readonly spillFolder: string | undefined
  readonly store: QueryStore
  /** Whether the store outlives the run. */
  readonly isKept: boolean
  /** Whether what was not delivered before a crash is let go: it may have been, and must not come twice. */
  readonly deliversOnce: boolean
  /** Of strict mode. Else the query's id decides, which a run that goes on also has. */
  readonly seed: number | undefined
  readonly standby: StandbyMode | undefined
  /** Moves the clock of a script on to an instant; nothing where no script moves it. */
  setScript(instant: number): void
}

/** A run in batches. */
export class BatchedExecution extends Execution {
  readonly #parts: BatchedParts
  readonly #outbox: Outbox
  #kept: KeptParts | undefined
  readonly #codecs = new Map<number, SourceCodec>()
  /** The newest committed batch. */
  #committed = 0
  #watermarks = ''
  readonly #pacing: BatchPacing
  readonly #queues: SourceQueues
  #resumedAfter: number | undefined
  #role: 'leads' | 'follows' | 'over' = 'leads'
  readonly #standby: StandbyRole
  /** A batch of another's that is done, and not committed. */
  #waits: (Done & { readonly plan: PlanRecord }) | undefined
  readonly #log: RunLog

  constructor(built: BuiltPipeline, options: ExecutionOptions, parts: BatchedParts) {
    super(built, options)
    this.#parts = parts
    this.#log = options.log
    this.#standby = new StandbyRole(parts.standby, options.log, () => this.#isUnwanted)
    this.#outbox = new Outbox(this.executors, parts.store, parts.deliversOnce)
    const limits = limitsByStage(parts.sourceLimits ?? {}, readingSteps(this.staged))
    const { intervalMillis } = parts.limits
    const allowances = new SourceAllowances(limits, () => parts.real.monotonic(), intervalMillis)
    this.#pacing = parts.journal.pacing = new BatchPacing(parts.limits, allowances)
    this.#queues = new SourceQueues(this.executors, {
      env: parts.real,
      limits,
      isWanted: false,
      isScripted: options.clock !== undefined,
      folder: parts.spillFolder,
      run: newQueryId(parts.real),
      warn: (message) => this.#log.note(`warning: ${message}`),
      bundleMax: () => this.#pacing.bundleMax,
    })
    for (const executor of this.executors) {
      executor.commitsLater = true
      if (executor instanceof SourceExecutor) this.#codecs.set(executor.stage.id, executor.codec)
    }
    parts.journal.hasSources = this.#codecs.size > 0
  }

  override async run(): Promise<PipelineResult> {
    try {
      return await super.run()
    } finally {
      this.#queues.close()
      await this.#parts.store.close()
    }
  }

  override status(pipeline: string): RunStatus {
    const { intervalMillis } = this.#parts.limits
    const { last, held } = this.#pacing
    const batches = { committed: this.#committed, resumedAfter: this.#resumedAfter, intervalMillis, last }
    const standby = this.#standby.status === undefined ? {} : { standby: this.#standby.status }
    const queues = this.#queues.status()
    return { ...super.status(pipeline), batches: { ...batches, elementsMax: held, queues, ...standby } }
  }

  override get isKept(): boolean {
    return this.#parts.isKept
  }

  /** Not that of the batch: it stands still between two. */
  protected override clockNow(): number {
    return this.#parts.real.now()
  }

  /** The store comes first: a query that cannot go on here has not begun anything. */
  protected override async setup(): Promise<void> {
    const { store } = this.#parts
    this.#role = await store.open(this.#standby.waiting)
    if (this.#role === 'over') return
    if (this.#role === 'leads') this.#standby.takesOver()
    for (const note of store.notes) this.#log.note(note)
    await super.setup()
    // Without a checkpoint nobody asks what has changed, and noting it costs nothing.
    if (!this.#parts.isKept) return
    const kept = (this.#kept = new KeptParts(
      this.executors,
      new Map([...collectedKeepers(this.staged, this.wiring.collected), ...this.wiring.keepers()]),
    ))
    const committed = await (this.#role === 'leads' ? store.committed() : store.copied())
    if (committed === undefined) return
    const { watermarks: written, clock } = decodeCommitContent(committed.content)
    const watermarks = store.watermarks(committed.batch, written)
    // What waits is measured by the clock as it stood, so the clock comes first.
    this.#parts.world.restore(committed.instant)
    this.#parts.setScript(clock)
    await kept.restore(this.#parts.store.entries(committed.batch))
    this.#parts.real.crashpoint('query.restored')
    this.#committed = this.#resumedAfter = committed.batch
    this.#log.event('info', 'run goes on from its checkpoint', { batch: committed.batch })
    this.#parts.store.batch = committed.batch + 1
    for (const executor of this.executors) {
      const watermark = watermarks.get(executor.stage.root.info.id)
      if (watermark !== undefined) executor.restoreWatermark(watermark)
    }
    this.#watermarks = watermarksText(watermarks)
    if (this.#role === 'leads') await this.#outbox.deliverAgain(committed)
  }

  /** Whether nobody wants it to take over any more. */
  get #isUnwanted(): boolean {
    return this.isCancelled || this.isStopping || this.isDraining
  }

  /** A hot standby does what the other does, until it has the lease. @returns whether it has. */
  async #followed(): Promise<boolean> {
    const { store, real, acknowledgements } = this.#parts
    const follower: Follower = {
      committed: () => this.#committed,
      isOver: () => this.#isUnwanted,
      hindered: (error) => this.#standby.hindered(error),
      redo: async (plan) => {
        store.batch = plan.batch
        this.#begin({ ...plan, rounds: decodePlan(plan.content, this.#codecs) })
        await this.#read(0, true)
        await this.#close()
        return (this.#waits = { plan, ...this.#take() }).changes
      },
      settle: (batch) => {
        this.#settled(batch, watermarksText(this.#waits?.watermarks ?? new Map()))
        this.#forget()
        this.#standby.follows(batch)
      },
    }
    if (!(await follow(store, real, follower))) {
      this.#forget()
      return false
    }
    this.#standby.takesOver()
    const newest = await store.committed()
    if (newest !== undefined) await this.#outbox.deliverAgain(newest)
    const waits = this.#waits
    this.#waits = undefined
    if (waits === undefined) return true
    await acknowledgements.planned()
    await this.#makeVisible(waits.plan, waits)
    return true
  }

  /** Another has printed, acknowledged and delivered the same. */
  #forget(): void {
    this.#waits = undefined
    this.#parts.world.forget()
    this.#parts.acknowledgements.forget()
    for (const { processor } of this.executors) processor.runtime.finalizers.abandon()
  }

  protected override async rounds(): Promise<void> {
    const { real, store, journal } = this.#parts
    if (this.#role === 'over') return
    if (this.#role === 'follows' && !(await this.#followed())) return
    const planned = await store.planned()
    let again = planned === undefined ? undefined : { ...planned, rounds: decodePlan(planned.content, this.#codecs) }
    while (!this.isCancelled && (await this.#goesOn())) {
      const began = real.monotonic()
      const isBacklogged = await this.#batch(began, again)
      if (this.isCancelled) return
      const wasAgain = again !== undefined
      again = undefined
      if (this.isDone) {
        store.isOver = true
        return
      }
      if (isBacklogged || wasAgain) continue
      journal.close()
      await this.waitForTime(Math.max(0, this.#pacing.due(began) - real.monotonic()))
    }
  }

  /** A run that is stopped takes what was read ahead: nobody else has it. */
  async #goesOn(): Promise<boolean> {
    if (!this.isStopping) return true
    await this.#queues.end()
    return this.#queues.isAhead
  }

  /** One batch. @returns whether there is more to read at once. */
  async #batch(began: number, again: PlannedBatch | undefined): Promise<boolean> {
    const { world, journal, real } = this.#parts
    this.#pacing.begin(began)
    const batch = this.#begin(again)
    const { changed, isBacklogged } = await this.#read(began, again !== undefined)
    if (this.isCancelled) return false
    if (!changed && again === undefined) this.#pacing.idle()
    if (!changed && again === undefined) return false
    real.crashpoint('batch.read')
    const closing = real.monotonic()
    const plan = { batch, instant: world.instant }
    let isPlanned = again !== undefined
    if (!isPlanned && journal.elements > 0) {
      await this.#logPlan(plan)
      isPlanned = true
    }
    await this.#parts.acknowledgements.planned()
    await this.#close()
    if (this.isCancelled) return false
    const committing = real.monotonic()
    if (await this.#commit(plan, isPlanned)) {
      const times = { began, closing, committing, over: real.monotonic() }
      this.#pacing.over({ ...times, elements: journal.elements, isCut: isBacklogged || again !== undefined })
    }
    return isBacklogged
  }

  /** @returns its number. */
  #begin(again: PlannedBatch | undefined): number {
    const { world, journal, store } = this.#parts
    const seed = this.#parts.seed ?? store.id
    const batch = this.#committed + 1
    world.begin(canonicalHash(encodeToBytes(dynamicCoder, [seed, batch])), again?.instant)
    if (again !== undefined) this.#parts.setScript(again.instant)
    journal.begin(again?.rounds)
    return batch
  }

  /** Rounds that read nothing, until nothing changes. */
  async #close(): Promise<void> {
    this.#parts.journal.close()
    this.#parts.world.close()
    while (!this.isCancelled && (await this.round()));
  }

  /** Rounds that read, until the batch is long enough, there is nothing to read, or the plan is done. */
  async #read(began: number, isAgain: boolean): Promise<{ readonly changed: boolean; readonly isBacklogged: boolean }> {
    const { journal } = this.#parts
    let changed = false
    for (let isQuiet = false; ;) {
      if (isAgain && journal.isOver) return { changed: true, isBacklogged: false }
      if (journal.nextRound(isQuiet)) this.releaseScripted()
      const isNew = await this.round()
      changed ||= isNew
      isQuiet = isAgain && !isNew
      if (this.isCancelled) return { changed, isBacklogged: false }
      if (isAgain) continue
      if (this.isStopping) return { changed, isBacklogged: changed && this.#queues.isAhead }
      if (changed && this.#pacing.isFull(journal.elements, this.#parts.real.monotonic() - began))
        return { changed, isBacklogged: true }
      if (isNew) continue
      if (this.isPaused || !this.hasScript) return { changed, isBacklogged: false }
      isQuiet = true
    }
  }

  /** Writes down what was read; durably, where that is the only place that has it. */
  async #logPlan(plan: Pick<PlanRecord, 'batch' | 'instant'>): Promise<void> {
    const { store, journal, isKept } = this.#parts
    if (isKept) await store.logPlan({ ...plan, content: journal.encode(this.#codecs) }, journal.hasElements)
  }

  /** Makes the batch visible. @returns whether there was anything. */
  async #commit(plan: Pick<PlanRecord, 'batch' | 'instant'>, isPlanned: boolean): Promise<boolean> {
    const done = this.#take()
    const isSilent = !this.#parts.world.hasPrinted && done.delivered.length === 0
    const isSame = watermarksText(done.watermarks) === this.#watermarks
    if (!isPlanned && done.changes.length === 0 && isSame && isSilent) return false
    if (!isPlanned) await this.#logPlan(plan)
    await this.#makeVisible(plan, done)
    return true
  }

  /** What the batch has done, each once. */
  #take(): Done {
    const changes = this.#kept?.changes() ?? []
    return {
      changes,
      watermarks: this.#watermarksNow(),
      delivered: this.#outbox.take(),
    }
  }

  async #makeVisible(plan: Pick<PlanRecord, 'batch' | 'instant'>, done: Done): Promise<void> {
    const { store, world, real } = this.#parts
    const { changes, watermarks, delivered } = done
    real.crashpoint('batch.commit')
    const content = encodeCommitContent({ watermarks, clock: world.env.now() })
    const deliveries = this.#outbox.encode(delivered)
    await store.commit({ batch: plan.batch, instant: plan.instant, content, deliveries }, changes)
    this.#settled(plan.batch, watermarksText(watermarks))
    real.crashpoint('batch.committed')
    world.flush()
    for (const executor of this.executors) await executor.batchCommitted()
    await this.#parts.acknowledgements.batchCommitted()
    this.#queues.committed()
    await this.#outbox.deliver(plan.batch, delivered)
  }

  #settled(batch: number, watermarks: string): void {
    this.#committed = batch
    this.#parts.store.batch = batch + 1
    this.#watermarks = watermarks
  }

  #watermarksNow(): ReadonlyMap<string, number> {
    return new Map(this.executors.map(({ stage, outputWatermark }) => [stage.root.info.id, outputWatermark]))
  }
}

/** What a batch has done. */
interface Done {
  readonly changes: readonly Change[]
  readonly watermarks: ReadonlyMap<string, number>
  readonly delivered: readonly Delivered[]
}

interface PlannedBatch {
  readonly instant: number
  readonly rounds: ReturnType<typeof decodePlan>
}

function watermarksText(watermarks: ReadonlyMap<string, number>): string {
  return [...watermarks.values()].join()
}
