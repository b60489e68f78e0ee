/**
 * What steps declare to keep: state, timers, side inputs as Beam's messages, both ways.
 */
import { create } from '@bufbuild/protobuf'
import { PipelineError } from '../../../sdk/errors.js'
import type { SideInputNode, StateSpecNode, TimerSpecNode } from '../../../sdk/graph/model.js'
import * as urns from '../../../sdk/graph/urns.js'
import {
  type FunctionSpec,
  type SideInput,
  SideInputSchema,
  type StateSpec,
  StateSpecSchema,
  TimeDomain_Enum as TimeDomain,
  type TimerFamilySpec,
  TimerFamilySpecSchema,
} from '../proto/generated/beam/pipeline_pb.js'
import { functionSpec, referenceOf, userFunctionSpec } from './references.js'

const BAG = 'beam:user_state:bag:v1'
const PROTOCOLS = {
  readModifyWrite: BAG,
  bag: BAG,
  set: BAG,
  combining: BAG,
  map: 'beam:user_state:multimap:v1',
  multimap: 'beam:user_state:multimap:v1',
  orderedList: 'beam:user_state:ordered_list:v1',
} as const

/** A state cell as a message. */
export function stateSpecToWire(node: StateSpecNode, moduleHash: string): StateSpec {
  return create(StateSpecSchema, { spec: armOf(node, moduleHash), protocol: functionSpec(PROTOCOLS[node.kind]) })
}

function armOf(node: StateSpecNode, moduleHash: string): StateSpec['spec'] {
  const made = (kind: string, value: object): StateSpec['spec'] =>
    create(StateSpecSchema, { spec: { case: kind, value } as never }).spec
  switch (node.kind) {
    case 'readModifyWrite':
      return made('readModifyWriteSpec', { coderId: node.coderId })
    case 'bag':
    case 'set':
    case 'orderedList':
      return made(`${node.kind}Spec`, { elementCoderId: node.elementCoderId })
    case 'map':
    case 'multimap':
      return made(`${node.kind}Spec`, { keyCoderId: node.keyCoderId, valueCoderId: node.valueCoderId })
    case 'combining':
      return made('combiningSpec', {
        accumulatorCoderId: node.accumulatorCoderId,
        combineFn: userFunctionSpec(node.combineFn.payload, moduleHash),
      })
  }
}

/** A message as a state cell. */
export function stateSpecFromWire({ spec }: StateSpec): StateSpecNode {
  switch (spec.case) {
    case 'readModifyWriteSpec':
      return { kind: 'readModifyWrite', coderId: spec.value.coderId }
    case 'bagSpec':
      return { kind: 'bag', elementCoderId: spec.value.elementCoderId }
    case 'setSpec':
      return { kind: 'set', elementCoderId: spec.value.elementCoderId }
    case 'orderedListSpec':
      return { kind: 'orderedList', elementCoderId: spec.value.elementCoderId }
    case 'mapSpec':
      return { kind: 'map', keyCoderId: spec.value.keyCoderId, valueCoderId: spec.value.valueCoderId }
    case 'multimapSpec':
      return { kind: 'multimap', keyCoderId: spec.value.keyCoderId, valueCoderId: spec.value.valueCoderId }
    case 'combiningSpec':
      return {
        kind: 'combining',
        accumulatorCoderId: spec.value.accumulatorCoderId,
        combineFn: irFunction(spec.value.combineFn),
      }
    case undefined:
      throw new PipelineError('MR-6202', 'the engine sends a state cell of a kind that is not known here')
  }
}

/** A timer as a message. @param timerCoderId coder of the step's timers: of its key and its windows. */
export function timerSpecToWire({ timeDomain }: TimerSpecNode, timerCoderId: string): TimerFamilySpec {
  const domain = timeDomain === 'eventTime' ? TimeDomain.EVENT_TIME : TimeDomain.PROCESSING_TIME
  return create(TimerFamilySpecSchema, { timeDomain: domain, timerFamilyCoderId: timerCoderId })
}

/** A message as a timer. Whether it has tags only the SDK knows. */
export function timerSpecFromWire({ timeDomain }: TimerFamilySpec, isFamily: boolean): TimerSpecNode {
  return { timeDomain: timeDomain === TimeDomain.EVENT_TIME ? 'eventTime' : 'processingTime', isFamily }
}

/** URN by which a view says that the windows of its collection say which of them is read. */
const DEFAULT_MAPPING = 'millrace:window_mapping:default:v1'

/** A side input as a message. */
export function sideInputToWire(node: SideInputNode, moduleHash: string): SideInput {
  const { windowMappingFn: mapping } = node
  return create(SideInputSchema, {
    accessPattern: functionSpec(node.accessPattern),
    viewFn: userFunctionSpec(node.viewFn.payload, moduleHash),
    windowMappingFn:
      mapping === undefined ? functionSpec(DEFAULT_MAPPING) : userFunctionSpec(mapping.payload, moduleHash),
  })
}

/** A message as a side input. @param viewName what the author calls the view. */
export function sideInputFromWire(side: SideInput, viewName: string): SideInputNode {
  const { accessPattern, viewFn, windowMappingFn: mapping } = side
  return {
    accessPattern: accessPattern?.urn === urns.SIDE_MULTIMAP ? urns.SIDE_MULTIMAP : urns.SIDE_ITERABLE,
    viewFn: irFunction(viewFn),
    ...(mapping?.urn === urns.USER_FUNCTION ? { windowMappingFn: irFunction(mapping) } : {}),
    viewName,
  }
}

/** A user function as the graph has it. */
export function irFunction(spec: FunctionSpec | undefined): StateSpecFunction {
  const { step, role, index } = referenceOf(spec)
  return { urn: urns.USER_FUNCTION, payload: { step, role, index } }
}

type StateSpecFunction = SideInputNode['viewFn']
