/**
 * Coders as Beam's Coder message, both ways. Coders whose bytes are Beam's go by Beam's URN, so that engines see into them; the
 * rest are opaque to engines, and found again by the reference of their codec.
 *
 * Law: what is built from a message encodes as the author's coder does, within the length prefixes that an engine has put in.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  bytesCoder,
  boolCoder,
  changeCoder,
  resultRowCoder,
  type Coder,
  decodeElementContext,
  doubleCoder,
  dynamicCoder,
  globalWindowCoder,
  iterableCoder,
  kvCoder,
  lengthPrefixCoder,
  nullableCoder,
  paramWindowedValueCoder,
  stringUtf8Coder,
  taggedCoder,
  timerCoder,
  varintCoder,
  windowedValueCoder,
} from '../../../sdk/coders/index.js'
import type { Codec } from '../../../sdk/codec.js'
import { PipelineError } from '../../../sdk/errors.js'
import { coderOfCodec } from '../../../sdk/graph/coders.js'
import type { CoderNode, FunctionTable } from '../../../sdk/graph/model.js'
import * as urns from '../../../sdk/graph/urns.js'
import { type BoundedWindow, type GlobalWindow, globalWindow } from '../../../sdk/windowing/window.js'
import { windowCoderOf } from '../../../sdk/windowing/window-coder.js'
import { fixedWindows } from '../../../sdk/windowing/window-fn.js'
import { type Coder as WireCoder, CoderSchema } from '../proto/generated/beam/pipeline_pb.js'
import { SchemaSchema } from '../proto/generated/beam/schema_pb.js'
import { decodeReference, encodeReference, functionSpec, type WireReference } from './references.js'
import { WORK_CODER, workCoder } from './work-coder.js'
import { schemaFromWire, schemaToWire } from './schemas.js'

/** Option of a schema that names the codec it was made of. */
const CODEC_OPTION = 'millrace:codec:v1'

interface CodecNote {
  readonly reference: string
  readonly name: string | undefined
}

/** A node of the graph as a message. */
export function coderToWire(node: CoderNode, moduleHash: string): WireCoder {
  return create(CoderSchema, {
    spec: functionSpec(node.urn, payloadOf(node, moduleHash)),
    componentCoderIds: [...node.componentCoderIds],
  })
}

function payloadOf({ reference, codecName, schema }: CoderNode, moduleHash: string): Uint8Array<ArrayBuffer> {
  if (reference === undefined) return new Uint8Array(0)
  const note: CodecNote = {
    reference: new TextDecoder().decode(encodeReference(reference, moduleHash)),
    name: codecName,
  }
  if (schema === undefined) return new TextEncoder().encode(JSON.stringify(note))
  return toBinary(SchemaSchema, schemaToWire(schema, [{ name: CODEC_OPTION, value: note }]))
}

/** A message as a node of the graph. */
export function coderFromWire({ spec, componentCoderIds }: WireCoder): CoderNode {
  const urn = spec?.urn ?? ''
  const payload = spec?.payload ?? new Uint8Array(0)
  const plain = { urn, componentCoderIds, reference: undefined, codecName: undefined }
  if (urn === urns.CODEC_CODER) {
    const note = JSON.parse(new TextDecoder().decode(payload)) as CodecNote
    return { urn, componentCoderIds, reference: withoutModule(note), codecName: note.name }
  }
  if (urn !== urns.ROW_CODER) return plain
  const { options = [], ...schema } = schemaFromWire(fromBinary(SchemaSchema, payload))
  const note = options.find(({ name }) => name === CODEC_OPTION)?.value as CodecNote | undefined
  const own = options.filter(({ name }) => name !== CODEC_OPTION)
  const described = { ...schema, ...(own.length === 0 ? {} : { options: own }) }
  if (note === undefined) return { ...plain, schema: described }
  return { urn, componentCoderIds, reference: withoutModule(note), codecName: note.name, schema: described }
}

