/**
 * The store of one query as its driver uses it: opened and leased, with the query it belongs to.
 *
 * Law: a driver that has lost its lease writes nothing; a graph that does not fit what is kept is refused before anything is written.
 */
import { coded } from '../../sdk/error-codes.js'
import type { Env, TimerHandle } from '../../sdk/env.js'
import { firstDifference, type GraphFingerprint, graphFingerprint } from '../../sdk/graph/fingerprint.js'
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import { newQueryId } from '../core/query-identity.js'
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

/** After so many milliseconds without a word from its driver a query may be taken over. */
export const LEASE_MILLIS = 10_000

/** Names of drivers, as leases have them. */
export interface DriverNames {
  /** This one's: nobody else's, ever. */
  readonly own: string
  /** Whether it is certain that a driver has ended: its process is gone from this machine. */
  isGone(name: string): boolean
}

/** An open query. */
export class QueryStore {
  readonly #open: () => Promise<CheckpointStore>
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
  readonly #begunWith: number

  /** @param partitions of a query that begins. */
  constructor(
    open: () => Promise<CheckpointStore>,
    env: Env,
    built: BuiltPipeline,
    driver?: DriverNames,
    partitions = 1,
  ) {
    this.#begunWith = partitions
    this.#open = open
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
    const fingerprint = graphFingerprint(this.#built.graph)
    if (existing !== undefined) checkGraph(existing, fingerprint, store.place)
    const now = this.#env.now()
    const lease = await this.#acquire(store, now)
    this.#lease = lease
    this.#query = existing ?? {
      id: newQueryId(this.#env),
      pipeline: this.#built.name,
      graph: JSON.stringify(fingerprint),
      partitions: this.#begunWith,
      createdAt: now,
    }
    if (existing === undefined) await store.create(lease, this.#query)
    this.#renewLater()
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

  /** Into how many partitions the state is divided. */
  get partitions(): number {
    return this.#query?.partitions ?? this.#begunWith
  }

  /** What is kept of a partition. */
  entries(batch: number, partition = 0): AsyncIterable<StoredEntry> {
    return this.#store.partition(partition).read(batch)
  }

  logPlan(plan: Omit<PlanRecord, 'epoch'>, durable: boolean): Promise<void> {
    const lease = this.#held
    return this.#store.logPlan(lease, { ...plan, epoch: lease.epoch }, { durable })
  }

  commit(
    record: Omit<CommitRecord, 'epoch' | 'hashes'>,
    changes: ReadonlyMap<number, readonly Change[]>,
  ): Promise<void> {
    const lease = this.#held
    return this.#store.commit(lease, { ...record, epoch: lease.epoch, hashes: [] }, changes)
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

function checkGraph({ graph, pipeline }: QueryRecord, now: GraphFingerprint, place: string): void {
  const difference = firstDifference(JSON.parse(graph) as GraphFingerprint, now)
  if (difference === undefined) return
  throw coded(
    'MR-6021',
    new Error(
      `${place} keeps the state of pipeline "${pipeline}", which was another one: ${difference}. Run the pipeline as it was, or begin anew with another checkpoint.`,
    ),
  )
}
