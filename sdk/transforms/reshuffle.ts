/**
 * Reshuffle hands elements on unchanged (value, timestamp, window, pane) but ends the stage: what follows may run
 * elsewhere, and a failure after it does not repeat what came before.
 */
import type { CollectionRef, StepName } from '../graph/builder.js'
import * as urns from '../graph/urns.js'

export function addReshuffle(input: CollectionRef, name: StepName): CollectionRef {
  const { builder } = input
  const { coderId, isBounded } = builder.collection(input.id)
  return builder.leaf({
    name,
    spec: { urn: urns.RESHUFFLE },
    inputs: new Map([['in', input.id]]),
    outputs: [{ tag: 'out', coderId, isBounded, strategy: builder.strategyOf(input) }],
  })[0] as CollectionRef
}
