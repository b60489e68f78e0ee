/**
 * Codecs as rows: the schema of an io-ts record, and the coder that writes its values as Beam writes rows.
 *
 * Which codecs are rows: `t.type`, `t.partial`, `t.exact`, `t.readonly`, `t.intersection` and refinements of them, as long
 * as every field is one of: `t.string`, `t.boolean`, `t.number` (DOUBLE), `t.Int` (INT64), `t.bigint` (a decimal without
 * fraction), valid Dates (an instant), literals and `t.keyof`, arrays, `t.record(t.string, …)`, and further rows; with
 * `null` or `undefined` or absence as the one way to be empty. What does not fit has no row, and nothing is guessed.
 *
 * Laws: `decode(encode(x))` equals x for each x of the codec's type, but for fields the codec does not name, which are no
 * part of a row, and a field of `t.partial` that is `undefined`, which is absent; two values have equal bytes exactly
 * when they are equal as keys: −0 is 0, there is one NaN, records are in the order of their keys' bytes.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { identity } from 'io-ts'
import { type Codec, codecName, isIoTs, isTypeOnly } from '../codec.js'
import {
  boolCoder,
  type Coder,
  type CodecLike,
  iterableCoder,
  nullableCoder,
  stringUtf8Coder,
  varintCoder,
} from '../coders/index.js'
import { type Empty, type RowField, rowCoderOf, type RowValue } from '../coders/row.js'
import { bigintCoder, canonicalDoubleCoder, dateCoder, optionalCoder, recordCoder } from '../coders/row-values.js'
import { DecodeError } from '../errors.js'
import { mismatchText } from '../mismatch.js'
import { rowCoder } from './schema-coder.js'
import { atomic, decimal, type Field, type FieldType, millisInstant, type Schema } from './schema.js'

/** A codec that is a row. */
export interface CodecRow {
  readonly schema: Schema
  readonly coder: Coder<RowValue>
}

/** Under this name a codec carries the schema it was given. */
export const givenSchema: unique symbol = Symbol.for('millrace.schema') as never

/** A codec that says which schema its values have. */
export interface WithSchema {
  readonly [givenSchema]: Schema
}

const known = new WeakMap<Codec, { readonly row: CodecRow | undefined }>()

/** The row that a codec describes; `undefined` when its shape does not allow one. */
export function rowOfCodec(codec: Codec): CodecRow | undefined {
  const before = known.get(codec)
  if (before !== undefined) return before.row
  const row = makeRow(codec)
  known.set(codec, { row })
  return row
}

function makeRow(codec: Codec): CodecRow | undefined {
  const { [givenSchema]: given } = codec as Partial<WithSchema>
  if (given !== undefined) return { schema: given, coder: rowCoder(given, true) }
  if (isTypeOnly(codec) || !isIoTs(codec)) return undefined
  const part = rowPart(codec)
  if (part?.schema === undefined) return undefined
  const { schema, checked } = part
  const coder = part.coder as Coder<RowValue>
  return { schema, coder: checked ? new CheckedCoder(coder, schema, codec as unknown as CodecLike<RowValue>) : coder }
}

/** Has the codec check what the schema cannot say: literals and refinements. */
class CheckedCoder implements Coder<RowValue> {
  readonly urn = 'beam:coder:row:v1'
  readonly components = []
  readonly canonical = true
  readonly schema: Schema
  readonly encode: Coder<RowValue>['encode']
  readonly #row: Coder<RowValue>
  readonly #codec: CodecLike<RowValue>

  constructor(row: Coder<RowValue>, schema: Schema, codec: CodecLike<RowValue>) {
    this.schema = schema
    this.encode = (value, out, nested) => row.encode(value, out, nested)
    this.#row = row
    this.#codec = codec
  }

