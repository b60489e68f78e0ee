/**
 * What becomes of a logical type when the schema that was written and the one that is read differ in it.
 *
 * Law: a value keeps its meaning or is refused. Units of one kind of time are converted where that is exact; decimals must
 * have the same precision and scale, as the specification demands; where one side has no logical type, the plain value passes.
 */
import type { Input } from './decode.js'
import { AvroSchemaError, type AvroType, type Logical, nameOf } from './schema.js'

/** Kinds of time with the units that count them. One kind is never taken for another. */
const units: ReadonlyMap<string, { readonly of: string; readonly perSecond: bigint }> = new Map(
  ['time', 'timestamp', 'local-timestamp'].flatMap((of) => [
    [`${of}-millis`, { of, perSecond: 1_000n }],
    [`${of}-micros`, { of, perSecond: 1_000_000n }],
    [`${of}-nanos`, { of, perSecond: 1_000_000_000n }],
  ]),
)

interface Meaning {
  readonly name: string
  readonly logical: Logical | undefined
}

function meaningOf(type: AvroType): Meaning | undefined {
  return 'logical' in type && type.logicalType !== undefined
    ? { name: type.logicalType, logical: type.logical }
    : undefined
}

/** @throws {AvroSchemaError} when both types have a logical type, and the values of one are none of the other. */
export function refuseOtherMeaning(writer: AvroType, reader: AvroType): void {
  const written = meaningOf(writer)
  const wanted = meaningOf(reader)
  if (written === undefined || wanted === undefined) return
  const from = written.logical
  const to = wanted.logical
  if (from?.kind === 'decimal' && to?.kind === 'decimal') {
    if (from.precision === to.precision && from.scale === to.scale) return
    throw new AvroSchemaError(
      `a decimal of precision ${from.precision} and scale ${from.scale} was written, and cannot be read with precision ${to.precision} and scale ${to.scale}: they must be the same`,
    )
  }
  if (written.name === wanted.name) return
  const kind = units.get(written.name)?.of
  if (kind !== undefined && kind === units.get(wanted.name)?.of) return
  throw new AvroSchemaError(
    `${written.name} (${nameOf(writer)}) was written, and cannot be read as ${wanted.name} (${nameOf(reader)}): it means something else`,
  )
}

/** Reads a time in the unit of the reader's type. A value that has no whole number of them is an error at its place. */
export function inUnitOf(
  reader: AvroType,
  writer: AvroType,
  read: (input: Input) => number | bigint,
): (input: Input) => number | bigint {
  const from = units.get(meaningOf(writer)?.name ?? '')
  const to = units.get(meaningOf(reader)?.name ?? '')
  if (from === undefined || to === undefined || from.perSecond === to.perSecond) return read
  const fail = (input: Input, at: number, value: number | bigint, why: string): never =>
    input.fail(
      `${value} (${meaningOf(writer)?.name}) ${why} ${meaningOf(reader)?.name}. Read it as it was written`,
      at,
      'MR-4106',
    )
  return (input) => {
    const start = input.position
    const value = read(input)
    const scaled = BigInt(value) * to.perSecond
    if (scaled % from.perSecond !== 0n) return fail(input, start, value, 'is no whole number of')
    const converted = scaled / from.perSecond
    if (BigInt.asIntN(64, converted) !== converted) return fail(input, start, value, 'is too large for')
    const exact = Number(converted)
    return Number.isSafeInteger(exact) ? exact : converted
  }
}
