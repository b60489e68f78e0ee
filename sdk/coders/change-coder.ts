/**
 * The coder of changes: one byte that says whether the value comes or goes, then the value by its own coder.
 */
import { DecodeError } from '../errors.js'
import { preview } from '../preview.js'
import type { ByteReader, ByteWriter } from './bytes.js'
import type { Coder } from './coder.js'
import { within } from './refusal.js'

/** The shape of a change. */
export interface ChangeLike {
  readonly kind: 'insert' | 'retract'
  readonly value: unknown
}

/** By the byte that stands for them. */
const kinds = ['insert', 'retract'] as const

class ChangeCoder implements Coder<ChangeLike> {
  readonly urn = 'millrace:coder:change:v1'
  readonly components: readonly [Coder<unknown>]
  readonly canonical: boolean

  constructor(value: Coder<unknown>) {
    this.components = [value]
    this.canonical = value.canonical
  }

  encode(change: ChangeLike, out: ByteWriter, nested: boolean): void {
    const kind = kinds.indexOf(change?.kind)
    if (kind < 0)
      throw new DecodeError(
        'MR-4002',
        `expected a change, { kind: 'insert' or 'retract', value }, got ${preview(change)}`,
      )
    out.varint(kind)
    try {
      this.components[0].encode(change.value, out, nested)
    } catch (error) {
      throw within('.value', error)
    }
  }

  decode(input: ByteReader, nested: boolean): ChangeLike {
    const start = input.position
    const number = input.varint()
    const kind = typeof number === 'bigint' ? undefined : kinds[number]
    if (kind === undefined) throw input.error(`change of kind ${number}`, start)
    return { kind, value: this.components[0].decode(input, nested) }
  }
}

/**
 * A coder for changes of values.
 *
 * @example
 * ```ts
 * import { changeCoder } from './change-coder.js'
 * import { dynamicCoder } from './dynamic.js'
 * const coder = changeCoder(dynamicCoder)
 * ```
 */
export function changeCoder(value: Coder<unknown>): Coder<ChangeLike> {
  return new ChangeCoder(value)
}
