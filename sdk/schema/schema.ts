/**
 * Schemas: what the fields of a row are called and made of. The types mirror Beam's `Schema`, `Field` and `FieldType`
 * messages, so that a schema says the same to every runner and every other SDK.
 *
 * Law: two schemas with equal fields in equal encoding positions have equal bytes for equal rows.
 */
import { PipelineError } from '../errors.js'

/** Beam's types without parts. Integers of 8, 16, 32 and 64 bits have a sign. */
export type AtomicType = 'BYTE' | 'INT16' | 'INT32' | 'INT64' | 'FLOAT' | 'DOUBLE' | 'STRING' | 'BOOLEAN' | 'BYTES'

/** What a field, an element, a key or a value is made of. */
export type FieldType = { readonly nullable: boolean } & (
  | { readonly kind: 'atomic'; readonly atomic: AtomicType }
  | { readonly kind: 'array' | 'iterable'; readonly element: FieldType }
  | { readonly kind: 'map'; readonly key: FieldType; readonly value: FieldType }
  | { readonly kind: 'row'; readonly schema: Schema }
  | LogicalType
)

/** A type with a meaning of its own, known by its URN and carried as another type. */
export interface LogicalType {
  readonly kind: 'logical'
  readonly urn: string
  readonly representation: FieldType
  /** Argument of the type, such as a length. */
  readonly argument?: unknown
}

/** Free data that someone has attached to a schema or a field; kept as it is. */
export interface SchemaOption {
  readonly name: string
  readonly value: unknown
}

/** A field of a row. */
export interface Field {
  readonly name: string
  readonly type: FieldType
  readonly description?: string
  /**
   * Where the field stands in the encoding, from 0. Default: its place in the schema. A schema that has gained fields
   * keeps the positions of the old ones, so that rows written before can still be read.
   */
  readonly encodingPosition?: number
  readonly options?: readonly SchemaOption[]
}

/** The fields of a row, in the order of declaration. */
export interface Schema {
  readonly fields: readonly Field[]
  readonly id?: string
  readonly options?: readonly SchemaOption[]
}

/** URNs of Beam's portable logical types. */
export const logicalTypes = {
  millisInstant: 'beam:logical_type:millis_instant:v1',
  microsInstant: 'beam:logical_type:micros_instant:v1',
  decimal: 'beam:logical_type:decimal:v1',
  fixedBytes: 'beam:logical_type:fixed_bytes:v1',
  varBytes: 'beam:logical_type:var_bytes:v1',
  fixedChar: 'beam:logical_type:fixed_char:v1',
  varChar: 'beam:logical_type:var_char:v1',
} as const

/** A type without parts. */
export function atomic(type: AtomicType): FieldType {
  return { kind: 'atomic', atomic: type, nullable: false }
}

/** The same type with `null` as one more value. */
export function nullable(type: FieldType): FieldType {
  return { ...type, nullable: true }
}

/** A logical type. */
export function logical(urn: string, representation: FieldType, argument?: unknown): FieldType {
  return { kind: 'logical', urn, representation, nullable: false, ...(argument === undefined ? {} : { argument }) }
}

/** An instant, carried as milliseconds since 1970. */
export const millisInstant: FieldType = logical(logicalTypes.millisInstant, atomic('INT64'))

/** A decimal number of any size. */
export const decimal: FieldType = logical(logicalTypes.decimal, atomic('BYTES'))

/**
 * The fields in the order in which they are encoded.
 *
 * @throws {PipelineError} when two fields have one name, or the positions are not 0, 1, 2 …
 */
export function fieldsInEncodingOrder(schema: Schema): readonly Field[] {
  const { fields } = schema
  const names = new Set(fields.map(({ name }) => name))
  if (names.size < fields.length) {
    const twice = fields.find(({ name }, i) => fields.findIndex((other) => other.name === name) < i)
    throw new PipelineError(
      'MR-4012',
      `a schema has two fields "${twice?.name ?? ''}". Give each field a name of its own.`,
    )
  }
  const ordered: Field[] = []
  fields.forEach((field, i) => {
    const position = field.encodingPosition ?? i
    if (!Number.isInteger(position) || position < 0 || position >= fields.length || ordered[position] !== undefined) {
      throw new PipelineError(
        'MR-4015',
        `field "${field.name}" has encoding position ${position}, which is taken or outside 0 to ${fields.length - 1}. Number the fields 0, 1, 2 … in the order of their encoding.`,
      )
    }
    ordered[position] = field
  })
  return ordered
}

/**
 * A type in words, as fingerprints and errors show it.
 *
 * @example
 * ```ts
 * import { atomic, fieldTypeText, nullable } from './schema.js'
 * fieldTypeText({ kind: 'array', element: nullable(atomic('INT64')), nullable: false }) // => 'array<int64?>'
 * ```
 */
export function fieldTypeText(type: FieldType): string {
  const mark = type.nullable ? '?' : ''
  switch (type.kind) {
    case 'atomic':
      return `${type.atomic.toLowerCase()}${mark}`
    case 'array':
    case 'iterable':
      return `${type.kind}<${fieldTypeText(type.element)}>${mark}`
    case 'map':
      return `map<${fieldTypeText(type.key)}, ${fieldTypeText(type.value)}>${mark}`
    case 'row':
      return `${schemaText(type.schema)}${mark}`
    case 'logical':
      return `${type.urn.replace(/^beam:logical_type:(\w+):v1$/, '$1')}${mark}`
  }
}

/** A schema in words: `{ user: string, cents: double }`. */
export function schemaText(schema: Schema): string {
  if (schema.fields.length === 0) return '{}'
  return `{ ${schema.fields.map(({ name, type }) => `${name}: ${fieldTypeText(type)}`).join(', ')} }`
}
