/**
 * The schema of a Parquet file as its reader needs it: which columns there are, and how what hyparquet gives becomes a value.
 *
 * Laws: nothing is rounded and no key of a map is lost, so decimals and maps are taken as what carries them; what cannot be
 * read without a loss is refused by the name of its column.
 */
import { coded } from '../../sdk/error-codes.js'
import type { SchemaElement, SchemaTree } from 'hyparquet'
import { preview } from '../../sdk/preview.js'
import { suggestion } from '../../sdk/suggestion.js'
import { decimalText, instantOf, type TimestampMode } from '../avro/logical.js'

/** Makes the value of what hyparquet gives. @throws when it would lose something. */
export type Convert = (raw: unknown) => unknown

/** A column that can be read. */
export interface Column {
  readonly name: string
  /** `undefined` where values are as hyparquet gives them. */
  readonly convert: Convert | undefined
  /** Whether a value is one of the column. */
  readonly is: (value: unknown) => boolean
}

/** Marks under which we find again what was taken from an element. */
interface Noted extends SchemaElement {
  readonly was?: 'map' | 'decimal'
}

/**
 * The elements of a schema, changed so that hyparquet keeps everything: maps are lists of keys and values, decimals their
 * unscaled numbers.
 */
export function keptWhole(elements: readonly SchemaElement[]): SchemaElement[] {
  return elements.map((element): Noted => {
    const { converted_type: converted, logical_type: logical, ...rest } = element
    const type = logical?.type
    if (converted === 'MAP' || converted === 'MAP_KEY_VALUE' || type === 'MAP') return { ...rest, was: 'map' }
    if (type === 'LIST') return { ...element, converted_type: 'LIST' }
    if (converted === 'DECIMAL' || type === 'DECIMAL') {
      const scale = type === 'DECIMAL' ? logical?.scale : element.scale
      return { ...rest, ...(scale === undefined ? {} : { scale }), was: 'decimal' }
    }
    // A text is one also where only the newer annotation says so.
    return type === 'JSON' && converted === undefined ? { ...element, converted_type: 'JSON' } : element
  })
}

/** The columns of a tree, by name. @throws for a column that is not there, or that cannot be read. */
export function columnsOf(
  tree: SchemaTree,
  names: readonly string[] | undefined,
  timestamps: TimestampMode,
): readonly Column[] {
  const there = tree.children.map(({ element }) => element.name)
  const twice = there.find((name, i) => there.indexOf(name) < i)
  if (twice !== undefined) throw coded('MR-4104', new Error(`it has two columns ${preview(twice)}`))
  return (names ?? there).map((name) => {
    const node = tree.children.find(({ element }) => element.name === name)
    if (node === undefined)
      throw coded(
        'MR-4010',
        new Error(`it has no column ${preview(name)}; it has ${there.join(', ')}.${suggestion(name, there)}`),
      )
    const { convert, is } = partOf(node, timestamps)
    return { name, convert, is }
  })
}

interface Part {
  readonly convert: Convert | undefined
  readonly is: (value: unknown) => boolean
}

const identity: Convert = (raw) => raw

function partOf(node: SchemaTree, timestamps: TimestampMode): Part {
  const { repetition_type: repetition } = node.element
  const part = node.children.length === 0 ? leaf(node, timestamps) : group(node, timestamps)
  if (repetition === 'REPEATED') {
    // A list of the oldest kind: the field itself is repeated.
    const convert = part.convert ?? identity
    return {
      convert: (raw) => (raw as readonly unknown[]).map(convert),
      is: (value) => Array.isArray(value) && value.every(part.is),
    }
  }
  if (repetition !== 'OPTIONAL') return part
  const { convert } = part
  return {
    convert:
      convert === undefined ? (raw) => raw ?? null : (raw) => (raw === null || raw === undefined ? null : convert(raw)),
    is: (value) => value === null || part.is(value),
  }
}

