/**
 * The store of one query as its driver uses it: opened and leased, with the query it belongs to.
 *
 * Law: a driver that has lost its lease writes nothing; a graph that does not fit what is kept is refused before anything is written.
 */
import { coded } from '../../sdk/error-codes.js'
import type { Env, TimerHandle } from '../../sdk/env.js'
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import { invariant } from '../../sdk/invariant.js'
import { newQueryId } from '../core/query-identity.js'
import { adoptGraph, GraphNow, watermarksNow } from './migration/adopt-graph.js'
import type { ChangeChoice } from './migration/change-plan.js'
import { emptyPlan } from './plan-content.js'
import type {
  Change,
  CheckpointStore,
  CommitRecord,
  Lease,
  PlanRecord,
  QueryRecord,
  StoredEntry,
  StoreView,
} from './store/checkpoint-store.js'
import { CheckpointOutdated, LeaseHeld, StoreFailed, StoreFenced } from './store/errors.js'
import { partitionOf } from './store/partition-of.js'
import { VolatileStore } from './store/volatile-store.js'
import type { DividedAnew } from './tasks/divide-anew.js'
import { newestOf } from './tasks/newest-entries.js'
import { WarmCopy } from './warm-copy.js'

/** After so many milliseconds without a word from its driver a query may be taken over. */
export const LEASE_MILLIS = 10_000

/** So long at most where drivers are taken over from again and again, and none of them comes to commit anything. */
export const LEASE_MILLIS_MAX: number = 64 * LEASE_MILLIS

/** Names of drivers, as leases have them. */
export interface DriverNames {
  /** This one's: nobody else's, ever. */
  readonly own: string
  /** Whether it is certain that a driver has ended: its process is gone from this machine. */
  isGone(name: string): boolean
}

/** How a second driver waits for the first to end. */
export type Standby = 'cold' | 'warm' | 'hot'

/** A wait for the lease, as the run sees it. */
export interface Waiting {
  readonly mode: Standby
  /** Whether the run does not want to take over any more. */
  isOver(): boolean
  /** Told once, with who has the lease. */
  begins(holder: string): void
  /** Told when the checkpoint cannot be taken although its holder is gone: a file is locked, as by one that stands still. */
  hindered(error: StoreFailed): void
  /** Told now and then, with the batch that is at hand. */
  follows(batch: number): void
}

/** So often, in milliseconds, a driver that stands by looks at the lease and at what was committed. */
export const STANDBY_MILLIS = 25

/** How a query goes on from what is kept. */
export interface GoingOn {
  readonly choice: ChangeChoice
  /** Of the state; as many as before when nobody says. */
  readonly partitions: number | undefined
  /** Of the state of a query that begins, when nobody says. Default 1. */
  readonly begunWith?: number
  /** The graph that is run in place of the pipeline's. Default: that. */
  readonly run?: BuiltPipeline
}

const AS_IT_WAS: GoingOn = {
  choice: { onChange: 'refuse', renameSteps: new Map(), dropState: [] },
  partitions: undefined,
}

/** An open query. */
export class QueryStore {
  readonly #open: () => Promise<CheckpointStore>
  readonly #goingOn: GoingOn
  /** What was done to what is kept before the query went on, for people. */
  notes: readonly string[] = []
  #opened: CheckpointStore | undefined
  readonly #env: Env
  readonly #built: BuiltPipeline
  readonly #driver: DriverNames
  /** The batch at hand. */
  batch = 1
  /** Whether the query has come to its end, and will not go on from what is kept. */
  isOver = false
  #lease: Lease | undefined
  #leaseMillis = LEASE_MILLIS
  #query: QueryRecord | undefined
  #renewal: TimerHandle | undefined
  #failure: unknown
  #warm: WarmCopy | undefined
  /** What is kept among another number of partitions, until that is committed. */
  #divided: (DividedAnew & { readonly batch: number }) | undefined

  constructor(
    open: () => Promise<CheckpointStore>,
    env: Env,
    built: BuiltPipeline,
    driver?: DriverNames,
    goingOn: GoingOn = AS_IT_WAS,
  ) {
    this.#open = open
    this.#goingOn = goingOn
    this.#env = env
    this.#built = built
    this.#driver = driver ?? { own: `driver ${newQueryId(env)}`, isGone: () => false }
  }

  /** Of the lease that it has. */
  get epoch(): number | undefined {
    return this.#opened instanceof VolatileStore ? undefined : this.#lease?.epoch
  }

  /** What sinks know the query by. */
  get id(): string {
    return this.#query?.id ?? ''
  }

