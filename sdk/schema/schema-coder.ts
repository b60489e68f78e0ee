/**
 * The coder that a schema describes, as Beam's other SDKs write it.
 *
 * Values: BYTE, INT16 and INT32 are numbers; INT64 a number where that is exact, else a bigint; BYTES a Uint8Array; a map
 * a Map; a row an object, with `null` in empty fields; an instant the milliseconds since 1970 (a bigint outside the safe
 * integers); a decimal its text. A logical type that is not known here has the values of its representation.
 */
import {
  boolCoder,
  bytesCoder,
  type Coder,
  doubleCoder,
  iterableCoder,
  nullableCoder,
  stringUtf8Coder,
  varintCoder,
} from '../coders/index.js'
import { type RowField, rowCoderOf, type RowValue } from '../coders/row.js'
import {
  byteCoder,
  decimalCoder,
  floatCoder,
  int16Coder,
  int32Coder,
  mapCoder,
  millisCoder,
} from '../coders/row-values.js'
import { type AtomicType, fieldsInEncodingOrder, type FieldType, logicalTypes, type Schema } from './schema.js'

const atomicCoders: Readonly<Record<AtomicType, Coder<unknown>>> = {
  BYTE: byteCoder,
  INT16: int16Coder,
  INT32: int32Coder,
  INT64: varintCoder,
  FLOAT: floatCoder,
  DOUBLE: doubleCoder,
  STRING: stringUtf8Coder,
  BOOLEAN: boolCoder,
  BYTES: bytesCoder,
}

/** How the values of a type are written where null has been dealt with. */
function contentCoder(type: FieldType): Coder<unknown> {
  switch (type.kind) {
    case 'atomic':
      return atomicCoders[type.atomic]
    case 'array':
    case 'iterable':
      return iterableCoder(partCoder(type.element))
    case 'map':
      return mapCoder(partCoder(type.key), partCoder(type.value), false)
    case 'row':
      return rowCoder(type.schema)
    case 'logical':
      if (type.urn === logicalTypes.millisInstant) return millisCoder
      if (type.urn === logicalTypes.decimal) return decimalCoder
      return contentCoder(type.representation)
  }
}

/** Elements, keys and values say of themselves whether they are null. */
function partCoder(type: FieldType): Coder<unknown> {
  const content = contentCoder(type)
  return type.nullable ? nullableCoder(content) : content
}

/**
 * The coder of the rows of a schema.
 *
 * @throws {PipelineError} when two fields have one name, or encoding positions are not 0, 1, 2 …
 * @example
 * ```ts
 * import { encodeToBytes } from '../coders/index.js'
 * import { atomic } from './schema.js'
 * import { rowCoder } from './schema-coder.js'
 * const coder = rowCoder({ fields: [{ name: 'b', type: atomic('BOOLEAN') }] })
 * encodeToBytes(coder, { b: true }) // => Uint8Array.of(1, 0, 1)
 * ```
 */
export function rowCoder(schema: Schema): Coder<RowValue> {
  const fields = fieldsInEncodingOrder(schema).map(({ name, type }): RowField => ({
    name,
    coder: contentCoder(type),
    empty: type.nullable ? 'null' : undefined,
  }))
  return rowCoderOf(schema, fields)
}
