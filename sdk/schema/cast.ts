/**
 * Casts between types of numbers in the fields of rows. A function for `apply`.
 *
 * Law: a cast changes how a number is written and never which number it is: what the new type cannot hold is refused at its
 * element. Only FLOAT rounds, to the nearest number of 32 bits.
 */
import { DecodeError } from '../errors.js'
import type { PCollection } from '../pcollection.js'
import { preview } from '../preview.js'
import { refuse } from '../refuse.js'
import { type Allows, anew, type AnyRow, fieldOf, mapRows, withoutAbsence } from './fields.js'
import { type AtomicType, type FieldType, fieldTypeText, logicalTypes } from './schema.js'

/** Types of numbers. Integers of 8, 16, 32 and 64 bits have a sign. */
export type NumberType = Extract<AtomicType, 'BYTE' | 'INT16' | 'INT32' | 'INT64' | 'FLOAT' | 'DOUBLE'>

/** A row whose fields have been cast. An INT64 is a number where that is exact, else a bigint; empty fields stay empty. */
export type Cast<T, C> = {
  readonly [K in keyof T]: K extends keyof C
    ? (C[K] extends 'INT64' ? number | bigint : number) | Extract<T[K], null | undefined>
    : T[K]
}

const INTEGER_BITS: ReadonlyMap<NumberType, number> = new Map([
  ['BYTE', 8],
  ['INT16', 16],
  ['INT32', 32],
  ['INT64', 64],
])
const NUMBER_TYPES: ReadonlySet<string> = new Set([...INTEGER_BITS.keys(), 'FLOAT', 'DOUBLE'])

/**
 * Rows with some number fields in another type. To a wider type always; to a narrower one where the value fits: a value that
 * does not (40,000 as an INT16, 0.5 as an INT32) fails its element, naming the field.
 *
 * @throws {PipelineError} when a field is none of numbers, or the type is none.
 * @example
 * ```ts
 * import { cast, pipeline } from 'millrace'
 * pipeline().create('orders', [{ user: 'ann', cents: 700 }]).apply('small', cast({ cents: 'INT32' }))
 * ```
 */
export function cast<const C extends Readonly<Record<string, NumberType>>>(
  types: C,
): <T extends AnyRow>(input: PCollection<T> & Allows<keyof C & string, keyof T & string>) => PCollection<Cast<T, C>> {
  const wanted = new Map<string, NumberType>(Object.entries(types))
  for (const [name, type] of wanted)
    if (!NUMBER_TYPES.has(type))
      refuse(
        'MR-1002',
        `field "${name}" cannot be cast to ${preview(type)}. Types of numbers: ${[...NUMBER_TYPES].join(', ')}.`,
      )
  return (input) =>
    mapRows(
      input,
      'cast',
      (row) =>
        Object.fromEntries(
          Object.entries(row).map(([name, value]) => {
            const type = wanted.get(name)
            return [name, type === undefined ? value : castValue(name, value, type)]
          }),
        ),
      (schema) => {
        for (const name of wanted.keys()) checkNumeric(name, fieldOf(schema, name).type)
        return withoutAbsence({
          fields: schema.fields.map(({ name, type }) => {
            const to = wanted.get(name)
            return anew(name, to === undefined ? type : { kind: 'atomic', atomic: to, nullable: type.nullable })
          }),
        })
      },
    )
}

function checkNumeric(name: string, type: FieldType): void {
  const isNumeric = type.kind === 'atomic' ? NUMBER_TYPES.has(type.atomic) : isDecimal(type)
  if (!isNumeric) refuse('MR-4011', `field "${name}" is ${fieldTypeText(type)}, and only numbers are cast.`)
}

function isDecimal(type: FieldType): boolean {
  return type.kind === 'logical' && type.urn === logicalTypes.decimal
}

function castValue(name: string, value: unknown, type: NumberType): unknown {
  if (value === null || value === undefined) return value
  if (typeof value !== 'number' && typeof value !== 'bigint')
    throw new DecodeError('MR-4011', `field "${name}" is no number, but ${preview(value)}`)
  const bits = INTEGER_BITS.get(type)
  const result = bits === undefined ? asFraction(value, type) : asInteger(value, bits)
  if (result !== undefined) return result
  throw new DecodeError('MR-4001', `field "${name}" is ${preview(value)}, which does not fit ${type}`)
}

/** The integer, or nothing where the bits do not hold it. */
function asInteger(value: number | bigint, bits: number): number | bigint | undefined {
  if (typeof value === 'number' && !Number.isInteger(value)) return undefined
  const exact = BigInt(value)
  if (BigInt.asIntN(bits, exact) !== exact) return undefined
  const narrow = Number(exact)
  return Number.isSafeInteger(narrow) ? narrow : exact
}

/** The number, or nothing where it would be another, or infinite. */
function asFraction(value: number | bigint, type: NumberType): number | undefined {
  const number = Number(value)
  if (typeof value === 'bigint' && (!Number.isFinite(number) || BigInt(number) !== value)) return undefined
  if (type === 'DOUBLE') return number
  const rounded = Math.fround(number)
  return Number.isFinite(rounded) || !Number.isFinite(number) ? rounded : undefined
}
