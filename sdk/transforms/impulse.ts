/**
 * Impulse: the one empty element that starts things.
 */
import type { CollectionRef, GraphBuilder, StepName } from '../graph/builder.js'
import * as urns from '../graph/urns.js'
import { globalStrategy } from '../windowing/windowing-strategy.js'

/** One empty element at the beginning of time, in the global window. */
export function addImpulse(builder: GraphBuilder, name: StepName): CollectionRef {
  return builder.leaf({
    name,
    spec: { urn: urns.IMPULSE },
    inputs: new Map(),
    outputs: [
      { tag: 'out', coderId: builder.coders.standard(urns.BYTES_CODER), strategy: globalStrategy, isBounded: true },
    ],
  })[0] as CollectionRef
}
