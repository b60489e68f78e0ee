/**
 * CSV files, read and written, packed or not: typed columns, quotes, line ends within fields.
 *
 * @module
 */
export type { WrittenFile } from '../text/commit-shards.js'
export type { Compression, Packing } from '../text/compression.js'
export type { ReadFilesOptions, ReadRecordsOptions, RecordPreview } from '../text/read-options.js'
export type { WriteFilesOptions } from '../text/write-options.js'
export { type Column, csv } from './columns.js'
export {
  type CsvCodecOptions,
  type CsvColumns,
  type CsvColumnsOptions,
  type CsvHeader,
  type CsvListOptions,
  type CsvOptions,
  type CsvRecord,
  type CsvTextOptions,
  readCsv,
} from './read-csv.js'
export {
  type FieldValue,
  writeCsv,
  type WriteCsvOptions,
  type WrittenColumns,
  type WrittenRecord,
} from './write-csv.js'
