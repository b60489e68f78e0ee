/**
 * Combines that need more than the values: a random sample, the latest by timestamp, one value of each kind, and values that
 * have been grouped already. Functions for `apply`.
 */
import * as t from 'io-ts'
import type { CollectionRef } from '../graph/builder.js'
import { reservedName } from '../graph/builder.js'
import { COMBINE_BY_KEY_INSIDE } from '../graph/names.js'
import { refuseMoreArguments } from '../known-options.js'
import { type KV, kv } from '../kv.js'
import type { PCollection } from '../pcollection.js'
import { refuse } from '../refuse.js'
import {
  type CombineFn,
  addCombineGlobally,
  addCombinePerKey,
  type Combiner,
  partCoders,
  toCombine,
} from './combine.js'
import { operationsOf } from './combine-operations.js'
import { addCodedMap, addConstantKey, addFlatMap, addKeyBy, addValues } from './element-wise.js'
import { addFirstPanes } from './first-panes.js'
import { checkGroupableWithin } from './groupable.js'
import { addOwnStep, type OwnContext } from './own-step.js'
import { top } from './collections.js'

/** A value with the number that decides whether it is kept. */
type Ranked = KV<number, unknown>

const lower = (a: Ranked, b: Ranked): number => a.key - b.key

/** The combine of ranked values: the first `n`, without their ranks. */
function keepFirst(n: number, rankedCoder: string, valueCoder: string): CombineFn<Ranked, readonly Ranked[], unknown> {
  const first = top<Ranked>(n, { by: lower, keep: 'smallest' })
  return {
    ...first,
    extractOutput: (kept) => first.extractOutput(kept).map(({ value }) => value),
    ...{
      [partCoders]: (coders: CollectionRef['builder']['coders']) => ({
        accumulator: coders.iterable(rankedCoder),
        output: coders.iterable(valueCoder),
      }),
    },
  }
}

function checkSize(what: string, n: unknown, more: readonly unknown[]): void {
  refuseMoreArguments(what, more)
  if (!Number.isSafeInteger(n) || (n as number) < 1)
    refuse('MR-1002', `a sample has a whole number of values from 1, but n is ${String(n)}.`)
}

function rankCoder(input: CollectionRef): string {
  return input.builder.coders.codec(input.builder.pathOf(reservedName('rank')), 0, t.number)
}

/**
 * `n` of all values of a window, each subset of that size with the same probability; all of them when there are fewer.
 * Every value draws a random number from the run's generator, and the least are kept.
 *
 * @throws {PipelineError} when `n` is no whole number from 1.
 * @example
 * ```ts
 * import { pipeline, sample } from 'millrace'
 * pipeline().create('numbers', [1, 2, 3, 4]).apply('two of them', sample(2)) // one element, such as [4, 1]
 * ```
 */
export function sample(n: number): <T>(input: PCollection<T>) => PCollection<readonly T[]>
export function sample(
  n: number,
  ...more: readonly unknown[]
): <T>(input: PCollection<T>) => PCollection<readonly T[]> {
  checkSize('sample', n, more)
  return (input) => {
    const { coders } = input.builder
    const valueCoder = input.builder.collection(input.id).coderId
    const rankedCoder = coders.kv(rankCoder(input), valueCoder)
    const ranked = addOwnStep(input, reservedName('rank'), {
      coderId: rankedCoder,
      process: (value: unknown, { random, emit }) => emit(kv(random(), value)),
    })
    return input.derive(addCombineGlobally(ranked, reservedName('sample'), keepFirst(n, rankedCoder, valueCoder)))
  }
}

/**
 * `n` of the values of each key and window, each subset of that size with the same probability. See {@link sample}.
 *
 * @throws {PipelineError} when `n` is no whole number from 1.
 * @example
 * ```ts
 * import { kv, pipeline, samplePerKey } from 'millrace'
 * pipeline().create('clicks', [kv('a', 1), kv('a', 2)]).apply('one each', samplePerKey(1)) // { key: 'a', value: [2] }
 * ```
 */
export function samplePerKey(n: number): <K, V>(input: PCollection<KV<K, V>>) => PCollection<KV<K, readonly V[]>>
export function samplePerKey(
  n: number,
  ...more: readonly unknown[]
): <K, V>(input: PCollection<KV<K, V>>) => PCollection<KV<K, readonly V[]>> {
  checkSize('samplePerKey', n, more)
  return (input) => {
    const { coders } = input.builder
    const [keyCoder, valueCoder] = input.builder.keyedCoders(input)
    const rankedCoder = coders.kv(rankCoder(input), valueCoder)
    const first = keepFirst(n, rankedCoder, valueCoder)
    checkGroupableWithin(input, first)
    const ranked = addOwnStep(input, reservedName('rank'), {
      coderId: coders.kv(keyCoder, rankedCoder),
      process: ({ key, value }: KV<unknown, unknown>, { random, emit }: OwnContext) =>
        emit(kv(key, kv(random(), value))),
    })
    return input.derive(addCombinePerKey(ranked, reservedName('sample'), first))
  }
}