  decode(...args: Parameters<Coder<RowValue>['decode']>): RowValue {
    const row = this.#row.decode(...args)
    if (this.#codec.is(row)) return row
    const result = this.#codec.decode(row)
    throw new DecodeError(
      'MR-4001',
      mismatchText(this.#codec.name, row, result._tag === 'Left' ? result.left : undefined),
    )
  }
}

// ---- parts of codecs -----------------------------------------------------------------------------------------------

/** What a codec is made of, as far as io-ts tells. */
interface Type {
  readonly _tag?: string
  readonly name: string
  readonly props?: Readonly<Record<string, Type>>
  readonly types?: readonly Type[]
  readonly type?: Type
  readonly domain?: Type
  readonly codomain?: Type
  readonly value?: unknown
  readonly encode: (value: never) => unknown
  readonly is: (value: unknown) => boolean
}

interface Part {
  readonly type: FieldType
  readonly coder: Coder<unknown>
  /** How an empty value is held, where there may be one. */
  readonly empty: Empty | undefined
  /** Whether the codec allows less than the type does. */
  readonly checked: boolean
  /** Of rows. */
  readonly schema?: Schema
}

function leaf(type: FieldType, coder: Coder<unknown>, checked = false): Part {
  return { type, coder, empty: undefined, checked }
}

const text = leaf(atomic('STRING'), stringUtf8Coder)
const double = leaf(atomic('DOUBLE'), canonicalDoubleCoder)
const truth = leaf(atomic('BOOLEAN'), boolCoder)

function partOf(codec: Type): Part | undefined {
  switch (codec._tag) {
    case 'StringType':
      return text
    case 'NumberType':
      return double
    case 'BooleanType':
      return truth
    case 'BigIntType':
      return leaf(decimal, bigintCoder)
    case 'LiteralType':
      return literalPart([codec.value])
    case 'KeyofType':
      return { ...text, checked: true }
    case 'UnionType':
      return unionPart(codec.types ?? [])
    case 'ArrayType':
    case 'ReadonlyArrayType':
      return arrayPart(codec.type)
    case 'DictionaryType':
      return recordPart(codec)
    case 'RefinementType':
      return refinedPart(codec)
    case undefined:
      return isDateCodec(codec) ? leaf(millisInstant, dateCoder) : undefined
    default:
      return rowPart(codec)
  }
}

const literalTypes: ReadonlyMap<string, Part> = new Map([
  ['string', text],
  ['number', double],
  ['boolean', truth],
])

function literalPart(values: readonly unknown[]): Part | undefined {
  const [kind, ...others] = new Set(values.map((value) => typeof value))
  const base = others.length > 0 || kind === undefined ? undefined : literalTypes.get(kind)
  return base === undefined ? undefined : { ...base, checked: true }
}

/** One type with `null` or `undefined` beside it, or literals of one kind. */
function unionPart(types: readonly Type[]): Part | undefined {
  const flat = types.flatMap(function members(type: Type): readonly Type[] {
    return type._tag === 'UnionType' ? (type.types ?? []).flatMap(members) : [type]
  })
  const tags = flat.map(({ _tag }) => _tag ?? '')
  const rest = flat.filter(({ _tag }) => !['NullType', 'UndefinedType', 'VoidType'].includes(_tag ?? ''))
  const [hasNull, hasUndefined] = [
    tags.includes('NullType'),
    tags.includes('UndefinedType') || tags.includes('VoidType'),
  ]
  const content =
    rest.length === 1
      ? partOf(rest[0] as Type)
      : rest.every(({ _tag }) => _tag === 'LiteralType' || _tag === 'KeyofType')
        ? literalPart(rest.map(({ _tag, value }) => (_tag === 'KeyofType' ? '' : value)))
        : undefined
  if (content === undefined || content.empty !== undefined || (hasNull && hasUndefined)) return undefined
  if (!hasNull && !hasUndefined) return content
  return { ...content, type: { ...content.type, nullable: true }, empty: hasNull ? 'null' : 'undefined' }
}

/** The coder of a value that is not a field, and so says of itself whether it is empty. */
function elementCoder({ coder, empty }: Part): Coder<unknown> {
  return empty === undefined ? coder : empty === 'null' ? nullableCoder(coder) : optionalCoder(coder)
}

function arrayPart(type: Type | undefined): Part | undefined {
  const element = type && partOf(type)
  if (element === undefined) return undefined
  return {
    ...leaf({ kind: 'array', element: element.type, nullable: false }, iterableCoder(elementCoder(element))),
    checked: element.checked,
  }
}

function recordPart({ domain, codomain }: Type): Part | undefined {
  const value = domain?._tag === 'StringType' && codomain !== undefined ? partOf(codomain) : undefined
  if (value === undefined) return undefined
  const coder = recordCoder(stringUtf8Coder, elementCoder(value))
  return {
    ...leaf({ kind: 'map', key: atomic('STRING'), value: value.type, nullable: false }, coder),
    checked: value.checked,
  }
}

/** `t.Int` is a whole number; any other refinement is what it refines, checked. */
function refinedPart(codec: Type): Part | undefined {
  const { type } = codec
  if (type?._tag === 'NumberType' && (codec.name === 'Int' || codec.name === 'Integer') && !codec.is(0.5))
    return leaf(atomic('INT64'), varintCoder, true)
  const base = type && partOf(type)
  return base === undefined ? undefined : { ...base, checked: true }
}

/** A codec of its own kind whose values are Dates that can be written as instants, and nothing else. */
export function isDateCodec(codec: Pick<Type, 'encode' | 'is'>): boolean {
  return (
    codec.encode === identity &&
    codec.is(new Date(0)) &&
    ![new Date(NaN), 0, '', true, null, undefined, {}, []].some((other) => codec.is(other))
  )
}

// ---- rows ----------------------------------------------------------------------------------------------------------

/** A field of a codec: what it is, and whether it may be absent. */
interface Prop {
  readonly codec: Type
  readonly isOptional: boolean
}

/** The fields of a record, or `undefined` when it is none or two of its parts disagree about a field. */
function propsOf(codec: Type): ReadonlyMap<string, Prop> | undefined {
  switch (codec._tag) {
    case 'InterfaceType':
    case 'PartialType':
      return new Map(
        Object.entries(codec.props ?? {}).map(([name, prop]) => [
          name,
          { codec: prop, isOptional: codec._tag === 'PartialType' },
        ]),
      )
    case 'ExactType':
    case 'ReadonlyType':
    case 'RefinementType':
      return codec.type && propsOf(codec.type)
    case 'IntersectionType': {
      const all = new Map<string, Prop>()
      for (const member of codec.types ?? []) {
        const props = propsOf(member)
        if (props === undefined || [...props.keys()].some((name) => all.has(name))) return undefined
        for (const [name, prop] of props) all.set(name, prop)
      }
      return all
    }
    default:
      return undefined
  }
}

function isRefined(codec: Type): boolean {
  if (codec._tag === 'RefinementType') return true
  return (codec._tag === 'IntersectionType' ? (codec.types ?? []) : codec.type === undefined ? [] : [codec.type]).some(
    isRefined,
  )
}

function rowPart(codec: Type): Part | undefined {
  const props = propsOf(codec)
  if (props === undefined) return undefined
  const fields: Field[] = []
  const coders: RowField[] = []
  let checked = isRefined(codec)
  for (const [name, { codec: prop, isOptional }] of props) {
    const part = partOf(prop)
    // Absent and null would be one and the same in a row.
    if (part === undefined || (isOptional && part.empty === 'null')) return undefined
    const empty = isOptional ? 'missing' : part.empty
    fields.push({ name, type: { ...part.type, nullable: empty !== undefined } })
    coders.push({ name, coder: part.coder, empty })
    checked ||= part.checked
  }
  const schema: Schema = { fields }
  return {
    type: { kind: 'row', schema, nullable: false },
    coder: rowCoderOf(schema, coders),
    empty: undefined,
    checked,
    schema,
  }
}

/** What the values of a codec are as a field of a row; `undefined` when they are none. */
export function fieldTypeOfCodec(codec: Codec): FieldType | undefined {
  if (isTypeOnly(codec) || !isIoTs(codec)) return undefined
  return partOf(codec)?.type
}

// ---- for authors ---------------------------------------------------------------------------------------------------

/**
 * The schema of a codec's values.
 *
 * @throws {DecodeError} when the codec's shape allows no row, naming the codec.
 * @example
 * ```ts
 * import { schemaOf, schemaText } from 'millrace'
 * import * as t from 'io-ts'
 * const Order = t.type({ user: t.string, cents: t.Int, note: t.union([t.string, t.null]) })
 * schemaText(schemaOf(Order)) // => '{ user: string, cents: int64, note: string? }'
 * ```
 */
export function schemaOf(codec: Codec): Schema {
  const row = rowOfCodec(codec)
  if (row !== undefined) return row.schema
  throw new DecodeError(
    'MR-4009',
    `${codecName(codec)} is no row: give a t.type, t.partial or t.intersection whose fields are strings, numbers, booleans, bigints, Dates, arrays, records of these, or rows, and empty in one way only; or name the schema with withSchema(codec, schema).`,
  )
}

/**
 * The same codec, whose values are written as rows of `schema`. For what a codec does not tell: the shape of a Standard
 * Schema, or another type than its own would be. Values are plain objects with the schema's fields.
 *
 * @example
 * ```ts
 * import { withSchema } from 'millrace'
 * import { z } from 'zod'
 * const Order = withSchema(z.object({ user: z.string() }), {
 *   fields: [{ name: 'user', type: { kind: 'atomic', atomic: 'STRING', nullable: false } }],
 * })
 * ```
 */
export function withSchema<C extends Codec>(codec: C, schema: Schema): C & WithSchema {
  // Fails here, at the author's line, when the schema has two fields of one name.
  rowCoder(schema)
  const given: WithSchema = { [givenSchema]: schema }
  const standard = standardOf(codec)
  if (standard === undefined)
    return Object.assign(Object.create(Object.getPrototypeOf(codec) as object), codec, given) as never
  return { '~standard': standard, ...given } as never
}

function standardOf(codec: Codec): StandardSchemaV1['~standard'] | undefined {
  return isIoTs(codec) ? undefined : codec['~standard']
}
