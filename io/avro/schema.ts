/**
 * Avro schemas: the JSON that files carry, and what it means once names are resolved.
 *
 * Laws: a schema from a file is not to be trusted, so every part of it is checked before anything is made of it, and its
 * size and depth are bounded. Two schemas that parse to the same types read the same bytes alike.
 */
import type { ErrorCode } from '../../sdk/error-codes.js'
import { preview } from '../../sdk/preview.js'

/** Avro's types without parts. */
export type AvroPrimitive = 'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'bytes' | 'string'

/** A schema as JSON: a primitive, the name of a type, a union, or one of the complex types. */
export type AvroSchema = string | readonly AvroSchema[] | AvroComplexSchema

/** A schema that is an object. Attributes that Avro does not know (`doc`, your own) are kept and passed over. */
export interface AvroComplexSchema {
  readonly type: AvroSchema
  readonly name?: string
  readonly namespace?: string
  readonly aliases?: readonly string[]
  readonly doc?: string
  readonly fields?: readonly AvroFieldSchema[]
  readonly symbols?: readonly string[]
  readonly default?: unknown
  readonly size?: number
  readonly items?: AvroSchema
  readonly values?: AvroSchema
  readonly logicalType?: string
  readonly precision?: number
  readonly scale?: number
}

/** A field of a record. */
export interface AvroFieldSchema {
  readonly name: string
  readonly type: AvroSchema
  readonly default?: unknown
  readonly aliases?: readonly string[]
  readonly doc?: string
  readonly order?: 'ascending' | 'descending' | 'ignore'
}

/** What a primitive or fixed stands for. Logical types that Avro has and we do not know are what carries them. */
export type Logical =
  | { readonly kind: 'date' }
  /** Units per millisecond: 1 or 1000. */
  | { readonly kind: 'timestamp'; readonly perMilli: 1 | 1000 }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }

/** A field whose type is known. */
export interface Field {
  readonly name: string
  readonly aliases: readonly string[]
  readonly type: AvroType
  /** As JSON; there is none when it is `undefined`. */
  readonly default: unknown
}

/** A name that aliases and namespaces have been put into. */
interface Named {
  readonly fullName: string
  readonly aliases: readonly string[]
}

/** What values stand for. */
interface Meant {
  readonly logical: Logical | undefined
  /** Name of the logical type, where Avro has it for the type: also of those whose values are given as they are. */
  readonly logicalType?: string | undefined
}

/** A resolved type; records may contain themselves. */
export type AvroType =
  | { [K in AvroPrimitive]: { readonly kind: K } & Meant }[AvroPrimitive]
  | ({ readonly kind: 'record'; readonly fields: readonly Field[] } & Named)
  | ({ readonly kind: 'enum'; readonly symbols: readonly string[]; readonly default: string | undefined } & Named)
  | ({ readonly kind: 'fixed'; readonly size: number } & Meant & Named)
  | { readonly kind: 'array'; readonly items: AvroType }
  | { readonly kind: 'map'; readonly values: AvroType }
  | { readonly kind: 'union'; readonly branches: readonly AvroType[] }

/** A type of one kind. */
export type AvroTypeOf<K extends AvroType['kind']> = Extract<AvroType, { readonly kind: K }>

/** Thrown for a schema that is none, or that cannot be used. */
export class AvroSchemaError extends Error {
  readonly code: ErrorCode = 'MR-4101'
}

/** How deep schemas and values may be nested. */
export const DEPTH_MAX = 512
/** Types a schema may have. */
const TYPES_MAX = 20_000
/** Bytes a fixed may have. */
const FIXED_MAX = 16 * 1024 * 1024

const primitives: ReadonlySet<string> = new Set([
  'null',
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'bytes',
  'string',
] satisfies AvroPrimitive[])

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

/** What is known while a schema is parsed. */
interface Scope {
  readonly names: Map<string, AvroType>
  types: number
}

/**
 * The type that a schema stands for.
 *
 * @throws {AvroSchemaError} with the place in the schema.
 */
export function parseSchema(schema: unknown): AvroType {
  return parse(schema, { names: new Map(), types: 0 }, '', 'schema', 0)
}

function fail(at: string, message: string): never {
  throw new AvroSchemaError(`${at} ${message}`)
}

