/**
 * Grouping and joining rows by fields. Functions for `apply`.
 *
 * Law: rows belong together exactly when the named fields are equal as keys; a `null` equals a `null`.
 */
import { DecodeError } from '../errors.js'
import { reservedName } from '../graph/builder.js'
import { authorPath } from '../graph/names.js'
import { refuseUnknownOptions } from '../known-options.js'
import type { KV } from '../kv.js'
import type { PCollection } from '../pcollection.js'
import { preview } from '../preview.js'
import { refuse } from '../refuse.js'
import type { AnyCombiner, CombinerInput, CombinerOutput } from '../transforms/any-combiner.js'
import { addCoGroup } from '../transforms/co-group-by-key.js'
import { combineFields } from '../transforms/combine-fields.js'
import { addCombinePerKey } from '../transforms/combine.js'
import { addCodedMap, addFlatMap, addMap } from '../transforms/element-wise.js'
import { checkGroupableWithin } from '../transforms/groupable.js'
import type { Allows, AnyRow } from './fields.js'
import { anew, coderOfSchema, fieldOf, schemaOfCollection, withoutAbsence } from './fields.js'
import { fieldTypeText, type Schema } from './schema.js'

type Values = Readonly<Record<string, unknown>>

/** An aggregate: a combiner over one field, or over the whole rows. */
export interface Aggregate {
  readonly field?: string
  readonly combiner: AnyCombiner
}

/** Aggregates by the name of their result. */
export type Aggregates = Readonly<Record<string, Aggregate>>

/** Lets a call compile only when every aggregate takes what its field has. */
export type AggregatesFit<T, A extends Aggregates> = {
  [N in keyof A]: [A[N]['field'] extends keyof T ? T[A[N]['field']] : T] extends [InputOf<A[N]['combiner']>] ? never : N
}[keyof A] extends infer Wrong
  ? [Wrong] extends [never]
    ? unknown
    : { readonly doNotTakeTheirField: Wrong }
  : never

/** What a combiner takes; anything, for one like `count()` that does not look. */
type InputOf<C> = [CombinerInput<C>] extends [never] ? unknown : CombinerInput<C>

/** Names of the fields that aggregates are over. */
export type AggregatedFields<A extends Aggregates> = Extract<A[keyof A]['field'], string>

/** A row of the fields grouped by and the aggregates. */
export type GroupedRow<T, P extends keyof T, A extends Aggregates> = Pick<T, P> & {
  readonly [N in keyof A]: CombinerOutput<A[N]['combiner']>
}

/** Reads a field of a row. */
type ReadField = (row: Values, name: string) => unknown

/** A schema has said at construction which fields there are; one that may be missing is empty where it is. */
const described: ReadField = (row, name) => row[name]

/** Without a schema each row is asked: a name misspelt would make one group of all rows, or none. */
function asked(step: string): ReadField {
  return (row, name) => {
    if (Object.hasOwn(row, name) || (name in row && !(name in Object.prototype))) return row[name]
    throw new DecodeError(
      'MR-4010',
      `step "${step}" reads field "${name}", which this row does not have: ${preview(row)}. Name a field of all rows, and give null where one is empty.`,
    )
  }
}

function fieldsOf(input: PCollection<unknown>): ReadField {
  const path = authorPath(input.builder.pathOf(reservedName('rows')))
  return schemaOfCollection(input) === undefined ? asked(path) : described
}

/** Keys every row by some of its fields. */
function keyedBy<T>(input: PCollection<T>, names: readonly string[], step: string): PCollection<KV<Values, T>> {
  const { builder } = input
  const schema = schemaOfCollection(input)
  const key = schema && withoutAbsence({ fields: names.map((name) => anew(name, fieldOf(schema, name).type)) })
  const keyCoder = coderOfSchema(input, step, key)
  const read = fieldsOf(input)
  const take = (row: Values): Values => Object.fromEntries(names.map((name) => [name, read(row, name)]))
  return input.derive(
    addCodedMap(
      input,
      reservedName(step),
      (row: Values) => ({ key: take(row), value: row }),
      builder.coders.kv(keyCoder, builder.collection(input.id).coderId),
    ),
  )
}

