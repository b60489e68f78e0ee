/**
 * What a CheckpointStore needs of the place where its bytes lie: a log, a file for each partition, and a head that remembers the newest
 * step. `store-session.ts` and its neighbours are the store itself, and do not know what is underneath: SQLite files, or the
 * modelled disk of a simulation.
 *
 * Law: a transaction is there whole or not at all, and after a transaction that was durable it survives everything; inside of one,
 * what is read is what was there before it began. Rows that cannot be trusted are refused with their file named.
 */
import type { CommitRecord, PlanRecord, QueryRecord } from './checkpoint-store.js'

/** Commits that are kept. */
export const HISTORY = 1_000

/** A commit without its body. */
export interface CommitHeader {
  readonly batch: number
  readonly epoch: number
  readonly instant: number
  readonly hashes: readonly string[]
}

/** Content and deliveries of a commit. */
export interface CommitBody {
  readonly content: Uint8Array
  readonly deliveries: Uint8Array
}

/** What is said of the query. */
export interface StoredQuery {
  readonly query: QueryRecord
  /** How often the number of partitions has changed. */
  readonly generation: number
}

/** Who may write. */
export interface Holder {
  readonly epoch: number
  /** Empty when the lease was given back. */
  readonly holder: string
  readonly until: number
}

/** What is known of a version's changes. */
export interface Delta {
  readonly version: number
  /** The version in which this partition changed before, 0 where there is none. */
  readonly previous: number
  readonly chunks: number
  readonly bytes: number
  readonly hash: string
}

/** Changes that are ready to be stored. */
export interface ChangeBlob {
  readonly chunks: readonly Uint8Array[]
  readonly bytes: number
  readonly hash: string
}

/** Changes of a partition by version. */
export interface DeltaRows {
  /** Inside of a transaction. */
  insert(version: number, previous: number, blob: ChangeBlob): void
  /** Removes versions from `from` to `to`, both included, inside of a transaction. */
  remove(from: number, to: number): void
  /** What there is of versions after `after`, oldest first. */
  list(after: number): readonly Delta[]
  /** The changes of a version. @throws {StoreDamaged} */
  chunks(delta: Delta): Iterable<Uint8Array>
}

/** A file that is written in transactions. */
export interface TableFile {
  /** For messages. */
  readonly path: string
  /** `durable`: waits until it survives power loss; else it survives the end of the process only, and what is durable later carries it along. */
  transaction<T>(durable: boolean, body: () => T): T
  /** Makes all of it durable once more, whatever an fsync that failed has left. */
  settle(): void
  /** What is wrong with the file itself, in words. */
  faults(): readonly string[]
  close(): void
}

/** The log of a query. What begins with `put` is for inside of transactions. */
export interface LogTable extends TableFile {
  query(): StoredQuery | undefined
  holder(): Holder | undefined
  /** The newest committed batch, 0 before the first. */
  committedBatch(): number
  /** Commits from a batch on, oldest first. */
  headers(from: number): readonly CommitHeader[]
  /** Bodies that are still there, by batch. */
  bodies(from: number): ReadonlyMap<number, CommitBody>
  plan(batch: number): PlanRecord | undefined
  /** Numbers of the batches whose plans are there. */
  plannedBatches(): readonly number[]
  /** The last batch of which everything is delivered. */
  deliveredUntil(): number
  /** The last version that changed a partition, 0 where there is none. */
  tip(partition: number): number
  /** Changes of a partition that the driver wrote. */
  deltas(partition: number): DeltaRows
  /** Everything that is read meanwhile is of one moment. */
  reading<T>(body: () => T): T
  putQuery(query: QueryRecord, generation: number): void
  putLease(holder: Holder): void
  putPlan(plan: PlanRecord): void
  /** What is no longer needed goes: older plans, what was delivered, commits before the last {@link HISTORY}. */
  putCommit(record: CommitRecord): void
  /** A commit of a log that is copied; older ones have no body. */
  putOldCommit(header: CommitHeader, body: CommitBody | undefined): void
  putDelivered(batch: number): void
  putTip(partition: number, version: number): void
  /** Forgets all changes and tips. */
  clearDeltas(): void
}

/** What is known of a snapshot. */
export interface Snapshot {
  /** All versions up to this one are in it. */
  readonly version: number
  /** The last version that changed something in this partition. */
  readonly tip: number
  readonly chunks: number
  readonly bytes: number
}

/** Where there is none yet. */
export const NO_SNAPSHOT: Snapshot = { version: 0, tip: 0, chunks: 0, bytes: 0 }

/** The file of a partition. What begins with `put` is for inside of transactions. */
export interface PartitionTable extends TableFile {
  readonly deltas: DeltaRows
  /** The newest epoch that may write. @throws {StoreDamaged} when this is another file than it should be. */
  epoch(): number
  putEpoch(epoch: number): void
  /** {@link NO_SNAPSHOT} where there is none yet. */
  snapshot(): Snapshot
  snapshotChunks(snapshot: Snapshot): Iterable<Uint8Array>
  /** In place of the one that is there. */
  putSnapshot(version: number, tip: number, chunks: Iterable<Uint8Array>): void
}

/** Which file of a partition. */
export interface PartitionName {
  /** Id of the query. */
  readonly query: string
  readonly partition: number
  /** How often the number of partitions has changed: after that files have other names, so both sets can be there. */
  readonly generation: number
}

/** A place with the files of a checkpoint. Files that appear or go have done so for good after {@link StoreFiles.sync}. */
export interface StoreFiles {
  readonly place: string
  /** For messages. */
  readonly logPath: string
  readonly headPath: string
  statePath(partition: number, generation: number): string
  /** Makes the place, where there is none. */
  make(): void
  sync(): void
  hasLog(): boolean
  openLog(isNew: boolean): LogTable
  openPartition(name: PartitionName, isNew: boolean): PartitionTable
  /** Files of partitions, whether they are in use or not. */
  states(): readonly { readonly name: string; readonly generation: number }[]
  removeState(name: string): void
  /** The step that the head remembers; `undefined` where there is no head. @throws {StoreDamaged} */
  head(): number | undefined
  /** Makes a head that remembers no step, whole and durable; {@link StoreFiles.sync} is part of it. */
  makeHead(): void
  /** Writes a step down that is durable, without waiting until that is durable too; {@link StoreFiles.syncHead} does. */
  writeHead(step: number): void
  syncHead(): void
  closeHead(): void
  /** Another place of the same kind. */
  at(place: string): StoreFiles
  /** Whether something is there. */
  isOccupied(): boolean
  remove(): void
  /** Gives the place another name, for good. */
  moveTo(place: string): void
}
