/**
 * The file of a log, and the way to its lock: one process writes at a time, any number reads meanwhile.
 *
 * Laws: what a write has done is there as a whole when it returns, and nothing of it when it throws or the process dies; a
 * reading sees the log as it was at one moment; and of those who want to write none waits for ever, however busy the others are.
 */
import { coded } from '../../sdk/error-codes.js'
import { messageOf } from '../../sdk/errors.js'
import { isBusy, sqliteCode } from '../sqlite/sqlite-code.js'
import { type LogEnv, sleep } from './node.js'
import type { Database, OpenDatabase, Statement } from './packages.js'
import { APPLICATION_ID, FORMAT_VERSION, SCHEMA } from './schema.js'

/**
 * What an append survives once it has returned: `'full'` also the power going off, `'normal'` the end of the process only, and is
 * several times as fast for single records. The log is whole either way.
 */
export type Sync = 'full' | 'normal'

/** A lock that is taken and given back all the time is asked for this often, in milliseconds. */
const LOCK_POLL_MILLIS = 0.5
/** After so many vain attempts others are asked to let us in. */
const PATIENCE = 4
/** Who wrote less than so long ago lets others in first, if they ask. */
const HOT_MILLIS = 50
/** A request to be let in that is older than this is from someone who died. */
const REQUEST_MILLIS = 1000

/** An open log file. */
export class LogFile {
  readonly env: LogEnv
  readonly folder: string
  readonly #db: Database
  readonly #sync: Sync
  readonly #busyMillis: number
  readonly #waiting: string
  readonly #statements = new Map<string, Statement>()
  #syncNow: Sync
  #lastWrite = -Infinity

  /** Opens the file, and makes it where there is none. */
  constructor(open: OpenDatabase, folder: string, env: LogEnv, sync: Sync, busyMillis: number) {
    this.env = env
    this.folder = folder
    this.#sync = sync
    this.#busyMillis = busyMillis
    this.#waiting = `${folder}/waiting`
    const path = `${folder}/log.sqlite`
    this.#db = this.#explained(() => new open(path, { timeout: 0 }))
    try {
      this.#prepare()
    } catch (error) {
      this.#db.close()
      throw error
    }
    this.#syncNow = sync
  }

  get isOpen(): boolean {
    return this.#db.open
  }

  /** A statement, prepared once. */
  statement(sql: string): Statement {
    let statement = this.#statements.get(sql)
    if (statement === undefined) this.#statements.set(sql, (statement = this.#db.prepare(sql)))
    return statement
  }

  /** The row, if there is one. */
  row(sql: string, ...values: unknown[]): unknown {
    return this.statement(sql).get(...values)
  }

  rows(sql: string, ...values: unknown[]): unknown[] {
    return this.statement(sql).all(...values)
  }

  /** @returns how many rows it was about. */
  run(sql: string, ...values: unknown[]): number {
    return this.statement(sql).run(...values).changes
  }

  /** Statements that make or remove tables. */
  define(sql: string): void {
    this.#db.exec(sql)
  }

