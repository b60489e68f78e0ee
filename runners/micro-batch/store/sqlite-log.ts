/**
 * `log.sqlite`: the query, the lease, plans, commits and what is still to be delivered, and the changes of partitions that the driver
 * runs itself. Only the driver writes.
 *
 * Law: plans and commits follow each other without a gap, and are never changed; every row carries a checksum.
 */
import type { CommitRecord, Lease, LeaseClaim, PlanRecord, QueryRecord } from './checkpoint-store.js'
import { LeaseHeld, reasonOf, StoreDamaged, StoreFenced } from './errors.js'
import { type BetterSqlite3, plainBytes, SqliteFile } from './sqlite-database.js'
import { checksum, DELTA_SCHEMA, DeltaTable } from './sqlite-deltas.js'

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

/** Commits that are kept. */
const HISTORY = 1_000
const NOTHING = new Uint8Array(0)

/** A commit without its body. */
export interface CommitHeader {
  readonly batch: number
  readonly epoch: number
  readonly instant: number
  readonly hashes: readonly string[]
}

/** What is said of the query, and how often its number of partitions has changed. */
export interface StoredQuery {
  readonly query: QueryRecord
  readonly generation: number
}

interface Checked {
  readonly crc: number
}

/** Content and deliveries of a commit. */
interface Body extends Checked {
  readonly batch: number
  readonly content: Uint8Array
  readonly deliveries: Uint8Array
}

/** The log of a query. */
export class LogFile {
  readonly file: SqliteFile

  constructor(sqlite: BetterSqlite3, path: string, isNew: boolean) {
    this.file = new SqliteFile(sqlite, path, SCHEMA, isNew)
  }

  /** `undefined` before the query began. */
  query(): StoredQuery | undefined {
    const row = this.file.get<{ readonly content: string; readonly generation: number } & Checked>(
      'SELECT content, generation, crc FROM query',
    )
    if (row === undefined) return undefined
    this.#verify('what it says of the query', row.crc, [row.content, row.generation])
    try {
      return { query: JSON.parse(row.content) as QueryRecord, generation: row.generation }
    } catch (error) {
      throw new StoreDamaged(this.file.path, `what it says of the query cannot be read: ${reasonOf(error)}`, error)
    }
  }

  /** Inside of a transaction. */
  putQuery(query: QueryRecord, generation: number): void {
    const content = JSON.stringify(query)
    const crc = checksum([content, generation])
    this.file.run('INSERT OR REPLACE INTO query VALUES (1, ?, ?, ?)', content, generation, crc)
  }

  /** Who may write. */
  holder(): { readonly epoch: number; readonly holder: string; readonly until: number } | undefined {
    const row = this.file.get<{ readonly epoch: number; readonly holder: string; readonly until: number } & Checked>(
      'SELECT epoch, holder, until, crc FROM lease',
    )
    if (row !== undefined) this.#verify('its lease', row.crc, [row.epoch, row.holder, row.until])
    return row
  }

  /** Gives a lease out. @throws {LeaseHeld} */
  acquire(place: string, { holder, now, ttlMillis }: LeaseClaim): Lease {
    return this.file.transaction(true, () => {
      const last = this.holder()
      if (last !== undefined && last.until > now && last.holder !== holder) {
        throw new LeaseHeld(place, last.holder, last.until, now)
      }
      const epoch = (last?.epoch ?? 0) + 1
      this.putLease(epoch, holder, now + ttlMillis)
      return { epoch, holder }
    })
  }

  /** Inside of a transaction. */
  putLease(epoch: number, holder: string, until: number): void {
    const crc = checksum([epoch, holder, until])
    this.file.run('INSERT OR REPLACE INTO lease VALUES (1, ?, ?, ?, ?)', epoch, holder, until, crc)
  }

  /** @throws {StoreFenced} unless the lease is the newest and was not given back. */
  verifyLease(place: string, { epoch }: Lease): void {
    const last = this.holder()
    if (last === undefined || last.epoch !== epoch || last.holder === '') {
      throw new StoreFenced(place, epoch, last?.epoch ?? 0, last?.holder ?? 'nobody')
    }
  }

  /** The newest committed batch, 0 before the first. */
  committedBatch(): number {
    return this.file.get<{ readonly batch: number | null }>('SELECT max(batch) AS batch FROM commit_record')?.batch ?? 0
  }

