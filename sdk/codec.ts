/**
 * A codec describes data: it gives a type to the compiler, a check to the edges and a coder to the wire.
 * io-ts codecs are the native form; anything that speaks Standard Schema (zod, valibot, …) works as a validator.
 *
 * Law: `decodeWith(codec, x)` returns x itself when x already is what the codec describes, the decoded value when x is
 * the codec's input form, and throws otherwise.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { DecodeError } from './errors.js'
import { mismatchText } from './mismatch.js'
import { preview } from './preview.js'

/** The part of an io-ts `Type` that millrace uses. */
export interface IoTsCodec<A = unknown> {
  readonly _A: A
  readonly name: string
  /** Whether a value has the type. */
  is(value: unknown): boolean
  /** The value a value from outside stands for, `Right`, or what is wrong with it, `Left`. */
  decode(value: unknown): { readonly _tag: 'Left' | 'Right' }
  /** The form in which a value goes outside. */
  encode(value: never): unknown
}

/** An io-ts codec or a Standard Schema. */
export type Codec = IoTsCodec | StandardSchemaV1

/** The type a codec describes. */
export type TypeOf<C> = C extends { readonly _A: infer A }
  ? A
  : C extends StandardSchemaV1<infer _Input, infer Output>
    ? Output
    : never

/** Stands in for a codec where only the compiler needs the type; values travel by the dynamic coder. See {@link typed}. */
export interface TypeOnly<A> extends IoTsCodec<A> {
  readonly [typeOnly]: true
}
const typeOnly: unique symbol = Symbol.for('millrace.typeOnly') as never

/**
 * A type without a check: names the element type to the compiler and leaves the encoding to the dynamic coder.
 *
 * @example
 * ```ts
 * import { typed } from 'millrace'
 * const output = typed<{ word: string; length: number }>()
 * ```
 */
export function typed<A>(): TypeOnly<A> {
  const codec = {
    [typeOnly]: true as const,
    name: 'typed',
    is: (): boolean => true,
    decode: (value: unknown): { readonly _tag: 'Right'; readonly right: unknown } => ({ _tag: 'Right', right: value }),
    encode: (value: never): unknown => value,
  }
  return codec as unknown as TypeOnly<A>
}

/** Whether a codec only names a type. */
export function isTypeOnly(codec: Codec): boolean {
  return (codec as { readonly [typeOnly]?: true })[typeOnly] === true
}

/** Whether a value can serve as a codec. */
export function isCodec(value: unknown): value is Codec {
  return isStandardSchema(value) || isIoTs(value)
}

/** Whether a codec is an io-ts one (else it is a Standard Schema). */
export function isIoTs(value: unknown): value is IoTsCodec {
  return (
    typeof value === 'object' &&
    value !== null &&
    // Other libraries have codecs with `encode` and `decode` too; they say what they are.
    !isStandardSchema(value) &&
    typeof (value as IoTsCodec).is === 'function' &&
    typeof (value as IoTsCodec).decode === 'function' &&
    typeof (value as IoTsCodec).encode === 'function'
  )
}

function isStandardSchema(value: unknown): value is StandardSchemaV1 {
  return (typeof value === 'object' || typeof value === 'function') && value !== null && '~standard' in value
}

/** Name of a codec for messages and fingerprints: io-ts's own name, or the schema library's vendor. */
export function codecName(codec: Codec): string {
  return isIoTs(codec) ? codec.name : `${codec['~standard'].vendor} schema`
}

/** The part of an io-ts `t.type` that tells what fields are made of. */
interface WithFields {
  readonly _tag?: string
  readonly props?: Readonly<Record<string, Codec>>
  readonly type?: WithFields
}

/**
 * Codecs of `key` and `value` of what a codec describes.
 *
 * @returns `undefined` when it says that there are none, `'unknown'` when it does not say what fields there are.
 */
export function keyAndValueOf(codec: Codec): { readonly key: Codec; readonly value: Codec } | 'unknown' | undefined {
  if (!isIoTs(codec)) return 'unknown'
  let type: WithFields = codec as WithFields
  while (type.type !== undefined && ['ExactType', 'ReadonlyType', 'RefinementType'].includes(type._tag ?? ''))
    type = type.type
  if (primitiveTags.has(type._tag ?? '')) return undefined
  if (type._tag !== 'InterfaceType') return 'unknown'
  const { key, value } = type.props ?? {}
  return key === undefined || value === undefined ? undefined : { key, value }
}

const primitiveTags: ReadonlySet<string> = new Set([
  'StringType',
  'NumberType',
  'BigIntType',
  'BooleanType',
  'NullType',
  'UndefinedType',
  'AnyArrayType',
  'ArrayType',
  'TupleType',
])

/**
 * Checks a value against a codec.
 *
 * @returns the value, or what the codec decoded it to; a promise of it when the schema validates asynchronously.
 * @throws {DecodeError} naming the first mismatch.
 */
export function decodeWith(codec: Codec, value: unknown, step?: string): unknown {
  if (isIoTs(codec)) {
    if (codec.is(value) && !strips(codec)) return value
    const result = codec.decode(value)
    if (result._tag === 'Right') return (result as unknown as { right: unknown }).right
    throw new DecodeError(
      'MR-4001',
      mismatchText(codec.name, value, (result as unknown as { left: unknown }).left),
      step,
    )
  }
  const outcome = codec['~standard'].validate(value)
  return outcome instanceof Promise
    ? outcome.then((o) => standardValue(codec, value, o, step))
    : standardValue(codec, value, outcome, step)
}

/** `exact` codecs accept extra fields and remove them, so "is" alone is not the whole decoding. */
function strips(codec: IoTsCodec): boolean {
  return (codec as { readonly _tag?: string })._tag === 'ExactType'
}

function standardValue(
  codec: StandardSchemaV1,
  value: unknown,
  outcome: StandardSchemaV1.Result<unknown>,
  step: string | undefined,
): unknown {
  if (outcome.issues === undefined) return outcome.value
  const issue = outcome.issues[0]
  const path = (issue?.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
  throw new DecodeError(
    'MR-4001',
    `${preview(value)} does not fit the ${codecName(codec)}${path === '' ? '' : ` at ${path}`}: ${issue?.message ?? 'invalid'}`,
    step,
  )
}
