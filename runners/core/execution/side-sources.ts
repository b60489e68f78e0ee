/**
 * Makes the side inputs of a stage ready to be fed: an inbox for what arrives of a viewed collection, and the store that it is
 * read from.
 */
import type { Coder } from '../../../sdk/coders/index.js'
import { coderOf } from '../../../sdk/graph/coders.js'
import type { BuiltPipeline } from '../../../sdk/graph/model.js'
import * as urns from '../../../sdk/graph/urns.js'
import { TIMESTAMP_MIN } from '../../../sdk/time.js'
import type { DoFnServices } from '../do-fn-services.js'
import { SideInputStore } from '../side-inputs.js'
import type { SideInput } from '../stage.js'
import { Inbox } from './inbox.js'
import type { SideSource } from './side-gate.js'

/** The side input, with nothing in it. `step` is the path of the step that makes what is viewed. */
export function sideSource(built: BuiltPipeline, side: SideInput, step: string): SideSource {
  return {
    step,
    store: new SideInputStore(side, keyCoderOf(built, side), TIMESTAMP_MIN),
    inbox: new Inbox(undefined),
    producer: undefined,
  }
}

/** The coder of keys, where elements are keyed; else that of elements, which nobody asks for. */
function keyCoderOf(built: BuiltPipeline, { collectionId, viewFn }: SideInput): Coder<unknown> {
  const { coders, collections } = built.graph.components
  const part = (id: string, urn: string, component: number): string => {
    const node = coders.get(id)
    return (node?.urn === urn ? node.componentCoderIds[component] : undefined) ?? id
  }
  const own = collections.get(collectionId)?.coderId ?? ''
  const element = viewFn.gathers === true ? part(part(own, urns.KV_CODER, 1), urns.ITERABLE_CODER, 0) : own
  return coderOf(built, part(element, urns.KV_CODER, 0))
}

/** Reads side inputs for a step. */
export function sideReader(sides: readonly SideSource[]): DoFnServices['sides'] {
  if (sides.length === 0) return undefined
  return { read: (side, mainWindow) => (sides[side] as SideSource).store.read(mainWindow) }
}
