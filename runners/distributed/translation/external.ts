/**
 * Transforms of other SDKs on the wire, before they are expanded: their own URN and payload, and beside them where to ask.
 *
 * Law: `externalFromWire` gives back what was sent.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import type { ExternalPayload } from '../../../sdk/graph/model.js'
import { ExternalConfigurationPayloadSchema } from '../proto/generated/beam/pipeline_pb.js'
import type { FunctionSpec, PTransform } from '../proto/generated/beam/pipeline_pb.js'
import { functionSpec } from './references.js'
import { schemaFromWire, schemaToWire } from './schemas.js'

/** Annotation of a transform that an expansion service is to be asked about. */
export const EXTERNAL_ANNOTATION = 'millrace:external:v1'

interface Note {
  readonly service: string
  /** Whether its payload is a row. */
  readonly isRow: boolean
}

/** The annotation. */
export function externalNote({ service, configuration }: ExternalPayload): Uint8Array<ArrayBuffer> {
  const note: Note = { service, isRow: !(configuration instanceof Uint8Array) }
  return new TextEncoder().encode(JSON.stringify(note))
}

/** What the service is asked to expand. */
export function externalSpec({ urn, configuration }: ExternalPayload): FunctionSpec {
  if (configuration instanceof Uint8Array) return functionSpec(urn, configuration.slice())
  const { schema, row } = configuration
  const message = create(ExternalConfigurationPayloadSchema, { schema: schemaToWire(schema), payload: row.slice() })
  return functionSpec(urn, toBinary(ExternalConfigurationPayloadSchema, message))
}

/** The address of the service, of a transform that is to be expanded. */
export function serviceOf({ annotations }: PTransform): string | undefined {
  return noteOf(annotations)?.service
}

function noteOf(annotations: PTransform['annotations']): Note | undefined {
  const note = annotations[EXTERNAL_ANNOTATION]
  return note === undefined ? undefined : (JSON.parse(new TextDecoder().decode(note)) as Note)
}

/** A transform that is to be expanded, as the graph has it; `undefined` for any other. */
export function externalFromWire({ spec, annotations }: PTransform): ExternalPayload | undefined {
  const note = noteOf(annotations)
  if (note === undefined || spec === undefined) return undefined
  const { service, isRow } = note
  if (!isRow) return { service, urn: spec.urn, configuration: spec.payload }
  const { schema, payload } = fromBinary(ExternalConfigurationPayloadSchema, spec.payload)
  return {
    service,
    urn: spec.urn,
    configuration: { schema: schema === undefined ? { fields: [] } : schemaFromWire(schema), row: payload },
  }
}
