/**
 * State declarations as the graph has them: Beam's StateSpec, with ids of coders instead of codecs.
 */
import { type GraphBuilder, userFunction } from '../graph/builder.js'
import type { StateSpecNode } from '../graph/model.js'
import { toCombine } from '../transforms/combine.js'
import type { StateSpec } from './state-spec.js'

/**
 * The nodes of a step's cells.
 *
 * @param firstCoder - number of the first coder of the step that is free.
 */
export function stateNodes(
  builder: GraphBuilder,
  step: string,
  specs: Readonly<Record<string, StateSpec>>,
  firstCoder: number,
): ReadonlyMap<string, StateSpecNode> {
  let next = firstCoder
  const coder = (codec: StateSpec['codec']): string => builder.coders.codec(step, next++, codec)
  const nodeOf = (spec: StateSpec, index: number): StateSpecNode => {
    switch (spec.kind) {
      case 'value':
        return { kind: 'readModifyWrite', coderId: coder(spec.codec) }
      case 'bag':
      case 'set':
      case 'orderedList':
        return { kind: spec.kind, elementCoderId: coder(spec.codec) }
      case 'map':
      case 'multimap':
        return { kind: spec.kind, keyCoderId: coder(spec.keyCodec), valueCoderId: coder(spec.codec) }
      case 'combining': {
        const combineFn = userFunction(step, 'combine', index)
        builder.register(combineFn.payload, toCombine(spec.combiner, step))
        return { kind: 'combining', accumulatorCoderId: coder(spec.codec), combineFn }
      }
    }
  }
  return new Map(Object.entries(specs).map(([id, spec], i): [string, StateSpecNode] => [id, nodeOf(spec, i)]))
}
