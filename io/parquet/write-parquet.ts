/**
 * Writing Parquet files in shards: elements become rows in parts, parts become the row groups of a file.
 *
 * Law: a file holds exactly the elements that were written to it, in row groups of about one size, whatever bundles they came
 * in; no more than one row group is in memory.
 */
import { coded } from '../../sdk/error-codes.js'
import { type Codec, codecName, decodeWith, isCodec, isIoTs, type TypeOf } from '../../sdk/codec.js'
import { ByteReader, ByteWriter } from '../../sdk/coders/bytes.js'
import type { RowValue } from '../../sdk/coders/row.js'
import type { FileHandle } from '../../sdk/env.js'
import { type OptionNames, refuseUnknownOptions, refuseUnknownValue } from '../../sdk/known-options.js'
import type { PCollection } from '../../sdk/pcollection.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import { codecOf } from '../../sdk/schema/codec-of.js'
import { rowOfCodec, schemaOf } from '../../sdk/schema/codec-row.js'
import type { Schema } from '../../sdk/schema/schema.js'
import { rowCoder } from '../../sdk/schema/schema-coder.js'
import { rowOf } from '../records/codec-values.js'
import { recordPart, recordsOf } from '../records/record-parts.js'
import {
  type CommonWriteOptions,
  commonOptionNames,
  commonWriteOptions,
  type WrittenRecords,
  writtenRecordsCodec,
} from '../records/write-options.js'
import type { FileFormat } from '../text/finish-shards.js'
import { writeShards } from '../text/write-shards.js'
import type { PartFormat } from '../text/write-parts.js'
import { gzip } from './gzip.js'
import { type HyparquetWriter, loadWriter } from './packages.js'
import { elementsOf, refusingWhatIsTooLarge, toColumn } from './row-schema.js'

/** Options of {@link writeParquet}: a row schema, or a codec that it is taken from. */
export interface WriteParquetOptions<C extends Codec = Codec> extends CommonWriteOptions {
  /** The fields of the elements, as `schemaOf` and `codecOf` have them. */
  readonly schema?: Schema
  /** A codec whose schema it is. */
  readonly codec?: C
  /** How pages are packed. Default `'snappy'`. */
  readonly compression?: 'none' | 'snappy' | 'gzip'
  /** Rows of a row group. Default 100,000; a group ends sooner where its rows take more than 64 MiB. */
  readonly rowGroupRows?: number
}

/** Bytes of rows after which a row group ends. */
const GROUP_BYTES = 64 * 1024 * 1024

/**
 * Writes Parquet files, by the package hyparquet-writer. Names, shards and windows are those of `writeLines`: files appear
 * under their names when they are complete.
 *
 * Columns are the fields of the row: `t.Int` is INT64, `t.number` DOUBLE, a Date a timestamp in milliseconds, a bigint a decimal
 * of up to 38 digits, arrays are lists, records maps, rows structs; what may be empty is optional.
 *
 * @param path of the file; its folder is made if need be.
 * @returns the files that were written.
 * @throws {PipelineError} when an option is wrong, there is neither schema nor codec, a field has no place in Parquet, or as
 *   `writeLines` does. An element that does not fit fails the run, naming the field.
 * @example
 * ```ts
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import * as t from 'io-ts'
 * import { pipeline, run } from 'millrace'
 * import { writeParquet } from 'millrace/io/parquet'
 * const p = pipeline()
 * p.create('points', [{ x: 1, y: 2 }])
 *   .apply('write', writeParquet(join(tmpdir(), 'millrace-example', 'points.parquet'), { codec: t.type({ x: t.number, y: t.number }) }))
 * await run(p)
 * ```
 */
export function writeParquet<C extends Codec = never>(
  path: string,
  options: WriteParquetOptions<C>,
): (input: PCollection<[C] extends [never] ? unknown : TypeOf<C>>) => PCollection<WrittenRecords> {
  const { commit, schema, part, compression, rowGroupRows } = checkedOptions(path, options)
  // Looked at here, so that what has no place is refused at the author's line.
  elementsOf(schema)
  return writeShards(commit, {
    part,
    file: async () => parquetFile(await loadWriter(), schema, compression, rowGroupRows),
    output: writtenRecordsCodec,
    written: ({ path: file, lines }) => ({ path: file, records: lines }),
  })
}

const codecs = { none: 'UNCOMPRESSED', snappy: 'SNAPPY', gzip: 'GZIP' } as const