function referenceIn({ reference }: CodecNote): WireReference {
  return decodeReference(new TextEncoder().encode(reference))
}

function withoutModule(note: CodecNote): CoderNode['reference'] {
  const { step, role, index } = referenceIn(note)
  return { step, role, index }
}

/** Coders as an engine sends them, by id. */
export interface WireCoders {
  readonly [id: string]: WireCoder
}

const WINDOW_OF_TIME: Coder<BoundedWindow> = windowCoderOf(fixedWindows(1))

/** Makes coders of the messages of an engine, which may have put length prefixes and elements' contexts around ours. */
export class WireCoderTable {
  readonly #coders: WireCoders
  readonly #functions: FunctionTable
  readonly #made = new Map<string, Coder<unknown>>()

  constructor(coders: WireCoders, functions: FunctionTable) {
    this.#coders = coders
    this.#functions = functions
  }

  /** The coder of an id. @throws {PipelineError} when it is unknown, or of a kind that is. */
  of(id: string): Coder<unknown> {
    let coder = this.#made.get(id)
    if (coder === undefined) this.#made.set(id, (coder = this.#make(id)))
    return coder
  }

  /** Ids of a coder's parts. */
  partsOf(id: string): readonly string[] {
    return this.#node(id).componentCoderIds
  }

  urnOf(id: string): string {
    return this.#node(id).spec?.urn ?? ''
  }

  #node(id: string): WireCoder {
    const node = this.#coders[id]
    if (node === undefined) throw new PipelineError('MR-6202', `the engine names coder "${id}" and does not send it`)
    return node
  }

  #make(id: string): Coder<unknown> {
    const node = this.#node(id)
    const part = (i: number): Coder<unknown> => this.of(node.componentCoderIds[i] as string)
    const urn = node.spec?.urn
    switch (urn) {
      case urns.BYTES_CODER:
        return bytesCoder
      case urns.STRING_CODER:
        return stringUtf8Coder
      case 'beam:coder:bool:v1':
        return boolCoder
      case 'beam:coder:varint:v1':
        return varintCoder
      case 'beam:coder:double:v1':
        return doubleCoder
      case 'beam:coder:nullable:v1':
        return nullableCoder(part(0))
      case 'beam:coder:length_prefix:v1':
        return lengthPrefixCoder(part(0))
      case urns.KV_CODER:
        return kvCoder(part(0), part(1))
      case urns.ITERABLE_CODER:
        return iterableCoder(part(0))
      case urns.GLOBAL_WINDOW_CODER:
        return globalWindowCoder<GlobalWindow>(globalWindow)
      case urns.INTERVAL_WINDOW_CODER:
        return WINDOW_OF_TIME
      case 'beam:coder:windowed_value:v1':
        return windowedValueCoder(part(0), part(1))
      case 'beam:coder:param_windowed_value:v1': {
        const window = part(1)
        const payload = node.spec?.payload ?? new Uint8Array(0)
        return paramWindowedValueCoder(part(0), window, decodeElementContext(payload, window))
      }
      case 'beam:coder:timer:v1':
        return timerCoder(part(0), part(1))
      case urns.DYNAMIC_CODER:
        return dynamicCoder
      case urns.TAGGED_CODER:
        return taggedCoder(node.componentCoderIds.map((_, i) => part(i)))
      case urns.CHANGE_CODER:
        return changeCoder(part(0))
      case urns.RESULT_ROW_CODER:
        return resultRowCoder(part(0), part(1), part(2))
      case WORK_CODER:
        return workCoder(part(0))
      case urns.CODEC_CODER:
      case urns.ROW_CODER: {
        const { reference } = coderFromWire(node)
        if (reference !== undefined) return coderOfCodec(this.#functions.resolve(reference) as Codec)
        break
      }
      default:
        break
    }
    throw new PipelineError('MR-6202', `the engine sends a coder of kind ${urn ?? '(none)'}, which is not known here`)
  }
}
