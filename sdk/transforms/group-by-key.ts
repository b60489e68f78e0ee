/**
 * GroupByKey: all values of a key and window together. Where the model's windows, triggers and lateness act.
 */
import { refuse } from '../refuse.js'
import { type CollectionRef, type StepName } from '../graph/builder.js'
import * as urns from '../graph/urns.js'
import { afterGrouping } from '../windowing/windowing-strategy.js'
import { connectLateData, lateOutputs } from './late-data.js'

/** Refuses a grouping that could never answer: unbounded input in the global window under the default trigger. */
export function checkGroupable(input: CollectionRef, path: string): void {
  const { builder } = input
  const strategy = builder.strategyOf(input)
  if (builder.collection(input.id).isBounded) return
  if (strategy.windowFn.payload.kind !== 'global' || strategy.trigger.kind !== 'default') return
  refuse(
    `step "${path}" groups an unbounded collection in the global window, which is complete only at the end of time, so it would never answer. Put windowInto(name, fixedWindows(…)) or another window before it.`,
    path,
  )
}

/** Adds the grouping; callers have checked that it can answer. */
export function addGroupByKey(input: CollectionRef, name: StepName): CollectionRef {
  const { builder } = input
  const [keyCoder, valueCoder] = builder.keyedCoders(input)
  const path = builder.pathOf(name)
  const refs = builder.leaf({
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
      ...lateOutputs(input),
    ],
  })
  connectLateData(input, refs, path)
  return refs[0] as CollectionRef
}
