/**
 * A CheckpointStore in a folder of SQLite files: `log.sqlite`, `head`, and `state-<p>.sqlite` for each partition.
 *
 * Law: as `checkpoint-store.ts` says. A batch costs one fsync, and another one where its plan must be durable by itself: changes of
 * partitions that the driver runs lie in the log's own transaction.
 */
import type { Env } from '../../../sdk/env.js'
import { invariant } from '../../../sdk/invariant.js'
import { refuseUnknownOptions } from '../../../sdk/known-options.js'
import { ChangeWriter, NO_CHANGES } from './change-bytes.js'
import type {
  Change,
  CheckpointStore,
  CommitRecord,
  Lease,
  LeaseClaim,
  PartitionStore,
  PlanRecord,
  QueryRecord,
  StoredEntry,
  StoreFault,
} from './checkpoint-store.js'
import { StoreFenced, StoreOccupied } from './errors.js'
import { checkFiles } from './sqlite-check.js'
import { copyTo, repartition } from './sqlite-copy.js'
import { loadSqlite } from './sqlite-database.js'
import type { ChangeBlob } from './sqlite-deltas.js'
import { HeadFile } from './sqlite-head.js'
import type { LogFile } from './sqlite-log.js'
import { SqliteSession } from './sqlite-session.js'

/** How a store in SQLite files behaves. */
export interface SqliteStoreOptions {
  /** Changes of a partition below this are not merged into a snapshot. Default: 1 MiB. */
  readonly compactAboveBytes?: number
}

const OPTIONS = { compactAboveBytes: true } as const

/**
 * Opens a store; nothing is made before {@link CheckpointStore.acquire}.
 *
 * @param place a folder, made when there is none.
 * @throws {PipelineError} when the package `better-sqlite3` is not installed.
 * @throws {StoreDamaged} when what is there cannot be trusted.
 */
export async function openSqliteStore(
  place: string,
  env: Env,
  options: SqliteStoreOptions = {},
): Promise<CheckpointStore> {
  refuseUnknownOptions('openSqliteStore', options, OPTIONS)
  const session = new SqliteSession(await loadSqlite(), place, env)
  session.log()
  return new SqliteStore(session, options.compactAboveBytes ?? 1 << 20)
}

class SqliteStore implements CheckpointStore {
  readonly place: string
  readonly #session: SqliteSession
  readonly #compactAboveBytes: number
  #head: HeadFile | undefined
  /** Versions up to which changes in the log are in a partition's snapshot, and go with the next commit. */
  readonly #merged = new Map<number, number>()

  constructor(session: SqliteSession, compactAboveBytes: number) {
    this.#session = session
    this.place = session.folder.place
    this.#compactAboveBytes = compactAboveBytes
  }

  async query(): Promise<QueryRecord | undefined> {
    return this.#session.log()?.query()?.query
  }

  async acquire(claim: LeaseClaim): Promise<Lease> {
    const session = this.#session
    session.crashpoint('store.acquire.before')
    const log = session.makeLog()
    const lease = log.acquire(this.place, claim)
    session.crashpoint('store.acquire.lease')
    // Pages whose fsync failed may be in the system's cache and not on disk: this writes them once more.
    log.file.settle()
    const stored = log.query()
    if (stored !== undefined) {
      session.removeOthers(stored.generation)
      const committed = log.committedBatch()
      for (let index = 0; index < stored.query.partitions; index++) {
        const file = session.partition(index)
        file.fence(lease.epoch, committed)
        file.file.settle()
        this.#merged.set(index, file.snapshot().version)
      }
      this.#openHead(committed)
    }
    session.crashpoint('store.acquire.fenced')
    return lease
  }

  async renew(lease: Lease, now: number, ttlMillis: number): Promise<void> {
    const log = this.#logOf(lease)
    // Not durable: whoever finds it lost after a loss of power finds its holder ended, too.
    log.file.transaction(false, () => {
      log.verifyLease(this.place, lease)
      log.putLease(lease.epoch, lease.holder, now + ttlMillis)
    })
  }

  async release(lease: Lease): Promise<void> {
    const log = this.#logOf(lease)
    log.file.transaction(true, () => {
      log.verifyLease(this.place, lease)
      log.putLease(lease.epoch, '', 0)
    })
  }

  async create(lease: Lease, query: QueryRecord): Promise<void> {
    const session = this.#session
    session.crashpoint('store.create.before')
    const log = this.#logOf(lease)
    log.verifyLease(this.place, lease)
    const there = log.query()
    if (there !== undefined) throw new StoreOccupied(this.place, `holds query "${there.query.id}" already`)
    for (const { name } of session.folder.states()) session.folder.removeDatabase(`${this.place}/${name}`)
    for (let index = 0; index < query.partitions; index++) {
      const file = session.openPartition(query, index, 0, true)
      file.fence(lease.epoch, 0)
      file.close()
    }
    session.folder.sync()
    session.crashpoint('store.create.files')
    log.file.transaction(true, () => {
      log.verifyLease(this.place, lease)
      log.putQuery(query, 0)
    })
    session.crashpoint('store.create.query')
    this.#openHead(0)
    session.crashpoint('store.create.after')
  }

