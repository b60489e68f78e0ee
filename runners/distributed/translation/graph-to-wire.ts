/**
 * A graph as Beam's Pipeline message.
 *
 * Law: `graphFromWire` gives back the graph, except for what only its author's process needs: lines of source code, whether an
 * unsafe trigger was allowed, and who is given late data.
 */
import { create, toBinary } from '@bufbuild/protobuf'
import { encodeToBytes, toWireMillis } from '../../../sdk/coders/index.js'
import { coderOf } from '../../../sdk/graph/coders.js'
import {
  type BuiltPipeline,
  leafTransforms,
  type ParDoPayload as IrParDo,
  type TestStreamEvent,
  type TransformNode,
} from '../../../sdk/graph/model.js'
import * as urns from '../../../sdk/graph/urns.js'
import {
  type Coder,
  CoderSchema,
  CombinePayloadSchema,
  ComponentsSchema,
  type Environment,
  type FunctionSpec,
  IsBounded_Enum as IsBounded,
  ParDoPayloadSchema,
  PCollectionSchema,
  type Pipeline,
  PipelineSchema,
  type PTransform,
  PTransformSchema,
  TestStreamPayload_EventSchema,
  TestStreamPayloadSchema,
  WindowIntoPayloadSchema,
} from '../proto/generated/beam/pipeline_pb.js'
import { coderToWire } from './coders.js'
import { EXTERNAL_ANNOTATION, externalNote, externalSpec } from './external.js'
import { PAR_DO_ANNOTATION, parDoBytes, parDoNote, parDoToWire } from './par-do.js'
import { functionSpec, userFunctionSpec } from './references.js'
import { WORK_CODER } from './work-coder.js'
import { strategyToWire, WINDOW_CODER_IDS, windowFnToWire } from './windowing.js'

/** Id of the one environment of a pipeline of ours. */
export const ENVIRONMENT_ID = 'millrace'

/** What a pipeline is translated for. */
export interface WireTarget {
  /** Identifies the author's code: a worker with other code is refused. */
  readonly moduleHash: string
  /** Where steps are executed. */
  readonly environment: Environment
  /** Whether the worker must set timers at which windows expire, since the engine knows no expirations. */
  readonly expiresByTimers?: boolean
}

const EXPIRATION = 'beam:requirement:pardo:on_window_expiration:v1'

/** A pipeline as a message. */
export function graphToWire(built: BuiltPipeline, target: WireTarget): Pipeline {
  return new Translation(built, target).run()
}

/** What must be known of whoever runs a pipeline, by its steps. */
export function requirementsOf(built: BuiltPipeline): readonly string[] {
  const needs = new Set<string>()
  const need = (name: string, isNeeded: boolean): void => {
    if (isNeeded) needs.add(`beam:requirement:pardo:${name}:v1`)
  }
  for (const [, { spec }] of leafTransforms(built.graph)) {
    if (spec?.urn !== urns.PAR_DO) continue
    const { payload } = spec
    need('stateful', payload.stateSpecs.size > 0 || payload.timerSpecs.size > 0 || payload.onWindowExpiration)
    need('splittable_dofn', payload.restrictionCoderId !== '')
    need('finalization', payload.requestsFinalization)
    need('stable_input', payload.requiresStableInput)
    need('time_sorted_input', payload.requiresTimeSortedInput)
    need('on_window_expiration', payload.onWindowExpiration)
  }
  return [...needs].sort()
}

class Translation {
  readonly #built: BuiltPipeline
  readonly #target: WireTarget
  readonly #coders = new Map<string, Coder>()

  constructor(built: BuiltPipeline, target: WireTarget) {
    this.#built = built
    this.#target = target
  }

