/**
 * The package that knows SQLite. It is loaded when a database is opened, and need not be there otherwise.
 *
 * Law: what is missing is said once, with the line that installs it.
 */
import type { Database, Options } from 'better-sqlite3'
import { missingPackage } from '../../sdk/missing-package.js'

/** An open database. */
export type { Database, Statement } from 'better-sqlite3'

/** Opens a database. */
export type Open = new (file: string, options: Options) => Database

/** What opens databases. @throws {PipelineError} when it is not installed, or was not built. */
export async function loadSqlite(who: string): Promise<Open> {
  try {
    const { default: open } = await import('better-sqlite3')
    return open
  } catch (error) {
    return missing(who, error)
  }
}

/** Says what to install. */
export function missing(who: string, error: unknown): never {
  return missingPackage(who, 'better-sqlite3@12', error)
}