  async update(lease: Lease, query: QueryRecord): Promise<void> {
    const log = this.#logOf(lease)
    log.verifyLease(this.place, lease)
    const stored = this.#session.query()
    invariant(stored.query.id === query.id, 'the id of a query never changes', { id: query.id, was: stored.query.id })
    if (stored.query.partitions === query.partitions) {
      log.file.transaction(true, () => {
        log.verifyLease(this.place, lease)
        log.putQuery(query, stored.generation)
      })
      return
    }
    repartition(this.#session, log, lease, query)
    this.#merged.clear()
  }

  async committed(): Promise<CommitRecord | undefined> {
    return this.#session.log()?.committed()
  }

  async history(): Promise<readonly CommitRecord[]> {
    return this.#session.log()?.history() ?? []
  }

  async planned(): Promise<PlanRecord | undefined> {
    const log = this.#session.log()
    return log?.plan(log.committedBatch() + 1)
  }

  async logPlan(lease: Lease, plan: PlanRecord, { durable }: { readonly durable: boolean }): Promise<void> {
    const session = this.#session
    session.crashpoint('store.plan.before')
    const log = this.#logOf(lease)
    log.file.transaction(durable, () => {
      log.verifyLease(this.place, lease)
      const committed = log.committedBatch()
      invariant(plan.batch === committed + 1, 'a plan is of the batch after the committed one', {
        planned: plan.batch,
        committed,
      })
      invariant(plan.epoch === lease.epoch, "a plan has its lease's epoch", { plan: plan.epoch, lease: lease.epoch })
      const there = log.plan(plan.batch)
      invariant(
        there === undefined || (there.instant === plan.instant && Buffer.compare(there.content, plan.content) === 0),
        'a batch is planned once',
        { batch: plan.batch },
      )
      // Written again where it is there: it may not have been durable yet.
      log.putPlan(there ?? plan)
    })
    session.crashpoint('store.plan.after')
  }

  async commit(lease: Lease, record: CommitRecord, changes?: ReadonlyMap<number, Iterable<Change>>): Promise<void> {
    const session = this.#session
    session.crashpoint('store.commit.before')
    const log = this.#logOf(lease)
    const { partitions } = session.query().query
    const { batch } = record
    const blobs = new Map<number, ChangeBlob>()
    for (const [index, list] of changes ?? []) {
      invariant(index < partitions, 'changes are of a partition that there is', { partition: index, partitions })
      blobs.set(index, blobOf(list))
    }
    log.verifyLease(this.place, lease)
    invariant(batch === log.committedBatch() + 1, 'a commit is of the batch after the committed one', {
      batch,
      committed: log.committedBatch(),
    })
    const hashes = Array.from({ length: partitions }, (_, index) =>
      this.#hashOf(lease, index, batch, blobs.get(index), record.hashes[index]),
    )
    log.file.transaction(true, () => {
      log.verifyLease(this.place, lease)
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
      session.crashpoint('store.commit.changes')
      log.putCommit({ ...record, hashes })
    })
    this.#merged.clear()
    session.crashpoint('store.commit.durable')
    this.#head?.write(batch)
    for (const index of blobs.keys()) {
      const version = session.compact(index, this.#compactAboveBytes)
      if (version !== undefined) this.#merged.set(index, version)
    }
    session.crashpoint('store.commit.after')
  }

  async delivered(lease: Lease, batch: number): Promise<void> {
    const session = this.#session
    session.crashpoint('store.delivered.before')
    const log = this.#logOf(lease)
    // Not durable: when it is lost, deliveries are made once more under the same id.
    log.file.transaction(false, () => {
      log.verifyLease(this.place, lease)
      invariant(batch <= log.committedBatch(), 'what is delivered was committed', { batch })
      if (batch > log.deliveredUntil()) log.putDelivered(batch)
    })
    session.crashpoint('store.delivered.after')
  }

  async deliveredUntil(): Promise<number> {
    return this.#session.log()?.deliveredUntil() ?? 0
  }

  partition(index: number): PartitionStore {
    return new SqlitePartition(this.#session, this.place, index, this.#compactAboveBytes)
  }

  async savepoint(place: string): Promise<void> {
    copyTo(this.#session, place)
  }

  async check(): Promise<readonly StoreFault[]> {
    return checkFiles(this.#session)
  }

  async close(): Promise<void> {
    this.#head?.close()
    this.#head = undefined
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
    if (written !== undefined) file.fence(lease.epoch, batch - 1)
    return blob?.hash ?? NO_CHANGES
  }

  #logOf(lease: Lease): LogFile {
    const log = this.#session.log()
    if (log === undefined) throw new StoreFenced(this.place, lease.epoch, 0, 'nobody')
    return log
  }

  #openHead(committed: number): void {
    this.#head?.close()
    const { folder } = this.#session
    const isNew = committed === 0
    this.#head = new HeadFile(folder.head, isNew)
    if (isNew) folder.sync()
    else this.#head.write(committed)
  }
}

/** A partition, for whoever runs its tasks. */
class SqlitePartition implements PartitionStore {
  readonly #session: SqliteSession
  readonly #place: string
  readonly #index: number
  readonly #compactAboveBytes: number

  constructor(session: SqliteSession, place: string, index: number, compactAboveBytes: number) {
    this.#session = session
    this.#place = place
    this.#index = index
    this.#compactAboveBytes = compactAboveBytes
  }

  async write(lease: Lease, batch: number, changes: Iterable<Change>): Promise<string> {
    const session = this.#session
    session.crashpoint('store.write.before')
    session.query()
    const log = session.log() as LogFile
    log.verifyLease(this.#place, lease)
    const committed = log.committedBatch()
    invariant(batch === committed + 1, 'a partition writes the batch after the committed one', { batch, committed })
    session.compact(this.#index, this.#compactAboveBytes)
    const blob = blobOf(changes)
    session
      .partition(this.#index)
      .write(lease.epoch, batch, log.tip(this.#index), blob, () => session.crashpoint('store.write.changes'))
    session.crashpoint('store.write.after')
    return blob.hash
  }

  async *read(batch: number): AsyncGenerator<StoredEntry, void, undefined> {
    const session = this.#session
    session.query()
    const committed = (session.log() as LogFile).committedBatch()
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
