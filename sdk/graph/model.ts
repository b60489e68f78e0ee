/**
 * The graph a pipeline becomes: typed nodes that mirror Beam's Runner API message for message (`Components`,
 * `PTransform`, `PCollection`, `WindowingStrategy`, `Coder`, `FunctionSpec`). It is plain data: user functions appear
 * only as references, so the graph can be printed, compared, sent and rebuilt.
 *
 * Law: ids never carry meaning. Whatever a runner needs to know stands in a field.
 */
import type { Schema } from '../schema/schema.js'
import type { SourcePosition } from '../source-position.js'
import type { WindowingStrategy } from '../windowing/windowing-strategy.js'
import type * as urns from './urns.js'

/** What a user function is used for. */
export type FunctionRole =
  | 'process'
  | 'combine'
  | 'windowFn'
  | 'windowMapping'
  | 'coder'
  | 'keyCoder'
  | 'valueCoder'
  | 'restriction'
  | 'view'
  | 'values'

/**
 * How a user function is found again: the step that was given it, what it is used for, and which of several it is.
 * On the wire a module hash is added; see `docs/architecture.md`.
 */
export interface Reference {
  readonly step: string
  readonly role: FunctionRole
  readonly index: number
}

/** Beam's FunctionSpec for a user function. */
export interface FunctionSpec {
  readonly urn: typeof urns.USER_FUNCTION
  readonly payload: Reference
}

export interface SideInputNode {
  readonly accessPattern: typeof urns.SIDE_ITERABLE | typeof urns.SIDE_MULTIMAP
  readonly viewFn: FunctionSpec
  /** Which window is read, where the author says so; else the WindowFn of the collection does. */
  readonly windowMappingFn?: FunctionSpec
  /** Name the author gave the view. */
  readonly viewName: string
}

/** Beam's StateSpec: its `oneof` is `kind`. */
export type StateSpecNode =
  | { readonly kind: 'readModifyWrite'; readonly coderId: string }
  | { readonly kind: 'bag' | 'set' | 'orderedList'; readonly elementCoderId: string }
  | { readonly kind: 'map' | 'multimap'; readonly keyCoderId: string; readonly valueCoderId: string }
  | { readonly kind: 'combining'; readonly accumulatorCoderId: string; readonly combineFn: FunctionSpec }

/** Beam's TimerFamilySpec, where a timer of its own is a family with one empty tag. */
export interface TimerSpecNode {
  readonly timeDomain: 'eventTime' | 'processingTime'
  /** Whether timers have tags. */
  readonly isFamily: boolean
}

/** Items that a step hands over for the world outside. */
export interface DeliveryNode {
  readonly coderId: string
  /** What a second delivery of the same items means: see `sdk/transforms/delivery.ts`. */
  readonly repeats: 'recognised' | 'harmless' | 'visible'
}

/** Beam's ParDoPayload. */
export interface ParDoPayload {
  readonly doFn: FunctionSpec
  readonly sideInputs: ReadonlyMap<string, SideInputNode>
  readonly stateSpecs: ReadonlyMap<string, StateSpecNode>
  readonly timerSpecs: ReadonlyMap<string, TimerSpecNode>
  /** Empty unless the DoFn is splittable. */
  readonly restrictionCoderId: string
  readonly onWindowExpiration: boolean
  /** Whether the DoFn wants to be told when a bundle is committed. */
  readonly requestsFinalization: boolean
  /** Each key's elements come in the order of their timestamps. */
  readonly requiresTimeSortedInput: boolean
  /** An element that is processed again is the same element. */
  readonly requiresStableInput: boolean
  /** What the DoFn delivers; `undefined` when it delivers nothing. Beam has no word for it. */
  readonly delivery: DeliveryNode | undefined
}

export interface CombinePayload {
  readonly combineFn: FunctionSpec
  readonly accumulatorCoderId: string
}

/** Beam's TestStreamPayload; elements stay values here and are encoded at the wire. */
export interface TestStreamPayload {
  readonly coderId: string
  readonly events: readonly TestStreamEvent[]
}

/** Beam's ExternalConfigurationPayload: what a transform of another SDK is made with. */
export interface ExternalConfiguration {
  readonly schema: Schema
  /** A row of the schema, as bytes. */
  readonly row: Uint8Array
}

/** A transform of another SDK. */
export interface ExternalPayload {
  /** `host:port` of the expansion service. */
  readonly service: string
  /** As its SDK calls it. */
  readonly urn: string
  readonly configuration: Uint8Array | ExternalConfiguration
}

