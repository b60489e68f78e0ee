/**
 * Writing CSV files.
 */
import { coded, errorCode } from '../../sdk/error-codes.js'
import * as t from 'io-ts'
import { type Codec, isCodec, type TypeOf } from '../../sdk/codec.js'
import { loneSurrogateAt } from '../../sdk/coders/utf8.js'
import type { OptionNames } from '../../sdk/known-options.js'
import type { PCollection } from '../../sdk/pcollection.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import type { ErrorHandler } from '../../sdk/transforms/errors.js'
import type { WrittenFile } from '../text/commit-shards.js'
import { refuseNoBoolean } from '../text/read-options.js'
import { encodeRecord } from '../text/record-codec.js'
import { type WriteFilesOptions, writeFilesOptionNames, writeSettings, writeTexts } from '../text/write-options.js'
import { type Dialect, dialectOf, formatRow } from './dialect.js'
import { type CsvColumns, isNames } from './read-csv.js'

/** What columns can be given as: codecs by name, or only names. */
export type WrittenColumns = CsvColumns | readonly string[]

/** A value that a field can hold without a codec. */
export type FieldValue = string | number | boolean | bigint | Date | null | undefined

/** What is written: an object with a field for each column. */
export type WrittenRecord<Columns extends WrittenColumns> = Columns extends readonly (infer Name extends string)[]
  ? { readonly [K in Name]?: FieldValue }
  : Columns extends CsvColumns
    ? { readonly [K in keyof Columns]: TypeOf<Columns[K]> }
    : never

/** Options of {@link writeCsv}. */
export interface WriteCsvOptions<Columns extends WrittenColumns> extends WriteFilesOptions {
  /**
   * The columns, in their order: names, or names with types (`csv.number` …, or any codec). Fields of elements that are no columns
   * are left out.
   */
  readonly columns: Columns
  /** Whether the first row of each file has the names of the columns. Default `true`. */
  readonly header?: boolean
  /** What separates fields. Default `','`. */
  readonly delimiter?: string
  /** What encloses fields that need it. Default `'"'`. */
  readonly quote?: string
  /** What ends a row. Default `'\n'`. */
  readonly lineEnd?: '\n' | '\r\n'
  /** Takes the elements that cannot be written. Default: they fail the run. */
  readonly onError?: ErrorHandler
}

/**
 * Writes CSV files. What holds for files, shards, windows and packing holds as for `writeLines` of `millrace/io/text`.
 *
 * Without a type, texts, finite numbers, booleans, bigints and Dates (as ISO texts) can be written; `null` and `undefined` are
 * empty fields. A field is quoted where it needs it, and an empty text is, to differ from `null`. Whatever is written,
 * `readCsv` reads as the same texts; spreadsheets take a text that begins with `=` for a formula, and nothing is done about that.
 *
 * @param path of the file; its folder is made if need be.
 * @returns the files that were written.
 * @throws {PipelineError} when an option is wrong, and for the reasons of `writeLines`.
 * @example
 * ```ts
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { pipeline, run } from 'millrace'
 * import { csv, writeCsv } from 'millrace/io/csv'
 * const p = pipeline()
 * p.create('ages', [{ name: 'ann "a"', age: 41 }, { name: 'bob, jr.', age: 27 }])
 *   .apply('write', writeCsv(join(tmpdir(), 'millrace-example', 'people.csv'), { columns: { name: csv.text, age: csv.number } }))
 *   .print('written')
 * await run(p)
 * ```
 */
