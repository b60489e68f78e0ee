/**
 * The CheckpointStore, over tables wherever they lie.
 *
 * Law: as `checkpoint-store.ts` says. A batch costs one durable step, and another one where its plan must be durable by itself:
 * changes of partitions that the driver runs lie in the commit's own transaction.
 */
import { invariant } from '../../../sdk/invariant.js'
import { ChangeWriter, NO_CHANGES } from './change-bytes.js'
import type {
  Change,
  CheckpointStore,
  CommitRecord,
  KeptChange,
  Lease,
  LeaseClaim,
  PartitionStore,
  PlanRecord,
  QueryFork,
  QueryRecord,
  StoredEntry,
  StoreFault,
  StoreView,
} from './checkpoint-store.js'
import { LeaseHeld, StoreOccupied } from './errors.js'
import { fencePartition, writeVersion } from './partition-state.js'
import { checkSession } from './store-check.js'
import { copyTo, repartition } from './store-copies.js'
import { committedOf, stepOfCommit, stepOfPlan, type StoreSession } from './store-session.js'
import type { ChangeBlob, LogTable } from './store-tables.js'
import { SessionView } from './store-view.js'

const NOTHING = new Uint8Array(0)

/** See the head of this file. */
export class FileStore implements CheckpointStore {
  readonly place: string
  readonly #session: StoreSession
  readonly #compactAboveBytes: number
  /** Versions up to which changes in the log are in a partition's snapshot, and go with the next commit. */
  readonly #merged = new Map<number, number>()

  /** @param compactAboveBytes changes of a partition below this are not merged into a snapshot. */
  constructor(session: StoreSession, compactAboveBytes: number) {
    this.#session = session
    this.place = session.files.place
    this.#compactAboveBytes = compactAboveBytes
  }

  async query(): Promise<QueryRecord | undefined> {
    return this.#session.log()?.query()?.query
  }

  async acquire({ holder, now, ttlMillis }: LeaseClaim): Promise<Lease> {
    const session = this.#session
    session.crashpoint('store.acquire.before')
    const log = session.makeLog()
    const epoch = log.transaction(true, () => {
      const last = log.holder()
      if (last !== undefined && last.until > now && last.holder !== holder) {
        throw new LeaseHeld(this.place, last.holder, last.until, now)
      }
      const next = (last?.epoch ?? 0) + 1
      log.putLease({ epoch: next, holder, until: now + ttlMillis })
      // While nobody else can write: what another one puts in force meanwhile is not left over.
      const generation = log.query()?.generation
      if (generation !== undefined) session.removeOthers(generation)
      return next
    })
    session.crashpoint('store.acquire.lease')
    log.settle()
    const stored = log.query()
    if (stored !== undefined) {
      const committed = log.committedBatch()
      for (let index = 0; index < stored.query.partitions; index++) {
        const file = session.partition(index)
        fencePartition(file, epoch, committed)
        file.settle()
        this.#merged.set(index, file.snapshot().version)
      }
      session.files.writeHead(stepOfCommit(committed))
    }
    session.crashpoint('store.acquire.fenced')
    return { epoch, holder }
  }

