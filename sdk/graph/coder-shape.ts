/**
 * What a coder of a graph is made of, as plain data: kept beside the bytes it wrote, so that they can be read when the graph is another.
 *
 * Law: {@link coderOfShape} of a coder's shape decodes what the coder has written, to the values that were encoded; where a codec
 * encodes to something else than its values, to that.
 */
import {
  bytesCoder,
  changeCoder,
  type Coder,
  dynamicCoder,
  iterableCoder,
  kvCoder,
  resultRowCoder,
  stringUtf8Coder,
  type ResultRowLike,
  taggedCoder,
} from '../coders/index.js'
import { type Codec, decodeWith, isIoTs, isTypeOnly } from '../codec.js'
import { PipelineError } from '../errors.js'
import { givenSchema, rowOfCodec, type WithSchema } from '../schema/codec-row.js'
import { rowCoder } from '../schema/schema-coder.js'
import type { Schema } from '../schema/schema.js'
import { adapted, together, type TypeChange, typeChange } from '../schema/type-change.js'
import { codecOfShape, isPlain, type TypeShape, typeShapeOf } from '../schema/type-shape.js'
import type { BuiltPipeline } from './model.js'
import * as urns from './urns.js'

const CONTAINERS = {
  [urns.KV_CODER]: 'kv',
  [urns.ITERABLE_CODER]: 'iterable',
  [urns.TAGGED_CODER]: 'tagged',
  [urns.CHANGE_CODER]: 'change',
  [urns.RESULT_ROW_CODER]: 'resultRow',
} as const

/** See the head of this file. */
export type CoderShape =
  | { readonly coder: 'dynamic' | 'bytes' | 'string' }
  /** The dynamic form of what a codec encodes to. */
  | { readonly coder: 'codec'; readonly name: string; readonly type: TypeShape }
  | { readonly coder: 'row'; readonly name: string; readonly type: TypeShape }
  /** A row of a schema that an author has given. */
  | { readonly coder: 'schema'; readonly name: string; readonly schema: Schema }
  | { readonly coder: 'kv' | 'iterable' | 'tagged' | 'change' | 'resultRow'; readonly parts: readonly CoderShape[] }

/** A coder of a graph with its shape, and the codec it was made of. */
export interface ShapedCoder {
  readonly shape: CoderShape
  readonly codec: Codec | undefined
  readonly parts: readonly ShapedCoder[]
}

/** The shape of a coder. */
export function shapedCoder(built: BuiltPipeline, coderId: string): ShapedCoder {
  const node = built.graph.components.coders.get(coderId)
  if (node === undefined) throw new PipelineError('MR-1017', `the graph has no coder "${coderId}"`)
  const leaf = (shape: CoderShape, codec?: Codec): ShapedCoder => ({ shape, codec, parts: [] })
  switch (node.urn) {
    case urns.DYNAMIC_CODER:
      return leaf({ coder: 'dynamic' })
    case urns.BYTES_CODER:
      return leaf({ coder: 'bytes' })
    case urns.STRING_CODER:
      return leaf({ coder: 'string' })
    case urns.CODEC_CODER:
    case urns.ROW_CODER: {
      const codec = built.functions.resolve(node.reference as never) as Codec
      return leaf(codecShape(codec, node.codecName ?? ''), codec)
    }
    default: {
      const coder = CONTAINERS[node.urn as keyof typeof CONTAINERS] as 'kv' | undefined
      if (coder === undefined) throw new PipelineError('MR-1017', `the graph has a coder of unknown kind ${node.urn}`)
      const parts = node.componentCoderIds.map((id) => shapedCoder(built, id))
      return { shape: { coder, parts: parts.map(({ shape }) => shape) }, codec: undefined, parts }
    }
  }
}

/** The shape of the coder that a codec makes, as `coderOfCodec` does. */
export function codecShape(codec: Codec, name: string): CoderShape {
  const { [givenSchema]: schema } = codec as Partial<WithSchema>
  if (schema !== undefined) return { coder: 'schema', name, schema }
  if (isTypeOnly(codec) || !isIoTs(codec)) return { coder: 'dynamic' }
  return { coder: rowOfCodec(codec) === undefined ? 'codec' : 'row', name, type: typeShapeOf(codec) }
}

