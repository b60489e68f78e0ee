/**
 * Values that Avro carries as other ones: dates, instants and decimals.
 *
 * Law: nothing is rounded. What a Date or a decimal cannot hold is refused, in both directions.
 */
import { coded } from '../../sdk/error-codes.js'
import { preview } from '../../sdk/preview.js'
import type { Logical } from './schema.js'

/** Whether dates and timestamps are Dates, or the whole numbers that the file has. */
export type TimestampMode = 'date' | 'integer'

const DAY_MILLIS = 86_400_000
/** Farthest instant of a Date, in milliseconds from 1970. */
const DATE_MAX = 8.64e15

/** Logical types of whole numbers. */
export type TimeLogical = Exclude<Logical, { readonly kind: 'decimal' }>

/** The Date that a number stands for, or what is wrong with it. */
export function instantOf(logical: TimeLogical, value: number | bigint): Date | string {
  if (logical.kind === 'date') {
    const millis = Number(value) * DAY_MILLIS
    return Math.abs(millis) <= DATE_MAX ? new Date(millis) : `day ${value} is beyond what a Date can hold`
  }
  const { perMilli } = logical
  const millis = typeof value === 'bigint' ? Number(value / BigInt(perMilli)) : value / perMilli
  const isWhole = typeof value === 'bigint' ? value % BigInt(perMilli) === 0n : Number.isInteger(millis)
  if (!isWhole) return `${value} microseconds are no whole milliseconds, as a Date has. Say timestamps: 'integer'`
  return Math.abs(millis) <= DATE_MAX
    ? new Date(millis)
    : `${value} is beyond what a Date can hold. Say timestamps: 'integer'`
}

/** The number that stands for a Date, or what is wrong with it. */
export function numberOf(logical: TimeLogical, date: Date): number | bigint | string {
  const millis = date.getTime()
  if (Number.isNaN(millis)) return 'is no valid Date'
  if (logical.kind === 'date')
    return millis % DAY_MILLIS === 0 ? millis / DAY_MILLIS : `${date.toISOString()} is not the beginning of a day (UTC)`
  const exact = millis * logical.perMilli
  return Number.isSafeInteger(exact) ? exact : BigInt(millis) * BigInt(logical.perMilli)
}

/** The text of a decimal: its digits with as many after the point as the scale says. */
export function decimalText(bytes: Uint8Array, scale: number): string {
  let unscaled = 0n
  if (bytes.length > 0) {
    let hex = ''
    for (const byte of bytes) hex += byte.toString(16).padStart(2, '0')
    unscaled = BigInt.asIntN(8 * bytes.length, BigInt(`0x${hex}`))
  }
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0')
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
  return unscaled < 0n ? `-${text}` : text
}

/** Two's complement of a decimal, as short as can be or of `size` bytes. @throws when it does not fit. */
export function decimalBytes(
  value: unknown,
  { precision, scale }: Extract<Logical, { kind: 'decimal' }>,
  size?: number,
): Uint8Array {
  const text = typeof value === 'bigint' || typeof value === 'number' ? String(value) : value
  const parts = typeof text === 'string' ? /^([+-]?)(\d+)(?:\.(\d+))?$/.exec(text) : null
  if (parts === null)
    throw coded('MR-4103', new Error(`is ${preview(value)}, and no decimal: give its text, such as "12.50"`))
  const [, sign, whole = '', given = ''] = parts
  const fraction = given.replace(/0+$/, '')
  const magnitude = BigInt(whole + fraction.padEnd(scale, '0'))
  if (fraction.length > scale || String(magnitude).length > precision)
    throw coded(
      'MR-4103',
      new Error(`is ${preview(value)}, which has more than ${precision} digits or more than ${scale} after the point`),
    )
  return twosComplement(sign === '-' ? -magnitude : magnitude, size)
}

function twosComplement(value: bigint, size?: number): Uint8Array {
  let length = size ?? 1
  if (size === undefined) while (BigInt.asIntN(8 * length, value) !== value) length++
  const bytes = new Uint8Array(length)
  let rest = BigInt.asUintN(8 * length, value)
  for (let i = length - 1; i >= 0; i--) {
    bytes[i] = Number(rest & 0xffn)
    rest >>= 8n
  }
  return bytes
}
