/**
 * Timestamps as eight bytes whose order as bytes is the order in time: Beam's milliseconds plus 2^63, big-endian.
 * Law: what is written is `toWireMillis` of the timestamp, see {@link ./wire-time.ts}.
 */
import type { ByteReader, ByteWriter } from './bytes.js'
import type { Coder } from './coder.js'
import { fromWireMillis, isSameOnWire, toWireMillis } from './wire-time.js'

const SIGN = 1n << 63n
const TWO_32 = 0x1_0000_0000
/** High halves of −(2^53 − 1) and 2^53 − 1: between them a number holds the sum of both halves exactly. */
const HIGH_MIN = -0x20_0000
const HIGH_MAX = 0x1f_ffff

/** Appends a timestamp. @throws {DecodeError} when it is no whole number in the model's range. */
export function writeTimestamp(timestamp: number, out: ByteWriter): void {
  if (isSameOnWire(timestamp)) {
    out.uint32(Math.floor(timestamp / TWO_32) ^ 0x8000_0000)
    out.uint32(timestamp)
  } else {
    out.int64(toWireMillis(timestamp) ^ SIGN)
  }
}

/** Reads a timestamp; one that only Beam has becomes the nearest of ours. */
export function readTimestamp(input: ByteReader): number {
  const high = input.int32() ^ 0x8000_0000
  const low = input.uint32()
  if (high > HIGH_MIN && high < HIGH_MAX) return high * TWO_32 + low
  return fromWireMillis((BigInt(high) << 32n) | BigInt(low))
}

/** Reads Beam's milliseconds as they are. */
export function readWireMillis(input: ByteReader): bigint {
  return BigInt.asIntN(64, input.int64() ^ SIGN)
}

class TimestampCoder implements Coder<number> {
  /** Beam has no URN for it: timestamps occur as parts of its other coders only. */
  readonly urn = 'millrace:coder:timestamp:v1'
  readonly components = []
  readonly canonical = true

  encode(value: number, out: ByteWriter): void {
    writeTimestamp(value, out)
  }

  decode(input: ByteReader): number {
    return readTimestamp(input)
  }
}

/** A timestamp, sortable by its bytes. */
export const timestampCoder: Coder<number> = new TimestampCoder()
