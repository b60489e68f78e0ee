/**
 * The default coder: JSON-like values and undefined, bigint, binary data, Date, Map and Set, without a schema.
 *
 * Laws: `decode(encode(x))` equals x up to the list below; two values have equal bytes exactly when they are equal as
 * keys; bytes are self-delimiting, the same in both contexts; and `encode(decode(b))` is b for all b that decode.
 *
 * What is one value: −0 and 0; all NaN; objects whatever the order of their fields; Maps and Sets whatever the order of
 * their entries (decoding yields the canonical order, not the order of insertion). What differs: `1`, `1n`, `'1'` and
 * `true`; a field that is `undefined` and one that is missing; arrays, typed arrays of each kind, and buffers.
 *
 * What comes back changed: an object without prototype is a plain one; a Node `Buffer` is a `Uint8Array`. What is no part
 * of a value: properties that are not enumerable or named by a symbol, and named properties of arrays. An own field
 * `__proto__` is a field like any other. Refused, with the path: instances of classes, functions, symbols, holes in
 * arrays, cycles, nesting of more than 500 levels, strings with a lone surrogate.
 */
import { DecodeError } from '../errors.js'
import type { ByteReader, ByteWriter } from './bytes.js'
import type { Coder } from './coder.js'
import { decodeDynamic } from './dynamic-decode.js'
import { encodeDynamic } from './dynamic-encode.js'
import { explainRefusal } from './dynamic-refusal.js'

class DynamicCoder implements Coder<unknown> {
  readonly urn = 'millrace:coder:dynamic:v1'
  readonly components = []
  readonly canonical = true
  readonly keepsPrimitives = true

  encode(value: unknown, out: ByteWriter): void {
    const start = out.length
    try {
      encodeDynamic(value, out, 0)
    } catch (error) {
      out.truncate(start)
      throw (error instanceof DecodeError && explainRefusal(value)) || error
    }
  }

  decode(input: ByteReader): unknown {
    return decodeDynamic(input, 0)
  }
}

/**
 * The coder of values nobody has described. Canonical, so it also makes keys.
 *
 * @example
 * ```ts
 * import { dynamicCoder } from './dynamic.js'
 * import { encodeToBytes } from './whole.js'
 * encodeToBytes(dynamicCoder, { b: 1, a: 2 }) // => encodeToBytes(dynamicCoder, { a: 2, b: 1 })
 * ```
 */
export const dynamicCoder: Coder<unknown> = new DynamicCoder()
