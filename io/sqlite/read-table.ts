/**
 * Reading the rows of a table or of a query, in ranges of their keys.
 *
 * Law: every row whose key lay in the range when reading began, and that stays as it is, is emitted once, however the range is
 * cut; what does not fit the codec fails the run or is a letter.
 */
import { type Codec, isIoTs, typed, type TypeOf } from '../../sdk/codec.js'
import type { Env } from '../../sdk/env.js'
import { type OptionNames, refuseUnknownOptions } from '../../sdk/known-options.js'
import type { PCollection } from '../../sdk/pcollection.js'
import type { Pipeline } from '../../sdk/pipeline.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import { watermarks } from '../../sdk/source/watermark-policy.js'
import { type Duration, durationMillis } from '../../sdk/time.js'
import type { ErrorHandler } from '../../sdk/transforms/errors.js'
import { source } from '../../sdk/transforms/splittable.js'
import { checkFile } from './database.js'
import { checkName } from './identifier.js'
import { type KeyRange, keyRangeCodec, KeyTracker, splitKeys, widthOf } from './key-range.js'
import { OpenTable } from './open-table.js'
import { lettersOfRows, type UnreadRow, unreadRowCodec, unreadRowError } from './unread-row.js'
import { checkCodec, checkColumns, fieldsOf, type TableReading } from './table-options.js'
import type { SqliteRow, SqliteValue } from './values.js'

/** Options of {@link readTable}. */
export interface ReadTableOptions<C extends Codec = Codec, K extends string = string> {
  /** Path of the database. It is opened for reading only. */
  readonly file: string
  /** The table or view to read. */
  readonly table?: string
  /** A SELECT to read instead of a table; needs `key`. */
  readonly query?: string
  /** What the query's `?` stand for, or those of its parameters that have names. */
  readonly parameters?: readonly SqliteValue[] | Readonly<Record<string, SqliteValue>>
  /** The columns to read. Default: the fields of the codec, else all. */
  readonly columns?: readonly K[]
  /** A column of whole numbers, by which rows are read in order and in parts; it should have an index. Default: the rowid. */
  readonly key?: string
  /** Only rows with a key `from ≤ key < to`. Default: all. */
  readonly range?: { readonly from?: number | bigint; readonly to?: number | bigint }
  /** What rows are; each is checked. Where it wants a bigint, a boolean, a Date or `undefined`, it gets it. */
  readonly codec?: C
  /** How long to try while others have the database locked. Default 10 s. */
  readonly busyTimeout?: Duration
  /** Where rows go that do not fit the codec. Default: the run fails. */
  readonly onError?: ErrorHandler
}

/** What {@link readTable} gives: as the codec says, else rows of the columns. */
export type TableElement<C, K extends string> = [C] extends [never] ? SqliteRow<K> : TypeOf<C>

/**
 * Reads the rows of a table, in the order of their rowids or of another key of whole numbers, by the package better-sqlite3.
 * Which keys are there is looked up once, when reading begins: rows that come later with higher keys are not read. The rows
 * themselves are read some hundred at a time and as they then are; nothing is locked in between.
 *
 * Whole numbers beyond 2^53 are bigints, never rounded; bytes are `Uint8Array`s, NULL is `null`. A codec may want a bigint, a
 * boolean for 0 and 1, a Date for milliseconds since 1970 or for a text in SQLite's own format, or `undefined` for NULL.
 *
 * @throws {PipelineError} when an option is wrong. A file, table or column that is not there, rows without a whole number as
 *   key, and a package that is not installed fail the run before anything is read.
 * @example
 * ```ts no-run
 * import * as t from 'io-ts'
 * import { pipeline, run } from 'millrace'
 * import { readTable } from 'millrace/io/sqlite'
 * const Order = t.type({ id: t.Int, user: t.string, cents: t.Int })
 * const p = pipeline()
 * p.apply('orders', readTable({ file: 'shop.db', table: 'orders', codec: Order })).print('orders')
 * await run(p)
 * ```
 */
