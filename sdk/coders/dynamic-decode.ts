/**
 * The bytes of {@link ./dynamic-format.ts} to values.
 *
 * Law: only canonical encodings are accepted, so whatever decodes at all encodes to the same bytes again. Corruption that
 * yields other canonical bytes is for checksums; everything else is noticed here.
 */
import type { ByteReader } from './bytes.js'
import * as format from './dynamic-format.js'
import { compareAsUtf8, expectedFieldOrder, noteFieldOrder } from './field-order.js'

/** Reads one value, which lies `depth` containers deep. */
export function decodeDynamic(input: ByteReader, depth: number): unknown {
  const tag = input.byte()
  switch (tag) {
    case format.UNDEFINED:
      return undefined
    case format.NULL:
      return null
    case format.FALSE:
      return false
    case format.TRUE:
      return true
    case format.INTEGER:
      return readInteger(input)
    case format.NEGATIVE_INTEGER:
      return readNegativeInteger(input)
    case format.DOUBLE:
      return readDouble(input)
    case format.BIGINT:
      return readMagnitude(input)
    case format.NEGATIVE_BIGINT:
      return -1n - readMagnitude(input)
    case format.STRING:
      return input.utf8(readLength(input))
    case format.BYTES:
      return input.bytes(readLength(input))
    case format.BINARY:
      return readBinary(input)
    case format.DATE:
      return readDate(input)
    default:
      if (tag > format.SET)
        throw input.error(`0x${tag.toString(16)} is no tag of the dynamic encoding`, input.position - 1)
      if (depth === format.DEPTH_MAX) throw input.error(`nested more than ${format.DEPTH_MAX} levels deep`)
      return readContainer(tag, input, depth + 1)
  }
}

function readContainer(tag: number, input: ByteReader, depth: number): unknown {
  switch (tag) {
    case format.ARRAY:
      return readArray(input, depth)
    case format.OBJECT:
      return readFields(input, depth)
    case format.MAP:
      return readMap(input, depth)
    default:
      return readSet(input, depth)
  }
}

function readLength(input: ByteReader): number {
  const start = input.position
  const length = input.length()
  input.assertShortestVarint(start)
  return length
}

function readInteger(input: ByteReader): number {
  const start = input.position
  const value = input.varint()
  input.assertShortestVarint(start)
  if (typeof value === 'bigint' || value < 0) throw input.error('integer beyond 2^53 − 1', start)
  return value
}

function readNegativeInteger(input: ByteReader): number {
  const start = input.position
  const value = -1 - readInteger(input)
  if (!Number.isSafeInteger(value)) throw input.error('integer below −(2^53 − 1)', start)
  return value
}

function readDouble(input: ByteReader): number {
  const start = input.position
  const value = input.double()
  if (Number.isSafeInteger(value)) throw input.error('safe integer written as a double', start)
  if (value !== value) assertCanonicalNaN(input, start)
  return value
}

function assertCanonicalNaN(input: ByteReader, start: number): void {
  input.position = start
  if (input.int64() !== 0x7ff8_0000_0000_0000n) throw input.error('NaN with other bits than the canonical ones', start)
}

function readDate(input: ByteReader): Date {
  const start = input.position
  const time = input.double()
  const date = new Date(time)
  if (time !== time) assertCanonicalNaN(input, start)
  else if (!Object.is(date.getTime(), time)) throw input.error(`${time} is no time of a Date`, start)
  return date
}

function readMagnitude(input: ByteReader): bigint {
  const start = input.position
  const length = readLength(input)
  if (length === 0) return 0n
  const bytes = input.view(length)
  if (bytes[0] === 0) throw input.error('bigint with leading zeros', start)
  const digits = new Array<string>(length)
  for (let i = 0; i < length; i++) digits[i] = (bytes[i] as number).toString(16).padStart(2, '0')
  return BigInt(`0x${digits.join('')}`)
}