/** See the head of this file. */
export function coderOfShape(shape: CoderShape): Coder<unknown> {
  switch (shape.coder) {
    case 'dynamic':
    case 'codec':
      return dynamicCoder
    case 'bytes':
      return bytesCoder
    case 'string':
      return stringUtf8Coder
    case 'schema':
      return rowCoder(shape.schema, true)
    case 'row': {
      const row = rowOfCodec(codecOfShape(shape.type))
      if (row === undefined)
        throw new PipelineError('MR-1017', `what was kept as rows of ${shape.name} is described as something else`)
      return row.coder
    }
    default: {
      const parts = shape.parts.map(coderOfShape)
      const [first, second, third] = parts as [Coder<unknown>, Coder<unknown>, Coder<unknown>]
      if (shape.coder === 'kv') return kvCoder(first, second)
      if (shape.coder === 'tagged') return taggedCoder(parts)
      if (shape.coder === 'resultRow') return resultRowCoder(first, second, third)
      return shape.coder === 'iterable' ? iterableCoder(first) : changeCoder(first)
    }
  }
}

/** A coder in words. */
export function shapeText(shape: CoderShape): string {
  if ('name' in shape) return shape.name
  if (!('parts' in shape)) return shape.coder
  const parts = shape.parts.map(shapeText).join(', ')
  return shape.coder === 'tagged' ? `one of ${parts}` : `${NAMES[shape.coder]}<${parts}>`
}

const NAMES = { kv: 'KV', iterable: 'Iterable', change: 'Change', resultRow: 'ResultRow' } as const

// ---- from one to another -------------------------------------------------------------------------------------------

/** How values that one coder has written become those of another. */
export interface Conversion extends TypeChange {
  /** @throws {DecodeError} when a value is none that the new codec describes. */
  convert(value: unknown): unknown
}

const identical: Conversion = { relation: 'same', lost: [], convert: (value) => value }
const impossible: Conversion = { relation: 'other', lost: [], convert: (value) => value }

/** What becomes of values. */
export function conversion(from: CoderShape, to: ShapedCoder): Conversion {
  if (JSON.stringify(from) === JSON.stringify(to.shape)) return identical
  if ('parts' in from) return ofParts(from, to)
  if ('parts' in to.shape || isPrimitive(from) || isPrimitive(to.shape)) return impossible
  if (to.shape.coder === 'dynamic') {
    const isReadable = from.coder !== 'codec' || isPlain(from.type)
    return isReadable ? { ...identical, relation: 'wider' } : impossible
  }
  const { codec } = to
  if (codec === undefined || to.shape.coder === 'schema' || from.coder === 'schema') return impossible
  const { type } = to.shape as { readonly type: TypeShape }
  const change: TypeChange =
    from.coder === 'codec' || from.coder === 'row' ? typeChange(from.type, type) : { relation: 'narrower', lost: [] }
  const isEncoded = from.coder === 'codec'
  return { ...change, convert: (value) => taken(codec, adapted(value, type), isEncoded) }
}

function isPrimitive({ coder }: CoderShape): boolean {
  return coder === 'bytes' || coder === 'string'
}

/** A value as its new codec has it. */
function taken(codec: Codec, value: unknown, isEncoded: boolean): unknown {
  if (isIoTs(codec) && isEncoded) {
    const decoded = codec.decode(value) as { readonly _tag: string; readonly right?: unknown }
    if (decoded._tag === 'Right') return decoded.right
  }
  return decodeWith(codec, value)
}

function ofParts(from: Extract<CoderShape, { parts: unknown }>, to: ShapedCoder): Conversion {
  const { shape, parts } = to
  if (shape.coder === 'dynamic') {
    const read = from.parts.map((part) => conversion(part, to))
    return read.every(({ relation }) => relation !== 'other') ? { ...identical, relation: 'wider' } : impossible
  }
  // An input that a join has got is a new alternative at the end.
  const fits = from.coder === 'tagged' ? from.parts.length <= parts.length : from.parts.length === parts.length
  if (shape.coder !== from.coder || !fits) return impossible
  const conversions = from.parts.map((part, at) => conversion(part, parts[at] as ShapedCoder))
  const change = together([...conversions, ...(from.parts.length < parts.length ? [WIDER] : [])])
  const at = (index: number): Conversion => conversions[index] ?? identical
  return {
    ...change,
    convert: (value) => {
      if (from.coder === 'iterable') return Array.from(value as Iterable<unknown>, (item) => at(0).convert(item))
      if (from.coder === 'kv') {
        const { key, value: own } = value as { readonly key: unknown; readonly value: unknown }
        return { key: at(0).convert(key), value: at(1).convert(own) }
      }
      if (from.coder === 'resultRow') {
        const row = value as ResultRowLike
        return { window: at(0).convert(row.window), key: at(1).convert(row.key), value: at(2).convert(row.value) }
      }
      const tagged = value as { readonly input?: number; readonly value: unknown }
      return { ...tagged, value: at(tagged.input ?? 0).convert(tagged.value) }
    },
  }
}

const WIDER: TypeChange = { relation: 'wider', lost: [] }
