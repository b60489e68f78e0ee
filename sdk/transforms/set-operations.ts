/**
 * Collections as sets and bags, per window. Equality is that of keys: canonical bytes. Functions for `apply`.
 */
import { type OptionNames, refuseUnknownOptions } from '../known-options.js'
import { reservedName } from '../graph/builder.js'
import type { KV } from '../kv.js'
import type { PCollection } from '../pcollection.js'
import { refuse } from '../refuse.js'
import { addCoGroup } from './co-group-by-key.js'
import { addDistinct } from './distinct.js'
import { addCodedFlatMap, addOwnKey } from './element-wise.js'
import { flatten } from './flatten.js'

/** How often a value may come out. */
export interface MultiplicityOptions {
  /** `'distinct'`: once. `'all'`: as often as the operation on bags says. Default: `'distinct'`. */
  readonly keep?: 'distinct' | 'all'
}

function keptOf(options: MultiplicityOptions): 'distinct' | 'all' {
  refuseUnknownOptions('a set operation', options, { keep: true } satisfies OptionNames<MultiplicityOptions>)
  const { keep = 'distinct' } = options
  if (keep === 'distinct' || keep === 'all') return keep
  return refuse('MR-1002', `keep must be 'distinct' or 'all', but is ${String(keep)}.`)
}

type Binary = <T>(input: PCollection<T>) => PCollection<T>

/** Emits each value as often as `times` says of the number of its occurrences left and right. */
function bySides(right: PCollection<unknown>, times: (left: number, right: number) => number): Binary {
  return <T>(left: PCollection<T>): PCollection<T> => {
    const sides = {
      left: left.derive<KV<T, T>>(addOwnKey(left, reservedName('key left'))),
      right: right.derive<KV<T, T>>(addOwnKey(right, reservedName('key right'))),
    }
    const grouped = addCoGroup(reservedName('sides'), sides)
    const { coderId } = left.builder.collection(left.id)
    return left.derive(
      addCodedFlatMap(
        grouped,
        reservedName('result'),
        ({ key, value }: KV<T, { readonly left: readonly T[]; readonly right: readonly T[] }>) =>
          new Array<T>(times(value.left.length, value.right.length)).fill(key),
        coderId,
      ),
    )
  }
}

/**
 * The values of both collections; with `keep: 'all'` every element of both.
 *
 * @throws {PipelineError} when windows or triggers of the two differ.
 * @example
 * ```ts
 * import { pipeline, unionWith } from 'millrace'
 * const p = pipeline()
 * const more = p.create('more', [2, 3])
 * p.create('few', [1, 2]).apply('either', unionWith(more)) // 1, 2, 3
 * ```
 */
export function unionWith<T>(
  other: PCollection<T>,
  options: MultiplicityOptions = {},
): (input: PCollection<T>) => PCollection<T> {
  const keep = keptOf(options)
  return (input) => {
    const both = flatten('both', [input, other])
    return keep === 'all' ? both : input.derive(addDistinct(both, reservedName('once')))
  }
}

/**
 * The values that both collections have; with `keep: 'all'` as often as the one that has them less often.
 *
 * @throws {PipelineError} when windows or triggers of the two differ.
 * @example
 * ```ts
 * import { intersectWith, pipeline } from 'millrace'
 * const p = pipeline()
 * const more = p.create('more', [2, 3])
 * p.create('few', [1, 2]).apply('common', intersectWith(more)) // 2
 * ```
 */
export function intersectWith<T>(
  other: PCollection<T>,
  options: MultiplicityOptions = {},
): (input: PCollection<T>) => PCollection<T> {
  const all = keptOf(options) === 'all'
  return bySides(other, (left, right) => Math.min(left, right, all ? Infinity : 1))
}

/**
 * The values that the other collection does not have; with `keep: 'all'` as often more as there are.
 *
 * @throws {PipelineError} when windows or triggers of the two differ.
 * @example
 * ```ts
 * import { exceptFor, pipeline } from 'millrace'
 * const p = pipeline()
 * const more = p.create('more', [2, 3])
 * p.create('few', [1, 2]).apply('only here', exceptFor(more)) // 1
 * ```
 */
export function exceptFor<T>(
  other: PCollection<T>,
  options: MultiplicityOptions = {},
): (input: PCollection<T>) => PCollection<T> {
  const all = keptOf(options) === 'all'
  return bySides(other, (left, right) => (all ? Math.max(0, left - right) : left > 0 && right === 0 ? 1 : 0))
}
