/**
 * `state-<p>.sqlite`: the state of a partition, as a snapshot and the changes since. The runner keeps state in memory, so a batch only
 * appends its changes; when they outgrow the snapshot both are merged into a new one, so the file stays a small multiple of the state.
 *
 * Law: changes of a version that was not committed are invisible and may go; a snapshot holds committed versions only; whoever has an
 * older epoch than the file's fence writes nothing.
 */
import { ChangeWriter, NewestChanges } from './change-bytes.js'
import type { Change } from './checkpoint-store.js'
import { StoreDamaged, StoreFenced } from './errors.js'
import { type BetterSqlite3, SqliteFile } from './sqlite-database.js'
import { checkedChanges, checksum, DELTA_SCHEMA, type ChangeBlob, type Delta, DeltaTable } from './sqlite-deltas.js'

const SCHEMA = `
  CREATE TABLE about (
    id INTEGER PRIMARY KEY CHECK (id = 1), query TEXT NOT NULL, partition INTEGER NOT NULL, generation INTEGER NOT NULL,
    epoch INTEGER NOT NULL, crc INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE snapshot (
    id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL, tip INTEGER NOT NULL, chunks INTEGER NOT NULL,
    bytes INTEGER NOT NULL, crc INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE snapshot_chunk (
    version INTEGER NOT NULL, seq INTEGER NOT NULL, crc INTEGER NOT NULL, content BLOB NOT NULL, PRIMARY KEY (version, seq)
  ) STRICT;
  ${DELTA_SCHEMA}`

/** Which file this is. */
export interface PartitionFileName {
  /** Id of the query. */
  readonly query: string
  readonly partition: number
  /** How often the number of partitions has changed. */
  readonly generation: number
}

/** What is known of the snapshot. */
export interface Snapshot {
  /** All versions up to this one are in it. */
  readonly version: number
  /** The last version that changed something in this partition. */
  readonly tip: number
  readonly chunks: number
  readonly bytes: number
}

/** Where there is none yet. */
const NO_SNAPSHOT: Snapshot = { version: 0, tip: 0, chunks: 0, bytes: 0 }

/** Versions of a partition, wherever their changes lie. */
export interface DeltaAt {
  readonly delta: Delta
  readonly table: DeltaTable
}

/** The file of a partition. */
export class PartitionFile {
  readonly file: SqliteFile
  readonly deltas: DeltaTable
  readonly #name: PartitionFileName

