/**
 * Beam's Pipeline message as a graph. See `graph-to-wire.ts` for what it does not hold.
 */
import { fromBinary } from '@bufbuild/protobuf'
import { decodeFromBytes, fromWireMillis } from '../../../sdk/coders/index.js'
import { PipelineError } from '../../../sdk/errors.js'
import type {
  CoderNode,
  CollectionNode,
  FunctionTable,
  PipelineGraph,
  TestStreamEvent,
  TransformNode,
  TransformSpec,
} from '../../../sdk/graph/model.js'
import * as urns from '../../../sdk/graph/urns.js'
import {
  CombinePayloadSchema,
  IsBounded_Enum as IsBounded,
  type Pipeline,
  type PTransform,
  type TestStreamPayload_Event,
  TestStreamPayloadSchema,
  WindowIntoPayloadSchema,
} from '../proto/generated/beam/pipeline_pb.js'
import { coderFromWire, WireCoderTable } from './coders.js'
import { externalFromWire } from './external.js'
import { parDoFromWire, sinkOf } from './par-do.js'
import { irFunction } from './state.js'
import { WORK_CODER } from './work-coder.js'
import { strategyFromWire, WINDOW_CODER_IDS, windowFnFromWire } from './windowing.js'

const WIRE_CODERS: ReadonlySet<string> = new Set(Object.values(WINDOW_CODER_IDS))

const WIRE_URNS: ReadonlySet<string> = new Set(['beam:coder:timer:v1', WORK_CODER])

/** A message as a graph. @throws {PipelineError} when something in it is not millrace's. */
export function graphFromWire({ components, rootTransformIds }: Pipeline, functions: FunctionTable): PipelineGraph {
  const { transforms = {}, pcollections = {}, coders = {}, windowingStrategies = {} } = components ?? {}
  const table = new WireCoderTable(coders, functions)
  const strategies = Object.entries(windowingStrategies).map(
    ([id, strategy]) => [id, strategyFromWire(strategy, functions)] as const,
  )
  return {
    components: {
      transforms: new Map(
        Object.entries(transforms).map(([id, transform]): [string, TransformNode] => [
          id,
          {
            uniqueName: transform.uniqueName,
            spec: specFromWire(transform, functions, table),
            subtransforms: transform.subtransforms,
            inputs: new Map(Object.entries(transform.inputs)),
            outputs: new Map(Object.entries(transform.outputs)),
            source: undefined,
          },
        ]),
      ),
      collections: new Map(
        Object.entries(pcollections).map(([id, collection]): [string, CollectionNode] => [
          id,
          {
            uniqueName: collection.uniqueName,
            coderId: collection.coderId,
            isBounded: collection.isBounded === IsBounded.BOUNDED,
            windowingStrategyId: collection.windowingStrategyId,
          },
        ]),
      ),
      windowingStrategies: new Map(strategies),
      coders: new Map(
        Object.entries(coders)
          .filter(([id, { spec }]) => !WIRE_CODERS.has(id) && !WIRE_URNS.has(spec?.urn ?? ''))
          .map(([id, coder]): [string, CoderNode] => [id, coderFromWire(coder)]),
      ),
    },
    rootTransformIds,
  }
}

/** What a transform does. */
export function specFromWire(
  transform: PTransform,
  functions: FunctionTable,
  coders: WireCoderTable,
): TransformSpec | undefined {
  const payload = transform.spec?.payload ?? new Uint8Array(0)
  const urn = transform.spec?.urn
  const external = externalFromWire(transform)
  if (external !== undefined) return { urn: urns.EXTERNAL, payload: external }
  switch (urn) {
    case undefined:
    case '':
      return undefined
    case urns.IMPULSE:
    case urns.FLATTEN:
    case urns.GROUP_BY_KEY:
    case urns.RESHUFFLE:
      return { urn }
    case urns.PAR_DO: {
      const sink = sinkOf(transform)
      if (sink === undefined) {
        const sent = parDoFromWire(transform)
        const work = sent.restrictionCoderId
        return { urn, payload: work === '' ? sent : { ...sent, restrictionCoderId: coders.partsOf(work)[0] ?? '' } }
      }
      const said = JSON.parse(new TextDecoder().decode(sink.payload)) as { name: string; limit: number }
      return { urn: sink.urn as typeof urns.PRINT, payload: said }
    }
    case urns.WINDOW_INTO: {
      const { windowFn } = fromBinary(WindowIntoPayloadSchema, payload)
      return { urn, payload: { windowFn: windowFnFromWire(windowFn, functions) } }
    }
    case urns.COMBINE_PER_KEY:
    case urns.COMBINE_GROUPED:
    case urns.COMBINE_PRE:
    case urns.COMBINE_MERGE:
    case urns.COMBINE_EXTRACT: {
      const { combineFn, accumulatorCoderId } = fromBinary(CombinePayloadSchema, payload)
      return { urn, payload: { combineFn: irFunction(combineFn), accumulatorCoderId } }
    }
    case urns.TEST_STREAM: {
      const { coderId, events } = fromBinary(TestStreamPayloadSchema, payload)
      const coder = coders.of(coderId)
      const decode = (bytes: Uint8Array): unknown => decodeFromBytes(coder, bytes)
      return { urn, payload: { coderId, events: events.map(({ event }) => eventFromWire(event, decode)) } }
    }
    default:
      throw new PipelineError('MR-6202', `step "${transform.uniqueName}" has the unknown transform ${urn}`)
  }
}

function eventFromWire(
  event: TestStreamPayload_Event['event'],
  decode: (bytes: Uint8Array) => unknown,
): TestStreamEvent {
  switch (event.case) {
    case 'watermarkEvent':
      return { kind: 'watermark', timestamp: fromWireMillis(event.value.newWatermark) }
    case 'processingTimeEvent':
      return { kind: 'processingTime', advanceMillis: Number(event.value.advanceDuration) }
    default: {
      const elements = event.case === 'elementEvent' ? event.value.elements : []
      return {
        kind: 'elements',
        elements: elements.map(({ encodedElement, timestamp }) => ({
          value: decode(encodedElement),
          timestamp: fromWireMillis(timestamp),
        })),
      }
    }
  }
}
