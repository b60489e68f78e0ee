/**
 * Late data: elements that a grouping or a stateful step drops because their window no longer takes any. They are counted
 * always; where a windowing strategy names a handler, they are gathered in a collection too.
 *
 * Law: under such a strategy every element and window that is counted as dropped becomes exactly one late element.
 */
import type { CollectionRef, GraphBuilder, OutputSpec } from '../graph/builder.js'
import { refuse } from '../refuse.js'
import { globalStrategy } from '../windowing/windowing-strategy.js'

/** Tag of the output that carries late data. */
export const LATE_TAG = '$late'

/** Why an element was dropped: its window had expired, or its trigger had closed the window before. */
export type LateReason = 'late' | 'closedWindow'

/** An element that came too late for a window. */
export interface LateElement<T = unknown> {
  /** As it came to the author's step: `{ key, value }` at groupings per key and at stateful steps, the element itself at `distinct`. */
  readonly element: T
  /** Path of the step that dropped it. */
  readonly step: string
  /** The window that did not take it, in milliseconds; an element in several windows may be late for each of them. */
  readonly window: { readonly start: number; readonly end: number; readonly data?: unknown }
  /** Event timestamp of the element. */
  readonly timestamp: number
  readonly reason: LateReason
}

/** A declared destination of late data; `windowInto` takes it as `lateData`. Made by `pipeline.lateData(name, build)`. */
export interface LateDataHandler {
  readonly kind: 'lateDataHandler'
  readonly name: string
  /** Path of the handler's step, by which windowing strategies name it. @internal */
  readonly path: string
  /** Adds the late output of a step. @internal */
  readonly connect: (collectionId: string, step: string) => void
}

/** The handlers of each pipeline under construction, by path: a windowing strategy is data and only names one. */
const handlers = new WeakMap<GraphBuilder, Map<string, LateDataHandler>>()

/** Makes a handler known to its pipeline. */
export function registerLateData(builder: GraphBuilder, handler: LateDataHandler): void {
  const known = handlers.get(builder) ?? new Map<string, LateDataHandler>()
  handlers.set(builder, known.set(handler.path, handler))
}

/** @throws {PipelineError} when an option `lateData` is no handler of this pipeline. */
export function checkLateData(builder: GraphBuilder, handler: LateDataHandler | undefined, step: string): void {
  if (handler === undefined || (handler !== null && handlers.get(builder)?.get(handler.path) === handler)) return
  refuse(
    'MR-1008',
    `option lateData of windowInto "${step}" is not a handler of this pipeline. Make one with pipeline.lateData(name, build).`,
    step,
  )
}

/** The late output of a step that drops late elements of its input, if they are wanted. */
export function lateOutputs(input: CollectionRef): readonly OutputSpec[] {
  const { builder } = input
  if (builder.strategyOf(input).lateData === undefined) return []
  const { isBounded } = builder.collection(input.id)
  return [{ tag: LATE_TAG, coderId: builder.coders.dynamic(), strategy: globalStrategy, isBounded }]
}

/** Hands a step's late output to the handler that its input's strategy names. */
export function connectLateData(input: CollectionRef, refs: readonly CollectionRef[], step: string): void {
  const { builder } = input
  const { lateData } = builder.strategyOf(input)
  const late = refs.find(({ id }) => id.endsWith(`.${LATE_TAG}`))
  if (lateData === undefined || late === undefined) return
  handlers.get(builder)?.get(lateData)?.connect(late.id, step)
}
