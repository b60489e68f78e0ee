/**
 * Beam's coders of single values. Law: byte for byte those of Beam Java, in both contexts.
 *
 * The outer context leaves out the length of bytes and strings; the other primitives are the same in both.
 */
import { DecodeError } from '../errors.js'
import { preview } from '../preview.js'
import type { ByteReader, ByteWriter } from './bytes.js'
import type { Coder } from './coder.js'
import { isBytes } from './dynamic-format.js'

const INT64_MAX = 2n ** 63n - 1n
const INT64_MIN = -(2n ** 63n)

function refuse(expected: string, value: unknown): DecodeError {
  return new DecodeError('MR-4002', `expected ${expected}, got ${preview(value)}`)
}

class BytesCoder implements Coder<Uint8Array> {
  readonly urn = 'beam:coder:bytes:v1'
  readonly components = []
  readonly canonical = true

  encode(value: Uint8Array, out: ByteWriter, nested: boolean): void {
    if (!isBytes(value)) throw refuse('a Uint8Array', value)
    if (nested) out.varint(value.length)
    out.bytes(value)
  }

  decode(input: ByteReader, nested: boolean): Uint8Array {
    return input.bytes(nested ? input.length() : input.remaining)
  }
}

class StringUtf8Coder implements Coder<string> {
  readonly urn = 'beam:coder:string_utf8:v1'
  readonly components = []
  readonly canonical = true

  encode(value: string, out: ByteWriter, nested: boolean): void {
    if (typeof value !== 'string') throw refuse('a string', value)
    if (nested) out.string(value)
    else out.utf8(value)
  }

  decode(input: ByteReader, nested: boolean): string {
    return input.utf8(nested ? input.length() : input.remaining)
  }
}

class BoolCoder implements Coder<boolean> {
  readonly urn = 'beam:coder:bool:v1'
  readonly components = []
  readonly canonical = true

  encode(value: boolean, out: ByteWriter): void {
    if (typeof value !== 'boolean') throw refuse('a boolean', value)
    out.byte(value ? 1 : 0)
  }

  decode(input: ByteReader): boolean {
    const byte = input.byte()
    if (byte > 1) throw input.error(`0x${byte.toString(16)} is no boolean`, input.position - 1)
    return byte === 1
  }
}

class VarintCoder implements Coder<number | bigint> {
  readonly urn = 'beam:coder:varint:v1'
  readonly components = []
  readonly canonical = true

  encode(value: number | bigint, out: ByteWriter): void {
    if (typeof value === 'number') {
      if (!Number.isSafeInteger(value)) throw refuse('a safe integer, or a bigint of 64 bits', value)
      out.varint(value)
    } else {
      if (typeof value !== 'bigint' || value > INT64_MAX || value < INT64_MIN)
        throw refuse('an integer of 64 bits', value)
      out.varint64(value)
    }
  }

  decode(input: ByteReader): number | bigint {
    return input.varint()
  }
}

class DoubleCoder implements Coder<number> {
  readonly urn = 'beam:coder:double:v1'
  readonly components = []
  /** −0 and 0 are equal and have different bytes, so Beam does not take doubles as keys; the dynamic coder does. */
  readonly canonical = false

  encode(value: number, out: ByteWriter): void {
    if (typeof value !== 'number') throw refuse('a number', value)
    out.double(value)
  }

  decode(input: ByteReader): number {
    return input.double()
  }
}

/** Bytes; a decoded value is a copy of its own. */
export const bytesCoder: Coder<Uint8Array> = new BytesCoder()

/** Strings. Lone surrogates are refused. */
export const stringUtf8Coder: Coder<string> = new StringUtf8Coder()

/** One byte, 00 or 01. */
export const boolCoder: Coder<boolean> = new BoolCoder()

/**
 * Integers of 64 bits. Takes numbers and bigints; gives back a number where that is exact, else a bigint.
 *
 * @example
 * ```ts
 * import { varintCoder } from './primitives.js'
 * import { encodeToBytes } from './whole.js'
 * encodeToBytes(varintCoder, 300) // => Uint8Array.of(0xac, 0x02)
 * ```
 */
export const varintCoder: Coder<number | bigint> = new VarintCoder()

/** Numbers as eight bytes of IEEE 754. */
export const doubleCoder: Coder<number> = new DoubleCoder()
