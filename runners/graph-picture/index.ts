/**
 * The graph of a pipeline in every form it is shown in: text for mermaid and graphviz, a drawing, data. Logical as the
 * author wrote it, or physical as the stages that a runner makes of it.
 */
import { graphFingerprint } from '../../sdk/graph/fingerprint.js'
import { mermaidOf } from '../../sdk/graph/mermaid.js'
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import { logicalPicture, type Picture } from '../../sdk/graph/picture.js'
import { dotOf } from './dot.js'
import { physicalPicture } from './physical.js'
import { svgOf } from './svg.js'

/** How a graph is to be shown. */
export interface DrawOptions {
  readonly format: 'mermaid' | 'dot' | 'svg' | 'json'
  /** Stages rather than what the author wrote. */
  readonly isPhysical?: boolean
  /** Composites deeper than this are one box each; only for the logical graph. Default: none is. */
  readonly depth?: number | undefined
}

/** A pipeline's graph as text of a format. */
export async function drawGraph(
  built: BuiltPipeline,
  { format, isPhysical = false, depth }: DrawOptions,
): Promise<string> {
  const picture = isPhysical ? physicalPicture(built) : logicalPicture(built.graph, depth)
  switch (format) {
    case 'mermaid':
      return mermaidOf(picture)
    case 'dot':
      return dotOf(picture, built.name)
    case 'svg':
      return svgOf(picture, built.name)
    case 'json':
      return jsonOf(built, picture, isPhysical)
  }
}

function jsonOf({ name, graph }: BuiltPipeline, { items, arrows }: Picture, isPhysical: boolean): string {
  const fingerprint = graphFingerprint(graph).hash
  const kind = isPhysical ? 'physical' : 'logical'
  return JSON.stringify({ pipeline: name, kind, graphFingerprint: fingerprint, items, arrows }, undefined, 2)
}
