/**
 * Compares what went in with what came out, by the ids of records. Ids lie in a database in the folder for temporary files, so memory
 * does not grow with them.
 *
 * Law: an id is lost when it came out less often than it went in, or, where the sink can hold it only once or an end may be missing,
 * not at all; repeated when it came out more often than it went in; unknown when it came out and never went in.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadSqlite } from '../micro-batch/store/sqlite-database.js'
import type { Found } from './verify-records.js'

/** Rows that are written in one transaction. */
const BATCH = 20_000
/** Pages that SQLite may keep in memory, in KiB. */
const CACHE_KIB = 65_536

/** A kind of difference: how many ids, and the first of them. */
export interface Difference {
  readonly count: number
  readonly first: Example | undefined
}

/** An id, with where it was found. */
export interface Example {
  readonly id: string
  /** How often it went in and came out. */
  readonly inSource: number
  readonly inSink: number
  /** The first place of it in the source, or in the sink where it is in none. */
  readonly part: string
  readonly at: number
  /**
   * The batches in which it came out, where the sink tells. Of what is lost, those of the ids before and after it in its part: it was
   * in one of these, or between them.
   */
  readonly batches?: readonly number[]
}

/** What was found. */
export interface Verdict {
  /** Records and different ids. */
  readonly source: { readonly records: number; readonly ids: number }
  readonly sink: { readonly records: number; readonly ids: number }
  readonly lost: Difference
  /** Ids that are missing after the last one of their part that has come out; counted apart only where a tail may be missing. */
  readonly tail: number
  readonly repeated: Difference
  readonly unknown: Difference
}

/** What may be so without anything being lost. */
export interface Allowances {
  /** What follows the last id of a part that has come out is not lost. */
  readonly tailMayMiss: boolean
  /** The sink can hold an id only once, however often it went in. */
  readonly isOnceInSink: boolean
}

/** Compares. */
export async function verifyIds(
  source: AsyncIterable<Found>,
  sink: AsyncIterable<Found>,
  { tailMayMiss, isOnceInSink }: Allowances,
): Promise<Verdict> {
  const Sqlite = await loadSqlite()
  const folder = mkdtempSync(join(tmpdir(), 'millrace-verify-'))
  const db = new Sqlite(join(folder, 'ids.sqlite'))
  try {
    db.pragma('journal_mode = OFF')
    db.pragma('synchronous = OFF')
    db.pragma(`cache_size = -${CACHE_KIB}`)
    db.exec(
      'CREATE TABLE ids (id TEXT PRIMARY KEY, came INTEGER NOT NULL, went INTEGER NOT NULL, part TEXT NOT NULL, at INTEGER NOT NULL, batches TEXT NOT NULL) WITHOUT ROWID',
    )
    const add = async (records: AsyncIterable<Found>, column: 'came' | 'went'): Promise<number> => {
      const [came, went] = column === 'came' ? [1, 0] : [0, 1]
      const put = db.prepare<[string, number, number, string, number, string]>(
        `INSERT INTO ids VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET ${column} = ${column} + 1, batches = batches || excluded.batches`,
      )
      let count = 0
      db.exec('BEGIN')
      for await (const { id, part, at, batch } of records) {
        put.run(id, came, went, part, at, batch === undefined ? '' : `${batch} `)
        if (++count % BATCH === 0) db.exec('COMMIT; BEGIN')
      }
      db.exec('COMMIT')
      return count
    }
    const sourceRecords = await add(source, 'came')
    const sinkRecords = await add(sink, 'went')
    if (tailMayMiss)
      db.exec(
        'CREATE TEMP TABLE newest AS SELECT part AS of, max(at) AS last FROM ids WHERE came > 0 AND went > 0 GROUP BY part',
      )
    const isTail = tailMayMiss ? 'at > ifnull((SELECT last FROM newest WHERE of = part), 0)' : '0'
    const count = (where: string): number =>
      db.prepare<[], { n: number }>(`SELECT count(*) AS n FROM ids WHERE ${where}`).get()?.n ?? 0
    const beside = (part: string, at: number, isBefore: boolean): string =>
      db
        .prepare<[string, number], { batches: string }>(
          `SELECT batches FROM ids WHERE part = ? AND at ${isBefore ? '<' : '>'} ? AND came > 0 AND batches <> '' ORDER BY at ${isBefore ? 'DESC' : 'ASC'} LIMIT 1`,
        )
        .get(part, at)?.batches ?? ''
    const difference = (where: string): Difference => {
      const first = db
        .prepare<[], Omit<Example, 'batches'> & { batches: string }>(
          `SELECT id, came AS inSource, went AS inSink, part, at, batches FROM ids WHERE ${where} ORDER BY part, at LIMIT 1`,
        )
        .get()
      if (first === undefined) return { count: 0, first }
      const { part, at, inSink, batches: own, ...rest } = first
      const batches = numbersOf(inSink > 0 ? own : beside(part, at, true) + beside(part, at, false))
      return { count: count(where), first: { ...rest, part, at, inSink, ...(batches.length === 0 ? {} : { batches }) } }
    }
    return {
      source: { records: sourceRecords, ids: count('came > 0') },
      sink: { records: sinkRecords, ids: count('went > 0') },
      // How many of a repeated id are at an end that may be missing is not known.
      lost: difference(tailMayMiss || isOnceInSink ? `came > 0 AND went = 0 AND NOT (${isTail})` : 'went < came'),
      tail: count(`came > 0 AND went = 0 AND (${isTail})`),
      repeated: difference('came > 0 AND went > came'),
      unknown: difference('came = 0'),
    }
  } finally {
    db.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Different numbers of a text, smallest first. */
function numbersOf(text: string): readonly number[] {
  return [
    ...new Set(
      text
        .split(' ')
        .filter((each) => each !== '')
        .map(Number),
    ),
  ].sort((a, b) => a - b)
}