/** The later of two stamped values; which of two at one time is open. */
const later = {
  of: (value: Ranked): Ranked => value,
  semigroup: { concat: (a: Ranked, b: Ranked): Ranked => (b.key > a.key ? b : a) },
  selects: true,
}

function addLatest(keyed: CollectionRef): CollectionRef {
  checkGroupableWithin(keyed, later)
  const { coders } = keyed.builder
  const [keyCoder, valueCoder] = keyed.builder.keyedCoders(keyed)
  const stamped = addOwnStep(keyed, reservedName('stamp'), {
    coderId: coders.kv(keyCoder, coders.kv(rankCoder(keyed), valueCoder)),
    process: ({ key, value }: KV<unknown, unknown>, { timestamp, emit }: OwnContext) =>
      emit(kv(key, kv(timestamp, value))),
  })
  const latest = addCombinePerKey(stamped, reservedName('latest'), later)
  const bare = ({ key, value }: KV<unknown, Ranked>): KV<unknown, unknown> => kv(key, value.value)
  return addCodedMap(latest, reservedName('value'), bare, coders.kv(keyCoder, valueCoder))
}

/**
 * The value of each key and window with the greatest timestamp; of several, any.
 *
 * @example
 * ```ts
 * import { kv, latestPerKey, pipeline } from 'millrace'
 * pipeline()
 *   .create('moods', [{ who: 'ann', at: 2, mood: 'good' }, { who: 'ann', at: 1, mood: 'bad' }])
 *   .withTimestamps('at', ({ at }) => at)
 *   .map('by person', ({ who, mood }) => kv(who, mood))
 *   .apply('now', latestPerKey) // { key: 'ann', value: 'good' }
 * ```
 */
export function latestPerKey<K, V>(input: PCollection<KV<K, V>>): PCollection<KV<K, V>> {
  return input.derive(addLatest(input))
}

/**
 * The value of each window with the greatest timestamp; of several, any. A window without values has none.
 *
 * @example
 * ```ts
 * import { latest, pipeline } from 'millrace'
 * pipeline().create('numbers', [7, 8]).withTimestamps('own', (n) => n).apply('last', latest) // one element: 8
 * ```
 */
export function latest<T>(input: PCollection<T>): PCollection<T> {
  return input.derive(addValues(addLatest(addConstantKey(input)), reservedName('alone')))
}

/**
 * One element for each value of `by`, per window, in its first pane; which of several is open.
 *
 * @example
 * ```ts
 * import { distinctBy, pipeline } from 'millrace'
 * pipeline().create('words', ['to', 'be', 'bee']).apply('one of each length', distinctBy((word: string) => word.length))
 * ```
 */
export function distinctBy<T, K>(by: (value: T) => K): (input: PCollection<T>) => PCollection<T> {
  const either = { of: (value: unknown) => value, semigroup: { concat: (a: unknown) => a }, selects: true }
  return (input) => {
    checkGroupableWithin(input, either)
    const keyed = addKeyBy(input, reservedName('key'), by)
    const combined = addCombinePerKey(keyed, reservedName(COMBINE_BY_KEY_INSIDE), either)
    return input.derive(addValues(addFirstPanes(combined), reservedName('value')))
  }
}

/**
 * Reduces values that are grouped already, such as those of `groupByKey`. A semigroup gives nothing for an empty group.
 *
 * @throws {PipelineError} when the argument is no combiner, or one with `setup` or `teardown`.
 * @example
 * ```ts
 * import { combineValues, kv, pipeline, sum } from 'millrace'
 * pipeline().create('baskets', [kv('ann', [3, 4])]).apply('total', combineValues(sum())) // { key: 'ann', value: 7 }
 * ```
 */
export function combineValues<V, Acc, Out>(
  combiner: Combiner<V, Acc, Out>,
): <K>(input: PCollection<KV<K, Iterable<V>>>) => PCollection<KV<K, Out>> {
  return (input) => {
    const combine = toCombine(combiner, input.builder.pathOf(reservedName('combine')))
    if ('setup' in combiner || 'teardown' in combiner)
      refuse(
        'MR-1014',
        'combineValues has no way to set a combiner up. Make what it needs before, or use combinePerKey.',
      )
    const { create, add, extract } = operationsOf(combine)
    return input.derive(
      addFlatMap(input, reservedName('combine'), ({ key, value }: KV<unknown, Iterable<V>>) => {
        let accumulator = create()
        let isEmpty = true
        for (const item of value) {
          accumulator = add(accumulator, item)
          isEmpty = false
        }
        return isEmpty && combine.kind === 'semigroup' ? [] : [kv(key, extract(accumulator))]
      }),
    )
  }
}

/**
 * Hands the elements to another transform as well, and goes on with them unchanged.
 *
 * @example
 * ```ts
 * import { pipeline, tee } from 'millrace'
 * pipeline().create('numbers', [1, 2]).apply('aside', tee((numbers) => numbers.print('seen'))).collect('out')
 * ```
 */
export function tee<T>(aside: (input: PCollection<T>) => unknown): (input: PCollection<T>) => PCollection<T> {
  return (input) => {
    aside(input)
    return input
  }
}
