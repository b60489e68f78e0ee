/**
 * Coders of a graph: from the node of a coder to the object that encodes.
 */
import {
  boolCoder,
  bytesCoder,
  changeCoder,
  codecCoder,
  type CodecLike,
  type Coder,
  doubleCoder,
  dynamicCoder,
  iterableCoder,
  kvCoder,
  resultRowCoder,
  stringUtf8Coder,
  taggedCoder,
  varintCoder,
} from '../coders/index.js'
import { type Codec, codecName, isIoTs, isTypeOnly } from '../codec.js'
import { PipelineError } from '../errors.js'
import { rowOfCodec } from '../schema/codec-row.js'
import type { BuiltPipeline, CoderNode } from './model.js'
import * as urns from './urns.js'

/** The coder behind an id of a graph. */
export function coderOf({ graph, functions }: BuiltPipeline, coderId: string): Coder<unknown> {
  return coderIn(graph.components.coders, (_, { reference }) => functions.resolve(reference as never) as Codec, coderId)
}

/** The coder behind an id of a graph that may be under construction. @param codecOf the codec that a coder is made of. */
export function coderIn(
  nodes: ReadonlyMap<string, CoderNode>,
  codecOf: (id: string, node: CoderNode) => Codec,
  coderId: string,
): Coder<unknown> {
  const node = nodes.get(coderId)
  if (node === undefined) throw new PipelineError('MR-1017', `the graph has no coder "${coderId}"`)
  const part = (i: number): Coder<unknown> => coderIn(nodes, codecOf, node.componentCoderIds[i] as string)
  switch (node.urn) {
    case urns.DYNAMIC_CODER:
      return dynamicCoder
    case urns.CODEC_CODER:
    case urns.ROW_CODER:
      return coderOfCodec(codecOf(coderId, node))
    case urns.KV_CODER:
      return kvCoder(part(0), part(1))
    case urns.ITERABLE_CODER:
      return iterableCoder(part(0))
    case urns.TAGGED_CODER:
      return taggedCoder(node.componentCoderIds.map((_, i) => part(i)))
    case urns.CHANGE_CODER:
      return changeCoder(part(0))
    case urns.RESULT_ROW_CODER:
      return resultRowCoder(part(0), part(1), part(2))
    case urns.BYTES_CODER:
      return bytesCoder
    case urns.STRING_CODER:
      return stringUtf8Coder
    case urns.VARINT_CODER:
      return varintCoder
    case urns.DOUBLE_CODER:
      return doubleCoder
    case urns.BOOL_CODER:
      return boolCoder
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
