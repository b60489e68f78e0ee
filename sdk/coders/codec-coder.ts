/**
 * The coder of an io-ts codec: what the codec encodes to, in the dynamic encoding.
 *
 * Law: `decode(encode(x))` equals x for each x of the codec's type, and what decodes always is of that type, because the
 * codec checks it. Encoding does not check: a codec that encodes by the identity costs one call on the way out.
 */
import { identity } from 'io-ts'
import { DecodeError } from '../errors.js'
import { preview } from '../preview.js'
import type { ByteReader, ByteWriter } from './bytes.js'
import type { Coder } from './coder.js'
import { dynamicCoder } from './dynamic.js'
import { fieldSegment, Refusal } from './refusal.js'

/** What a codec's `decode` gives: an `Either` of fp-ts. */
export type Decoded<A> =
  { readonly _tag: 'Left'; readonly left: unknown } | { readonly _tag: 'Right'; readonly right: A }

/** The part of an io-ts `Type` that a coder needs. */
export interface CodecLike<A> {
  readonly name: string
  is(value: unknown): boolean
  encode(value: never): unknown
  decode(value: unknown): Decoded<A>
  /** Whether `encode` gives back what it gets. io-ts codecs that do are known by their `encode`, which is io-ts's `identity`. */
  readonly encodesAsIs?: boolean
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
    this.keepsPrimitives = codec.encode === identity || codec.encodesAsIs === true
    this.name = name
  }

  encode(value: A, out: ByteWriter): void {
    let plain: unknown
    try {
      plain = this.codec.encode(value as never)
    } catch (error) {
      // Encoding runs the codec's conversions on what may be any value: say so rather than "x.toISOString is no function".
      if (this.codec.is(value)) throw error
      throw new DecodeError(`expected ${this.name}, got ${preview(value)}`, undefined, error)
    }
    try {
      dynamicCoder.encode(plain, out, true)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      throw new Refusal(error.path, `${error.problem} (this is what codec ${this.name} encoded the value to)`)
    }
  }

  decode(input: ByteReader): A {
    const plain = dynamicCoder.decode(input, true)
    const result = this.codec.decode(plain)
    if (result._tag === 'Right') return result.right
    throw new DecodeError(describeMismatch(this.name, plain, result.left))
  }
}

/** What io-ts reports, as far as it is read here. */
interface Mismatch {
  readonly value: unknown
  readonly message?: string
  readonly context: readonly {
    readonly key: string
    readonly type: { readonly name: string; readonly _tag?: string }
  }[]
}

function describeMismatch(name: string, value: unknown, reported: unknown): string {
  const mismatch = deepest(reported)
  if (mismatch === undefined) return `expected ${name}, got ${preview(value)}`
  const expected = mismatch.message ?? `expected ${mismatch.context.at(-1)?.type.name ?? name}`
  return `not ${name}: ${expected} at ${pathOf(mismatch)}, got ${preview(mismatch.value)}`
}

/** Alternatives of a union each report why they do not fit; the one that fits furthest is the one that was meant. */
function deepest(reported: unknown): Mismatch | undefined {
  if (!Array.isArray(reported)) return undefined
  let found: Mismatch | undefined
  for (const mismatch of reported as readonly Mismatch[]) {
    if (!Array.isArray(mismatch?.context)) continue
    if (found === undefined || mismatch.context.length > found.context.length) found = mismatch
  }
  return found
}

function pathOf(mismatch: Mismatch): string {
  let path = '$'
  mismatch.context.forEach(({ key }, i) => {
    const parent = mismatch.context[i - 1]?.type._tag
    // The members of unions and intersections are numbered in the context, but they are no part of the value.
    if (key === '' || parent === 'UnionType' || parent === 'IntersectionType') return
    path += /^\d+$/.test(key) ? `[${key}]` : fieldSegment(key)
  })
  return path
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
