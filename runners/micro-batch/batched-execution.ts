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
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import { Execution } from '../core/execution/execution.js'
import type { ExecutionOptions } from '../core/execution/execution-options.js'
import type { SourceCodec } from '../core/execution/source-codec.js'
import { SourceExecutor } from '../core/execution/source-executor.js'
import type { PipelineResult } from '../runner.js'
import type { RunStatus } from '../run-status.js'
import type { RunLog } from '../core/run-log.js'
import { ATTEMPTS_MAX, notDeterministic } from './batch-errors.js'
import { checkCut, noteIdleWorkers } from './hosts.js'
import { type BatchedParts, decodedPlan, type Done, type PlannedBatch, watermarksText } from './batched-parts.js'
import { loadOf } from './batch-load.js'
import type { BatchPacing } from './batch-pacing.js'
import { encodeCommitContent } from './commit-content.js'
import { collectedKeepers } from './kept-results.js'
import { follow, type Follower, setUpToFollow } from './following.js'
import { KeptParts } from './kept-parts.js'
import type { LoadWatch } from './load-watch.js'
import { Outbox } from './outbox.js'
import type { RunQueues } from './queue/source-queues.js'
import { type Restored, restored } from './restored.js'
import { StandbyRole } from './standby-role.js'
import type { PlanRecord } from './store/checkpoint-store.js'
import { Diverged } from './tasks/partition.js'

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
  readonly #queues: RunQueues
  readonly #watch: LoadWatch
  #resumedAfter: number | undefined
  readonly #log: RunLog
  #role: 'leads' | 'follows' | 'over' = 'leads'
  readonly #standby: StandbyRole
  /** A batch of another's that is done, and not committed. */
  #waits: (Done & { readonly plan: PlanRecord }) | undefined
  /** Workers that there are to be from the next batch on. */
  #workersAsked: number | undefined
  /** Whether the plan of the batch at hand is written down. */
  #isLogged = false

  constructor(built: BuiltPipeline, options: ExecutionOptions, parts: BatchedParts) {
    super(built, options)
    this.#parts = parts
    this.#log = options.log
    this.#standby = new StandbyRole(parts.standby, options.log, () => this.#isUnwanted)
    this.#outbox = new Outbox(this.executors, parts.store, parts.deliversOnce)
    parts.tasks?.attach({ staged: this.staged, wiring: this.wiring, metrics: this.counted, wake: () => this.wake?.() })
    const load = loadOf(this.executors, this.staged, parts, options.clock !== undefined, options.log)
    this.#pacing = parts.journal.pacing = load.pacing
    this.#queues = load.queues
    this.#watch = load.watch
    for (const executor of this.executors) {
      executor.commitsLater = true
      if (executor instanceof SourceExecutor) this.#codecs.set(executor.stage.id, executor.codec)
    }
    for (const [stage, codec] of parts.tasks?.codecs ?? []) this.#codecs.set(stage, codec)
    parts.journal.hasSources = this.#codecs.size > 0
  }

  override async run(): Promise<PipelineResult> {
    try {
      return await super.run()
    } catch (error) {
      throw await this.#parts.store.reasonOf(error)
    } finally {
      this.#queues.close()
      await this.#parts.store.close()
    }
  }

  override status(pipeline: string): RunStatus {
    const { intervalMillis } = this.#parts.limits
    const { last, held } = this.#pacing
    const batches = { committed: this.#committed, resumedAfter: this.#resumedAfter, intervalMillis, last }
    const { tasks, shedding } = this.#parts
    const twice = tasks === undefined ? {} : { tasks: { ...tasks.counts } }
    const standby = this.#standby.status === undefined ? {} : { standby: this.#standby.status }
    const load = { queues: this.#queues.status(), shedding: shedding.status(), ...twice, ...standby }
    return { ...super.status(pipeline), batches: { ...batches, elementsMax: held, ...load } }
  }

  /** Whether nobody wants it to take over any more. */
  get #isUnwanted(): boolean {
    return this.isCancelled || this.isStopping || this.isDraining
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
    const { store, tasks } = this.#parts
    this.#role = await store.open(this.#standby.waiting)
    if (this.#role === 'over') return
    if (this.#role === 'leads') this.#standby.takesOver()
    for (const note of store.notes) this.#log.note(note)
    const isFollowed = this.#role === 'follows'
    await (isFollowed ? setUpToFollow(() => super.setup()) : super.setup())
    const back = await this.#restore()
    const kept = back === undefined || back.held !== undefined ? undefined : store
    const open = async (): Promise<void> => tasks?.open(back?.hosts ?? store.partitions, this.#committed, kept, back?.held) // prettier-ignore
    await (isFollowed ? setUpToFollow(open) : open())
    noteIdleWorkers(tasks, this.#log)
    if (isFollowed) this.#standby.follows(this.#committed)
    else if (back !== undefined) await this.#outbox.begin(back.committed)
  }

  /** Takes back what is kept. Without a checkpoint nobody asks what has changed, and noting it costs nothing. */
  async #restore(): Promise<Restored | undefined> {
    const parts = this.#parts
    if (!parts.isKept) return undefined
    const { executors, staged } = this
    const own = new Map([...collectedKeepers(staged, this.wiring.collected), ...this.wiring.keepers()])
    const kept = (this.#kept = new KeptParts(executors, own))
    const back = await restored({ parts, staged, executors, kept, log: this.#log, isFollowed: this.#role === 'follows' }) // prettier-ignore
    if (back.committed !== undefined) this.#committed = this.#resumedAfter = back.committed.batch
    this.#watermarks = back.watermarks
    return back
  }

  protected override async teardown(): Promise<void> {
    let failure: unknown
    await this.#parts.tasks?.close(this.#parts.store.isOver).catch((error: unknown) => (failure = error))
    await super.teardown()
    if (failure !== undefined) throw failure
  }

  protected override async rounds(): Promise<void> {
    const { real, store, journal } = this.#parts
    if (this.#role === 'over' || (this.#role === 'follows' && !(await this.#followed()))) return
    this.#queues.begin(store.epoch)
    const planned = await store.planned()
    let again: PlannedBatch | undefined = planned === undefined ? undefined : decodedPlan(planned, this.#codecs)
    while (!this.isCancelled && (await this.#goesOn())) {
      await this.#resize()
      const began = real.monotonic()
      const isBacklogged = await this.#batch(began, again)
      if (this.isCancelled) return
      const wasAgain = again !== undefined
      again = undefined
      if (this.isDone) return store.end()
      if (isBacklogged || wasAgain) continue
      journal.close()
      await this.waitForTime(Math.max(0, this.#pacing.due(began) - real.monotonic()))
    }
  }

  /** A hot standby does what the other does, until it has the lease. @returns whether it has. */
  async #followed(): Promise<boolean> {
    const { store, real, acknowledgements, world, tasks } = this.#parts
    /** Another has printed, acknowledged and delivered the same. */
    const forget = (): void => {
      this.#waits = undefined
      world.discard()
      acknowledgements.forget()
      for (const { processor } of this.executors) processor.runtime.finalizers.abandon()
    }
    const follower: Follower = {
      committed: () => this.#committed,
      isOver: () => this.#isUnwanted,
      hindered: (error) => this.#standby.hindered(error),
      redo: async (plan) => {
        const planned = decodedPlan(plan, this.#codecs)
        checkCut(plan.batch, planned, tasks)
        store.batch = plan.batch
        this.#begin(planned)
        tasks?.begin(plan.batch)
        await this.#read(0, true)
        tasks?.closing()
        await this.#close()
        return (this.#waits = { plan, ...(await this.#take(plan.batch)) }).changes
      },
      settle: async (batch) => {
        this.#settled(batch, watermarksText(this.#waits?.watermarks ?? new Map()))
        await tasks?.followed(batch, this.#waits?.shared ?? [])
        forget()
        this.#standby.follows(batch)
      },
    }
    const isLeading = await follow(store, real, follower)
    if (!isLeading) {
      forget()
      return false
    }
    this.#standby.takesOver()
    const newest = await store.committed()
    await this.#outbox.begin(newest)
    const waits = this.#waits
    this.#waits = undefined
    tasks?.leads(store)
    await acknowledgements.planned()
    if (waits === undefined) return true
    await tasks?.planned(waits.plan.batch)
    await this.#makeVisible(waits.plan, waits)
    return true
  }

  override setWorkers(count: number): boolean {
    if (this.#parts.tasks === undefined) return false
    this.#workersAsked = count
    return true
  }

  /** Between batches. */
  async #resize(): Promise<void> {
    const count = this.#workersAsked
    if (count === undefined || (await this.#parts.tasks?.resize(count)) !== true) return
    if (this.#workersAsked === count) this.#workersAsked = undefined
    this.#log.event('info', 'number of workers changed', { workers: count })
  }

  /** A run that is stopped takes what was read ahead: nobody else has it. */
  async #goesOn(): Promise<boolean> {
    if (!this.isStopping) return true
    await this.#queues.end()
    return this.#queues.isAhead
  }

  /** One batch, until a task that was done again has done the same. @returns whether there is more to read at once. */
  async #batch(began: number, planned: PlannedBatch | undefined): Promise<boolean> {
    const { world, journal, tasks } = this.#parts
    if (tasks === undefined) return this.#attempt(began, planned)
    for (let again = planned, attempts = 1; ; attempts++) {
      try {
        return await this.#attempt(began, again)
      } catch (error) {
        if (!(error instanceof Diverged)) throw error
        if (attempts >= ATTEMPTS_MAX) throw notDeterministic(tasks.stepOf(error.stage))
        const { instant } = world
        again = { instant, rounds: journal.rounds, after: journal.after, shed: this.#parts.shedding.records(), isLogged: this.#isLogged, hasElements: journal.hasElements || again?.hasElements === true } // prettier-ignore
        tasks.abandon(error)
        world.discard()
      }
    }
  }

  async #attempt(began: number, again: PlannedBatch | undefined): Promise<boolean> {
    const { world, journal, real, tasks } = this.#parts
    this.#pacing.begin(began)
    const batch = this.#begin(again)
    this.#isLogged = again?.isLogged === true
    tasks?.begin(batch)
    const { changed, isBacklogged } = await this.#read(began, again !== undefined)
    if (this.isCancelled) return false
    if (!changed && again === undefined) this.#pacing.idle()
    if (!changed && again === undefined) return false
    real.crashpoint('batch.read')
    const closing = real.monotonic()
    const plan = { batch, instant: world.instant }
    if (!this.#isLogged && (again !== undefined || journal.elements > 0))
      await this.#logPlan(plan, again?.hasElements === true || journal.hasElements)
    tasks?.closing()
    await this.#parts.acknowledgements.planned()
    await tasks?.planned(batch)
    await this.#close()
    if (this.isCancelled) return false
    const committing = real.monotonic()
    if (await this.#commit(plan)) {
      const times = { began, closing, committing, over: real.monotonic() }
      this.#pacing.over({ ...times, elements: journal.elements, isCut: isBacklogged || again !== undefined })
      this.#watch.over()
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
    this.#parts.shedding.begin(canonicalHash(encodeToBytes(dynamicCoder, [seed, batch, 'shed'])), again?.shed)
    journal.begin(again?.rounds, again?.after)
    return batch
  }

  /** Rounds that read nothing, until nothing changes. */
  async #close(): Promise<void> {
    this.#parts.journal.close()
    this.#parts.world.close()
    while (!this.isCancelled && (await this.round()));
    await this.endBatch(true)
  }

  /** Rounds that read, until the batch is long enough, there is nothing to read, or the plan is done. */
  async #read(began: number, isAgain: boolean): Promise<{ readonly changed: boolean; readonly isBacklogged: boolean }> {
    const { journal } = this.#parts
    let changed = false
    for (let isQuiet = false; ;) {
      if (isAgain && journal.isOver) return { changed: true, isBacklogged: false }
      if (journal.nextRound(isQuiet)) this.releaseScripted()
      const isNew = await this.round()
      if (!isNew) journal.changedNothing()
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
  async #logPlan(plan: Pick<PlanRecord, 'batch' | 'instant'>, isDurable: boolean): Promise<void> {
    this.#isLogged = true
    const { store, journal, isKept, tasks } = this.#parts
    if (!isKept) return
    const content = journal.encode(this.#codecs, this.#parts.shedding.records(), tasks?.partitions)
    await store.logPlan({ ...plan, content }, isDurable)
  }

  /** Makes the batch visible. @returns whether there was anything. */
  async #commit(plan: Pick<PlanRecord, 'batch' | 'instant'>): Promise<boolean> {
    const { world, journal } = this.#parts
    const done = await this.#take(plan.batch)
    const isSilent = !world.hasPrinted && done.delivered.length === 0
    const isSame = watermarksText(done.watermarks) === this.#watermarks
    if (!this.#isLogged && done.changes.length === 0 && isSame && isSilent) return false
    if (!this.#isLogged) await this.#logPlan(plan, journal.hasElements)
    await this.#makeVisible(plan, done)
    return true
  }

  /** What the batch has done, each once; what partitions have given for sinks and results is there then. */
  async #take(batch: number): Promise<Done> {
    const { tasks } = this.#parts
    const shared = (await tasks?.changes(batch)) ?? []
    tasks?.apply()
    const own = this.#kept?.changes() ?? []
    const changes = shared.length === 0 ? own : own.concat(...shared)
    return { changes, shared, watermarks: this.#watermarksNow(), delivered: this.#outbox.take() }
  }

  async #makeVisible(
    plan: Pick<PlanRecord, 'batch' | 'instant'>,
    { changes, shared, watermarks, delivered }: Done,
  ): Promise<void> {
    const { store, world, real, tasks } = this.#parts
    real.crashpoint('batch.commit')
    const content = encodeCommitContent({ watermarks, clock: world.env.now(), hosts: tasks?.partitions ?? 1 })
    const deliveries = this.#outbox.encode(delivered)
    await store.commit({ batch: plan.batch, instant: plan.instant, content, deliveries }, changes)
    this.#settled(plan.batch, watermarksText(watermarks))
    real.crashpoint('batch.committed')
    world.flush()
    for (const executor of this.executors) await executor.batchCommitted()
    await tasks?.committed(plan.batch, shared)
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
