/**
 * Reading CSV files.
 */
import * as t from 'io-ts'
import { type Codec, isCodec, isIoTs, type TypeOf } from '../../sdk/codec.js'
import type { FileSystem } from '../../sdk/env.js'
import type { OptionNames } from '../../sdk/known-options.js'
import type { PCollection } from '../../sdk/pcollection.js'
import type { Pipeline } from '../../sdk/pipeline.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import { type Frame, frameCodec } from '../text/frame.js'
import type { Framing } from '../text/read-frames.js'
import { linesFraming } from '../text/read-lines.js'
import {
  type FilePatterns,
  patternList,
  type ReadRecordsOptions,
  readRecordsOptionNames,
  type ReadSettings,
  readSettings,
  refuseNoBoolean,
} from '../text/read-options.js'
import { BadRecord, type FrameDecoder, readRecords, skipped } from '../text/read-records.js'
import { refuseNoCodec } from '../text/record-codec.js'
import { hasPlainValues } from './columns.js'
import { type Dialect, dialectOf, parseRow } from './dialect.js'
import { Headers } from './header.js'
import { namedPlan, plainPlan, type RecordPlan, type Wanted } from './record-plan.js'
import { RowReader } from './row-reader.js'

/** Options of {@link readCsv} but those that say what a record is; `T` is the type of one. */
export interface CsvOptions<T> extends ReadRecordsOptions<T> {
  /** What separates fields. Default `','`. */
  readonly delimiter?: string
  /** What encloses fields, doubled where it is part of one; `false`: nothing does. Default `'"'`. */
  readonly quote?: string | false
  /**
   * Whether quoted fields may have line ends in them. Such a file is read by one reader, since from the middle of it nobody can
   * tell an opening quote from a closing one; with `false`, a plain file is read in ranges, and a line end ends a row. Default
   * `true`.
   */
  readonly multiline?: boolean
  /**
   * What happens to a row with fewer or more fields than there are columns: it is bad, or missing fields are empty and those too
   * many are left out. Default `'error'`.
   */
  readonly ragged?: 'error' | 'allow'
}

/** Where the names of columns come from: the first row of each file, the option itself, or nowhere. */
export type CsvHeader = boolean | readonly string[]

/** Codecs of columns by name, each over the text of a field. */
export type CsvColumns = Readonly<Record<string, Codec>>

/** The record that typed columns make. */
export type CsvRecord<Columns extends CsvColumns> = { readonly [K in keyof Columns]: TypeOf<Columns[K]> }

/** Options with typed columns. */
export interface CsvColumnsOptions<Columns extends CsvColumns> extends CsvOptions<CsvRecord<Columns>> {
  /**
   * The columns that are wanted, with their types: `csv.number`, `csv.timestamp` …, or any codec over a text. Columns of the file
   * that are not named are left out.
   */
  readonly columns: Columns
  readonly codec?: undefined
  /**
   * Names of the file's columns: in its first row (`true`), given here, or (`false`) those of `columns`, in that order. Default
   * `true`.
   */
  readonly header?: CsvHeader
}

/** Options with a codec over the whole record. */
export interface CsvCodecOptions<C extends Codec> extends CsvOptions<TypeOf<C>> {
  /** Describes the record of texts, `{ name: 'ann', age: '41' }`; with `header: false`, the list of them. */
  readonly codec: C
  readonly columns?: undefined
  readonly header?: CsvHeader
}

/** Options for records of texts. */
export interface CsvTextOptions extends CsvOptions<Readonly<Record<string, string>>> {
  readonly columns?: undefined
  readonly codec?: undefined
  readonly header?: true | readonly string[]
}

/** Options for lists of texts, where nothing has a name. */
export interface CsvListOptions extends CsvOptions<readonly string[]> {
  readonly columns?: undefined
  readonly codec?: undefined
  readonly header: false
}

