/**
 * checkCoder: the laws of coders, tried on values of the author's. Bytes travel between machines and stay in stores, so
 * what is encoded must come back, must not run into what follows it, and must not be mistaken when some of it is missing.
 */
import { ByteReader, ByteWriter, type Coder, decodeFromBytes, encodeToBytes } from '../coders/index.js'
import type { Codec, TypeOf } from '../codec.js'
import { seededRandom } from '../env.js'
import { preview } from '../preview.js'
import { refuse } from '../refuse.js'
import { below, coderFrom, type LawOptions, type LawReport, Laws, shuffled, trialsOf } from './laws.js'

/**
 * Checks a coder, or the coder that a codec makes, on values: that they come back, also out of a stream of several; that
 * equal records have equal bytes whatever the order of their fields, where the coder promises so; and that bytes of which
 * the end is missing are refused.
 *
 * @throws {LawBroken} naming the first law that does not hold, with the value that shows it.
 * @example
 * ```ts
 * import * as t from 'io-ts'
 * import { checkCoder } from 'millrace/testing'
 * const Order = t.type({ user: t.string, cents: t.number })
 * checkCoder(Order, [{ user: 'ann', cents: 5 }, { user: '', cents: 0 }]).checked.size // => 4
 * ```
 */
export function checkCoder<C extends Codec>(codec: C, values: readonly TypeOf<C>[], options?: LawOptions): LawReport
export function checkCoder<T>(coder: Coder<T>, values: readonly T[], options?: LawOptions): LawReport
export function checkCoder(
  given: Codec | Coder<unknown>,
  values: readonly unknown[],
  options: LawOptions = {},
): LawReport {
  const { trials, seed } = trialsOf(options)
  if (!Array.isArray(values) || values.length === 0) refuse('MR-8008', 'checkCoder needs values to encode.')
  const coder = coderFrom(given)
  const random = seededRandom(seed)
  const laws = new Laws()
  const nested = (value: unknown): string => String(encodeToBytes(coder, value, true))
  for (const value of values) {
    const about = (): string => `value ${preview(value)}`
    laws.hold('what is encoded comes back', about, () => {
      for (const context of [true, false]) {
        const back = decodeFromBytes(coder, encodeToBytes(coder, value, context), context)
        const [was, is] = [shapeOf(value), shapeOf(back)]
        if (nested(back) !== nested(value) || was !== is) return `it comes back as ${preview(back)}`
      }
      return undefined
    })
    const reordered = withFieldsReversed(value)
    if (coder.canonical && reordered !== undefined)
      laws.hold('equal values have equal bytes', about, () =>
        nested(reordered) === nested(value) ? undefined : 'with its fields in another order it has other bytes',
      )
    laws.hold('bytes of which the end is missing are refused', about, () => {
      const bytes = encodeToBytes(coder, value, true)
      for (let length = 0; length < bytes.length; length++) {
        const back = decoded(coder, bytes.subarray(0, length))
        if (back !== undefined) return `${length} of its ${bytes.length} bytes are taken for ${preview(back.value)}`
      }
      return undefined
    })
  }
  for (let trial = 0; trial < trials; trial++) {
    const list = shuffled(values, random).slice(0, 1 + below(random, Math.min(values.length, 8)))
    laws.hold(
      'values that follow one another are read one after the other',
      () => `values ${preview(list, 400)}`,
      () => {
        const out = new ByteWriter()
        for (const value of list) coder.encode(value, out, true)
        const input = new ByteReader(out.take())
        for (const value of list) {
          const back = coder.decode(input, true)
          if (nested(back) !== nested(value)) return `${preview(value)} is read as ${preview(back)}`
        }
        return input.remaining === 0 ? undefined : `${input.remaining} bytes are left over`
      },
    )
  }
  return laws.report()
}

/** A value decoded, or nothing where the coder refuses. */
function decoded(coder: Coder<unknown>, bytes: Uint8Array): { readonly value: unknown } | undefined {
  try {
    return { value: decodeFromBytes(coder, bytes, true) }
  } catch {
    return undefined
  }
}

/** What bytes alone do not tell: a coder that loses a part encodes what is left the same way again. */
function shapeOf(value: unknown): string {
  return preview(canonicalFields(value), 4000)
}

function canonicalFields(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonicalFields)
  // The dynamic coder has one zero.
  if (Object.is(value, -0)) return 0
  if (!isRecord(value)) return value
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((name) => [name, canonicalFields(value[name])]),
  )
}

/** The same value with fields of records in the opposite order; `undefined` when that is no other. */
function withFieldsReversed(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item: unknown) => withFieldsReversed(item))
    return items.every((item) => item === undefined) ? undefined : items.map((item, i) => item ?? (value[i] as unknown))
  }
  if (!isRecord(value)) return undefined
  const names = Object.keys(value)
  if (names.length < 2 && names.every((name) => withFieldsReversed(value[name]) === undefined)) return undefined
  return Object.fromEntries([...names].reverse().map((name) => [name, withFieldsReversed(value[name]) ?? value[name]]))
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}
