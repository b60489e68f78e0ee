/**
 * The SQL that captures the changes of a table: a table of changes, and triggers that write into it in the transaction of
 * whoever changes the table, with whatever program.
 *
 * Law: the changes, in the order of their numbers, are what the table has gone through: rows inserted and not retracted are
 * those it holds. That includes rows that INSERT OR REPLACE takes away, for which SQLite calls no trigger of deletion: those
 * that may be taken away are noted before, and looked for after.
 */
import { quoted } from './identifier.js'
import type { TableShape } from './table-shape.js'

/** Names of what belongs to the capture of a table. */
export interface CaptureNames {
  readonly changes: string
  readonly replaced: string
  readonly triggers: readonly string[]
}

const EVENTS = ['before_insert', 'after_insert', 'before_update', 'after_update', 'after_delete'] as const

/** Names of what belongs to the capture of a table. */
export function captureNames(table: string): CaptureNames {
  return {
    changes: `millrace_changes_${table}`,
    replaced: `millrace_replaced_${table}`,
    triggers: EVENTS.map((event) => `millrace_${event}_${table}`),
  }
}

/** Milliseconds since 1970, also in versions of SQLite that have no function for them. */
const NOW = "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"

/** Statements that make the capture of a table. */
export function captureStatements(shape: TableShape): readonly string[] {
  const { changes, replaced, triggers } = captureNames(shape.name)
  const [table, log, noted] = [quoted(shape.name), quoted(changes), quoted(replaced)]
  const columns = shape.columns.map(({ name }) => quoted(name))
  const cells = columns.map((_, i) => `c${i}`).join(', ')
  const identity = identityOf(shape)
  const marks = identity.map((_, i) => `k${i}`).join(', ')
  const values = (row: string): string => columns.map((name) => `${row}.${name}`).join(', ')
  const write = (kind: 1 | -1, row: string): string =>
    `INSERT INTO ${log} (kind, at, ${cells}) VALUES (${kind}, ${NOW}, ${values(row)});`
  const same = (row: string): string => identity.map((name, i) => `s.k${i} IS ${row}.${name}`).join(' AND ')
  const note = (event: string, more: string): string =>
    `DELETE FROM ${noted} WHERE event = '${event}';
     INSERT INTO ${noted} (event, ${marks}, ${cells})
       SELECT '${event}', ${identity.map((name) => `t.${name}`).join(', ')}, ${values('t')}
       FROM ${table} AS t WHERE (${conflicts(shape)})${more};`
  const retractReplaced = (event: string): string =>
    `INSERT INTO ${log} (kind, at, ${cells})
       SELECT -1, ${NOW}, ${columns.map((_, i) => `s.c${i}`).join(', ')} FROM ${noted} AS s
       WHERE s.event = '${event}' AND ((${same('NEW')})
         OR NOT EXISTS (SELECT 1 FROM ${table} AS t WHERE ${same('t')}));
     DELETE FROM ${noted} WHERE event = '${event}';`
  const other = `NOT (${identity.map((name) => `t.${name} IS OLD.${name}`).join(' AND ')})`
  const bodies: Readonly<Record<(typeof EVENTS)[number], string>> = {
    before_insert: note('insert', ''),
    after_insert: `${retractReplaced('insert')} ${write(1, 'NEW')}`,
    before_update: note('update', ` AND ${other}`),
    after_update: `${retractReplaced('update')} ${write(-1, 'OLD')} ${write(1, 'NEW')}`,
    // With PRAGMA recursive_triggers a row that is replaced comes by here: it must not be retracted twice.
    after_delete: `${write(-1, 'OLD')}
     DELETE FROM ${noted} WHERE ${identity.map((name, i) => `k${i} IS OLD.${name}`).join(' AND ')};`,
  }
  return [
    `CREATE TABLE ${log} (seq INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, at INTEGER NOT NULL, reader TEXT, ${cells})`,
    `CREATE TABLE ${noted} (event TEXT NOT NULL, ${marks}, ${cells})`,
    ...EVENTS.map(
      (event, i) =>
        `CREATE TRIGGER ${quoted(triggers[i] as string)} ${event.replace('_', ' ').toUpperCase()} ON ${table} BEGIN ${bodies[event]} END`,
    ),
  ]
}

/** A statement that notes all rows that there are as changes for one reader; its name is the parameter. */
export function snapshotStatement(shape: TableShape): string {
  const columns = shape.columns.map(({ name }) => `t.${quoted(name)}`).join(', ')
  const order = identityOf(shape)
    .map((name) => `t.${name}`)
    .join(', ')
  return `INSERT INTO ${quoted(captureNames(shape.name).changes)} (kind, at, reader, ${shape.columns.map((_, i) => `c${i}`).join(', ')})
    SELECT 1, ${NOW}, ?, ${columns} FROM ${quoted(shape.name)} AS t ORDER BY ${order}`
}

/** Statements that take the capture away, as a message shows them. */
export function removalOf(table: string): string {
  const { changes, replaced, triggers } = captureNames(table)
  const text = `'${table.replaceAll("'", "''")}'`
  return [
    ...triggers.map((name) => `DROP TRIGGER IF EXISTS ${quoted(name)};`),
    `DROP TABLE IF EXISTS ${quoted(changes)};`,
    `DROP TABLE IF EXISTS ${quoted(replaced)};`,
    `DELETE FROM millrace_captures WHERE table_name = ${text};`,
    `DELETE FROM millrace_readers WHERE table_name = ${text};`,
  ].join(' ')
}

/** What tells rows apart, as it stands in SQL behind the name of a row. */
function identityOf({ rowid, primaryKey }: TableShape): readonly string[] {
  return rowid === undefined ? primaryKey.map(quoted) : [quoted(rowid)]
}

/** Which rows `t` the row NEW may replace: at least those, as it is looked at afterwards which are gone. */
function conflicts({ rowid, uniqueKeys }: TableShape): string {
  const keys = uniqueKeys.map(({ columns, collations }) =>
    columns
      .flatMap((name, i) =>
        name === undefined
          ? []
          : [`t.${quoted(name)} = NEW.${quoted(name)} COLLATE ${quoted(collations[i] as string)}`],
      )
      .join(' AND '),
  )
  // An index of expressions alone says nothing about columns: then any row may be meant.
  const known = keys.map((key) => (key === '' ? '1' : key))
  return [...(rowid === undefined ? [] : [`t.${quoted(rowid)} = NEW.${quoted(rowid)}`]), ...known].join(' OR ')
}
