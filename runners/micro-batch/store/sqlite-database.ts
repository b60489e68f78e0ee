/**
 * One SQLite file of a checkpoint: opened with care, written in transactions of which each says whether it must survive power loss,
 * and its errors put into the words of `errors.ts`.
 *
 * Law: a file that is not ours, is newer, or cannot be trusted is never written; after a write or fsync that failed nothing more is
 * written through the same connection, since nobody knows what the disk has.
 */
import type { Database as Connection, Statement } from 'better-sqlite3'
import { closeSync, existsSync, openSync, statSync } from 'node:fs'
import { missingPackage } from '../../../sdk/missing-package.js'
import { reasonOf, StoreDamaged, StoreFailed, StoreFormatUnknown } from './errors.js'

/** 'MRck', in the header of each file. */
const APPLICATION_ID = 0x4d52636b
/** Of the tables; grows when they change. */
export const FORMAT_VERSION = 1
/** Pages of 4 KiB that the write-ahead log may have before it is carried over. */
const CHECKPOINT_PAGES = 2_000
/** What is left of the log's file when it has been carried over. */
const JOURNAL_BYTES = 16 << 20
/** While another process has the file. */
const BUSY_MILLIS = 10_000

/** The package. @throws {PipelineError} when it is not installed. */
export type BetterSqlite3 = typeof import('better-sqlite3')

/** Loads the package. */
export async function loadSqlite(): Promise<BetterSqlite3> {
  try {
    return (await import('better-sqlite3')).default
  } catch (error) {
    return missingPackage('a checkpoint in files', 'better-sqlite3@12', error)
  }
}

/** A file that is open. */
export class SqliteFile {
  readonly path: string
  readonly #db: Connection
  readonly #statements = new Map<string, Statement<unknown[], unknown>>()
  #broken: StoreFailed | undefined
  #isFull = true

  /**
   * @param schema makes the tables, when the file is new.
   * @param isNew whether there may be nothing yet.
   */
  constructor(sqlite: BetterSqlite3, path: string, schema: string, isNew: boolean) {
    this.path = path
    if (!existsSync(path)) {
      if (!isNew) throw new StoreDamaged(path, 'it is missing')
      this.#guarded(() => closeSync(openSync(path, 'a', 0o600)))
    } else if (!isNew && statSync(path).size === 0 && !hasContent(`${path}-wal`)) {
      throw new StoreDamaged(path, 'it is empty')
    }
    const db = this.#guarded(() => new sqlite(path, { fileMustExist: true, timeout: BUSY_MILLIS }))
    this.#db = db
    try {
      this.#guarded(() => this.#prepare(schema, isNew))
    } catch (error) {
      db.close()
      throw error
    }
  }

  /** All rows of a query. */
  all<T>(sql: string, ...values: readonly unknown[]): readonly T[] {
    return this.#guarded(() => this.#statement(sql).all(...values) as T[])
  }

  /** The first row of a query. */
  get<T>(sql: string, ...values: readonly unknown[]): T | undefined {
    return this.#guarded(() => this.#statement(sql).get(...values) as T | undefined)
  }

  /** Changes rows, inside of a transaction. */
  run(sql: string, ...values: readonly unknown[]): void {
    this.#guarded(() => this.#statement(sql).run(...values))
  }

  /**
   * Does all of it or nothing. `durable`: waits until it survives power loss; else it survives the end of the process only, and what
   * is durable later carries it along.
   */
  transaction<T>(durable: boolean, body: () => T): T {
    if (this.#broken !== undefined) throw this.#broken
    return this.#guarded(() => {
      if (this.#isFull !== durable) this.#db.exec(`PRAGMA synchronous = ${durable ? 'FULL' : 'NORMAL'}`)
      this.#isFull = durable
      return this.#db.transaction(body).immediate()
    })
  }

  /** Does all of it or nothing, and sees nothing of what others write meanwhile. */
  reading<T>(body: () => T): T {
    return this.#guarded(() => this.#db.transaction(body).deferred())
  }

  /** Carries the write-ahead log over into the file, and makes the file durable. */
  settle(): void {
    this.#guarded(() => this.#db.pragma('wal_checkpoint(TRUNCATE)'))
  }

  /** What SQLite itself finds wrong. */
  faults(): readonly string[] {
    const rows = this.#guarded(() => this.#db.pragma('integrity_check(20)')) as readonly { integrity_check: string }[]
    return rows.map((row) => row.integrity_check).filter((text) => text !== 'ok')
  }

  close(): void {
    try {
      this.#db.close()
    } catch (error) {
      // The end of the process closes it too, and everything durable is durable already.
      if (this.#broken === undefined) throw this.#translated(error)
    }
  }

  #prepare(schema: string, isNew: boolean): void {
    const db = this.#db
    const id = db.pragma('application_id', { simple: true }) as number
    const version = db.pragma('user_version', { simple: true }) as number
    if (id !== APPLICATION_ID) {
      const tables = db.prepare('SELECT count(*) AS n FROM sqlite_schema').get() as { readonly n: number }
      if (tables.n > 0) throw new StoreFormatUnknown(this.path, 'it is an SQLite database, and not of millrace')
      if (!isNew) throw new StoreDamaged(this.path, 'it has no tables')
    } else if (version !== FORMAT_VERSION) {
      throw new StoreFormatUnknown(
        this.path,
        `its format is ${version}, and ${FORMAT_VERSION} is the newest known here`,
      )
    }
    db.pragma('journal_mode = WAL')
    db.pragma('synchronous = FULL')
    db.pragma('cell_size_check = ON')
    db.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`)
    db.pragma(`journal_size_limit = ${JOURNAL_BYTES}`)
    if (id === APPLICATION_ID) return
    db.transaction(() => {
      db.exec(schema)
      db.pragma(`application_id = ${APPLICATION_ID}`)
      db.pragma(`user_version = ${FORMAT_VERSION}`)
    }).immediate()
  }

  #statement(sql: string): Statement<unknown[], unknown> {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.#db.prepare<unknown[], unknown>(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }

  #guarded<T>(body: () => T): T {
    try {
      return body()
    } catch (error) {
      throw this.#translated(error)
    }
  }

  #translated(error: unknown): unknown {
    const code = (error as { readonly code?: unknown } | null)?.code
    if (typeof code !== 'string' || code.startsWith('MR-')) return error
    if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') {
      return new StoreDamaged(this.path, reasonOf(error), error)
    }
    if (!code.startsWith('SQLITE_') && !/^E[A-Z]+$/.test(code)) return error
    const isFull = code === 'SQLITE_FULL' || code === 'ENOSPC' || code === 'EDQUOT'
    const failed = new StoreFailed(this.path, `${reasonOf(error)} (${code})`, isFull, error)
    if (code.startsWith('SQLITE_IOERR')) this.#broken = failed
    return failed
  }
}

/** Tables in a file of their own. */
export class SqliteTables {
  protected readonly file: SqliteFile

  constructor(file: SqliteFile) {
    this.file = file
  }

  get path(): string {
    return this.file.path
  }

  transaction<T>(durable: boolean, body: () => T): T {
    return this.file.transaction(durable, body)
  }

  settle(): void {
    this.file.settle()
  }

  faults(): readonly string[] {
    return this.file.faults()
  }

  close(): void {
    this.file.close()
  }
}

/** Bytes as SQLite gives them, without the methods of a Buffer, of which some do other things than an array's. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

function hasContent(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0
}
