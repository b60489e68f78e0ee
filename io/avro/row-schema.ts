/**
 * Avro schemas and codecs: the schema of an io-ts record, and the codec of a schema.
 *
 * Law: what a codec's schema writes, the codec reads; what has no place in Avro is refused by name, when the pipeline is
 * built.
 */
import * as t from 'io-ts'
import type { Codec } from '../../sdk/codec.js'
import { errorCode } from '../../sdk/error-codes.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import { schemaOf } from '../../sdk/schema/codec-row.js'
import { type AtomicType, type FieldType, logicalTypes, type Schema } from '../../sdk/schema/schema.js'
import { parseHeader, schemaJson } from './container.js'
import { fitting } from './encode.js'
import { type AvroSchema, type AvroType, nameOf, parseSchema } from './schema.js'
import type { AvroValueOf } from './value.js'

const atomics: Readonly<Record<AtomicType, AvroSchema>> = {
  BYTE: 'int',
  INT16: 'int',
  INT32: 'int',
  INT64: 'long',
  FLOAT: 'float',
  DOUBLE: 'double',
  STRING: 'string',
  BOOLEAN: 'boolean',
  BYTES: 'bytes',
}

/**
 * The Avro schema of a codec's rows. Numbers are doubles, `t.Int` is a long, a Date a timestamp in milliseconds, a bigint a
 * decimal of up to 38 digits; what may be empty is a union with null.
 *
 * @param name of the record. Default `Row`; records in it are called after their fields, `Row_address`.
 * @throws {PipelineError} when the codec is no row, or a part of it has no place in Avro, naming it.
 * @example
 * ```ts
 * import { avroSchemaOf } from 'millrace/io/avro'
 * import * as t from 'io-ts'
 * avroSchemaOf(t.type({ cents: t.Int }), 'Order') // => { type: 'record', name: 'Order', fields: [{ name: 'cents', type: 'long' }] }
 * ```
 */
export function avroSchemaOf(codec: Codec, name = 'Row'): AvroSchema {
  let schema: Schema
  try {
    schema = schemaOf(codec)
  } catch (error) {
    return refuse('MR-4009', (error as Error).message)
  }
  const made = recordOf(schema, name)
  parsed(made, 'the schema of the codec')
  return made
}

function recordOf({ fields }: Schema, name: string): AvroSchema {
  return {
    type: 'record',
    name,
    fields: fields.map((field) => {
      const type = typeOf(field.type, `${name}_${field.name}`)
      return field.type.nullable
        ? { name: field.name, type: ['null', type], default: null }
        : { name: field.name, type }
    }),
  }
}

function typeOf(type: FieldType, name: string): AvroSchema {
  const partOf = (part: FieldType): AvroSchema => (part.nullable ? ['null', typeOf(part, name)] : typeOf(part, name))
  switch (type.kind) {
    case 'atomic':
      return atomics[type.atomic]
    case 'array':
    case 'iterable':
      return { type: 'array', items: partOf(type.element) }
    case 'map':
      if (type.key.kind !== 'atomic' || type.key.atomic !== 'STRING')
        return refuse('MR-4101', `${name} is a map whose keys are no texts, and Avro has no other.`)
      return { type: 'map', values: partOf(type.value) }
    case 'row':
      return recordOf(type.schema, name)
    case 'logical':
      if (type.urn === logicalTypes.millisInstant) return { type: 'long', logicalType: 'timestamp-millis' }
      if (type.urn === logicalTypes.microsInstant) return { type: 'long', logicalType: 'timestamp-micros' }
      if (type.urn === logicalTypes.decimal) return { type: 'bytes', logicalType: 'decimal', precision: 38, scale: 0 }
      return typeOf(type.representation, name)
  }
}

/** The type of a schema that the author has given. @throws {PipelineError} */
export function parsed(schema: AvroSchema, what: string): AvroType {
  try {
    return parseSchema(schema)
  } catch (error) {
    return refuse('MR-4101', `${what} is no Avro schema: ${(error as Error).message}.`)
  }
}

/**
 * The schema that an Avro file was written by, from its bytes (its beginning is enough).
 *
 * @throws {PipelineError} when the bytes are not the beginning of an Avro file.
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs'
 * import { avroCodec, avroSchemaIn } from 'millrace/io/avro'
 * const codecOfFile = (path: string) => avroCodec(avroSchemaIn(readFileSync(path)))
 * ```
 */
export function avroSchemaIn(bytes: Uint8Array): AvroSchema {
  try {
    const schema = schemaJson(parseHeader(bytes).schemaText) as AvroSchema
    parseSchema(schema)
    return schema
  } catch (error) {
    return refuse(errorCode(error) ?? 'MR-4104', `avroSchemaIn: ${(error as Error).message}.`)
  }
}

/**
 * A codec for the values of an Avro schema, as {@link readAvro} gives them. Where the schema is written `as const`, the
 * compiler knows the type.
 *
 * @throws {PipelineError} when the schema is none.
 * @example
 * ```ts
 * import { avroCodec } from 'millrace/io/avro'
 * const Point = avroCodec({
 *   type: 'record',
 *   name: 'Point',
 *   fields: [{ name: 'x', type: 'int' }, { name: 'label', type: ['null', 'string'] }],
 * } as const)
 * Point.is({ x: 1, label: null }) // => true
 * ```
 */
export function avroCodec<const S extends AvroSchema>(schema: S): t.Type<AvroValueOf<S>> {
  const type = parsed(schema, `the schema of avroCodec, ${preview(schema)},`)
  const fits = fitting(type)
  return new t.Type<AvroValueOf<S>>(
    nameOf(type),
    (value): value is AvroValueOf<S> => value !== undefined && fits(value),
    (value, context) =>
      value !== undefined && fits(value)
        ? t.success(value as AvroValueOf<S>)
        : t.failure(value, context, `does not fit the Avro schema ${nameOf(type)}`),
    t.identity,
  )
}
