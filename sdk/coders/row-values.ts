/**
 * Coders of the values that occur in rows only: small integers, single precision, maps, decimals, instants.
 *
 * Law: byte for byte those of Beam Java inside a row. Numbers out of range are refused, never cut off.
 */
import { DecodeError } from '../errors.js'
import { preview } from '../preview.js'
import type { ByteReader, ByteWriter } from './bytes.js'
import { compareRanges } from './byte-writer.js'
import type { Coder } from './coder.js'
import { within } from './refusal.js'
import { encodeToBytes } from './whole.js'

const COUNT_MAX = 0x7fff_ffff

/** A coder without parts that is the same in both contexts. */
function leafCoder<T>(
  name: string,
  canonical: boolean,
  encode: (value: T, out: ByteWriter) => void,
  decode: (input: ByteReader) => T,
): Coder<T> {
  return { urn: `millrace:coder:${name}:v1`, components: [], canonical, encode, decode }
}

function integer(value: unknown, bits: number): number {
  const limit = 2 ** (bits - 1)
  if (typeof value !== 'number' || !Number.isInteger(value) || value < -limit || value >= limit)
    throw new DecodeError('MR-4002', `expected an integer of ${bits} bits, got ${preview(value)}`)
  return value
}

/** −128 to 127 in one byte. */
export const byteCoder: Coder<number> = leafCoder(
  'int8',
  true,
  (value, out) => out.byte(integer(value, 8) & 0xff),
  (input) => (input.byte() << 24) >> 24,
)

/** 16 bits, big-endian. */
export const int16Coder: Coder<number> = leafCoder(
  'int16',
  true,
  (value, out) => out.uint16(integer(value, 16)),
  (input) => (input.uint16() << 16) >> 16,
)

/** A varint of 32 bits: a negative number takes five bytes. Reads the ten that other writers make of it, too. */
export const int32Coder: Coder<number> = leafCoder(
  'int32',
  true,
  (value, out) => out.varint(integer(value, 32) >>> 0),
  (input) => {
    const start = input.position
    const value = input.varint()
    if (typeof value === 'bigint' || value < -0x8000_0000 || value > 0xffff_ffff)
      throw input.error(`${value} is no integer of 32 bits`, start)
    return value | 0
  },
)

function numeric(value: unknown): number {
  if (typeof value !== 'number') throw new DecodeError('MR-4002', `expected a number, got ${preview(value)}`)
  return value
}

/** IEEE 754 single precision. Writes the nearest value; only those that are exact come back as they were. */
export const floatCoder: Coder<number> = leafCoder(
  'float',
  false,
  (value, out) => out.float(numeric(value)),
  (input) => input.float(),
)

/** Single precision with one zero and one NaN, so that it may be part of a key. */
export const canonicalFloatCoder: Coder<number> = leafCoder(
  'canonical_float',
  true,
  (value, out) => out.float(numeric(value) + 0),
  (input) => input.float(),
)

/** Double precision with one zero and one NaN, so that it may be part of a key. */
export const canonicalDoubleCoder: Coder<number> = leafCoder(
  'canonical_double',
  true,
  (value, out) => out.double(numeric(value) + 0),
  (input) => input.double(),
)

/** Milliseconds since 1970 as eight bytes in the order of time. A number where that is exact, else a bigint. */
export const millisCoder: Coder<number | bigint> = leafCoder(
  'millis_instant',
  true,
  (value, out) => {
    const isWhole = typeof value === 'bigint' || Number.isSafeInteger(value)
    if (!isWhole || BigInt.asIntN(64, BigInt(value)) !== BigInt(value))
      throw new DecodeError('MR-4002', `expected milliseconds since 1970, got ${preview(value)}`)
    out.int64(BigInt(value) ^ (1n << 63n))
  },
  (input) => {
    const millis = BigInt.asIntN(64, input.int64() ^ (1n << 63n))
    return Number.isSafeInteger(Number(millis)) ? Number(millis) : millis
  },
)

