/**
 * Values of Beam's coders, one a line: from the description of a coder and a value to the bytes that ours writes. What is
 * known is every URN of Beam's model coders and every type of its schemas; a line with anything else gets an error.
 *
 * Law: an answer with bytes has been read back and written again to the same bytes, nested and outer.
 */
import {
  boolCoder,
  bytesCoder,
  type Coder,
  customWindowCoder,
  decodeElementContext,
  decodeFromBytes,
  doubleCoder,
  encodeToBytes,
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
import { fromHex, toHex, valueOf } from './sample-value.js'

/** A coder as a sample describes it. */
export interface CoderSpec {
  readonly urn: string
  readonly components?: readonly CoderSpec[]
  readonly schema?: SampleSchema
  readonly payloadHex?: string
}

/** A line: a coder, and a value or its bytes. Other fields are handed through. */
export interface CoderSample {
  readonly coder: CoderSpec
  readonly value?: unknown
  readonly hexNested?: string
  readonly hexOuter?: string
}

/** The line with our bytes, or with what was wrong. */
export type CoderAnswer<L extends object> = L &
  ({ readonly hexNested: string; readonly hexOuter: string } | { readonly error: string })

/**
 * Encodes a sample's value, or decodes its bytes where it has no value, and answers with the bytes in both contexts.
 * Never throws: what cannot be done is the answer's `error`.
 *
 * @example
 * ```ts
 * import { runCoderSample } from './coder-sample.js'
 * runCoderSample({ coder: { urn: 'beam:coder:varint:v1' }, value: 300 })
 * // => { coder: { urn: 'beam:coder:varint:v1' }, value: 300, hexNested: 'ac02', hexOuter: 'ac02' }
 * ```
 */
export function runCoderSample<L extends CoderSample>(line: L): CoderAnswer<L> {
  const { hexNested, hexOuter, ...rest } = line
  try {
    const { coder } = line
    if (typeof coder !== 'object' || coder === null) throw new Error('a sample needs a coder')
    const ours = coderOf(coder)
    const value = (): unknown => {
      if ('value' in line) return valueOf(coder, line.value)
      if (hexNested !== undefined) return decodeFromBytes(ours, fromHex(hexNested), true)
      if (hexOuter !== undefined) return decodeFromBytes(ours, fromHex(hexOuter), false)
      throw new Error('a sample needs a value, hexNested or hexOuter')
    }
    const given = value()
    const answer = { hexNested: roundTrip(ours, given, true), hexOuter: roundTrip(ours, given, false) }
    return { ...rest, ...answer } as unknown as CoderAnswer<L>
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return { ...rest, error: message } as unknown as CoderAnswer<L>
  }
}

function roundTrip(coder: Coder<unknown>, value: unknown, nested: boolean): string {
  const bytes = encodeToBytes(coder, value, nested)
  const first = toHex(bytes)
  const again = toHex(encodeToBytes(coder, decodeFromBytes(coder, bytes, nested), nested))
  if (again !== first) throw new Error(`bytes ${first} read and written again are ${again}`)
  return first
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
