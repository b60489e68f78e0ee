/**
 * GroupByKey: all values of a key and window together. Where the model's windows, triggers and lateness act.
 */
import { type CollectionRef, type StepName } from '../graph/builder.js'
import * as urns from '../graph/urns.js'
import { afterGrouping } from '../windowing/windowing-strategy.js'

/** Adds the grouping; callers have checked that it can answer and loses nothing. */
export function addGroupByKey(input: CollectionRef, name: StepName): CollectionRef {
  const { builder } = input
  const [keyCoder, valueCoder] = builder.keyedCoders(input)
  return builder.leaf({
    name,
    spec: { urn: urns.GROUP_BY_KEY },
    inputs: new Map([['in', input.id]]),
    outputs: [
      {
        tag: 'out',
        coderId: builder.coders.kv(keyCoder, builder.coders.iterable(valueCoder)),
        strategy: afterGrouping(builder.strategyOf(input)),
        isBounded: builder.collection(input.id).isBounded,
      },
    ],
  })[0] as CollectionRef
}
