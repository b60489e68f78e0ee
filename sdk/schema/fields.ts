/**
 * Transforms over the fields of rows: select, drop, rename, add, unnest, explode, convert. Functions for `apply`. Rows are
 * plain objects; wrong field names do not compile, and for collections with a schema they are refused at construction.
 *
 * Law: where the input has a schema, so has the output, whose fields are those of the new type in the order named here.
 */
import { type Codec, typed } from '../codec.js'
import { reservedName } from '../graph/builder.js'
import type { PCollection } from '../pcollection.js'
import { refuse } from '../refuse.js'
import { addCodedMap, addFlatMap } from '../transforms/element-wise.js'
import { fieldTypeOfCodec, withSchema } from './codec-row.js'
import { type Field, type FieldType, fieldTypeText, type Schema } from './schema.js'

/** Rows of a kind; the constraint of every transform here. */
export type AnyRow = object

/** Paths to fields, also of nested rows: `'user'`, `'user.name'`. */
export type FieldPath<T> = {
  [K in keyof T & string]: NonNullable<T[K]> extends readonly unknown[] | Date | Uint8Array
    ? K
    : NonNullable<T[K]> extends object
      ? K | `${K}.${FieldPath<NonNullable<T[K]>>}`
      : K
}[keyof T & string]

/** Type of the field at a path; empty where a row on the way may be. */
export type FieldAt<T, P extends string> = P extends keyof T
  ? T[P]
  : P extends `${infer K}.${infer Rest}`
    ? K extends keyof T
      ? FieldAt<NonNullable<T[K]>, Rest> | Extract<T[K], null | undefined>
      : never
    : never

/** The last name of a path. */
export type LastName<P extends string> = P extends `${string}.${infer Rest}` ? LastName<Rest> : P

/** Row of the fields at some paths. */
export type Selected<T, P extends string> = { readonly [Q in P as LastName<Q>]: FieldAt<T, Q> }

type Values = Readonly<Record<string, unknown>>

/** The schema of a collection's elements, if they are rows. */
export function schemaOfCollection(input: PCollection<unknown>): Schema | undefined {
  const { builder } = input
  return builder.coders.byId.get(builder.collection(input.id).coderId)?.schema
}

/** Adds a step from rows to rows; `change` gives the output's schema from the input's. */
export function mapRows<In, Out>(
  input: PCollection<In>,
  name: string,
  fn: (row: Values) => unknown,
  change: (schema: Schema) => Schema | undefined,
): PCollection<Out> {
  const before = schemaOfCollection(input)
  const after = before && change(before)
  return input.derive(addCodedMap(input, reservedName(name), fn, coderOfSchema(input, name, after)))
}

/** Id of the coder of a step's rows; the default one where nothing is known of them. */
export function coderOfSchema(input: PCollection<unknown>, name: string, schema: Schema | undefined): string {
  const { builder } = input
  const codec: Codec | undefined = schema && withSchema(typed<Values>(), schema)
  return builder.coders.codec(builder.pathOf(reservedName(name)), 0, codec)
}

/** A field by name. @throws {PipelineError} when the schema has none, naming those it has. */
export function fieldOf(schema: Schema, name: string): Field {
  const field = schema.fields.find((candidate) => candidate.name === name)
  if (field !== undefined) return field
  return refuse(
    'MR-4010',
    `there is no field "${name}"; the rows have ${schema.fields.map((f) => `"${f.name}"`).join(', ')}.`,
  )
}

function fieldAtPath(schema: Schema, path: string): FieldType {
  // A field may have a point in its own name.
  const direct = schema.fields.find(({ name }) => name === path)
  const point = path.indexOf('.')
  if (direct !== undefined || point < 0) return (direct ?? fieldOf(schema, path)).type
  const { type } = fieldOf(schema, path.slice(0, point))
  if (type.kind !== 'row')
    return refuse('MR-4011', `field "${path.slice(0, point)}" is ${fieldTypeText(type)}, without fields.`)
  const inner = fieldAtPath(type.schema, path.slice(point + 1))
  return { ...inner, nullable: inner.nullable || type.nullable }
}

function valueAt(row: Values, path: string): unknown {
  if (Object.hasOwn(row, path)) return row[path]
  const point = path.indexOf('.')
  if (point < 0) return undefined
  const inner = row[path.slice(0, point)]
  return typeof inner === 'object' && inner !== null ? valueAt(inner as Values, path.slice(point + 1)) : inner
}

/** Fields without the encoding positions of the row they come from. */
export function anew(name: string, type: FieldType): Field {
  return { name, type }
}

