/**
 * The files of a checkpoint that are open, and what holds of them together.
 *
 * Law: what is opened fits together, or is refused with the file named; nothing is ever begun afresh where something was.
 */
import type { Env } from '../../../sdk/env.js'
import { invariant } from '../../../sdk/invariant.js'
import type { Change, CommitRecord, Lease, QueryRecord } from './checkpoint-store.js'
import type { StoreCrashPoint } from './crash-points.js'
import { StoreDamaged, StoreFenced } from './errors.js'
import { chunksOf, entriesOf, replaceSnapshot, type Until } from './partition-state.js'
import { HISTORY, type LogTable, type PartitionTable, type StoredQuery, type StoreFiles } from './store-tables.js'

/** See the head of this file. */
export class StoreSession {
  readonly files: StoreFiles
  readonly #env: Env
  readonly #partitions = new Map<number, PartitionTable>()
  #log: LogTable | undefined
  #generation = 0
  #isClosed = false

  constructor(files: StoreFiles, env: Env) {
    this.files = files
    this.#env = env
  }

  crashpoint(name: StoreCrashPoint): void {
    this.#env.crashpoint(name)
  }

  /** The log; `undefined` when nothing was created here. @throws {StoreDamaged} */
  log(): LogTable | undefined {
    if (this.#log !== undefined) return this.#log
    // Files that are opened once more would never be given back.
    invariant(!this.#isClosed, 'a store is not used any more when it is closed', { place: this.files.place })
    const { files } = this
    const head = files.head()
    const isUntouched = head === undefined && files.states().length === 0
    if (!files.hasLog()) {
      if (isUntouched) return undefined
      throw new StoreDamaged(files.logPath, 'it is missing')
    }
    // Where nothing was begun, the end of a process may have left a log without tables.
    const log = files.openLog(isUntouched)
    try {
      // Another driver may be writing it.
      log.reading(() => verifyLog(log, head, files.headPath))
    } catch (error) {
      log.close()
      throw error
    }
    this.#log = log
    return log
  }

  /** The log, which is made where there is none. */
  makeLog(): LogTable {
    const there = this.log()
    if (there !== undefined) return there
    this.files.make()
    this.#log = this.files.openLog(true)
    this.files.sync()
    return this.#log
  }

  /** The log of a lease. @throws {StoreFenced} when it is not the newest, or was given back. */
  logOf(lease: Lease): LogTable {
    const log = this.log()
    const last = log?.holder()
    if (log === undefined || last === undefined || last.epoch !== lease.epoch || last.holder === '') {
      throw new StoreFenced(this.files.place, lease.epoch, last?.epoch ?? 0, last?.holder ?? 'nobody')
    }
    return log
  }

  /** Writes into the log, if the lease is still the newest when nobody else can write any more. */
  write<T>(lease: Lease, durable: boolean, body: (log: LogTable) => T): T {
    const log = this.logOf(lease)
    return log.transaction(durable, () => body(this.logOf(lease)))
  }

  /** The log of a query that was begun. @throws {StoreDamaged} when there is none. */
  begun(): { readonly log: LogTable; readonly stored: StoredQuery } {
    const log = this.log()
    const stored = log?.query()
    if (log === undefined || stored === undefined) {
      throw new StoreDamaged(this.files.logPath, 'no query was begun in it')
    }
    return { log, stored }
  }

  /** The open file of a partition. */
  partition(index: number): PartitionTable {
    const { query, generation } = this.begun().stored
    // Another process may have changed the number of partitions.
    if (generation !== this.#generation) this.closePartitions()
    this.#generation = generation
    let file = this.#partitions.get(index)
    if (file === undefined) {
      file = this.openPartition(query, index, generation, false)
      this.#partitions.set(index, file)
    }
    return file
  }

  /** Opens a partition's file for the caller, who closes it. */
  openPartition(query: QueryRecord, partition: number, generation: number, isNew: boolean): PartitionTable {
    return this.files.openPartition({ query: query.id, partition, generation }, isNew)
  }

  /** All entries of a partition as of the newest commit. */
  entries(partition: number): Generator<Change, void, undefined> {
    return entriesOf(this.partition(partition), this.until(partition))
  }

  /** The same as chunks. */
  chunks(partition: number): Generator<Uint8Array, void, undefined> {
    return chunksOf(this.partition(partition), this.until(partition))
  }

  /** Up to where a partition is read. */
  until(partition: number): Until {
    const { log } = this.begun()
    const hashes = (): ReadonlyMap<number, string> =>
      new Map(log.headers(0).map((header) => [header.batch, header.hashes[partition] ?? '']))
    return { version: log.committedBatch(), tip: log.tip(partition), elsewhere: log.deltas(partition), hashes }
  }

  /** Merges what a partition has into a snapshot when changes outgrow it, and gives its version; else `undefined`. */
  compact({ epoch }: Lease, partition: number, leastBytes: number): number | undefined {
    const file = this.partition(partition)
    const until = this.until(partition)
    const snapshot = file.snapshot()
    if (snapshot.version === until.version) return undefined
    const deltas = [...file.deltas.list(snapshot.version), ...until.elsewhere.list(snapshot.version)]
    const bytes = deltas.reduce((sum, delta) => sum + (delta.version <= until.version ? delta.bytes : 0), 0)
    // Twice as much: what is stored is at most a few times the state, and each byte is written anew once or twice.
    if (bytes <= Math.max(2 * snapshot.bytes, leastBytes)) return undefined
    this.crashpoint('store.compact.before')
    replaceSnapshot(file, epoch, until.version, until.tip, chunksOf(file, until), () =>
      this.crashpoint('store.compact.snapshot'),
    )
    this.crashpoint('store.compact.after')
    return until.version
  }

  /** Removes files of other generations than the one that is in use, which an end in the middle of a change has left. */
  removeOthers(generation: number): void {
    const others = this.files.states().filter((state) => state.generation !== generation)
    for (const { name } of others) this.files.removeState(name)
    if (others.length > 0) this.files.sync()
  }

  closePartitions(): void {
    for (const file of this.#partitions.values()) file.close()
    this.#partitions.clear()
  }

  closePartition(index: number): void {
    this.#partitions.get(index)?.close()
    this.#partitions.delete(index)
  }

  close(): void {
    this.#isClosed = true
    this.closePartitions()
    this.files.closeHead()
    this.#log?.close()
    this.#log = undefined
  }
}

/** What a head remembers: plans and commits are steps that follow each other. */
export function stepOfPlan(batch: number): number {
  return 2 * batch - 1
}

/** See {@link stepOfPlan}. */
export function stepOfCommit(batch: number): number {
  return 2 * batch
}

/** The newest commit. */
export function committedOf(log: LogTable): CommitRecord | undefined {
  const batch = log.committedBatch()
  if (batch === 0) return undefined
  const header = log.headers(batch)[0]
  const body = log.bodies(batch).get(batch)
  if (header === undefined || body === undefined) {
    throw new StoreDamaged(log.path, `the content of commit ${batch} is missing`)
  }
  return { ...header, ...body }
}

/** @throws {StoreDamaged} when commits do not follow each other, or what is newest cannot be read. */
function verifyLog(log: LogTable, head: number | undefined, headPath: string): void {
  log.holder()
  if (log.query() === undefined) {
    // A head that remembers nothing is there a moment before the query.
    if ((head ?? 0) > 0) throw new StoreDamaged(log.path, 'it does not say which query it belongs to')
    return
  }
  const batches = log.headers(0).map(({ batch }) => batch)
  const newest = batches.at(-1) ?? 0
  const first = newest - batches.length + 1
  const gap = batches.findIndex((batch, at) => batch !== first + at)
  if (gap >= 0 || (batches.length < HISTORY && newest > 0 && first !== 1)) {
    throw new StoreDamaged(log.path, `commits before ${batches[Math.max(gap, 0)]} are missing`)
  }
  if (head === undefined) throw new StoreDamaged(headPath, 'it is missing')
  if (head > stepOfCommit(newest)) {
    const batch = Math.ceil(head / 2)
    if (head === stepOfCommit(batch) || batch > newest + 1 || log.plan(batch) === undefined) {
      const what = head === stepOfCommit(batch) ? 'committed' : 'planned'
      throw new StoreDamaged(
        log.path,
        `batch ${batch} was ${what}, and the newest commit that is there is ${newest}. Its end was cut off, changed or removed`,
      )
    }
  }
  committedOf(log)
  log.plan(newest + 1)
  log.deliveredUntil()
}
