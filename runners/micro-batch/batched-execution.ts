/**
 * A run in batches. A batch is read for as long as its interval lasts, planned, finished, and committed: all it has changed becomes
 * visible at once. What comes between two commits is done again after a crash, from the plan.
 *
 *     instant ─► rounds that read ─► plan ─► rounds until nothing changes ─► changes, commit ─► outside
 *
 * Law: the state after batch n is a function of the plans 1 … n; nothing is seen outside that is not committed.
 */
import { coded } from '../../sdk/error-codes.js'
import { canonicalHash } from '../../sdk/coders/canonical-hash.js'
import { dynamicCoder, encodeToBytes } from '../../sdk/coders/index.js'
import type { Env } from '../../sdk/env.js'
import type { BuiltPipeline } from '../../sdk/graph/model.js'
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
import { decodePlan, shedOfPlan } from './batch-journal.js'
import { type BatchLimits, BatchPacing } from './batch-pacing.js'
import type { BatchWorld } from './batch-world.js'
import { decodeCommitContent, encodeCommitContent } from './commit-content.js'
import { collectedKeepers } from './kept-results.js'
import { KeptParts } from './kept-parts.js'
import { Outbox } from './outbox.js'
import type { LoadShedding, ShedRecord } from './load-shedding.js'
import { LoadWatch } from './load-watch.js'
import type { QueryStore } from './query-store.js'
import { SourceQueues } from './queue/source-queues.js'
import { limitsByStage, readingSteps, SourceAllowances } from './source-limits.js'
import type { CommitRecord, PlanRecord } from './store/checkpoint-store.js'
import { Diverged } from './tasks/partition.js'
import type { PartitionedRun } from './tasks/partitioned-run.js'

/** What a batched run needs besides the options of every run. */
export interface BatchedParts {
  readonly real: Env
  readonly world: BatchWorld
  readonly journal: BatchJournal
  readonly acknowledgements: BatchAcknowledgements
  readonly limits: BatchLimits
  readonly sourceLimits: RunnerOptions['sourceLimits']
  readonly shedding: LoadShedding
  /** Folder for what sources have given and the memory does not hold. */
  readonly spillFolder: string | undefined
  readonly store: QueryStore
  /** Set where partitions on workers do the work. */
  readonly tasks: PartitionedRun | undefined
  /** Whether the store outlives the run. */
  readonly isKept: boolean
  /** Whether what was not delivered before a crash is let go: it may have been, and must not come twice. */
  readonly deliversOnce: boolean
  /** Of strict mode. Else the query's id decides, which a run that goes on also has. */
  readonly seed: number | undefined
  /** Moves the clock of a script on to an instant; nothing where no script moves it. */
  setScript(instant: number): void
}