  run(): Pipeline {
    const { components, rootTransformIds } = this.#built.graph
    const { moduleHash, environment } = this.#target
    for (const [id, node] of components.coders) this.#coders.set(id, coderToWire(node, moduleHash))
    this.#coder(WINDOW_CODER_IDS.global, urns.GLOBAL_WINDOW_CODER, [])
    this.#coder(WINDOW_CODER_IDS.interval, urns.INTERVAL_WINDOW_CODER, [])
    const transforms = [...components.transforms].map(([id, node]) => [id, this.#transform(node)] as const)
    const strategies = [...components.windowingStrategies].map(
      ([id, strategy]) => [id, strategyToWire(strategy, moduleHash, ENVIRONMENT_ID)] as const,
    )
    const collections = [...components.collections].map(
      ([id, node]) =>
        [
          id,
          create(PCollectionSchema, {
            uniqueName: node.uniqueName,
            coderId: node.coderId,
            isBounded: node.isBounded ? IsBounded.BOUNDED : IsBounded.UNBOUNDED,
            windowingStrategyId: node.windowingStrategyId,
          }),
        ] as const,
    )
    return create(PipelineSchema, {
      components: create(ComponentsSchema, {
        transforms: Object.fromEntries(transforms),
        pcollections: Object.fromEntries(collections),
        windowingStrategies: Object.fromEntries(strategies),
        coders: Object.fromEntries(this.#coders),
        environments: { [ENVIRONMENT_ID]: environment },
      }),
      rootTransformIds: [...rootTransformIds],
      requirements: requirementsOf(this.#built).filter(
        (name) => !(this.#target.expiresByTimers === true && name === EXPIRATION),
      ),
    })
  }

  /** A coder that only messages need. */
  #coder(id: string, urn: string, componentCoderIds: string[]): string {
    if (!this.#coders.has(id)) this.#coders.set(id, create(CoderSchema, { spec: functionSpec(urn), componentCoderIds }))
    return id
  }

  #transform(node: TransformNode): PTransform {
    const spec = this.#spec(node)
    const urn = node.spec?.urn
    const isEngines =
      urn === undefined || urn === urns.IMPULSE || urn === urns.GROUP_BY_KEY || urn === urns.FLATTEN ||
      urn === urns.RESHUFFLE || urn === urns.TEST_STREAM || urn === urns.EXTERNAL // prettier-ignore
    return create(PTransformSchema, {
      uniqueName: node.uniqueName,
      ...(spec === undefined ? {} : { spec }),
      subtransforms: [...node.subtransforms],
      inputs: Object.fromEntries(node.inputs),
      outputs: Object.fromEntries(node.outputs),
      environmentId: isEngines ? '' : ENVIRONMENT_ID,
      annotations: annotationsOf(node),
    })
  }

  #spec({ spec, inputs }: TransformNode): FunctionSpec | undefined {
    const { moduleHash } = this.#target
    const input = inputs.get('in') as string
    if (spec === undefined) return undefined
    switch (spec.urn) {
      case urns.PAR_DO: {
        const { payload } = spec
        const work = payload.restrictionCoderId === '' ? '' : this.#workCoder(payload.restrictionCoderId)
        const sent = { ...payload, restrictionCoderId: work }
        const message = parDoToWire(sent, moduleHash, this.#timerCoder(payload, input))
        if (this.#target.expiresByTimers === true) message.onWindowExpirationTimerFamilySpec = ''
        return functionSpec(spec.urn, parDoBytes(message))
      }
      case urns.WINDOW_INTO: {
        const payload = create(WindowIntoPayloadSchema, {
          windowFn: windowFnToWire(spec.payload.windowFn, moduleHash),
        })
        return functionSpec(spec.urn, toBinary(WindowIntoPayloadSchema, payload))
      }
      case urns.COMBINE_PER_KEY:
      case urns.COMBINE_GROUPED:
      case urns.COMBINE_PRE:
      case urns.COMBINE_MERGE:
      case urns.COMBINE_EXTRACT: {
        const payload = create(CombinePayloadSchema, {
          combineFn: userFunctionSpec(spec.payload.combineFn.payload, moduleHash),
          accumulatorCoderId: spec.payload.accumulatorCoderId,
        })
        return functionSpec(spec.urn, toBinary(CombinePayloadSchema, payload))
      }
      case urns.TEST_STREAM: {
        const { coderId, events } = spec.payload
        const coder = coderOf(this.#built, coderId)
        const encoded = (value: unknown): Uint8Array<ArrayBuffer> => encodeToBytes(coder, value)
        const payload = create(TestStreamPayloadSchema, {
          coderId,
          events: events.map((event) => create(TestStreamPayload_EventSchema, { event: eventToWire(event, encoded) })),
        })
        return functionSpec(spec.urn, toBinary(TestStreamPayloadSchema, payload))
      }
      case urns.EXTERNAL:
        return externalSpec(spec.payload)
      case urns.COLLECT:
      case urns.PRINT: {
        // Beam knows no such sinks: for engines they are steps without outputs.
        const payload = new TextEncoder().encode(JSON.stringify(spec.payload))
        const message = create(ParDoPayloadSchema, { doFn: functionSpec(spec.urn, payload) })
        return functionSpec(urns.PAR_DO, parDoBytes(message))
      }
      default:
        return functionSpec(spec.urn)
    }
  }

  /** Coder of the work of a splittable step: its restriction, and what is known of its watermark. */
  #workCoder(restrictionId: string): string {
    return this.#coder(`work ${restrictionId}`, WORK_CODER, [restrictionId])
  }

  /** Coder of a step's timers: of the keys and windows of its input. */
  #timerCoder({ timerSpecs, onWindowExpiration }: IrParDo, inputId: string): string {
    if (timerSpecs.size === 0 && !onWindowExpiration) return ''
    const { collections, coders, windowingStrategies } = this.#built.graph.components
    const input = collections.get(inputId)
    const [key = ''] = coders.get(input?.coderId ?? '')?.componentCoderIds ?? []
    const windowFn = windowingStrategies.get(input?.windowingStrategyId ?? '')?.windowFn
    const window = windowFn?.payload.kind === 'global' ? WINDOW_CODER_IDS.global : WINDOW_CODER_IDS.interval
    return this.#coder(`timer ${window} ${key}`, 'beam:coder:timer:v1', [key, window])
  }
}

function annotationsOf({ spec }: TransformNode): Record<string, Uint8Array<ArrayBuffer>> {
  if (spec?.urn === urns.PAR_DO) return { [PAR_DO_ANNOTATION]: parDoNote(spec.payload) }
  if (spec?.urn === urns.EXTERNAL) return { [EXTERNAL_ANNOTATION]: externalNote(spec.payload) }
  return {}
}

function eventToWire(event: TestStreamEvent, encoded: (value: unknown) => Uint8Array<ArrayBuffer>): never {
  switch (event.kind) {
    case 'elements': {
      const elements = event.elements.map(({ value, timestamp }) => ({
        encodedElement: encoded(value),
        timestamp: toWireMillis(timestamp),
      }))
      return { case: 'elementEvent', value: { elements } } as never
    }
    case 'watermark':
      return { case: 'watermarkEvent', value: { newWatermark: toWireMillis(event.timestamp) } } as never
    case 'processingTime':
      return { case: 'processingTimeEvent', value: { advanceDuration: BigInt(event.advanceMillis) } } as never
  }
}
