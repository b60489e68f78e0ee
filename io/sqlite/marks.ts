/**
 * Marks of deliveries, kept beside the rows that came with them: by them a delivery that comes again is recognised.
 *
 * Law: a mark and the rows of its delivery are written in one transaction, so both are there or neither is; after a delivery none
 * from before it is written.
 */
import { coded } from '../../sdk/error-codes.js'
import { preview } from '../../sdk/preview.js'
import type { DeliveryId } from '../../sdk/transforms/delivery.js'
import type { Place } from './database.js'
import type { Database, Statement } from './package.js'
import { tableShape } from './table-shape.js'

const TABLE = 'millrace_deliveries'
const COLUMNS = ['query', 'step', 'shard', 'batch', 'at']

/** Deliveries of one step and shard whose marks are kept. They come in the order of their batches: the newest mark tells it all. */
const KEPT = 16
/** Marks of queries that have delivered nothing for so long are thrown away. */
const KEPT_MILLIS = 90 * 86_400_000

/** Makes the table of marks. @throws when somebody else's has its name. */
export function createMarks(db: Database, { file }: Place): void {
  const there = tableShape(db, TABLE)
  if (there === undefined) {
    db.exec(
      `CREATE TABLE ${TABLE} (query TEXT, step TEXT, shard INTEGER, batch INTEGER, at INTEGER NOT NULL, PRIMARY KEY (query, step, shard, batch)) WITHOUT ROWID`,
    )
  } else if (there.columns.map(({ name }) => name).join() !== COLUMNS.join())
    throw coded(
      'MR-5306',
      new Error(
        `database ${preview(file)}: the name ${preview(TABLE)} belongs to millrace, and somebody else's table has it. Rename that one.`,
      ),
    )
}

/** The marks of a database. */
export class Marks {
  readonly #add: Statement
  readonly #newest: Statement
  readonly #removeBefore: Statement
  readonly #removeOld: Statement

  constructor(db: Database) {
    this.#add = db.prepare(
      `INSERT INTO ${TABLE} SELECT ?, ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM ${TABLE} WHERE query = ? AND step = ? AND shard = ? AND batch >= ?)`,
    )
    this.#newest = db.prepare(`SELECT max(batch) AS batch FROM ${TABLE} WHERE query = ? AND step = ? AND shard = ?`)
    this.#removeBefore = db.prepare(`DELETE FROM ${TABLE} WHERE query = ? AND step = ? AND shard = ? AND batch <= ?`)
    this.#removeOld = db.prepare(`DELETE FROM ${TABLE} WHERE at < ?`)
  }

  /**
   * @returns whether the delivery is a new one. One from before the newest is not, though its mark may be gone: a driver that stood
   *   still while another took over may bring it, however late.
   */
  add({ query, step, shard, batch }: DeliveryId, now: number): boolean {
    return this.#add.run(query, step, shard, batch, Math.trunc(now), query, step, shard, batch).changes === 1
  }

  /** The newest batch of the query, step and shard that has a mark. */
  newest({ query, step, shard }: DeliveryId): number | undefined {
    const { batch } = this.#newest.get(query, step, shard) as { readonly batch: number | null }
    return batch ?? undefined
  }

  /** Throws away what cannot be asked for any more. */
  prune({ query, step, shard, batch }: DeliveryId, now: number): void {
    this.#removeBefore.run(query, step, shard, batch - KEPT)
    // Seldom: it looks at all of them.
    if (batch % 64 === 0) this.#removeOld.run(Math.trunc(now) - KEPT_MILLIS)
  }
}
