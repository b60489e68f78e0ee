/**
 * Values to the bytes of {@link ./dynamic-format.ts}. Plain recursion over the value: no path is kept on the way down,
 * since `explainRefusal` finds it again when a value turns out not to be acceptable.
 */
import { DecodeError } from '../errors.js'
import type { ByteWriter } from './bytes.js'
import * as format from './dynamic-format.js'
import { compareAsUtf8, knownFieldOrder } from './field-order.js'

/** Appends the encoding of `value`, which lies `depth` containers deep. */
export function encodeDynamic(value: unknown, out: ByteWriter, depth: number): void {
  switch (typeof value) {
    case 'string':
      out.byte(format.STRING)
      out.string(value)
      return
    case 'number':
      encodeNumber(value, out)
      return
    case 'object':
      if (value === null) out.byte(format.NULL)
      else encodeObject(value, out, depth)
      return
    case 'boolean':
      out.byte(value ? format.TRUE : format.FALSE)
      return
    case 'undefined':
      out.byte(format.UNDEFINED)
      return
    case 'bigint':
      encodeBigint(value, out)
      return
    default:
      throw new DecodeError('MR-4004', `a ${typeof value} has no dynamic encoding`)
  }
}

function encodeNumber(value: number, out: ByteWriter): void {
  if (!Number.isSafeInteger(value)) {
    out.byte(format.DOUBLE)
    out.double(value)
  } else if (value >= 0) {
    out.byte(format.INTEGER)
    // −0 comes here too, and its varint is that of 0.
    out.varint(value)
  } else {
    out.byte(format.NEGATIVE_INTEGER)
    out.varint(-1 - value)
  }
}

function encodeBigint(value: bigint, out: ByteWriter): void {
  const negative = value < 0n
  out.byte(negative ? format.NEGATIVE_BIGINT : format.BIGINT)
  const magnitude = negative ? -1n - value : value
  if (magnitude === 0n) {
    out.byte(0)
    return
  }
  const hex = magnitude.toString(16)
  out.varint((hex.length + 1) >> 1)
  let at = hex.length & 1
  if (at === 1) out.byte(Number.parseInt(hex.slice(0, 1), 16))
  for (; at < hex.length; at += 2) out.byte(Number.parseInt(hex.slice(at, at + 2), 16))
}

function encodeObject(value: object, out: ByteWriter, depth: number): void {
  switch (format.kindOf(value)) {
    case 'plain':
      return encodeFields(value as Readonly<Record<string, unknown>>, out, deeper(depth))
    case 'array':
      return encodeArray(value as readonly unknown[], out, deeper(depth))
    case 'bytes':
      out.byte(format.BYTES)
      out.varint((value as Uint8Array).length)
      out.bytes(value as Uint8Array)
      return
    case 'binary':
      return encodeBinary(value as ArrayBufferView & ArrayLike<number | bigint>, out)
    case 'arrayBuffer':
      out.byte(format.BINARY)
      out.byte(format.ARRAY_BUFFER_CODE)
      out.varint((value as ArrayBuffer).byteLength)
      out.bytes(new Uint8Array(value as ArrayBuffer))
      return
    case 'date':
      out.byte(format.DATE)
      out.double(Date.prototype.getTime.call(value as Date))
      return
    case 'map':
      return encodeMap(value as ReadonlyMap<unknown, unknown>, out, deeper(depth))
    case 'set':
      return encodeSet(value as ReadonlySet<unknown>, out, deeper(depth))
    case 'other':
      throw new DecodeError('MR-4004', 'not plain data')
  }
}

function deeper(depth: number): number {
  if (depth === format.DEPTH_MAX) throw new DecodeError('MR-4005', 'nested too deep')
  return depth + 1
}

function encodeFields(value: Readonly<Record<string, unknown>>, out: ByteWriter, depth: number): void {
  const names = Object.keys(value)
  const order = knownFieldOrder(names)
  out.byte(format.OBJECT)
  out.varint(names.length)
  if (order === undefined) {
    for (const name of [...names].sort(compareAsUtf8)) {
      out.string(name)
      encodeDynamic(value[name], out, depth)
    }
    return
  }
  for (let i = 0; i < order.names.length; i++) {
    out.bytes(order.encoded[i] as Uint8Array)
    encodeDynamic(value[order.names[i] as string], out, depth)
  }
}

function encodeArray(value: readonly unknown[], out: ByteWriter, depth: number): void {
  const { length } = value
  out.byte(format.ARRAY)
  out.varint(length)
  for (let i = 0; i < length; i++) {
    const element = value[i]
    if (element === undefined && !(i in value)) throw new DecodeError('MR-4004', 'hole in an array')
    encodeDynamic(element, out, depth)
  }
}

function encodeBinary(value: ArrayBufferView & ArrayLike<number | bigint>, out: ByteWriter): void {
  const name = format.binaryName(value)
  const kind = format.BINARY_KINDS.find((candidate) => candidate.name === name)
  if (kind === undefined) throw new DecodeError('MR-4004', 'not plain data')
  out.byte(format.BINARY)
  out.byte(kind.code)
  out.varint(value.byteLength)
  for (let i = 0; i < value.length; i++) kind.write(out, value[i] as never)
}

function encodeMap(value: ReadonlyMap<unknown, unknown>, out: ByteWriter, depth: number): void {
  out.byte(format.MAP)
  out.varint(value.size)
  const entries: number[] = [out.length]
  for (const [key, item] of value) {
    encodeDynamic(key, out, depth)
    encodeDynamic(item, out, depth)
    entries.push(out.length)
  }
  out.sortParts(entries)
}

function encodeSet(value: ReadonlySet<unknown>, out: ByteWriter, depth: number): void {
  out.byte(format.SET)
  out.varint(value.size)
  const members: number[] = [out.length]
  for (const member of value) {
    encodeDynamic(member, out, depth)
    members.push(out.length)
  }
  out.sortParts(members)
}
