/**
 * What a codec is made of, as plain data: kept beside the bytes that it wrote, so that a later version of a program can read them and
 * say what has changed.
 *
 * Law: the row that {@link codecOfShape} gives for the shape of a row has the same bytes as the codec's own.
 */
import * as t from 'io-ts'
import { type Codec, codecName, isIoTs, isTypeOnly } from '../codec.js'
import { isDateCodec } from './codec-row.js'

/** A field of an object. */
export interface FieldShape {
  readonly name: string
  readonly of: TypeShape
  /** Whether it may be absent. */
  readonly optional: boolean
}

/** Types without parts. */
export type AtomName = 'string' | 'number' | 'Int' | 'boolean' | 'bigint' | 'Date' | 'null' | 'undefined' | 'unknown'

/** See the head of this file. */
export type TypeShape =
  | { readonly kind: 'atom'; readonly name: AtomName }
  | { readonly kind: 'literal'; readonly value: string | number | boolean }
  | { readonly kind: 'array' | 'record'; readonly of: TypeShape }
  | { readonly kind: 'union' | 'tuple'; readonly members: readonly TypeShape[] }
  | { readonly kind: 'object'; readonly fields: readonly FieldShape[] }
  | { readonly kind: 'refined'; readonly name: string; readonly of: TypeShape }
  /** Known by its name only; `plain` says that what it encodes is the value itself. */
  | { readonly kind: 'opaque'; readonly name: string; readonly plain: boolean }

interface Type {
  readonly _tag?: string
  readonly name: string
  readonly props?: Readonly<Record<string, Type>>
  readonly types?: readonly Type[]
  readonly type?: Type
  readonly domain?: Type
  readonly codomain?: Type
  readonly value?: unknown
  readonly keys?: Readonly<Record<string, unknown>>
  readonly encode: (value: never) => unknown
  readonly is: (value: unknown) => boolean
}

const ATOMS: ReadonlyMap<string, AtomName> = new Map([
  ['StringType', 'string'],
  ['NumberType', 'number'],
  ['BooleanType', 'boolean'],
  ['BigIntType', 'bigint'],
  ['NullType', 'null'],
  ['UndefinedType', 'undefined'],
  ['VoidType', 'undefined'],
  ['UnknownType', 'unknown'],
  ['AnyType', 'unknown'],
])

const UNKNOWN: TypeShape = { kind: 'atom', name: 'unknown' }

/** The shape of an io-ts codec; of another, its name. */
export function typeShapeOf(codec: Codec): TypeShape {
  if (isTypeOnly(codec) || !isIoTs(codec)) return { kind: 'opaque', name: codecName(codec), plain: true }
  return shapeOf(codec)
}

function shapeOf(codec: Type): TypeShape {
  const atom = ATOMS.get(codec._tag ?? '')
  if (atom !== undefined) return { kind: 'atom', name: atom }
  switch (codec._tag) {
    case 'LiteralType':
      return { kind: 'literal', value: codec.value as string | number | boolean }
    case 'KeyofType':
      return { kind: 'union', members: Object.keys(codec.keys ?? {}).map((value) => ({ kind: 'literal', value })) }
    case 'ArrayType':
    case 'ReadonlyArrayType':
      return { kind: 'array', of: codec.type === undefined ? UNKNOWN : shapeOf(codec.type) }
    case 'AnyArrayType':
      return { kind: 'array', of: UNKNOWN }
    case 'AnyDictionaryType':
      return { kind: 'record', of: UNKNOWN }
    case 'DictionaryType':
      return codec.domain?._tag === 'StringType' && codec.codomain !== undefined
        ? { kind: 'record', of: shapeOf(codec.codomain) }
        : opaque(codec)
    case 'UnionType':
      return { kind: 'union', members: (codec.types ?? []).map(shapeOf).flatMap(membersOf) }
    case 'TupleType':
      return { kind: 'tuple', members: (codec.types ?? []).map(shapeOf) }
    case 'InterfaceType':
    case 'PartialType':
      return {
        kind: 'object',
        fields: Object.entries(codec.props ?? {}).map(([name, of]) => ({
          name,
          of: shapeOf(of),
          optional: codec._tag === 'PartialType',
        })),
      }
    case 'ExactType':
    case 'ReadonlyType':
      return codec.type === undefined ? opaque(codec) : shapeOf(codec.type)
    case 'IntersectionType':
      return intersection(codec)
    case 'RefinementType': {
      const { type } = codec
      if (type === undefined) return opaque(codec)
      if (type._tag === 'NumberType' && (codec.name === 'Int' || codec.name === 'Integer') && !codec.is(0.5))
        return { kind: 'atom', name: 'Int' }
      return { kind: 'refined', name: codec.name, of: shapeOf(type) }
    }
    default:
      return codec._tag === undefined && isDateCodec(codec) ? { kind: 'atom', name: 'Date' } : opaque(codec)
  }
}