/**
 * One row for each combination of values of some fields, with aggregates of the rows that have it, per window.
 *
 * @throws {PipelineError} when an aggregate has the name of a field grouped by.
 * @example
 * ```ts
 * import { count, groupByFields, pipeline, sum } from 'millrace'
 * pipeline()
 *   .create('orders', [{ user: 'ann', cents: 5 }, { user: 'ann', cents: 7 }])
 *   .apply('per user', groupByFields(['user'], { total: { field: 'cents', combiner: sum() }, orders: { combiner: count() } }))
 * // { user: 'ann', total: 12, orders: 2 }
 * ```
 */
export function groupByFields<const P extends string, const A extends Aggregates>(
  names: readonly P[],
  aggregates: A,
): <T extends AnyRow>(
  input: PCollection<T> & Allows<P | AggregatedFields<A>, keyof T & string> & AggregatesFit<T, A>,
) => PCollection<GroupedRow<T, P & keyof T, A>> {
  const taken = names.find((name) => Object.hasOwn(aggregates, name))
  if (taken !== undefined)
    refuse('MR-4012', `aggregate "${taken}" has the name of a field grouped by. Give it another one.`)
  for (const [name, aggregate] of Object.entries<Aggregate>(aggregates))
    refuseUnknownOptions(`aggregate "${name}" of groupByFields`, aggregate, { field: true, combiner: true })
  const combinerOf = (read: ReadField): AnyCombiner =>
    combineFields(
      Object.fromEntries(Object.entries(aggregates).map(([name, aggregate]) => [name, overField(aggregate, read)])),
    )
  // What is no combiner is refused here, where it was written.
  combinerOf(described)
  return (input) => {
    const schema = schemaOfCollection(input)
    for (const { field } of Object.values(aggregates)) if (schema && field !== undefined) fieldOf(schema, field)
    const combiner = combinerOf(fieldsOf(input))
    checkGroupableWithin(input, combiner)
    const keyed = keyedBy(input as PCollection<unknown>, names, 'key')
    const combined = addCombinePerKey(keyed, reservedName('aggregate'), combiner)
    return input.derive(
      addMap(combined, reservedName('row'), ({ key, value }: KV<Values, Values>) => ({ ...key, ...value })),
    )
  }
}

/** A combiner of rows that looks at one field. */
function overField({ field, combiner }: Aggregate, read: ReadField): AnyCombiner {
  if (field === undefined) return combiner
  const value = (row: Values): never => read(row, field) as never
  if ('of' in combiner) return { ...combiner, of: (row: never) => combiner.of(value(row)) }
  return { ...combiner, addInput: (accumulator: never, row: never) => combiner.addInput(accumulator, value(row)) }
}

// ---- joins ---------------------------------------------------------------------------------------------------------

/** Which rows without a partner come out, too. */
export type JoinKind = 'inner' | 'left' | 'right' | 'full'

/** Options of {@link joinByFields}. */
export interface JoinOptions<P extends string, K extends JoinKind> {
  /** The fields that must be equal; both sides have them. */
  readonly on: readonly P[]
  /** Default `'inner'`. */
  readonly kind?: K
}

/** Fields that both sides have with one type. */
export type CommonFields<L, R> = {
  [K in keyof L & keyof R & string]: [L[K], R[K]] extends [R[K], L[K]] ? K : never
}[keyof L & keyof R & string]

type OrNull<T, IsNull> = IsNull extends true ? { readonly [K in keyof T]: T[K] | null } : T

/** A row of both sides: a field of the right that the left has too is called `right_…`. */
export type JoinedRow<L, R, P extends string, K extends JoinKind> = Pick<L, P & keyof L> &
  OrNull<Omit<L, P>, K extends 'right' | 'full' ? true : false> &
  OrNull<
    { readonly [N in Exclude<keyof R & string, P> as N extends keyof L ? `right_${N}` : N]: R[N] },
    K extends 'left' | 'full' ? true : false
  >