function parse(schema: unknown, scope: Scope, namespace: string, at: string, depth: number): AvroType {
  if (depth > DEPTH_MAX) fail('the schema', `is nested deeper than ${DEPTH_MAX}`)
  if (++scope.types > TYPES_MAX) fail('the schema', `has more than ${TYPES_MAX} types`)
  if (typeof schema === 'string') return byName(schema, scope, namespace, at)
  if (Array.isArray(schema)) return union(schema as readonly unknown[], scope, namespace, at, depth)
  if (typeof schema !== 'object' || schema === null) return fail(at, `must be a type, but is ${preview(schema)}`)
  const given = schema as Readonly<Record<string, unknown>>
  switch (given['type']) {
    case 'record':
    case 'error':
      return record(given, scope, namespace, at, depth)
    case 'enum':
      return enumeration(given, scope, namespace, at)
    case 'fixed':
      return fixed(given, scope, namespace, at)
    case 'array':
      return { kind: 'array', items: parse(given['items'], scope, namespace, `${at}.items`, depth + 1) }
    case 'map':
      return { kind: 'map', values: parse(given['values'], scope, namespace, `${at}.values`, depth + 1) }
    case undefined:
      return fail(at, `has no "type": ${preview(schema)}`)
    default: {
      const type = parse(given['type'], scope, namespace, at, depth + 1)
      return primitives.has(type.kind) ? { ...(type as AvroTypeOf<AvroPrimitive>), ...meantBy(given, type, at) } : type
    }
  }
}

function byName(name: string, scope: Scope, namespace: string, at: string): AvroType {
  if (primitives.has(name)) return { kind: name, logical: undefined } as AvroTypeOf<AvroPrimitive>
  const known = scope.names.get(fullNameOf(name, namespace)) ?? scope.names.get(name)
  return known ?? fail(at, `names the type ${preview(name)}, which is not defined before it`)
}

function fullNameOf(name: string, namespace: string): string {
  return name.includes('.') || namespace === '' ? name : `${namespace}.${name}`
}

function union(given: readonly unknown[], scope: Scope, namespace: string, at: string, depth: number): AvroType {
  const branches = given.map((branch, i) => parse(branch, scope, namespace, `${at}[${i}]`, depth + 1))
  if (branches.length === 0) fail(at, 'is a union of nothing')
  const seen = new Set<string>()
  for (const branch of branches) {
    if (branch.kind === 'union') fail(at, 'is a union in a union')
    const name = nameOf(branch)
    if (seen.has(name)) fail(at, `is a union with ${name} twice`)
    seen.add(name)
  }
  return { kind: 'union', branches }
}

/** What a union tells its branches apart by. */
export function nameOf(type: AvroType): string {
  return 'fullName' in type ? type.fullName : type.kind
}

/** Registers the name before the parts are looked at: they may refer to it. */
function named(
  given: Readonly<Record<string, unknown>>,
  namespace: string,
  at: string,
): Named & { readonly inner: string } {
  const { name, namespace: own, aliases = [] } = given
  if (typeof name !== 'string') return fail(at, `needs a name, but has ${preview(name)}`)
  if (own !== undefined && typeof own !== 'string') fail(at, `has the namespace ${preview(own)}`)
  const fullName = fullNameOf(name, own ?? namespace)
  if (!fullName.split('.').every((part) => NAME.test(part)))
    fail(at, `has the name ${preview(fullName)}, which is none`)
  if (primitives.has(fullName)) fail(at, `has the name ${preview(fullName)}, which is a type of Avro's own`)
  const inner = fullName.includes('.') ? fullName.slice(0, fullName.lastIndexOf('.')) : ''
  return { fullName, inner, aliases: texts(aliases, `${at}.aliases`).map((alias) => fullNameOf(alias, inner)) }
}

function define<T extends AvroType & Named>(type: T, scope: Scope, at: string): T {
  if (scope.names.has(type.fullName)) fail(at, `defines ${type.fullName} a second time`)
  scope.names.set(type.fullName, type)
  return type
}

function record(
  given: Readonly<Record<string, unknown>>,
  scope: Scope,
  namespace: string,
  at: string,
  depth: number,
): AvroType {
  const { inner, ...names } = named(given, namespace, at)
  const fields: Field[] = []
  const type = define({ kind: 'record', fields, ...names }, scope, at)
  const here = `record ${names.fullName}`
  if (!Array.isArray(given['fields'])) fail(here, `needs a list of fields, but has ${preview(given['fields'])}`)
  const taken = new Set<string>()
  for (const field of given['fields'] as readonly unknown[]) {
    if (typeof field !== 'object' || field === null) fail(here, `has the field ${preview(field)}`)
    const { name, type: of, aliases = [], default: byDefault } = field as Readonly<Record<string, unknown>>
    if (typeof name !== 'string' || !NAME.test(name)) return fail(here, `has a field with the name ${preview(name)}`)
    if (taken.has(name)) fail(here, `has two fields ${preview(name)}`)
    taken.add(name)
    fields.push({
      name,
      aliases: texts(aliases, `${here}.${name}.aliases`),
      type: parse(of, scope, inner, `${here}.${name}`, depth + 1),
      default: byDefault,
    })
  }
  return type
}

