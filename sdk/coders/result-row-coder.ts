/**
 * The coder of a row of a table of results: its window, key and value, each by its own coder.
 */
import { DecodeError } from '../errors.js'
import { preview } from '../preview.js'
import type { ByteReader, ByteWriter } from './bytes.js'
import type { Coder } from './coder.js'
import { within } from './refusal.js'

/** The shape of a row. */
export interface ResultRowLike {
  readonly window: unknown
  readonly key: unknown
  readonly value: unknown
}

const parts = ['window', 'key', 'value'] as const

class ResultRowCoder implements Coder<ResultRowLike> {
  readonly urn = 'millrace:coder:result_row:v1'
  readonly components: readonly [Coder<unknown>, Coder<unknown>, Coder<unknown>]
  readonly canonical: boolean

  constructor(window: Coder<unknown>, key: Coder<unknown>, value: Coder<unknown>) {
    this.components = [window, key, value]
    this.canonical = this.components.every(({ canonical }) => canonical)
  }

  encode(row: ResultRowLike, out: ByteWriter, nested: boolean): void {
    if (typeof row !== 'object' || row === null || !parts.every((part) => part in row))
      throw new DecodeError('MR-4002', `expected a row, { window, key, value }, got ${preview(row)}`)
    parts.forEach((part, at) => {
      try {
        this.components[at as 0].encode(row[part], out, nested || part !== 'value')
      } catch (error) {
        throw within(`.${part}`, error)
      }
    })
  }

  decode(input: ByteReader, nested: boolean): ResultRowLike {
    const [windowCoder, keyCoder, valueCoder] = this.components
    const window = windowCoder.decode(input, true)
    const key = keyCoder.decode(input, true)
    return { window, key, value: valueCoder.decode(input, nested) }
  }
}

/**
 * A coder for rows of results.
 *
 * @example
 * ```ts
 * import { dynamicCoder } from './dynamic.js'
 * import { resultRowCoder } from './result-row-coder.js'
 * const coder = resultRowCoder(dynamicCoder, dynamicCoder, dynamicCoder)
 * ```
 */
export function resultRowCoder(
  window: Coder<unknown>,
  key: Coder<unknown>,
  value: Coder<unknown>,
): Coder<ResultRowLike> {
  return new ResultRowCoder(window, key, value)
}