  committed(): CommitRecord | undefined {
    const batch = this.committedBatch()
    if (batch === 0) return undefined
    const header = this.headers(batch)[0]
    const body = this.#bodies(batch).get(batch)
    if (header === undefined || body === undefined) {
      throw new StoreDamaged(this.file.path, `the content of commit ${batch} is missing`)
    }
    return { ...header, content: body.content, deliveries: body.deliveries }
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

  history(): readonly CommitRecord[] {
    const bodies = this.#bodies(0)
    return this.headers(0).map((header) => ({
      ...header,
      content: bodies.get(header.batch)?.content ?? NOTHING,
      deliveries: bodies.get(header.batch)?.deliveries ?? NOTHING,
    }))
  }

  /** Inside of a transaction. What is no longer needed goes. */
  putCommit({ batch, epoch, instant, hashes, content, deliveries }: CommitRecord): void {
    const text = hashes.join(',')
    const crc = checksum([batch, epoch, instant, text])
    this.file.run('INSERT INTO commit_record VALUES (?, ?, ?, ?, ?)', batch, epoch, instant, text, crc)
    const bodyCrc = checksum([batch, content.length], content, deliveries)
    this.file.run('INSERT INTO commit_body VALUES (?, ?, ?, ?)', batch, content, deliveries, bodyCrc)
    this.file.run('DELETE FROM plan WHERE batch < ?', batch)
    this.file.run('DELETE FROM commit_record WHERE batch <= ?', batch - HISTORY)
    // What has not been delivered is still needed.
    this.file.run('DELETE FROM commit_body WHERE batch < ? AND batch <= ?', batch, this.deliveredUntil())
  }

  /** Copies all commits and what is delivered, inside of a transaction. */
  putHistory(from: LogFile): void {
    const bodies = from.#bodies(0)
    for (const { batch, epoch, instant, hashes } of from.headers(0)) {
      const text = hashes.join(',')
      const crc = checksum([batch, epoch, instant, text])
      this.file.run('INSERT INTO commit_record VALUES (?, ?, ?, ?, ?)', batch, epoch, instant, text, crc)
    }
    for (const { batch, content, deliveries, crc } of bodies.values()) {
      this.file.run('INSERT INTO commit_body VALUES (?, ?, ?, ?)', batch, content, deliveries, crc)
    }
    this.putDelivered(from.deliveredUntil())
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

  /** Inside of a transaction. */
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

  /** Inside of a transaction. */
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

  /** Inside of a transaction. */
  putTip(partition: number, version: number): void {
    this.file.run('INSERT OR REPLACE INTO tip VALUES (?, ?, ?)', partition, version, checksum([partition, version]))
  }

  /** Changes of a partition that the driver wrote. */
  deltas(partition: number): DeltaTable {
    return new DeltaTable(this.file, partition)
  }

  /** Forgets all changes and tips, inside of a transaction. */
  clearDeltas(): void {
    for (const table of ['delta', 'delta_chunk', 'tip']) this.file.run(`DELETE FROM ${table}`)
  }

  /** @throws {StoreDamaged} when commits do not follow each other, or the newest plan or commit cannot be read. */
  verify(head: number | undefined): void {
    this.holder()
    const stored = this.query()
    if (stored === undefined) {
      if (head !== undefined) throw new StoreDamaged(this.file.path, 'it does not say which query it belongs to')
      return
    }
    const { n, low, high } = this.file.get<{ n: number; low: number | null; high: number | null }>(
      'SELECT count(*) AS n, min(batch) AS low, max(batch) AS high FROM commit_record',
    ) ?? { n: 0, low: null, high: null }
    const newest = high ?? 0
    if (n !== (high === null ? 0 : newest - (low as number) + 1)) {
      throw new StoreDamaged(this.file.path, `commits between ${low} and ${high} are missing`)
    }
    if (low !== null && low > 1 && n < HISTORY) {
      throw new StoreDamaged(this.file.path, `commits before ${low} are missing`)
    }
    if (head !== undefined && head > newest) {
      throw new StoreDamaged(
        this.file.path,
        `batch ${head} was committed, and the newest that is there is ${newest}. Its write-ahead log (${this.file.path}-wal) was cut, changed or removed`,
      )
    }
    this.committed()
    this.plan(newest + 1)
    this.deliveredUntil()
  }

  close(): void {
    this.file.close()
  }

  #bodies(from: number): ReadonlyMap<number, Body> {
    const rows = this.file.all<Body>('SELECT batch, content, deliveries, crc FROM commit_body WHERE batch >= ?', from)
    for (const { batch, content, deliveries, crc } of rows) {
      this.#verify(`the content of commit ${batch}`, crc, [batch, content.length], content, deliveries)
    }
    return new Map(
      rows.map(({ batch, content, deliveries, crc }) => [
        batch,
        { batch, content: plainBytes(content), deliveries: plainBytes(deliveries), crc },
      ]),
    )
  }

  #verify(what: string, crc: number, fields: readonly (number | string)[], ...contents: readonly Uint8Array[]): void {
    if (checksum(fields, ...contents) !== crc) {
      throw new StoreDamaged(this.file.path, `the checksum of ${what} is wrong`)
    }
  }
}