function parquetFile(
  { ByteWriter: Bytes, ParquetWriter }: HyparquetWriter,
  schema: Schema,
  compression: keyof typeof codecs,
  rowGroupRows: number,
): FileFormat {
  const coder = rowCoder(schema)
  /** Gives what was written to the file after each row group. */
  class HandleWriter extends Bytes {
    readonly #handle: FileHandle

    constructor(handle: FileHandle) {
      super(1024 * 1024)
      this.#handle = handle
    }

    flush(): void {
      this.#handle.write(this.getBytes())
      this.index = 0
    }

    override finish(): void {
      this.flush()
    }
  }
  return {
    write(handle, parts, files) {
      const file = new ParquetWriter({
        writer: new HandleWriter(handle),
        schema: elementsOf(schema),
        codec: codecs[compression],
        compressors: { GZIP: gzip },
        createdBy: 'millrace',
      })
      let columns = emptyColumns(schema)
      let bytes = 0
      const finishGroup = (): void => {
        const rows = columns[0]?.data.length ?? 0
        if (rows === 0) return
        void file.write({ columnData: columns.map(({ name, data }) => ({ name, data })), rowGroupSize: rows })
        columns = emptyColumns(schema)
        bytes = 0
      }
      for (const part of parts) {
        for (const record of recordsOf(files, part.path)) {
          const row = coder.decode(new ByteReader(record), false)
          for (const { name, data, convert } of columns)
            data.push(convert === undefined ? row[name] : convert(row[name]))
          bytes += record.length
          if (bytes >= GROUP_BYTES || (columns[0]?.data.length ?? 0) >= rowGroupRows) finishGroup()
        }
      }
      finishGroup()
      void file.finish()
    },
  }
}

function emptyColumns({ fields }: Schema): readonly {
  readonly name: string
  readonly data: unknown[]
  readonly convert: ((value: unknown) => unknown) | undefined
}[] {
  return fields.map(({ name, type }) => ({ name, data: [], convert: toColumn(type) }))
}

/** Rows on their way: by the coder of the codec, which knows how it holds what is empty. */
function partOfCodec(codec: Codec): PartFormat<Uint8Array> {
  const row = rowOfCodec(codec)
  if (row === undefined) throw coded('MR-4009', new Error(`${codecName(codec)} is no row`))
  return encodedRows(row.schema, (value) => decodeWith(codec, value) as RowValue, row.coder.encode.bind(row.coder))
}

function partOfSchema(schema: Schema): PartFormat<Uint8Array> {
  const coder = rowCoder(schema)
  const codec = codecOf(schema)
  return encodedRows(
    schema,
    (value) =>
      decodeWith(
        codec,
        typeof value === 'object' && value !== null ? rowOf(schema, value as RowValue) : value,
      ) as RowValue,
    coder.encode.bind(coder),
  )
}

function encodedRows(
  schema: Schema,
  checked: (value: unknown) => RowValue,
  encode: (row: RowValue, out: ByteWriter, nested: boolean) => void,
): PartFormat<Uint8Array> {
  const out = new ByteWriter()
  const plain = rowCoder(schema)
  const refuseTooLarge = refusingWhatIsTooLarge(schema)
  return recordPart((value) => {
    out.reset()
    encode(checked(value), out, false)
    refuseTooLarge?.(plain.decode(new ByteReader(out.written()), false))
    return out.take()
  })
}

const optionNames: OptionNames<WriteParquetOptions> = {
  ...commonOptionNames,
  schema: true,
  codec: true,
  compression: true,
  rowGroupRows: true,
}

function checkedOptions(path: string, options: WriteParquetOptions) {
  refuseUnknownOptions('writeParquet', options, optionNames)
  const { schema, codec, compression = 'snappy', rowGroupRows = 100_000 } = options
  if ((schema === undefined) === (codec === undefined))
    refuse('MR-1003', 'writeParquet needs to know what it writes: give it a schema or a codec, and not both.')
  if (codec !== undefined && !isCodec(codec))
    refuse('MR-1004', `option codec of writeParquet is no codec, but ${preview(codec)}.`)
  if (codec !== undefined && !isIoTs(codec) && rowOfCodec(codec) === undefined)
    refuse(
      'MR-4009',
      `the ${codecName(codec)} does not say what its fields are made of. Use an io-ts codec, or withSchema(codec, schema).`,
    )
  refuseUnknownValue('option compression of writeParquet', compression, Object.keys(codecs))
  if (!Number.isSafeInteger(rowGroupRows) || rowGroupRows < 1)
    refuse(
      'MR-1002',
      `option rowGroupRows of writeParquet must be a whole number from 1, but is ${preview(rowGroupRows)}.`,
    )
  const rows = schema ?? schemaOfCodec(codec as Codec)
  return {
    commit: commonWriteOptions('writeParquet', path, options),
    schema: rows,
    part: () => (codec === undefined ? partOfSchema(rows) : partOfCodec(codec)),
    compression,
    rowGroupRows,
  }
}

function schemaOfCodec(codec: Codec): Schema {
  try {
    return schemaOf(codec)
  } catch (error) {
    return refuse('MR-4009', (error as Error).message)
  }
}
