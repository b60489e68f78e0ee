/**
 * Beam's coders of values that have parts.
 *
 * Law: byte for byte those of Beam Java. Parts are nested, except the last one, which has the context of the whole, and the
 * content of a length prefix, which is outer. A composite is canonical when all its parts are.
 */
import { DecodeError } from '../errors.js'
import type { KV } from '../kv.js'
import { preview } from '../preview.js'
import type { ByteReader, ByteWriter } from './bytes.js'
import type { Coder } from './coder.js'
import { bytesCoder } from './primitives.js'
import { within } from './refusal.js'

/**
 * How many elements without a single byte (global windows) an iterable may have: a count that the remaining bytes cannot
 * account for is otherwise a corrupted one, and believing it would fill the memory.
 */
const EMPTY_ELEMENTS_MAX = 1024
const COUNT_MAX = 0x7fff_ffff
const UNKNOWN_LENGTH = -1

class KvCoder<K, V> implements Coder<KV<K, V>> {
  readonly urn = 'beam:coder:kv:v1'
  readonly components: readonly [Coder<K>, Coder<V>]
  readonly canonical: boolean

  constructor(key: Coder<K>, value: Coder<V>) {
    this.components = [key, value]
    this.canonical = key.canonical && value.canonical
  }

  encode(value: KV<K, V>, out: ByteWriter, nested: boolean): void {
    assertKv(value)
    const [keyCoder, valueCoder] = this.components
    try {
      keyCoder.encode(value.key, out, true)
    } catch (error) {
      throw within('.key', error)
    }
    try {
      valueCoder.encode(value.value, out, nested)
    } catch (error) {
      throw within('.value', error)
    }
  }

  decode(input: ByteReader, nested: boolean): KV<K, V> {
    const [keyCoder, valueCoder] = this.components
    const key = keyCoder.decode(input, true)
    return { key, value: valueCoder.decode(input, nested) }
  }
}

function assertKv(value: object | null | undefined): void {
  if (typeof value !== 'object' || value === null || !('key' in value) || !('value' in value)) {
    throw new DecodeError('MR-4002', `expected { key, value }, got ${preview(value)}`)
  }
  for (const name in value) {
    if (name !== 'key' && name !== 'value') {
      throw new DecodeError(
        'MR-4002',
        `expected { key, value } and no other field, but there is ${JSON.stringify(name)} in ${preview(value)}`,
      )
    }
  }
}

class IterableCoder<T> implements Coder<readonly T[]> {
  readonly urn = 'beam:coder:iterable:v1'
  readonly components: readonly [Coder<T>]
  readonly canonical: boolean

  constructor(element: Coder<T>) {
    this.components = [element]
    this.canonical = element.canonical
  }

  encode(value: readonly T[], out: ByteWriter): void {
    if (!Array.isArray(value)) throw new DecodeError('MR-4002', `expected an array, got ${preview(value)}`)
    const count = value.length
    if (count > COUNT_MAX)
      throw new DecodeError('MR-4002', `array of ${count} elements; an iterable has at most 2^31 − 1`)
    out.uint32(count)
    const start = out.length
    const element = this.components[0]
    let i = 0
    try {
      for (; i < count; i++) element.encode(value[i] as T, out, true)
    } catch (error) {
      throw within(`[${i}]`, error)
    }
    if (count > EMPTY_ELEMENTS_MAX && out.length === start) throw tooManyEmpty(count)
  }

  decode(input: ByteReader): T[] {
    const values: T[] = []
    const start = input.position
    const count = input.int32()
    if (count >= 0) {
      this.decodeElements(input, count, values)
      return values
    }
    if (count !== UNKNOWN_LENGTH) throw input.error(`iterable of ${count} elements`, start)
    // Length not known to the writer: blocks, each behind its count, until a count of 0.
    for (;;) {
      const blockStart = input.position
      const block = input.varint()
      if (block === 0) return values
      if (block === -1) throw input.error('iterable that goes on in runner state, outside a bundle', blockStart)
      if (typeof block === 'bigint' || block < 0) throw input.error(`block of ${block} elements`, blockStart)
      this.decodeElements(input, block, values)
    }
  }

  private decodeElements(input: ByteReader, count: number, values: T[]): void {
    const element = this.components[0]
    for (let i = 0; i < count; i++) {
      const start = input.position
      values.push(element.decode(input, true))
      if (input.position === start && values.length > EMPTY_ELEMENTS_MAX) throw input.error(tooManyEmpty(count).message)
    }
  }
}

