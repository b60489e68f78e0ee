/**
 * Asks expansion services what transforms of other SDKs consist of, and puts that in their place.
 *
 * Law: ids of ours stay as they are; what a service adds has ids of its own, by the namespace that it was given. The files that its
 * environments need are fetched from the service and staged with ours, since nobody else serves them.
 *
 * The sequence is Beam's `ExpansionService.Expand` (`beam_expansion_api.proto`) with `ArtifactRetrievalService` at the same address.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { ExpansionRequestSchema, ExpansionService } from '../proto/generated/beam/expansion_pb.js'
import { ArtifactRetrievalService, ResolveArtifactsRequestSchema } from '../proto/generated/beam/job_management_pb.js'
import {
  ArtifactFilePayloadSchema,
  type ArtifactInformation,
  type Components,
  ComponentsSchema,
  FunctionSpecSchema,
  type Pipeline,
  type PTransform,
  PTransformSchema,
} from '../proto/generated/beam/pipeline_pb.js'
import { serviceOf } from '../translation/external.js'
import { CallFailed } from '../transport/call-failed.js'
import type { Channel, Transport } from '../transport/transport.js'
import { artifactBytes } from './artifacts.js'
import type { Artifact } from './messages.js'

/** A service may start an interpreter, and import what it was asked for. */
const EXPAND_MILLIS = 120_000
const FILE_TYPE = 'beam:artifact:type:file:v1'

/**
 * Expands every transform of a pipeline that is another SDK's, in place.
 *
 * @returns the files that their workers need.
 * @throws {CallFailed} naming the step and the service.
 */
export async function expandExternals(pipeline: Pipeline, transport: Transport): Promise<readonly Artifact[]> {
  const components = pipeline.components ?? create(ComponentsSchema)
  const artifacts = new Map<string, Artifact>()
  let number = 0
  for (const [id, transform] of Object.entries(components.transforms)) {
    const service = serviceOf(transform)
    if (service === undefined) continue
    const channel = transport.connect(service)
    try {
      const namespace = `external${number++}`
      const expanded = await expand(channel, pipeline, components, transform, namespace)
      for (const environment of Object.values(expanded.environments))
        environment.dependencies = await fetched(channel, environment.dependencies, artifacts)
      merge(components, expanded, id)
    } catch (error) {
      const { status = 'UNKNOWN', message } = error as Partial<CallFailed> & Error
      throw new CallFailed(status, `step "${transform.uniqueName}" could not be expanded by ${service}: ${message}`)
    } finally {
      channel.close()
    }
  }
  return [...artifacts.values()]
}

/** What a service has answered, with the transform among the others. */
interface Expanded extends Pick<
  Components,
  'coders' | 'environments' | 'pcollections' | 'transforms' | 'windowingStrategies'
> {
  readonly transform: PTransform
}

async function expand(
  channel: Channel,
  pipeline: Pipeline,
  { coders, windowingStrategies, pcollections, environments }: Components,
  transform: PTransform,
  namespace: string,
): Promise<Expanded> {
  const inputs = Object.values(transform.inputs)
  const producers = inputs.map((id, i) => [`${namespace} producer ${i}`, producerOf(id)] as const)
  const [outputId = ''] = Object.values(transform.outputs)
  const outputCoderId = pcollections[outputId]?.coderId ?? ''
  const request = create(ExpansionRequestSchema, {
    components: create(ComponentsSchema, {
      coders,
      windowingStrategies,
      environments,
      pcollections: Object.fromEntries(inputs.flatMap((id) => (pcollections[id] === undefined ? [] : [[id, pcollections[id]]]))), // prettier-ignore
      transforms: Object.fromEntries(producers),
    }),
    transform: create(PTransformSchema, {
      uniqueName: transform.uniqueName,
      ...(transform.spec === undefined ? {} : { spec: transform.spec }),
      inputs: transform.inputs,
    }),
    namespace,
    outputCoderRequests: { out: outputCoderId },
    requirements: pipeline.requirements,
  })
  const response = await channel.call(ExpansionService.method.expand, request, { timeoutMillis: EXPAND_MILLIS })
  if (response.error !== '') throw new CallFailed('FAILED_PRECONDITION', lastLines(response.error))
  const { components: added, transform: expanded } = response
  if (added === undefined || expanded === undefined)
    throw new CallFailed('INTERNAL', 'the service has answered with nothing')
  for (const each of response.requirements) if (!pipeline.requirements.includes(each)) pipeline.requirements.push(each)
  const made = Object.values(expanded.outputs)
  if (made.length !== 1)
    throw new CallFailed('UNIMPLEMENTED', `it has ${made.length} outputs (${Object.keys(expanded.outputs).join(', ')}), and one is what there can be`) // prettier-ignore
  const [madeId = ''] = made
  checkCoder(added, coders, madeId, outputCoderId)
  for (const [id] of producers) delete added.transforms[id]
  // Others read it by the name that it has here.
  const named = (id: string): string => (id === madeId ? outputId : id)
  const transforms = Object.fromEntries(
    Object.entries(added.transforms).map(([id, each]) => [id, renamed(each, named)]),
  )
  const { uniqueName, inputs: own } = transform
  const { [madeId]: output, ...others } = added.pcollections
  return {
    coders: added.coders,
    windowingStrategies: added.windowingStrategies,
    environments: added.environments,
    pcollections: { ...others, ...(output === undefined ? {} : { [outputId]: output }) },
    transforms,
    transform: { ...renamed(expanded, named), uniqueName, inputs: own, outputs: { out: outputId } },
  }
}

