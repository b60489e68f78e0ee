/**
 * Functions of the author on the wire: never code, always the reference by which a worker that has built the same graph finds them.
 *
 * Law: a reference is found again exactly as it was sent, with the module that it belongs to.
 */
import { create } from '@bufbuild/protobuf'
import { PipelineError } from '../../../sdk/errors.js'
import type { FunctionRole, Reference } from '../../../sdk/graph/model.js'
import * as urns from '../../../sdk/graph/urns.js'
import { type FunctionSpec, FunctionSpecSchema } from '../proto/generated/beam/pipeline_pb.js'

/** A reference, with the module that has the function. */
export interface WireReference extends Reference {
  readonly moduleHash: string
}

/** Bytes of a reference. */
export function encodeReference({ step, role, index }: Reference, moduleHash: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify({ moduleHash, step, role, index }))
}

/** A reference from its bytes. @throws {PipelineError} when they are none. */
export function decodeReference(payload: Uint8Array): WireReference {
  const text = new TextDecoder().decode(payload)
  try {
    const { moduleHash, step, role, index } = JSON.parse(text) as Partial<WireReference>
    if (typeof moduleHash === 'string' && typeof step === 'string' && typeof index === 'number' && role !== undefined)
      return { moduleHash, step, role: role satisfies FunctionRole, index }
  } catch {
    // Said below.
  }
  throw new PipelineError('MR-6202', `a function on the wire is no reference of millrace's: ${JSON.stringify(text)}`)
}

/** A FunctionSpec message. */
export function functionSpec(urn: string, payload: Uint8Array<ArrayBuffer> = new Uint8Array(0)): FunctionSpec {
  return create(FunctionSpecSchema, { urn, payload })
}

/** A user function as a FunctionSpec. */
export function userFunctionSpec(reference: Reference, moduleHash: string): FunctionSpec {
  return functionSpec(urns.USER_FUNCTION, encodeReference(reference, moduleHash))
}

/** The reference of a FunctionSpec. @throws {PipelineError} when it is another SDK's. */
export function referenceOf(spec: FunctionSpec | undefined): WireReference {
  if (spec?.urn === urns.USER_FUNCTION) return decodeReference(spec.payload)
  throw new PipelineError('MR-6202', `a function has the URN "${spec?.urn ?? ''}", and is not millrace's`)
}
