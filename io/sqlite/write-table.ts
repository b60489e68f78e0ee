/**
 * Writing rows to a table: appended, put in place by their key, or as changes that come and go.
 *
 * Law: what a delivery holds is in the table once, or not at all. A delivery that comes again after a crash is recognised.
 */
import { type Codec, codecName, decodeWith, typed, type TypeOf } from '../../sdk/codec.js'
import { coded } from '../../sdk/error-codes.js'
import { type OptionNames, refuseUnknownOptions, refuseUnknownValue } from '../../sdk/known-options.js'
import type { PCollection } from '../../sdk/pcollection.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import { rowOfCodec } from '../../sdk/schema/codec-row.js'
import { type Duration, durationMillis } from '../../sdk/time.js'
import { type Change, isChange } from '../../sdk/transforms/change.js'
import type { ErrorHandler } from '../../sdk/transforms/errors.js'
import { checkFile } from './database.js'
import { checkName, checkOwnName } from './identifier.js'
import { checkCodec, checkColumns, fieldsOf } from './table-options.js'
import { type SinkOptions, TableSink, type WriteMode } from './table-sink.js'
import type { SqliteValue } from './values.js'

/** Options of {@link writeTable}. */
export interface WriteTableOptions<
  C extends Codec = Codec,
  K extends string = string,
  M extends WriteMode = WriteMode,
> {
  /** Path of the database. */
  readonly file: string
  readonly table: string
  /**
   * `'append'`: each element is a row. `'upsert'`: each element is the row of its key from now on. `'changes'`: elements are
   * changes; an insertion is the row of its key from now on, and a retraction removes it. Default `'append'`.
   */
  readonly mode?: M
  /** The columns that tell rows apart; needed with `'upsert'` and `'changes'`, and a primary key or a unique index of the table. */
  readonly key?: string | readonly string[]
  /** The columns to write, as fields of the elements. Default: the fields of the codec. */
  readonly columns?: readonly K[]
  /** What elements are; each is checked. */
  readonly codec?: C
  /** Whether a database or table that is not there is made; needs a codec. Default: no, it is refused. */
  readonly create?: boolean
  /**
   * `'wal'`: sees to it that the database has a write-ahead log, so that readers and the writer do not wait for each other;
   * `'keep'`: leaves it as it is. Default `'wal'`.
   */
  readonly journal?: 'wal' | 'keep'
  /** How long to try while others have the database locked. Default 10 s. */
  readonly busyTimeout?: Duration
  /** Where elements go that do not fit the codec, or that a column cannot hold. Default: the run fails. */
  readonly onError?: ErrorHandler
}

/** What {@link writeTable} takes: rows as the codec says, else with the columns as fields; or changes of them. */
export type WrittenRow<C, K extends string, M> = M extends 'changes'
  ? Change<[C] extends [never] ? { readonly [P in K]: unknown } : TypeOf<C>>
  : [C] extends [never]
    ? { readonly [P in K]: unknown }
    : TypeOf<C>

/**
 * Writes elements as rows of a table, by the package better-sqlite3. What is delivered together is written in one transaction,
 * with a mark in the table `millrace_deliveries`: a delivery that comes again after a crash writes nothing.
 *
 * A boolean is written as 0 or 1, a Date as milliseconds since 1970 (in a column of texts as ISO 8601), a bigint of up to 64 bits
 * as it is, what is absent as NULL. NaN, larger bigints, objects and lists are refused, not changed.
 *
 * Of changes, a retraction removes the row of its key only if it still is the row that is retracted; changes that are delivered
 * together may come in any order.
 *
 * @throws {PipelineError} when an option is wrong. A table, column or key that is not there fails the run before anything is
 *   written, with the statement that makes it; so does a package that is not installed.
 * @example
 * ```ts
 * import { mkdtempSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import * as t from 'io-ts'
 * import { pipeline, run } from 'millrace'
 * import { readTable, writeTable } from 'millrace/io/sqlite'
 * const file = join(mkdtempSync(join(tmpdir(), 'millrace-example-')), 'shop.db')
 * const Spent = t.type({ user: t.string, cents: t.Int })
 * const write = pipeline()
 * write.create('spent', [{ user: 'ann', cents: 250 as t.Int }])
 *   .apply('write', writeTable({ file, table: 'spent', mode: 'upsert', key: 'user', codec: Spent, create: true }))
 * await run(write)
 * const read = pipeline()
 * read.apply('read', readTable({ file, table: 'spent', codec: Spent })).print('spent')
 * await run(read)
 * ```
 */
