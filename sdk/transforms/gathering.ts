/**
 * A gathering: one collection that many steps feed, each by an output of its own, declared before those steps are written.
 * Dead letters and late data are gathered so; the chain of the steps' own results never forks.
 *
 * Law: no step that reads a gathering feeds it.
 */
import { PipelineError } from '../errors.js'
import { type CollectionRef, type GraphBuilder, reservedName } from '../graph/builder.js'
import { addFlatten } from './flatten.js'

/** A gathering under construction. */
export interface Gathering {
  readonly path: string
  /** Adds an output of a step. @throws {PipelineError} when the step belongs to what reads the gathering. */
  readonly connect: (collectionId: string, step: string) => void
}

/**
 * Declares a gathering at the top of the graph; `build` adds the steps that read it.
 *
 * @param what - what is gathered, for messages and as the name of the union.
 */
export function addGathering(
  builder: GraphBuilder,
  name: string,
  what: { readonly union: string; readonly text: string },
  build: (gathered: CollectionRef) => unknown,
): Gathering {
  let handlerPath = ''
  let union = ''
  const inside = { current: true }
  const connect = (collectionId: string, step: string): void => {
    if (inside.current || step.startsWith(`${handlerPath}/`)) {
      throw new PipelineError(
        'MR-1008',
        `step "${step}" belongs to the handler "${handlerPath}" and cannot send its own ${what.text} there. Declare another handler for it.`,
        step,
      )
    }
    builder.connect(union, collectionId)
  }
  builder.scopedAtRoot(name, (path) => {
    handlerPath = path
    union = `${path}/$${what.union}`
    build(addFlatten(builder, reservedName(what.union), []))
  })
  inside.current = false
  return { path: handlerPath, connect }
}
