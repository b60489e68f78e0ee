/**
 * What the options of reading and writing tables have in common, checked.
 */
import { type Codec, isCodec } from '../../sdk/codec.js'
import { coded } from '../../sdk/error-codes.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import { rowOfCodec } from '../../sdk/schema/codec-row.js'
import type { ErrorHandler } from '../../sdk/transforms/errors.js'
import type { Place } from './database.js'
import { checkName } from './identifier.js'
import type { Key } from './key-range.js'
import { checkFields, type SqliteValue } from './values.js'

/** What is to be read, its options checked. */
export interface TableReading {
  readonly place: Place
  readonly query: string | undefined
  readonly positional: readonly SqliteValue[]
  readonly named: Readonly<Record<string, SqliteValue>>
  readonly columns: readonly string[] | undefined
  readonly key: string | undefined
  readonly range: { readonly from?: Key; readonly to?: Key }
  readonly codec: Codec | undefined
  readonly busyMillis: number
  readonly onError: ErrorHandler | undefined
}

/** @throws {PipelineError} when it is no codec, or its rows cannot be those of a table. */
export function checkCodec(who: string, codec: unknown): void {
  if (codec === undefined) return
  if (!isCodec(codec)) refuse('MR-1004', `option codec of ${who} is no codec, but ${preview(codec)}.`)
  const row = rowOfCodec(codec)
  if (row !== undefined) checkFields(who, row.schema)
}

/** @throws {PipelineError} when they are no names, each once. */
export function checkColumns(who: string, columns: readonly string[] | undefined): void {
  if (columns === undefined) return
  if (!Array.isArray(columns) || columns.length === 0 || new Set(columns).size < columns.length)
    refuse('MR-1004', `option columns of ${who} must be names, each once, but is ${preview(columns)}.`)
  for (const name of columns) checkName(`a column of ${who}`, name)
}

/** Names of the fields of a codec, if it tells them. */
export function fieldsOf(codec: Codec | undefined): readonly string[] | undefined {
  return codec === undefined ? undefined : rowOfCodec(codec)?.schema.fields.map(({ name }) => name)
}

/** What the run fails with when something of a table is not there. */
export function notThere(message: string): Error {
  return coded('MR-5301', new Error(message))
}
