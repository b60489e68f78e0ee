/**
 * Reading Parquet files: a step that finds the files and looks at their footers, a splittable step that reads ranges of rows,
 * and, with `onError`, steps that check rows and make letters of what cannot be read.
 *
 * Law: each row of each file is emitted once, however the files are cut into ranges and the ranges into bundles; what cannot
 * be read fails the run or is a letter.
 */
import * as t from 'io-ts'
import { type Codec, isCodec, isIoTs, type TypeOf, typed } from '../../sdk/codec.js'
import type { Env, FileSystem } from '../../sdk/env.js'
import { errorCode } from '../../sdk/error-codes.js'
import { messageOf } from '../../sdk/errors.js'
import { type OptionNames, refuseUnknownOptions, refuseUnknownValue } from '../../sdk/known-options.js'
import type { PCollection } from '../../sdk/pcollection.js'
import type { Pipeline } from '../../sdk/pipeline.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import { rowOfCodec } from '../../sdk/schema/codec-row.js'
import { watermarks } from '../../sdk/source/watermark-policy.js'
import type { ErrorHandler } from '../../sdk/transforms/errors.js'
import { splittableParDo } from '../../sdk/transforms/splittable.js'
import type { TimestampMode } from '../avro/logical.js'
import { lettersOf, type UnreadPart, unreadPartCodec, unreadError } from '../records/bad-part.js'
import { checkedBy } from '../records/codec-values.js'
import { OpenReaders } from '../records/open-readers.js'
import { filesOf, type MatchedFile, matchFiles } from '../text/match-files.js'
import { isPath } from '../text/paths.js'
import { ParquetFile, type ParquetFileOptions } from './parquet-file.js'
import { RowReader } from './row-reader.js'
import { type RowRange, rowRangeCodec, RowTracker, splitRows } from './row-ranges.js'
import type { ParquetRow } from './value.js'

/** Options of {@link readParquet}. */
export interface ReadParquetOptions<C extends Codec = Codec, K extends string = string> {
  /** The columns to read; the bytes of others are not looked at. Default: the fields of the codec, else all. */
  readonly columns?: readonly K[]
  /** What rows are; each is checked, and where the codec wants `undefined` for null or a bigint for a number it gets it. */
  readonly codec?: C
  /** Whether dates and timestamps are Dates, or the whole numbers that the file has. Default `'date'`. */
  readonly timestamps?: TimestampMode
  /** What happens when nothing fits a pattern, or a file does not exist. Default `'error'`. */
  readonly emptyMatch?: 'error' | 'allow'
  /** Most bytes that the columns of a row group unpack to; a larger one is not read. Default 1 GiB. */
  readonly maxRowGroupBytes?: number
  /** Where files, row groups and rows go that cannot be read. Default: the run fails. */
  readonly onError?: ErrorHandler
}

/** What {@link readParquet} gives: as the codec says, else rows of the columns. */
export type ParquetElement<C, K extends string> = [C] extends [never] ? ParquetRow<K> : TypeOf<C>

/** A file whose footer has been read. */
interface FoundFile {
  readonly path: string
  readonly size: number
  readonly starts: readonly number[]
}

const foundFileCodec: t.Type<FoundFile> = t.type({ path: t.string, size: t.number, starts: t.readonlyArray(t.number) })

/**
 * Reads the rows of Parquet files, by the packages hyparquet and hyparquet-compressors: snappy, gzip, zstd, brotli and lz4, all
 * encodings they know. Row groups are what is read at a time, so one of them must fit in memory, as far as its columns are
 * wanted. See {@link ParquetValue} for what values are.
 *
 * With `onError`, a file or a row group that cannot be read is one letter with its place, and reading goes on behind it; so is
 * a row that does not fit the codec.
 *
 * @param patterns paths or globs, relative to the folder the program was started in.
 * @throws {PipelineError} when an option is wrong. What is wrong with a file fails the run, with step, file and offset; so do
 *   packages that are not installed, with the line that installs them.
 * @example
 * ```ts
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import * as t from 'io-ts'
 * import { pipeline, run } from 'millrace'
 * import { readParquet, writeParquet } from 'millrace/io/parquet'
 * const path = join(tmpdir(), 'millrace-example', 'ages.parquet')
 * const Person = t.type({ name: t.string, age: t.number })
 * const write = pipeline()
 * write.create('people', [{ name: 'ann', age: 41 }]).apply('write', writeParquet(path, { codec: Person }))
 * await run(write)
 * const read = pipeline()
 * read.apply('read', readParquet(path, { columns: ['age'] })).print('ages')
 * await run(read)
 * ```
 */
