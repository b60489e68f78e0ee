/**
 * ParDos as Beam's messages, both ways. What Beam has no word for (names of views, timers with tags, deliveries, the order in which
 * cells are declared) stands in an annotation of the transform, which engines hand back and do not look at.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import type { DeliveryNode, ParDoPayload as IrPayload } from '../../../sdk/graph/model.js'
import * as urns from '../../../sdk/graph/urns.js'
import { type ParDoPayload, ParDoPayloadSchema, type PTransform } from '../proto/generated/beam/pipeline_pb.js'
import { userFunctionSpec } from './references.js'
import {
  irFunction,
  sideInputFromWire,
  sideInputToWire,
  stateSpecFromWire,
  stateSpecToWire,
  timerSpecFromWire,
  timerSpecToWire,
} from './state.js'

/** Name of the annotation. */
export const PAR_DO_ANNOTATION = 'millrace:par_do:v1'
/** The timer family by which an engine tells that a window expires. */
export const EXPIRATION_FAMILY = '$expiration'

interface Note {
  readonly views: readonly (readonly [tag: string, view: string])[]
  readonly cells: readonly string[]
  readonly timers: readonly (readonly [name: string, isFamily: boolean])[]
  readonly delivery: DeliveryNode | undefined
}

/** The payload of a ParDo. @param timerCoderId coder of its timers, where it has some. */
export function parDoToWire(payload: IrPayload, moduleHash: string, timerCoderId: string): ParDoPayload {
  const { sideInputs, stateSpecs, timerSpecs, onWindowExpiration } = payload
  const timers = [...timerSpecs].map(([name, spec]) => [name, timerSpecToWire(spec, timerCoderId)] as const)
  const expiration = timerSpecToWire({ timeDomain: 'eventTime', isFamily: false }, timerCoderId)
  return create(ParDoPayloadSchema, {
    doFn: userFunctionSpec(payload.doFn.payload, moduleHash),
    sideInputs: Object.fromEntries([...sideInputs].map(([tag, side]) => [tag, sideInputToWire(side, moduleHash)])),
    stateSpecs: Object.fromEntries([...stateSpecs].map(([name, spec]) => [name, stateSpecToWire(spec, moduleHash)])),
    timerFamilySpecs: Object.fromEntries(onWindowExpiration ? [...timers, [EXPIRATION_FAMILY, expiration]] : timers),
    restrictionCoderId: payload.restrictionCoderId,
    requestsFinalization: payload.requestsFinalization,
    requiresTimeSortedInput: payload.requiresTimeSortedInput,
    requiresStableInput: payload.requiresStableInput,
    onWindowExpirationTimerFamilySpec: onWindowExpiration ? EXPIRATION_FAMILY : '',
  })
}

/** The annotation of a ParDo. */
export function parDoNote({ sideInputs, stateSpecs, timerSpecs, delivery }: IrPayload): Uint8Array<ArrayBuffer> {
  const note: Note = {
    views: [...sideInputs].map(([tag, { viewName }]) => [tag, viewName]),
    cells: [...stateSpecs.keys()],
    timers: [...timerSpecs].map(([name, { isFamily }]) => [name, isFamily]),
    delivery,
  }
  return new TextEncoder().encode(JSON.stringify(note))
}

/** The payload of a transform that is a ParDo of ours. */
export function parDoFromWire({ spec, annotations }: PTransform): IrPayload {
  const wire = fromBinary(ParDoPayloadSchema, spec?.payload ?? new Uint8Array(0))
  const noted = annotations[PAR_DO_ANNOTATION]
  const note: Note =
    noted === undefined
      ? { views: [], cells: Object.keys(wire.stateSpecs), timers: [], delivery: undefined }
      : (JSON.parse(new TextDecoder().decode(noted)) as Note)
  const sides = note.views.flatMap(([tag, view]) => {
    const side = wire.sideInputs[tag]
    return side === undefined ? [] : [[tag, sideInputFromWire(side, view)] as const]
  })
  const cells = note.cells.flatMap((name) => {
    const cell = wire.stateSpecs[name]
    return cell === undefined ? [] : [[name, stateSpecFromWire(cell)] as const]
  })
  const timers = note.timers.flatMap(([name, isFamily]) => {
    const timer = wire.timerFamilySpecs[name]
    return timer === undefined ? [] : [[name, timerSpecFromWire(timer, isFamily)] as const]
  })
  return {
    doFn: irFunction(wire.doFn),
    sideInputs: new Map(sides),
    stateSpecs: new Map(cells),
    timerSpecs: new Map(timers),
    restrictionCoderId: wire.restrictionCoderId,
    onWindowExpiration: wire.onWindowExpirationTimerFamilySpec !== '',
    requestsFinalization: wire.requestsFinalization,
    requiresTimeSortedInput: wire.requiresTimeSortedInput,
    requiresStableInput: wire.requiresStableInput,
    delivery: note.delivery,
  }
}

/** Whether the function of a ParDo is what collects or prints here. */
export function sinkOf({ spec }: PTransform): { readonly urn: string; readonly payload: Uint8Array } | undefined {
  if (spec?.urn !== urns.PAR_DO) return undefined
  const { doFn } = fromBinary(ParDoPayloadSchema, spec.payload)
  return doFn?.urn === urns.COLLECT || doFn?.urn === urns.PRINT ? doFn : undefined
}

/** Bytes of a payload. */
export function parDoBytes(payload: ParDoPayload): Uint8Array<ArrayBuffer> {
  return toBinary(ParDoPayloadSchema, payload)
}