  /** @param isNew makes the file, which must not be there. */
  constructor(sqlite: BetterSqlite3, path: string, name: PartitionFileName, isNew: boolean) {
    this.#name = name
    this.file = new SqliteFile(sqlite, path, SCHEMA, isNew)
    this.deltas = new DeltaTable(this.file, name.partition)
    try {
      if (isNew) this.file.transaction(true, () => this.#putEpoch(0))
      else this.epoch()
    } catch (error) {
      this.file.close()
      throw error
    }
  }

  /** The newest epoch that may write. @throws {StoreDamaged} when this is another file than it should be. */
  epoch(): number {
    const row = this.file.get<{
      readonly query: string
      readonly partition: number
      readonly generation: number
      readonly epoch: number
      readonly crc: number
    }>('SELECT query, partition, generation, epoch, crc FROM about')
    if (row === undefined) throw new StoreDamaged(this.file.path, 'it does not say what it belongs to')
    const { query, partition, generation, epoch, crc } = row
    if (checksum([query, partition, generation, epoch]) !== crc) {
      throw new StoreDamaged(this.file.path, 'the checksum of what it belongs to is wrong')
    }
    const name = this.#name
    if (query !== name.query || partition !== name.partition || generation !== name.generation) {
      throw new StoreDamaged(
        this.file.path,
        `it is partition ${partition} of query ${query}, not partition ${name.partition} of query ${name.query}`,
      )
    }
    return epoch
  }

  /** Lets nobody older write, and forgets what was not committed. */
  fence(epoch: number, committed: number): void {
    this.file.transaction(true, () => {
      const newest = this.epoch()
      if (newest > epoch) throw new StoreFenced(this.file.path, epoch, newest, 'another run')
      if (newest < epoch) this.#putEpoch(epoch)
      this.deltas.remove(committed + 1, Number.MAX_SAFE_INTEGER)
    })
  }

  /** Writes the changes of a version in place of what an earlier attempt wrote. */
  write(epoch: number, version: number, previous: number, blob: ChangeBlob, written: () => void): void {
    this.file.transaction(true, () => {
      const newest = this.epoch()
      if (newest > epoch) throw new StoreFenced(this.file.path, epoch, newest, 'another run')
      if (newest < epoch) this.#putEpoch(epoch)
      this.deltas.remove(version, Number.MAX_SAFE_INTEGER)
      if (blob.chunks.length > 0) this.deltas.insert(version, previous, blob)
      written()
    })
  }

  /** The snapshot; an empty one where there is none yet. */
  snapshot(): Snapshot {
    const row = this.file.get<Snapshot & { readonly crc: number }>(
      'SELECT version, tip, chunks, bytes, crc FROM snapshot',
    )
    if (row === undefined) return NO_SNAPSHOT
    const { version, tip, chunks, bytes, crc } = row
    if (checksum([version, tip, chunks, bytes]) !== crc) {
      throw new StoreDamaged(this.file.path, 'the checksum of its snapshot is wrong')
    }
    return row
  }

  /** What the snapshot holds. */
  *snapshotEntries({ version, chunks }: Snapshot): Generator<Change, void, undefined> {
    for (let seq = 0; seq < chunks; seq++) {
      const row = this.file.get<{ readonly crc: number; readonly content: Uint8Array }>(
        'SELECT crc, content FROM snapshot_chunk WHERE version = ? AND seq = ?',
        version,
        seq,
      )
      yield* checkedChanges(this.file.path, `its snapshot of version ${version}`, row, [version, seq])
    }
  }

  /**
   * The versions since the snapshot up to `version`, oldest first, with those that lie elsewhere.
   *
   * @param tip the last version that changed this partition.
   * @throws {StoreDamaged} when one is missing.
   */
  since(snapshot: Snapshot, version: number, tip: number, elsewhere: DeltaTable): readonly DeltaAt[] {
    const listed = [this.deltas, elsewhere]
      .flatMap((table) => table.list(snapshot.version).map((delta): DeltaAt => ({ delta, table })))
      .filter(({ delta }) => delta.version <= version)
      .sort((a, b) => a.delta.version - b.delta.version)
    let before = snapshot.tip
    for (const { delta } of listed) {
      if (delta.previous !== before) throw this.#missing(delta.previous, before)
      before = delta.version
    }
    if (before !== tip) throw this.#missing(tip, before)
    return listed
  }

  /** All entries as of `version`, the newest committed one. */
  *entries(version: number, tip: number, elsewhere: DeltaTable): Generator<Change, void, undefined> {
    const snapshot = this.snapshot()
    const newest = newestOf(this.since(snapshot, version, tip, elsewhere))
    for (const entry of this.snapshotEntries(snapshot)) if (!newest.has(entry)) yield entry
    for (const entry of newest.values()) if (entry.content !== undefined) yield entry
  }

  /** Puts a snapshot in place of what there is up to its version. */
  putSnapshot(version: number, tip: number, entries: Iterable<Change>, written: () => void): void {
    const file = this.file
    file.transaction(true, () => {
      const old = this.snapshot()
      const writer = new ChangeWriter()
      let seq = 0
      const store = (chunks: readonly Uint8Array[]): void => {
        for (const content of chunks) {
          const crc = checksum([version, seq], content)
          file.run('INSERT INTO snapshot_chunk VALUES (?, ?, ?, ?)', version, seq++, crc, content)
        }
      }
      for (const { part, slot, id, content } of entries) {
        writer.put(part, slot, id, content)
        store(writer.takeChunks())
      }
      store(writer.finish())
      file.run('DELETE FROM snapshot_chunk WHERE version = ? AND version <> ?', old.version, version)
      const crc = checksum([version, tip, seq, writer.bytes])
      file.run('INSERT OR REPLACE INTO snapshot VALUES (1, ?, ?, ?, ?, ?)', version, tip, seq, writer.bytes, crc)
      this.deltas.remove(0, version)
      written()
    })
  }

  close(): void {
    this.file.close()
  }

  #putEpoch(epoch: number): void {
    const { query, partition, generation } = this.#name
    const crc = checksum([query, partition, generation, epoch])
    this.file.run('INSERT OR REPLACE INTO about VALUES (1, ?, ?, ?, ?, ?)', query, partition, generation, epoch, crc)
  }

  #missing(wanted: number, found: number): StoreDamaged {
    return new StoreDamaged(
      this.file.path,
      `partition ${this.#name.partition} changed in version ${wanted}, and the newest that is there is ${found}`,
    )
  }
}

function newestOf(deltas: readonly DeltaAt[]): NewestChanges {
  const newest = new NewestChanges()
  for (const { delta, table } of deltas) for (const change of table.changes(delta)) newest.put(change)
  return newest
}