function enumeration(given: Readonly<Record<string, unknown>>, scope: Scope, namespace: string, at: string): AvroType {
  const { inner: _, ...names } = named(given, namespace, at)
  const here = `enum ${names.fullName}`
  const symbols = texts(given['symbols'], `${here}.symbols`)
  const wrong = symbols.find((symbol, i) => !NAME.test(symbol) || symbols.indexOf(symbol) < i)
  if (wrong !== undefined) fail(here, `has the symbol ${preview(wrong)}, which is no name or there twice`)
  const { default: byDefault } = given
  if (byDefault !== undefined && !symbols.includes(byDefault as string))
    fail(here, `has the default ${preview(byDefault)}, which is none of its symbols`)
  return define({ kind: 'enum', symbols, default: byDefault as string | undefined, ...names }, scope, at)
}

function fixed(given: Readonly<Record<string, unknown>>, scope: Scope, namespace: string, at: string): AvroType {
  const { inner: _, ...names } = named(given, namespace, at)
  const { size } = given
  if (!Number.isSafeInteger(size) || (size as number) < 0 || (size as number) > FIXED_MAX)
    fail(`fixed ${names.fullName}`, `has the size ${preview(size)}; it must be a whole number from 0 to ${FIXED_MAX}`)
  const plain = { kind: 'fixed' as const, size: size as number, logical: undefined, ...names }
  return define({ ...plain, ...meantBy(given, plain, at) }, scope, at)
}

/** Avro's logical types, by the type that carries them. */
const logicalTypes: ReadonlyMap<string, readonly string[]> = new Map([
  ['int', ['date', 'time-millis']],
  ['long', ['time-micros', 'time-nanos', ...timestamps('timestamp'), ...timestamps('local-timestamp')]],
  ['bytes', ['decimal', 'big-decimal']],
  ['string', ['uuid']],
  ['fixed', ['decimal', 'uuid', 'duration']],
])

function timestamps(of: string): readonly string[] {
  return [`${of}-millis`, `${of}-micros`, `${of}-nanos`]
}

function meantBy(given: Readonly<Record<string, unknown>>, type: AvroType, at: string): Meant {
  const { logicalType } = given
  const isKnown = typeof logicalType === 'string' && logicalTypes.get(type.kind)?.includes(logicalType) === true
  return { logical: logicalOf(given, type, at), logicalType: isKnown ? logicalType : undefined }
}

/** What Avro does not know, or has said wrongly, is the plain type: so the specification has it. */
function logicalOf(
  given: Readonly<Record<string, unknown>>,
  { kind, ...type }: AvroType,
  at: string,
): Logical | undefined {
  const { logicalType, precision, scale = 0 } = given
  if (logicalType === 'date' && kind === 'int') return { kind: 'date' }
  if (logicalType === 'timestamp-millis' && kind === 'long') return { kind: 'timestamp', perMilli: 1 }
  if (logicalType === 'timestamp-micros' && kind === 'long') return { kind: 'timestamp', perMilli: 1000 }
  if (logicalType === 'decimal' && (kind === 'bytes' || kind === 'fixed')) {
    const digits = 'size' in type ? Math.floor(Math.log10(2) * (8 * type.size - 1)) : 1000
    const isNumber = (value: unknown, from: number, to: number): boolean =>
      Number.isInteger(value) && (value as number) >= from && (value as number) <= to
    if (isNumber(precision, 1, digits) && isNumber(scale, 0, precision as number))
      return { kind: 'decimal', precision: precision as number, scale: scale as number }
    fail(
      at,
      `is a decimal of precision ${preview(precision)} and scale ${preview(scale)}; there is none with up to ${digits} digits`,
    )
  }
  return undefined
}

function texts(given: unknown, at: string): readonly string[] {
  if (Array.isArray(given) && given.every((text) => typeof text === 'string')) return given
  return fail(at, `must be a list of names, but is ${preview(given)}`)
}