  /** Looks at the log as it is at one moment. Within a write: as the write has left it so far. */
  read<T>(work: () => T): T {
    this.#refuseClosed()
    if (this.#db.inTransaction) return work()
    return this.#explained(() =>
      this.#patiently(() => {
        this.run('BEGIN')
        try {
          return work()
        } finally {
          if (this.#db.inTransaction) this.run('COMMIT')
        }
      }),
    )
  }

  /** Changes the log, all or nothing. Within another write it is a part of that. */
  write<T>(work: () => T, sync: Sync = this.#sync): T {
    this.#refuseClosed()
    if (this.#db.inTransaction) return work()
    return this.#explained(() => {
      this.#setSync(sync)
      this.#letOthersIn()
      this.#patiently(() => this.run('BEGIN IMMEDIATE'))
      try {
        const result = work()
        this.run('COMMIT')
        return result
      } catch (error) {
        if (this.#db.inTransaction) this.run('ROLLBACK')
        throw error
      } finally {
        this.#lastWrite = this.env.monotonic()
      }
    })
  }

  /** Does the work while nobody writes, if that is so right now. @returns whether it was. */
  whileQuiet(work: () => void): boolean {
    this.#refuseClosed()
    try {
      this.run('BEGIN IMMEDIATE')
    } catch (error) {
      if (isBusy(error)) return false
      throw error
    }
    try {
      work()
      return true
    } finally {
      this.run('ROLLBACK')
    }
  }

  /** Gives room that is not used any more back to the disk, at most so many pages at a time. @returns bytes given back. */
  shrink(pages: number): number {
    const free = this.#pragma('freelist_count')
    if (free * 4 < this.#pragma('page_count')) return 0
    this.#explained(() => this.#patiently(() => this.#db.pragma(`incremental_vacuum(${pages})`)))
    return (free - this.#pragma('freelist_count')) * this.#pragma('page_size')
  }

  /** Bytes of the file that hold something. */
  get usedBytes(): number {
    return (this.#pragma('page_count') - this.#pragma('freelist_count')) * this.#pragma('page_size')
  }

  close(): void {
    this.#statements.clear()
    this.#db.close()
  }

  #prepare(): void {
    this.#explained(() => {
      // Both are fixed before there is a table.
      this.#patiently(() => {
        if (this.#pragma('page_count') === 0) this.#db.pragma('auto_vacuum = INCREMENTAL')
        this.#db.pragma('journal_mode = WAL')
      })
      this.#db.pragma(`synchronous = ${this.#sync}`)
      this.#db.pragma('journal_size_limit = 67108864')
      this.#patiently(() => this.run('BEGIN IMMEDIATE'))
      try {
        const isNew = this.#pragma('user_version') === 0 && this.row('SELECT 1 FROM sqlite_master') === undefined
        if (isNew) {
          this.define(SCHEMA)
          this.#db.pragma(`application_id = ${APPLICATION_ID}`)
          this.#db.pragma(`user_version = ${FORMAT_VERSION}`)
        }
        this.run('COMMIT')
      } finally {
        if (this.#db.inTransaction) this.run('ROLLBACK')
      }
      const version = this.#pragma('user_version')
      if (this.#pragma('application_id') !== APPLICATION_ID)
        throw coded('MR-5401', new Error(`"${this.folder}/log.sqlite" is a database, but no log. Give another folder.`))
      if (version !== FORMAT_VERSION)
        throw coded(
          'MR-5401',
          new Error(
            `the log in "${this.folder}" has format ${version}, and this version reads ${FORMAT_VERSION}. Use the version of millrace that wrote it, or a newer one.`,
          ),
        )
    })
  }

  #pragma(name: string): number {
    return this.#db.pragma(name, { simple: true }) as number
  }

  #setSync(sync: Sync): void {
    if (sync === this.#syncNow) return
    this.#db.pragma(`synchronous = ${sync}`)
    this.#syncNow = sync
  }

  #refuseClosed(): void {
    if (!this.#db.open)
      throw coded('MR-5409', new Error(`the log in "${this.folder}" is closed. Open it again: await openLog(…).`))
  }

  /** Tries again for as long as others have the lock, and asks to be let in. */
  #patiently<T>(attempt: () => T): T {
    const { env } = this
    let waited = 0
    let hasAsked = false
    for (let tries = 0; ; tries++) {
      try {
        const result = attempt()
        if (hasAsked) env.files?.remove(this.#waiting)
        return result
      } catch (error) {
        if (!isBusy(error)) throw error
        if (waited > this.#busyMillis) {
          throw coded(
            'MR-5406',
            new Error(
              `the log in "${this.folder}" was locked by another process for ${this.#busyMillis} ms. Look for one that stands still in the middle of an append, or give openLog a longer busyTimeout.`,
              { cause: error },
            ),
          )
        }
      }
      if (tries >= PATIENCE) hasAsked = this.#ask() || hasAsked
      const pause = LOCK_POLL_MILLIS * (0.5 + env.random())
      sleep(pause)
      waited += pause
    }
  }

  /** Puts a file there that says that somebody waits. @returns whether it was not there. */
  #ask(): boolean {
    const { files } = this.env
    if (files?.status(this.#waiting) !== undefined) return false
    try {
      files?.create(this.#waiting).close()
      return true
    } catch {
      // Another one was faster.
      return false
    }
  }

  /** Who writes all the time would have the lock again before others have noticed that it was free. */
  #letOthersIn(): void {
    const { env } = this
    const { files } = env
    if (env.monotonic() - this.#lastWrite > HOT_MILLIS) return
    const status = files?.status(this.#waiting)
    if (status === undefined) return
    if (Math.abs(env.now() - status.modified) > REQUEST_MILLIS) files?.remove(this.#waiting)
    else sleep(4 * LOCK_POLL_MILLIS)
  }

  /** Says what SQLite's refusals mean here. */
  #explained<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      const code = sqliteCode(error)
      if (code === undefined) throw error
      const where = `the log in "${this.folder}"`
      if (/^SQLITE_(CORRUPT|NOTADB)/.test(code))
        throw coded('MR-5401', new Error(`${where} is broken: ${messageOf(error)}. Restore it from a copy.`, { cause: error })) // prettier-ignore
      if (/^SQLITE_(FULL|IOERR|READONLY|CANTOPEN|PERM|AUTH)/.test(code))
        throw coded('MR-5009', new Error(`${where} cannot be read or written: ${messageOf(error)} (${code}).`, { cause: error })) // prettier-ignore
      throw error
    }
  }
}