/** A valid Date, as {@link millisCoder} has it. */
export const dateCoder: Coder<Date> = leafCoder(
  'date',
  true,
  (value, out) => {
    if (!(value instanceof Date) || Number.isNaN(value.getTime()))
      throw new DecodeError('MR-4002', `expected a valid Date, got ${preview(value)}`)
    millisCoder.encode(value.getTime(), out, true)
  },
  (input) => {
    const start = input.position
    const date = new Date(Number(millisCoder.decode(input, true)))
    if (Number.isNaN(date.getTime())) throw input.error('instant outside the range of Date', start)
    return date
  },
)

// ---- decimals ------------------------------------------------------------------------------------------------------

/** More digits than these behind the point, or zeros before it, are written as an exponent. */
const PLAIN_DIGITS_MAX = 400
const DECIMAL = /^([+-]?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d{1,10}))?$/

/**
 * Decimals as text: `'-12.50'`, `'1E+30'`. The number of digits behind the point is part of the value. Written as the
 * scale, then the unscaled integer in two's complement behind its length (Java's `BigDecimalCoder`).
 */
export const decimalCoder: Coder<string> = leafCoder(
  'decimal',
  true,
  (value, out) => {
    const [, sign, whole, fraction = '', exponent = '0'] = (typeof value === 'string' && DECIMAL.exec(value)) || []
    if (whole === undefined)
      throw new DecodeError('MR-4002', `expected the text of a decimal number, got ${preview(value)}`)
    const unscaled = BigInt(`${whole}${fraction}`)
    int32Coder.encode(fraction.length - Number(exponent), out, true)
    writeBigInt(sign === '-' ? -unscaled : unscaled, out)
  },
  (input) => {
    const scale = int32Coder.decode(input, true)
    return decimalText(readBigInt(input), scale)
  },
)

/** Whole numbers of any size, as decimals without digits behind the point. */
export const bigintCoder: Coder<bigint> = leafCoder(
  'bigint',
  true,
  (value, out) => {
    if (typeof value !== 'bigint') throw new DecodeError('MR-4002', `expected a bigint, got ${preview(value)}`)
    out.byte(0)
    writeBigInt(value, out)
  },
  (input) => {
    const start = input.position
    const scale = int32Coder.decode(input, true)
    if (scale !== 0) throw input.error(`decimal with ${scale} digits behind the point, expected a whole number`, start)
    return readBigInt(input)
  },
)

