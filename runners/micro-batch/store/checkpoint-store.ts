/**
 * A CheckpointStore keeps what a query needs to go on after `kill -9`: its plans, the versions of its state, what was committed and
 * what is still to be delivered, and the lease of the one driver that may write.
 *
 * Law: a version is visible from the moment its commit record is durable, whole, and not before; plans and commits are written once
 * and never changed; whoever holds an older epoch of the lease writes nothing; damage is found when it is read, and named.
 */
import type { ErrorCode } from '../../../sdk/error-codes.js'
import type { KeptEntry } from '../../core/kept-state.js'

/** What a store says of the query it belongs to. */
export interface QueryRecord {
  /** Made when the query began, never changed: what sinks know it by. */
  readonly id: string
  /** Name of the pipeline. */
  readonly pipeline: string
  /** Of the graph, as `sdk/graph/fingerprint.ts` makes it, with what is needed to name the first difference. */
  readonly graph: string
  /** Number of partitions of the state. */
  readonly partitions: number
  /** Milliseconds since 1970. */
  readonly createdAt: number
}

/** What a copy says of its query that the original does not. */
export interface QueryFork extends Pick<QueryRecord, 'id' | 'createdAt'> {
  /**
   * Makes of an entry what the copy keeps: files that the original names are not the copy's. Asked twice of each; what it throws leaves
   * nothing of the copy.
   */
  entry?(entry: StoredEntry): StoredEntry
}

/** The right to write. */
export interface Lease {
  /** Grows by one with each holder. */
  readonly epoch: number
  readonly holder: string
}

/** Who asks for the lease. */
export interface LeaseClaim {
  /** Says who holds it, to people: process, machine. */
  readonly holder: string
  /** Wall clock, milliseconds since 1970. */
  readonly now: number
  /** After so many milliseconds without renewal anyone may take it. */
  readonly ttlMillis: number
}

/** The input of a batch, written down before its tasks are done. */
export interface PlanRecord {
  /** Batches are numbered from 1. */
  readonly batch: number
  /** What the batch takes for the processing time, milliseconds since 1970. */
  readonly instant: number
  readonly epoch: number
  /** What was read, in the driver's own form. */
  readonly content: Uint8Array
}

/** A batch that is done. */
export interface CommitRecord {
  readonly batch: number
  readonly epoch: number
  readonly instant: number
  /** Hash of each partition's changes, as {@link PartitionStore.write} gave it. */
  readonly hashes: readonly string[]
  /** Watermarks, counters and the like, in the driver's own form. */
  readonly content: Uint8Array
  /** What is to be delivered to sinks once this is durable; empty when nothing is. */
  readonly deliveries: Uint8Array
}

/** A change of an entry. `part` names its keeper; `content` is `undefined` when it is gone. */
export interface Change {
  readonly part: string
  readonly slot: number
  readonly id: Uint8Array
  readonly content: Uint8Array | undefined
}

/** An entry with the name of its keeper. */
export interface StoredEntry extends KeptEntry {
  readonly part: string
}

/** What becomes of what is kept when the graph of a query is another. */
export interface KeptChange {
  /** Makes of an entry what it is to be, in the same slot; `undefined` when it is dropped. What it throws leaves all as it was. */
  entry(entry: StoredEntry): StoredEntry | undefined
  /** In place of the content of the plan that waits, where there is one and it is to be another. */
  readonly plan?: Uint8Array
}

/** One partition of the state. Written by whoever runs its tasks, which may be another thread or process than the driver's. */
export interface PartitionStore {
  /**
   * Makes the changes of a batch durable, invisible until the batch is committed. What was written of this batch before (by an
   * attempt that was given up) is replaced. `batch` is the committed one plus 1.
   *
   * @returns a hash of the changes, for {@link CommitRecord.hashes}.
   * @throws {StoreFenced} when the epoch is not the newest.
   */
  write(lease: Lease, batch: number, changes: Iterable<Change>): Promise<string>
  /** All entries as they were when `batch` was committed; only the newest committed batch can be asked for. */
  read(batch: number): AsyncIterable<StoredEntry>
  /** Gives files and memory back. */
  close(): Promise<void>
}

/** Who has the lease. */
export interface LeaseHolder {
  readonly epoch: number
  /** Empty when it was given back. */
  readonly holder: string
  /** Until when, milliseconds since 1970, unless it is renewed. */
  readonly until: number
}

