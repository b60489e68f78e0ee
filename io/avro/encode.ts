/**
 * Avro's binary encoding, written: a type becomes one function from a value to bytes.
 *
 * Laws: nothing is compiled from text; a value that does not fit its type is refused with the path to the part that does
 * not, and nothing of it is written; what is written and read again is equal, but for −0 and texts of decimals, which come
 * back in full.
 */
import { ByteWriter } from '../../sdk/coders/bytes.js'
import type { ErrorCode } from '../../sdk/error-codes.js'
import { preview } from '../../sdk/preview.js'
import { decimalBytes, numberOf } from './logical.js'
import { type AvroType, type AvroTypeOf, DEPTH_MAX, type Field, type Logical, nameOf } from './schema.js'

/** Writes a value. */
export type Write = (out: ByteWriter, value: unknown) => void

/** A value does not fit the schema. */
export class AvroValueError extends Error {
  readonly code: ErrorCode = 'MR-4103'
  /** Path to the part that does not fit. */
  readonly path: string[] = []
  readonly problem: string

  constructor(problem: string) {
    super(problem)
    this.problem = problem
  }
}

/** How values of a type are written. */
export function writing(type: AvroType, { fromJson = false }: { readonly fromJson?: boolean } = {}): Write {
  const write = new Compiler(fromJson).compile(type)
  return (out, value) => {
    const { length } = out
    try {
      write(out, value, 0)
    } catch (error) {
      out.truncate(length)
      if (!(error instanceof AvroValueError)) throw error
      throw new AvroValueError(
        `${error.path.length === 0 ? 'the value' : error.path.join('.').replaceAll('.[', '[')} ${error.problem}`,
      )
    }
  }
}

/** As {@link Write}, with how deep the value lies. */
type WriteAt = (out: ByteWriter, value: unknown, depth: number) => void

function fail(problem: string): never {
  throw new AvroValueError(problem)
}

function expected(what: string, value: unknown): never {
  return fail(`must be ${what}, but is ${preview(value)}`)
}

/** Appends a long. */
export function writeLong(out: ByteWriter, value: number | bigint): void {
  if (typeof value === 'number' && value >= -0x3fff_ffff_ffff && value <= 0x3fff_ffff_ffff) {
    out.varint(value >= 0 ? 2 * value : -2 * value - 1)
    return
  }
  const wide = BigInt(value)
  out.varint64((wide << 1n) ^ (wide >> 63n))
}

const text = new ByteWriter()

/** Appends a text behind its length. */
export function writeText(out: ByteWriter, value: string): void {
  text.reset()
  text.utf8(value)
  writeLong(out, text.length)
  out.bytes(text.written())
}

/** Appends bytes behind their length. */
export function writeBytes(out: ByteWriter, value: Uint8Array): void {
  writeLong(out, value.length)
  out.bytes(value)
}

const scratch = new Uint8Array(8)
const scratchView = new DataView(scratch.buffer)
const half = scratch.subarray(0, 4)

const isInt = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= -0x8000_0000 && (value as number) <= 0x7fff_ffff

const isLong = (value: unknown): value is number | bigint =>
  Number.isSafeInteger(value) || (typeof value === 'bigint' && BigInt.asIntN(64, value) === value)

class Compiler {
  readonly #fromJson: boolean
  readonly #records = new Map<AvroType, WriteAt>()

  constructor(fromJson: boolean) {
    this.#fromJson = fromJson
  }

