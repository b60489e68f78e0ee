/**
 * Reads rows in the order of their keys, some hundred at a time. What it has read ahead outlives bundles; forgetting it costs
 * time, never rows.
 *
 * Law: each row of a range is emitted once. Between two reads nothing is held of the database, so nobody waits for a reader.
 */
import type { Env } from '../../sdk/env.js'
import { UNKNOWN_END } from '../../sdk/source/other-trackers.js'
import { patiently, type Place } from './database.js'
import { quoted, quotedList } from './identifier.js'
import { type Key, keyAfter, type KeyTracker } from './key-range.js'
import type { Database, Statement } from './package.js'
import { type RawRow, settle } from './row-maker.js'
import type { SqliteValue } from './values.js'

/** Rows read at a time, and about how many bytes of them. */
const ROWS_FIRST = 16
const ROWS_MAX = 512
const BYTES_WANTED = 1024 * 1024
/** Ranges of which rows are kept that were read ahead. */
const AHEAD_MAX = 8

/** What rows are read of. */
export interface Selection {
  readonly place: Place
  /** A table's name, or a query in parentheses, as it stands after FROM. */
  readonly from: string
  /** The column that rows are read by. */
  readonly key: string
  /** Whether no two rows have the same key. */
  readonly isUnique: boolean
  readonly columns: readonly string[]
  /** What the query's own parameters stand for: those without and those with a name. */
  readonly positional: readonly unknown[]
  readonly named: Readonly<Record<string, unknown>>
}

/** Takes a row: its key, and the values of the columns behind it. */
export type TakeRow = (key: Key, values: readonly SqliteValue[]) => void | Promise<void>

interface Ahead {
  readonly rows: readonly RawRow[]
  readonly at: number
}

/** Reads a selection. */
export class RowReader {
  readonly #env: Env
  readonly #selection: Selection
  readonly #busyMillis: number
  readonly #statement: Statement
  /** Rows read ahead, by the key at which reading goes on. */
  readonly #ahead = new Map<Key, Ahead>()
  #wanted = ROWS_FIRST
  #hasBigints = false

  constructor(env: Env, db: Database, selection: Selection, busyMillis: number) {
    this.#env = env
    this.#selection = selection
    this.#busyMillis = busyMillis
    const key = `t.${quoted(selection.key)}`
    this.#statement = db
      .prepare(
        `SELECT ${key}, ${quotedList(selection.columns, 't')} FROM ${selection.from} AS t` +
          ` WHERE ${key} BETWEEN @millrace_from AND @millrace_to ORDER BY ${key} LIMIT @millrace_count`,
      )
      .raw()
  }

  /**
   * Claims the rows of the tracker's range and gives them to `take`, until a claim is refused.
   *
   * @param isEndless whether more rows may come at the end of a range that has none, which is then not claimed.
   * @returns where reading goes on, and whether there is nothing to be read for now.
   */
  async read(
    tracker: KeyTracker,
    take: TakeRow,
    isEndless = false,
  ): Promise<{ readonly next: Key; readonly isIdle: boolean }> {
    const { from } = tracker.currentRestriction()
    let next = from
    let { rows, at } = this.#ahead.get(from) ?? { rows: [] as readonly RawRow[], at: 0 }
    this.#ahead.delete(from)
    for (;;) {
      if (at === rows.length) {
        rows = await this.#fetch(next, tracker.currentRestriction().to)
        at = 0
        if (rows.length === 0) {
          const { to } = tracker.currentRestriction()
          // A part that was cut off, to be read again after a crash say, has an end.
          const isIdle = isEndless && to === UNKNOWN_END
          if (!isIdle) tracker.tryClaim(to)
          return { next, isIdle }
        }
      }
      const key = (rows[at] as RawRow)[0] as Key
      if (!tracker.tryClaim(key)) break
      do {
        const taken = take(key, rows[at++] as SqliteValue[])
        if (taken !== undefined) await taken
      } while (at < rows.length && (rows[at] as RawRow)[0] === key)
      next = keyAfter(key)
    }
    // What is left of this range begins behind the last row that was claimed.
    for (const key of this.#ahead.keys()) {
      if (this.#ahead.size < AHEAD_MAX) break
      this.#ahead.delete(key)
    }
    this.#ahead.set(next, { rows, at })
    return { next, isIdle: false }
  }

  #fetch(from: Key, to: Key): Promise<readonly RawRow[]> | readonly RawRow[] {
    if (from >= to) return []
    return patiently(this.#env, this.#busyMillis, this.#selection.place, 'read', () => this.#rowsFrom(from, to))
  }

  #rowsFrom(from: Key, to: Key): readonly RawRow[] {
    for (;;) {
      const rows = this.#ask(from, to, this.#wanted)
      const { bytes, isUnsure } = settle(rows, this.#hasBigints)
      if (isUnsure) {
        this.#hasBigints = true
        continue
      }
      const isFull = rows.length === this.#wanted
      const fitting = bytes === 0 ? ROWS_MAX : Math.floor((rows.length * BYTES_WANTED) / bytes)
      if (isFull || fitting < this.#wanted)
        this.#wanted = Math.min(ROWS_MAX, Math.max(1, Math.min(4 * this.#wanted, fitting)))
      if (!isFull || this.#selection.isUnique) return rows
      const whole = withoutLastKey(rows)
      if (whole.length > 0) return whole
      // All of one key, and maybe more of it: they must come together.
      this.#wanted = 2 * rows.length
    }
  }

  #ask(from: Key, to: Key, count: number): RawRow[] {
    const { positional, named } = this.#selection
    return this.#statement.safeIntegers(this.#hasBigints).all(...positional, {
      ...named,
      millrace_from: BigInt(from),
      millrace_to: BigInt(to) - 1n,
      millrace_count: count,
    }) as RawRow[]
  }
}

/** Rows but those of the last key, of which there may be more. */
function withoutLastKey(rows: readonly RawRow[]): readonly RawRow[] {
  const last = rows.at(-1)?.[0]
  let end = rows.length
  while (end > 0 && (rows[end - 1] as RawRow)[0] === last) end--
  return rows.slice(0, end)
}
