/**
 * What a driver that stands by reads of a store that another one writes. Nothing is written, and nobody waits for it.
 *
 * Law: each answer is of one moment; what cannot be had whole, because the other has just changed it, is not given at all.
 */
import { changesIn } from './change-bytes.js'
import type { BatchRecord, LeaseHolder, StoreView, VersionChanges } from './checkpoint-store.js'
import { StoreDamaged } from './errors.js'
import { entriesOf, versionsSince } from './partition-state.js'
import type { StoreSession } from './store-session.js'
import type { LogTable, PartitionTable } from './store-tables.js'

/** See the head of this file. */
export class SessionView implements StoreView {
  readonly #session: StoreSession

  constructor(session: StoreSession) {
    this.#session = session
  }

  async holder(): Promise<LeaseHolder | undefined> {
    return this.#session.log()?.holder()
  }

  async committedBatch(): Promise<number> {
    return this.#session.log()?.committedBatch() ?? 0
  }

  async batch(batch: number): Promise<BatchRecord> {
    const log = this.#session.log()
    if (log === undefined) return { plan: undefined, hashes: undefined }
    return log.reading(() => {
      const isCommitted = batch <= log.committedBatch()
      const hashes = isCommitted ? log.headers(batch).find((header) => header.batch === batch)?.hashes : undefined
      return { plan: log.plan(batch), hashes }
    })
  }

  async changesSince(partition: number, after: number): Promise<VersionChanges | undefined> {
    const { log } = this.#session.begun()
    const file = this.#session.partition(partition)
    const before = file.snapshot().version
    try {
      const found = log.reading(() => this.#changes(log, file, partition, after))
      // The file is read in moments of its own: a snapshot that came in between may have taken changes along.
      return file.snapshot().version === before ? found : undefined
    } catch (error) {
      if (error instanceof StoreDamaged && file.snapshot().version !== before) return undefined
      throw error
    }
  }

  #changes(log: LogTable, file: PartitionTable, partition: number, after: number): VersionChanges | undefined {
    const version = log.committedBatch()
    const snapshot = file.snapshot()
    if (snapshot.version > version) return undefined
    const until = this.#session.until(partition)
    const isWhole = after < snapshot.version
    if (isWhole) return { version, isWhole, changes: [...entriesOf(file, until)] }
    const changes = versionsSince(file, snapshot, until)
      .filter(({ delta }) => delta.version > after)
      .flatMap(({ delta, rows }) => [...rows.chunks(delta)].flatMap((chunk) => [...changesIn(chunk)]))
    return { version, isWhole, changes }
  }
}