  compile(type: AvroType): WriteAt {
    switch (type.kind) {
      case 'null':
        return (_, value) => {
          if (value !== null && value !== undefined) expected('null', value)
        }
      case 'boolean':
        return (out, value) => out.byte(typeof value === 'boolean' ? Number(value) : expected('a boolean', value))
      case 'int':
        return this.#number(type.logical, isInt, 'a whole number of 32 bits')
      case 'long':
        return this.#number(type.logical, isLong, 'a whole number of 64 bits (a bigint where a number is not exact)')
      case 'float':
        return (out, value) => {
          const given = typeof value === 'number' ? value : expected('a number', value)
          // Rounding is what a float is for; another number is not.
          if (Number.isFinite(given) && !Number.isFinite(Math.fround(given)))
            fail(`is ${given}, which is beyond what a float can hold. Make it a double`)
          scratchView.setFloat32(0, given, true)
          out.bytes(half)
        }
      case 'double':
        return (out, value) => {
          scratchView.setFloat64(0, typeof value === 'number' ? value : expected('a number', value), true)
          out.bytes(scratch)
        }
      case 'string':
        return (out, value) => writeText(out, typeof value === 'string' ? value : expected('a string', value))
      case 'bytes':
        return (out, value) => writeBytes(out, this.#bytesOf(type, value))
      case 'fixed':
        return (out, value) => {
          const bytes = this.#bytesOf(type, value)
          if (bytes.length !== type.size) fail(`must have ${type.size} bytes, but has ${bytes.length}`)
          out.bytes(bytes)
        }
      case 'enum': {
        const indexes = new Map(type.symbols.map((symbol, i) => [symbol, i]))
        return (out, value) =>
          writeLong(out, indexes.get(value as string) ?? expected(`one of ${type.symbols.join(', ')}`, value))
      }
      case 'array':
        return arrayOf(this.compile(type.items))
      case 'map':
        return mapOf(this.compile(type.values))
      case 'union':
        return this.#union(type)
      case 'record':
        return this.#record(type)
    }
  }

  #number(logical: Logical | undefined, is: (value: unknown) => value is number | bigint, what: string): WriteAt {
    const isTime = logical !== undefined && logical.kind !== 'decimal'
    return (out, value) => {
      const given = isTime && value instanceof Date ? numberOf(logical, value) : value
      if (typeof given === 'string' && given !== value) fail(given)
      writeLong(out, is(given) ? given : expected(isTime ? `a Date, or ${what}` : what, value))
    }
  }

  #bytesOf(type: AvroTypeOf<'bytes' | 'fixed'>, value: unknown): Uint8Array {
    if (type.logical?.kind !== 'decimal' || (this.#fromJson && value instanceof Uint8Array))
      return value instanceof Uint8Array ? value : expected('a Uint8Array', value)
    try {
      return decimalBytes(value, type.logical, type.kind === 'fixed' ? type.size : undefined)
    } catch (error) {
      return fail((error as Error).message)
    }
  }

  #union({ branches }: AvroTypeOf<'union'>): WriteAt {
    const compiled = branches.map((branch) => ({ fits: fitting(branch), write: this.compile(branch) }))
    return (out, value, depth) => {
      const index = compiled.findIndex(({ fits }) => fits(value))
      if (index < 0) expected(`one of [${branches.map(nameOf).join(', ')}]`, value)
      writeLong(out, index)
      ;(compiled[index] as (typeof compiled)[number]).write(out, value, depth)
    }
  }

