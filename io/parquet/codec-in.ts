/**
 * The codec of a Parquet file: what its rows are, for who has the file when the pipeline is built.
 */
import * as t from 'io-ts'
import { messageOf } from '../../sdk/errors.js'
import { refuse } from '../../sdk/refuse.js'
import type { TimestampMode } from '../avro/logical.js'
import { ParquetFile } from './parquet-file.js'
import type { ParquetRow } from './value.js'

/** Options of {@link parquetCodecIn}; say the same to `readParquet`. */
export interface ParquetCodecOptions<K extends string = string> {
  /** The columns that rows have. Default: all. */
  readonly columns?: readonly K[]
  /** Default `'date'`. */
  readonly timestamps?: TimestampMode
}

/**
 * A codec for the rows of a Parquet file, from its bytes (all of them; only the footer is looked at).
 *
 * @throws {PipelineError} when the bytes are no Parquet file, or have not the columns.
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs'
 * import { parquetCodecIn } from 'millrace/io/parquet'
 * const codecOfFile = (path: string) => parquetCodecIn(readFileSync(path), { columns: ['user', 'cents'] })
 * ```
 */
export async function parquetCodecIn<const K extends string = string>(
  bytes: Uint8Array,
  options: ParquetCodecOptions<K> = {},
): Promise<t.Type<ParquetRow<K>>> {
  const columns = await columnsIn(bytes, options)
  const misfit = (value: unknown): string | undefined => {
    if (typeof value !== 'object' || value === null) return 'a row'
    const row = value as Readonly<Record<string, unknown>>
    return columns.find(({ name, is }) => !Object.hasOwn(row, name) || !is(row[name]))?.name
  }
  return new t.Type<ParquetRow<K>>(
    `{ ${columns.map(({ name }) => name).join(', ')} }`,
    (value): value is ParquetRow<K> => misfit(value) === undefined,
    (value, context) => {
      const wrong = misfit(value)
      return wrong === undefined
        ? t.success(value as ParquetRow<K>)
        : t.failure(value, context, `does not fit at ${wrong}`)
    },
    t.identity,
  )
}

async function columnsIn(bytes: Uint8Array, { columns, timestamps = 'date' }: ParquetCodecOptions) {
  const handle = {
    read(target: Uint8Array, offset: number, length: number, position: number): number {
      const part = bytes.subarray(position, position + length)
      target.set(part, offset)
      return part.length
    },
    close: () => undefined,
  }
  const files = { openForReading: () => handle }
  try {
    const file = await ParquetFile.open(files, 'bytes', bytes.length, {
      columns,
      timestamps,
      maxRowGroupBytes: Infinity,
    })
    return file.columns
  } catch (error) {
    return refuse('MR-4104', `parquetCodecIn: ${messageOf(error)}.`)
  }
}
