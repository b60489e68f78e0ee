/**
 * `log.sqlite`: the query, the lease, plans, commits and what is still to be delivered, and the changes of partitions that the driver
 * runs itself. Only the driver writes.
 *
 * Law: plans and commits follow each other without a gap, and are never changed; every row carries a checksum.
 */
import type { CommitRecord, PlanRecord, QueryRecord } from './checkpoint-store.js'
import { reasonOf, StoreDamaged } from './errors.js'
import { type BetterSqlite3, plainBytes, SqliteFile, SqliteTables } from './sqlite-database.js'
import { checksum, DELTA_SCHEMA, SqliteDeltas } from './sqlite-deltas.js'
import {
  type CommitBody,
  type CommitHeader,
  HISTORY,
  type Holder,
  type LogTable,
  type StoredQuery,
} from './store-tables.js'

const SCHEMA = `
  CREATE TABLE query (
    id INTEGER PRIMARY KEY CHECK (id = 1), content TEXT NOT NULL, generation INTEGER NOT NULL, crc INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE lease (
    id INTEGER PRIMARY KEY CHECK (id = 1), epoch INTEGER NOT NULL, holder TEXT NOT NULL, until INTEGER NOT NULL, crc INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE plan (
    batch INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, instant INTEGER NOT NULL, content BLOB NOT NULL, crc INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE commit_record (
    batch INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, instant INTEGER NOT NULL, hashes TEXT NOT NULL, crc INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE commit_body (
    batch INTEGER PRIMARY KEY, content BLOB NOT NULL, deliveries BLOB NOT NULL, crc INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE delivered (id INTEGER PRIMARY KEY CHECK (id = 1), batch INTEGER NOT NULL, crc INTEGER NOT NULL) STRICT;
  CREATE TABLE tip (partition INTEGER PRIMARY KEY, version INTEGER NOT NULL, crc INTEGER NOT NULL) STRICT;
  ${DELTA_SCHEMA}`

interface Checked {
  readonly crc: number
}

/** A row of bodies. */
interface BodyRow extends CommitBody, Checked {
  readonly batch: number
}

/** The log of a query. */
export class SqliteLog extends SqliteTables implements LogTable {
  /** What was last read of the query. */
  #read: { readonly content: string; readonly query: QueryRecord } | undefined

  constructor(sqlite: BetterSqlite3, path: string, isNew: boolean) {
    super(new SqliteFile(sqlite, path, SCHEMA, isNew))
  }

