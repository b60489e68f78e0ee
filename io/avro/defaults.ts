/**
 * Defaults of fields: the JSON of a schema as a value. Bytes are texts whose characters are bytes, and the default of a
 * union is one of its branches'.
 *
 * Law: a default that does not fit its type is refused when the schema is, not when the field is missing.
 */
import { coded } from '../../sdk/error-codes.js'
import { ByteWriter } from '../../sdk/coders/bytes.js'
import { messageOf } from '../../sdk/errors.js'
import { preview } from '../../sdk/preview.js'
import { setField } from '../records/set-field.js'
import { writing } from './encode.js'
import { AvroSchemaError, type AvroType, DEPTH_MAX, type Field } from './schema.js'

/** What a field has that was not written, in bytes. */
export function defaultBytes({ name, type, default: given }: Field): Uint8Array {
  const out = new ByteWriter()
  try {
    writing(type, { fromJson: true })(out, valueOf(type, given))
  } catch (error) {
    throw new AvroSchemaError(
      `field ${name} has the default ${preview(given)}, which does not fit: ${messageOf(error)}`,
    )
  }
  return out.take()
}

/** The value that a default stands for, for the encoder. */
function valueOf(type: AvroType, json: unknown, depth = 0): unknown {
  // A record may be a default of itself.
  if (depth > DEPTH_MAX) throw coded('MR-4005', new Error(`it is nested deeper than ${DEPTH_MAX}`))
  switch (type.kind) {
    case 'bytes':
    case 'fixed':
      return typeof json === 'string' ? latin1(json) : json
    case 'array':
      return Array.isArray(json) ? json.map((item) => valueOf(type.items, item, depth + 1)) : json
    case 'map':
      return isObject(json)
        ? new Map(Object.entries(json).map(([key, value]) => [key, valueOf(type.values, value, depth + 1)]))
        : json
    case 'record': {
      if (!isObject(json)) return json
      const record: Record<string, unknown> = {}
      for (const field of type.fields) {
        const part = Object.hasOwn(json, field.name) ? json[field.name] : field.default
        if (part !== undefined) setField(record, field.name, valueOf(field.type, part, depth + 1))
      }
      return record
    }
    case 'union':
      // Older schemas: of the first branch. Since Avro 1.12: of any.
      return valueOf(
        type.branches.find((branch) => looksLike(branch, json)) ?? (type.branches[0] as AvroType),
        json,
        depth + 1,
      )
    default:
      return json
  }
}

function looksLike({ kind }: AvroType, json: unknown): boolean {
  switch (kind) {
    case 'null':
      return json === null
    case 'boolean':
      return typeof json === 'boolean'
    case 'int':
    case 'long':
      return Number.isInteger(json)
    case 'float':
    case 'double':
      return typeof json === 'number'
    case 'array':
      return Array.isArray(json)
    case 'record':
    case 'map':
      return isObject(json)
    default:
      return typeof json === 'string'
  }
}

function isObject(json: unknown): json is Readonly<Record<string, unknown>> {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => {
    const code = char.codePointAt(0) as number
    if (code > 0xff) throw coded('MR-4101', new Error(`${preview(char)} is no byte`))
    return code
  })
}
