/**
 * The types of values that Parquet files hold.
 */

/**
 * A value of a column. Whole numbers of 64 bits are numbers where that is exact, else bigints; lists are arrays, maps Maps,
 * structs objects, bytes Uint8Arrays, decimals texts, dates and timestamps Dates.
 */
export type ParquetValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Date
  | readonly ParquetValue[]
  | ReadonlyMap<ParquetValue, ParquetValue>
  | { readonly [field: string]: ParquetValue }

/** A row, as far as the names of its columns are known. */
export type ParquetRow<K extends string = string> = Readonly<Record<K, ParquetValue>>
