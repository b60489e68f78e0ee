/**
 * Distinct: one element of each value, per window. Equality is that of keys: canonical bytes.
 */
import { type CollectionRef, reservedName, type StepName } from '../graph/builder.js'
import { addCombinePerKey } from './combine.js'
import { addKeyedMap, addMap } from './element-wise.js'
import type { CombineFn } from './combine.js'

const remembersNothing: CombineFn<null, null, null> = {
  createAccumulator: () => null,
  addInput: () => null,
  mergeAccumulators: () => null,
  extractOutput: () => null,
}

export function addDistinct(input: CollectionRef, name: StepName): CollectionRef {
  const { builder } = input
  return builder.scoped(
    name,
    [input],
    () => {
      const keyed = addKeyedMap(input, reservedName('key'), (value: unknown) => ({ key: value, value: null }), [
        builder.collection(input.id).coderId,
        builder.dynamicCoder(),
      ])
      const grouped = addCombinePerKey(keyed, reservedName('combine'), remembersNothing)
      return addMap(grouped, reservedName('keys'), (pair: { readonly key: unknown }) => pair.key)
    },
    (out) => [out],
  )
}