/**
 * Reads CSV files: rows of fields, in UTF-8. The first row of each file names the columns. Quoted fields may have delimiters,
 * line ends and doubled quotes in them; lines end in `\n` or `\r\n`; a byte order mark is dropped, and so are empty lines.
 *
 * A file with quotes cannot be read from the middle, so each is read by one reader; say `multiline: false` where no field has a
 * line end in it. A row is bad, and goes to `onError`, when a quote is where none may be or is never closed, when it has fewer
 * or more fields than there are columns, is longer than `maxRecordBytes`, or a field does not fit its type. With a header that
 * lacks a column, or has a name twice, all rows of the file are bad.
 *
 * @param patterns paths or globs, relative to the folder the program was started in.
 * @throws {PipelineError} when an option is wrong.
 * @example
 * ```ts no-run
 * import { pipeline, run } from 'millrace'
 * import { csv, readCsv } from 'millrace/io/csv'
 * const p = pipeline()
 * const orders = p.apply(
 *   'orders',
 *   readCsv('orders-*.csv', {
 *     columns: { user: csv.text, cents: csv.number, at: csv.timestamp, note: csv.optional(csv.text) },
 *     timestamp: (order) => order.at,
 *   }),
 * )
 * orders.filter('large', (order) => order.cents > 10_000).print('large')
 * await run(p)
 * ```
 */
export function readCsv<const Columns extends CsvColumns>(
  patterns: FilePatterns,
  options: CsvColumnsOptions<Columns>,
): (pipeline: Pipeline) => PCollection<CsvRecord<Columns>>
export function readCsv<C extends Codec>(
  patterns: FilePatterns,
  options: CsvCodecOptions<C>,
): (pipeline: Pipeline) => PCollection<TypeOf<C>>
export function readCsv(
  patterns: FilePatterns,
  options: CsvListOptions,
): (pipeline: Pipeline) => PCollection<readonly string[]>
export function readCsv(
  patterns: FilePatterns,
  options?: CsvTextOptions,
): (pipeline: Pipeline) => PCollection<Readonly<Record<string, string>>>
export function readCsv(patterns: FilePatterns, given: object = {}): (pipeline: Pipeline) => PCollection<never> {
  const options = given as AnyOptions
  const all = patternList('readCsv', patterns)
  const settings = readSettings('readCsv', options, readOptions, 'maxRecordBytes', 'error')
  const { header = true, multiline = true, columns, codec, ragged = 'error' } = options
  const dialect = dialectOf('readCsv', options.delimiter, options.quote)
  refuseNoBoolean('option multiline of readCsv', multiline)
  checkRecords(options)
  const names = header === false && columns !== undefined ? Object.keys(columns) : header
  const framing = rowsFraming(settings, dialect, multiline && dialect.quote !== undefined)
  const wanted: Wanted = {
    columns: columns === undefined ? undefined : new Map(Object.entries(columns)),
    codec,
    ragged,
  }
  return (pipeline) =>
    readRecords(pipeline, all, settings, {
      framing,
      decoder: (files, match) =>
        names === true
          ? headedDecoder(files, match, framing, dialect, wanted)
          : rowDecoder(dialect, names === false ? plainPlan(wanted) : namedPlan(names, wanted)),
      codec: columns === undefined ? codec : codecOf(columns),
    }) as PCollection<never>
}

type AnyOptions = CsvOptions<never> & {
  readonly columns?: CsvColumns
  readonly codec?: Codec
  readonly header?: CsvHeader
}

function rowsFraming(settings: ReadSettings, dialect: Dialect, multiline: boolean): Framing<Frame> {
  if (!multiline) return { ...linesFraming(settings, 'maxRecordBytes', 'frame', frameCodec), step: 'rows' }
  return {
    step: 'rows',
    output: frameCodec,
    splittable: false,
    open: (files, file, from) => new RowReader(files, file, from, dialect, settings.limits),
  }
}

/** Understands rows whose columns are known. */
function rowDecoder(dialect: Dialect, plan: RecordPlan): FrameDecoder {
  return ({ text }) => (text === '' ? skipped : plan(parseRow(text, dialect)))
}

