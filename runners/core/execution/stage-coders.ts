/**
 * The coders that stages need, found in the graph.
 */
import { type Coder, decodeFromBytes, encodeToBytes } from '../../../sdk/coders/index.js'
import { coderOf } from '../../../sdk/graph/coders.js'
import type { BuiltPipeline } from '../../../sdk/graph/model.js'
import * as urns from '../../../sdk/graph/urns.js'
import type { WindowingStrategy } from '../../../sdk/windowing/windowing-strategy.js'
import { ElementCoding } from '../element-coding.js'
import { mainInputs, type Stage } from '../stage.js'
import type { WaitingCoding } from './kept-elements.js'

/** The coders of a graph. */
export class StageCoders {
  readonly #built: BuiltPipeline

  constructor(built: BuiltPipeline) {
    this.#built = built
  }

  of(id: string): Coder<unknown> {
    return coderOf(this.#built, id)
  }

  /** The coder of keys, where elements are keyed; else that of elements. */
  ofKey(coderId: string): Coder<unknown> {
    return this.of(this.#part(coderId, 0))
  }

  /** The coder of values, where elements are keyed; else that of elements. */
  ofValue(coderId: string): Coder<unknown> {
    return this.of(this.#part(coderId, 1))
  }

  #part(coderId: string, component: number): string {
    const node = this.#built.graph.components.coders.get(coderId)
    return node?.urn === urns.KV_CODER ? (node.componentCoderIds[component] as string) : coderId
  }

  /** A copy that shares nothing. */
  copying(coderId: string): (value: unknown) => unknown {
    const coder = this.of(coderId)
    return (value) => decodeFromBytes(coder, encodeToBytes(coder, value))
  }

  strategyOf(collectionId: string): WindowingStrategy {
    const { collections, windowingStrategies } = this.#built.graph.components
    return windowingStrategies.get(collections.get(collectionId)?.windowingStrategyId ?? '') as WindowingStrategy
  }

  /** How elements that wait for a stage are stored. All its inputs have one form. */
  waitingFor(stage: Stage): WaitingCoding {
    const { root } = stage
    const input = mainInputs(stage)[0] ?? ''
    const coderId =
      root.kind === 'parDo'
        ? root.operator.inputCoderId
        : root.kind === 'edge'
          ? root.output.coderId
          : (this.#built.graph.components.collections.get(input)?.coderId ?? '')
    // The union of no collection has no input, and what comes out of it the windows of its output.
    const likeInput = input === '' && root.kind === 'edge' ? root.output.collectionId : input
    return { coding: new ElementCoding(this.of(coderId), this.strategyOf(likeInput).windowFn), step: root.info }
  }
}
