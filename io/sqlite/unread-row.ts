/**
 * Rows that cannot be used, on their way to the dead letters.
 *
 * Law: a row that does not fit either fails the run or is exactly one letter, which says where the row is.
 */
import { typed, type TypeOnly } from '../../sdk/codec.js'
import { coded, errorCode, type ErrorCode } from '../../sdk/error-codes.js'
import { messageOf } from '../../sdk/errors.js'
import type { PCollection } from '../../sdk/pcollection.js'
import { preview } from '../../sdk/preview.js'
import type { ErrorHandler } from '../../sdk/transforms/errors.js'
import type { Place } from './database.js'

/** A row that does not fit the codec: the element of the dead letter. */
export interface UnreadRow {
  readonly file: string
  /** The table; `undefined` for a row of a query. */
  readonly table: string | undefined
  /** Its rowid or key; of a change, its number. */
  readonly key: number | bigint
  /** The kind of mistake, as of every error. */
  readonly code: ErrorCode
  /** What is wrong with it. */
  readonly reason: string
  /** Its values, by column. */
  readonly row: object
}

/** Describes rows that cannot be used. */
export const unreadRowCodec: TypeOnly<UnreadRow> = typed<UnreadRow>()

/** A row that cannot be used, and why. */
export function unreadRow({ file, table }: Place, key: number | bigint, row: object, error: unknown): UnreadRow {
  return { file, table, key, code: errorCode(error) ?? 'MR-3001', reason: messageOf(error), row }
}

/** What is said of a row that cannot be used. */
export function unreadRowError({ file, table, key, code, reason }: UnreadRow, word: string): Error {
  const where = table === undefined ? 'the query' : `table ${preview(table)}`
  return coded(code, new Error(`database ${preview(file)}, ${where}, ${word} ${key}: ${reason.replace(/\.$/, '')}.`))
}

/** Makes a dead letter of each. */
export function lettersOfRows(rows: PCollection<UnreadRow>, word: string, onError: ErrorHandler): void {
  rows.parDo('unread', {
    outputs: { none: typed<never>() },
    onError,
    process: (row) => {
      throw unreadRowError(row, word)
    },
  })
}
