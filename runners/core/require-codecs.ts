/**
 * `requireCodecs`: whatever a run groups, redistributes, combines or shows to other steps is described by a codec. Then what
 * a program stores has a written form that its authors have chosen.
 */
import { PipelineError } from '../../sdk/errors.js'
import { withSource } from '../../sdk/graph/builder.js'
import { type BuiltPipeline, leafTransforms, type TransformNode } from '../../sdk/graph/model.js'
import { authorPath, producerPath } from '../../sdk/graph/names.js'
import * as urns from '../../sdk/graph/urns.js'

/** @throws {PipelineError} naming the first step that stores what no codec describes. */
export function requireCodecs(built: BuiltPipeline): void {
  const { collections, coders } = built.graph.components
  const isDynamic = (coderId: string): boolean => {
    const node = coders.get(coderId)
    return node?.urn === urns.DYNAMIC_CODER || (node?.componentCoderIds ?? []).some(isDynamic)
  }
  const refuse = ({ uniqueName, source }: TransformNode, what: string): never => {
    const step = authorPath(uniqueName)
    throw new PipelineError(withSource(`step "${step}" ${what}, and requireCodecs is on.`, source), step, source)
  }
  for (const [, node] of leafTransforms(built.graph)) {
    for (const input of storedInputs(node)) {
      if (!isDynamic(collections.get(input)?.coderId ?? '')) continue
      refuse(
        node,
        `stores elements of "${producerPath(input)}" that no codec describes (give codec to the step that makes them, to keyBy for its keys)`,
      )
    }
    if (node.spec?.urn === urns.COMBINE_GROUPED && isDynamic(node.spec.payload.accumulatorCoderId))
      refuse(node, 'combines to what no codec describes (give the combiner a codec, a CombineFn an accumulator)')
  }
}

function storedInputs({ spec, inputs }: TransformNode): readonly string[] {
  if (spec?.urn === urns.GROUP_BY_KEY || spec?.urn === urns.RESHUFFLE) return [...inputs.values()]
  if (spec?.urn !== urns.PAR_DO) return []
  return [...inputs].flatMap(([name, id]) => (spec.payload.sideInputs.has(name) ? [id] : []))
}
