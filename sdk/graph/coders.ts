/**
 * Coders of a graph: from the node of a coder to the object that encodes.
 */
import {
  bytesCoder,
  changeCoder,
  codecCoder,
  type CodecLike,
  type Coder,
  dynamicCoder,
  iterableCoder,
  kvCoder,
  stringUtf8Coder,
  taggedCoder,
} from '../coders/index.js'
import { type Codec, codecName, isIoTs, isTypeOnly } from '../codec.js'
import { PipelineError } from '../errors.js'
import { rowOfCodec } from '../schema/codec-row.js'
import type { BuiltPipeline } from './model.js'
import * as urns from './urns.js'

/** The coder behind an id of a graph. */
export function coderOf(built: BuiltPipeline, coderId: string): Coder<unknown> {
  const node = built.graph.components.coders.get(coderId)
  if (node === undefined) throw new PipelineError('MR-1017', `the graph has no coder "${coderId}"`)
  const part = (i: number): Coder<unknown> => coderOf(built, node.componentCoderIds[i] as string)
  switch (node.urn) {
    case urns.DYNAMIC_CODER:
      return dynamicCoder
    case urns.CODEC_CODER:
    case urns.ROW_CODER:
      return coderOfCodec(built.functions.resolve(node.reference as never) as Codec)
    case urns.KV_CODER:
      return kvCoder(part(0), part(1))
    case urns.ITERABLE_CODER:
      return iterableCoder(part(0))
    case urns.TAGGED_CODER:
      return taggedCoder(node.componentCoderIds.map((_, i) => part(i)))
    case urns.CHANGE_CODER:
      return changeCoder(part(0))
    case urns.BYTES_CODER:
      return bytesCoder
    case urns.STRING_CODER:
      return stringUtf8Coder
    default:
      throw new PipelineError('MR-1017', `the graph has a coder of unknown kind ${node.urn}`)
  }
}

/**
 * The coder that a codec makes: of rows, where its shape allows. Other io-ts codecs encode and decode. A Standard Schema can only check, and what it makes of a
 * value may be none that it takes: elements have been checked when they were made, and travel by the default coder.
 */
export function coderOfCodec(codec: Codec): Coder<unknown> {
  const row = rowOfCodec(codec)
  if (row !== undefined) return row.coder
  if (isTypeOnly(codec) || !isIoTs(codec)) return dynamicCoder
  return codecCoder(codec as unknown as CodecLike<unknown>, codecName(codec))
}
