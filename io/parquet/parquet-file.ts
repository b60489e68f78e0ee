/**
 * A Parquet file: its footer, and the columns of one row group at a time.
 *
 * Laws: only the bytes of the columns that are wanted are read; what a file says of its sizes is checked before memory is
 * taken for it; a column has as many values as its group has rows, or is refused.
 */
import { coded } from '../../sdk/error-codes.js'
import type { AsyncBuffer, FileMetaData } from 'hyparquet'
import type { FileHandle } from '../../sdk/env.js'
import { messageOf } from '../../sdk/errors.js'
import { preview } from '../../sdk/preview.js'
import type { TimestampMode } from '../avro/logical.js'
import { type Column, columnsOf, keptWhole, timeParsers } from './file-schema.js'
import { loadReader } from './packages.js'
import { checkPages } from './page-headers.js'

type Reader = Awaited<ReturnType<typeof loadReader>>

/** How a file is read. */
export interface ParquetFileOptions {
  /** Default: all. */
  readonly columns: readonly string[] | undefined
  readonly timestamps: TimestampMode
  readonly maxRowGroupBytes: number
}

/** The values of a row group. */
export interface RowGroupValues {
  /** The first row, and the one after the last. */
  readonly from: number
  readonly to: number
  /** Of each column. */
  readonly values: readonly ArrayLike<unknown>[]
}

/** What is needed of an open file. */
type Reads = Pick<FileHandle, 'read' | 'close'>

/** Bytes of a footer that are looked at without being asked for. */
const FOOTER_BYTES = 64 * 1024
/** Bytes a footer may have. */
const FOOTER_MAX = 64 * 1024 * 1024

/** An open file. */
export class ParquetFile {
  readonly #handle: Reads
  readonly #buffer: AsyncBuffer
  readonly #packages: Reader
  readonly #metadata: FileMetaData
  readonly #options: ParquetFileOptions
  readonly #compressors: Reader['compressors']
  readonly columns: readonly Column[]
  /** The first row of each group, and the number of rows at the end. */
  readonly starts: readonly number[]

  private constructor(
    handle: Reads,
    buffer: AsyncBuffer,
    packages: Reader,
    metadata: FileMetaData,
    options: ParquetFileOptions,
  ) {
    this.#handle = handle
    this.#buffer = buffer
    this.#packages = packages
    this.#metadata = metadata
    this.#options = options
    this.#compressors = bounded(packages.compressors, options.maxRowGroupBytes)
    this.columns = columnsOf(packages.parquetSchema(metadata), options.columns, options.timestamps)
    this.starts = startsOf(metadata)
  }

  /** Opens a file and reads its footer. @throws when it is no Parquet file, or has not the columns that are wanted. */
  static async open(
    files: { openForReading(path: string): Reads },
    path: string,
    size: number,
    options: ParquetFileOptions,
  ): Promise<ParquetFile> {
    const packages = await loadReader()
    const handle = files.openForReading(path)
    try {
      const buffer = bufferOf(handle, size)
      const metadata = await metadataOf(packages, buffer)
      return new ParquetFile(handle, buffer, packages, metadata, options)
    } catch (error) {
      handle.close()
      throw error
    }
  }

  /** The offset at which a group lies. */
  offsetOf(group: number): number {
    const [first] = this.#metadata.row_groups[group]?.columns ?? []
    return Number(first?.meta_data?.dictionary_page_offset ?? first?.meta_data?.data_page_offset ?? 0)
  }

