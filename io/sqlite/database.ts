/**
 * Databases: opened by path, asked with patience, and what they say when they fail.
 *
 * Law: a call never waits long inside SQLite, where it would hold up everything else of the process; while others write, it
 * is tried again until the time is over. Every failure names the file and the table.
 */
import type { Env } from '../../sdk/env.js'
import { coded, type ErrorCode } from '../../sdk/error-codes.js'
import { messageOf } from '../../sdk/errors.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import { isPath } from '../text/paths.js'
import { type Database, loadSqlite } from './package.js'
import { isBusy, sqliteCode } from './sqlite-code.js'

/** How long one call waits inside SQLite for others. */
const WAIT_MILLIS = 20
/** The first wait outside, which doubles. */
const BACKOFF_MILLIS = 5
const BACKOFF_MAX_MILLIS = 250

/** Which table of which database, for messages. */
export interface Place {
  readonly file: string
  /** The table, or `undefined` for what a query reads. */
  readonly table: string | undefined
}

/** @throws {PipelineError} when it cannot name a database. */
export function checkFile(who: string, file: unknown): string {
  if (!isPath(file) || file.trim() !== file)
    refuse('MR-1004', `option file of ${who} is the path of a database, but is ${preview(file)}.`)
  if (file === ':memory:' || file.startsWith('file:'))
    refuse(
      'MR-1002',
      `option file of ${who} is ${preview(file)}, and must be the path of a file: a database in memory is gone with its connection.`,
    )
  return file
}

/** A place, and for how long somebody waits for others there. */
export interface SharedPlace {
  readonly place: Place
  readonly busyMillis: number
}

/** Opens a database. @throws what the run fails with. */
export async function openDatabase(
  who: string,
  env: Env,
  { place, busyMillis }: SharedPlace,
  mode: 'read' | 'write' | 'create',
): Promise<Database> {
  const Open = await loadSqlite(who)
  return patiently(env, busyMillis, place, mode === 'read' ? 'read' : 'write', () => {
    const db = new Open(place.file, {
      readonly: mode === 'read',
      fileMustExist: mode !== 'create',
      timeout: WAIT_MILLIS,
    })
    try {
      // What a delivery has written must survive a loss of power: nobody will write it again. It reads the file, which may be locked.
      if (mode !== 'read') db.pragma('synchronous = FULL')
    } catch (error) {
      db.close()
      throw error
    }
    return db
  })
}

/** Calls `action`, and again while others hold the database, at most `millis` long. @throws as {@link databaseError}. */
export async function patiently<T>(
  env: Env,
  millis: number,
  place: Place,
  what: 'read' | 'write',
  action: () => T,
): Promise<T> {
  const until = env.monotonic() + millis
  for (let wait = BACKOFF_MILLIS; ; wait = Math.min(BACKOFF_MAX_MILLIS, wait * 2)) {
    try {
      return action()
    } catch (error) {
      if (!isBusy(error) || env.monotonic() >= until) throw databaseError(error, place, what)
    }
    const pause = wait * (0.5 + env.random() / 2)
    await new Promise<void>((resolve) => void env.setTimer(pause, resolve))
  }
}

/** Does all of it, or nothing. The database is locked for others that write, from the beginning. */
export function inTransaction<T>(db: Database, action: () => T): T {
  db.exec('BEGIN IMMEDIATE')
  try {
    const result = action()
    db.exec('COMMIT')
    return result
  } catch (error) {
    if (db.inTransaction) db.exec('ROLLBACK')
    throw error
  }
}

interface Kind {
  readonly of: RegExp
  readonly code: ErrorCode
  readonly says: string
}

const whileReading: readonly Kind[] = [
  { of: /CANTOPEN/, code: 'MR-5001', says: 'cannot be opened: there is no such file, or it may not be read' },
  { of: /NOTADB/, code: 'MR-5004', says: 'cannot be read: the file is no SQLite database, or is encrypted' },
  { of: /CORRUPT/, code: 'MR-5004', says: 'cannot be read: the file is damaged. PRAGMA integrity_check says where' },
]
const whileWriting: readonly Kind[] = [
  {
    of: /CANTOPEN/,
    code: 'MR-5009',
    says: 'cannot be opened for writing: there is no such file or folder, or it may not be written',
  },
  { of: /READONLY/, code: 'MR-5009', says: 'cannot be written: the file, its folder or its disk is read-only' },
  { of: /FULL/, code: 'MR-5009', says: 'cannot be written: the disk is full. Nothing of these rows is written' },
  { of: /IOERR/, code: 'MR-5009', says: 'cannot be written: the disk has failed' },
  {
    of: /CONSTRAINT|MISMATCH|TOOBIG/,
    code: 'MR-5308',
    says: 'refuses a row. Nothing of the rows that came with it is written',
  },
]
const BUSY: Kind = {
  of: /BUSY|LOCKED/,
  code: 'MR-5305',
  says: 'is locked by others for too long. Let them write in shorter transactions, or give a longer busyTimeout',
}

/** What is said of a failure; errors that are millrace's own stay as they are. */
export function databaseError(error: unknown, { file, table }: Place, what: 'read' | 'write'): Error {
  const sqlite = sqliteCode(error)
  const isMissingFolder = error instanceof TypeError && error.message.includes('directory does not exist')
  if (sqlite === undefined && !isMissingFolder) return error as Error
  const kinds = [BUSY, ...(what === 'write' ? whileWriting : []), ...whileReading]
  const kind = kinds.find(({ of }) => of.test(sqlite ?? 'CANTOPEN'))
  const { code, says } = kind ?? {
    code: what === 'write' ? ('MR-5009' as const) : ('MR-5004' as const),
    says: what === 'write' ? 'cannot be written' : 'cannot be read',
  }
  const where = table === undefined ? '' : `, table ${preview(table)}`
  return coded(
    code,
    new Error(`database ${preview(file)}${where}: it ${says} (${sqlite ?? 'no folder'}: ${messageOf(error)}).`, {
      cause: error,
    }),
  )
}
