/**
 * Reading lines of the oracle's format, which anyone may write: a part that is missing or of another kind is named by its
 * place, `events[2].elements[0]`.
 *
 * Law: an {@link UnanswerableLine} is no answer of the model. What the model refuses throws a `PipelineError`.
 */

/** A number; as a decimal text where it is too large for one. */
export type OracleNumber = number | string

/** A line that is not in the format, or names what this version does not know. */
export class UnanswerableLine extends Error {
  override readonly name = 'UnanswerableLine'
}

/** Fields of an object. */
export type Fields = Readonly<Record<string, unknown>>

/** An object's fields. */
export function fieldsAt(json: unknown, place: string): Fields {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return mustBe(place, 'an object', json)
  return json as Fields
}

/** A list. */
export function listAt(json: unknown, place: string): readonly unknown[] {
  return Array.isArray(json) ? (json as readonly unknown[]) : mustBe(place, 'a list', json)
}

/** A field that must be there, and the place where it is. */
export function partOf(json: unknown, name: string, place: string): readonly [part: unknown, place: string] {
  const fields = fieldsAt(json, place)
  const part = Object.hasOwn(fields, name) ? fields[name] : undefined
  if (part === undefined) throw new UnanswerableLine(`${place || 'the line'} has no "${name}".`)
  return [part, place === '' ? name : `${place}.${name}`]
}

/** A text. */
export function textAt(json: unknown, place: string): string {
  return typeof json === 'string' ? json : mustBe(place, 'a text', json)
}

/** A whole number of any size. */
export function wholeAt(json: unknown, place: string): bigint {
  const isWhole = typeof json === 'number' ? Number.isInteger(json) : typeof json === 'string' && /^-?\d+$/.test(json)
  return isWhole ? BigInt(json as OracleNumber) : mustBe(place, 'a whole number', json)
}

/** A length of time or a count. Where it is too large for a number, the largest one, as with timestamps. */
export function amountAt(json: unknown, place: string): number {
  const whole = wholeAt(json, place)
  if (whole > BigInt(Number.MAX_SAFE_INTEGER)) return Number.MAX_SAFE_INTEGER
  return whole < BigInt(Number.MIN_SAFE_INTEGER) ? Number.MIN_SAFE_INTEGER : Number(whole)
}

/** A number that must be exact. */
export function exactAt(json: unknown, place: string): number {
  const number = Number(wholeAt(json, place))
  return Number.isSafeInteger(number) ? number : mustBe(place, 'within ±(2^53 − 1)', json)
}

/** Refuses a name. */
export function unknownName(what: string, value: unknown): never {
  throw new UnanswerableLine(`the line names ${what} ${JSON.stringify(value)}, which this version does not know.`)
}

function mustBe(place: string, what: string, json: unknown): never {
  throw new UnanswerableLine(`${place || 'a line'} must be ${what}, but is ${JSON.stringify(json)}.`)
}