function readBinary(input: ByteReader): ArrayBuffer | object {
  const start = input.position
  const code = input.byte()
  const length = readLength(input)
  if (code === format.ARRAY_BUFFER_CODE) return input.bytes(length).buffer
  const kind = format.BINARY_KINDS[code - 1]
  if (kind === undefined) throw input.error(`0x${code.toString(16)} is no kind of typed array`, start)
  if (length % kind.bytesPerElement !== 0) throw input.error(`${kind.name} of ${length} bytes`, start)
  const array = kind.make(length / kind.bytesPerElement)
  for (let i = 0; i < array.length; i++) {
    const at = input.position
    const element = kind.read(input)
    if (element !== element || Object.is(element, -0)) assertCanonicalElement(input, at, element)
    array[i] = element
  }
  return array
}

/** Elements follow the rule of numbers: one NaN, and no −0. */
function assertCanonicalElement(input: ByteReader, start: number, element: unknown): void {
  if (Object.is(element, -0)) throw input.error('−0 in a typed array', start)
  const isSingle = input.position - start === 4
  input.position = start
  const bits = isSingle ? BigInt.asUintN(32, BigInt(input.int32())) : input.int64()
  if (bits !== (isSingle ? 0x7fc0_0000n : 0x7ff8_0000_0000_0000n))
    throw input.error('NaN with other bits than the canonical ones', start)
}

function readArray(input: ByteReader, depth: number): unknown[] {
  const count = readLength(input)
  const array: unknown[] = []
  for (let i = 0; i < count; i++) array.push(decodeDynamic(input, depth))
  return array
}

function readFields(input: ByteReader, depth: number): Record<string, unknown> {
  const count = readLength(input)
  const value: Record<string, unknown> = {}
  if (count === 0) return value
  const first = input.peek(0)
  const second = input.peek(1)
  const expected = expectedFieldOrder(count, first, second)
  let i = 0
  if (expected !== undefined) {
    const { names, encoded } = expected
    while (i < count && i < names.length && input.skip(encoded[i] as Uint8Array)) {
      setField(value, names[i++] as string, decodeDynamic(input, depth))
    }
    if (i === count) return value
  }
  const names = expected === undefined ? [] : expected.names.slice(0, i)
  readOtherFields(input, depth, value, names, count)
  noteFieldOrder(names, first, second)
  return value
}

/** Reads the fields after `names`, and adds theirs. */
function readOtherFields(
  input: ByteReader,
  depth: number,
  value: Record<string, unknown>,
  names: string[],
  count: number,
): void {
  let previous = names.at(-1)
  while (names.length < count) {
    const start = input.position
    const name = input.utf8(readLength(input))
    if (previous !== undefined && compareAsUtf8(previous, name) >= 0) throw input.error('fields out of order', start)
    names.push(name)
    previous = name
    setField(value, name, decodeDynamic(input, depth))
  }
}

function setField(value: Record<string, unknown>, name: string, field: unknown): void {
  // Assigning to `__proto__` would change the prototype; this makes it a field like any other.
  if (name === '__proto__') Object.defineProperty(value, name, ownField(field))
  else value[name] = field
}

function ownField(value: unknown): PropertyDescriptor {
  return { value, writable: true, enumerable: true, configurable: true }
}

function readMap(input: ByteReader, depth: number): Map<unknown, unknown> {
  const start = input.position
  const count = readLength(input)
  const value = new Map<unknown, unknown>()
  let previous = input.position
  let from = previous
  for (let i = 0; i < count; i++) {
    const key = decodeDynamic(input, depth)
    value.set(key, decodeDynamic(input, depth))
    assertOrder(input, i, previous, from)
    previous = from
    from = input.position
  }
  if (value.size !== count) throw input.error('Map with a key twice', start)
  return value
}

function readSet(input: ByteReader, depth: number): Set<unknown> {
  const start = input.position
  const count = readLength(input)
  const value = new Set<unknown>()
  let previous = input.position
  let from = previous
  for (let i = 0; i < count; i++) {
    value.add(decodeDynamic(input, depth))
    assertOrder(input, i, previous, from)
    previous = from
    from = input.position
  }
  if (value.size !== count) throw input.error('Set with a member twice', start)
  return value
}

/** Parts that are objects may be equal in value, never smaller than the part before. */
function assertOrder(input: ByteReader, index: number, previous: number, from: number): void {
  if (index > 0 && input.compare(previous, from, from, input.position) > 0)
    throw input.error('parts out of order', from)
}
