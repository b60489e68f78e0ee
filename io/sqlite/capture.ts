/**
 * The changes of a table, kept in its own database for those who read them: who reads, how far each has come, and what may be
 * thrown away.
 *
 * Law: a change is kept until every reader has acknowledged it; a reader whose changes are gone is told so and never goes on
 * without them.
 */
import type { Env } from '../../sdk/env.js'
import { coded } from '../../sdk/error-codes.js'
import { preview } from '../../sdk/preview.js'
import { captureNames, captureStatements, removalOf, snapshotStatement } from './capture-triggers.js'
import { databaseError, inTransaction, openDatabase, patiently, type Place } from './database.js'
import { isSameName, quoted } from './identifier.js'
import type { Database } from './package.js'
import { notThere } from './table-options.js'
import { tableShape, type TableShape } from './table-shape.js'

/** Where a reader begins. */
export type CaptureStart = 'reader' | 'snapshot' | 'now'

/** Who reads which table. */
export interface CaptureOptions {
  readonly place: Place & { readonly table: string }
  readonly reader: string
  readonly keep: 'unread' | 'all'
  readonly busyMillis: number
}

/** Tables that all captures of a database share, and their columns. */
const shared: Readonly<Record<string, { readonly columns: readonly string[]; readonly sql: string }>> = {
  millrace_captures: {
    columns: ['table_name', 'columns', 'trimmed'],
    sql: 'CREATE TABLE millrace_captures (table_name TEXT PRIMARY KEY, columns TEXT NOT NULL, trimmed INTEGER NOT NULL)',
  },
  millrace_readers: {
    columns: ['table_name', 'reader', 'position'],
    sql: 'CREATE TABLE millrace_readers (table_name TEXT, reader TEXT, position INTEGER NOT NULL, PRIMARY KEY (table_name, reader))',
  },
}

/** The captured changes of a table. */
export class Capture {
  readonly db: Database
  readonly env: Env
  /** The table's columns, as they are captured: the i-th is the column `ci` of the changes. */
  readonly columns: readonly string[]
  /** The table of changes. */
  readonly changes: string
  readonly #options: CaptureOptions
  readonly #shape: TableShape

  private constructor(env: Env, db: Database, options: CaptureOptions, shape: TableShape) {
    this.env = env
    this.db = db
    this.#options = options
    this.#shape = shape
    this.columns = shape.columns.map(({ name }) => name)
    this.changes = captureNames(shape.name).changes
  }

  /** Opens the database and sees to it that changes are captured. @throws what the run fails with. */
  static async open(env: Env, options: CaptureOptions): Promise<Capture> {
    const { place, busyMillis } = options
    const db = await openDatabase('readChanges', env, options, 'write')
    try {
      return await patiently(env, busyMillis, place, 'write', () => {
        // Looking needs no lock, and in most runs all is there.
        const shape = shapeOf(db, place)
        if (!isInstalled(db, place, shape)) inTransaction(db, () => install(db, place, shapeOf(db, place)))
        return new Capture(env, db, options, shape)
      })
    } catch (error) {
      db.close()
      throw databaseError(error, place, 'write')
    }
  }

