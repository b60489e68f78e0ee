/**
 * `state-<p>.sqlite`: the snapshot of a partition and the changes since, with the fence that keeps older drivers out.
 *
 * Law: it says which partition of which query it is, and is refused in another's place.
 */
import { StoreDamaged } from './errors.js'
import { type BetterSqlite3, SqliteFile, SqliteTables } from './sqlite-database.js'
import { checkedChunk, checksum, DELTA_SCHEMA, SqliteDeltas, type StoredChunk } from './sqlite-deltas.js'
import { NO_SNAPSHOT, type PartitionName, type PartitionTable, type Snapshot } from './store-tables.js'

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

/** The file of a partition. */
export class SqlitePartition extends SqliteTables implements PartitionTable {
  readonly deltas: SqliteDeltas
  readonly #name: PartitionName

  /** @param isNew makes the file, which must not be there. */
  constructor(sqlite: BetterSqlite3, path: string, name: PartitionName, isNew: boolean) {
    super(new SqliteFile(sqlite, path, SCHEMA, isNew))
    this.#name = name
    this.deltas = new SqliteDeltas(this.file, name.partition)
    try {
      if (isNew) this.file.transaction(true, () => this.putEpoch(0))
      else this.epoch()
    } catch (error) {
      this.file.close()
      throw error
    }
  }

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

  putEpoch(epoch: number): void {
    const { query, partition, generation } = this.#name
    const crc = checksum([query, partition, generation, epoch])
    this.file.run('INSERT OR REPLACE INTO about VALUES (1, ?, ?, ?, ?, ?)', query, partition, generation, epoch, crc)
  }

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

  *snapshotChunks({ version, chunks }: Snapshot): Generator<Uint8Array, void, undefined> {
    for (let seq = 0; seq < chunks; seq++) {
      const row = this.file.get<StoredChunk>(
        'SELECT crc, content FROM snapshot_chunk WHERE version = ? AND seq = ?',
        version,
        seq,
      )
      yield checkedChunk(this.file.path, `its snapshot of version ${version}`, row, [version, seq])
    }
  }

  putSnapshot(version: number, tip: number, chunks: Iterable<Uint8Array>): void {
    const old = this.snapshot()
    let seq = 0
    let bytes = 0
    for (const content of chunks) {
      const crc = checksum([version, seq], content)
      this.file.run('INSERT INTO snapshot_chunk VALUES (?, ?, ?, ?)', version, seq++, crc, content)
      bytes += content.length
    }
    this.file.run('DELETE FROM snapshot_chunk WHERE version = ? AND version <> ?', old.version, version)
    const crc = checksum([version, tip, seq, bytes])
    this.file.run('INSERT OR REPLACE INTO snapshot VALUES (1, ?, ?, ?, ?, ?)', version, tip, seq, bytes, crc)
  }
}