function refuse({ path }: SchemaTree, what: string): never {
  throw coded(
    'MR-4105',
    new Error(
      `column ${preview(path.join('.'))} is ${what}, which is not read here. Name the columns that you need: { columns: […] }`,
    ),
  )
}

function group(node: SchemaTree, timestamps: TimestampMode): Part {
  const { element, children } = node
  if (element.logical_type?.type === 'VARIANT') refuse(node, 'a VARIANT')
  if ((element as Noted).was === 'map') return mapPart(node, timestamps)
  if (element.converted_type === 'LIST' && children.length === 1) {
    const [repeated] = children as [SchemaTree]
    if (repeated.element.repetition_type === 'REPEATED' && repeated.children.length < 2) {
      const item = partOf(
        repeated.children[0] ?? { ...repeated, element: { ...repeated.element, repetition_type: 'REQUIRED' } },
        timestamps,
      )
      const convert = item.convert ?? identity
      return {
        convert: (raw) => (raw as readonly unknown[]).map(convert),
        is: (value) => Array.isArray(value) && value.every(item.is),
      }
    }
    refuse(node, 'a list of an old form')
  }
  const fields = children.map((child) => ({ name: child.element.name, ...partOf(child, timestamps) }))
  if (fields.some(({ name }) => name === '__proto__')) refuse(node, 'a struct with a field "__proto__"')
  return {
    convert: (raw) => {
      const struct = raw as Readonly<Record<string, unknown>>
      return Object.fromEntries(
        fields.map(({ name, convert }) => [name, convert === undefined ? struct[name] : convert(struct[name])]),
      )
    },
    is: (value) =>
      typeof value === 'object' &&
      value !== null &&
      fields.every(({ name, is }) => is((value as Readonly<Record<string, unknown>>)[name])),
  }
}

/** As hyparquet sees it: a struct with a list of structs of two fields. */
function mapPart(node: SchemaTree, timestamps: TimestampMode): Part {
  const [entries] = node.children
  const [key, value] = entries?.children ?? []
  if (
    entries?.element.repetition_type !== 'REPEATED' ||
    key === undefined ||
    value === undefined ||
    entries.children.length > 2
  )
    return refuse(node, 'a map of an unknown form')
  const [ofKey, ofValue] = [partOf(key, timestamps), partOf(value, timestamps)]
  const [keyName, valueName, listName] = [key.element.name, value.element.name, entries.element.name]
  const [toKey, toValue] = [ofKey.convert ?? identity, ofValue.convert ?? identity]
  return {
    convert: (raw) => {
      const list = (raw as Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>)[listName] ?? []
      return new Map(list.map((entry) => [toKey(entry[keyName]), toValue(entry[valueName])]))
    },
    is: (given) => given instanceof Map && [...given].every(([k, v]) => ofKey.is(k) && ofValue.is(v)),
  }
}

const isNumber = (value: unknown): boolean => typeof value === 'number'
const isInteger = (value: unknown): boolean => Number.isSafeInteger(value) || typeof value === 'bigint'
const exact: Convert = (raw) => {
  const number = Number(raw)
  return Number.isSafeInteger(number) ? number : raw
}

