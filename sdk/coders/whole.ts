/**
 * One value as one array of bytes. Law: `decodeFromBytes` accepts exactly one encoding and nothing after it.
 */
import { ByteReader, ByteWriter } from './bytes.js'
import type { Coder } from './coder.js'

/**
 * The bytes of a value; by default in the outer context, where the last part needs no length.
 *
 * @example
 * ```ts
 * import { stringUtf8Coder } from './primitives.js'
 * import { encodeToBytes } from './whole.js'
 * encodeToBytes(stringUtf8Coder, 'hi') // => Uint8Array.of(0x68, 0x69)
 * ```
 */
export function encodeToBytes<T>(coder: Coder<T>, value: T, nested = false): Uint8Array<ArrayBuffer> {
  // A coder may call this function again, and then finds the spare writer taken.
  const out = spare ?? new ByteWriter()
  spare = undefined
  coder.encode(value, out, nested)
  const bytes = out.take()
  spare = out
  return bytes
}

/** Used again, so that a small value costs no buffer; one whose coder has thrown is not. */
let spare: ByteWriter | undefined

/** The value of which `bytes` are the encoding. @throws {DecodeError} also when bytes are left over. */
export function decodeFromBytes<T>(coder: Coder<T>, bytes: Uint8Array, nested = false): T {
  const input = new ByteReader(bytes)
  const value = coder.decode(input, nested)
  if (input.remaining > 0) throw input.error(`${input.remaining} bytes left after the value`)
  return value
}
