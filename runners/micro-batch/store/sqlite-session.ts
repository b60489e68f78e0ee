/**
 * The files of a checkpoint that are open, and the state of partitions as they have it together: a snapshot and changes in a
 * partition's own file, and changes that the driver committed into the log.
 */
import type { Env } from '../../../sdk/env.js'
import type { Change, QueryRecord } from './checkpoint-store.js'
import type { StoreCrashPoint } from './crash-points.js'
import { StoreDamaged } from './errors.js'
import type { BetterSqlite3 } from './sqlite-database.js'
import { CheckpointFolder } from './sqlite-files.js'
import { readHead } from './sqlite-head.js'
import { LogFile, type StoredQuery } from './sqlite-log.js'
import { PartitionFile } from './sqlite-partition.js'

/** See the head of this file. */
export class SqliteSession {
  readonly folder: CheckpointFolder
  readonly sqlite: BetterSqlite3
  readonly #env: Env
  readonly #partitions = new Map<number, PartitionFile>()
  #log: LogFile | undefined
  #generation = 0

  constructor(sqlite: BetterSqlite3, place: string, env: Env) {
    this.sqlite = sqlite
    this.folder = new CheckpointFolder(place)
    this.#env = env
  }

  crashpoint(name: StoreCrashPoint): void {
    this.#env.crashpoint(name)
  }

  /** The log; `undefined` when nothing was created here. @throws {StoreDamaged} */
  log(): LogFile | undefined {
    if (this.#log !== undefined) return this.#log
    const { folder } = this
    const head = readHead(folder.head)
    if (!folder.hasLog) {
      if (head === undefined && folder.states().length === 0) return undefined
      throw new StoreDamaged(folder.log, 'it is missing')
    }
    // Where nothing was ever committed or begun, the end of a process may have left a log without tables.
    const log = new LogFile(this.sqlite, folder.log, head === undefined && folder.states().length === 0)
    try {
      log.verify(head)
      if (head === undefined && log.committedBatch() > 0) throw new StoreDamaged(folder.head, 'it is missing')
    } catch (error) {
      log.close()
      throw error
    }
    this.#log = log
    return log
  }

  /** The log, which is made where there is none. */
  makeLog(): LogFile {
    const there = this.log()
    if (there !== undefined) return there
    this.folder.make()
    this.#log = new LogFile(this.sqlite, this.folder.log, true)
    this.folder.sync()
    return this.#log
  }

  /** What is said of the query. @throws {StoreDamaged} when there is none. */
  query(): StoredQuery {
    const stored = this.log()?.query()
    if (stored === undefined) throw new StoreDamaged(this.folder.log, 'no query was begun in it')
    return stored
  }

  /** The open file of a partition. */
  partition(index: number): PartitionFile {
    const { query, generation } = this.query()
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
  openPartition(query: QueryRecord, partition: number, generation: number, isNew: boolean): PartitionFile {
    const path = this.folder.state(partition, generation)
    return new PartitionFile(this.sqlite, path, { query: query.id, partition, generation }, isNew)
  }

  /** All entries of a partition as of the newest commit. */
  entries(partition: number): Generator<Change, void, undefined> {
    const log = this.#log as LogFile
    return this.partition(partition).entries(log.committedBatch(), log.tip(partition), log.deltas(partition))
  }

  /** Merges what a partition has into a new snapshot when changes outgrow it, and gives its version; `undefined` when it was not needed. */
  compact(partition: number, leastBytes: number): number | undefined {
    const log = this.#log as LogFile
    const file = this.partition(partition)
    const version = log.committedBatch()
    const snapshot = file.snapshot()
    if (snapshot.version === version) return undefined
    const tip = log.tip(partition)
    const changes = file.since(snapshot, version, tip, log.deltas(partition))
    const bytes = changes.reduce((sum, { delta }) => sum + delta.bytes, 0)
    if (bytes <= Math.max(snapshot.bytes, leastBytes)) return undefined
    this.crashpoint('store.compact.before')
    const entries = file.entries(version, tip, log.deltas(partition))
    file.putSnapshot(version, tip, entries, () => this.crashpoint('store.compact.snapshot'))
    this.crashpoint('store.compact.after')
    return version
  }

  /** Removes files of other generations than the one that is in use, which an end in the middle of a change has left. */
  removeOthers(generation: number): void {
    const others = this.folder.states().filter((state) => state.generation !== generation)
    for (const { name } of others) this.folder.removeDatabase(`${this.folder.place}/${name}`)
    if (others.length > 0) this.folder.sync()
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
    this.closePartitions()
    this.#log?.close()
    this.#log = undefined
  }
}
