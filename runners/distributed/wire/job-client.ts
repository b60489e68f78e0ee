/**
 * Hands a pipeline to an engine by Beam's Job API, and follows the job until it is over.
 *
 * Law: the job has ended exactly once here: by a state that is final, or by a failure of the connection.
 */
import { create, fromBinary, type JsonObject, toBinary } from '@bufbuild/protobuf'
import { BeamFnExternalWorkerPool, StartWorkerRequestSchema } from '../proto/generated/beam/fn_execution_pb.js'
import {
  type ArtifactResponseWrapper,
  ArtifactResponseWrapperSchema,
  ArtifactStagingService,
  CancelJobRequestSchema,
  DrainJobRequestSchema,
  GetArtifactResponseSchema,
  GetJobMetricsRequestSchema,
  GetJobStateRequestSchema,
  JobMessage_MessageImportance as Importance,
  JobMessagesRequestSchema,
  JobService,
  JobState_Enum as JobState,
  MetricResultsSchema,
  PrepareJobRequestSchema,
  RunJobRequestSchema,
} from '../proto/generated/beam/job_management_pb.js'
import { ArtifactFilePayloadSchema, PipelineSchema } from '../proto/generated/beam/pipeline_pb.js'
import { CallFailed } from '../transport/call-failed.js'
import type { Channel, MessageStream, Transport, TransportFailure } from '../transport/transport.js'
import { expandExternals } from './expansion.js'
import type { Artifact, JobRequest, JobStateName, ToUser } from './messages.js'
import { TICKET_PROBE } from './ticket.js'

/** Calls that an engine answers without running anything. */
const CALL_MILLIS = 120_000
/** A pool answers at once, or is not there. */
const POOL_MILLIS = 5000
/** After its last state a job may still have something to say. */
const LAST_WORDS_MILLIS = 500
const METRICS_MILLIS = 10_000

const FINAL: ReadonlySet<JobStateName> = new Set<JobStateName>(['DONE', 'FAILED', 'CANCELLED', 'UPDATED', 'DRAINED'])

/** What the client needs of the world. */
export interface JobWorld {
  readonly transport: Transport
  tell(message: ToUser): void
  later(millis: number, run: () => void): void
}

/** A job on an engine. */
export class JobClient {
  readonly #world: JobWorld
  readonly #channel: Channel
  readonly #request: JobRequest
  readonly #streams: MessageStream<never>[] = []
  #jobId: string | undefined
  /** Files that workers of other SDKs need. */
  #fetched: readonly Artifact[] = []
  #isOver = false
  #wantsCancel = false
  #hasFinished = false
  #lastError: string | undefined

  constructor(world: JobWorld, request: JobRequest) {
    this.#world = world
    this.#request = request
    this.#channel = world.transport.connect(request.endpoint)
  }

  /** Prepares, stages and runs. What goes wrong is told, not thrown. */
  async submit(): Promise<void> {
    try {
      await this.#askPool()
      const { preparationId, stagingSessionToken, artifactStagingEndpoint } = await this.#prepare()
      const staging = artifactStagingEndpoint?.url ?? ''
      if (staging !== '') await this.#stage(staging, stagingSessionToken)
      const { run } = JobService.method
      const { jobId } = await this.#channel.call(run, create(RunJobRequestSchema, { preparationId }))
      this.#jobId = jobId
      this.#world.tell({ kind: 'submitted', jobId })
      this.#follow(jobId)
      if (this.#wantsCancel) this.cancel()
    } catch (error) {
      const { status = 'UNKNOWN', message } = error as Partial<CallFailed> & Error
      this.#end({ kind: 'jobRefused', status, message })
    }
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
    return this.#channel.call(
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

  #follow(jobId: string): void {
    const messages = this.#channel.stream(JobService.method.getMessageStream, {
      message: ({ response }) => {
        if (response.case !== 'messageResponse') return
        const { importance, messageText: text } = response.value
        if (importance === Importance.JOB_MESSAGE_ERROR) this.#lastError = text
        this.#world.tell({ kind: 'jobMessage', importance, text })
      },
      end: () => undefined,
    })
    messages.send(create(JobMessagesRequestSchema, { jobId }))
    const states = this.#channel.stream(JobService.method.getStateStream, {
      message: ({ state }) => this.#state(nameOfState(state)),
      end: (failure) => this.#streamEnded(failure),
    })
    states.send(create(GetJobStateRequestSchema, { jobId }))
    this.#streams.push(messages, states)
  }

  #state(state: JobStateName): void {
    this.#world.tell({ kind: 'jobState', state })
    if (!FINAL.has(state) || this.#hasFinished) return
    this.#hasFinished = true
    void this.#tellMetrics().then(() => this.#finished(state))
  }

  #finished(state: JobStateName): void {
    const end = (): void => this.#end({ kind: 'jobEnded', state, error: this.#lastError })
    if (state === 'DONE' || this.#lastError !== undefined) end()
    // Why it failed may come after the news that it has.
    else this.#world.later(LAST_WORDS_MILLIS, end)
  }

  /** What the engine has counted. Not all engines count, and a job that failed may have nothing to say. */
  async #tellMetrics(): Promise<void> {
    const jobId = this.#jobId
    if (jobId === undefined) return
    const { getJobMetrics } = JobService.method
    try {
      const request = create(GetJobMetricsRequestSchema, { jobId })
      const { metrics } = await this.#channel.call(getJobMetrics, request, { timeoutMillis: METRICS_MILLIS })
      if (metrics === undefined || this.#isOver) return
      this.#world.tell({ kind: 'jobMetrics', bytes: toBinary(MetricResultsSchema, metrics) })
    } catch {
      // Then there is what this process knows.
    }
  }

  #streamEnded(failure: TransportFailure | undefined): void {
    if (this.#hasFinished) return
    const { status, message } = failure ?? { status: 'UNKNOWN', message: 'it says no more of the job' }
    const end = (): void => this.#end({ kind: 'jobRefused', status, message: `the engine is gone: ${message}` })
    if (failure === undefined) this.#world.later(2 * LAST_WORDS_MILLIS, end)
    else end()
  }

  #end(message: ToUser): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#world.tell(message)
  }

  /** Gives the job up. */
  cancel(): void {
    this.#wantsCancel = true
    const jobId = this.#jobId
    if (jobId === undefined || this.#isOver) return
    this.#channel
      .call(JobService.method.cancel, create(CancelJobRequestSchema, { jobId }), { timeoutMillis: CALL_MILLIS })
      .then(({ state }) => this.#state(nameOfState(state)))
      .catch(({ status, message }: CallFailed) => this.#end({ kind: 'jobRefused', status, message }))
  }

  /** Asks the engine to end the job in order. */
  drain(): void {
    const jobId = this.#jobId
    if (jobId === undefined || this.#isOver) return
    this.#channel
      .call(JobService.method.drain, create(DrainJobRequestSchema, { jobId }), { timeoutMillis: CALL_MILLIS })
      .catch(({ status, message }: CallFailed) => {
        this.#world.tell({ kind: 'jobMessage', importance: Importance.JOB_MESSAGE_WARNING, text: `the engine cannot drain a job (${status}: ${message})` }) // prettier-ignore
      })
  }

  close(): void {
    this.#isOver = true
    for (const stream of this.#streams) stream.cancel()
    this.#channel.close()
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

function nameOfState(state: number): JobStateName {
  const found = Object.entries(JobState).find(([, value]) => value === state)
  return (found?.[0] ?? 'UNSPECIFIED') as JobStateName
}
