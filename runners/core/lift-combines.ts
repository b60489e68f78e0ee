/**
 * Combine lifting: rewrites a combine so that values are reduced before the grouping and the parts merged after it.
 * What travels between is one accumulator per key, window and bundle.
 *
 * Law: the rewritten graph computes the same. Only combines over windows that do not merge are lifted: a session is not
 * known before the grouping. Where late data is handed on, it is not lifted either: late elements are told one by one.
 */
import type { BuiltPipeline, CollectionNode, CoderNode, TransformNode } from '../../sdk/graph/model.js'
import * as urns from '../../sdk/graph/urns.js'
import { invariant } from '../../sdk/invariant.js'
import type { WindowingStrategy } from '../../sdk/windowing/windowing-strategy.js'

/** What a choice may depend on. */
export interface Liftable {
  /** Path of the combine. */
  readonly path: string
  /** Windows of what it combines. */
  readonly strategy: WindowingStrategy | undefined
}

/**
 * Whether nobody can tell that a combine is lifted: no trigger counts what comes, and what comes does not decide about timestamps.
 */
export function isUnseen({ strategy }: Liftable): boolean {
  return strategy?.trigger.kind === 'default' && strategy.timestampCombiner === 'endOfWindow'
}

/** A pipeline whose combines are lifted where `choose` says so. */
export function liftCombines(built: BuiltPipeline, choose: (combine: Liftable) => boolean = () => true): BuiltPipeline {
  const { components } = built.graph
  const transforms = new Map(components.transforms)
  const collections = new Map(components.collections)
  const coders = new Map(components.coders)
  for (const [path, node] of components.transforms) {
    if (node.spec?.urn !== urns.COMBINE_PER_KEY || !choose({ path, strategy: strategyOf(node, components) })) continue
    lift(path, node, { transforms, collections, coders }, components.windowingStrategies)
  }
  return { ...built, graph: { ...built.graph, components: { ...components, transforms, collections, coders } } }
}

function strategyOf(
  { subtransforms: [groupId] }: TransformNode,
  { transforms, collections, windowingStrategies }: BuiltPipeline['graph']['components'],
): WindowingStrategy | undefined {
  const input = transforms.get(groupId ?? '')?.inputs.get('in')
  return windowingStrategies.get(collections.get(input ?? '')?.windowingStrategyId ?? '')
}

interface Target {
  readonly transforms: Map<string, TransformNode>
  readonly collections: Map<string, CollectionNode>
  readonly coders: Map<string, CoderNode>
}

function lift(
  path: string,
  node: TransformNode,
  target: Target,
  strategies: BuiltPipeline['graph']['components']['windowingStrategies'],
): void {
  const [groupId, combineId] = node.subtransforms
  const group = target.transforms.get(groupId ?? '')
  const combine = target.transforms.get(combineId ?? '')
  if (group?.spec?.urn !== urns.GROUP_BY_KEY || combine?.spec?.urn !== urns.COMBINE_GROUPED) return
  const { payload } = combine.spec
  const inputId = group.inputs.get('in') as string
  const input = target.collections.get(inputId)
  invariant(input !== undefined, 'a combine has an input', { path })
  const strategy = strategies.get(input.windowingStrategyId)
  // What is late then is an accumulator, of which nobody could say what went into it.
  if (strategy?.mergeStatus === 'needsMerge' || strategy?.lateData !== undefined) return

  const [keyCoderId] = target.coders.get(input.coderId)?.componentCoderIds ?? []
  const accumulatorCoder = kvCoder(target, keyCoderId ?? input.coderId, payload.accumulatorCoderId)
  const grouped = target.collections.get(group.outputs.get('out') as string) as CollectionNode
  const merged = `${path}/$merge`
  const precombined = `${path}/$precombine`
  const add = (
    id: string,
    spec: TransformNode['spec'],
    from: string,
    coderId: string,
    like: CollectionNode,
  ): string => {
    const collectionId = `${id}.out`
    target.collections.set(collectionId, { ...like, uniqueName: collectionId, coderId })
    target.transforms.set(id, {
      uniqueName: id,
      spec,
      subtransforms: [],
      inputs: new Map([['in', from]]),
      outputs: new Map([['out', collectionId]]),
      source: node.source,
    })
    return collectionId
  }
  const before = add(precombined, { urn: urns.COMBINE_PRE, payload }, inputId, accumulatorCoder, input)
  target.transforms.set(group.uniqueName, { ...group, inputs: new Map([['in', before]]) })
  const groupedId = group.outputs.get('out') as string
  const listCoder = composite(target, `iterable ${payload.accumulatorCoderId}`, urns.ITERABLE_CODER, [
    payload.accumulatorCoderId,
  ])
  target.collections.set(groupedId, { ...grouped, coderId: kvCoder(target, keyCoderId ?? input.coderId, listCoder) })
  const after = add(merged, { urn: urns.COMBINE_MERGE, payload }, groupedId, accumulatorCoder, grouped)
  const extract = `${path}/$extract`
  target.transforms.set(extract, {
    uniqueName: extract,
    spec: { urn: urns.COMBINE_EXTRACT, payload },
    subtransforms: [],
    inputs: new Map([['in', after]]),
    outputs: combine.outputs,
    source: node.source,
  })
  target.transforms.delete(combine.uniqueName)
  target.transforms.set(path, { ...node, subtransforms: [precombined, group.uniqueName, merged, extract] })
}

function kvCoder(target: Target, keyCoderId: string, valueCoderId: string): string {
  return composite(target, `kv ${keyCoderId} ${valueCoderId}`, urns.KV_CODER, [keyCoderId, valueCoderId])
}

function composite(target: Target, id: string, urn: string, componentCoderIds: readonly string[]): string {
  if (!target.coders.has(id))
    target.coders.set(id, { urn, componentCoderIds, reference: undefined, codecName: undefined })
  return id
}