/** What is written down of a batch, as far as it is still there. */
export interface BatchRecord {
  readonly plan: PlanRecord | undefined
  /** As its commit has them; `undefined` before it is committed. */
  readonly hashes: readonly string[] | undefined
}

/** What has changed in a partition since a version. */
export interface VersionChanges {
  /** The newest committed version. */
  readonly version: number
  /** Whether these are all the entries there are: what came between was merged. */
  readonly isWhole: boolean
  /** Oldest first. */
  readonly changes: readonly Change[]
}

/** What a driver that stands by reads of a store that another one writes. */
export interface StoreView {
  /** `undefined` before the first. */
  holder(): Promise<LeaseHolder | undefined>
  /** The newest committed batch, 0 before the first. */
  committedBatch(): Promise<number>
  /** What is known of a batch: its plan, and its commit where there is one. */
  batch(batch: number): Promise<BatchRecord>
  /** `undefined` when the store was just changing: ask again. */
  changesSince(partition: number, after: number): Promise<VersionChanges | undefined>
}

/** See the head of this file. Every method that takes a lease throws `StoreFenced` when a newer one was given out. */
export interface CheckpointStore {
  /** Where it is, for messages. */
  readonly place: string
  /** `undefined` when nothing was created here. @throws {StoreDamaged} when what is here cannot be read, or is of a newer format. */
  query(): Promise<QueryRecord | undefined>
  /** Takes the lease. @throws {LeaseHeld} while another holder's lasts. */
  acquire(claim: LeaseClaim): Promise<Lease>
  /** Makes it last for longer. */
  renew(lease: Lease, now: number, ttlMillis: number): Promise<void>
  /** Gives it back: anyone may take it at once. */
  release(lease: Lease): Promise<void>
  /** Begins a query. @throws when there is one. */
  create(lease: Lease, query: QueryRecord): Promise<void>
  /**
   * Changes what is said of the query, in one step; with another number of partitions, entries move to where they belong, and with
   * `change` they become others.
   */
  update(lease: Lease, query: QueryRecord, change?: KeptChange): Promise<void>
  /** The newest committed batch; `undefined` before the first. */
  committed(): Promise<CommitRecord | undefined>
  /** Commits that are still there (the last 1,000 at least), oldest first; without `content` where they are old. */
  history(): Promise<readonly CommitRecord[]>
  /** The plan of the batch after the committed one, when it was logged. */
  planned(): Promise<PlanRecord | undefined>
  /**
   * Writes a plan. `durable: true` waits until it survives power loss; `false` only survives the end of the process, for plans that
   * may be made anew. @throws when the batch was planned before with another content.
   */
  logPlan(lease: Lease, plan: PlanRecord, options: { readonly durable: boolean }): Promise<void>
  /**
   * Makes a batch visible, in one durable step. Older plans, and what was superseded, may go.
   *
   * @param changes of partitions that the driver itself runs, in place of {@link PartitionStore.write} calls: one less file to be
   *   made durable. Hashes of these are filled in by the store.
   */
  commit(lease: Lease, record: CommitRecord, changes?: ReadonlyMap<number, Iterable<Change>>): Promise<void>
  /** What was to be delivered with this batch and before is delivered. */
  delivered(lease: Lease, batch: number): Promise<void>
  /** The last batch of which everything is delivered, 0 before the first. */
  deliveredUntil(): Promise<number>
  /** For a driver that stands by. */
  view(): StoreView
  /** A partition, from 0. */
  partition(index: number): PartitionStore
  /**
   * Puts a copy of the newest committed version into a new place.
   *
   * @param fork makes it a query of its own, unlike the one it was copied from: sinks do not take what it delivers for what the other
   *   has delivered. The plan of the next batch, where there is one, goes along: its input may be acknowledged.
   * @throws {DeliveriesPending} when it is a query of its own, and the newest commit's deliveries have not all been made: both would
   *   make them.
   */
  savepoint(place: string, fork?: QueryFork): Promise<void>
  /** Looks at everything there is: checksums, versions, that plans and commits follow each other. @returns what is wrong. */
  check(): Promise<readonly StoreFault[]>
  /** Gives files and memory back; nothing else may be called afterwards. */
  close(): Promise<void>
}

/** Something that is wrong with a store. */
export interface StoreFault {
  /** The invariant that does not hold, as `docs/guarantees.md` numbers them. */
  readonly invariant: string
  /** File or table. */
  readonly where: string
  readonly message: string
  /** Of the error that told it, where there was one. */
  readonly code?: ErrorCode | undefined
}
