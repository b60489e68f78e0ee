/**
 * Schemas as samples write them, as ours.
 */
import {
  atomic,
  type AtomicType,
  decimal,
  type FieldType,
  logical,
  millisInstant,
  type Schema,
} from '../../sdk/schema/schema.js'

/** A schema in a sample. */
export interface SampleSchema {
  readonly fields: readonly SampleField[]
}

/** A field in a sample. */
export interface SampleField {
  readonly name: string
  readonly type: SampleType
  readonly encodingPosition?: number
}

/** A type in a sample, by the name that Beam Java has for it. */
export interface SampleType {
  readonly typeName: string
  readonly nullable?: boolean
  readonly element?: SampleType
  readonly key?: SampleType
  readonly value?: SampleType
  readonly schema?: SampleSchema
  /** Logical types: the URN and what carries them. */
  readonly urn?: string
  readonly representation?: SampleType
}

const atomics: ReadonlySet<string> = new Set([
  'BYTE',
  'INT16',
  'INT32',
  'INT64',
  'FLOAT',
  'DOUBLE',
  'STRING',
  'BOOLEAN',
  'BYTES',
])

/** Our form of a sample's schema. @throws {Error} when a type is unknown or a part is missing. */
export function schemaOfSample({ fields }: SampleSchema): Schema {
  return {
    fields: fields.map(({ name, type, encodingPosition }) => ({
      name,
      type: typeOfSample(type),
      ...(encodingPosition === undefined ? {} : { encodingPosition }),
    })),
  }
}

function typeOfSample(type: SampleType): FieldType {
  return { ...contentOf(type), nullable: type.nullable === true }
}

function contentOf(type: SampleType): FieldType {
  const { typeName } = type
  const part = <T>(given: T | undefined, what: string): T => {
    if (given === undefined) throw new Error(`schema type ${typeName} needs ${what}`)
    return given
  }
  if (atomics.has(typeName)) return atomic(typeName as AtomicType)
  switch (typeName) {
    case 'DECIMAL':
      return decimal
    case 'DATETIME':
      return millisInstant
    case 'ARRAY':
    case 'ITERABLE':
      return {
        kind: typeName === 'ARRAY' ? 'array' : 'iterable',
        element: typeOfSample(part(type.element, 'an element')),
        nullable: false,
      }
    case 'MAP':
      return {
        kind: 'map',
        key: typeOfSample(part(type.key, 'a key')),
        value: typeOfSample(part(type.value, 'a value')),
        nullable: false,
      }
    case 'ROW':
      return { kind: 'row', schema: schemaOfSample(part(type.schema, 'a schema')), nullable: false }
    case 'LOGICAL_TYPE':
      return logical(part(type.urn, 'a urn'), typeOfSample(part(type.representation, 'a representation')))
    default:
      throw new Error(`unknown schema type ${String(typeName)}`)
  }
}
