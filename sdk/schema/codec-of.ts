/**
 * The codec of a schema: what a program needs to read and write rows that someone else has described.
 */
import * as t from 'io-ts'
import type { IoTsCodec } from '../codec.js'
import { kindOf } from '../coders/dynamic-format.js'
import type { RowValue } from '../coders/row.js'
import { preview } from '../preview.js'
import { type WithSchema, withSchema } from './codec-row.js'
import { type AtomicType, type Field, type FieldType, logicalTypes, type Schema, schemaText } from './schema.js'

/** A whole number of so many bits. */
function isInteger(value: unknown, bits: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= -(2 ** (bits - 1)) && value < 2 ** (bits - 1)
}

function isInt64(value: unknown): boolean {
  return Number.isSafeInteger(value) || (typeof value === 'bigint' && BigInt.asIntN(64, value) === value)
}

const isAtomic: Readonly<Record<AtomicType, (value: unknown) => boolean>> = {
  BYTE: (value) => isInteger(value, 8),
  INT16: (value) => isInteger(value, 16),
  INT32: (value) => isInteger(value, 32),
  INT64: isInt64,
  FLOAT: (value) => typeof value === 'number',
  DOUBLE: (value) => typeof value === 'number',
  STRING: (value) => typeof value === 'string',
  BOOLEAN: (value) => typeof value === 'boolean',
  BYTES: (value) => value instanceof Uint8Array,
}

/** A part of a value that does not fit its type: the path to it, and what it should be. */
interface Misfit {
  readonly path: string
  readonly expected: string
  readonly value: unknown
}

/** The first part of a value that does not fit. */
function misfit(type: FieldType, value: unknown, path: string): Misfit | undefined {
  const wrong = (expected: string): Misfit => ({ path, expected, value })
  if (value === null || value === undefined) return type.nullable ? undefined : wrong('a value')
  switch (type.kind) {
    case 'atomic':
      return isAtomic[type.atomic](value) ? undefined : wrong(type.atomic.toLowerCase())
    case 'array':
    case 'iterable':
      if (!Array.isArray(value)) return wrong('an array')
      return first(value.entries(), ([i, item]) => misfit(type.element, item, `${path}[${i}]`))
    case 'map':
      if (!(value instanceof Map)) return wrong('a Map')
      return first(
        value as ReadonlyMap<unknown, unknown>,
        ([key, item]) => misfit(type.key, key, `${path}[…]`) ?? misfit(type.value, item, `${path}[${preview(key)}]`),
      )
    case 'row':
      return rowMisfit(type.schema, value, path)
    case 'logical':
      if (type.urn === logicalTypes.millisInstant) return isInt64(value) ? undefined : wrong('milliseconds since 1970')
      if (type.urn === logicalTypes.decimal)
        return typeof value === 'string' ? undefined : wrong('the text of a decimal')
      return misfit(type.representation, value, path)
  }
}

function first<T>(items: Iterable<T>, find: (item: T) => Misfit | undefined): Misfit | undefined {
  for (const item of items) {
    const found = find(item)
    if (found !== undefined) return found
  }
  return undefined
}

function rowMisfit({ fields }: Schema, value: unknown, path: string): Misfit | undefined {
  if (typeof value !== 'object' || value === null || kindOf(value) !== 'plain')
    return { path, expected: 'a plain object', value }
  const row = value as RowValue
  return first(fields, ({ name, type }: Field) =>
    misfit(type, Object.hasOwn(row, name) ? row[name] : undefined, path === '' ? name : `${path}.${name}`),
  )
}

/**
 * A codec for the rows of a schema. An integer of 64 bits is a number where that is exact, else a bigint; a map a Map; an
 * instant its milliseconds since 1970; a decimal its text; an empty field `null`. Name the type of the rows if you know it.
 *
 * @throws {PipelineError} when two fields have one name, or encoding positions are not 0, 1, 2 …
 * @example
 * ```ts
 * import { codecOf } from 'millrace'
 * const Point = codecOf<{ x: number; y: number }>({
 *   fields: [
 *     { name: 'x', type: { kind: 'atomic', atomic: 'INT32', nullable: false } },
 *     { name: 'y', type: { kind: 'atomic', atomic: 'INT32', nullable: false } },
 *   ],
 * })
 * Point.is({ x: 1, y: 2 }) // => true
 * ```
 */
export function codecOf<A extends object = RowValue>(schema: Schema): IoTsCodec<A> & WithSchema {
  const name = schemaText(schema)
  const codec = new t.Type<A>(
    name,
    (value): value is A => rowMisfit(schema, value, '') === undefined,
    (value, context) => {
      const wrong = rowMisfit(schema, value, '')
      if (wrong === undefined) return t.success(value as A)
      const { path, expected, value: found } = wrong
      return t.failure(value, context, `${path === '' ? '' : `${path}: `}expected ${expected}, got ${preview(found)}`)
    },
    t.identity,
  )
  return withSchema<IoTsCodec<A>>(codec, schema)
}
