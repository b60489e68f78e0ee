/**
 * Parquet files: reading by patterns, column by column and in ranges of rows, and writing in shards that appear whole or not
 * at all. The packages hyparquet, hyparquet-compressors and hyparquet-writer are loaded when they are needed.
 *
 * @module
 */
export type { TimestampMode } from '../avro/logical.js'
export type { UnreadPart } from '../records/bad-part.js'
export type { CommonWriteOptions, WrittenRecords } from '../records/write-options.js'
export { parquetCodecIn, type ParquetCodecOptions } from './codec-in.js'
export { type ParquetElement, readParquet, type ReadParquetOptions } from './read-parquet.js'
export type { ParquetRow, ParquetValue } from './value.js'
export { writeParquet, type WriteParquetOptions } from './write-parquet.js'
