/**
 * The package that knows SQLite's files. It is loaded when a log is opened, and need not be there otherwise.
 *
 * Law: what is missing is said once, with the line that installs it.
 */
import { missingPackage } from '../../sdk/missing-package.js'

/** Opens a file as a database. */
export type OpenDatabase = typeof import('better-sqlite3')
/** An open database. */
export type Database = import('better-sqlite3').Database
/** A prepared statement. */
export type Statement = import('better-sqlite3').Statement<unknown[]>

/** What opens databases. @throws {PipelineError} when it is not installed. */
export async function loadSqlite(): Promise<OpenDatabase> {
  try {
    const { default: open } = await import('better-sqlite3')
    // Its compiled part is looked for when a database is opened, not when the package is loaded.
    new open(':memory:').close()
    return open
  } catch (error) {
    return missingPackage('a log', 'better-sqlite3@12', error)
  }
}
