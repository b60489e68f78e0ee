/**
 * Avro's binary encoding, read: a writer's type and a reader's become one function from bytes to a value.
 *
 * Laws: nothing is compiled from text, so schemas need not be trusted; no value is deeper than {@link DEPTH_MAX}, and no
 * list of empty values longer than {@link EMPTY_MAX}; bytes that do not fit are an error at their place, never a value.
 */
import { ByteReader } from '../../sdk/coders/bytes.js'
import { readUtf8 } from '../../sdk/coders/utf8.js'
import type { ErrorCode } from '../../sdk/error-codes.js'
import { messageOf } from '../../sdk/errors.js'
import { preview } from '../../sdk/preview.js'
import { setField } from '../records/set-field.js'
import { defaultBytes } from './defaults.js'
import { decimalText, instantOf, type TimestampMode } from './logical.js'
import { inUnitOf, refuseOtherMeaning } from './logical-resolution.js'
import {
  AvroSchemaError,
  type AvroType,
  type AvroTypeOf,
  DEPTH_MAX,
  type Field,
  type Logical,
  nameOf,
} from './schema.js'

/** Values that take no bytes, in one list: more of them are refused. */
export const EMPTY_MAX = 1_000_000

/** Thrown for bytes that are not what the schema says. */
export class AvroDataError extends Error {
  readonly code: ErrorCode
  /** Names of fields on the way to the value, the outermost first. */
  readonly path: string[] = []
  /** Index of the byte. */
  readonly position: number

  constructor(message: string, position: number, code: ErrorCode = 'MR-4102') {
    super(message)
    this.code = code
    this.position = position
  }
}

/** Bytes on their way to a value. */
export class Input extends ByteReader {
  depth = 0

  fail(message: string, position: number = this.position, code?: ErrorCode): never {
    throw new AvroDataError(message, position, code)
  }

  /** Zig-zag: a number where that is exact, else a bigint. */
  long(): number | bigint {
    const n = this.varint()
    if (typeof n === 'number' && n >= 0) return n % 2 === 0 ? n / 2 : -(n + 1) / 2
    const bits = BigInt.asUintN(64, BigInt(n))
    const value = bits & 1n ? -(bits >> 1n) - 1n : bits >> 1n
    const exact = Number(value)
    return Number.isSafeInteger(exact) ? exact : value
  }

  int(): number {
    const start = this.position
    const n = this.long()
    if (typeof n === 'bigint' || n < -0x8000_0000 || n > 0x7fff_ffff) this.fail(`${n} is no int`, start)
    return n
  }

  /** A length in bytes that are there. */
  size(): number {
    const start = this.position
    const n = this.long()
    if (typeof n === 'bigint' || n < 0 || n > this.remaining)
      this.fail(`has ${n} bytes, but only ${this.remaining} follow`, start)
    return n
  }

  text(): string {
    const size = this.size()
    const start = this.position
    this.position += size
    return readUtf8(this.source, start, this.position)
  }

  little(count: 4 | 8): number {
    for (let i = 0; i < count; i++) scratch[i] = this.byte()
    return count === 4 ? scratchView.getFloat32(0, true) : scratchView.getFloat64(0, true)
  }

  readonly source: Uint8Array

  constructor(bytes: Uint8Array) {
    super(bytes)
    this.source = bytes
  }
}

const scratch = new Uint8Array(8)
const scratchView = new DataView(scratch.buffer)

/** Reads a value. */
export type Read = (input: Input) => unknown

/** How values are read. */
export interface ReadOptions {
  readonly timestamps: TimestampMode
}

/**
 * How values that were written as `writer` are read as `reader`.
 *
 * @throws {AvroSchemaError} when they cannot be, whatever the values are.
 */
export function reading(writer: AvroType, reader: AvroType, options: ReadOptions): Read {
  return new Resolver(options).resolve(writer, reader)
}

/** Reads one value of all the bytes. */
export function readWhole(read: Read, bytes: Uint8Array): unknown {
  const input = new Input(bytes)
  const value = readValue(read, input)
  if (input.remaining > 0) input.fail(`${input.remaining} bytes are left after the value`)
  return value
}

/** Reads the next value. @throws {AvroDataError} for whatever is wrong with the bytes. */
export function readValue(read: Read, input: Input): unknown {
  try {
    return read(input)
  } catch (error) {
    if (!(error instanceof AvroDataError)) throw new AvroDataError(messageOf(error), input.position)
    const { path, position, message, code } = error
    throw path.length === 0 ? error : new AvroDataError(`${path.join('.')}: ${message}`, position, code)
  } finally {
    input.depth = 0
  }
}

const promotions: Readonly<Partial<Record<string, readonly string[]>>> = {
  int: ['long', 'float', 'double'],
  long: ['float', 'double'],
  float: ['double'],
  string: ['bytes'],
  bytes: ['string'],
}

