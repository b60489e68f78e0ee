/**
 * Values of rows, and what stands for them in a database, which knows whole numbers of 64 bits, other numbers, texts, bytes
 * and NULL.
 *
 * Law: what is written is read as the same value by a codec that describes it; what has no place in a column is refused, never
 * rounded and never cut.
 */
import { loneSurrogateAt } from '../../sdk/coders/utf8.js'
import { coded } from '../../sdk/error-codes.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import { type FieldType, logicalTypes, type Schema } from '../../sdk/schema/schema.js'
import type { Affinity } from './table-shape.js'

/** A value of a row as a database has it: whole numbers are numbers where that is exact, else bigints. */
export type SqliteValue = null | number | bigint | string | Uint8Array

/** A row without a codec. */
export type SqliteRow<K extends string = string> = { readonly [C in K]: SqliteValue }

/** A whole number of a database, as a number where that is exact. */
export function wholeOf(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

/** What a field of a codec makes of a column's value; `undefined` where it is the same. */
export function readerOf(type: FieldType): ((value: SqliteValue) => unknown) | undefined {
  if (type.kind === 'atomic') return type.atomic === 'BOOLEAN' ? truthOf : undefined
  if (type.kind !== 'logical') return undefined
  if (type.urn === logicalTypes.millisInstant) return instantOf
  if (type.urn === logicalTypes.decimal)
    return (value) => (typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value)
  return readerOf(type.representation)
}

function truthOf(value: SqliteValue): unknown {
  return value === 0 ? false : value === 1 ? true : value
}

/** Milliseconds since 1970, or a text as SQLite's own functions make it, which is in UTC. */
function instantOf(value: SqliteValue): unknown {
  if (typeof value === 'number' && Number.isInteger(value)) return new Date(value)
  const [, day, time = '00:00:00', zone = 'Z'] =
    (typeof value === 'string' &&
      /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:\d\d)?)?$/.exec(value)) ||
    []
  if (day === undefined) return value
  const date = new Date(`${day}T${time}${zone}`)
  return Number.isNaN(date.getTime()) ? value : date
}

/** What is bound for a value in a column. @throws for one that the column cannot hold. */
export function bound(value: unknown, affinity: Affinity): SqliteValue {
  switch (typeof value) {
    case 'undefined':
      return null
    case 'string':
      if (loneSurrogateAt(value) >= 0) throw unfit(value, 'a text with half of a character (a lone surrogate)')
      return value
    case 'number':
      if (Number.isNaN(value)) throw unfit(value, 'NaN, for which SQLite writes NULL')
      // The package binds numbers as fractions: a column that does not make whole numbers of them would keep 7 as 7.0.
      return affinity !== 'real' && Number.isSafeInteger(value) ? BigInt(value) : value
    case 'bigint':
      if (BigInt.asIntN(64, value) !== value) throw unfit(value, 'a whole number of more than 64 bits')
      return value
    case 'boolean':
      return value ? 1n : 0n
    case 'object':
      return ofObject(value, affinity)
    default:
      throw unfit(value, 'a value of this kind')
  }
}

function ofObject(value: object | null, affinity: Affinity): SqliteValue {
  if (value === null) return null
  if (value instanceof Uint8Array) return value
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw unfit(value, 'an invalid Date')
    return affinity === 'text' ? value.toISOString() : BigInt(value.getTime())
  }
  throw unfit(value, 'an object or a list. Make a text of it, for example by JSON.stringify')
}

function unfit(value: unknown, what: string): Error {
  return coded('MR-5304', new Error(`a column cannot hold ${preview(value)}: it is ${what.replace(/\.$/, '')}.`))
}

/** The declared type of a column for a field. @throws {PipelineError} for a field that no column can hold. */
export function columnType(who: string, name: string, type: FieldType): string {
  if (type.kind === 'atomic') return columnTypes[type.atomic]
  if (type.kind === 'logical') {
    if (type.urn === logicalTypes.millisInstant || type.urn === logicalTypes.decimal) return 'INTEGER'
    return columnType(who, name, type.representation)
  }
  return refuse(
    'MR-5304',
    `${who}: the codec's field ${preview(name)} has parts, and a column has none. Make a text of it, for example by JSON.stringify.`,
  )
}

const columnTypes = {
  BYTE: 'INTEGER',
  INT16: 'INTEGER',
  INT32: 'INTEGER',
  INT64: 'INTEGER',
  BOOLEAN: 'INTEGER',
  FLOAT: 'REAL',
  DOUBLE: 'REAL',
  STRING: 'TEXT',
  BYTES: 'BLOB',
} as const

/** @throws {PipelineError} for a codec with a field that no column can hold. */
export function checkFields(who: string, { fields }: Schema): void {
  for (const { name, type } of fields) columnType(who, name, type)
}