/**
 * Rows of the fields at the paths, each under its last name. Two paths with one last name are refused.
 *
 * @example
 * ```ts
 * import { pipeline, select } from 'millrace'
 * pipeline()
 *   .create('orders', [{ user: { name: 'ann', age: 41 }, cents: 5 }])
 *   .apply('who', select('user.name', 'cents')) // { name: 'ann', cents: 5 }
 * ```
 */
export function select<const P extends string>(
  ...paths: readonly P[]
): <T extends AnyRow>(input: PCollection<T> & Allows<P, FieldPath<T>>) => PCollection<Selected<T, P>> {
  const named = paths.map((path): readonly [name: string, path: string] => [
    path.slice(path.lastIndexOf('.') + 1),
    path,
  ])
  const twice = named.find(([name], i) => named.findIndex(([other]) => other === name) < i)
  if (twice !== undefined)
    refuse(
      'MR-4012',
      `two of the selected fields are called "${twice[0]}". Rename one before: rename({ … }) or unnest(…).`,
    )
  return (input) =>
    mapRows(
      input,
      'select',
      (row) => Object.fromEntries(named.map(([name, path]) => [name, valueAt(row, path)])),
      (schema) => withoutAbsence({ fields: named.map(([name, path]) => anew(name, fieldAtPath(schema, path))) }),
    )
}

/** Lets a call compile only when `P` is among the allowed names; else the compiler shows both. */
export type Allows<P extends string, Allowed extends string> = [P] extends [Allowed]
  ? unknown
  : { readonly noSuchField: Exclude<P, Allowed>; readonly fieldsAre: Allowed }

/** Rows made here hold nothing as null; a schema with empty fields says so only if nothing else could be meant. */
export function withoutAbsence(schema: Schema): Schema | undefined {
  return schema.fields.every(({ type }) => holdsNoEmpty(type)) ? schema : undefined
}

function holdsNoEmpty(type: FieldType): boolean {
  if (type.nullable) return false
  switch (type.kind) {
    case 'array':
    case 'iterable':
      return holdsNoEmpty(type.element)
    case 'map':
      // A record and a Map have one schema.
      return false
    case 'row':
      return type.schema.fields.every((field) => holdsNoEmpty(field.type))
    case 'logical':
      // A Date and its milliseconds, a bigint and the text of a decimal have one schema.
      return false
    case 'atomic':
      return true
  }
}

/**
 * Rows without some fields.
 *
 * @example
 * ```ts
 * import { drop, pipeline } from 'millrace'
 * pipeline().create('users', [{ name: 'ann', age: 41 }]).apply('names', drop('age')) // { name: 'ann' }
 * ```
 */
export function drop<const P extends string>(
  ...names: readonly P[]
): <T extends AnyRow>(input: PCollection<T> & Allows<P, keyof T & string>) => PCollection<Omit<T, P>> {
  const gone: ReadonlySet<string> = new Set(names)
  return (input) => {
    const schema = schemaOfCollection(input)
    if (schema !== undefined) names.forEach((name) => fieldOf(schema, name))
    return mapRows(
      input,
      'drop',
      (row) => Object.fromEntries(Object.entries(row).filter(([name]) => !gone.has(name))),
      ({ fields }) =>
        withoutAbsence({
          fields: fields.filter(({ name }) => !gone.has(name)).map(({ name, type }) => anew(name, type)),
        }),
    )
  }
}

/** A row under other names. */
export type Renamed<T, R> = {
  [K in keyof T as K extends keyof R ? (R[K] extends string ? R[K] : never) : K]: T[K]
}

/**
 * Rows with fields under new names, `{ from: to }`, in their old places.
 *
 * @throws {PipelineError} when two fields would have one name.
 * @example
 * ```ts
 * import { pipeline, rename } from 'millrace'
 * pipeline().create('users', [{ name: 'ann' }]).apply('in French', rename({ name: 'nom' })) // { nom: 'ann' }
 * ```
 */
export function rename<const R extends Readonly<Record<string, string>>>(
  names: R,
): <T extends AnyRow>(
  input: PCollection<T> & Allows<keyof R & string, keyof T & string>,
) => PCollection<Renamed<T, R>> {
  const renamed = new Map(Object.entries(names))
  const targets = [...renamed.values()]
  const twice = targets.find((name, i) => targets.indexOf(name) < i)
  if (twice !== undefined) refuse('MR-4012', `two fields would be called "${twice}". Give each a name of its own.`)
  const nameOf = (name: string): string => renamed.get(name) ?? name
  return (input) => {
    const schema = schemaOfCollection(input)
    if (schema !== undefined) {
      for (const name of renamed.keys()) fieldOf(schema, name)
      const taken = schema.fields.find(({ name }) => !renamed.has(name) && targets.includes(name))
      if (taken !== undefined)
        refuse('MR-4012', `two fields would be called "${taken.name}". Give each a name of its own.`)
    }
    return mapRows(
      input,
      'rename',
      (row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [nameOf(name), value])),
      ({ fields }) => withoutAbsence({ fields: fields.map(({ name, type }) => anew(nameOf(name), type)) }),
    )
  }
}

