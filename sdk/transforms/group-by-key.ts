/**
 * GroupByKey: all values of a key and window together. Where the model's windows, triggers and lateness act.
 */
import { type CollectionRef, type StepName } from '../graph/builder.js'
import { authorPath } from '../graph/names.js'
import * as urns from '../graph/urns.js'
import { afterGrouping } from '../windowing/windowing-strategy.js'
import { refuseChanges } from './groupable.js'
import { connectLateData, lateOutputs } from './late-data.js'

/**
 * Adds the grouping; callers have checked that it can answer and loses nothing.
 *
 * @param takesChanges whether what follows knows that a retraction takes a value back. Any other grouping of changes is refused.
 */
export function addGroupByKey(input: CollectionRef, name: StepName, takesChanges = false): CollectionRef {
  const { builder } = input
  const [keyCoder, valueCoder] = builder.keyedCoders(input)
  const path = builder.pathOf(name)
  if (!takesChanges) refuseChanges(input, authorPath(path))
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
