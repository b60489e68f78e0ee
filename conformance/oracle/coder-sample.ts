/**
 * Values of Beam's coders, one a line: from the description of a coder and a value to the bytes that ours writes. What is
 * known is every URN of Beam's model coders and every type of its schemas; a line with anything else gets an error.
 *
 * Law: an answer with bytes has been read back and written again to the same bytes, nested and outer.
 */
import { type Coder, decodeFromBytes, encodeToBytes } from '../../sdk/coders/index.js'
import { fromHex, toHex } from './hex.js'
import { listAt, partOf, textAt, UnanswerableLine } from './line.js'
import { coderOf, type CoderSpec } from './sample-coder.js'
import type { SampleType } from './sample-schema.js'
import { valueOf } from './sample-value.js'

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
    checkCoder(coder, 'coder')
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

/** Makes sure that a coder's description has the form of one; whether there is such a coder is seen later. */
function checkCoder(coder: unknown, place: string): void {
  if (coder === undefined) throw new UnanswerableLine('the line has no "coder".')
  textAt(...partOf(coder, 'urn', place))
  const { components, schema } = coder as Partial<CoderSpec>
  if (components !== undefined)
    for (const [at, component] of listAt(components, `${place}.components`).entries())
      checkCoder(component, `${place}.components[${at}]`)
  if (schema !== undefined) checkSchema(schema, `${place}.schema`)
}

function checkSchema(schema: unknown, place: string): void {
  const [fields, here] = partOf(schema, 'fields', place)
  for (const [at, field] of listAt(fields, here).entries()) {
    textAt(...partOf(field, 'name', `${here}[${at}]`))
    checkType(...partOf(field, 'type', `${here}[${at}]`))
  }
}

function checkType(type: unknown, place: string): void {
  textAt(...partOf(type, 'typeName', place))
  const { element, key, value, representation, schema } = type as Partial<SampleType>
  for (const [name, part] of Object.entries({ element, key, value, representation }))
    if (part !== undefined) checkType(part, `${place}.${name}`)
  if (schema !== undefined) checkSchema(schema, `${place}.schema`)
}

function roundTrip(coder: Coder<unknown>, value: unknown, nested: boolean): string {
  const bytes = encodeToBytes(coder, value, nested)
  const first = toHex(bytes)
  const again = toHex(encodeToBytes(coder, decodeFromBytes(coder, bytes, nested), nested))
  if (again !== first) throw new Error(`bytes ${first} read and written again are ${again}`)
  return first
}