export function readTable<C extends Codec = never, const K extends string = string>(
  options: ReadTableOptions<C, K>,
): (pipeline: Pipeline) => PCollection<TableElement<C, K>> {
  const reading = checkedOptions(options)
  const { onError } = reading
  const word = reading.key === undefined ? 'rowid' : `${reading.key} =`
  const common = {
    bounded: true,
    replayable: true,
    watermark: watermarks.none(),
    setup: ({ env }: { readonly env: Env }): Promise<OpenTable> => OpenTable.open(env, reading),
    teardown: ({ resource }: { readonly resource: OpenTable | undefined }): void => resource?.close(),
    restriction: (_: Uint8Array, { resource }: { readonly resource: OpenTable }): KeyRange => resource.range,
    restrictionCodec: keyRangeCodec,
    split: (_: Uint8Array, range: KeyRange, parts: number): readonly KeyRange[] => splitKeys(range, parts),
    size: (_: Uint8Array, range: KeyRange): number => widthOf(range),
    tracker: (range: KeyRange): KeyTracker => new KeyTracker(range),
  }
  const { codec } = options
  const output = codec !== undefined && isIoTs(codec) ? (codec as Codec) : typed<unknown>()
  if (onError === undefined) {
    const refuseRow = (row: UnreadRow): never => {
      throw unreadRowError(row, word)
    }
    return source({
      ...common,
      output,
      process: (_, tracker: KeyTracker, { resource, emit }) => resource.read(tracker, emit as never, refuseRow),
    }) as never
  }
  return (pipeline) => {
    const { out, unread } = pipeline.apply(
      'rows',
      source({
        ...common,
        outputs: { out: output, unread: unreadRowCodec },
        process: (_, tracker: KeyTracker, { resource, emit }) => resource.read(tracker, emit.out as never, emit.unread),
      }),
    )
    lettersOfRows(unread, word, onError)
    return out as never
  }
}

const WHO = 'readTable'

const optionNames: OptionNames<ReadTableOptions> = {
  file: true,
  table: true,
  query: true,
  parameters: true,
  columns: true,
  key: true,
  range: true,
  codec: true,
  busyTimeout: true,
  onError: true,
}

function checkedOptions(options: ReadTableOptions): TableReading {
  refuseUnknownOptions(WHO, options, optionNames)
  const {
    table,
    query,
    parameters = [],
    columns,
    key,
    range = {},
    codec,
    busyTimeout = '10 seconds',
    onError,
  } = options
  const file = checkFile(WHO, options.file)
  if ((table === undefined) === (query === undefined))
    refuse('MR-1003', 'readTable needs to know what it reads: give it a table or a query, and not both.')
  if (table !== undefined) checkName('option table of readTable', table)
  if (query !== undefined) {
    if (typeof query !== 'string' || query.trim() === '')
      refuse('MR-1004', `option query of readTable is a SELECT, but is ${preview(query)}.`)
    if (key === undefined)
      refuse(
        'MR-1003',
        'readTable needs a key to read a query by: a column of its result that has whole numbers. Give key.',
      )
  } else if (options.parameters !== undefined) {
    refuse('MR-1016', 'option parameters of readTable is for a query, and there is none. Leave it out.')
  }
  if (key !== undefined) checkName('option key of readTable', key)
  checkCodec(WHO, codec)
  checkColumns(WHO, columns)
  refuseUnknownOptions('option range of readTable', range, { from: true, to: true })
  for (const [name, bound] of Object.entries(range)) {
    if (bound !== undefined && !Number.isSafeInteger(bound) && typeof bound !== 'bigint')
      refuse('MR-1002', `${name} in option range of readTable must be a whole number, but is ${preview(bound)}.`)
  }
  if (typeof parameters !== 'object' || parameters === null)
    refuse('MR-1004', `option parameters of readTable is a list or an object of values, but is ${preview(parameters)}.`)
  const isList = Array.isArray(parameters)
  return {
    place: { file, table },
    query,
    positional: isList ? (parameters as readonly SqliteValue[]) : [],
    named: isList ? {} : (parameters as Readonly<Record<string, SqliteValue>>),
    columns: columns ?? fieldsOf(codec),
    key,
    range,
    codec,
    busyMillis: durationMillis(busyTimeout, 'option busyTimeout of readTable'),
    onError,
  }
}
