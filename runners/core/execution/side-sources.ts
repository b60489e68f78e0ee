/**
 * Makes the side inputs of a stage ready to be fed: an inbox for what arrives of a viewed collection, and the store that it is
 * read from.
 */
import { coderOf } from '../../../sdk/graph/coders.js'
import type { BuiltPipeline } from '../../../sdk/graph/model.js'
import * as urns from '../../../sdk/graph/urns.js'
import { TIMESTAMP_MIN } from '../../../sdk/time.js'
import type { DoFnServices } from '../do-fn-services.js'
import { ElementCoding } from '../element-coding.js'
import { SideInputStore } from '../side-inputs.js'
import type { SideInput, StepInfo } from '../stage.js'
import { Inbox } from './inbox.js'
import type { WaitingCoding } from './kept-elements.js'
import type { SideSource } from './side-gate.js'

type Coders = BuiltPipeline['graph']['components']['coders']

/** The side input, with nothing in it. `info` is of the step that makes what is viewed. */
export function sideSource(built: BuiltPipeline, side: SideInput, info: StepInfo): SideSource {
  const valueId = sideCoderId(built, side)
  const { coders, collections } = built.graph.components
  const keyCoder = coderOf(built, part(coders, valueId, urns.KV_CODER, 0))
  const element = coderOf(built, collections.get(side.collectionId)?.coderId ?? '')
  const coding = (): WaitingCoding => ({ coding: new ElementCoding(element, side.strategy.windowFn), step: info })
  return {
    step: info.path,
    store: new SideInputStore(side, keyCoder, TIMESTAMP_MIN, coderOf(built, valueId)),
    inbox: new Inbox(undefined, coding),
    producer: undefined,
  }
}

/** The coder of what a view gathers. */
export function sideCoderId(built: BuiltPipeline, { collectionId, viewFn }: SideInput): string {
  const { coders, collections } = built.graph.components
  const own = collections.get(collectionId)?.coderId ?? ''
  return viewFn.gathers === true ? part(coders, part(coders, own, urns.KV_CODER, 1), urns.ITERABLE_CODER, 0) : own
}

/** A part of a coder, if it is of that kind; else the coder itself. Keys of what is not keyed are asked for by nobody. */
function part(coders: Coders, id: string, urn: string, component: number): string {
  const node = coders.get(id)
  return (node?.urn === urn ? node.componentCoderIds[component] : undefined) ?? id
}

/** Reads side inputs for a step. */
export function sideReader(sides: readonly SideSource[]): DoFnServices['sides'] {
  if (sides.length === 0) return undefined
  return { read: (side, mainWindow) => (sides[side] as SideSource).store.read(mainWindow) }
}
