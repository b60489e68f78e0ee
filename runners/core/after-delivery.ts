/**
 * Rewrites a graph so that what a delivering step emits is read by a stage of its own: whoever reads it may count on the
 * delivery (a step after `writeLines` reads the files that it is told of).
 *
 * Law: the rewritten graph computes the same. What nobody reads is left as it is.
 */
import { type BuiltPipeline, leafTransforms, type TransformNode } from '../../sdk/graph/model.js'
import * as urns from '../../sdk/graph/urns.js'

/** The pipeline, with an edge between stages after every output of a delivering step that is read. */
export function afterDelivery(built: BuiltPipeline): BuiltPipeline {
  const leaves = leafTransforms(built.graph)
  const delivering = leaves.filter(([, { spec }]) => spec?.urn === urns.PAR_DO && spec.payload.delivery !== undefined)
  if (delivering.length === 0) return built
  const read = new Set(leaves.flatMap(([, { inputs }]) => [...inputs.values()]))
  const { components, rootTransformIds } = built.graph
  const transforms = new Map(components.transforms)
  const collections = new Map(components.collections)
  const after = new Map<string, readonly string[]>()
  for (const [id, node] of delivering) {
    const outputs = new Map(node.outputs)
    const edges: string[] = []
    for (const [tag, collectionId] of node.outputs) {
      const collection = collections.get(collectionId)
      if (!read.has(collectionId) || collection === undefined) continue
      const before = `${id}/$delivered.${tag}`
      const edge = `${id}/$delivered/${tag}`
      collections.set(before, { ...collection, uniqueName: before })
      transforms.set(edge, edgeNode(edge, before, collectionId, node))
      outputs.set(tag, before)
      edges.push(edge)
    }
    transforms.set(id, { ...node, outputs })
    after.set(id, edges)
  }
  const withEdges = (ids: readonly string[]): readonly string[] => ids.flatMap((id) => [id, ...(after.get(id) ?? [])])
  for (const [id, node] of transforms) {
    if (node.subtransforms.length > 0) transforms.set(id, { ...node, subtransforms: withEdges(node.subtransforms) })
  }
  return {
    ...built,
    graph: {
      ...built.graph,
      rootTransformIds: withEdges(rootTransformIds),
      components: { ...components, transforms, collections },
    },
  }
}

function edgeNode(id: string, from: string, to: string, like: TransformNode): TransformNode {
  return {
    uniqueName: id,
    spec: { urn: urns.RESHUFFLE },
    subtransforms: [],
    inputs: new Map([['in', from]]),
    outputs: new Map([['out', to]]),
    source: like.source,
  }
}