/** What a file's first row says: where it stands, and what becomes of the others. */
interface Headed {
  readonly offset: number
  readonly plan: RecordPlan | BadRecord
}

/** Understands rows of files that have a header. */
function headedDecoder(
  files: FileSystem,
  match: ReadSettings['match'],
  { open }: Framing<Frame>,
  dialect: Dialect,
  wanted: Wanted,
): FrameDecoder {
  const headers = new Headers<Headed>(
    files,
    match,
    (file) => open(files, file, 0),
    (first) => ({ offset: first?.offset ?? 0, plan: planOf(first, dialect, wanted) }),
  )
  const decode = ({ offset, text }: Frame, headed: Headed): unknown => {
    const { plan } = headed
    if (plan instanceof BadRecord) throw plan
    return offset === headed.offset ? skipped : plan(parseRow(text, dialect))
  }
  let path: string | undefined
  let last: Headed | undefined
  return (frame) => {
    if (frame.text === '') return skipped
    if (last !== undefined && path === frame.file) return decode(frame, last)
    const headed = headers.of(frame.file)
    const found = (known: Headed): unknown => {
      path = frame.file
      last = known
      return decode(frame, known)
    }
    return headed instanceof Promise ? headed.then(found) : found(headed)
  }
}

/** A header that is bad makes all rows bad: what their fields mean, nobody knows. */
function planOf(first: Frame | undefined, dialect: Dialect, wanted: Wanted): RecordPlan | BadRecord {
  try {
    if (first?.bad !== undefined)
      throw new BadRecord(first.bad.code, `belongs to a header that ${first.bad.reason.replace(/\.$/, '')}`)
    return namedPlan(parseRow(first?.text ?? '', dialect), wanted)
  } catch (error) {
    if (error instanceof BadRecord) return error
    throw error
  }
}

/** A codec of the record, where one is needed: the values of our own columns travel by the default coder. */
function codecOf(columns: CsvColumns): Codec | undefined {
  const codecs = Object.values(columns)
  if (codecs.every(hasPlainValues) || !codecs.every(isIoTs)) return undefined
  return t.type(columns as t.Props)
}

function checkRecords({ columns, codec, header = true, ragged = 'error' }: AnyOptions): void {
  if (ragged !== 'error' && ragged !== 'allow')
    refuse('MR-1002', `option ragged of readCsv is ${preview(ragged)}; it must be one of error, allow.`)
  if (typeof header !== 'boolean' && !isNames(header))
    refuse(
      'MR-1002',
      `option header of readCsv must be true, false or the names of all columns, but is ${preview(header)}.`,
    )
  refuseNoCodec('readCsv', codec)
  if (columns === undefined) return
  if (codec !== undefined)
    refuse(
      'MR-1002',
      'readCsv got columns and codec. Give one: columns types each field, codec the whole record of texts.',
    )
  if (typeof columns !== 'object' || columns === null || Object.keys(columns).length === 0)
    refuse(
      'MR-1003',
      `option columns of readCsv must name columns with their types, as in { cents: csv.number }, but is ${preview(columns)}.`,
    )
  for (const [name, column] of Object.entries(columns)) {
    if (isCodec(column)) continue
    refuse(
      'MR-1004',
      `column ${preview(name)} of readCsv needs a type such as csv.number, or another codec over texts, but has ${preview(column)}.`,
    )
  }
  const missing = Array.isArray(header) ? Object.keys(columns).find((name) => !header.includes(name)) : undefined
  if (missing !== undefined)
    refuse('MR-1002', `readCsv wants column ${preview(missing)}, which its option header does not name.`)
}

/** Whether a value is a list of different names. */
export function isNames(value: unknown): value is readonly string[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((name) => typeof name === 'string') &&
    new Set(value).size === value.length
  )
}

const readOptions: OptionNames<AnyOptions> = {
  ...readRecordsOptionNames,
  delimiter: true,
  quote: true,
  multiline: true,
  ragged: true,
  columns: true,
  codec: true,
  header: true,
}
