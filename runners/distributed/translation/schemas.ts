/**
 * Schemas of rows as Beam's Schema message, both ways.
 */
import { create } from '@bufbuild/protobuf'
import type { AtomicType, Field, FieldType, Schema, SchemaOption } from '../../../sdk/schema/schema.js'
import {
  AtomicType as WireAtomic,
  type FieldType as WireFieldType,
  FieldTypeSchema,
  type FieldValue,
  FieldValueSchema,
  type Option,
  OptionSchema,
  type Schema as WireSchema,
  SchemaSchema,
} from '../proto/generated/beam/schema_pb.js'

/** Names of types that are no type of ours. */
const NOT_ATOMIC = 'UNSPECIFIED'

/** A schema as a message. @param more options beside its own. */
export function schemaToWire(schema: Schema, more: readonly SchemaOption[] = []): WireSchema {
  const isPositioned = schema.fields.some(({ encodingPosition }) => encodingPosition !== undefined)
  return create(SchemaSchema, {
    id: schema.id ?? '',
    encodingPositionsSet: isPositioned,
    options: [...(schema.options ?? []), ...more].map(optionToWire),
    fields: schema.fields.map((field, id) => ({
      name: field.name,
      description: field.description ?? '',
      type: typeToWire(field.type),
      id,
      encodingPosition: field.encodingPosition ?? id,
      options: (field.options ?? []).map(optionToWire),
    })),
  })
}

/** A message as a schema, with its options. */
export function schemaFromWire({ fields, id, options, encodingPositionsSet }: WireSchema): Schema {
  return {
    fields: fields.map(({ name, type, description, encodingPosition, options: own }): Field => ({
      name,
      type: typeFromWire(type),
      ...(description === '' ? {} : { description }),
      ...(encodingPositionsSet ? { encodingPosition } : {}),
      ...(own.length === 0 ? {} : { options: own.map(optionFromWire) }),
    })),
    ...(id === '' ? {} : { id }),
    ...(options.length === 0 ? {} : { options: options.map(optionFromWire) }),
  }
}

/** Values of options are free: they travel as JSON. */
function optionToWire({ name, value }: SchemaOption): Option {
  return create(OptionSchema, {
    name,
    type: typeToWire({ kind: 'atomic', atomic: 'STRING', nullable: true }),
    value: stringValue(JSON.stringify(value) ?? 'null'),
  })
}

function optionFromWire({ name, value }: Option): SchemaOption {
  return { name, value: JSON.parse(stringOf(value) ?? 'null') as unknown }
}

function stringValue(text: string): FieldValue {
  return create(FieldValueSchema, {
    fieldValue: { case: 'atomicValue', value: { value: { case: 'string', value: text } } },
  })
}

function stringOf(value: FieldValue | undefined): string | undefined {
  if (value?.fieldValue.case !== 'atomicValue') return undefined
  const { value: atomic } = value.fieldValue.value
  return atomic.case === 'string' ? atomic.value : undefined
}

function typeToWire(type: FieldType): WireFieldType {
  const typeInfo = ((): WireFieldType['typeInfo'] => {
    switch (type.kind) {
      case 'atomic':
        return { case: 'atomicType', value: WireAtomic[type.atomic] }
      case 'array':
        return made('arrayType', { elementType: typeToWire(type.element) })
      case 'iterable':
        return made('iterableType', { elementType: typeToWire(type.element) })
      case 'map':
        return made('mapType', { keyType: typeToWire(type.key), valueType: typeToWire(type.value) })
      case 'row':
        return made('rowType', { schema: schemaToWire(type.schema) })
      case 'logical': {
        const { urn, representation, argument } = type
        return made('logicalType', {
          urn,
          representation: typeToWire(representation),
          ...(argument === undefined ? {} : argumentToWire(argument)),
        })
      }
    }
  })()
  return create(FieldTypeSchema, { nullable: type.nullable, typeInfo })
}

/** A member of the oneof, from what its message is made of. */
function made(kind: Exclude<WireFieldType['typeInfo']['case'], undefined>, value: object): WireFieldType['typeInfo'] {
  return create(FieldTypeSchema, { typeInfo: { case: kind, value } as never }).typeInfo
}

/** Arguments are lengths, or free data as JSON. */
function argumentToWire(argument: unknown): object {
  if (typeof argument === 'number' && Number.isInteger(argument) && Math.abs(argument) < 2 ** 31)
    return {
      argumentType: typeToWire({ kind: 'atomic', atomic: 'INT32', nullable: false }),
      argument: create(FieldValueSchema, {
        fieldValue: { case: 'atomicValue', value: { value: { case: 'int32', value: argument } } },
      }),
    }
  return {
    argumentType: typeToWire({ kind: 'atomic', atomic: 'STRING', nullable: false }),
    argument: stringValue(JSON.stringify(argument)),
  }
}

function argumentFromWire(value: FieldValue | undefined): { readonly argument?: unknown } {
  if (value?.fieldValue.case !== 'atomicValue') return {}
  const { value: atomic } = value.fieldValue.value
  if (atomic.case === 'int32') return { argument: atomic.value }
  return atomic.case === 'string' ? { argument: JSON.parse(atomic.value) as unknown } : {}
}

function typeFromWire(type: WireFieldType | undefined): FieldType {
  const nullable = type?.nullable ?? false
  const info = type?.typeInfo
  switch (info?.case) {
    case 'arrayType':
      return { kind: 'array', element: typeFromWire(info.value.elementType), nullable }
    case 'iterableType':
      return { kind: 'iterable', element: typeFromWire(info.value.elementType), nullable }
    case 'mapType':
      return { kind: 'map', key: typeFromWire(info.value.keyType), value: typeFromWire(info.value.valueType), nullable }
    case 'rowType':
      return { kind: 'row', schema: schemaFromWire(info.value.schema ?? create(SchemaSchema)), nullable }
    case 'logicalType': {
      const { urn, representation, argument } = info.value
      const rest = argumentFromWire(argument)
      return { kind: 'logical', urn, representation: typeFromWire(representation), nullable, ...rest }
    }
    default: {
      const name = Object.entries(WireAtomic).find(([, value]) => value === info?.value)?.[0] ?? NOT_ATOMIC
      return { kind: 'atomic', atomic: (name === NOT_ATOMIC ? 'BYTES' : name) as AtomicType, nullable }
    }
  }
}
