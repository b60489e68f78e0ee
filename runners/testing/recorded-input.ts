/**
 * The input of a pipeline, recorded: its sources are read once, and their places taken by scripts, so that the same input
 * can be given again in other ways.
 *
 * Law: a pipeline whose sources are replaced by unchanged scripts computes what it computed before.
 */
import { PipelineError } from '../../sdk/errors.js'
import {
  type BuiltPipeline,
  type CollectionNode,
  leafTransforms,
  type PipelineGraph,
  type TestStreamEvent,
  type TransformNode,
} from '../../sdk/graph/model.js'
import * as urns from '../../sdk/graph/urns.js'
import type { PipelineResult } from '../runner.js'

/** A source of a pipeline: a step that begins with nothing, and the collection it makes. */
export interface RecordedSource {
  /** The author's step. */
  readonly step: string
  readonly collectionId: string
  /** What it gives, as a script: that of a TestStream as it is, anything else as one bundle. */
  readonly events: readonly TestStreamEvent[]
}

/** Name of the step that collects a collection. */
export function collectorOf(collectionId: string): string {
  return `$simulate ${collectionId}`
}

/** The places where a pipeline's input comes from: each collection with the transform that can be replaced. */
export function sourcesOf(
  built: BuiltPipeline,
): readonly { readonly transform: string; readonly collectionId: string }[] {
  const { transforms, collections } = built.graph.components
  const strategyIsGlobal = (id: string): boolean => {
    const strategy = built.graph.components.windowingStrategies.get(collections.get(id)?.windowingStrategyId ?? '')
    return strategy?.windowFn.payload.kind === 'global'
  }
  const found: { readonly transform: string; readonly collectionId: string }[] = []
  const visit = (id: string): void => {
    const node = transforms.get(id)
    if (node === undefined) return
    const leaves = leavesOf(built.graph, id)
    const begins = leaves.some(({ spec }) => spec?.urn === urns.IMPULSE || spec?.urn === urns.TEST_STREAM)
    if (!begins || node.inputs.size > 0) return
    const outputs = [...node.outputs.values()]
    const [output] = outputs
    const isPlain = leaves.every(({ spec }) => spec === undefined || plain.has(spec.urn))
    const isAlone = output !== undefined && outputs.length === 1 && !isReadInside(built.graph, id, leaves, output)
    if (isAlone && isPlain && strategyIsGlobal(output)) {
      found.push({ transform: id, collectionId: output })
      return
    }
    node.subtransforms.forEach(visit)
  }
  built.graph.rootTransformIds.forEach(visit)
  return found
}

/** Whether others read more of a transform than its output, such as its dead letters. */
function isReadInside(graph: PipelineGraph, id: string, leaves: readonly TransformNode[], output: string): boolean {
  const made = new Set(leaves.flatMap((leaf) => [...leaf.outputs.values()]))
  made.delete(output)
  const own = new Set(leaves.map(({ uniqueName }) => uniqueName))
  return leafTransforms(graph).some(
    ([leaf, { inputs }]) => leaf !== id && !own.has(leaf) && [...inputs.values()].some((input) => made.has(input)),
  )
}

/** What a source may be made of. */
const plain: ReadonlySet<string> = new Set([urns.IMPULSE, urns.TEST_STREAM, urns.PAR_DO, urns.RESHUFFLE, urns.FLATTEN])

function leavesOf(graph: PipelineGraph, id: string): readonly TransformNode[] {
  const node = graph.components.transforms.get(id)
  if (node === undefined) return []
  if (node.subtransforms.length === 0) return [node]
  return node.subtransforms.flatMap((part) => leavesOf(graph, part))
}

