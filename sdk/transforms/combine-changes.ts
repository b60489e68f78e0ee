/**
 * Combiners of changes: a retraction takes out exactly what its insertion put in.
 *
 * Law: the result depends only on the values inserted and not retracted, whatever the order in which changes come, and
 * however they are bracketed: an insertion and its retraction leave nothing.
 */
import * as t from 'io-ts'
import type { Group } from 'fp-ts/lib/Group.js'
import type { Codec } from '../codec.js'
import { identityKey, normalizeKey } from '../coders/canonical-key.js'
import { refuse } from '../refuse.js'
import type { Change } from './change.js'
import type { CombineFn, MonoidCombine } from './combine.js'

/** Says of a combiner that it takes back what changes retract; groupings of changes take no other. */
export interface TakesChanges {
  readonly takesChanges: true
}

/** What {@link combineChanges} takes. */
export interface CombineChangesOptions<T, A> {
  /** The part of each value that is combined. */
  readonly of: (value: T) => A
  /**
   * How two parts make one, the part that changes nothing, and the part that takes another back. It must be commutative, as
   * every combine is: changes come in any order.
   */
  readonly group: Group<A>
  /** Describes the parts. Default: the dynamic coder. */
  readonly codec?: Codec
}

/**
 * Combines changes exactly: what is retracted is taken back by the inverse of the group. For `combinePerKey` and
 * `combineGlobally`, and for retracting ones again. What has no inverse, such as a maximum, is a function of
 * {@link groupChanges}.
 *
 * @throws {PipelineError} when `of` is no function or `group` has no inverse.
 * @example
 * ```ts
 * import { combineChanges, insert, pipeline, retract, run } from 'millrace'
 * const addition = { empty: 0, concat: (a: number, b: number) => a + b, inverse: (a: number) => -a }
 * const p = pipeline()
 * p.create('changes', [insert(3), retract(3), insert(4)])
 *   .combineGlobally('total', combineChanges({ of: (n: number) => n, group: addition }))
 *   .collect('out')
 * const result = await run(p)
 * result.collect('out') // => [4]
 * ```
 */
export function combineChanges<T, A>(options: CombineChangesOptions<T, A>): MonoidCombine<Change<T>, A> & TakesChanges {
  const { of, group, codec } = options ?? {}
  if (typeof of !== 'function')
    refuse('MR-1003', 'combineChanges needs of, a function from value to the part that is combined.')
  if (typeof group?.concat !== 'function' || typeof group.inverse !== 'function')
    refuse(
      'MR-1003',
      'combineChanges needs a group, { empty, concat, inverse }: inverse takes back what a change retracts.',
    )
  return {
    takesChanges: true,
    of: ({ kind, value }) => (kind === 'insert' ? of(value) : group.inverse(of(value))),
    monoid: group,
    ...(codec === undefined ? {} : { codec }),
  }
}

/** A value, and how often it has been inserted more than retracted; less than 0 while an insertion is still to come. */
export interface Tally<T> {
  readonly value: T
  readonly count: number
}

/** By what makes values equal as keys; those with count 0 are left out. */
type Tallies<T> = Map<unknown, Tally<T>>

const tallies = new t.Type<Tallies<unknown>, readonly Tally<unknown>[], unknown>(
  'tallies of changes',
  (u): u is Tallies<unknown> => u instanceof Map,
  (u, context) =>
    Array.isArray(u)
      ? t.success(new Map((u as readonly Tally<unknown>[]).map((tally) => [identityKey(tally.value), tally])))
      : t.failure(u, context),
  (map) => [...map.values()],
)

function addTally<T>(map: Tallies<T>, identity: unknown, value: T, by: number): void {
  const known = map.get(identity)
  const count = (known?.count ?? 0) + by
  if (count === 0) map.delete(identity)
  else map.set(identity, { value: known?.value ?? value, count })
}

/**
 * The values that hold: those inserted and not retracted, each as often as it was inserted more than retracted, in no
 * particular order. Equality is that of keys: two objects with equal fields are one value.
 *
 * @example
 * ```ts
 * import { groupChanges, insert, pipeline, retract, run } from 'millrace'
 * const p = pipeline()
 * p.create('changes', [insert('a'), insert('b'), retract('a')])
 *   .combineGlobally('now', groupChanges<string>())
 *   .collect('out')
 * const result = await run(p)
 * result.collect('out') // => [['b']]
 * ```
 */
export function groupChanges<T>(): CombineFn<Change<T>, Map<unknown, Tally<T>>, readonly T[]> & TakesChanges {
  return {
    takesChanges: true,
    createAccumulator: () => new Map(),
    addInput(map, { kind, value }) {
      addTally(map, identityKey(value), normalizeKey(value) as T, kind === 'insert' ? 1 : -1)
      return map
    },
    mergeAccumulators(a, b) {
      for (const [identity, { value, count }] of b) addTally(a, identity, value, count)
      return a
    },
    extractOutput: (map) =>
      [...map.values()].flatMap(({ value, count }) => Array.from({ length: Math.max(count, 0) }, () => value)),
    accumulator: tallies,
  }
}