/** So often is a batch done before a step that does something else each time fails the run. */
const ATTEMPTS_MAX = 3

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
  readonly #watch: LoadWatch
  #resumedAfter: number | undefined
  readonly #log: RunLog
  /** Workers that there are to be from the next batch on. */
  #workersAsked: number | undefined
  /** Into how many partitions workers divide what is kept. */
  #hosts: number | undefined
  /** Whether the plan of the batch at hand is written down. */
  #isLogged = false

  constructor(built: BuiltPipeline, options: ExecutionOptions, parts: BatchedParts) {
    super(built, options)
    this.#parts = parts
    this.#log = options.log
    this.#outbox = new Outbox(this.executors, parts.store, parts.deliversOnce)
    parts.tasks?.attach({ staged: this.staged, wiring: this.wiring, metrics: this.counted })
    const limits = limitsByStage(parts.sourceLimits ?? {}, readingSteps(this.staged))
    const { intervalMillis } = parts.limits
    const allowances = new SourceAllowances(limits, () => parts.real.monotonic(), intervalMillis)
    this.#pacing = parts.journal.pacing = new BatchPacing(parts.limits, allowances, () => parts.real.now())
    const warn = (message: string): void => this.#log.note(`warning: ${message}`)
    this.#queues = new SourceQueues(this.executors, {
      env: parts.real,
      limits,
      isWanted: parts.limits.latencyMillis !== undefined,
      isScripted: options.clock !== undefined,
      folder: parts.spillFolder,
      run: newQueryId(parts.real),
      warn,
      bundleMax: () => this.#pacing.bundleMax,
    })
    const watched = { executors: this.executors, pacing: this.#pacing, shedding: parts.shedding, env: parts.real, warn }
    this.#watch = new LoadWatch(watched, parts.limits.latencyMillis !== undefined)
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
    } finally {
      this.#queues.close()
      await this.#parts.store.close()
    }
  }

  override status(pipeline: string): RunStatus {
    const { intervalMillis } = this.#parts.limits
    const { last, held } = this.#pacing
    const batches = { committed: this.#committed, resumedAfter: this.#resumedAfter, intervalMillis, last }
    return {
      ...super.status(pipeline),
      batches: {
        ...batches,
        elementsMax: held,
        queues: this.#queues.status(),
        shedding: this.#parts.shedding.status(),
      },
    }
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
    await store.open()
    for (const note of store.notes) this.#log.note(note)
    await super.setup()
    const committed = await this.#restore()
    this.#hosts ??= this.#hostsOf(undefined)
    await tasks?.open(this.#hosts, this.#committed, this.#parts.isKept ? store : undefined)
    if (committed !== undefined) await this.#outbox.deliverAgain(committed)
  }

  /** Takes back what is kept. @returns the newest commit, if there is one. */
  async #restore(): Promise<CommitRecord | undefined> {
    // Without a checkpoint nobody asks what has changed, and noting it costs nothing.
    if (!this.#parts.isKept) return undefined
    const kept = (this.#kept = new KeptParts(
      this.executors,
      new Map([...collectedKeepers(this.staged, this.wiring.collected), ...this.wiring.keepers()]),
    ))
    const committed = await this.#parts.store.committed()
    if (committed === undefined) return undefined
    const { watermarks: written, clock, hosts = 1 } = decodeCommitContent(committed.content)
    const watermarks = this.#parts.store.watermarks(committed.batch, written)
    this.#hosts = this.#hostsOf(hosts)
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
    return committed
  }

  /** Into how many partitions the run divides what is kept. @param kept by the newest commit. */
  #hostsOf(kept: number | undefined): number {
    const { store, tasks } = this.#parts
    if (kept === undefined) return store.partitions
    if (tasks === undefined && kept > 1) throw dividedOtherwise(kept, undefined)
    if (tasks?.asked !== undefined && tasks.asked !== kept) throw dividedOtherwise(kept, tasks.asked)
    return kept
  }

  protected override async teardown(): Promise<void> {
    let failure: unknown
    await this.#parts.tasks?.close(this.#parts.store.isOver).catch((error: unknown) => (failure = error))
    await super.teardown()
    if (failure !== undefined) throw failure
  }

  protected override async rounds(): Promise<void> {
    const { real, store, journal } = this.#parts
    const planned = await store.planned()
    let again: PlannedBatch | undefined =
      planned === undefined
        ? undefined
        : {
            ...planned,
            isLogged: true,
            hasElements: false,
            rounds: decodePlan(planned.content, this.#codecs),
            shed: shedOfPlan(planned.content),
          }
    while (!this.isCancelled && (await this.#goesOn())) {
      await this.#resize()
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

  override setWorkers(count: number): boolean {
    if (this.#parts.tasks === undefined) return false
    this.#workersAsked = count
    return true
  }

  /** Between batches. */
  async #resize(): Promise<void> {
    const count = this.#workersAsked
    if (count === undefined) return
    this.#workersAsked = undefined
    await this.#parts.tasks?.driver.resize(count)
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
        again = { instant, rounds: journal.rounds, shed: this.#parts.shedding.records(), isLogged: this.#isLogged, hasElements: journal.hasElements || again?.hasElements === true } // prettier-ignore
        tasks.abandon(error)
        world.discard()
      }
    }
  }

  async #attempt(began: number, again: PlannedBatch | undefined): Promise<boolean> {
    const { world, journal, store, real, tasks } = this.#parts
    const seed = this.#parts.seed ?? store.id
    const batch = this.#committed + 1
    world.begin(canonicalHash(encodeToBytes(dynamicCoder, [seed, batch])), again?.instant)
    if (again !== undefined) this.#parts.setScript(again.instant)
    this.#pacing.begin(began)
    this.#parts.shedding.begin(canonicalHash(encodeToBytes(dynamicCoder, [seed, batch, 'shed'])), again?.shed)
    journal.begin(again?.rounds)
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
    journal.close()
    world.close()
    tasks?.closing()
    await this.#parts.acknowledgements.planned()
    await tasks?.planned(batch)
    while (!this.isCancelled && (await this.round()));
    if (this.isCancelled) return false
    const committing = real.monotonic()
    if (await this.#commit(plan)) {
      const times = { began, closing, committing, over: real.monotonic() }
      this.#pacing.over({ ...times, elements: journal.elements, isCut: isBacklogged || again !== undefined })
      this.#watch.over()
    }
    return isBacklogged
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
  async #logPlan(plan: Pick<PlanRecord, 'batch' | 'instant'>, isDurable: boolean): Promise<void> {
    this.#isLogged = true
    const { store, journal, isKept } = this.#parts
    if (!isKept) return
    const content = journal.encode(this.#codecs, this.#parts.shedding.records())
    await store.logPlan({ ...plan, content }, isDurable)
  }

  /** Makes the batch visible. @returns whether there was anything. */
  async #commit(plan: Pick<PlanRecord, 'batch' | 'instant'>): Promise<boolean> {
    const { store, world, real, tasks, journal } = this.#parts
    const shared = (await tasks?.changes(plan.batch)) ?? []
    tasks?.apply()
    const own = this.#kept?.changes() ?? []
    const changes = shared.length === 0 ? own : own.concat(...shared)
    const watermarks = this.#watermarksNow()
    const text = watermarksText(watermarks)
    const delivered = this.#outbox.take()
    const isSilent = !world.hasPrinted && delivered.length === 0
    if (!this.#isLogged && changes.length === 0 && text === this.#watermarks && isSilent) return false
    if (!this.#isLogged) await this.#logPlan(plan, journal.hasElements)
    real.crashpoint('batch.commit')
    const content = encodeCommitContent({
      watermarks,
      clock: world.env.now(),
      ...(tasks === undefined ? {} : { hosts: tasks.partitions }),
    })
    const deliveries = this.#outbox.encode(delivered)
    await store.commit({ batch: plan.batch, instant: plan.instant, content, deliveries }, changes)
    this.#committed = plan.batch
    store.batch = plan.batch + 1
    this.#watermarks = text
    real.crashpoint('batch.committed')
    world.flush()
    for (const executor of this.executors) await executor.batchCommitted()
    await tasks?.committed(plan.batch, shared)
    await this.#parts.acknowledgements.batchCommitted()
    this.#queues.committed()
    await this.#outbox.deliver(plan.batch, delivered)
    return true
  }

  #watermarksNow(): ReadonlyMap<string, number> {
    return new Map(this.executors.map(({ stage, outputWatermark }) => [stage.root.info.id, outputWatermark]))
  }
}

interface PlannedBatch {
  readonly instant: number
  /** Whether the plan is written down. */
  readonly isLogged: boolean
  /** Whether it has elements that cannot be read again. */
  readonly hasElements: boolean
  readonly rounds: ReturnType<typeof decodePlan>
  readonly shed: readonly ShedRecord[]
}

function watermarksText(watermarks: ReadonlyMap<string, number>): string {
  return [...watermarks.values()].join()
}

function dividedOtherwise(kept: number, asked: number | undefined): Error {
  const text =
    asked === undefined
      ? `what is kept here is divided into ${kept} partitions, which workers run. Add workers: ${kept}, or another number from 1.`
      : `what is kept here is divided into ${kept} partitions, not ${asked}. Leave partitions out, or begin anew with another checkpoint; workers may be as many as you like.`
  return coded('MR-6033', new Error(text))
}

function notDeterministic(step: string): Error {
  return coded(
    'MR-6030',
    new Error(
      `a batch was given up ${ATTEMPTS_MAX} times because step "${step}", or one fused with it, did not give the same when it was done again. Let it depend on its elements, its state and its context alone (context.now and context.random, not the clock or Math.random).`,
    ),
  )
}
