/**
 * Values of a file as a codec wants them. A file knows one way to be empty (`null`) and one kind of whole number; a codec may
 * want `undefined` or no field at all, a bigint, or a Date.
 *
 * Law: a value that already is what the codec describes stays itself; what cannot be made so is left for the codec to refuse.
 */
import { type Codec, isIoTs } from '../../sdk/codec.js'
import { ByteReader, ByteWriter } from '../../sdk/coders/bytes.js'
import type { RowValue } from '../../sdk/coders/row.js'
import type { PCollection } from '../../sdk/pcollection.js'
import { rowOfCodec } from '../../sdk/schema/codec-row.js'
import { type FieldType, logicalTypes, type Schema } from '../../sdk/schema/schema.js'
import { rowCoder } from '../../sdk/schema/schema-coder.js'
import type { StepOptions } from '../../sdk/transforms/do-fn.js'

/** The same records, each checked by the codec, in the form in which it wants them. */
export function checkedBy(
  codec: Codec | undefined,
  records: PCollection<unknown>,
  options: StepOptions,
): PCollection<unknown> {
  if (codec === undefined) return records
  return records.map('checked', valuesFor(codec) ?? ((record) => record), { ...options, codec })
}

/** What makes values fit the codec, as far as that can be done without a guess; `undefined` where there is nothing to do. */
export function valuesFor(codec: Codec): ((value: unknown) => unknown) | undefined {
  const row = isIoTs(codec) ? rowOfCodec(codec) : undefined
  if (row === undefined || !isIoTs(codec) || !row.schema.fields.some(({ type }) => isTold(type))) return undefined
  const plain = rowCoder(row.schema)
  const out = new ByteWriter()
  // By way of the row: its bytes are the same for both, and each side reads them in its own way.
  return (value) => {
    if (codec.is(value) || typeof value !== 'object' || value === null) return value
    try {
      out.reset()
      plain.encode(rowOf(row.schema, value as RowValue), out, false)
      return row.coder.decode(new ByteReader(out.written()), false)
    } catch {
      return value
    }
  }
}

/** Whether a codec may hold a value of the type in another way than a file does. */
function isTold(type: FieldType): boolean {
  switch (type.kind) {
    case 'atomic':
      return type.nullable
    case 'array':
    case 'iterable':
      return type.nullable || isTold(type.element)
    case 'row':
      return type.nullable || type.schema.fields.some((field) => isTold(field.type))
    // A codec's map is an object.
    case 'map':
    case 'logical':
      return true
  }
}

/** A value in the form of a row: instants are milliseconds, decimals texts, what is absent null. */
export function rowOf({ fields }: Schema, value: RowValue): RowValue {
  return Object.fromEntries(
    fields.map(({ name, type }) => [name, Object.hasOwn(value, name) ? partOf(type, value[name]) : null]),
  )
}

function partOf(type: FieldType, value: unknown): unknown {
  if (value === null || value === undefined) return null
  switch (type.kind) {
    case 'row':
      return typeof value === 'object' ? rowOf(type.schema, value as RowValue) : value
    case 'array':
    case 'iterable':
      return Array.isArray(value) ? value.map((item) => partOf(type.element, item)) : value
    case 'map':
      return value instanceof Map ? new Map([...value].map(([key, item]) => [key, partOf(type.value, item)])) : value
    case 'logical':
      if (type.urn === logicalTypes.millisInstant && value instanceof Date) return value.getTime()
      if (type.urn === logicalTypes.decimal && (typeof value === 'number' || typeof value === 'bigint'))
        return String(value)
      return value
    case 'atomic':
      return value
  }
}
