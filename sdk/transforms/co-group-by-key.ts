/**
 * CoGroupByKey: several keyed collections side by side, per key and window. The basis of every join.
 */
import type { Tagged } from '../coders/index.js'
import { PipelineError } from '../errors.js'
import { type CollectionRef, reservedName, type StepName } from '../graph/builder.js'
import { authorPath } from '../graph/names.js'
import type { KV } from '../kv.js'
import type { PCollection } from '../pcollection.js'
import { addCodedMap, addMap } from './element-wise.js'
import { addFlatten, commonStrategy } from './flatten.js'
import { addGroupByKey } from './group-by-key.js'
import { checkGroupable } from './groupable.js'

/** Keyed collections by name. */
export type CoGroupInputs = Readonly<Record<string, PCollection<KV<unknown, unknown>>>>

type KeyOfCollection<C> = C extends PCollection<KV<infer K, unknown>> ? K : never
type ValueOfCollection<C> = C extends PCollection<KV<unknown, infer V>> ? V : never

/** Accepts the inputs only when all keys have the same type. */
export type SameKeys<I extends CoGroupInputs> = {
  readonly [N in keyof I]: [KeyOfCollection<I[keyof I]>] extends [KeyOfCollection<I[N]>] ? I[N] : UnequalKeys
}

/** What a compiler error about unequal keys shows. */
export interface UnequalKeys {
  readonly error: 'coGroupByKey needs the same key type in every input'
}

/** Per key: the values of every input. */
export type CoGroup<I extends CoGroupInputs> = KV<
  KeyOfCollection<I[keyof I]>,
  { readonly [N in keyof I]: Iterable<ValueOfCollection<I[N]>> }
>

/**
 * Groups several keyed collections by their common key. A key that is missing in an input has an empty iterable there.
 *
 * @throws {PipelineError} when the inputs' windows or triggers differ.
 * @example
 * ```ts
 * import { coGroupByKey, kv, pipeline } from 'millrace'
 * const p = pipeline()
 * const joined = coGroupByKey('join', {
 *   orders: p.create('orders', [kv('ann', 5)]),
 *   names: p.create('names', [kv('ann', 'Ann'), kv('bob', 'Bob')]),
 * })
 * ```
 */
export function coGroupByKey<I extends CoGroupInputs>(name: string, inputs: I & SameKeys<I>): PCollection<CoGroup<I>> {
  if (Object.keys(inputs).length === 0)
    throw new PipelineError('MR-1003', `coGroupByKey "${name}" needs at least one collection`, name)
  return addCoGroup(name, inputs)
}

/** Adds the grouping of at least one collection; within a step of the SDK, that is what refusals name. */
export function addCoGroup<I extends CoGroupInputs>(name: StepName, inputs: I): PCollection<CoGroup<I>> {
  const entries = Object.entries(inputs)
  const [, first] = entries[0] as (typeof entries)[number]
  const { builder } = first
  const refs = entries.map(([, collection]): CollectionRef => collection)
  const path = authorPath(builder.pathOf(name))
  commonStrategy(refs, path)
  for (const ref of refs) checkGroupable(ref, path)
  const names = entries.map(([inputName]) => inputName)
  const out = builder.scoped(
    name,
    refs,
    () => {
      const [keyCoder] = builder.keyedCoders(first)
      const { coders } = builder
      const pairCoder = coders.kv(keyCoder, coders.tagged(refs.map((ref) => builder.keyedCoders(ref)[1])))
      const tagged = refs.map((ref, input) =>
        addCodedMap(
          ref,
          reservedName(`tag ${input}`),
          ({ key, value }: KV<unknown, unknown>) => ({ key, value: { input, value } }),
          pairCoder,
        ),
      )
      const grouped = addGroupByKey(addFlatten(builder, reservedName('flatten'), tagged), reservedName('group'))
      return addMap(grouped, reservedName('split'), ({ key, value }: KV<unknown, Iterable<Tagged>>) => ({
        key,
        value: splitByInput(names, value),
      }))
    },
    (ref) => [ref],
  )
  return first.derive(out)
}

function splitByInput(names: readonly string[], tagged: Iterable<Tagged>): unknown {
  const lists: unknown[][] = names.map(() => [])
  for (const { input, value } of tagged) lists[input]?.push(value)
  return Object.fromEntries(names.map((name, i) => [name, lists[i]]))
}
