/**
 * Rows as an author gets them: of the values that a statement gives, in the form that the codec wants, and checked by it.
 *
 * Law: a row is what the codec describes or it is told that it is not; no number loses its last digits.
 */
import { type Codec, decodeWith, isIoTs } from '../../sdk/codec.js'
import { rowOfCodec } from '../../sdk/schema/codec-row.js'
import { valuesFor } from '../records/codec-values.js'
import { setField } from '../records/set-field.js'
import { readerOf, type SqliteValue, wholeOf } from './values.js'

/** Makes rows of values. */
export interface RowMaker {
  /** The row, before it is checked. Values from `offset` on are those of the columns, in their order. */
  readonly rowOf: (values: readonly SqliteValue[], offset: number) => object
  /** The row as the codec wants it; a promise where it checks asynchronously. @throws when it does not fit. */
  readonly checked: (row: object) => unknown
}

/** What makes rows of these columns. */
export function rowMaker(columns: readonly string[], codec: Codec | undefined): RowMaker {
  const fields = codec !== undefined && isIoTs(codec) ? rowOfCodec(codec)?.schema.fields : undefined
  const converters = columns.map((name) => {
    const field = fields?.find((each) => each.name === name)
    return field === undefined ? undefined : readerOf(field.type)
  })
  const count = columns.length
  const isPlain = converters.every((convert) => convert === undefined) && !columns.includes('__proto__')
  const fit = codec === undefined ? undefined : valuesFor(codec)
  return {
    rowOf: isPlain
      ? (values, offset) => {
          const row: Record<string, SqliteValue> = {}
          for (let i = 0; i < count; i++) row[columns[i] as string] = values[i + offset] as SqliteValue
          return row
        }
      : (values, offset) => {
          const row: Record<string, unknown> = {}
          for (let i = 0; i < count; i++) {
            const value = values[i + offset] as SqliteValue
            const convert = converters[i]
            setField(row, columns[i] as string, convert === undefined ? value : convert(value))
          }
          return row
        },
    checked:
      codec === undefined
        ? (row) => row
        : fit === undefined
          ? (row) => decodeWith(codec, row)
          : (row) => decodeWith(codec, fit(row)),
  }
}

/** Rows of a statement, as it gives them: bytes are the package's own kind, and whole numbers may all be bigints. */
export type RawRow = unknown[]

/** What was found out about rows on the way. */
export interface Looked {
  /** About how many bytes they take. */
  readonly bytes: number
  /** Whether some number may have lost its last digits, so that the rows must be asked for again, as bigints. */
  readonly isUnsure: boolean
}

/** Makes plain values of the statement's, in their place. */
export function settle(rows: readonly RawRow[], hasBigints: boolean): Looked {
  let bytes = 0
  for (const row of rows) {
    for (let i = 0; i < row.length; i++) {
      const value = row[i]
      switch (typeof value) {
        case 'number':
          // Also fractions that are as large; asking again does no harm.
          if (!hasBigints && (value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER))
            return { bytes, isUnsure: true }
          bytes += 8
          break
        case 'string':
          bytes += 16 + 2 * value.length
          break
        case 'bigint':
          row[i] = wholeOf(value)
          bytes += 8
          break
        case 'object':
          if (value instanceof Uint8Array) {
            row[i] = new Uint8Array(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength)
            bytes += 64 + value.byteLength
          }
          break
        default:
      }
    }
  }
  return { bytes: bytes + 64 * rows.length, isUnsure: false }
}
