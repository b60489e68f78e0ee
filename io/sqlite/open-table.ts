/**
 * A table or query that is being read: the database is open, its columns are known, and so is the range of its keys.
 */
import type { Env } from '../../sdk/env.js'
import { coded } from '../../sdk/error-codes.js'
import { preview } from '../../sdk/preview.js'
import { databaseError, openDatabase, patiently } from './database.js'
import { isSameName, quoted } from './identifier.js'
import { type Key, keyAfter, type KeyRange, type KeyTracker } from './key-range.js'
import type { Database } from './package.js'
import { type RowMaker, rowMaker } from './row-maker.js'
import { RowReader, type Selection } from './row-reader.js'
import { notThere, type TableReading } from './table-options.js'
import { columnOf, isUnique, tableShape } from './table-shape.js'
import { type UnreadRow, unreadRow } from './unread-row.js'
import { wholeOf } from './values.js'

interface Bounds {
  readonly lowest: bigint | null
  readonly highest: bigint | null
  /** Rows whose key is no whole number. */
  readonly strange: bigint
}

/** A table or query that is open. */
export class OpenTable {
  /** The keys that there were when it was opened. */
  readonly range: KeyRange
  readonly #db: Database
  readonly #selection: Selection
  readonly #reader: RowReader
  readonly #maker: RowMaker
  readonly #isChecked: boolean

  private constructor(env: Env, db: Database, selection: Selection, range: KeyRange, reading: TableReading) {
    this.#db = db
    this.#selection = selection
    this.range = range
    this.#reader = new RowReader(env, db, selection, reading.busyMillis)
    this.#maker = rowMaker(selection.columns, reading.codec)
    this.#isChecked = reading.codec !== undefined
  }

  /** Opens it and looks what is there. @throws what the run fails with. */
  static async open(env: Env, reading: TableReading): Promise<OpenTable> {
    const { place, busyMillis } = reading
    const db = await openDatabase('readTable', env, reading, 'read')
    try {
      return await patiently(env, busyMillis, place, 'read', () => {
        const selection = selectionOf(db, reading)
        return new OpenTable(env, db, selection, rangeOf(db, selection, reading), reading)
      })
    } catch (error) {
      db.close()
      throw databaseError(error, place, 'read')
    }
  }

  /** Reads the rows of a range until a claim is refused. */
  async read(tracker: KeyTracker, emit: (row: unknown) => void, unread: (row: UnreadRow) => void): Promise<void> {
    const { rowOf, checked } = this.#maker
    const { place } = this.#selection
    if (!this.#isChecked) {
      await this.#reader.read(tracker, (_, values) => emit(rowOf(values, 1)))
      return
    }
    await this.#reader.read(tracker, (key, values) => {
      const row = rowOf(values, 1)
      const bad = (error: unknown): void => unread(unreadRow(place, key, row, error))
      let value: unknown
      try {
        value = checked(row)
      } catch (error) {
        return bad(error)
      }
      return value instanceof Promise ? value.then(emit, bad) : emit(value)
    })
  }

  close(): void {
    this.#db.close()
  }
}

function selectionOf(db: Database, reading: TableReading): Selection {
  const { place, query, key, columns, positional, named } = reading
  if (query !== undefined) {
    const select = query.replace(/[\s;]+$/, '')
    const from = `(${select}\n)`
    // As a part of another one it must be a SELECT; by itself it says its names as they are.
    db.prepare(`SELECT * FROM ${from}`)
    const statement = db.prepare(select)
    const there = statement.columns().map(({ name }) => name)
    const twice = there.find((name, i) => there.slice(0, i).some((other) => isSameName(other, name)))
    if (twice !== undefined)
      throw notThere(`the query of readTable gives two columns ${preview(twice)}. Name each: SELECT … AS ….`)
    for (const name of [key as string, ...(columns ?? [])]) {
      if (!there.some((other) => isSameName(other, name)))
        throw notThere(`the query of readTable gives no column ${preview(name)}; it gives ${there.join(', ')}.`)
    }
    return { place, from, key: key as string, isUnique: false, columns: columns ?? there, positional, named }
  }
  const table = place.table as string
  const shape = tableShape(db, table)
  const where = `database ${preview(place.file)}`
  if (shape === undefined) {
    const tables = db
      .prepare<[], { name: string }>("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') LIMIT 20")
      .all()
      .map(({ name }) => name)
    throw notThere(`${where} has no table ${preview(table)}. It has ${tables.length === 0 ? 'none' : preview(tables)}.`)
  }
  for (const name of [...(key === undefined ? [] : [key]), ...(columns ?? [])]) {
    if (columnOf(shape, name) === undefined)
      throw notThere(
        `${where}: table ${preview(table)} has no column ${preview(name)}; it has ${preview(shape.columns.map((each) => each.name))}.`,
      )
  }
  const by = key ?? shape.rowid
  if (by === undefined)
    throw coded(
      'MR-5303',
      new Error(
        `${where}: ${shape.isView ? 'view' : 'table'} ${preview(table)} has no rowid to be read by. Give readTable a key: a column of whole numbers.`,
      ),
    )
  return {
    place,
    from: quoted(shape.name),
    key: by,
    isUnique: key === undefined || isUnique(shape, [key]),
    columns: columns ?? shape.columns.map(({ name }) => name),
    positional,
    named,
  }
}

/** The keys that are there, within those that are wanted. */
function rangeOf(db: Database, { from, key, place, positional, named }: Selection, reading: TableReading): KeyRange {
  const column = `t.${quoted(key)}`
  const isRowid = reading.key === undefined
  // Of a rowid lowest and highest are found without looking at the rows; any other key may hold anything.
  const sql = isRowid
    ? `SELECT (SELECT min(${column}) FROM ${from} AS t) AS lowest, (SELECT max(${column}) FROM ${from} AS t) AS highest, 0 AS strange`
    : `SELECT min(${column}) AS lowest, max(${column}) AS highest, coalesce(sum(typeof(${column}) <> 'integer'), 0) AS strange FROM ${from} AS t`
  const bounds = db
    .prepare(sql)
    .safeIntegers()
    .get(...positional, named) as Bounds
  if (bounds.strange > 0n)
    throw coded(
      'MR-5303',
      new Error(
        `database ${preview(place.file)}, ${place.table === undefined ? 'the query' : `table ${preview(place.table)}`}: ${bounds.strange} rows have no whole number in ${preview(key)}, and would not be read. Give readTable another key, or a query that leaves them out.`,
      ),
    )
  const { range } = reading
  if (bounds.lowest === null || bounds.highest === null) return { from: 0, to: 0 }
  const lowest = later(wholeOf(bounds.lowest), range.from)
  const end = sooner(keyAfter(wholeOf(bounds.highest)), range.to)
  return lowest < end ? { from: lowest, to: end } : { from: 0, to: 0 }
}

function later(key: Key, other: Key | undefined): Key {
  return other === undefined || key > other ? key : keyAfter(other, 0)
}

function sooner(key: Key, other: Key | undefined): Key {
  return other === undefined || key < other ? key : keyAfter(other, 0)
}
