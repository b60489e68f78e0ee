/**
 * A pipeline as engines can run it. Every kind of state lies in a bag of bytes, which all engines have; every view is read whole. The
 * worker makes of them what the author has declared.
 */
import type { BuiltPipeline, ParDoPayload, SideInputNode, StateSpecNode, TransformNode } from '../../sdk/graph/model.js'
import * as urns from '../../sdk/graph/urns.js'

/** The pipeline to submit. */
export function forEngine(built: BuiltPipeline): BuiltPipeline {
  const { components } = built.graph
  const transforms = new Map([...components.transforms].map(([id, node]) => [id, plainNode(node)] as const))
  const bytes = {
    urn: urns.BYTES_CODER,
    componentCoderIds: [],
    reference: undefined,
    codecName: undefined,
  }
  const coders = new Map([...components.coders, [BYTES, bytes] as const])
  return { ...built, graph: { ...built.graph, components: { ...components, transforms, coders } } }
}

const BYTES = urns.BYTES_CODER

function plainNode(node: TransformNode): TransformNode {
  const { spec } = node
  if (spec?.urn !== urns.PAR_DO) return node
  const payload: ParDoPayload = {
    ...spec.payload,
    stateSpecs: new Map(
      [...spec.payload.stateSpecs.keys()].map((name): [string, StateSpecNode] => [
        name,
        { kind: 'bag', elementCoderId: BYTES },
      ]),
    ),
    sideInputs: new Map(
      [...spec.payload.sideInputs].map(([tag, side]): [string, SideInputNode] => [
        tag,
        { ...side, accessPattern: urns.SIDE_ITERABLE },
      ]),
    ),
  }
  return { ...node, spec: { urn: spec.urn, payload } }
}
