/**
 * How many elements a run has read: what its sources emitted. The sum over all steps, which is easier to have, counts a line
 * again in each step that it passes and means nothing to anybody.
 *
 * A source is a step that needs no input, or one that reads what its input names (a file, a range). Who only names what
 * another reads has read nothing itself: of patterns, files and lines, the lines count.
 */
import { leafTransforms, type PipelineGraph, type TransformNode } from '../../sdk/graph/model.js'
import * as urns from '../../sdk/graph/urns.js'

/** The number, by the elements of each collection. */
export function elementsRead(graph: PipelineGraph, elements: ReadonlyMap<string, number>): number {
  const nodes = leafTransforms(graph).map(([, node]) => node)
  const producers = new Map(nodes.flatMap((node) => [...node.outputs.values()].map((id) => [id, node] as const)))
  const naming = new Set<TransformNode>()
  const markNaming = (collectionId: string): void => {
    const node = producers.get(collectionId)
    // What has been grouped was data; it names nothing.
    if (node === undefined || naming.has(node) || node.spec?.urn === urns.GROUP_BY_KEY) return
    naming.add(node)
    mainInputs(node).forEach(markNaming)
  }
  nodes.filter(isSplittable).flatMap(mainInputs).forEach(markNaming)
  return nodes
    .filter((node) => isSource(node) && !naming.has(node))
    .flatMap(({ outputs }) => [...outputs.values()])
    .reduce((sum, id) => sum + (elements.get(id) ?? 0), 0)
}

/** An impulse is a beginning, no data. */
function isSource(node: TransformNode): boolean {
  return isSplittable(node) || (node.inputs.size === 0 && node.spec?.urn !== urns.IMPULSE)
}

function isSplittable({ spec }: TransformNode): boolean {
  return spec?.urn === urns.PAR_DO && spec.payload.restrictionCoderId !== ''
}

function mainInputs({ spec, inputs }: TransformNode): readonly string[] {
  if (spec?.urn !== urns.PAR_DO) return [...inputs.values()]
  return [...inputs].flatMap(([name, id]) => (spec.payload.sideInputs.has(name) ? [] : [id]))
}