class Resolver {
  readonly #options: ReadOptions
  /** Records may contain themselves: by writer, then reader. */
  readonly #records = new Map<AvroType, Map<AvroType, Read>>()

  constructor(options: ReadOptions) {
    this.#options = options
  }

  resolve(writer: AvroType, reader: AvroType): Read {
    if (writer.kind === 'union') return this.#writtenUnion(writer, reader)
    if (reader.kind === 'union') return this.resolve(writer, this.#branchFor(writer, reader))
    refuseOtherMeaning(writer, reader)
    switch (reader.kind) {
      case 'record':
        if (writer.kind === 'record' && isNamedLike(writer, reader)) return this.#record(writer, reader)
        break
      case 'enum':
        if (writer.kind === 'enum' && isNamedLike(writer, reader)) return enumeration(writer, reader)
        break
      case 'fixed':
        if (writer.kind === 'fixed' && isNamedLike(writer, reader) && writer.size === reader.size)
          return this.#bytes((input) => input.bytes(writer.size), reader)
        break
      case 'array':
        if (writer.kind === 'array') return arrayOf(this.resolve(writer.items, reader.items))
        break
      case 'map':
        if (writer.kind === 'map') return mapOf(this.resolve(writer.values, reader.values))
        break
      default:
        if (writer.kind === reader.kind || promotions[writer.kind]?.includes(reader.kind) === true)
          return this.#primitive(writer, reader)
    }
    throw new AvroSchemaError(`${nameOf(writer)} was written, and cannot be read as ${nameOf(reader)}`)
  }

  #writtenUnion(writer: AvroTypeOf<'union'>, reader: AvroType): Read {
    // Whether a branch can be read is asked when there is one.
    const branches = writer.branches.map((branch) => {
      try {
        return this.resolve(branch, reader)
      } catch (error) {
        if (!(error instanceof AvroSchemaError)) throw error
        return (input: Input) => input.fail(error.message)
      }
    })
    return (input) => {
      const start = input.position
      const branch = branches[input.long() as number]
      if (branch === undefined) input.fail(`is no branch of a union of ${branches.length}`, start)
      return (branch as Read)(input)
    }
  }

  /** The branch of the same type, else the first that the type can be promoted to. */
  #branchFor(writer: AvroType, { branches }: AvroTypeOf<'union'>): AvroType {
    const same = branches.filter(({ kind }) => kind === writer.kind)
    const found =
      same.find((branch) => nameOf(branch) === nameOf(writer)) ??
      same.find((branch) => !('fullName' in branch) || isNamedLike(writer as typeof branch, branch)) ??
      branches.find(({ kind }) => promotions[writer.kind]?.includes(kind))
    if (found !== undefined) return found
    throw new AvroSchemaError(`${nameOf(writer)} was written, and is no branch of [${branches.map(nameOf).join(', ')}]`)
  }

  #primitive(
    writer: AvroType,
    reader: AvroTypeOf<'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'bytes' | 'string'>,
  ): Read {
    switch (writer.kind) {
      case 'null':
        return () => null
      case 'boolean':
        return (input) => {
          const byte = input.byte()
          return byte > 1 ? input.fail(`${byte} is no boolean`, input.position - 1) : byte === 1
        }
      case 'int':
        return this.#number(
          inUnitOf(reader, writer, (input) => input.int()),
          reader,
        )
      case 'long':
        return this.#number(
          inUnitOf(reader, writer, (input) => input.long()),
          reader,
        )
      case 'float':
        return (input) => input.little(4)
      case 'double':
        return (input) => input.little(8)
      case 'bytes':
        return reader.kind === 'string'
          ? (input) => input.text()
          : this.#bytes((input) => input.bytes(input.size()), reader)
      default:
        return reader.kind === 'bytes'
          ? this.#bytes((input) => input.bytes(input.size()), reader)
          : (input) => input.text()
    }
  }

  /** What the reader takes a whole number for. */
  #number(
    read: (input: Input) => number | bigint,
    { kind, logical }: AvroTypeOf<'int' | 'long' | 'float' | 'double' | 'null' | 'boolean' | 'bytes' | 'string'>,
  ): Read {
    if (kind === 'float') return (input) => Math.fround(Number(read(input)))
    if (kind === 'double') return (input) => Number(read(input))
    if (logical === undefined || logical.kind === 'decimal' || this.#options.timestamps === 'integer') return read
    return (input) => {
      const start = input.position
      const instant = instantOf(logical, read(input))
      return typeof instant === 'string' ? input.fail(instant, start, 'MR-4106') : instant
    }
  }

  #bytes(read: (input: Input) => Uint8Array, { logical }: { readonly logical: Logical | undefined }): Read {
    return logical?.kind === 'decimal' ? (input) => decimalText(read(input), logical.scale) : read
  }

  #record(writer: AvroTypeOf<'record'>, reader: AvroTypeOf<'record'>): Read {
    const known = this.#records.get(writer)?.get(reader)
    if (known !== undefined) return known
    const steps: { readonly name: string; readonly isKept: boolean; readonly read: Read }[] = []
    const read = recordOf(steps, missing(writer, reader, this.#options))
    const ofWriter = this.#records.get(writer) ?? new Map<AvroType, Read>()
    this.#records.set(writer, ofWriter.set(reader, read))
    for (const field of writer.fields) {
      const target = reader.fields.find((candidate) => isFieldOf(candidate, field))
      const name = target?.name ?? field.name
      try {
        steps.push({ name, isKept: target !== undefined, read: this.resolve(field.type, (target ?? field).type) })
      } catch (error) {
        if (error instanceof AvroSchemaError)
          throw new AvroSchemaError(`field ${name} of ${reader.fullName}: ${error.message}`)
        throw error
      }
    }
    return read
  }
}