/**
 * Joins rows with those of another collection that have equal values in some fields, per window. Every pair gives a row; a
 * side without a partner gives one if `kind` says so, with `null` in the other's fields. A field of the right-hand side
 * that the left has too is called `right_…`.
 *
 * @throws {PipelineError} when windows differ, a field's types differ, or the fields of a side that may be missing are not
 *   known because no codec describes it.
 * @example
 * ```ts
 * import { joinByFields, pipeline } from 'millrace'
 * const p = pipeline()
 * const users = p.create('users', [{ user: 'ann', age: 41 }])
 * p.create('orders', [{ user: 'ann', cents: 5 }]).apply('with age', joinByFields(users, { on: ['user'] }))
 * // { user: 'ann', cents: 5, age: 41 }
 * ```
 */
export function joinByFields<R extends AnyRow, const P extends string, const K extends JoinKind = 'inner'>(
  right: PCollection<R>,
  options: JoinOptions<P, K>,
): <L extends AnyRow>(input: PCollection<L> & Allows<P, CommonFields<L, R>>) => PCollection<JoinedRow<L, R, P, K>> {
  refuseUnknownOptions('joinByFields', options, { on: true, kind: true })
  const { on, kind = 'inner' } = options
  if (!['inner', 'left', 'right', 'full'].includes(kind))
    refuse('MR-1002', `kind of a join must be 'inner', 'left', 'right' or 'full', but is ${String(kind)}.`)
  if (on.length === 0) refuse('MR-1003', 'a join needs at least one field to be equal: on: [name].')
  return (left) => {
    const [leftSchema, rightSchema] = [schemaOfCollection(left), schemaOfCollection(right)]
    checkTypes(on, leftSchema, rightSchema)
    const needed = (schema: Schema | undefined, isNeeded: boolean, side: string): readonly string[] => {
      if (schema !== undefined || !isNeeded) return (schema?.fields ?? []).map(({ name }) => name)
      return refuse(
        'MR-4014',
        `a ${kind} join fills the fields of the ${side} side with null, but no codec says what they are. Give the step that makes it a codec.`,
      )
    }
    const leftNames = needed(leftSchema, kind === 'right' || kind === 'full', 'left')
    const rightNames = needed(rightSchema, kind === 'left' || kind === 'full', 'right')
    const sides = {
      left: keyedBy(left as PCollection<Values>, on, 'left key'),
      right: keyedBy(right as PCollection<unknown> as PCollection<Values>, on, 'right key'),
    }
    const grouped = addCoGroup(reservedName('sides'), sides)
    const isKey: ReadonlySet<string> = new Set(on)
    const others = (names: readonly string[]): Values =>
      Object.fromEntries(names.filter((name) => !isKey.has(name)).map((name) => [name, null]))
    const [noLeft, noRight] = [others(leftNames), others(rightNames)]
    const join = (l: Values, r: Values): Values => {
      const row: [string, unknown][] = Object.entries(l)
      for (const [name, value] of Object.entries(r))
        if (!isKey.has(name))
          row.push([Object.hasOwn(l, name) || leftNames.includes(name) ? `right_${name}` : name, value])
      return Object.fromEntries(row)
    }
    const pairs = function* ({
      key,
      value,
    }: KV<Values, { readonly left: Iterable<Values>; readonly right: Iterable<Values> }>): Generator<Values> {
      const [lefts, rights] = [[...value.left], [...value.right]]
      if (rights.length === 0 && (kind === 'left' || kind === 'full')) rights.push(noRight)
      if (lefts.length === 0 && (kind === 'right' || kind === 'full')) lefts.push({ ...key, ...noLeft })
      for (const l of lefts) for (const r of rights) yield join(l, r)
    }
    return left.derive(addFlatMap(grouped, reservedName('pairs'), pairs))
  }
}

/** Values of different types are never equal as keys, so a join over them would be empty. */
function checkTypes(on: readonly string[], left: Schema | undefined, right: Schema | undefined): void {
  if (left === undefined || right === undefined) return
  for (const name of on) {
    const [l, r] = [fieldTypeText(fieldOf(left, name).type), fieldTypeText(fieldOf(right, name).type)]
    if (l !== r)
      refuse(
        'MR-4013',
        `the join is on "${name}", which is ${l} on the left and ${r} on the right. Make them one type.`,
      )
  }
}