  /** The values of a group. */
  async read(group: number): Promise<RowGroupValues> {
    const [from, to] = [this.starts[group] as number, this.starts[group + 1] as number]
    this.#check(group)
    const file: AsyncBuffer = {
      byteLength: this.#buffer.byteLength,
      slice: async (start, end) => this.#checked(group, start, await this.#buffer.slice(start, end)),
    }
    const chunks = new Map<string, ArrayLike<unknown>[]>(this.columns.map(({ name }) => [name, []]))
    await this.#packages.parquetRead({
      file,
      metadata: this.#metadata,
      compressors: this.#compressors,
      columns: [...chunks.keys()],
      rowStart: from,
      rowEnd: to,
      utf8: false,
      geoparquet: false,
      parsers: timeParsers(this.#options.timestamps),
      onChunk: ({ columnName, columnData }) => void chunks.get(columnName)?.push(columnData),
    })
    return {
      from,
      to,
      values: this.columns.map(({ name }) => {
        const joined = join(chunks.get(name) ?? [])
        if (joined.length !== to - from)
          throw coded('MR-4104', new Error(`column ${preview(name)} has ${joined.length} values for ${to - from} rows`))
        return joined
      }),
    }
  }

  close(): void {
    this.#handle.close()
  }

  /** The bytes, once the pages of the columns in them have been looked at. */
  #checked(group: number, start: number, bytes: ArrayBuffer): ArrayBuffer {
    for (const { meta_data: chunk } of this.#metadata.row_groups[group]?.columns ?? []) {
      if (chunk === undefined) continue
      const from = startOf(chunk) - start
      const to = from + Number(chunk.total_compressed_size)
      if (from < 0 || to > bytes.byteLength) continue
      try {
        checkPages(new Uint8Array(bytes, from, to - from), this.#options.maxRowGroupBytes / 8)
      } catch (error) {
        throw coded('MR-4107', new Error(`column ${preview(chunk.path_in_schema.join('.'))}: ${messageOf(error)}`))
      }
    }
    return bytes
  }

  #check(group: number): void {
    const { columns } = this.#metadata.row_groups[group] as FileMetaData['row_groups'][number]
    const wanted = new Set(this.columns.map(({ name }) => name))
    let bytes = 0
    for (const { meta_data: chunk } of columns) {
      if (chunk === undefined || !wanted.has(chunk.path_in_schema[0] as string)) continue
      const name = chunk.path_in_schema.join('.')
      bytes += Number(chunk.total_uncompressed_size)
      const start = startOf(chunk)
      const end = start + Number(chunk.total_compressed_size)
      if (!(start >= 0 && end >= start && end <= this.#buffer.byteLength))
        throw coded(
          'MR-4104',
          new Error(
            `column ${preview(name)} is said to lie at bytes ${start} to ${end}, and the file has ${this.#buffer.byteLength}`,
          ),
        )
      if (chunk.codec !== 'UNCOMPRESSED' && this.#compressors[chunk.codec] === undefined)
        throw coded('MR-4105', new Error(`column ${preview(name)} is packed by ${chunk.codec}, which is not read here`))
    }
    if (!(bytes <= this.#options.maxRowGroupBytes))
      throw coded(
        'MR-4107',
        new Error(
          `the columns of a row group unpack to ${bytes} bytes, more than ${this.#options.maxRowGroupBytes} (maxRowGroupBytes)`,
        ),
      )
  }
}

/** Where the pages of a column begin. Some writers leave 0 where there is no dictionary. */
function startOf(chunk: NonNullable<FileMetaData['row_groups'][number]['columns'][number]['meta_data']>): number {
  return Number(chunk.dictionary_page_offset || chunk.data_page_offset)
}

async function metadataOf(packages: Reader, buffer: AsyncBuffer): Promise<FileMetaData> {
  const { byteLength: size } = buffer
  if (size < 12) throw coded('MR-4104', new Error('it is no Parquet file: it is too short'))
  const tail = new DataView(await buffer.slice(size - 8, size))
  if (tail.getUint32(4, true) !== 0x31524150)
    throw coded('MR-4104', new Error('it is no Parquet file, or ends too early: it does not end in "PAR1"'))
  const length = tail.getUint32(0, true)
  if (length > Math.min(size - 12, FOOTER_MAX))
    throw coded('MR-4107', new Error(`its footer is said to have ${length} bytes, which it cannot`))
  const metadata = await packages.parquetMetadataAsync(buffer, {
    initialFetchSize: Math.max(FOOTER_BYTES, length + 8),
    geoparquet: false,
  })
  return { ...metadata, schema: keptWhole(metadata.schema) }
}

/** Row groups have whole numbers of rows, and no more than the file could hold. */
function startsOf({ row_groups: groups }: FileMetaData): readonly number[] {
  const starts = [0]
  for (const { num_rows: rows } of groups) {
    const count = Number(rows)
    if (!Number.isSafeInteger(count) || count < 0 || count > 2 ** 31)
      throw coded('MR-4107', new Error(`a row group is said to have ${rows} rows`))
    starts.push((starts.at(-1) as number) + count)
  }
  return starts
}

function bufferOf(handle: Reads, size: number): AsyncBuffer {
  return {
    byteLength: size,
    slice(start, end = size) {
      const from = start < 0 ? Math.max(0, size + start) : start
      const bytes = new Uint8Array(Math.max(0, Math.min(end, size) - from))
      for (let filled = 0; filled < bytes.length;) {
        const count = handle.read(bytes, filled, bytes.length - filled, from + filled)
        if (count === 0)
          throw coded(
            'MR-5003',
            new Error(`the file had ${size} bytes and now ends at ${from + filled}: it was changed while it was read`),
          )
        filled += count
      }
      return bytes.buffer
    },
  }
}

/** What pages say of their size is believed up to a limit. */
function bounded(compressors: Reader['compressors'], max: number): Reader['compressors'] {
  return Object.fromEntries(
    Object.entries(compressors).map(([name, unpack]) => [
      name,
      (packed: Uint8Array, length: number) => {
        if (!(length <= max))
          throw coded('MR-4107', new Error(`a page unpacks to ${length} bytes, more than ${max} (maxRowGroupBytes)`))
        return unpack(packed, length)
      },
    ]),
  )
}

function join(chunks: readonly ArrayLike<unknown>[]): ArrayLike<unknown> {
  if (chunks.length === 1) return chunks[0] as ArrayLike<unknown>
  const all = new Array<unknown>(chunks.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const chunk of chunks) for (let i = 0; i < chunk.length; i++) all[at++] = chunk[i]
  return all
}
