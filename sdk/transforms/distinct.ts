/**
 * Distinct: one element of each value, per window. Equality is that of keys: canonical bytes.
 *
 * Law: a window gives a value once, however often it fires.
 */
import * as t from 'io-ts'
import { type CollectionRef, reservedName, type StepName } from '../graph/builder.js'
import { authorPath, COMBINE_OF_EACH } from '../graph/names.js'
import { addCombinePerKey } from './combine.js'
import { addCodedMap, addKeys } from './element-wise.js'
import { addFirstPanes } from './first-panes.js'
import { checkGroupable } from './groupable.js'
import type { CombineFn } from './combine.js'

const remembersNothing: CombineFn<null, null, null> = {
  createAccumulator: () => null,
  addInput: () => null,
  mergeAccumulators: () => null,
  extractOutput: () => null,
  accumulator: t.null,
  output: t.null,
}

export function addDistinct(input: CollectionRef, name: StepName): CollectionRef {
  const { builder } = input
  checkGroupable(input, authorPath(builder.pathOf(name)))
  return builder.scoped(
    name,
    [input],
    () => {
      const nothing = builder.coders.codec(builder.pathOf(reservedName('key')), 0, t.null)
      const keyed = addCodedMap(
        input,
        reservedName('key'),
        (value: unknown) => ({ key: value, value: null }),
        builder.coders.kv(builder.collection(input.id).coderId, nothing),
      )
      const grouped = addCombinePerKey(keyed, reservedName(COMBINE_OF_EACH), remembersNothing)
      return addKeys(addFirstPanes(grouped), reservedName('keys'))
    },
    (out) => [out],
  )
}
