/**
 * What is loaded when a job is submitted, and not before: everything that speaks protobuf.
 */
import { create, toBinary } from '@bufbuild/protobuf'
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import type { EngineNeeds } from './engine-features.js'
import { isLoopback } from './engine-settings.js'
import { forEngine } from './for-engine.js'
import { type GivenJobOptions, jobOptionsOf } from './job-options.js'
import {
  ArtifactFilePayloadSchema,
  ArtifactInformationSchema,
  ArtifactStagingToRolePayloadSchema,
  type Environment,
  EnvironmentSchema,
  ExternalPayloadSchema,
  PipelineSchema,
  ProcessPayloadSchema,
} from './proto/generated/beam/pipeline_pb.js'
import type { WorkerEnvironment } from './remote-workers.js'
import { graphToWire } from './translation/graph-to-wire.js'
import type { Artifact, JobRequest } from './wire/messages.js'

export { engineCounts } from './engine-metrics.js'
export { takeIn } from './worker/reports.js'
export { WorkerRun } from './worker/worker-run.js'
export { WorkerSide } from './worker/worker-side.js'

/** URNs of what the worker understands. */
const CAPABILITIES = [
  'beam:coder:bytes:v1',
  'beam:coder:string_utf8:v1',
  'beam:coder:kv:v1',
  'beam:coder:bool:v1',
  'beam:coder:varint:v1',
  'beam:coder:double:v1',
  'beam:coder:iterable:v1',
  'beam:coder:timer:v1',
  'beam:coder:interval_window:v1',
  'beam:coder:length_prefix:v1',
  'beam:coder:global_window:v1',
  'beam:coder:windowed_value:v1',
  'beam:coder:param_windowed_value:v1',
  'beam:coder:nullable:v1',
]

/** What a job is made of besides its pipeline. */
export interface JobParts {
  readonly moduleHash: string
  /** `host:port` of the Job API. */
  readonly endpoint: string
  readonly workers: WorkerEnvironment
  readonly needs: EngineNeeds
  /** What the author says of the job. */
  readonly given: GivenJobOptions
  /** Files for workers. */
  readonly artifacts: readonly Artifact[]
  /** Whether this process reaches what the engine reaches. */
  readonly isEngineHere: boolean
}

/** The job that runs a pipeline. */
export function jobOf(
  built: BuiltPipeline,
  { moduleHash, endpoint, workers, needs, given, artifacts, isEngineHere }: JobParts,
): JobRequest {
  const { takesCombinesInParts, expiresByTimers } = needs
  const environment = environmentOf(workers, artifacts)
  const pipeline = graphToWire(forEngine(built, takesCombinesInParts), { moduleHash, environment, expiresByTimers })
  return {
    endpoint,
    jobName: built.name.replace(/[^A-Za-z0-9_-]+/g, '-') || 'pipeline',
    pipeline: toBinary(PipelineSchema, pipeline),
    options: jobOptionsOf(built, needs, given),
    artifacts,
    // From elsewhere a name of this machine leads to another one.
    ...(artifacts.length > 0 && workers.kind === 'external' && (isEngineHere || !isLoopback(hostOf(workers.address)))
      ? { pool: workers }
      : {}),
  }
}

function hostOf(address: string): string {
  return address.replace(/:\d+$/, '')
}

/** Where steps are executed. */
function environmentOf(workers: WorkerEnvironment, artifacts: readonly Artifact[]): Environment {
  const dependencies = artifacts.map(({ name, sha256 }) =>
    create(ArtifactInformationSchema, {
      typeUrn: 'beam:artifact:type:file:v1',
      typePayload: toBinary(ArtifactFilePayloadSchema, create(ArtifactFilePayloadSchema, { path: name, sha256 })),
      roleUrn: 'beam:artifact:role:staging_to:v1',
      rolePayload: toBinary(
        ArtifactStagingToRolePayloadSchema,
        create(ArtifactStagingToRolePayloadSchema, { stagedName: name }),
      ),
    }),
  )
  const common = { capabilities: CAPABILITIES, dependencies }
  if (workers.kind === 'external') {
    const { address, params } = workers
    const payload = create(ExternalPayloadSchema, { endpoint: { url: address }, params: { ...params } })
    return create(EnvironmentSchema, {
      ...common,
      urn: 'beam:env:external:v1',
      payload: toBinary(ExternalPayloadSchema, payload),
    })
  }
  const payload = create(ProcessPayloadSchema, { command: workers.command, env: { ...workers.variables } })
  return create(EnvironmentSchema, {
    ...common,
    urn: 'beam:env:process:v1',
    payload: toBinary(ProcessPayloadSchema, payload),
  })
}
