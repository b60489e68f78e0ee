/**
 * The tables of changes by version, as `log.sqlite` and the files of partitions have them.
 *
 * Law: a version's changes are there whole or not at all; each says which version was the one before it, so that a missing one is
 * noticed.
 */
import { crc32 } from 'node:zlib'
import { StoreDamaged } from './errors.js'
import type { ChangeBlob, Delta, DeltaRows } from './store-tables.js'
import { plainBytes, type SqliteFile } from './sqlite-database.js'

/** Part of the schema. */
export const DELTA_SCHEMA = `
  CREATE TABLE delta (
    partition INTEGER NOT NULL, version INTEGER NOT NULL, previous INTEGER NOT NULL, chunks INTEGER NOT NULL,
    bytes INTEGER NOT NULL, hash TEXT NOT NULL, crc INTEGER NOT NULL, PRIMARY KEY (partition, version)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE delta_chunk (
    partition INTEGER NOT NULL, version INTEGER NOT NULL, seq INTEGER NOT NULL, crc INTEGER NOT NULL, content BLOB NOT NULL,
    PRIMARY KEY (partition, version, seq)
  ) STRICT;`

/** The changes of a partition in a file. */
export class SqliteDeltas implements DeltaRows {
  readonly #file: SqliteFile
  readonly #partition: number

  constructor(file: SqliteFile, partition: number) {
    this.#file = file
    this.#partition = partition
  }

  /** Inside of a transaction. */
  insert(version: number, previous: number, { chunks, bytes, hash }: ChangeBlob): void {
    const partition = this.#partition
    const crc = checksum([partition, version, previous, chunks.length, bytes, hash])
    this.#file.run(
      'INSERT INTO delta VALUES (?, ?, ?, ?, ?, ?, ?)',
      partition,
      version,
      previous,
      chunks.length,
      bytes,
      hash,
      crc,
    )
    for (const [seq, content] of chunks.entries()) {
      const chunkCrc = checksum([partition, version, seq], content)
      this.#file.run('INSERT INTO delta_chunk VALUES (?, ?, ?, ?, ?)', partition, version, seq, chunkCrc, content)
    }
  }

  /** Removes versions from `from` to `to`, both included, inside of a transaction. */
  remove(from: number, to: number): void {
    for (const table of ['delta', 'delta_chunk']) {
      this.#file.run(`DELETE FROM ${table} WHERE partition = ? AND version BETWEEN ? AND ?`, this.#partition, from, to)
    }
  }

  /** What there is of versions after `after`, oldest first. */
  list(after: number): readonly Delta[] {
    const rows = this.#file.all<Delta & { readonly crc: number }>(
      'SELECT version, previous, chunks, bytes, hash, crc FROM delta WHERE partition = ? AND version > ? ORDER BY version',
      this.#partition,
      after,
    )
    for (const { version, previous, chunks, bytes, hash, crc } of rows) {
      if (checksum([this.#partition, version, previous, chunks, bytes, hash]) !== crc) {
        throw new StoreDamaged(
          this.#file.path,
          `the checksum of version ${version} of partition ${this.#partition} is wrong`,
        )
      }
    }
    return rows
  }

  /** The changes of a version. */
  *chunks({ version, chunks }: Delta): Generator<Uint8Array, void, undefined> {
    const partition = this.#partition
    for (let seq = 0; seq < chunks; seq++) {
      const row = this.#file.get<StoredChunk>(
        'SELECT crc, content FROM delta_chunk WHERE partition = ? AND version = ? AND seq = ?',
        partition,
        version,
        seq,
      )
      const what = `version ${version} of partition ${partition}`
      yield checkedChunk(this.#file.path, what, row, [partition, version, seq])
    }
  }
}

/** A row of a chunk. */
export interface StoredChunk {
  readonly crc: number
  readonly content: Uint8Array
}

/** A chunk that was read; `undefined` when it was not there. @throws {StoreDamaged} */
export function checkedChunk(
  path: string,
  what: string,
  row: StoredChunk | undefined,
  place: readonly (number | string)[],
): Uint8Array {
  if (row === undefined) throw new StoreDamaged(path, `a part of ${what} is missing`)
  if (checksum(place, row.content) !== row.crc) throw new StoreDamaged(path, `the checksum of ${what} is wrong`)
  return plainBytes(row.content)
}

/** Of what a row says, and of its bytes. */
export function checksum(fields: readonly (number | string)[], ...contents: readonly Uint8Array[]): number {
  let crc = crc32(JSON.stringify(fields))
  // Of no bytes zlib's checksum is 0, whatever it was before, where they have no address.
  for (const content of contents) if (content.length > 0) crc = crc32(content, crc)
  return crc
}