function intersection(codec: Type): TypeShape {
  const parts = (codec.types ?? []).map(shapeOf)
  const refinements = parts.filter((part) => part.kind === 'refined')
  const bare = parts.map((part) => (part.kind === 'refined' ? part.of : part))
  const fields = bare.flatMap((part): readonly FieldShape[] => (part.kind === 'object' ? part.fields : []))
  const isObject = bare.every(({ kind }) => kind === 'object')
  if (!isObject || new Set(fields.map(({ name }) => name)).size < fields.length) return opaque(codec)
  const object: TypeShape = { kind: 'object', fields }
  return refinements.reduce<TypeShape>((of, { name }) => ({ kind: 'refined', name, of }), object)
}

function opaque(codec: Type): TypeShape {
  return { kind: 'opaque', name: codec.name, plain: codec.encode === t.identity }
}

/** The members of a union, or the type alone. */
export function membersOf(shape: TypeShape): readonly TypeShape[] {
  return shape.kind === 'union' ? shape.members : [shape]
}

/** Whether what is encoded is the value itself, so that it can be read without the codec. */
export function isPlain(shape: TypeShape): boolean {
  switch (shape.kind) {
    case 'atom':
    case 'literal':
      return true
    case 'array':
    case 'record':
    case 'refined':
      return isPlain(shape.of)
    case 'union':
    case 'tuple':
      return shape.members.every(isPlain)
    case 'object':
      return shape.fields.every(({ of }) => isPlain(of))
    case 'opaque':
      return shape.plain
  }
}

const date = new t.Type<Date>(
  'Date',
  (value): value is Date => value instanceof Date,
  (value, context) => (value instanceof Date ? t.success(value) : t.failure(value, context)),
  t.identity,
)

const CODECS: Readonly<Record<AtomName, t.Mixed>> = {
  string: t.string,
  number: t.number,
  Int: t.Int,
  boolean: t.boolean,
  bigint: t.bigint,
  Date: date,
  null: t.null,
  undefined: t.undefined,
  unknown: t.unknown,
}

/** A codec of a shape: of what it refined and of what is opaque it checks nothing. */
export function codecOfShape(shape: TypeShape): t.Mixed {
  switch (shape.kind) {
    case 'atom':
      return CODECS[shape.name]
    case 'literal':
      return t.literal(shape.value)
    case 'array':
      return t.array(codecOfShape(shape.of))
    case 'record':
      return t.record(t.string, codecOfShape(shape.of))
    case 'union':
      return t.union(shape.members.map(codecOfShape) as unknown as [t.Mixed, t.Mixed])
    case 'tuple':
      return t.tuple(shape.members.map(codecOfShape) as unknown as [t.Mixed])
    case 'object': {
      // One for each field: they stay in their order, whether they may be absent or not.
      const parts = shape.fields.map(({ name, of, optional }) =>
        optional ? t.partial({ [name]: codecOfShape(of) }) : t.type({ [name]: codecOfShape(of) }),
      )
      return parts.length === 0
        ? t.type({})
        : parts.length === 1
          ? (parts[0] as t.Mixed)
          : t.intersection(parts as unknown as [t.Mixed, t.Mixed])
    }
    case 'refined':
      return codecOfShape(shape.of)
    case 'opaque':
      return t.unknown
  }
}
