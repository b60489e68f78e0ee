/**
 * The coder of an io-ts codec: what the codec encodes to, in the dynamic encoding.
 *
 * Law: `decode(encode(x))` equals x for each x of the codec's type, and what decodes always is of that type, because the
 * codec checks it. Encoding does not check: a codec that encodes by the identity costs one call on the way out.
 */
import { identity } from 'io-ts'
import { DecodeError } from '../errors.js'
import { mismatchText } from '../mismatch.js'
import type { ByteReader, ByteWriter } from './bytes.js'
import type { Coder } from './coder.js'
import { dynamicCoder } from './dynamic.js'
import { Refusal } from './refusal.js'

/** What a codec's `decode` gives: an `Either` of fp-ts. */
export type Decoded<A> =
  { readonly _tag: 'Left'; readonly left: unknown } | { readonly _tag: 'Right'; readonly right: A }

/** The part of an io-ts `Type` that a coder needs. */
export interface CodecLike<A> {
  readonly name: string
  is(value: unknown): boolean
  encode(value: never): unknown
  decode(value: unknown): Decoded<A>
}

class CodecCoder<A> implements Coder<A> {
  readonly urn = 'millrace:coder:codec:v1'
  readonly components = []
  readonly canonical = true
  readonly keepsPrimitives: boolean
  private readonly codec: CodecLike<A>
  private readonly name: string

  constructor(codec: CodecLike<A>, name: string) {
    this.codec = codec
    this.keepsPrimitives = codec.encode === identity
    this.name = name
  }

  encode(value: A, out: ByteWriter): void {
    let plain: unknown
    try {
      plain = this.codec.encode(value as never)
    } catch (error) {
      // Encoding runs the codec's conversions on what may be any value: say so rather than "x.toISOString is no function".
      if (this.codec.is(value)) throw error
      throw new DecodeError('MR-4001', mismatchText(this.name, value, undefined), undefined, error)
    }
    try {
      dynamicCoder.encode(plain, out, true)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      throw new Refusal(
        error.code,
        error.path,
        `${error.problem} (this is what codec ${this.name} encoded the value to)`,
      )
    }
  }

  decode(input: ByteReader): A {
    const plain = dynamicCoder.decode(input, true)
    const result = this.codec.decode(plain)
    if (result._tag === 'Right') return result.right
    throw new DecodeError('MR-4001', mismatchText(this.name, plain, result.left))
  }
}

/**
 * A coder for the type that a codec describes.
 *
 * @example
 * ```ts
 * import * as t from 'io-ts'
 * import { codecCoder } from './codec-coder.js'
 * const coder = codecCoder(t.type({ user: t.string, cents: t.number }), 'Order')
 * ```
 */
export function codecCoder<A>(codec: CodecLike<A>, name: string = codec.name): Coder<A> {
  return new CodecCoder(codec, name)
}
