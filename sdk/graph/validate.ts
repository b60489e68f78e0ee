/**
 * Checks the integrity of a graph: every id leads somewhere, every collection has one producer, and the order of
 * transforms is topological. A graph from `GraphBuilder` always passes; one that came over the wire might not.
 */
import { PipelineError } from '../errors.js'
import { type CoderNode, leafTransforms, type PipelineGraph } from './model.js'

/** Throws a {@link PipelineError} that names the first thing wrong. */
export function validateGraph(graph: PipelineGraph): void {
  if (VALID.has(graph)) return
  const { transforms, collections, windowingStrategies, coders } = graph.components
  const fail = (message: string): never => {
    throw new PipelineError('MR-1017', `the graph is damaged: ${message}`)
  }
  for (const [id, node] of transforms) {
    for (const part of node.subtransforms)
      if (!transforms.has(part)) fail(`step "${id}" contains step "${part}", which does not exist`)
    for (const [tag, collection] of [...node.inputs, ...node.outputs]) {
      if (!collections.has(collection))
        fail(`"${tag}" of step "${id}" is collection "${collection}", which does not exist`)
    }
  }
  for (const [id, collection] of collections) {
    if (!coders.has(collection.coderId))
      fail(`collection "${id}" has coder "${collection.coderId}", which does not exist`)
    if (!windowingStrategies.has(collection.windowingStrategyId)) {
      fail(`collection "${id}" has windowing strategy "${collection.windowingStrategyId}", which does not exist`)
    }
  }
  for (const [id, coder] of coders) checkCoder(id, coder, coders, fail)
  const produced = new Set<string>()
  for (const [id, node] of leafTransforms(graph)) {
    for (const input of node.inputs.values()) {
      if (!produced.has(input))
        fail(`step "${id}" reads "${input}" before any step makes it; the order is not topological`)
    }
    // A composite without steps of its own hands on what it gets.
    if (node.spec === undefined) continue
    for (const output of node.outputs.values()) {
      if (produced.has(output)) fail(`collection "${output}" is made twice, the second time by step "${id}"`)
      produced.add(output)
    }
  }
  for (const id of graph.rootTransformIds) if (!transforms.has(id)) fail(`root step "${id}" does not exist`)
  VALID.add(graph)
}

/** Graphs do not change once they are built, and one pipeline may be run often. */
const VALID = new WeakSet<PipelineGraph>()

function checkCoder(
  id: string,
  coder: CoderNode,
  coders: ReadonlyMap<string, CoderNode>,
  fail: (message: string) => never,
): void {
  for (const part of coder.componentCoderIds) {
    if (!coders.has(part)) fail(`coder "${id}" contains coder "${part}", which does not exist`)
  }
}
