/**
 * The layout of the dynamic encoding: one tag byte, then what the tag calls for. Lengths and counts are varints in
 * their shortest form, so every value has exactly one encoding.
 *
 * | tag | value | followed by |
 * | --- | --- | --- |
 * | 00 01 02 03 | undefined, null, false, true | |
 * | 04 | safe integer n ≥ 0 | varint n |
 * | 05 | safe integer n < 0 | varint −1 − n |
 * | 06 | any other number | 8 bytes, big-endian double; one NaN |
 * | 07 | bigint n ≥ 0 | length, big-endian bytes of n without leading zeros |
 * | 08 | bigint n < 0 | length, the same for −1 − n |
 * | 09 | string | length, UTF-8 |
 * | 0a | Uint8Array | length, bytes |
 * | 0b | other binary | kind (see {@link BINARY_KINDS}), length in bytes, elements big-endian |
 * | 0c | Date | 8 bytes, double of its milliseconds; NaN for an invalid date |
 * | 0d | array | count, values |
 * | 0e | object | count, then (length, UTF-8 name, value) in order of the names' bytes |
 * | 0f | Map | count, then (key, value) in order of the entries' bytes |
 * | 10 | Set | count, then members in order of their bytes |
 */
import type { ByteReader, ByteWriter } from './bytes.js'

export const UNDEFINED = 0x00
export const NULL = 0x01
export const FALSE = 0x02
export const TRUE = 0x03
export const INTEGER = 0x04
export const NEGATIVE_INTEGER = 0x05
export const DOUBLE = 0x06
export const BIGINT = 0x07
export const NEGATIVE_BIGINT = 0x08
export const STRING = 0x09
export const BYTES = 0x0a
export const BINARY = 0x0b
export const DATE = 0x0c
export const ARRAY = 0x0d
export const OBJECT = 0x0e
export const MAP = 0x0f
export const SET = 0x10

/**
 * Containers may be nested this deep. Both directions recurse; a stack of one megabyte holds about four times as many
 * levels, so what calls the coder has room as well.
 */
export const DEPTH_MAX = 500

/** An array of numbers or bigints of one width. */
type Elements = {
  readonly length: number
  readonly byteLength: number
  [index: number]: number | bigint
}

/** How one kind of typed array is written. */
export interface BinaryKind {
  readonly code: number
  readonly name: string
  readonly bytesPerElement: number
  make(length: number): object & Elements
  write(out: ByteWriter, element: never): void
  read(input: ByteReader): number | bigint
}

/** Code of an `ArrayBuffer`, which has no elements. */
export const ARRAY_BUFFER_CODE = 0

/** All typed arrays but `Uint8Array`. Elements of floating point follow the rule of numbers: −0 is 0, one NaN. */
export const BINARY_KINDS: readonly BinaryKind[] = [
  kind(
    1,
    Int8Array,
    (out, n: number) => out.byte(n & 0xff),
    (input) => input.byte(),
  ),
  kind(
    2,
    Uint8ClampedArray,
    (out, n: number) => out.byte(n),
    (input) => input.byte(),
  ),
  kind(
    3,
    Int16Array,
    (out, n: number) => out.uint16(n),
    (input) => input.uint16(),
  ),
  kind(
    4,
    Uint16Array,
    (out, n: number) => out.uint16(n),
    (input) => input.uint16(),
  ),
  kind(
    5,
    Int32Array,
    (out, n: number) => out.uint32(n),
    (input) => input.uint32(),
  ),
  kind(
    6,
    Uint32Array,
    (out, n: number) => out.uint32(n),
    (input) => input.uint32(),
  ),
  kind(
    7,
    Float32Array,
    (out, n: number) => out.float(n + 0),
    (input) => input.float(),
  ),
  kind(
    8,
    Float64Array,
    (out, n: number) => out.double(n + 0),
    (input) => input.double(),
  ),
  kind(
    9,
    BigInt64Array,
    (out, n: bigint) => out.int64(n),
    (input) => input.int64(),
  ),
  kind(
    10,
    BigUint64Array,
    (out, n: bigint) => out.int64(n),
    (input) => input.int64(),
  ),
]