  async renew(lease: Lease, now: number, ttlMillis: number): Promise<void> {
    // Not durable: whoever finds it lost after a loss of power finds its holder ended, too.
    this.#session.write(lease, false, (log) =>
      log.putLease({ epoch: lease.epoch, holder: lease.holder, until: now + ttlMillis }),
    )
  }

  async release(lease: Lease): Promise<void> {
    this.#session.write(lease, true, (log) => log.putLease({ epoch: lease.epoch, holder: '', until: 0 }))
  }

  async create(lease: Lease, query: QueryRecord): Promise<void> {
    const session = this.#session
    session.crashpoint('store.create.before')
    // All of it while nobody can take over: files of the same names would be the other's.
    session.write(lease, true, (log) => {
      const there = log.query()
      if (there !== undefined) throw new StoreOccupied(this.place, `holds query "${there.query.id}" already`)
      for (const { name } of session.files.states()) session.files.removeState(name)
      for (let index = 0; index < query.partitions; index++) {
        const file = session.openPartition(query, index, 0, true)
        try {
          fencePartition(file, lease.epoch, 0)
        } finally {
          file.close()
        }
      }
      session.files.makeHead()
      session.crashpoint('store.create.files')
      log.putQuery(query, 0)
    })
    session.crashpoint('store.create.query')
    session.crashpoint('store.create.after')
  }

  async update(lease: Lease, query: QueryRecord, change?: KeptChange): Promise<void> {
    const session = this.#session
    session.logOf(lease)
    const { stored } = session.begun()
    invariant(stored.query.id === query.id, 'the id of a query never changes', { id: query.id, was: stored.query.id })
    if (stored.query.partitions === query.partitions && change === undefined) {
      session.write(lease, true, (log) => log.putQuery(query, stored.generation))
      return
    }
    repartition(session, lease, query, change)
    this.#merged.clear()
  }

  async committed(): Promise<CommitRecord | undefined> {
    const log = this.#session.log()
    return log?.reading(() => committedOf(log))
  }

  async history(): Promise<readonly CommitRecord[]> {
    const log = this.#session.log()
    const bodies = log?.bodies(0)
    return (log?.headers(0) ?? []).map((header) => ({
      ...header,
      content: bodies?.get(header.batch)?.content ?? NOTHING,
      deliveries: bodies?.get(header.batch)?.deliveries ?? NOTHING,
    }))
  }

  async planned(): Promise<PlanRecord | undefined> {
    const log = this.#session.log()
    return log?.reading(() => log.plan(log.committedBatch() + 1))
  }

  async logPlan(lease: Lease, plan: PlanRecord, { durable }: { readonly durable: boolean }): Promise<void> {
    const session = this.#session
    session.crashpoint('store.plan.before')
    session.write(lease, durable, (log) => {
      const committed = log.committedBatch()
      invariant(plan.batch === committed + 1, 'a plan is of the batch after the committed one', {
        planned: plan.batch,
        committed,
      })
      invariant(plan.epoch === lease.epoch, "a plan has its lease's epoch", { plan: plan.epoch, lease: lease.epoch })
      const there = log.plan(plan.batch)
      invariant(
        there === undefined || (there.instant === plan.instant && sameBytes(there.content, plan.content)),
        'a batch is planned once',
        { batch: plan.batch },
      )
      // Written again where it is there: it may not have been durable yet.
      log.putPlan(there ?? plan)
    })
    if (durable) session.files.writeHead(stepOfPlan(plan.batch))
    session.crashpoint('store.plan.after')
  }

  async commit(lease: Lease, record: CommitRecord, changes?: ReadonlyMap<number, Iterable<Change>>): Promise<void> {
    const session = this.#session
    session.crashpoint('store.commit.before')
    const { batch } = record
    const committed = session.logOf(lease).committedBatch()
    const { partitions } = session.begun().stored.query
    invariant(batch === committed + 1, 'a commit is of the batch after the committed one', { batch, committed })
    const blobs = new Map<number, ChangeBlob>()
    for (const [index, list] of changes ?? []) {
      invariant(index < partitions, 'changes are of a partition that there is', { partition: index, partitions })
      blobs.set(index, blobOf(list))
    }
    const hashes = Array.from({ length: partitions }, (_, index) =>
      this.#hashOf(lease, index, batch, blobs.get(index), record.hashes[index]),
    )
    session.write(lease, true, (log) => {
      const plan = log.plan(batch)
      invariant(plan !== undefined, 'a batch is planned before it is committed', { batch })
      invariant(plan.instant === record.instant, 'a commit has the instant of its plan', {
        plan: plan.instant,
        commit: record.instant,
      })
      invariant(record.epoch === lease.epoch, "a commit has its lease's epoch", { commit: record.epoch })
      for (const [index, version] of this.#merged) log.deltas(index).remove(0, version)
      for (const [index, hash] of hashes.entries()) {
        if (hash === NO_CHANGES) continue
        const blob = blobs.get(index)
        if (blob !== undefined) log.deltas(index).insert(batch, log.tip(index), blob)
        log.putTip(index, batch)
      }
      log.putCommit({ ...record, hashes })
      session.crashpoint('store.commit.changes')
    })
    this.#merged.clear()
    session.crashpoint('store.commit.durable')
    session.files.writeHead(stepOfCommit(batch))
    for (const index of blobs.keys()) {
      const version = session.compact(lease, index, this.#compactAboveBytes)
      if (version !== undefined) this.#merged.set(index, version)
    }
    session.crashpoint('store.commit.after')
  }

  async delivered(lease: Lease, batch: number): Promise<void> {
    const session = this.#session
    session.crashpoint('store.delivered.before')
    // Not durable: when it is lost, deliveries are made once more under the same id.
    session.write(lease, false, (log) => {
      invariant(batch <= log.committedBatch(), 'what is delivered was committed', { batch })
      if (batch > log.deliveredUntil()) log.putDelivered(batch)
    })
    session.crashpoint('store.delivered.after')
  }

  async deliveredUntil(): Promise<number> {
    return this.#session.log()?.deliveredUntil() ?? 0
  }

  view(): StoreView {
    return new SessionView(this.#session)
  }

  partition(index: number): PartitionStore {
    return new FilePartition(this.#session, index, this.#compactAboveBytes)
  }

  async savepoint(place: string, fork?: QueryFork): Promise<void> {
    copyTo(this.#session, place, fork)
  }

  async check(): Promise<readonly StoreFault[]> {
    return checkSession(this.#session)
  }

  async close(): Promise<void> {
    this.#session.close()
  }

  /** The hash of a partition's changes; what an attempt wrote that is not in the commit goes first. */
  #hashOf(lease: Lease, index: number, batch: number, blob: ChangeBlob | undefined, said: string | undefined): string {
    const file = this.#session.partition(index)
    const written = file.deltas.list(batch - 1)[0]
    if (blob === undefined) {
      const hash = said === undefined || said === '' ? NO_CHANGES : said
      if ((written?.hash ?? NO_CHANGES) === hash) return hash
      invariant(hash === NO_CHANGES, 'a partition has written what its commit says', {
        partition: index,
        batch,
        written: written?.hash ?? 'nothing',
        commit: hash,
      })
    }
    if (written !== undefined) fencePartition(file, lease.epoch, batch - 1)
    return blob?.hash ?? NO_CHANGES
  }
}

/** A partition, for whoever runs its tasks. */
class FilePartition implements PartitionStore {
  readonly #session: StoreSession
  readonly #index: number
  readonly #compactAboveBytes: number

  constructor(session: StoreSession, index: number, compactAboveBytes: number) {
    this.#session = session
    this.#index = index
    this.#compactAboveBytes = compactAboveBytes
  }

  async write(lease: Lease, batch: number, changes: Iterable<Change>): Promise<string> {
    const session = this.#session
    session.crashpoint('store.write.before')
    const log: LogTable = session.logOf(lease)
    const committed = log.committedBatch()
    invariant(batch === committed + 1, 'a partition writes the batch after the committed one', { batch, committed })
    session.compact(lease, this.#index, this.#compactAboveBytes)
    const blob = blobOf(changes)
    const file = session.partition(this.#index)
    writeVersion(file, lease.epoch, batch, log.tip(this.#index), blob, () => session.crashpoint('store.write.changes'))
    session.crashpoint('store.write.after')
    return blob.hash
  }

  async *read(batch: number): AsyncGenerator<StoredEntry, void, undefined> {
    const session = this.#session
    const committed = session.begun().log.committedBatch()
    invariant(batch === committed, 'only the newest commit can be read', { batch, committed })
    for (const { part, slot, id, content } of session.entries(this.#index)) {
      if (content !== undefined) yield { part, slot, id, content }
    }
  }

  async close(): Promise<void> {
    this.#session.closePartition(this.#index)
  }
}

function blobOf(changes: Iterable<Change>): ChangeBlob {
  const writer = new ChangeWriter().putAll(changes)
  return { chunks: writer.finish(), bytes: writer.bytes, hash: writer.count === 0 ? NO_CHANGES : writer.hash }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at])
}
