/**
 * What a pipeline computes and the command does not show.
 */
import { leafTransforms, type PipelineGraph } from '../../sdk/graph/model.js'
import * as urns from '../../sdk/graph/urns.js'

/** What a pipeline collects that prints nothing. Only a program that calls `run` can look at it. */
export function unseenResults(graph: PipelineGraph): readonly string[] {
  const specs = leafTransforms(graph).map(([, { spec }]) => spec)
  if (specs.some((spec) => spec?.urn === urns.PRINT)) return []
  return specs.flatMap((spec) => (spec?.urn === urns.COLLECT ? [spec.payload.name] : []))
}