interface ElementsConstructor {
  readonly name: string
  readonly BYTES_PER_ELEMENT: number
  new (length: number): object & Elements
}

function kind<E extends number | bigint>(
  code: number,
  constructor: ElementsConstructor,
  write: (out: ByteWriter, element: E) => void,
  read: (input: ByteReader) => E,
): BinaryKind {
  return {
    code,
    name: constructor.name,
    bytesPerElement: constructor.BYTES_PER_ELEMENT,
    make: (length) => new constructor(length),
    write,
    read,
  }
}

/** What an object is to the dynamic coder. */
export type ObjectKind = 'plain' | 'array' | 'bytes' | 'binary' | 'arrayBuffer' | 'date' | 'map' | 'set' | 'other'

/** Whether objects of a kind have parts. */
export function isContainer(kind: ObjectKind): boolean {
  return kind === 'plain' || kind === 'array' || kind === 'map' || kind === 'set'
}

/**
 * Sorts an object. Works for objects of other realms (frames, test runners) too; an instance of a user's class, also of
 * one that extends a built-in, is `other`: decoding could not make it again.
 */
export function kindOf(value: object): ObjectKind {
  const prototype = Object.getPrototypeOf(value) as object | null
  if (prototype === Object.prototype || prototype === null) return 'plain'
  if (prototype === Array.prototype) return 'array'
  if (prototype === Date.prototype) return 'date'
  if (prototype === Map.prototype) return 'map'
  if (prototype === Set.prototype) return 'set'
  if (prototype === ArrayBuffer.prototype) return 'arrayBuffer'
  if (ArrayBuffer.isView(value)) {
    const name = binaryName(value)
    return name === 'Uint8Array' ? 'bytes' : name === undefined ? 'other' : 'binary'
  }
  return builtInOfAnotherRealm(value, prototype)
}

const typedArrayTag = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype) as object,
  Symbol.toStringTag,
)?.get as (this: unknown) => string | undefined

/** Name of the kind of typed array, also of a subclass's instance such as a Node `Buffer`; `undefined` for a `DataView`. */
export function binaryName(value: ArrayBufferView): string | undefined {
  return typedArrayTag.call(value)
}

/** Whether a value is a `Uint8Array`, of any realm. */
export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array || (ArrayBuffer.isView(value) && binaryName(value) === 'Uint8Array')
}

/** Reading an internal slot tells what an object is; it throws for anything else, whatever the object claims. */
const slots: readonly (readonly [ObjectKind, (value: object) => unknown])[] = [
  ['date', (value) => Date.prototype.getTime.call(value as Date)],
  ['map', slotGetter(Map.prototype, 'size')],
  ['set', slotGetter(Set.prototype, 'size')],
  ['arrayBuffer', slotGetter(ArrayBuffer.prototype, 'byteLength')],
]

function slotGetter(prototype: object, name: string): (value: object) => unknown {
  const get = Object.getOwnPropertyDescriptor(prototype, name)?.get as (this: object) => unknown
  return (value) => get.call(value)
}

function builtInOfAnotherRealm(value: object, prototype: object): ObjectKind {
  const parent = Object.getPrototypeOf(prototype) as object | null
  if (parent === null) return Object.hasOwn(prototype, 'isPrototypeOf') ? 'plain' : 'other'
  // Only a direct instance of a built-in: the parent of its prototype is some Object.prototype.
  if (Object.getPrototypeOf(parent) !== null) return 'other'
  if (Array.isArray(value)) return 'array'
  for (const [found, read] of slots) {
    try {
      read(value)
      return found
    } catch {
      continue
    }
  }
  return 'other'
}