/**
 * Rows with one more field, or another value in one they have.
 *
 * @param value from the row; or give a function that ignores it, for a default.
 * @example
 * ```ts
 * import { pipeline, withField } from 'millrace'
 * pipeline()
 *   .create('orders', [{ price: 3, count: 2 }])
 *   .apply('total', withField('total', ({ price, count }: { price: number; count: number }) => price * count))
 * ```
 */
export function withField<const N extends string, T extends AnyRow, V>(
  name: N,
  value: (row: T) => V,
  options: { readonly codec?: Codec } = {},
): (input: PCollection<T>) => PCollection<Omit<T, N> & { readonly [K in N]: V }> {
  return (input) => {
    // The field's own description, as the only field of a row.
    const own = options.codec && fieldTypeOfCodec(options.codec)
    return mapRows(
      input,
      'field',
      (row) => ({ ...row, [name]: value(row as T) }),
      ({ fields }) =>
        own &&
        withoutAbsence({
          fields: [...fields.filter((f) => f.name !== name).map((f) => anew(f.name, f.type)), anew(name, own)],
        }),
    )
  }
}

/** Rows whose nested rows stand beside the other fields, under `outer_inner`. */
export type Unnested<T, N extends keyof T & string> = Omit<T, N> & {
  readonly [K in keyof NonNullable<T[N]> & string as `${N}_${K}`]:
    NonNullable<T[N]>[K] | Extract<T[N], null | undefined>
}

/**
 * Puts the fields of a nested row beside the others: `{ user: { name } }` becomes `{ user_name }`. Where there is no nested
 * row, there is none of its fields.
 *
 * @example
 * ```ts
 * import { pipeline, unnest } from 'millrace'
 * pipeline().create('orders', [{ id: 1, user: { name: 'ann' } }]).apply('flat', unnest('user')) // { id: 1, user_name: 'ann' }
 * ```
 */
export function unnest<const N extends string>(
  name: N,
): <T extends AnyRow>(
  input: PCollection<T> & Allows<N, keyof T & string>,
) => PCollection<Unnested<T, N & keyof T & string>> {
  return (input) =>
    mapRows(
      input,
      'unnest',
      ({ [name]: inner, ...row }) => {
        const nested = Object.entries((inner ?? {}) as Values).map(([key, value]) => [`${name}_${key}`, value] as const)
        return { ...row, ...Object.fromEntries(nested) }
      },
      (schema) => {
        const { type } = fieldOf(schema, name)
        if (type.kind !== 'row')
          return refuse('MR-4011', `field "${name}" is ${fieldTypeText(type)}, without fields to unnest.`)
        const others = schema.fields.filter((field) => field.name !== name).map((field) => anew(field.name, field.type))
        return withoutAbsence({
          fields: [...others, ...type.schema.fields.map((field) => anew(`${name}_${field.name}`, field.type))],
        })
      },
    )
}

/** Rows with one element of an array in place of the array. */
export type Exploded<T, N extends keyof T> = Omit<T, N> & {
  readonly [K in N]: NonNullable<T[K]> extends Iterable<infer E> ? E : never
}

/**
 * One row for each element of an array in a field; none where the array is empty or missing.
 *
 * @example
 * ```ts
 * import { explode, pipeline } from 'millrace'
 * pipeline().create('posts', [{ id: 1, tags: ['a', 'b'] }]).apply('tags', explode('tags')) // { id: 1, tags: 'a' }, …
 * ```
 */
export function explode<const N extends string>(
  name: N,
): <T extends AnyRow>(
  input: PCollection<T> & Allows<N, keyof T & string>,
) => PCollection<Exploded<T, N & keyof T & string>> {
  return (input) => {
    const schema = schemaOfCollection(input)
    if (schema !== undefined) {
      const { type } = fieldOf(schema, name)
      if (type.kind !== 'array' && type.kind !== 'iterable')
        refuse('MR-4011', `field "${name}" is ${fieldTypeText(type)}, which has no elements to explode.`)
    }
    return input.derive(
      addFlatMap(input, reservedName('explode'), (row: Values) =>
        [...((row[name] ?? []) as Iterable<unknown>)].map((value) => ({ ...row, [name]: value })),
      ),
    )
  }
}
