/**
 * What a table of a database is made of, as the database itself says.
 */
import { folded, isSameName } from './identifier.js'
import type { Database } from './package.js'

/** How SQLite changes values that are put into a column. */
export type Affinity = 'text' | 'integer' | 'real' | 'numeric' | 'blob'

/** A column. */
export interface Column {
  readonly name: string
  readonly affinity: Affinity
  readonly isRequired: boolean
  /** Computed by the table, so that nobody can write it. */
  readonly isGenerated: boolean
}

/** Columns that no two rows have alike; `undefined` stands for an expression. */
export interface UniqueKey {
  readonly columns: readonly (string | undefined)[]
  readonly collations: readonly string[]
  /** Whether it holds for some rows only. */
  readonly isPartial: boolean
}

/** A table or view. */
export interface TableShape {
  readonly name: string
  readonly isView: boolean
  readonly isVirtual: boolean
  readonly columns: readonly Column[]
  /** The name by which rowids can be asked for; `undefined` where there are none, or all their names are columns. */
  readonly rowid: string | undefined
  /** The column that is the rowid, if one is. */
  readonly rowidColumn: string | undefined
  /** Of the primary key, in its order. */
  readonly primaryKey: readonly string[]
  /** The primary key among them, but not the rowid. */
  readonly uniqueKeys: readonly UniqueKey[]
}

interface ColumnRow {
  readonly name: string
  readonly type: string
  readonly notnull: number
  readonly dflt_value: string | null
  readonly pk: number
  readonly hidden: number
}

/** The shape of a table or view; `undefined` when there is none of that name. */
export function tableShape(db: Database, table: string): TableShape | undefined {
  const found = db
    .prepare<[string], { name: string; type: string; wr: number }>(
      "SELECT name, type, wr FROM pragma_table_list(?) WHERE schema = 'main'",
    )
    .get(table)
  if (found === undefined) return undefined
  const { name } = found
  const rows = db.prepare<[string], ColumnRow>("SELECT * FROM pragma_table_xinfo(?, 'main')").all(name)
  const indexes = db
    .prepare<[string], { name: string; unique: number; origin: string; partial: number }>(
      "SELECT * FROM pragma_index_list(?, 'main')",
    )
    .all(name)
  const keyRows = rows.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk)
  const hasRowid = found.type !== 'view' && found.wr === 0
  // A primary key that is the rowid needs no index of its own.
  const isRowid =
    hasRowid &&
    keyRows.length === 1 &&
    folded(keyRows[0]?.type ?? '') === 'integer' &&
    !indexes.some(({ origin }) => origin === 'pk')
  const rowidColumn = isRowid ? keyRows[0]?.name : undefined
  const visible = rows.filter(({ hidden }) => hidden !== 1)
  return {
    name,
    isView: found.type === 'view',
    isVirtual: found.type === 'virtual' || found.type === 'shadow',
    columns: visible.map(({ name: column, type, notnull, dflt_value, hidden }) => ({
      name: column,
      affinity: affinityOf(type),
      isRequired: notnull === 1 && dflt_value === null && column !== rowidColumn && hidden === 0,
      isGenerated: hidden !== 0,
    })),
    rowid: hasRowid
      ? (rowidColumn ?? ['rowid', '_rowid_', 'oid'].find((each) => !rows.some((row) => isSameName(row.name, each))))
      : undefined,
    rowidColumn,
    primaryKey: keyRows.map((row) => row.name),
    uniqueKeys: indexes
      .filter(({ unique }) => unique === 1)
      .map(({ name: index, partial }) => {
        const parts = db
          .prepare<[string], { name: string | null; coll: string; key: number }>(
            "SELECT name, coll, key FROM pragma_index_xinfo(?, 'main') WHERE key = 1 ORDER BY seqno",
          )
          .all(index)
        return {
          columns: parts.map((part) => part.name ?? undefined),
          collations: parts.map(({ coll }) => coll),
          isPartial: partial === 1,
        }
      }),
  }
}

/** The column of a name, as SQLite finds it. */
export function columnOf({ columns }: TableShape, name: string): Column | undefined {
  return columns.find((column) => isSameName(column.name, name))
}

/** Whether no two rows have the same values of these columns. */
export function isUnique({ rowidColumn, uniqueKeys }: TableShape, names: readonly string[]): boolean {
  const wanted = new Set(names.map(folded))
  if (names.length === 1 && rowidColumn !== undefined && wanted.has(folded(rowidColumn))) return true
  return uniqueKeys.some(
    ({ columns, isPartial }) =>
      !isPartial &&
      columns.length === wanted.size &&
      columns.every((name) => name !== undefined && wanted.has(folded(name))),
  )
}

/** SQLite's rule for the affinity of a declared type. */
export function affinityOf(type: string): Affinity {
  const declared = type.toUpperCase()
  if (declared.includes('INT')) return 'integer'
  if (/CHAR|CLOB|TEXT/.test(declared)) return 'text'
  if (declared === '' || declared.includes('BLOB')) return 'blob'
  return /REAL|FLOA|DOUB/.test(declared) ? 'real' : 'numeric'
}