function decimalText(unscaled: bigint, scale: number): string {
  if (scale === 0) return unscaled.toString()
  if (scale < 0 || scale > PLAIN_DIGITS_MAX) return `${unscaled}E${scale < 0 ? '+' : ''}${-scale}`
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0')
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

/** Two's complement in as few bytes as hold the sign, behind their number. */
function writeBigInt(value: bigint, out: ByteWriter): void {
  const magnitude = value < 0n ? -value - 1n : value
  const length = Math.floor((magnitude === 0n ? 0 : magnitude.toString(2).length) / 8) + 1
  const hex = BigInt.asUintN(length * 8, value)
    .toString(16)
    .padStart(length * 2, '0')
  out.varint(length)
  for (let i = 0; i < hex.length; i += 2) out.byte(Number.parseInt(hex.slice(i, i + 2), 16))
}

function readBigInt(input: ByteReader): bigint {
  const bytes = input.view(input.length())
  if (bytes.length === 0) throw input.error('integer of no bytes')
  let hex = '0x'
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0')
  return BigInt.asIntN(bytes.length * 8, BigInt(hex))
}

// ---- maps ----------------------------------------------------------------------------------------------------------

class MapCoder<K, V> implements Coder<ReadonlyMap<K, V>> {
  readonly urn = 'millrace:coder:map:v1'
  readonly components: readonly [Coder<K>, Coder<V>]
  readonly canonical: boolean
  readonly #sorted: boolean

  constructor(key: Coder<K>, value: Coder<V>, sorted: boolean) {
    this.components = [key, value]
    this.canonical = sorted && key.canonical && value.canonical
    this.#sorted = sorted
  }

  encode(value: ReadonlyMap<K, V>, out: ByteWriter): void {
    if (!(value instanceof Map)) throw new DecodeError('MR-4002', `expected a Map, got ${preview(value)}`)
    writeEntries([...value], this.components, this.#sorted, out)
  }

  decode(input: ByteReader): Map<K, V> {
    return new Map(readEntries(input, this.components))
  }
}

class RecordCoder<V> implements Coder<Readonly<Record<string, V>>> {
  readonly urn = 'millrace:coder:record:v1'
  readonly components: readonly [Coder<string>, Coder<V>]
  readonly canonical: boolean

  constructor(key: Coder<string>, value: Coder<V>) {
    this.components = [key, value]
    this.canonical = value.canonical
  }

  encode(value: Readonly<Record<string, V>>, out: ByteWriter): void {
    if (typeof value !== 'object' || value === null)
      throw new DecodeError('MR-4002', `expected an object, got ${preview(value)}`)
    writeEntries(Object.entries(value), this.components, true, out)
  }

  decode(input: ByteReader): Record<string, V> {
    return Object.fromEntries(readEntries(input, this.components))
  }
}

function writeEntries<K, V>(
  entries: readonly (readonly [K, V])[],
  [keyCoder, valueCoder]: readonly [Coder<K>, Coder<V>],
  sorted: boolean,
  out: ByteWriter,
): void {
  if (entries.length > COUNT_MAX)
    throw new DecodeError('MR-4002', `map of ${entries.length} entries; at most 2^31 − 1 are possible`)
  out.uint32(entries.length)
  for (const [key, value] of sorted ? byKeyBytes(entries, keyCoder) : entries) {
    keyCoder.encode(key, out, true)
    try {
      valueCoder.encode(value, out, true)
    } catch (error) {
      throw within(`[${preview(key)}]`, error)
    }
  }
}

function byKeyBytes<K, V>(entries: readonly (readonly [K, V])[], coder: Coder<K>): readonly (readonly [K, V])[] {
  if (entries.length < 2) return entries
  return entries
    .map((entry) => ({ entry, bytes: encodeToBytes(coder, entry[0], true) }))
    .sort(({ bytes: a }, { bytes: b }) => {
      const both = new Uint8Array(a.length + b.length)
      both.set(a)
      both.set(b, a.length)
      return compareRanges(both, 0, a.length, a.length, both.length)
    })
    .map(({ entry }) => entry)
}

function readEntries<K, V>(
  input: ByteReader,
  [keyCoder, valueCoder]: readonly [Coder<K>, Coder<V>],
): readonly (readonly [K, V])[] {
  const start = input.position
  const count = input.int32()
  // Every entry takes a byte at least, so a larger count is a corrupted one.
  if (count < 0 || count > input.remaining) throw input.error(`map of ${count} entries`, start)
  const entries: (readonly [K, V])[] = []
  for (let i = 0; i < count; i++) entries.push([keyCoder.decode(input, true), valueCoder.decode(input, true)])
  return entries
}

class OptionalCoder<T> implements Coder<T | undefined> {
  readonly urn = 'beam:coder:nullable:v1'
  readonly components: readonly [Coder<T>]
  readonly canonical: boolean

  constructor(content: Coder<T>) {
    this.components = [content]
    this.canonical = content.canonical
  }

  encode(value: T | undefined, out: ByteWriter): void {
    out.byte(value === undefined ? 0 : 1)
    if (value !== undefined) this.components[0].encode(value, out, true)
  }

  decode(input: ByteReader): T | undefined {
    const start = input.position
    const present = input.byte()
    if (present > 1) throw input.error(`0x${present.toString(16)} tells neither null nor a value`, start)
    return present === 0 ? undefined : this.components[0].decode(input, true)
  }
}

/** `undefined` or a value: Beam's nullable coder, for programs that hold nothing as `undefined`. */
export function optionalCoder<T>(content: Coder<T>): Coder<T | undefined> {
  return new OptionalCoder(content)
}

/** Maps: a count of four bytes, then keys and values in turn; `sorted` writes them in the order of their keys' bytes. */
export function mapCoder<K, V>(key: Coder<K>, value: Coder<V>, sorted: boolean): Coder<ReadonlyMap<K, V>> {
  return new MapCoder(key, value, sorted)
}

/** Objects used as maps from text, written as maps are, sorted. */
export function recordCoder<V>(key: Coder<string>, value: Coder<V>): Coder<Readonly<Record<string, V>>> {
  return new RecordCoder(key, value)
}
