/**
 * Row schemas as Parquet's: what the fields of a row are in a file, and how their values get there.
 *
 * Law: what a schema writes, `readParquet` reads as the same values; what has no place in Parquet is refused by name, when the
 * pipeline is built.
 */
import { coded, errorCode } from '../../sdk/error-codes.js'
import type { SchemaElement } from 'hyparquet'
import { messageOf } from '../../sdk/errors.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import { type AtomicType, type Field, type FieldType, logicalTypes, type Schema } from '../../sdk/schema/schema.js'

const atomics: Readonly<Record<AtomicType, Omit<SchemaElement, 'name'>>> = {
  BYTE: { type: 'INT32', converted_type: 'INT_8' },
  INT16: { type: 'INT32', converted_type: 'INT_16' },
  INT32: { type: 'INT32' },
  INT64: { type: 'INT64' },
  FLOAT: { type: 'FLOAT' },
  DOUBLE: { type: 'DOUBLE' },
  STRING: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  BOOLEAN: { type: 'BOOLEAN' },
  BYTES: { type: 'BYTE_ARRAY' },
}

/** A decimal of any size that Parquet has: sixteen bytes. */
const DECIMAL = {
  type: 'FIXED_LEN_BYTE_ARRAY',
  type_length: 16,
  converted_type: 'DECIMAL',
  precision: 38,
  scale: 0,
} as const
const DECIMAL_MAX = 10n ** 38n

/** The elements of a file's schema. @throws {PipelineError} for a part that has no place in Parquet. */
export function elementsOf({ fields }: Schema): SchemaElement[] {
  if (fields.length === 0) refuse('MR-4015', 'a Parquet file has at least one column, and the schema has none.')
  return [{ name: 'root', num_children: fields.length }, ...fields.flatMap(fieldElements)]
}

function fieldElements({ name, type }: Field): SchemaElement[] {
  if (name === '' || name === '__proto__')
    refuse('MR-4015', `a column cannot be called ${preview(name)}. Rename the field.`)
  const repetition_type = type.nullable ? 'OPTIONAL' : 'REQUIRED'
  switch (type.kind) {
    case 'atomic':
      return [{ name, repetition_type, ...atomics[type.atomic] }]
    case 'array':
    case 'iterable':
      return [
        { name, repetition_type, converted_type: 'LIST', num_children: 1 },
        { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
        ...fieldElements({ name: 'element', type: type.element }),
      ]
    case 'map':
      if (type.key.nullable) refuse('MR-4015', `field "${name}" is a map whose keys may be null, and Parquet has none.`)
      return [
        { name, repetition_type, converted_type: 'MAP', num_children: 1 },
        { name: 'key_value', repetition_type: 'REPEATED', num_children: 2 },
        ...fieldElements({ name: 'key', type: type.key }),
        ...fieldElements({ name: 'value', type: type.value }),
      ]
    case 'row':
      if (type.schema.fields.length === 0)
        refuse('MR-4015', `field "${name}" is a row without fields, and Parquet has none.`)
      return [
        { name, repetition_type, num_children: type.schema.fields.length },
        ...type.schema.fields.flatMap(fieldElements),
      ]
    case 'logical':
      if (type.urn === logicalTypes.millisInstant)
        return [
          {
            name,
            repetition_type,
            type: 'INT64',
            converted_type: 'TIMESTAMP_MILLIS',
            logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' },
          },
        ]
      if (type.urn === logicalTypes.decimal) return [{ name, repetition_type, ...DECIMAL }]
      return fieldElements({ name, type: { ...type.representation, nullable: type.nullable } })
  }
}

/** How the writer wants a value of a row. @throws for one that Parquet cannot hold. */
export function toColumn(type: FieldType): ((value: unknown) => unknown) | undefined {
  const some = ofPart(type)
  return some === undefined ? undefined : (value) => (value === null || value === undefined ? value : some(value))
}

function ofPart(type: FieldType): ((value: unknown) => unknown) | undefined {
  switch (type.kind) {
    case 'atomic':
      return type.atomic === 'INT64' ? (value) => BigInt(value as number | bigint) : undefined
    case 'array':
    case 'iterable': {
      const item = toColumn(type.element)
      return item === undefined ? undefined : (value) => (value as readonly unknown[]).map(item)
    }
    case 'map': {
      const [key, item] = [toColumn(type.key) ?? same, toColumn(type.value) ?? same]
      // As entries: of a Map the writer would take keys that are the same text for one.
      return (value) => [...(value as ReadonlyMap<unknown, unknown>)].map(([k, v]) => ({ key: key(k), value: item(v) }))
    }
    case 'row': {
      const fields = type.schema.fields.map(({ name, type: of }) => [name, toColumn(of) ?? same] as const)
      return (value) =>
        Object.fromEntries(
          fields.map(([name, convert]) => [name, convert((value as Readonly<Record<string, unknown>>)[name])]),
        )
    }
    case 'logical':
      if (type.urn === logicalTypes.millisInstant) return (value) => new Date(Number(value))
      if (type.urn === logicalTypes.decimal) return decimalOf
      return ofPart(type.representation)
  }
}

/**
 * What refuses a row with a value that Parquet cannot hold, naming its field; `undefined` where every row of the schema fits.
 * Asked for each element, so that the step that was given it fails and not the one that makes the files.
 */
export function refusingWhatIsTooLarge({
  fields,
}: Schema): ((row: Readonly<Record<string, unknown>>) => void) | undefined {
  const checks = fields.filter(({ type }) => hasDecimal(type)).map(({ name, type }) => [name, toColumn(type)] as const)
  if (checks.length === 0) return undefined
  return (row) => {
    for (const [name, convert] of checks) {
      try {
        convert?.(row[name])
      } catch (error) {
        throw coded(
          errorCode(error) ?? 'MR-4106',
          new Error(`field ${preview(name)}: ${messageOf(error)}`, { cause: error }),
        )
      }
    }
  }
}

function hasDecimal(type: FieldType): boolean {
  switch (type.kind) {
    case 'atomic':
      return false
    case 'array':
    case 'iterable':
      return hasDecimal(type.element)
    case 'map':
      return hasDecimal(type.key) || hasDecimal(type.value)
    case 'row':
      return type.schema.fields.some((field) => hasDecimal(field.type))
    case 'logical':
      return type.urn === logicalTypes.decimal || hasDecimal(type.representation)
  }
}

const same = (value: unknown): unknown => value

function decimalOf(value: unknown): bigint {
  const text = String(value)
  if (!/^-?\d+(\.0*)?$/.test(text))
    throw coded(
      'MR-4106',
      new Error(`the decimal ${preview(value)} has a fraction, and is written without one. Make it a text`),
    )
  const whole = BigInt(text.replace(/\..*$/, ''))
  if (whole >= DECIMAL_MAX || whole <= -DECIMAL_MAX)
    throw coded('MR-4106', new Error(`the decimal ${preview(value)} has more than 38 digits`))
  return whole
}