/** Services look for what has made an input. */
function producerOf(id: string): PTransform {
  return create(PTransformSchema, {
    uniqueName: `producer of ${id}`,
    spec: create(FunctionSpecSchema, { urn: 'beam:transform:impulse:v1' }),
    outputs: { out: id },
  })
}

function renamed(transform: PTransform, named: (id: string) => string): PTransform {
  const all = (ids: PTransform['inputs']): PTransform['inputs'] =>
    Object.fromEntries(Object.entries(ids).map(([tag, id]) => [tag, named(id)]))
  return { ...transform, inputs: all(transform.inputs), outputs: all(transform.outputs) }
}

/** What comes out must be written as the step has said: else a worker here would read other bytes than were written. */
function checkCoder(added: Components, ours: Components['coders'], collectionId: string, expectedId: string): void {
  const all = { ...added.coders, ...ours }
  const text = (id: string, coders: Components['coders']): string => {
    const { spec, componentCoderIds = [] } = coders[id] ?? {}
    const parts = componentCoderIds.map((part) => text(part, coders))
    return `${spec?.urn ?? `unknown coder ${id}`}${parts.length === 0 ? '' : `<${parts.join(', ')}>`}`
  }
  const [given, expected] = [text(added.pcollections[collectionId]?.coderId ?? '', all), text(expectedId, ours)]
  if (given !== expected)
    throw new CallFailed(
      'FAILED_PRECONDITION',
      `its output is written as ${given}, and the step expects ${expected}: declare the types of its elements there, or say here what they are`,
    )
}

/** The files of an environment, staged by us. */
async function fetched(
  channel: Channel,
  dependencies: readonly ArtifactInformation[],
  artifacts: Map<string, Artifact>,
): Promise<ArtifactInformation[]> {
  if (dependencies.length === 0) return []
  const { resolveArtifacts } = ArtifactRetrievalService.method
  const request = create(ResolveArtifactsRequestSchema, { artifacts: [...dependencies], preferredUrns: [FILE_TYPE] })
  const { replacements } = await channel.call(resolveArtifacts, request, { timeoutMillis: EXPAND_MILLIS })
  const all: ArtifactInformation[] = []
  for (const artifact of replacements) {
    const bytes = await artifactBytes(channel, artifact).catch(({ status, message }: CallFailed) => {
      throw new CallFailed(status, `a file of its workers could not be fetched: ${message}`)
    })
    const hash = bytesToHex(sha256(bytes))
    artifacts.set(hash, { name: hash, sha256: hash, bytes })
    const payload = create(ArtifactFilePayloadSchema, { path: nameOf(artifact, hash), sha256: hash })
    all.push({ ...artifact, typeUrn: FILE_TYPE, typePayload: toBinary(ArtifactFilePayloadSchema, payload) })
  }
  return all
}

function nameOf({ typeUrn, typePayload }: ArtifactInformation, otherwise: string): string {
  return typeUrn === FILE_TYPE ? fromBinary(ArtifactFilePayloadSchema, typePayload).path : otherwise
}

/** Ids of ours win: a service sends back what it was sent. */
function merge(components: Components, expanded: Expanded, id: string): void {
  const { transform, transforms, ...tables } = expanded
  for (const [name, added] of Object.entries(tables) as [keyof typeof tables, Record<string, unknown>][]) {
    const own = components[name] as Record<string, unknown>
    for (const [key, value] of Object.entries(added)) if (!Object.hasOwn(own, key)) own[key] = value
  }
  for (const [key, each] of Object.entries(transforms)) components.transforms[key] = each
  components.transforms[id] = transform
}

/** Of a stack trace, what it comes to. */
function lastLines(error: string): string {
  return error.trim().split('\n').slice(-3).join(' ').replace(/\s+/g, ' ')
}