  /** The number of the first change that the reader is to read, which from now on is kept for it. */
  begin(startAt: CaptureStart): number {
    const { place, reader, busyMillis } = this.#options
    const { db } = this
    const table = this.#shape.name
    // Called once, and by something that cannot wait otherwise.
    db.pragma(`busy_timeout = ${Math.ceil(busyMillis)}`)
    try {
      const known = db
        .prepare<[string, string], { position: number }>(
          'SELECT position FROM millrace_readers WHERE table_name = ? AND reader = ?',
        )
        .get(table, reader)
      if (startAt === 'reader' && known !== undefined) return known.position
      return inTransaction(db, () => {
        const position = this.end()
        if (startAt !== 'now') db.prepare(snapshotStatement(this.#shape)).run(reader)
        db.prepare(
          'INSERT INTO millrace_readers VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET position = excluded.position',
        ).run(table, reader, position)
        return position
      })
    } catch (error) {
      throw databaseError(error, place, 'write')
    } finally {
      db.pragma('busy_timeout = 20')
    }
  }

  /** The number that the next change will have. */
  end(): number {
    const last = this.db
      .prepare<[string], { seq: number }>('SELECT seq FROM sqlite_sequence WHERE name = ?')
      .get(this.changes)
    return (last?.seq ?? 0) + 1
  }

  /** @throws when changes from this number on are gone already. */
  checkKept(from: number): void {
    const { place, reader } = this.#options
    const kept = this.db
      .prepare<[string], { trimmed: number }>('SELECT trimmed FROM millrace_captures WHERE table_name = ?')
      .get(this.#shape.name)
    if (kept !== undefined && kept.trimmed <= from) return
    throw coded(
      'MR-5309',
      new Error(
        `database ${preview(place.file)}, table ${preview(place.table)}: reader ${preview(reader)} goes on at change ${from}, and changes before ${kept?.trimmed ?? 'the last one'} are gone: somebody else has acknowledged them under the same name, or has removed the reader. Give each pipeline a reader of its own, and begin again with startAt: 'snapshot'.`,
      ),
    )
  }

  /** Says that the reader needs nothing before `position` any more, and throws away what nobody needs. */
  async acknowledge(position: number): Promise<void> {
    const { place, reader, keep, busyMillis } = this.#options
    const { db } = this
    const table = this.#shape.name
    await patiently(this.env, busyMillis, place, 'write', () =>
      inTransaction(db, () => {
        db.prepare('UPDATE millrace_readers SET position = ? WHERE table_name = ? AND reader = ? AND position < ?').run(
          position,
          table,
          reader,
          position,
        )
        if (keep === 'all') return
        const { low } = db
          .prepare<[string], { low: number | null }>(
            'SELECT min(position) AS low FROM millrace_readers WHERE table_name = ?',
          )
          .get(table) as { low: number | null }
        if (low === null) return
        db.prepare(`DELETE FROM ${quoted(this.changes)} WHERE seq < ?`).run(low)
        db.prepare('UPDATE millrace_captures SET trimmed = ? WHERE table_name = ? AND trimmed < ?').run(low, table, low)
      }),
    )
  }

  close(): void {
    this.db.close()
  }
}

function shapeOf(db: Database, { file, table }: CaptureOptions['place']): TableShape {
  const shape = tableShape(db, table)
  const where = `database ${preview(file)}`
  if (shape === undefined) throw notThere(`${where} has no table ${preview(table)}.`)
  const hasIdentity = shape.rowid !== undefined || shape.primaryKey.length > 0
  if (shape.isView || shape.isVirtual || !hasIdentity)
    throw coded(
      'MR-5306',
      new Error(
        `${where}: the changes of ${preview(table)} cannot be captured, as it is ${shape.isView ? 'a view' : shape.isVirtual ? 'a virtual table' : 'a table whose rowid cannot be named'}. Capture the tables that it is made of.`,
      ),
    )
  return shape
}

/** Whether all of the capture is there. @throws when a part is, and does not fit. */
function isInstalled(db: Database, place: CaptureOptions['place'], shape: TableShape): boolean {
  const where = `database ${preview(place.file)}, table ${preview(place.table)}`
  const exists = (name: string): boolean =>
    db.prepare('SELECT 1 FROM sqlite_schema WHERE name = ? COLLATE NOCASE').get(name) !== undefined
  for (const [name, { columns }] of Object.entries(shared)) {
    const there = tableShape(db, name)?.columns.map((column) => column.name)
    if (there === undefined && !exists(name)) return false
    if (there === undefined || there.join() !== columns.join())
      throw coded(
        'MR-5306',
        new Error(
          `${where}: the name ${preview(name)} belongs to millrace, and somebody else's ${preview(there ?? [])} has it. Rename that one.`,
        ),
      )
  }
  const { changes, replaced, triggers } = captureNames(shape.name)
  const parts = [changes, replaced, ...triggers]
  const recorded = db
    .prepare<[string], { columns: string }>('SELECT columns FROM millrace_captures WHERE table_name = ?')
    .get(shape.name)
  if (recorded === undefined) {
    const taken = parts.find(exists)
    if (taken === undefined) return false
    throw coded(
      'MR-5306',
      new Error(
        `${where}: the name ${preview(taken)} belongs to millrace, and somebody else has it. Rename that one; or, if a capture was removed by half, remove the rest: ${removalOf(shape.name)}`,
      ),
    )
  }
  const before = JSON.parse(recorded.columns) as readonly string[]
  const now = shape.columns.map(({ name }) => name)
  const gone = parts.find((name) => !exists(name))
  if (
    gone === undefined &&
    before.length === now.length &&
    before.every((name, i) => isSameName(name, now[i] as string))
  )
    return true
  const why =
    gone === undefined
      ? `its columns were ${preview(before)} when the capture was made, and are ${preview(now)}`
      : `${preview(gone)}, a part of its capture, is gone`
  throw coded(
    'MR-5306',
    new Error(
      `${where}: ${why}. When its readers have read what there is, remove the capture, and the next run makes a new one: ${removalOf(shape.name)}`,
    ),
  )
}

function install(db: Database, place: CaptureOptions['place'], shape: TableShape): void {
  // Somebody else may just have done it.
  if (isInstalled(db, place, shape)) return
  for (const [name, { sql }] of Object.entries(shared)) if (tableShape(db, name) === undefined) db.exec(sql)
  if (isInstalled(db, place, shape)) return
  for (const statement of captureStatements(shape)) db.exec(statement)
  db.prepare('INSERT INTO millrace_captures VALUES (?, ?, 1)').run(
    shape.name,
    JSON.stringify(shape.columns.map(({ name }) => name)),
  )
}
