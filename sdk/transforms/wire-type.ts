/**
 * How elements are written where they go from one SDK of Beam to another: by the coders that all of them have.
 *
 * Law: the bytes are those of Beam's standard coders (`model/pipeline/.../beam_runner_api.proto`, StandardCoders).
 */
import type { Codec, TypeOf } from '../codec.js'
import type { GraphBuilder } from '../graph/builder.js'
import * as urns from '../graph/urns.js'
import type { KV } from '../kv.js'
import { refuse } from '../refuse.js'
import { rowOfCodec } from '../schema/codec-row.js'

/** A type that all SDKs of Beam know, and what its values are here. */
export interface WireType<T> {
  /** Only for the compiler. */
  readonly _T?: T
  /** @internal Id of its coder in a graph. */
  readonly coderId: (builder: GraphBuilder, step: string, index: number) => string
}

function standard<T>(urn: string): WireType<T> {
  return { coderId: ({ coders }) => coders.standard(urn) }
}

/**
 * Types of elements that other SDKs read and write.
 *
 * @example
 * ```ts
 * import { wireType } from 'millrace'
 * wireType.kv(wireType.string, wireType.int64) // pairs as Python's Tuple[str, int]
 * ```
 */
export const wireType: {
  readonly string: WireType<string>
  readonly bytes: WireType<Uint8Array>
  /** Integers of 64 bits: numbers where they are exact, else bigints. Python's `int`. */
  readonly int64: WireType<number>
  readonly double: WireType<number>
  readonly boolean: WireType<boolean>
  /** Pairs; they can be grouped. */
  readonly kv: <K, V>(key: WireType<K>, value: WireType<V>) => WireType<KV<K, V>>
  /** Several of one type. */
  readonly iterable: <T>(element: WireType<T>) => WireType<Iterable<T>>
  /** Rows, of a codec whose values are objects with fields. Python's NamedTuple with a schema. */
  readonly row: <C extends Codec>(codec: C) => WireType<TypeOf<C>>
} = {
  string: standard(urns.STRING_CODER),
  bytes: standard(urns.BYTES_CODER),
  int64: standard(urns.VARINT_CODER),
  double: standard(urns.DOUBLE_CODER),
  boolean: standard(urns.BOOL_CODER),
  kv: (key, value) => ({
    coderId: (builder, step, index) =>
      builder.coders.kv(key.coderId(builder, step, index), value.coderId(builder, step, index + 1)),
  }),
  iterable: (element) => ({
    coderId: (builder, step, index) => builder.coders.iterable(element.coderId(builder, step, index)),
  }),
  row: (codec) => ({
    coderId(builder, step, index) {
      if (rowOfCodec(codec) === undefined)
        refuse('MR-1004', `step "${step}" sends rows, and its codec describes none: give one of an object with fields.`, step) // prettier-ignore
      return builder.coders.codec(step, index, codec)
    },
  }),
}