  /**
   * Takes the lease, and the query that is there or a new one.
   *
   * @param waiting where somebody else's lease is waited for.
   * @returns whether it leads, or a hot standby follows; `'over'` when the wait ended before.
   */
  async open(waiting?: Waiting): Promise<'leads' | 'follows' | 'over'> {
    const store = (this.#opened = await this.#open())
    const found = waiting === undefined ? 'leads' : await this.#wait(store, waiting)
    if (found === 'leads') await this.lead()
    return found
  }

  /** Begins to lead, with the lease that it has or takes now. */
  async lead(): Promise<void> {
    const store = this.#store
    const now = this.#env.now()
    const lease = (this.#lease ??= await this.#acquire(store, now))
    // Another may have begun the query before this one had the lease.
    const existing = await store.query()
    this.#renewLater()
    const { choice, partitions, begunWith = 1 } = this.#goingOn
    const graph = store instanceof VolatileStore ? undefined : GraphNow.of(this.#built, this.#goingOn.run)
    if (existing === undefined) {
      this.#query = {
        id: newQueryId(this.#env),
        pipeline: this.#built.name,
        graph: graph?.text() ?? '',
        partitions: partitions ?? begunWith,
        createdAt: now,
      }
      await store.create(lease, this.#query)
    } else if (graph !== undefined) {
      const adopted = await adoptGraph(store, lease, existing, graph, choice, partitions)
      this.#query = adopted.query
      this.notes = adopted.notes
      // What is kept may be called otherwise now, or lie elsewhere.
      if (adopted.query.graph !== existing.graph || adopted.query.partitions !== existing.partitions)
        this.#warm = undefined
      await this.#warm?.follow(store.view(), existing.partitions)
    }
  }

  /** The watermarks of a commit, by stages as they are called now. */
  watermarks(batch: number, committed: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
    return this.#query === undefined ? committed : watermarksNow(this.#query, batch, committed)
  }

  /** Waits until the lease is free, and takes it; a hot one only until there is something to follow. */
  async #wait(store: CheckpointStore, waiting: Waiting): Promise<'leads' | 'follows' | 'over'> {
    const view = store.view()
    const graph = GraphNow.of(this.#built, this.#goingOn.run).text()
    if (waiting.mode === 'warm') this.#warm = new WarmCopy()
    for (let isFirst = true; !waiting.isOver(); isFirst = false) {
      if (await this.tryLead((error) => waiting.hindered(error))) return 'leads'
      if (isFirst) waiting.begins((await view.holder())?.holder ?? '')
      const existing = (this.#query = await store.query())
      // A pipeline that has changed cannot do the batches of the other; it is held against the state when it has the lease.
      if (existing?.graph === graph && waiting.mode === 'hot') return 'follows'
      if (existing !== undefined) await this.#warm?.follow(view, existing.partitions)
      waiting.follows(this.#warm?.batch ?? 0)
      await new Promise<void>((resolve) => void this.#env.setTimer(STANDBY_MILLIS, resolve))
    }
    return 'over'
  }

  /** The newest commit, while another driver goes on: {@link entries} has its state. */
  async copied(): Promise<CommitRecord | undefined> {
    const copy = (this.#warm = new WarmCopy())
    for (;;) {
      await copy.follow(this.view, this.#query?.partitions ?? 1)
      const committed = await this.committed()
      if (committed === undefined || committed.batch === copy.batch) return committed
    }
  }

  /** What others write. */
  get view(): StoreView {
    return this.#store.view()
  }

  /** Takes the lease if nobody has it, and nothing is in the way. @returns whether it has it. */
  async tryLead(hindered: Waiting['hindered']): Promise<boolean> {
    const store = this.#store
    const now = this.#env.now()
    const held = await store.view().holder()
    const isHeld = held !== undefined && held.holder !== '' && held.until > now
    if (isHeld && held.holder !== this.#driver.own && !this.#driver.isGone(held.holder)) return false
    try {
      this.#lease = await this.#acquire(store, now)
      return true
    } catch (error) {
      // Another one that stood by was quicker.
      if (error instanceof LeaseHeld) return false
      if (!(error instanceof StoreFailed)) throw error
      hindered(error)
      return false
    }
  }

  /** Nobody waits for the lease of a driver that has ended. */
  async #acquire(store: CheckpointStore, now: number): Promise<Lease> {
    const { own: holder, isGone } = this.#driver
    const ttlMillis = (this.#leaseMillis = await this.#leaseFor(store))
    try {
      return await store.acquire({ holder, ttlMillis, now })
    } catch (error) {
      if (!(error instanceof LeaseHeld) || !isGone(error.holder)) throw error
      // At the time at which it would be free, and for no longer than from now on.
      return store.acquire({ holder, now: error.until, ttlMillis: now + ttlMillis - error.until })
    }
  }

  /**
   * How long a lease lasts: twice as long for each driver that lost its own without a commit. A step that keeps the thread for longer than
   * that keeps its driver from renewing; drivers that wait for each other would take over from each other for ever.
   */
  async #leaseFor(store: CheckpointStore): Promise<number> {
    const last = await store.view().holder()
    if (last === undefined || last.holder === '' || this.#driver.isGone(last.holder)) return LEASE_MILLIS
    const lost = last.epoch - ((await store.committed())?.epoch ?? 0)
    return Math.min(LEASE_MILLIS_MAX, LEASE_MILLIS * 2 ** Math.max(0, lost))
  }

  #renewLater(): void {
    this.#renewal = this.#env.setTimer(this.#leaseMillis / 3, () => {
      void this.#store.renew(this.#held, this.#env.now(), this.#leaseMillis).then(
        () => this.#renewLater(),
        (error: unknown) => (this.#failure = error),
      )
    })
  }

  get #store(): CheckpointStore {
    if (this.#opened === undefined) throw coded('MR-6009', new Error('the store is not open'))
    return this.#opened
  }

  get #held(): Lease {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#lease === undefined) throw coded('MR-6009', new Error('the store is not open'))
    return this.#lease
  }

  committed(): Promise<CommitRecord | undefined> {
    return this.#store.committed()
  }

  planned(): Promise<PlanRecord | undefined> {
    return this.#store.planned()
  }

  /** Nothing is done by the plan that waits. */
  async emptyPlan(): Promise<void> {
    invariant(this.#query !== undefined, 'a plan is of a query')
    await this.#store.update(this.#held, this.#query, { entry: (entry) => entry, plan: emptyPlan() })
    this.#warm = undefined
  }

  /** What a batch has committed is divided anew: written with the next commit, seen at once. */
  async divide(batch: number, divide: (entries: readonly StoredEntry[]) => DividedAnew): Promise<void> {
    const entries: StoredEntry[] = []
    for await (const entry of this.entries(batch)) entries.push(entry)
    this.#divided = { batch, ...divide(entries) }
  }

  /** Into how many partitions the store divides what is kept. */
  get partitions(): number {
    return this.#query?.partitions ?? 1
  }

  async *entries(batch: number): AsyncIterable<StoredEntry> {
    if (this.#divided?.batch === batch) return yield* this.#divided.entries
    const warm = this.#warm
    this.#warm = undefined
    if (warm !== undefined && warm.batch === batch) {
      yield* warm.values()
      warm.clear()
      return
    }
    for (let partition = 0; partition < (this.#query?.partitions ?? 1); partition++)
      yield* this.#store.partition(partition).read(batch)
  }

  logPlan(plan: Omit<PlanRecord, 'epoch'>, durable: boolean): Promise<void> {
    const lease = this.#held
    return this.#store.logPlan(lease, { ...plan, epoch: lease.epoch }, { durable })
  }

  async commit(record: Omit<CommitRecord, 'epoch' | 'hashes'>, changes: readonly Change[]): Promise<void> {
    const lease = this.#held
    const all = this.#divided === undefined ? changes : newestOf([...this.#divided.changes, ...changes])
    const byPartition = divided(all, this.#query?.partitions ?? 1)
    await this.#store.commit(lease, { ...record, epoch: lease.epoch, hashes: [] }, byPartition)
    this.#divided = undefined
  }

  deliveredUntil(): Promise<number> {
    return this.#store.deliveredUntil()
  }

  /** @throws {StoreFenced} when somebody has taken over. Else the lease lasts anew: sinks may take their time. */
  verify(): Promise<void> {
    return this.#store.renew(this.#held, this.#env.now(), this.#leaseMillis)
  }

  /** The query has come to its end. @throws {StoreFenced} when it is another, who has taken over, that brought it there. */
  async end(): Promise<void> {
    await this.verify()
    this.isOver = true
  }

  /**
   * Why a run has really failed. Steps and sinks of a driver that was taken over from meet what the other has done, such as files that
   * are gone; what they say of it helps nobody.
   */
  async reasonOf(error: unknown): Promise<unknown> {
    if (this.#lease === undefined || error instanceof StoreFenced) return error
    try {
      await this.verify()
      return error
    } catch (fence) {
      if (!(fence instanceof StoreFenced)) return error
      fence.cause = error
      return fence
    }
  }

  /**
   * A sink has a batch of this query that the checkpoint did not have.
   *
   * @throws {CheckpointOutdated} or {@link StoreFenced}, when it is another driver, who has taken over, that brought it there.
   */
  async outdated(step: string, newest: number, known: number): Promise<void> {
    // Two queries of which nothing is kept have one name only where chance was made so, by a seed.
    if (this.#opened instanceof VolatileStore) return
    await this.verify()
    throw new CheckpointOutdated(this.#store.place, step, newest, known, (await this.committed())?.batch ?? 0)
  }

  delivered(batch: number): Promise<void> {
    return this.#store.delivered(this.#held, batch)
  }

  /** Gives the lease back. */
  async close(): Promise<void> {
    this.#renewal?.cancel()
    const lease = this.#lease
    const store = this.#opened
    this.#lease = undefined
    this.#opened = undefined
    // Whoever has it now keeps it.
    if (lease !== undefined) await store?.release(lease).catch(() => undefined)
    await store?.close()
  }
}

/** Changes by the partition that their slot lies in. */
function divided(changes: readonly Change[], partitions: number): ReadonlyMap<number, readonly Change[]> {
  if (partitions === 1) return new Map([[0, changes]])
  const byPartition = new Map(Array.from({ length: partitions }, (_, index): [number, Change[]] => [index, []]))
  for (const change of changes) byPartition.get(partitionOf(change.slot, partitions))?.push(change)
  return byPartition
}