function leaf(node: SchemaTree, timestamps: TimestampMode): Part {
  const { element } = node
  const { type, converted_type: converted, logical_type: logical, scale = 0 } = element
  if ((element as Noted).was === 'decimal') return decimalPart(type, scale)
  switch (converted ?? logical?.type) {
    case 'DATE':
    case 'TIMESTAMP_MILLIS':
    case 'TIMESTAMP_MICROS':
    case 'TIMESTAMP':
      return { convert: undefined, is: timestamps === 'date' ? (value) => value instanceof Date : isInteger }
    case 'UTF8':
    case 'STRING':
    case 'ENUM':
      return text(converted === 'ENUM' || logical?.type === 'ENUM')
    case 'UUID':
      return { convert: undefined, is: (value) => typeof value === 'string' }
    case 'JSON':
      return { convert: undefined, is: () => true }
    case 'BSON':
    case 'INTERVAL':
    case 'GEOMETRY':
    case 'GEOGRAPHY':
      return refuse(node, `of the type ${converted ?? logical?.type}`)
    case 'FLOAT16':
      return { convert: undefined, is: isNumber }
  }
  switch (type) {
    case 'BOOLEAN':
      return { convert: (raw) => Boolean(raw), is: (value) => typeof value === 'boolean' }
    case 'INT64':
      return { convert: exact, is: isInteger }
    case 'INT96':
      return { convert: undefined, is: timestamps === 'date' ? (value) => value instanceof Date : isInteger }
    case 'BYTE_ARRAY':
    case 'FIXED_LEN_BYTE_ARRAY':
      return { convert: (raw) => new Uint8Array(raw as Uint8Array), is: (value) => value instanceof Uint8Array }
    default:
      return { convert: undefined, is: isNumber }
  }
}

/** hyparquet takes an ENUM for bytes. */
function text(isBytes: boolean): Part {
  const decoder = new TextDecoder()
  return {
    convert: isBytes ? (raw) => (raw instanceof Uint8Array ? decoder.decode(raw) : raw) : undefined,
    is: (value) => typeof value === 'string',
  }
}

function decimalPart(type: SchemaElement['type'], scale: number): Part {
  const is = (value: unknown): boolean => typeof value === 'string'
  if (type === 'BYTE_ARRAY' || type === 'FIXED_LEN_BYTE_ARRAY')
    return { convert: (raw) => decimalText(raw as Uint8Array, scale), is }
  return {
    is,
    convert: (raw) => {
      const bytes = new Uint8Array(8)
      new DataView(bytes.buffer).setBigInt64(0, BigInt(raw as number | bigint))
      return decimalText(bytes, scale)
    },
  }
}

type Time = Date | number | bigint | undefined

/** What makes values of dates and timestamps; `undefined` stays itself. */
export interface TimeParsers {
  readonly timestampFromMilliseconds: (millis: bigint | undefined) => Time
  readonly timestampFromMicroseconds: (micros: bigint | undefined) => Time
  readonly timestampFromNanoseconds: (nanos: bigint | undefined) => Time
  readonly dateFromDays: (days: number | undefined) => Time
}

/** What hyparquet is to make of dates and timestamps. */
export function timeParsers(timestamps: TimestampMode): TimeParsers {
  const value = (unit: 1 | 1000, raw: bigint): Date | number | bigint => {
    const whole = exact(raw) as number | bigint
    if (timestamps === 'integer') return whole
    const instant = instantOf({ kind: 'timestamp', perMilli: unit }, whole)
    if (typeof instant === 'string') throw coded('MR-4106', new Error(instant))
    return instant
  }
  return {
    timestampFromMilliseconds: (millis: bigint | undefined) => (millis === undefined ? undefined : value(1, millis)),
    timestampFromMicroseconds: (micros: bigint | undefined) => (micros === undefined ? undefined : value(1000, micros)),
    timestampFromNanoseconds: (nanos: bigint | undefined) => {
      if (nanos === undefined) return undefined
      if (timestamps === 'integer') return exact(nanos) as number | bigint
      if (nanos % 1_000_000n !== 0n)
        throw coded(
          'MR-4106',
          new Error(`${nanos} nanoseconds are no whole milliseconds, as a Date has. Say timestamps: 'integer'`),
        )
      return value(1, nanos / 1_000_000n)
    },
    dateFromDays: (days: number | undefined) => {
      if (days === undefined || timestamps === 'integer') return days
      const date = instantOf({ kind: 'date' }, days)
      if (typeof date === 'string') throw coded('MR-4106', new Error(date))
      return date
    },
  }
}