export function writeTable<C extends Codec = never, const K extends string = string, M extends WriteMode = 'append'>(
  options: WriteTableOptions<C, K, M>,
): (rows: PCollection<WrittenRow<C, K, M>>) => PCollection<never> {
  const { sink, codec, onError } = checkedOptions(options)
  const isOfChanges = sink.mode === 'changes'
  const check = codec === undefined ? undefined : (row: unknown): unknown => decodeWith(codec, row)
  return (rows) =>
    (rows as PCollection<unknown>).parDo('rows', {
      ...(onError === undefined ? {} : { onError }),
      setup: ({ env }) => TableSink.open(env, sink),
      teardown: ({ resource }) => (resource as TableSink | undefined)?.close(),
      process(element, { resource, deliver }) {
        if (isOfChanges && !isChange(element))
          throw coded(
            'MR-5304',
            new TypeError(
              `writeTable with mode 'changes' takes changes, { kind, value }, but got ${preview(element)}.`,
            ),
          )
        const row = isOfChanges ? (element as Change<unknown>).value : element
        const hand = (checked: unknown): void => {
          if (typeof checked !== 'object' || checked === null)
            throw coded(
              'MR-5304',
              new TypeError(`a row is an object with the columns as fields, but this is ${preview(checked)}.`),
            )
          const values = resource.valuesOf(checked)
          deliver(isOfChanges ? [(element as Change<unknown>).kind === 'insert' ? 1 : -1, ...values] : values)
        }
        const checked = check === undefined ? row : check(row)
        return checked instanceof Promise ? checked.then(hand) : hand(checked)
      },
      delivery: {
        codec: typed<readonly SqliteValue[]>(),
        repeats: 'recognised',
        async deliver(items, { id, resource, env, recognised }) {
          if (!(await resource.deliver(items, id, env))) recognised()
        },
        newest: ({ id, resource, env }) => resource.newest(id, env),
      },
    })
}

const WHO = 'writeTable'

const optionNames: OptionNames<WriteTableOptions> = {
  file: true,
  table: true,
  mode: true,
  key: true,
  columns: true,
  codec: true,
  create: true,
  journal: true,
  busyTimeout: true,
  onError: true,
}

function checkedOptions(options: WriteTableOptions): {
  readonly sink: SinkOptions
  readonly codec: Codec | undefined
  readonly onError: ErrorHandler | undefined
} {
  refuseUnknownOptions(WHO, options, optionNames)
  const { mode = 'append', codec, create = false, journal = 'wal', busyTimeout = '10 seconds', onError } = options
  const file = checkFile(WHO, options.file)
  const table = checkOwnName('option table of writeTable', options.table)
  refuseUnknownValue('option mode of writeTable', mode, ['append', 'upsert', 'changes'])
  refuseUnknownValue('option journal of writeTable', journal, ['wal', 'keep'])
  checkCodec(WHO, codec)
  checkColumns(WHO, options.columns)
  const columns = options.columns ?? fieldsOf(codec)
  if (columns === undefined)
    refuse(
      'MR-1003',
      codec === undefined
        ? 'writeTable needs to know the columns: give it a codec, or columns: […].'
        : `the ${codecName(codec)} does not say what its fields are. Give writeTable the columns, or use an io-ts codec.`,
    )
  const schema = codec === undefined ? undefined : rowOfCodec(codec)?.schema
  if (create && schema === undefined)
    refuse(
      'MR-1003',
      'writeTable can create a table only if it knows what its columns are made of: give it an io-ts codec.',
    )
  const key = options.key === undefined ? [] : [options.key].flat()
  if (mode === 'append' && options.key !== undefined)
    refuse(
      'MR-1016',
      "option key of writeTable says nothing where rows are appended. Leave it out, or give mode: 'upsert'.",
    )
  if (mode !== 'append' && key.length === 0)
    refuse('MR-1003', `writeTable with mode '${mode}' needs to know which rows are the same: give it a key.`)
  for (const name of key) {
    checkName('option key of writeTable', name)
    if (!columns.includes(name))
      refuse(
        'MR-1002',
        `option key of writeTable is ${preview(name)}, which is none of the columns ${preview(columns)}.`,
      )
  }
  return {
    sink: {
      place: { file, table },
      columns,
      key,
      schema,
      create,
      mode,
      journal,
      busyMillis: durationMillis(busyTimeout, 'option busyTimeout of writeTable'),
    },
    codec,
    onError,
  }
}
