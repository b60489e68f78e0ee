/**
 * UTF-8, tuned for the short ASCII strings that keys and field names are.
 *
 * Law: `readUtf8` undoes `writeUtf8` for every well-formed string; strings with a lone surrogate have no UTF-8 and are
 * refused rather than replaced, because two different keys would otherwise get the same bytes.
 */
import { DecodeError } from '../errors.js'

/** Up to this many UTF-16 units a loop beats the call into `TextEncoder`; their UTF-8 is at most 126 bytes. */
export const SHORT_TEXT_MAX = 42

/** Up to this many bytes a loop beats the call into `TextDecoder`. */
const SHORT_BYTES_MAX = 16
const RECENT_BITS = 11

const encoder = new TextEncoder()
/** `ignoreBOM` means "do not treat a leading U+FEFF as a byte order mark": it is part of the string. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Writes a short string at `at`, where at least `3 × text.length` bytes are free.
 *
 * @returns the position after its last byte.
 */
export function writeShortUtf8(text: string, buffer: Uint8Array, at: number): number {
  let position = at
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) buffer[position++] = unit
    else return writeNonAscii(text, i, buffer, position)
  }
  return position
}

function writeNonAscii(text: string, from: number, buffer: Uint8Array, at: number): number {
  let position = at
  for (let i = from; i < text.length; i++) {
    let code = text.charCodeAt(i)
    if (code < 0x80) {
      buffer[position++] = code
      continue
    }
    if (code < 0x800) {
      buffer[position++] = 0xc0 | (code >> 6)
    } else {
      if (code >= 0xd800 && code < 0xe000) {
        const low = code < 0xdc00 ? text.charCodeAt(i + 1) : 0
        if (!(low >= 0xdc00 && low < 0xe000)) throw loneSurrogate(i)
        i++
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)
        buffer[position++] = 0xf0 | (code >> 18)
        buffer[position++] = 0x80 | ((code >> 12) & 0x3f)
      } else {
        buffer[position++] = 0xe0 | (code >> 12)
      }
      buffer[position++] = 0x80 | ((code >> 6) & 0x3f)
    }
    buffer[position++] = 0x80 | (code & 0x3f)
  }
  return position
}

/** Writes as much of `text` as fits into `free`; `text` must be well-formed. */
export function encodeUtf8Into(text: string, free: Uint8Array): { readonly read: number; readonly written: number } {
  return encoder.encodeInto(text, free)
}

/** @throws {DecodeError} when `text` has a lone surrogate. */
export function assertWellFormed(text: string): void {
  const index = loneSurrogateAt(text)
  if (index >= 0) throw loneSurrogate(index)
}

const nativeIsWellFormed = (String.prototype as { readonly isWellFormed?: (this: string) => boolean }).isWellFormed

/** Index of the first lone surrogate, or −1. */
export function loneSurrogateAt(text: string): number {
  if (nativeIsWellFormed !== undefined && nativeIsWellFormed.call(text)) return -1
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0xd800 || unit >= 0xe000) continue
    const next = unit < 0xdc00 ? text.charCodeAt(i + 1) : 0
    if (!(next >= 0xdc00 && next < 0xe000)) return i
    i++
  }
  return -1
}

function loneSurrogate(index: number): DecodeError {
  return new DecodeError('MR-4007', `lone surrogate at index ${index}: the string has no UTF-8 form`)
}

/** The string in `bytes[from, to)`. @throws {DecodeError} when the bytes are not UTF-8. */
export function readUtf8(bytes: Uint8Array, from: number, to: number): string {
  if (to - from <= SHORT_BYTES_MAX) {
    const text = readShortAscii(bytes, from, to)
    if (text !== undefined) return text
  }
  try {
    return decoder.decode(bytes.subarray(from, to))
  } catch {
    throw new DecodeError('MR-4003', `${to - from} bytes at byte ${from} are not UTF-8`)
  }
}

/**
 * Words, user ids and field names repeat: the last string of each hash is kept, so that a repeated one costs a
 * comparison instead of a new string (whose hash a Map would have to compute again). A memo: results never depend on it.
 */
const recent: string[] = new Array<string>(1 << RECENT_BITS).fill('')

function readShortAscii(bytes: Uint8Array, from: number, to: number): string | undefined {
  let hash = to - from
  let or = 0
  for (let i = from; i < to; i++) {
    const byte = bytes[i] as number
    or |= byte
    hash = Math.imul(hash ^ byte, 0x01000193)
  }
  if (or > 0x7f) return undefined
  const slot = (hash ^ (hash >>> 15)) & ((1 << RECENT_BITS) - 1)
  const known = recent[slot] as string
  if (known.length === to - from) {
    let i = from
    while (i < to && known.charCodeAt(i - from) === bytes[i]) i++
    if (i === to) return known
  }
  return (recent[slot] = asciiString(bytes, from, to))
}

function asciiString(bytes: Uint8Array, from: number, to: number): string {
  const units = new Array<number>(to - from)
  for (let i = from; i < to; i++) units[i - from] = bytes[i] as number
  return String.fromCharCode.apply(null, units)
}