const isFieldOf = (reader: Field, writer: Field): boolean =>
  reader.name === writer.name || reader.aliases.includes(writer.name)

/** The specification compares names without their namespaces. */
function isNamedLike(
  writer: { readonly fullName: string },
  reader: { readonly fullName: string; readonly aliases: readonly string[] },
): boolean {
  const short = (name: string): string => name.slice(name.lastIndexOf('.') + 1)
  return short(writer.fullName) === short(reader.fullName) || reader.aliases.includes(writer.fullName)
}

/** Fields that were not written, with what they have instead. */
function missing(
  writer: AvroTypeOf<'record'>,
  reader: AvroTypeOf<'record'>,
  options: ReadOptions,
): readonly (readonly [string, () => unknown])[] {
  return reader.fields
    .filter((field) => !writer.fields.some((written) => isFieldOf(field, written)))
    .map((field) => {
      if (field.default === undefined)
        throw new AvroSchemaError(
          `field ${field.name} of ${reader.fullName} was not written and has no default. Give it one, or an alias that names the field it was`,
        )
      const read = reading(field.type, field.type, options)
      const bytes = defaultBytes(field)
      // Each record gets a value of its own.
      return [field.name, () => readWhole(read, bytes)] as const
    })
}

function recordOf(
  steps: readonly { readonly name: string; readonly isKept: boolean; readonly read: Read }[],
  defaults: readonly (readonly [string, () => unknown])[],
): Read {
  return (input) => {
    if (++input.depth > DEPTH_MAX) input.fail(`is nested deeper than ${DEPTH_MAX}`)
    const value: Record<string, unknown> = {}
    let i = 0
    try {
      for (; i < steps.length; i++) {
        const { name, isKept, read } = steps[i] as (typeof steps)[number]
        const part = read(input)
        if (isKept) setField(value, name, part)
      }
    } catch (error) {
      if (error instanceof AvroDataError) error.path.unshift((steps[i] as (typeof steps)[number]).name)
      throw error
    }
    for (const [name, valueOf] of defaults) setField(value, name, valueOf())
    input.depth--
    return value
  }
}

function enumeration(writer: AvroTypeOf<'enum'>, reader: AvroTypeOf<'enum'>): Read {
  const symbols = writer.symbols.map((symbol) => (reader.symbols.includes(symbol) ? symbol : reader.default))
  return (input) => {
    const start = input.position
    const index = input.int()
    if (index < 0 || index >= symbols.length) input.fail(`${index} is no symbol of enum ${writer.fullName}`, start)
    const symbol = symbols[index]
    if (symbol === undefined)
      input.fail(
        `symbol ${preview(writer.symbols[index])} is not known to enum ${reader.fullName}, which has no default`,
        start,
      )
    return symbol
  }
}

/** Calls back for each item of the blocks that arrays and maps come in. */
function forItems(input: Input, each: () => void): void {
  if (++input.depth > DEPTH_MAX) input.fail(`is nested deeper than ${DEPTH_MAX}`)
  let empty = 0
  for (;;) {
    const start = input.position
    let count = input.long()
    if (count === 0) break
    if (count < 0) {
      count = -count
      input.size()
    }
    for (let i = 0; i < count; i++) {
      const before = input.position
      each()
      if (input.position === before && ++empty > EMPTY_MAX) input.fail(`has ${count} items that take no bytes`, start)
    }
  }
  input.depth--
}

function arrayOf(read: Read): Read {
  return (input) => {
    const items: unknown[] = []
    forItems(input, () => items.push(read(input)))
    return items
  }
}

function mapOf(read: Read): Read {
  return (input) => {
    const entries = new Map<string, unknown>()
    forItems(input, () => entries.set(input.text(), read(input)))
    return entries
  }
}