  /** `undefined` before the query began. */
  query(): StoredQuery | undefined {
    const row = this.file.get<{ readonly content: string; readonly generation: number } & Checked>(
      'SELECT content, generation, crc FROM query',
    )
    if (row === undefined) return undefined
    const { content, generation, crc } = row
    this.#verify('what it says of the query', crc, [content, generation])
    // Asked for several times in each commit.
    if (this.#read?.content === content) return { query: this.#read.query, generation }
    try {
      const query = JSON.parse(content) as QueryRecord
      this.#read = { content, query }
      return { query, generation }
    } catch (error) {
      throw new StoreDamaged(this.file.path, `what it says of the query cannot be read: ${reasonOf(error)}`, error)
    }
  }

  putQuery(query: QueryRecord, generation: number): void {
    const content = JSON.stringify(query)
    const crc = checksum([content, generation])
    this.file.run('INSERT OR REPLACE INTO query VALUES (1, ?, ?, ?)', content, generation, crc)
  }

  holder(): Holder | undefined {
    const row = this.file.get<Holder & Checked>('SELECT epoch, holder, until, crc FROM lease')
    if (row === undefined) return undefined
    const { epoch, holder, until, crc } = row
    this.#verify('its lease', crc, [epoch, holder, until])
    return { epoch, holder, until }
  }

  putLease({ epoch, holder, until }: Holder): void {
    const crc = checksum([epoch, holder, until])
    this.file.run('INSERT OR REPLACE INTO lease VALUES (1, ?, ?, ?, ?)', epoch, holder, until, crc)
  }

  /** The newest committed batch, 0 before the first. */
  committedBatch(): number {
    return this.file.get<{ readonly batch: number | null }>('SELECT max(batch) AS batch FROM commit_record')?.batch ?? 0
  }

  /** Commits from a batch on, oldest first. */
  headers(from: number): readonly CommitHeader[] {
    const rows = this.file.all<Omit<CommitHeader, 'hashes'> & { readonly hashes: string } & Checked>(
      'SELECT batch, epoch, instant, hashes, crc FROM commit_record WHERE batch >= ? ORDER BY batch',
      from,
    )
    return rows.map(({ batch, epoch, instant, hashes, crc }) => {
      this.#verify(`commit ${batch}`, crc, [batch, epoch, instant, hashes])
      return { batch, epoch, instant, hashes: hashes.split(',') }
    })
  }

  bodies(from: number): ReadonlyMap<number, CommitBody> {
    const rows = this.file.all<BodyRow>(
      'SELECT batch, content, deliveries, crc FROM commit_body WHERE batch >= ?',
      from,
    )
    return new Map(
      rows.map(({ batch, content, deliveries, crc }) => {
        this.#verify(`the content of commit ${batch}`, crc, [batch, content.length], content, deliveries)
        return [batch, { content: plainBytes(content), deliveries: plainBytes(deliveries) }]
      }),
    )
  }

  putCommit(record: CommitRecord): void {
    const { batch } = record
    this.putOldCommit(record, record)
    this.file.run('DELETE FROM plan WHERE batch < ?', batch)
    this.file.run('DELETE FROM commit_record WHERE batch <= ?', batch - HISTORY)
    // What has not been delivered is still needed.
    this.file.run('DELETE FROM commit_body WHERE batch < ? AND batch <= ?', batch, this.deliveredUntil())
    this.file.run('DELETE FROM commit_body WHERE batch <= ? AND length(deliveries) = 0', batch - HISTORY)
  }

  putOldCommit({ batch, epoch, instant, hashes }: CommitHeader, body: CommitBody | undefined): void {
    const text = hashes.join(',')
    const crc = checksum([batch, epoch, instant, text])
    this.file.run('INSERT INTO commit_record VALUES (?, ?, ?, ?, ?)', batch, epoch, instant, text, crc)
    if (body === undefined) return
    const { content, deliveries } = body
    const bodyCrc = checksum([batch, content.length], content, deliveries)
    this.file.run('INSERT INTO commit_body VALUES (?, ?, ?, ?)', batch, content, deliveries, bodyCrc)
  }

  /** The plan of a batch. */
  plan(batch: number): PlanRecord | undefined {
    const row = this.file.get<PlanRecord & Checked>(
      'SELECT batch, epoch, instant, content, crc FROM plan WHERE batch = ?',
      batch,
    )
    if (row === undefined) return undefined
    const { epoch, instant, content, crc } = row
    this.#verify(`plan ${batch}`, crc, [batch, epoch, instant], content)
    return { batch, epoch, instant, content: plainBytes(content) }
  }

  /** Numbers of the batches that are planned. */
  plannedBatches(): readonly number[] {
    return this.file.all<{ readonly batch: number }>('SELECT batch FROM plan ORDER BY batch').map(({ batch }) => batch)
  }

  putPlan({ batch, epoch, instant, content }: PlanRecord): void {
    const crc = checksum([batch, epoch, instant], content)
    this.file.run('INSERT OR REPLACE INTO plan VALUES (?, ?, ?, ?, ?)', batch, epoch, instant, content, crc)
  }

  /** The last batch of which everything is delivered. */
  deliveredUntil(): number {
    const row = this.file.get<{ readonly batch: number } & Checked>('SELECT batch, crc FROM delivered')
    if (row === undefined) return 0
    this.#verify('what is delivered', row.crc, [row.batch])
    return row.batch
  }

  putDelivered(batch: number): void {
    this.file.run('INSERT OR REPLACE INTO delivered VALUES (1, ?, ?)', batch, checksum([batch]))
  }

  /** The last version that changed a partition. */
  tip(partition: number): number {
    const row = this.file.get<{ readonly version: number } & Checked>(
      'SELECT version, crc FROM tip WHERE partition = ?',
      partition,
    )
    if (row === undefined) return 0
    this.#verify(`the tip of partition ${partition}`, row.crc, [partition, row.version])
    return row.version
  }

  putTip(partition: number, version: number): void {
    this.file.run('INSERT OR REPLACE INTO tip VALUES (?, ?, ?)', partition, version, checksum([partition, version]))
  }

  /** Changes of a partition that the driver wrote. */
  deltas(partition: number): SqliteDeltas {
    return new SqliteDeltas(this.file, partition)
  }

  clearDeltas(): void {
    for (const table of ['delta', 'delta_chunk', 'tip']) this.file.run(`DELETE FROM ${table}`)
  }

  reading<T>(body: () => T): T {
    return this.file.reading(body)
  }

  #verify(what: string, crc: number, fields: readonly (number | string)[], ...contents: readonly Uint8Array[]): void {
    if (checksum(fields, ...contents) !== crc) {
      throw new StoreDamaged(this.file.path, `the checksum of ${what} is wrong`)
    }
  }
}