  #record(type: AvroTypeOf<'record'>): WriteAt {
    const known = this.#records.get(type)
    if (known !== undefined) return known
    const steps: { readonly field: Field; readonly write: WriteAt; readonly instead: Uint8Array | undefined }[] = []
    const write: WriteAt = (out, value, depth) => {
      if (typeof value !== 'object' || value === null) expected(`a record ${type.fullName}`, value)
      if (depth > DEPTH_MAX) fail(`is nested deeper than ${DEPTH_MAX}`)
      const record = value as Readonly<Record<string, unknown>>
      for (const { field, write: writeField, instead } of steps) {
        // What an object inherits is no field of it.
        const part = Object.hasOwn(record, field.name) ? record[field.name] : undefined
        if (part === undefined && instead !== undefined) {
          out.bytes(instead)
          continue
        }
        try {
          writeField(out, part, depth + 1)
        } catch (error) {
          if (error instanceof AvroValueError) error.path.unshift(field.name)
          throw error
        }
      }
    }
    this.#records.set(type, write)
    for (const field of type.fields)
      steps.push({ field, write: this.compile(field.type), instead: this.#instead(field) })
    return write
  }

  /** What is written for a field that is not there: its default, if that says something that absence does not. */
  #instead({ type, default: given }: Field): Uint8Array | undefined {
    if (this.#fromJson || given === undefined || given === null || typeof given === 'object') return undefined
    const out = new ByteWriter()
    const value =
      (type.kind === 'bytes' || type.kind === 'fixed') && typeof given === 'string'
        ? Uint8Array.from(given, (char) => char.charCodeAt(0))
        : given
    new Compiler(true).compile(type)(out, value, 0)
    return out.take()
  }
}

function arrayOf(write: WriteAt): WriteAt {
  return (out, value, depth) => {
    if (!Array.isArray(value)) expected('an array', value)
    if (depth > DEPTH_MAX) fail(`is nested deeper than ${DEPTH_MAX}`)
    const items = value as readonly unknown[]
    if (items.length > 0) {
      writeLong(out, items.length)
      for (let i = 0; i < items.length; i++) writePart(out, write, items[i], depth, i)
    }
    out.byte(0)
  }
}

function mapOf(write: WriteAt): WriteAt {
  return (out, value, depth) => {
    if (depth > DEPTH_MAX) fail(`is nested deeper than ${DEPTH_MAX}`)
    const entries =
      value instanceof Map
        ? [...(value as ReadonlyMap<unknown, unknown>)]
        : isPlain(value)
          ? Object.entries(value)
          : expected('a Map, or an object of texts', value)
    if (entries.length > 0) {
      writeLong(out, entries.length)
      for (const [key, item] of entries) {
        const name = typeof key === 'string' ? key : expected('a Map whose keys are texts', value)
        writeText(out, name)
        writePart(out, write, item, depth, name)
      }
    }
    out.byte(0)
  }
}

function writePart(out: ByteWriter, write: WriteAt, value: unknown, depth: number, key: string | number): void {
  try {
    write(out, value, depth + 1)
  } catch (error) {
    if (error instanceof AvroValueError) error.path.unshift(`[${preview(key)}]`)
    throw error
  }
}

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** Whether a value is one of a type, as far as unions must know to choose: parts of records are looked at, too. */
export function fitting(type: AvroType): (value: unknown, depth?: number) => boolean {
  return (value, depth = 0) => fits(type, value, depth)
}

/** Whether a value is what is read of a type. */
function fits(type: AvroType, value: unknown, depth: number): boolean {
  if (depth > DEPTH_MAX) return false
  switch (type.kind) {
    case 'null':
      return value === null || value === undefined
    case 'boolean':
      return typeof value === 'boolean'
    case 'int':
      return isInt(value) || isInstant(type.logical, value)
    case 'long':
      return isLong(value) || isInstant(type.logical, value)
    case 'float':
      return typeof value === 'number' && (Math.fround(value) === value || Number.isNaN(value))
    case 'double':
      return typeof value === 'number'
    case 'string':
      return typeof value === 'string'
    case 'bytes':
      return type.logical?.kind === 'decimal' ? isDecimal(type.logical, value) : value instanceof Uint8Array
    case 'fixed':
      return type.logical?.kind === 'decimal'
        ? isDecimal(type.logical, value, type.size)
        : value instanceof Uint8Array && value.length === type.size
    case 'enum':
      return type.symbols.includes(value as string)
    case 'array':
      return Array.isArray(value) && value.every((item) => fits(type.items, item, depth + 1))
    case 'map':
      return value instanceof Map
        ? [...value].every(([key, item]) => typeof key === 'string' && fits(type.values, item, depth + 1))
        : isPlain(value) && Object.values(value).every((item) => fits(type.values, item, depth + 1))
    case 'union':
      return type.branches.some((branch) => fits(branch, value, depth + 1))
    case 'record':
      return (
        isPlain(value) &&
        type.fields.every(({ name, type: of, default: given }) => {
          const part = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined
          return fits(of, part, depth + 1) || (part === undefined && given !== undefined)
        }) &&
        // Two records of a union are told apart by the fields that they have.
        Object.keys(value).every((name) => type.fields.some((field) => field.name === name))
      )
  }
}

function isInstant(logical: Logical | undefined, value: unknown): boolean {
  if (logical === undefined || logical.kind === 'decimal' || !(value instanceof Date)) return false
  return typeof numberOf(logical, value) !== 'string'
}

function isDecimal(logical: Extract<Logical, { kind: 'decimal' }>, value: unknown, size?: number): boolean {
  try {
    decimalBytes(value, logical, size)
    return true
  } catch {
    return false
  }
}
