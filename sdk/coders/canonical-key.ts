/**
 * Keys as values that a JavaScript `Map` groups exactly as canonical bytes do.
 *
 * Laws, for all keys a and b that a coder accepts:
 * - `canonicalKey(a, coder) === canonicalKey(b, coder)` exactly when their bytes are equal;
 * - with the dynamic coder, `identityKey(a)` and `identityKey(b)` are the same key of a `Map` (SameValueZero) exactly when
 *   their bytes are equal, and a key that the coder refuses is refused here too.
 */
import { ByteReader, ByteWriter } from './bytes.js'
import type { Coder } from './coder.js'
import { dynamicCoder } from './dynamic.js'
import { assertWellFormed } from './utf8.js'

/** So many UTF-16 units are made at once; more would overflow the stack of arguments. */
const UNITS_MAX = 4096

/**
 * Makes the first unit of the identity of an object U+DFFF, the second half of a surrogate pair. A string that begins with it has a lone
 * surrogate, so it is no key.
 */
const OBJECT_MARK = Uint8Array.of(0xff, 0xdf)

/** One writer serves all calls, except those made from within a call (by a coder of the user's). */
let idleWriter: ByteWriter | undefined = new ByteWriter()

function withWriter<R>(use: (out: ByteWriter) => R): R {
  const out = idleWriter ?? new ByteWriter()
  idleWriter = undefined
  try {
    return use(out)
  } finally {
    out.reset()
    idleWriter = out
  }
}

/**
 * A string that stands for the nested encoding of `value`.
 *
 * @example
 * ```ts
 * import { canonicalKey } from './canonical-key.js'
 * import { dynamicCoder } from './dynamic.js'
 * canonicalKey({ x: 1, y: 2 }, dynamicCoder) === canonicalKey({ y: 2, x: 1 }, dynamicCoder) // => true
 * ```
 */
export function canonicalKey<T>(value: T, coder: Coder<T>): string {
  return withWriter((out) => {
    coder.encode(value, out, true)
    return packedString(out.written())
  })
}

function objectIdentity(key: unknown): string {
  return withWriter((out) => {
    out.bytes(OBJECT_MARK)
    dynamicCoder.encode(key, out, true)
    return packedString(out.written())
  })
}

/**
 * Two bytes a unit: half as long a string to make and to hash. An odd last byte is followed by a zero; nested encodings
 * are self-delimiting, so none is another one with a zero behind it.
 */
function packedString(bytes: Uint8Array): string {
  if (bytes.length <= 2 * UNITS_MAX) return String.fromCharCode.apply(null, packedUnits(bytes, []))
  const pieces: string[] = []
  for (let from = 0; from < bytes.length; from += 2 * UNITS_MAX) {
    const units = packedUnits(bytes.subarray(from, from + 2 * UNITS_MAX), [])
    pieces.push(String.fromCharCode.apply(null, units))
  }
  return pieces.join('')
}

function packedUnits(bytes: Uint8Array, units: number[]): number[] {
  const { length } = bytes
  for (let i = 1; i < length; i += 2) units.push((bytes[i - 1] as number) | ((bytes[i] as number) << 8))
  if (length % 2 === 1) units.push(bytes[length - 1] as number)
  return units
}

/**
 * What to use as the key of a `Map` for a key of the dynamic coder: a primitive itself, and a string no key can be for
 * an object.
 *
 * @throws {DecodeError} when the dynamic coder refuses the key.
 */
export function identityKey(key: unknown): unknown {
  switch (typeof key) {
    case 'string':
      assertWellFormed(key)
      return key
    case 'number':
    case 'boolean':
    case 'undefined':
    case 'bigint':
      return key
    default:
      return key === null ? null : objectIdentity(key)
  }
}

/**
 * The key as decoding its encoding would give it: −0 becomes 0, and objects are copies in canonical form that share nothing
 * with the original.
 *
 * @throws {DecodeError} when the coder refuses the key.
 * @example
 * ```ts
 * import { normalizeKey } from './canonical-key.js'
 * normalizeKey({ b: -0, a: 1 }) // => { a: 1, b: 0 }
 * ```
 */
export function normalizeKey(key: unknown): unknown
export function normalizeKey<T>(key: T, coder: Coder<T>): T
export function normalizeKey(key: unknown, coder: Coder<unknown> = dynamicCoder): unknown {
  if (coder === dynamicCoder) {
    switch (typeof key) {
      case 'string':
        assertWellFormed(key)
        return key
      case 'number':
        return key + 0
      case 'boolean':
      case 'undefined':
      case 'bigint':
        return key
      default:
        if (key === null) return key
    }
  }
  return withWriter((out) => {
    coder.encode(key, out, true)
    return coder.decode(new ByteReader(out.written()), true)
  })
}