/** An event of a script: elements in one bundle, the watermark, or processing time that passes. */
export type TestStreamEvent =
  | { readonly kind: 'elements'; readonly elements: readonly { readonly value: unknown; readonly timestamp: number }[] }
  | { readonly kind: 'watermark'; readonly timestamp: number }
  | { readonly kind: 'processingTime'; readonly advanceMillis: number }

/** What a transform does; composites that only structure the graph have no spec. */
export type TransformSpec =
  | { readonly urn: typeof urns.IMPULSE }
  | { readonly urn: typeof urns.PAR_DO; readonly payload: ParDoPayload }
  | { readonly urn: typeof urns.FLATTEN }
  | { readonly urn: typeof urns.GROUP_BY_KEY }
  | { readonly urn: typeof urns.WINDOW_INTO; readonly payload: { readonly windowFn: WindowingStrategy['windowFn'] } }
  | {
      readonly urn:
        | typeof urns.COMBINE_PER_KEY
        | typeof urns.COMBINE_GROUPED
        | typeof urns.COMBINE_PRE
        | typeof urns.COMBINE_MERGE
        | typeof urns.COMBINE_EXTRACT
      readonly payload: CombinePayload
    }
  | { readonly urn: typeof urns.RESHUFFLE }
  | { readonly urn: typeof urns.TEST_STREAM; readonly payload: TestStreamPayload }
  | { readonly urn: typeof urns.EXTERNAL; readonly payload: ExternalPayload }
  | { readonly urn: typeof urns.COLLECT; readonly payload: { readonly name: string } }
  | { readonly urn: typeof urns.PRINT; readonly payload: { readonly name: string; readonly limit: number } }

/** Beam's PTransform. */
export interface TransformNode {
  /** Path of the step: scopes and name joined by `/`. Unique, and never parsed. */
  readonly uniqueName: string
  readonly spec: TransformSpec | undefined
  readonly subtransforms: readonly string[]
  /** Collection ids by local tag. Side inputs appear here under their own tag, as in Beam. */
  readonly inputs: ReadonlyMap<string, string>
  readonly outputs: ReadonlyMap<string, string>
  /** The author's line. */
  readonly source: SourcePosition | undefined
}

/** Beam's PCollection. */
export interface CollectionNode {
  readonly uniqueName: string
  readonly coderId: string
  readonly isBounded: boolean
  readonly windowingStrategyId: string
}

/** Beam's Coder. */
export interface CoderNode {
  readonly urn: string
  readonly componentCoderIds: readonly string[]
  /** For coders made from an author's codec. */
  readonly reference: Reference | undefined
  /** Name of the codec, so that a fingerprint can tell when it changes. */
  readonly codecName: string | undefined
  /** Payload of a row coder. */
  readonly schema?: Schema
}

/** Beam's Components. */
export interface Components {
  readonly transforms: ReadonlyMap<string, TransformNode>
  readonly collections: ReadonlyMap<string, CollectionNode>
  readonly windowingStrategies: ReadonlyMap<string, WindowingStrategy>
  readonly coders: ReadonlyMap<string, CoderNode>
}

/** Beam's Pipeline. */
export interface PipelineGraph {
  readonly components: Components
  /** Transforms contained in no other, in an order whose depth-first walk is topological. */
  readonly rootTransformIds: readonly string[]
}

/** User functions by reference; lives beside the graph, never inside it. */
export interface FunctionTable {
  /** @throws {PipelineError} when the graph names a function that this build of the pipeline does not have. */
  resolve(reference: Reference): unknown
  /** Every function, with the step that it was given to. */
  all(): Iterable<readonly [step: string, fn: unknown]>
}

/** A pipeline ready to run: the graph, and the functions it refers to. */
export interface BuiltPipeline {
  readonly name: string
  readonly graph: PipelineGraph
  readonly functions: FunctionTable
  /** Resolved pipeline options, frozen. */
  readonly options: Readonly<Record<string, unknown>>
  /** What the author should know before it runs, each with the line it is about. */
  readonly warnings: readonly string[]
}

/** Leaf transforms in topological order. */
export function leafTransforms(graph: PipelineGraph): readonly (readonly [string, TransformNode])[] {
  const leaves: (readonly [string, TransformNode])[] = []
  const visit = (id: string): void => {
    const node = graph.components.transforms.get(id)
    if (node === undefined) return
    if (node.subtransforms.length === 0) leaves.push([id, node])
    else node.subtransforms.forEach(visit)
  }
  graph.rootTransformIds.forEach(visit)
  return leaves
}
