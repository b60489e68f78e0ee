/**
 * Beam's row coder (`beam:coder:row:v1`): the number of fields, which of them are null, then the others in the order of
 * their encoding positions.
 *
 * Laws: byte for byte Beam Java's. A row with fewer fields than the schema was written before the last ones existed: they
 * are read as null, and refused where they must not be. A row never takes less than two bytes.
 *
 * A row's value is an object with the fields of the schema; other fields are no part of it. A field without a value is
 * `null`, `undefined` or missing, whichever the field's type says; on the wire it is one bit.
 */
import { DecodeError } from '../errors.js'
import { preview } from '../preview.js'
import type { Schema } from '../schema/schema.js'
import type { ByteReader, ByteWriter } from './bytes.js'
import type { Coder } from './coder.js'
import { kindOf } from './dynamic-format.js'
import { fieldSegment, within } from './refusal.js'

/** The values of a row by field. */
export type RowValue = Readonly<Record<string, unknown>>

/** How a row holds a field that has no value. */
export type Empty = 'null' | 'undefined' | 'missing'

/** One field, as the coder needs it. */
export interface RowField {
  readonly name: string
  readonly coder: Coder<unknown>
  /** How an empty field is held; `undefined` when the field always has a value. */
  readonly empty: Empty | undefined
}

const EMPTY_BITMAP = new Uint8Array(0)

class RowCoder implements Coder<RowValue> {
  readonly urn = 'beam:coder:row:v1'
  readonly components = []
  readonly canonical: boolean
  /** What the fields are, for runners that send it. */
  readonly schema: Schema
  readonly #fields: readonly RowField[]
  /** The fields in the order in which a decoded row holds them. */
  readonly #order: readonly number[]

  constructor(schema: Schema, fields: readonly RowField[]) {
    this.schema = schema
    this.#fields = fields
    this.canonical = fields.every(({ coder }) => coder.canonical)
    this.#order = schema.fields.map(({ name }) => fields.findIndex((field) => field.name === name))
  }

  encode(row: RowValue, out: ByteWriter): void {
    // An instance of a class would come back without its class.
    if (typeof row !== 'object' || row === null || kindOf(row) !== 'plain')
      throw new DecodeError('MR-4002', `expected a plain object, got ${preview(row)}`)
    const fields = this.#fields
    out.varint(fields.length)
    const bitmap = this.#nulls(row)
    out.varint(bitmap.length)
    out.bytes(bitmap)
    for (let i = 0; i < fields.length; i++) {
      const { name, coder, empty } = fields[i] as RowField
      const value = Object.hasOwn(row, name) ? row[name] : undefined
      if (value === null || value === undefined) {
        if (empty !== undefined) continue
        throw new DecodeError(
          'MR-4002',
          `field "${name}" must not be ${value === null ? 'null' : 'missing'}, in ${preview(row)}`,
        )
      }
      try {
        coder.encode(value, out, true)
      } catch (error) {
        throw within(fieldSegment(name), error)
      }
    }
  }

  /** One bit for each empty field, without zero bytes at the end. */
  #nulls(row: RowValue): Uint8Array {
    const fields = this.#fields
    let bitmap = EMPTY_BITMAP
    for (let i = fields.length - 1; i >= 0; i--) {
      const { name } = fields[i] as RowField
      const value = Object.hasOwn(row, name) ? row[name] : undefined
      if (value !== null && value !== undefined) continue
      // The first one found is the last field: it says how many bytes there are.
      if (bitmap === EMPTY_BITMAP) bitmap = new Uint8Array((i >> 3) + 1)
      bitmap[i >> 3] = (bitmap[i >> 3] as number) | (1 << (i & 7))
    }
    return bitmap
  }

  decode(input: ByteReader): RowValue {
    const start = input.position
    const fields = this.#fields
    const count = input.varint()
    if (typeof count === 'bigint' || count < 0 || count > fields.length)
      throw input.error(`row of ${count} fields, but its schema has ${fields.length}`, start)
    const bitmap = input.view(input.length())
    if (bitmap.length > (fields.length + 7) >> 3) throw input.error(`null bitmap of ${bitmap.length} bytes`, start)
    const values: unknown[] = []
    for (let i = 0; i < fields.length; i++) {
      const { name, coder, empty } = fields[i] as RowField
      const isNull = i >= count || (((bitmap[i >> 3] ?? 0) >> (i & 7)) & 1) === 1
      if (isNull && empty === undefined)
        throw input.error(
          `row ${i >= count ? 'without' : 'with null in'} field "${name}", which must have a value`,
          start,
        )
      values.push(isNull ? (empty === 'null' ? null : undefined) : coder.decode(input, true))
    }
    const row: Record<string, unknown> = {}
    for (const i of this.#order) {
      const { name, empty } = fields[i] as RowField
      const value = values[i]
      if (value === undefined && empty === 'missing') continue
      // An assignment to this name would set the prototype.
      if (name === '__proto__')
        Object.defineProperty(row, name, { value, enumerable: true, configurable: true, writable: true })
      else row[name] = value
    }
    return row
  }
}

/**
 * A coder of rows from the coders of their fields.
 *
 * @param fields in the order of their encoding positions; the same names as in `schema`.
 */
export function rowCoderOf(schema: Schema, fields: readonly RowField[]): Coder<RowValue> {
  return new RowCoder(schema, fields)
}
