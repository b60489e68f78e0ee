/**
 * Brings deliveries to a table: their rows and their mark in one transaction.
 *
 * Law: the rows of a delivery are all there, once, or none of them is, however often it comes and whatever happens on the way.
 */
import type { Env } from '../../sdk/env.js'
import type { DeliveryId } from '../../sdk/transforms/delivery.js'
import { databaseError, inTransaction, openDatabase, patiently } from './database.js'
import { quoted, quotedList } from './identifier.js'
import { createMarks, Marks } from './marks.js'
import { type ChangeItem, netChanges } from './net-changes.js'
import type { Database, Statement } from './package.js'
import { type TargetOptions, type TargetTable, targetTable } from './target-table.js'
import { bound, type SqliteValue } from './values.js'

/** How rows get into the table. */
export type WriteMode = 'append' | 'upsert' | 'changes'

/** What the sink needs to know. */
export interface SinkOptions extends TargetOptions {
  readonly mode: WriteMode
  readonly journal: 'wal' | 'keep'
  readonly busyMillis: number
}

/** Rows written until the clock is looked at, and how long before others of the process have a turn. */
const ROWS_PER_LOOK = 256
const TURN_MILLIS = 10

/** A table that is written to. */
export class TableSink {
  readonly #db: Database
  readonly #options: SinkOptions
  readonly #target: TargetTable
  readonly #marks: Marks
  readonly #write: Statement
  readonly #remove: Statement | undefined
  readonly #keyAt: readonly number[]

  private constructor(db: Database, options: SinkOptions, target: TargetTable) {
    this.#db = db
    this.#options = options
    this.#target = target
    this.#marks = new Marks(db)
    this.#write = db.prepare(writeStatement(options, target))
    this.#remove = options.mode === 'changes' ? db.prepare(removeStatement(options, target)) : undefined
    this.#keyAt = options.key.map((name) => options.columns.indexOf(name))
  }

  /** Opens the database and looks at the table, before anything is written. @throws what the run fails with. */
  static async open(env: Env, options: SinkOptions): Promise<TableSink> {
    const { place, busyMillis, create, journal } = options
    const db = await openDatabase('writeTable', env, options, create ? 'create' : 'write')
    try {
      return await patiently(env, busyMillis, place, 'write', () => {
        if (journal === 'wal') db.pragma('journal_mode = WAL')
        const target = inTransaction(db, () => {
          const table = targetTable(db, options)
          createMarks(db, place)
          return table
        })
        return new TableSink(db, options, target)
      })
    } catch (error) {
      db.close()
      throw databaseError(error, place, 'write')
    }
  }

  /** The values of a row, as they are bound. @throws when a column cannot hold one. */
  valuesOf(row: unknown): SqliteValue[] {
    const { columns } = this.#options
    const { affinities } = this.#target
    const given = row as Readonly<Record<string, unknown>>
    return columns.map((name, i) =>
      bound(Object.hasOwn(given, name) ? given[name] : undefined, affinities[i] as (typeof affinities)[number]),
    )
  }

  /** The newest batch of the query, step and shard that is there. */
  async newest(id: DeliveryId, env: Env): Promise<number | undefined> {
    const { place, busyMillis } = this.#options
    try {
      return await patiently(env, busyMillis, place, 'write', () => this.#marks.newest(id))
    } catch (error) {
      throw databaseError(error, place, 'write')
    }
  }

  /**
   * Writes the items of a delivery, or nothing if they are there already.
   *
   * @returns whether they were written.
   * @throws when nothing was written.
   */
  async deliver(items: readonly (readonly SqliteValue[])[], id: DeliveryId, env: Env): Promise<boolean> {
    const { place, busyMillis } = this.#options
    const db = this.#db
    const patient = <T>(action: () => T): Promise<T> => patiently(env, busyMillis, place, 'write', action)
    await patient(() => db.exec('BEGIN IMMEDIATE'))
    let isNew: boolean
    try {
      isNew = this.#marks.add(id, env.now())
      if (isNew) {
        await this.#writeAll(items, env)
        this.#marks.prune(id, env.now())
        env.crashpoint('sqlite.commit')
      }
      // Whoever reads may be in the way of it, where there is no write-ahead log.
      await patient(() => db.exec('COMMIT'))
    } catch (error) {
      if (db.open && db.inTransaction) db.exec('ROLLBACK')
      throw databaseError(error, place, 'write')
    }
    env.crashpoint('sqlite.committed')
    return isNew
  }

  close(): void {
    this.#db.close()
  }

  async #writeAll(items: readonly (readonly SqliteValue[])[], env: Env): Promise<void> {
    if (this.#remove === undefined) return this.#runAll(this.#write, items, env)
    const { removed, written } = netChanges(items as readonly ChangeItem[], this.#keyAt)
    const byKey = (row: readonly SqliteValue[]): readonly SqliteValue[] => [
      ...this.#keyAt.map((i) => row[i] as SqliteValue),
      ...row,
    ]
    await this.#runAll(this.#remove, removed.map(byKey), env)
    await this.#runAll(this.#write, written, env)
  }

  /** Nobody else uses the connection, so the transaction may stay open while others of the process have their turn. */
  async #runAll(statement: Statement, rows: readonly (readonly SqliteValue[])[], env: Env): Promise<void> {
    let turn = env.monotonic()
    for (let i = 0; i < rows.length; i++) {
      statement.run(...(rows[i] as readonly SqliteValue[]))
      if (i % ROWS_PER_LOOK !== ROWS_PER_LOOK - 1 || env.monotonic() - turn < TURN_MILLIS) continue
      await env.yield()
      turn = env.monotonic()
    }
  }
}

function writeStatement({ mode, columns, key }: SinkOptions, { name }: TargetTable): string {
  const insert = `INSERT INTO ${quoted(name)} (${quotedList(columns)}) VALUES (${columns.map(() => '?').join(', ')})`
  if (mode === 'append') return insert
  const others = columns.filter((column) => !key.includes(column))
  const update =
    others.length === 0
      ? 'DO NOTHING'
      : `DO UPDATE SET ${others.map((column) => `${quoted(column)} = excluded.${quoted(column)}`).join(', ')}`
  return `${insert} ON CONFLICT (${quotedList(key)}) ${update}`
}

/** Removes a row by its key, if it is the one that is meant: what has taken its place stays. */
function removeStatement({ columns, key }: SinkOptions, { name }: TargetTable): string {
  const byKey = key.map((column) => `${quoted(column)} IS ?`)
  const same = columns.map((column) => `${quoted(column)} IS ? COLLATE BINARY`)
  return `DELETE FROM ${quoted(name)} WHERE ${[...byKey, ...same].join(' AND ')}`
}
