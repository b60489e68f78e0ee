/**
 * Coders as samples describe them, as ours: every URN of Beam's model coders.
 */
import {
  boolCoder,
  bytesCoder,
  type Coder,
  customWindowCoder,
  decodeElementContext,
  doubleCoder,
  globalWindowCoder,
  intervalWindowCoder,
  iterableCoder,
  kvCoder,
  lengthPrefixCoder,
  nullableCoder,
  paramWindowedValueCoder,
  shardedKeyCoder,
  stringUtf8Coder,
  timerCoder,
  varintCoder,
  windowedValueCoder,
} from '../../sdk/coders/index.js'
import { rowCoder } from '../../sdk/schema/schema-coder.js'
import { END_OF_GLOBAL_WINDOW } from '../../sdk/time.js'
import { type SampleSchema, schemaOfSample } from './sample-schema.js'
import { fromHex } from './hex.js'

/** A coder as a sample describes it. */
export interface CoderSpec {
  readonly urn: string
  readonly components?: readonly CoderSpec[]
  readonly schema?: SampleSchema
  readonly payloadHex?: string
}

const globalWindow = { kind: 'global' } as const

/**
 * The coder of a description.
 *
 * @throws {Error} when the URN is unknown, or a part is missing.
 */
export function coderOf(spec: CoderSpec): Coder<unknown> {
  const part = (i: number): Coder<unknown> => {
    const component = spec.components?.[i]
    if (component === undefined) throw new Error(`coder ${spec.urn} needs a component number ${i}`)
    return coderOf(component)
  }
  switch (spec.urn) {
    case 'beam:coder:bytes:v1':
      return bytesCoder
    case 'beam:coder:string_utf8:v1':
      return stringUtf8Coder
    case 'beam:coder:varint:v1':
      return varintCoder
    case 'beam:coder:double:v1':
      return doubleCoder
    case 'beam:coder:bool:v1':
      return boolCoder
    case 'beam:coder:global_window:v1':
      return globalWindowCoder(globalWindow)
    case 'beam:coder:interval_window:v1':
      return intervalWindowCoder((start, end) => ({ start, end }))
    case 'beam:coder:custom_window:v1':
      return customWindowCoder(part(0), maxTimestamp)
    case 'beam:coder:kv:v1':
      return kvCoder(part(0), part(1))
    case 'beam:coder:iterable:v1':
    // Without a runner's state there is nothing to go on with: the list is whole.
    case 'beam:coder:state_backed_iterable:v1':
      return iterableCoder(part(0))
    case 'beam:coder:nullable:v1':
      return nullableCoder(part(0))
    case 'beam:coder:length_prefix:v1':
      return lengthPrefixCoder(part(0))
    case 'beam:coder:sharded_key:v1':
      return shardedKeyCoder(part(0))
    case 'beam:coder:windowed_value:v1':
      return windowedValueCoder(part(0), part(1))
    case 'beam:coder:param_windowed_value:v1': {
      const context = decodeElementContext(fromHex(spec.payloadHex ?? ''), part(1))
      return paramWindowedValueCoder(part(0), part(1), context)
    }
    case 'beam:coder:timer:v1':
      return timerCoder(part(0), part(1))
    case 'beam:coder:row:v1':
      if (spec.schema === undefined) throw new Error('coder beam:coder:row:v1 needs a schema')
      return rowCoder(schemaOfSample(spec.schema))
    default:
      throw new Error(`unknown coder ${String(spec.urn)}`)
  }
}

function maxTimestamp(window: unknown): number {
  return 'end' in (window as object) ? (window as { readonly end: number }).end - 1 : END_OF_GLOBAL_WINDOW
}
