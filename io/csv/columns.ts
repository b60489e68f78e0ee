/**
 * Types of columns: codecs between the text of a field and its value.
 *
 * Law: decoding what was encoded gives the value again, but for the empty text in an optional column; a text that is not exactly
 * one of the type is refused, with no guess. `writeCsv` writes `null` as nothing and `''` as two quotes, for programs that tell
 * them apart; `readCsv` does not, and gives `null` for both in an optional column, `''` for both in one of texts.
 */
import { coded } from '../../sdk/error-codes.js'
import * as t from 'io-ts'
import { messageOf } from '../../sdk/errors.js'
import { eventTime } from '../text/read-records.js'

/** A codec between texts and values. */
export type Column<A> = t.Type<A, string, unknown>

/** Makes a column type. `read` throws, or gives `undefined`, for texts that have no value. */
function column<A>(
  name: string,
  is: (value: unknown) => value is A,
  read: (text: string) => A | undefined,
  write: (value: A) => string,
): Column<A> {
  const made = new t.Type<A, string, unknown>(
    name,
    is,
    (input, context) => {
      if (typeof input !== 'string') return t.failure(input, context)
      try {
        const value = read(input)
        return value === undefined ? t.failure(input, context) : t.success(value)
      } catch (error) {
        return t.failure(input, context, messageOf(error))
      }
    },
    write,
  )
  plain.add(made)
  return made
}

/** Columns whose values the default coder knows. */
const plain = new WeakSet<object>()

/** Whether the values of a column are such as every step can take without its codec. */
export function hasPlainValues(codec: object): boolean {
  return plain.has(codec)
}

const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/
const WHOLE = /^[+-]?\d+$/

function numberOf(text: string): number | undefined {
  if (!NUMBER.test(text)) return undefined
  const value = Number(text)
  if (!Number.isFinite(value)) throw coded('MR-5101', new RangeError('the number is larger than any double'))
  if (WHOLE.test(text) && !Number.isSafeInteger(value))
    throw coded('MR-5101', new RangeError('the whole number is too large to be exact; take it with csv.bigint'))
  return value
}

/** Types of columns, for `readCsv` and `writeCsv`. */
export const csv: {
  /** Any text, as it is. */
  readonly text: Column<string>
  /** A finite number: `12`, `-0.5`, `1e6`. Whole numbers beyond ±(2^53 − 1) are refused, since they would be rounded. */
  readonly number: Column<number>
  /** A whole number of any size. */
  readonly bigint: Column<bigint>
  /** `true` or `false`, in any case of letters. */
  readonly boolean: Column<boolean>
  /**
   * A point in time, as milliseconds since 1970: ISO text with its time zone, a day, or whole milliseconds, between the years
   * −9999 and 9999 (what lies beyond was counted in microseconds or nanoseconds). Written as ISO text.
   */
  readonly timestamp: Column<number>
  /**
   * An empty field is `null`, also one between quotes: an empty text of `csv.optional(csv.text)` is written as two quotes and
   * read as `null`. `null` is written as nothing.
   */
  readonly optional: <A>(of: Column<A>) => Column<A | null>
} = {
  text: column('text', t.string.is, (text) => text, t.identity),
  number: column(
    'number',
    (value): value is number => typeof value === 'number' && Number.isFinite(value),
    numberOf,
    (value) => (Object.is(value, -0) ? '-0' : String(value)),
  ),
  bigint: column(
    'bigint',
    t.bigint.is,
    (text) => (WHOLE.test(text) ? BigInt(text.replace('+', '')) : undefined),
    String,
  ),
  boolean: column(
    'boolean',
    t.boolean.is,
    (text) => (/^true$/i.test(text) ? true : /^false$/i.test(text) ? false : undefined),
    String,
  ),
  timestamp: column(
    'timestamp',
    (value): value is number => typeof value === 'number' && isEventTime(value),
    (text) => eventTime(WHOLE.test(text) ? Number(text) : text),
    (value) => new Date(value).toISOString(),
  ),
  optional: <A>(of: Column<A>) => {
    const made = column<A | null>(
      `optional ${of.name}`,
      (value): value is A | null => value === null || of.is(value),
      (text) => {
        if (text === '') return null
        const result = of.decode(text)
        if (result._tag === 'Right') return result.right
        const { message } = result.left[0] ?? {}
        if (message === undefined) return undefined
        throw coded('MR-5101', new RangeError(message))
      },
      (value) => (value === null ? '' : of.encode(value)),
    )
    if (!plain.has(of)) plain.delete(made)
    return made
  },
}

function isEventTime(value: number): boolean {
  try {
    return eventTime(value) === value
  } catch {
    return false
  }
}
