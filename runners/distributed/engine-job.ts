/**
 * What is loaded when a job is submitted, and not before: everything that speaks protobuf.
 */
import { create, toBinary } from '@bufbuild/protobuf'
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import type { EngineNeeds } from './engine-features.js'
import { forEngine } from './for-engine.js'
import {
  type Environment,
  EnvironmentSchema,
  ExternalPayloadSchema,
  PipelineSchema,
} from './proto/generated/beam/pipeline_pb.js'
import { graphToWire } from './translation/graph-to-wire.js'
import type { JobRequest } from './wire/messages.js'

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

/** The job that runs a pipeline, with workers that the pool at `poolAddress` starts. */
export function jobOf(
  built: BuiltPipeline,
  moduleHash: string,
  endpoint: string,
  poolAddress: string,
  needs: EngineNeeds,
): JobRequest {
  const { takesCombinesInParts, expiresByTimers, jobOptions } = needs
  const environment = externalEnvironment(poolAddress)
  const pipeline = graphToWire(forEngine(built, takesCombinesInParts), { moduleHash, environment, expiresByTimers })
  return {
    endpoint,
    jobName: built.name.replace(/[^A-Za-z0-9_-]+/g, '-') || 'pipeline',
    pipeline: toBinary(PipelineSchema, pipeline),
    options: jobOptions,
  }
}

/** Where steps are executed: by workers that the engine asks this process to start. */
function externalEnvironment(poolAddress: string): Environment {
  const payload = create(ExternalPayloadSchema, { endpoint: { url: poolAddress } })
  return create(EnvironmentSchema, {
    urn: 'beam:env:external:v1',
    payload: toBinary(ExternalPayloadSchema, payload),
    capabilities: CAPABILITIES,
  })
}