function tooManyEmpty(count: number): DecodeError {
  return new DecodeError(
    'MR-4003',
    `iterable of ${count} elements that take no bytes; at most ${EMPTY_ELEMENTS_MAX} are accepted`,
  )
}

class LengthPrefixCoder<T> implements Coder<T> {
  readonly urn = 'beam:coder:length_prefix:v1'
  readonly components: readonly [Coder<T>]
  readonly canonical: boolean

  constructor(content: Coder<T>) {
    this.components = [content]
    this.canonical = content.canonical
  }

  encode(value: T, out: ByteWriter): void {
    const start = out.length
    out.byte(0)
    this.components[0].encode(value, out, false)
    out.prefixLength(start)
  }

  decode(input: ByteReader): T {
    const end = input.narrow(input.length())
    try {
      const value = this.components[0].decode(input, false)
      if (input.remaining > 0) throw input.error(`${input.remaining} bytes left after a length-prefixed value`)
      return value
    } finally {
      input.widen(end)
    }
  }
}

class NullableCoder<T> implements Coder<T | null> {
  readonly urn = 'beam:coder:nullable:v1'
  readonly components: readonly [Coder<T>]
  readonly canonical: boolean

  constructor(content: Coder<T>) {
    this.components = [content]
    this.canonical = content.canonical
  }

  encode(value: T | null, out: ByteWriter, nested: boolean): void {
    if (value === null) {
      out.byte(0)
      return
    }
    out.byte(1)
    this.components[0].encode(value, out, nested)
  }

  decode(input: ByteReader, nested: boolean): T | null {
    const present = input.byte()
    if (present > 1) throw input.error(`0x${present.toString(16)} tells neither null nor a value`, input.position - 1)
    return present === 0 ? null : this.components[0].decode(input, nested)
  }
}

/** A key in one of several shards, as runners spread a hot key. */
export interface ShardedKey<K> {
  readonly key: K
  readonly shardId: Uint8Array
}

class ShardedKeyCoder<K> implements Coder<ShardedKey<K>> {
  readonly urn = 'beam:coder:sharded_key:v1'
  readonly components: readonly [Coder<K>]
  readonly canonical: boolean

  constructor(key: Coder<K>) {
    this.components = [key]
    this.canonical = key.canonical
  }

  encode(value: ShardedKey<K>, out: ByteWriter): void {
    try {
      bytesCoder.encode(value.shardId, out, true)
    } catch (error) {
      throw within('.shardId', error)
    }
    try {
      this.components[0].encode(value.key, out, true)
    } catch (error) {
      throw within('.key', error)
    }
  }

  decode(input: ByteReader): ShardedKey<K> {
    const shardId = bytesCoder.decode(input, true)
    return { key: this.components[0].decode(input, true), shardId }
  }
}

/**
 * `{ key, value }`. Objects with other fields are refused, since those would be lost.
 *
 * @example
 * ```ts
 * import { kvCoder } from './containers.js'
 * import { stringUtf8Coder, varintCoder } from './primitives.js'
 * import { encodeToBytes } from './whole.js'
 * encodeToBytes(kvCoder(stringUtf8Coder, varintCoder), { key: 'k', value: 5 }) // => Uint8Array.of(0x01, 0x6b, 0x05)
 * ```
 */
export function kvCoder<K, V>(key: Coder<K>, value: Coder<V>): Coder<KV<K, V>> {
  return new KvCoder(key, value)
}

/** Arrays: a count, then the elements. Decodes the form of unknown length too. */
export function iterableCoder<T>(element: Coder<T>): Coder<readonly T[]> {
  return new IterableCoder(element)
}

/** The content behind its length, so that who does not know the content's coder can still pass it on. */
export function lengthPrefixCoder<T>(content: Coder<T>): Coder<T> {
  return new LengthPrefixCoder(content)
}

/** `null`, or a value of the content's coder. */
export function nullableCoder<T>(content: Coder<T>): Coder<T | null> {
  return new NullableCoder(content)
}

/** A key behind the bytes of its shard. */
export function shardedKeyCoder<K>(key: Coder<K>): Coder<ShardedKey<K>> {
  return new ShardedKeyCoder(key)
}
