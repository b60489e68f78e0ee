/**
 * The store of one query as its driver uses it: opened and leased, with the query it belongs to.
 *
 * Law: a driver that has lost its lease writes nothing; a graph that does not fit what is kept is refused before anything is written.
 */
import { coded } from '../../sdk/error-codes.js'
import type { Env, TimerHandle } from '../../sdk/env.js'
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import { newQueryId } from '../core/query-identity.js'
import { adoptGraph, GraphNow, watermarksNow } from './migration/adopt-graph.js'
import type { ChangeChoice } from './migration/change-plan.js'
import type {
  Change,
  CheckpointStore,
  CommitRecord,
  Lease,
  PlanRecord,
  QueryRecord,
  StoredEntry,
} from './store/checkpoint-store.js'
import { LeaseHeld } from './store/errors.js'
import { partitionOf } from './store/partition-of.js'
import { VolatileStore } from './store/volatile-store.js'

/** After so many milliseconds without a word from its driver a query may be taken over. */
export const LEASE_MILLIS = 10_000

/** Names of drivers, as leases have them. */
export interface DriverNames {
  /** This one's: nobody else's, ever. */
  readonly own: string
  /** Whether it is certain that a driver has ended: its process is gone from this machine. */
  isGone(name: string): boolean
}

/** How a query goes on from what is kept. */
export interface GoingOn {
  readonly choice: ChangeChoice
  /** Of the state; as many as before when nobody says. */
  readonly partitions: number | undefined
  /** Of the state of a query that begins, when nobody says. Default 1. */
  readonly begunWith?: number
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
  #query: QueryRecord | undefined
  #renewal: TimerHandle | undefined
  #failure: unknown

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

  /** What sinks know the query by. */
  get id(): string {
    return this.#query?.id ?? ''
  }

  /** Takes the lease, and the query that is there or a new one. */
  async open(): Promise<void> {
    const store = (this.#opened = await this.#open())
    const existing = await store.query()
    const now = this.#env.now()
    const lease = await this.#acquire(store, now)
    this.#lease = lease
    this.#renewLater()
    const { choice, partitions, begunWith = 1 } = this.#goingOn
    const graph = store instanceof VolatileStore ? undefined : GraphNow.of(this.#built)
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
    }
  }

  /** The watermarks of a commit, by stages as they are called now. */
  watermarks(batch: number, committed: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
    return this.#query === undefined ? committed : watermarksNow(this.#query, batch, committed)
  }

  /** Nobody waits for the lease of a driver that has ended. */
  async #acquire(store: CheckpointStore, now: number): Promise<Lease> {
    const { own: holder, isGone } = this.#driver
    const claim = { holder, ttlMillis: LEASE_MILLIS }
    try {
      return await store.acquire({ ...claim, now })
    } catch (error) {
      if (!(error instanceof LeaseHeld) || !isGone(error.holder)) throw error
      return store.acquire({ ...claim, now: error.until })
    }
  }

  #renewLater(): void {
    this.#renewal = this.#env.setTimer(LEASE_MILLIS / 3, () => {
      void this.#store.renew(this.#held, this.#env.now(), LEASE_MILLIS).then(
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

  /** Into how many partitions the store divides what is kept. */
  get partitions(): number {
    return this.#query?.partitions ?? 1
  }

  async *entries(batch: number): AsyncIterable<StoredEntry> {
    for (let partition = 0; partition < (this.#query?.partitions ?? 1); partition++)
      yield* this.#store.partition(partition).read(batch)
  }

  logPlan(plan: Omit<PlanRecord, 'epoch'>, durable: boolean): Promise<void> {
    const lease = this.#held
    return this.#store.logPlan(lease, { ...plan, epoch: lease.epoch }, { durable })
  }

  commit(record: Omit<CommitRecord, 'epoch' | 'hashes'>, changes: readonly Change[]): Promise<void> {
    const lease = this.#held
    const byPartition = divided(changes, this.#query?.partitions ?? 1)
    return this.#store.commit(lease, { ...record, epoch: lease.epoch, hashes: [] }, byPartition)
  }

  deliveredUntil(): Promise<number> {
    return this.#store.deliveredUntil()
  }

  /** @throws {StoreFenced} when somebody has taken over. Else the lease lasts anew: sinks may take their time. */
  verify(): Promise<void> {
    return this.#store.renew(this.#held, this.#env.now(), LEASE_MILLIS)
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
