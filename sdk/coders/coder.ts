/**
 * A coder turns values of one type into bytes and back. Law: `decode(encode(x))` equals `x`, and encodings in the
 * *nested* context are self-delimiting, so that they can follow one another in a stream.
 *
 * A coder that is `canonical` also promises that equal values have equal bytes; only such a coder can make keys.
 * The byte layouts of the standard coders are Beam's (`beam:coder:…:v1`); the outer context, which may leave out a
 * length that the surrounding message already knows, is Beam Java's `Coder.Context.OUTER`.
 */
import type { ByteReader, ByteWriter } from './bytes.js'

/** Turns values into bytes and back. */
export interface Coder<T> {
  /** URN of the encoding, for example `beam:coder:varint:v1`. */
  readonly urn: string
  /** Coders of the parts, in the order of Beam's `component_coder_ids`. */
  readonly components: readonly Coder<unknown>[]
  /** Whether equal values always have equal bytes (Beam: deterministic). */
  readonly canonical: boolean
  /**
   * Whether strings, numbers, booleans, bigints, `null` and `undefined` are encoded as by the default coder, so that two of
   * them are equal keys exactly when they are one key of a `Map`. Default: no.
   */
  readonly keepsPrimitives?: boolean
  /**
   * Appends the encoding of `value`. @throws {DecodeError} when the coder does not accept the value; part of it may have
   * been written by then, so a caller that goes on calls `out.truncate` with the length from before.
   */
  encode(value: T, out: ByteWriter, nested: boolean): void
  /** Reads one value; with `nested: false` the value may run to the end of the input. @throws {DecodeError} on bytes that are no encoding. */
  decode(input: ByteReader, nested: boolean): T
}