export function readParquet<C extends Codec = never, const K extends string = string>(
  patterns: string | readonly string[],
  options: ReadParquetOptions<C, K> = {},
): (pipeline: Pipeline) => PCollection<ParquetElement<C, K>> {
  const all = [patterns].flat()
  if (!all.every(isPath))
    refuse('MR-1004', `readParquet needs a path, a pattern or a list of them, but got ${preview(patterns)}.`)
  const { emptyMatch, onError, codec, reading } = checkedOptions(options)
  const find = async (
    files: FileSystem,
    pattern: string,
    found: (file: FoundFile) => void,
    unread: (part: UnreadPart) => void,
  ): Promise<void> => {
    for (const file of matchFiles(files, pattern, { emptyMatch, compression: 'none' })) {
      const footer = await footerOf(files, file, reading)
      if ('reason' in footer) unread(footer)
      else found(footer)
    }
  }
  const setup = ({ env, step }: { readonly env: Env; readonly step: string }): FileSystem => filesOf(env, step)
  const throwing = (part: UnreadPart): never => {
    throw unreadError(part)
  }
  return (pipeline) => {
    const given = pipeline.create('patterns', all, { codec: t.string })
    const ranges = rangesOf(reading)
    if (onError === undefined) {
      const rows = given
        .parDo('files', {
          output: foundFileCodec,
          setup,
          process: (pattern, { resource, emit }) => find(resource, pattern, emit, throwing),
        })
        .apply(
          'rows',
          splittableParDo({
            ...ranges,
            output: typed<unknown>(),
            process: (file: FoundFile, tracker, { resource, room, emit }) =>
              resource.at(file, tracker.currentRestriction().from).read(tracker, {
                room,
                emit: emit as (row: unknown) => void,
                unread: throwing,
              }),
          }),
        )
      return checkedBy(codec, rows, {}) as never
    }
    const { found, bad } = given.parDo('files', {
      outputs: { found: foundFileCodec, bad: unreadPartCodec },
      setup,
      process: (pattern, { resource, emit }) => find(resource, pattern, emit.found, emit.bad),
    })
    const { out, unread } = found.apply(
      'rows',
      splittableParDo({
        ...ranges,
        outputs: { out: typed<unknown>(), unread: unreadPartCodec },
        process: (file: FoundFile, tracker, { resource, room, emit }) =>
          resource
            .at(file, tracker.currentRestriction().from)
            .read(tracker, { room, emit: emit.out, unread: emit.unread }),
      }),
    )
    lettersOf('files unread', bad, onError)
    lettersOf('unread', unread, onError)
    return checkedBy(codec, out, { onError }) as never
  }
}

async function footerOf(
  files: FileSystem,
  { path, size }: MatchedFile,
  reading: ParquetFileOptions,
): Promise<FoundFile | UnreadPart> {
  try {
    const file = await ParquetFile.open(files, path, size, reading)
    file.close()
    return { path, size, starts: file.starts }
  } catch (error) {
    // What is not installed is nobody's bad file.
    if ((error as { readonly millraceError?: unknown }).millraceError !== undefined) throw error
    return {
      file: path,
      offset: Math.max(0, size - 8),
      code: errorCode(error) ?? 'MR-4104',
      reason: messageOf(error),
      beginning: '',
    }
  }
}

/** What the step that reads ranges has, with letters or without. */
function rangesOf(reading: ParquetFileOptions) {
  return {
    bounded: true,
    replayable: true,
    watermark: watermarks.none(),
    setup: ({ env, step }: { readonly env: Env; readonly step: string }): OpenReaders<FoundFile, RowReader> => {
      const files = filesOf(env, step)
      return new OpenReaders((file, from) => new RowReader(files, file, from, reading))
    },
    teardown: ({ resource }: { readonly resource: OpenReaders<FoundFile, RowReader> | undefined }): void =>
      resource?.close(),
    restriction: ({ starts }: FoundFile): RowRange => ({ from: 0, to: starts.at(-1) ?? 0, cuts: starts.slice(1, -1) }),
    restrictionCodec: rowRangeCodec,
    split: (_: FoundFile, range: RowRange, parts: number): readonly RowRange[] => splitRows(range, parts),
    tracker: (range: RowRange): RowTracker => new RowTracker(range),
  }
}

const optionNames: OptionNames<ReadParquetOptions> = {
  columns: true,
  codec: true,
  timestamps: true,
  emptyMatch: true,
  maxRowGroupBytes: true,
  onError: true,
}

function checkedOptions(options: ReadParquetOptions) {
  refuseUnknownOptions('readParquet', options, optionNames)
  const { columns, codec, timestamps = 'date', emptyMatch = 'error', maxRowGroupBytes = 2 ** 30, onError } = options
  if (codec !== undefined && !isCodec(codec))
    refuse('MR-1004', `option codec of readParquet is no codec, but ${preview(codec)}.`)
  if (columns !== undefined) {
    const isList = Array.isArray(columns) && columns.length > 0 && columns.every((name) => typeof name === 'string')
    if (!isList || new Set(columns).size < columns.length)
      refuse('MR-1004', `option columns of readParquet must be names, each once, but is ${preview(columns)}.`)
  }
  refuseUnknownValue('option timestamps of readParquet', timestamps, ['date', 'integer'])
  refuseUnknownValue('option emptyMatch of readParquet', emptyMatch, ['error', 'allow'])
  if (!Number.isSafeInteger(maxRowGroupBytes) || maxRowGroupBytes < 1)
    refuse(
      'MR-1002',
      `option maxRowGroupBytes of readParquet must be a whole number from 1, but is ${preview(maxRowGroupBytes)}.`,
    )
  const fields = codec !== undefined && isIoTs(codec) ? rowOfCodec(codec)?.schema.fields : undefined
  const wanted = columns ?? fields?.map(({ name }) => name)
  return { codec, emptyMatch, onError, reading: { columns: wanted, timestamps, maxRowGroupBytes } }
}
