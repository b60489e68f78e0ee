/**
 * The coder of a value that came from one of several inputs: the number of the input, then the value by that input's coder.
 * What a join groups is of this kind.
 */
import { DecodeError } from '../errors.js'
import { preview } from '../preview.js'
import type { ByteReader, ByteWriter } from './bytes.js'
import type { Coder } from './coder.js'
import { within } from './refusal.js'

/** A value with the number of the input it came from. */
export interface Tagged {
  readonly input: number
  readonly value: unknown
}

class TaggedCoder implements Coder<Tagged> {
  readonly urn = 'millrace:coder:tagged:v1'
  readonly components: readonly Coder<unknown>[]
  readonly canonical: boolean

  constructor(alternatives: readonly Coder<unknown>[]) {
    this.components = alternatives
    this.canonical = alternatives.every(({ canonical }) => canonical)
  }

  encode(tagged: Tagged, out: ByteWriter, nested: boolean): void {
    const coder = this.components[tagged.input]
    if (coder === undefined)
      throw new DecodeError(
        'MR-4002',
        `expected a value of one of ${this.components.length} inputs, got ${preview(tagged)}`,
      )
    out.varint(tagged.input)
    try {
      coder.encode(tagged.value, out, nested)
    } catch (error) {
      throw within('.value', error)
    }
  }

  decode(input: ByteReader, nested: boolean): Tagged {
    const start = input.position
    const index = input.varint()
    const coder = typeof index === 'bigint' ? undefined : this.components[index]
    if (coder === undefined) throw input.error(`value of input ${index} of ${this.components.length}`, start)
    return { input: Number(index), value: coder.decode(input, nested) }
  }
}

/**
 * A coder for values of several inputs.
 *
 * @param alternatives the coder of each input, in order.
 * @example
 * ```ts
 * import { dynamicCoder } from './dynamic.js'
 * import { taggedCoder } from './tagged.js'
 * const coder = taggedCoder([dynamicCoder, dynamicCoder])
 * ```
 */
export function taggedCoder(alternatives: readonly Coder<unknown>[]): Coder<Tagged> {
  return new TaggedCoder(alternatives)
}