export function writeCsv<const Columns extends WrittenColumns>(
  path: string,
  options: WriteCsvOptions<Columns>,
): (input: PCollection<WrittenRecord<Columns>>) => PCollection<WrittenFile> {
  const { columns, header = true, lineEnd = '\n', onError, delimiter, quote } = options ?? {}
  const dialect = dialectOf('writeCsv', delimiter, quote)
  const fields = fieldsOf(columns)
  refuseNoBoolean('option header of writeCsv', header)
  if ((quote as unknown) === false)
    refuse('MR-1002', 'option quote of writeCsv must be one character: some fields need it.')
  if (lineEnd !== '\n' && lineEnd !== '\r\n')
    refuse('MR-1002', `option lineEnd of writeCsv must be "\\n" or "\\r\\n", but is ${preview(lineEnd)}.`)
  const names = fields.map(({ name }) => name)
  const settings = writeSettings('writeCsv', path, options, writeOptions, {
    head: header ? formatRow(names, dialect) + lineEnd : '',
    between: '',
    end: lineEnd,
    tail: '',
  })
  return (input) => {
    const rows = (input as PCollection<unknown>).map('encode', (record) => rowOf(record, fields, dialect), {
      codec: t.string,
      ...(onError === undefined ? {} : { onError }),
    })
    return writeTexts(settings)(rows)
  }
}

/** A column that is written. */
interface Field {
  readonly name: string
  readonly codec: Codec | undefined
}

function fieldsOf(columns: unknown): readonly Field[] {
  const needed = 'writeCsv needs the columns to write, { columns: ["name", "age"] } or { columns: { age: csv.number } }'
  if (isNames(columns)) return columns.map((name) => checkedField({ name, codec: undefined }))
  if (typeof columns !== 'object' || columns === null || Array.isArray(columns) || Object.keys(columns).length === 0)
    refuse('MR-1003', `${needed}, each once, but got ${preview(columns)}.`)
  return Object.entries(columns).map(([name, codec]: [string, unknown]) => {
    if (!isCodec(codec))
      refuse(
        'MR-1004',
        `column ${preview(name)} of writeCsv needs a type such as csv.number, but has ${preview(codec)}.`,
      )
    return checkedField({ name, codec })
  })
}

function checkedField(field: Field): Field {
  if (loneSurrogateAt(field.name) >= 0)
    refuse('MR-4007', `column ${preview(field.name)} of writeCsv has a lone surrogate, which UTF-8 cannot hold.`)
  return field
}

/** The row of an element. */
function rowOf(record: unknown, fields: readonly Field[], dialect: Dialect): string {
  if (typeof record !== 'object' || record === null)
    throw coded('MR-5103', new TypeError(`${preview(record)} has no columns: writeCsv writes objects`))
  const texts = fields.map(({ name, codec }) => {
    // Every object inherits a "constructor".
    const value = Object.hasOwn(record, name) ? (record as Readonly<Record<string, unknown>>)[name] : undefined
    try {
      const text = fieldText(codec === undefined ? value : encodeRecord(codec, value))
      // An optional column has one text for nothing and for the empty text; in the file they differ.
      return value === null && text === '' ? undefined : text
    } catch (error) {
      throw coded(
        errorCode(error) ?? 'MR-5103',
        new TypeError(`column ${preview(name)} of ${preview(record)}: ${(error as Error).message}`, { cause: error }),
      )
    }
  })
  return formatRow(texts, dialect)
}

function fieldText(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      if (loneSurrogateAt(value) >= 0)
        throw coded(
          'MR-4007',
          new TypeError('a text with a lone surrogate cannot be written, since UTF-8 cannot hold it'),
        )
      return value
    case 'number':
      if (!Number.isFinite(value)) throw coded('MR-5103', new TypeError(`${value} is no number that CSV can hold`))
      return Object.is(value, -0) ? '-0' : String(value)
    case 'boolean':
    case 'bigint':
      return String(value)
    case 'undefined':
      return undefined
    default:
      if (value === null) return undefined
      if (value instanceof Date && !Number.isNaN(value.getTime())) return value.toISOString()
      throw coded(
        'MR-5103',
        new TypeError(`${preview(value)} is not a text, a number, a boolean, a bigint, a valid Date or null`),
      )
  }
}

const writeOptions: OptionNames<WriteCsvOptions<WrittenColumns>> = {
  ...writeFilesOptionNames,
  columns: true,
  header: true,
  delimiter: true,
  quote: true,
  lineEnd: true,
  onError: true,
}