/** Reads every source once. @throws {PipelineError} when one has no end. */
export async function recordSources(
  built: BuiltPipeline,
  run: (built: BuiltPipeline) => Promise<PipelineResult>,
): Promise<readonly RecordedSource[]> {
  const sources = sourcesOf(built)
  const scripted = new Map<string, readonly TestStreamEvent[]>()
  for (const { transform, collectionId } of sources) {
    const stream = leavesOf(built.graph, transform).find(({ spec }) => spec?.urn === urns.TEST_STREAM)
    if (stream?.spec?.urn === urns.TEST_STREAM) scripted.set(collectionId, stream.spec.payload.events)
    else if (built.graph.components.collections.get(collectionId)?.isBounded === false)
      throw new PipelineError(
        'MR-8009',
        `simulate cannot record source "${transform}", which has no end. Give it an end for the test, or replace it by a script (testStream).`,
        transform,
      )
  }
  const read = sources.filter(({ collectionId }) => !scripted.has(collectionId))
  if (read.length > 0) {
    const ids = read.map(({ collectionId }) => collectionId)
    const result = await run(withCollectors(onlySources(built, read.map(({ transform }) => transform)), ids)) // prettier-ignore
    for (const id of ids) {
      const elements = result.collectWindowed(collectorOf(id)).map(({ value, timestamp }) => ({ value, timestamp }))
      scripted.set(id, elements.length === 0 ? [] : [{ kind: 'elements', elements }])
    }
  }
  return sources.map(({ transform, collectionId }) => ({
    step: transform,
    collectionId,
    events: scripted.get(collectionId) ?? [],
  }))
}

/** The pipeline with only some of its root transforms. */
function onlySources(built: BuiltPipeline, ids: readonly string[]): BuiltPipeline {
  const { components } = built.graph
  const transforms = new Map<string, TransformNode>()
  const keep = (id: string): void => {
    const node = components.transforms.get(id)
    if (node === undefined) return
    transforms.set(id, node)
    node.subtransforms.forEach(keep)
  }
  ids.forEach(keep)
  const made = new Set([...transforms.values()].flatMap((node) => [...node.outputs.values()]))
  const collections = new Map([...components.collections].filter(([id]) => made.has(id)))
  return { ...built, graph: { rootTransformIds: ids, components: { ...components, transforms, collections } } }
}

/** The pipeline with its sources replaced by scripts. */
export function withScripts(
  built: BuiltPipeline,
  scripts: ReadonlyMap<string, readonly TestStreamEvent[]>,
): BuiltPipeline {
  const { components } = built.graph
  const transforms = new Map(components.transforms)
  const dropped = new Set<string>()
  const drop = (id: string): void => {
    for (const part of transforms.get(id)?.subtransforms ?? []) drop(part)
    for (const output of transforms.get(id)?.outputs.values() ?? []) dropped.add(output)
    transforms.delete(id)
  }
  for (const { transform, collectionId } of sourcesOf(built)) {
    const events = scripts.get(collectionId)
    const node = components.transforms.get(transform)
    const collection = components.collections.get(collectionId)
    if (events === undefined || node === undefined || collection === undefined) continue
    drop(transform)
    transforms.set(transform, {
      ...node,
      subtransforms: [],
      outputs: new Map([['out', collectionId]]),
      spec: { urn: urns.TEST_STREAM, payload: { coderId: collection.coderId, events } },
    })
    dropped.delete(collectionId)
  }
  const collections = new Map([...components.collections].filter(([id]) => !dropped.has(id)))
  return { ...built, graph: { ...built.graph, components: { ...components, transforms, collections } } }
}

/** The pipeline with a step that collects each of these collections. */
export function withCollectors(built: BuiltPipeline, collectionIds: readonly string[]): BuiltPipeline {
  const { components, rootTransformIds } = built.graph
  const transforms = new Map(components.transforms)
  for (const id of collectionIds) {
    const name = collectorOf(id)
    transforms.set(name, {
      uniqueName: name,
      spec: { urn: urns.COLLECT, payload: { name } },
      subtransforms: [],
      inputs: new Map([['in', id]]),
      outputs: new Map(),
      source: undefined,
    })
  }
  const roots = [...rootTransformIds, ...collectionIds.map(collectorOf)]
  return { ...built, graph: { rootTransformIds: roots, components: { ...components, transforms } } }
}

/**
 * Collections that steps of a pipeline make, in topological order, each with the ids of those it is made from. Groups that
 * are combined as they are made are none.
 */
export function lineage(built: BuiltPipeline): ReadonlyMap<string, readonly string[]> {
  const made = new Map<string, readonly string[]>()
  for (const [, { spec, inputs, outputs }] of leafTransforms(built.graph)) {
    let from = [...inputs.values()]
    if (spec?.urn === urns.COMBINE_GROUPED) {
      const groups = from
      from = groups.flatMap((id) => made.get(id) ?? [])
      for (const id of groups) made.delete(id)
    }
    for (const output of outputs.values()) made.set(output, from)
  }
  return made
}

/** The node of a collection. */
export function collectionOf(built: BuiltPipeline, id: string): CollectionNode {
  return built.graph.components.collections.get(id) as CollectionNode
}
