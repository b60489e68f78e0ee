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
import {
  byteCoder,
  canonicalDoubleCoder,
  canonicalFloatCoder,
  decimalCoder,
  floatCoder,
  int16Coder,
  int32Coder,
  mapCoder,
  millisCoder,
} from '../coders/row-values.js'
import { type RowField, rowCoderOf, type RowValue } from '../coders/row.js'
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
function contentCoder(type: FieldType, canonical: boolean): Coder<unknown> {
  switch (type.kind) {
    case 'atomic':
      if (canonical && type.atomic === 'DOUBLE') return canonicalDoubleCoder
      if (canonical && type.atomic === 'FLOAT') return canonicalFloatCoder
      return atomicCoders[type.atomic]
    case 'array':
    case 'iterable':
      return iterableCoder(partCoder(type.element, canonical))
    case 'map':
      return mapCoder(partCoder(type.key, canonical), partCoder(type.value, canonical), canonical)
    case 'row':
      return rowCoder(type.schema, canonical)
    case 'logical':
      if (type.urn === logicalTypes.millisInstant) return millisCoder
      if (type.urn === logicalTypes.decimal) return decimalCoder
      return contentCoder(type.representation, canonical)
  }
}

/** Elements, keys and values say of themselves whether they are null. */
function partCoder(type: FieldType, canonical: boolean): Coder<unknown> {
  const content = contentCoder(type, canonical)
  return type.nullable ? nullableCoder(content) : content
}

/**
 * The coder of the rows of a schema.
 *
 * @param canonical whether equal rows get equal bytes, so that they may be keys: −0 is written as 0, and maps in the order
 *   of their keys. Default: bytes as Beam Java writes them.
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
export function rowCoder(schema: Schema, canonical = false): Coder<RowValue> {
  const fields = fieldsInEncodingOrder(schema).map(({ name, type }): RowField => ({
    name,
    coder: contentCoder(type, canonical),
    empty: type.nullable ? 'null' : undefined,
  }))
  return rowCoderOf(schema, fields)
}
