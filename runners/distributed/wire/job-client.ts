/**
 * Hands a pipeline to an engine by Beam's Job API; a `JobFollower` then follows the job.
 */
import { create, fromBinary, type JsonObject } from '@bufbuild/protobuf'
import { BeamFnExternalWorkerPool, StartWorkerRequestSchema } from '../proto/generated/beam/fn_execution_pb.js'
import {
  type ArtifactResponseWrapper,
  ArtifactResponseWrapperSchema,
  ArtifactStagingService,
  DescribePipelineOptionsRequestSchema,
  GetArtifactResponseSchema,
  JobService,
  PrepareJobRequestSchema,
  RunJobRequestSchema,
} from '../proto/generated/beam/job_management_pb.js'
import { ArtifactFilePayloadSchema, PipelineSchema } from '../proto/generated/beam/pipeline_pb.js'
import { CallFailed } from '../transport/call-failed.js'
import type { Answered, Asked, CallOptions, Channel, UnaryMethod } from '../transport/transport.js'
import { expandExternals } from './expansion.js'
import { CALL_MILLIS, type JobFollower, type JobWorld, KNOWS_MILLIS, noEngineAt } from './job-follower.js'
import type { Artifact, JobRequest } from './messages.js'
import { TICKET_PROBE } from './ticket.js'

/** A pool answers at once, or is not there. */
const POOL_MILLIS = 5000

/** Submits one job. */
export class JobClient {
  readonly #world: JobWorld
  readonly #channel: Channel
  readonly #request: JobRequest
  readonly #follower: JobFollower
  /** Files that workers of other SDKs need. */
  #fetched: readonly Artifact[] = []

  constructor(world: JobWorld, request: JobRequest, follower: JobFollower) {
    this.#world = world
    this.#request = request
    this.#follower = follower
    this.#channel = follower.channel
  }

  /** Prepares, stages and runs. What goes wrong is told, not thrown. */
  async submit(): Promise<void> {
    try {
      await this.#askEngine()
      await this.#askPool()
      const { preparationId, stagingSessionToken, artifactStagingEndpoint } = await this.#prepare()
      const staging = artifactStagingEndpoint?.url ?? ''
      if (staging !== '') await this.#stage(staging, stagingSessionToken)
      const { run } = JobService.method
      const { jobId } = await this.#call(run, create(RunJobRequestSchema, { preparationId }))
      this.#world.tell({ kind: 'submitted', jobId })
      this.#follower.follow(jobId)
    } catch (error) {
      this.#follower.refuse(error)
    }
  }

  /** A call to the engine. What fails because there is none says where there is none. */
  #call<M extends UnaryMethod>(method: M, request: Asked<M>, options?: CallOptions): Promise<Answered<M>> {
    return this.#channel.call(method, request, options).catch((error: CallFailed) => {
      throw noEngineAt(this.#follower.endpoint, error) ?? error
    })
  }

  /** Whether anybody is there who speaks as an engine does: taking a pipeline may last, and a word comes at once. */
  async #askEngine(): Promise<void> {
    const { describePipelineOptions } = JobService.method
    const asked = create(DescribePipelineOptionsRequestSchema)
    const options = { timeoutMillis: KNOWS_MILLIS }
    await this.#channel.call(describePipelineOptions, asked, options).catch((error: CallFailed) => {
      // Not all engines know this call. One that has taken the connection, and is slow to answer, is there.
      const isThere = error.status === 'DEADLINE_EXCEEDED' && !error.message.includes('LB pick')
      const failure =
        isThere || error.status === 'UNIMPLEMENTED' ? undefined : noEngineAt(this.#follower.endpoint, error)
      if (failure !== undefined) throw failure
    })
  }

  /** Engines tell little of a pool that does not serve them, and one of them breaks. */
  async #askPool(): Promise<void> {
    const { pool } = this.#request
    if (pool === undefined) return
    const { address, params } = pool
    const channel = this.#world.transport.connect(address)
    const { startWorker } = BeamFnExternalWorkerPool.method
    const asked = create(StartWorkerRequestSchema, { workerId: 'probe', params: { ...params, [TICKET_PROBE]: '1' } })
    const { error } = await channel
      .call(startWorker, asked, { timeoutMillis: POOL_MILLIS })
      .catch(({ status, message }: CallFailed) => {
        throw new CallFailed(
          status,
          `no pool of workers answers at ${address} (${message}). Start one: millrace worker-pool`,
        )
      })
      .finally(() => channel.close())
    if (error !== '') throw new CallFailed('FAILED_PRECONDITION', `the pool of workers at ${address} refuses: ${error}`)
  }

  async #prepare() {
    const { options, jobName } = this.#request
    const pipeline = fromBinary(PipelineSchema, this.#request.pipeline)
    this.#fetched = await expandExternals(pipeline, this.#world.transport)
    return this.#call(
      JobService.method.prepare,
      create(PrepareJobRequestSchema, {
        pipeline,
        pipelineOptions: Object.fromEntries(
          Object.entries(options).map(([name, value]) => [`beam:option:${name}:v1`, value]),
        ) as JsonObject,
        jobName,
      }),
      { timeoutMillis: CALL_MILLIS },
    )
  }

  /** Answers what the engine asks for. Workers in this process have their code already; for others it is an artifact. */
  #stage(address: string, stagingToken: string): Promise<void> {
    const channel = this.#world.transport.connect(address)
    return new Promise<void>((resolve, reject) => {
      const stream = channel.stream(ArtifactStagingService.method.reverseArtifactRetrievalService, {
        message: ({ request }) => {
          if (request.case === 'resolveArtifact') {
            const { artifacts } = request.value
            const response = { case: 'resolveArtifactResponse', value: { replacements: artifacts } } as const
            stream.send(create(ArtifactResponseWrapperSchema, { stagingToken, response: response as never }))
          } else if (request.case === 'getArtifact') {
            const { typePayload } = request.value.artifact ?? { typePayload: new Uint8Array(0) }
            const { sha256 } = fromBinary(ArtifactFilePayloadSchema, typePayload)
            const all = [...(this.#request.artifacts ?? []), ...this.#fetched]
            const artifact = all.find((each) => each.sha256 === sha256)
            if (artifact === undefined) stream.cancel()
            else for (const chunk of chunksOf(artifact, stagingToken)) stream.send(chunk)
          } else stream.cancel()
        },
        end: (failure) => {
          stream.finish()
          channel.close()
          if (failure === undefined) resolve()
          else reject(new CallFailed(failure.status, `staging: ${failure.message}`))
        },
      })
      stream.send(create(ArtifactResponseWrapperSchema, { stagingToken }))
    })
  }
}

/** Bytes of an artifact that are sent at once: servers take 4 MiB. */
const CHUNK_BYTES = 2 * 1024 * 1024

function* chunksOf({ bytes }: Artifact, stagingToken: string): Iterable<ArtifactResponseWrapper> {
  const wrapped = (data: Uint8Array, isLast: boolean): ArtifactResponseWrapper => {
    const response = { case: 'getArtifactResponse', value: create(GetArtifactResponseSchema, { data: data.slice() }) } // prettier-ignore
    return create(ArtifactResponseWrapperSchema, { stagingToken, isLast, response: response as never })
  }
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield wrapped(bytes.subarray(at, at + CHUNK_BYTES), false)
  yield wrapped(new Uint8Array(0), true)
}
