/**
 * `requireCodecs`: whatever a run groups, redistributes, combines or shows to other steps is described by a codec. Then what
 * a program stores has a written form that its authors have chosen. Assertions of tests (`assertThat`) are no part of the
 * program and are left out.
 */
import { PipelineError } from '../../sdk/errors.js'
import { withSource } from '../../sdk/graph/builder.js'
import { type BuiltPipeline, leafTransforms, type TransformNode } from '../../sdk/graph/model.js'
import { authorPath, producerPath } from '../../sdk/graph/names.js'
import * as urns from '../../sdk/graph/urns.js'
import { ASSERTION_STEP } from '../../sdk/testing/verdict.js'

/** @throws {PipelineError} naming the first step that stores what no codec describes, and the step that makes it. */
export function requireCodecs(built: BuiltPipeline): void {
  const { collections, coders } = built.graph.components
  const leaves = leafTransforms(built.graph).map(([, node]) => node)
  const producers = new Map(leaves.flatMap((node) => [...node.outputs.values()].map((id) => [id, node] as const)))
  const isDynamic = (coderId: string): boolean => {
    const node = coders.get(coderId)
    return node?.urn === urns.DYNAMIC_CODER || (node?.componentCoderIds ?? []).some(isDynamic)
  }
  const isUndescribed = (collectionId: string): boolean => isDynamic(collections.get(collectionId)?.coderId ?? '')
  /** Inside of a step that the SDK makes of several, elements are as they came in: its author can only describe those. */
  const makerOf = (collectionId: string, step: string): string | undefined => {
    const producer = producers.get(collectionId)
    if (producer === undefined || authorPath(producer.uniqueName) !== step) return producerPath(collectionId)
    for (const input of producer.inputs.values()) {
      const maker = isUndescribed(input) ? makerOf(input, step) : undefined
      if (maker !== undefined) return maker
    }
    return undefined
  }
  const refuse = ({ uniqueName, source }: TransformNode, what: string): never => {
    const step = authorPath(uniqueName)
    throw new PipelineError(
      'MR-4008',
      withSource(`step "${step}" ${what}, and requireCodecs is on.`, source),
      step,
      source,
    )
  }
  const assertions = assertionScopes(leaves)
  for (const node of leaves) {
    const step = authorPath(node.uniqueName)
    if (assertions.has(step)) continue
    for (const input of storedInputs(node)) {
      if (!isUndescribed(input)) continue
      refuse(
        node,
        `stores elements of "${makerOf(input, step) ?? step}" that no codec describes (give codec to the step that makes them, to keyBy for its keys)`,
      )
    }
    if (node.spec?.urn === urns.COMBINE_GROUPED && isDynamic(node.spec.payload.accumulatorCoderId))
      refuse(node, 'combines to what no codec describes (give the combiner a codec, a CombineFn an accumulator)')
  }
}

/** The paths of the assertions: only they collect a verdict, and no author can write a step of its name. */
function assertionScopes(leaves: readonly TransformNode[]): ReadonlySet<string> {
  const verdict = `/${ASSERTION_STEP}`
  return new Set(
    leaves
      .filter(({ spec, uniqueName }) => spec?.urn === urns.COLLECT && uniqueName.endsWith(verdict))
      .map(({ uniqueName }) => uniqueName.slice(0, -verdict.length)),
  )
}

function storedInputs({ spec, inputs }: TransformNode): readonly string[] {
  if (spec?.urn === urns.GROUP_BY_KEY || spec?.urn === urns.RESHUFFLE) return [...inputs.values()]
  if (spec?.urn !== urns.PAR_DO) return []
  return [...inputs].flatMap(([name, id]) => (spec.payload.sideInputs.has(name) ? [id] : []))
}
