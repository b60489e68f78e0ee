/**
 * Tables of SQLite databases: reading them in ranges of keys, following their changes, and writing them so that rows are
 * there exactly once. The package better-sqlite3 is loaded when it is needed.
 *
 * @module
 */
export { type ChangeElement, readChanges, type ReadChangesOptions } from './read-changes.js'
export { readTable, type ReadTableOptions, type TableElement } from './read-table.js'
export type { UnreadRow } from './unread-row.js'
export type { WriteMode } from './table-sink.js'
export type { SqliteRow, SqliteValue } from './values.js'
export { writeTable, type WriteTableOptions, type WrittenRow } from './write-table.js'
