/**
 * Follows a job on an engine until it is over, and asks the engine to end it: a job that was submitted here, or one that somebody else has
 * submitted.
 *
 * Law: the job has ended exactly once here: by a state that is final, or by a failure of the connection. Whoever follows a job holds
 * nothing of it: it goes on when the follower has gone.
 */
import { create, toBinary } from '@bufbuild/protobuf'
import {
  CancelJobRequestSchema,
  DrainJobRequestSchema,
  GetJobMetricsRequestSchema,
  GetJobStateRequestSchema,
  JobMessage_MessageImportance as Importance,
  JobMessagesRequestSchema,
  JobService,
  JobState_Enum as JobState,
  MetricResultsSchema,
} from '../proto/generated/beam/job_management_pb.js'
import { CallFailed } from '../transport/call-failed.js'
import type { Channel, MessageStream, Transport, TransportFailure } from '../transport/transport.js'
import type { JobStateName, ToUser } from './messages.js'

/** Calls that an engine answers without running anything. */
export const CALL_MILLIS = 120_000
/** An engine knows at once whether it has a job; who has not said a word until then is none. */
export const KNOWS_MILLIS = 5000
/** After its last state a job may still have something to say. */
const LAST_WORDS_MILLIS = 500
const METRICS_MILLIS = 10_000
/** So often somebody who has come to a job asks what the engine has counted. */
const LOOK_MILLIS = 1000

const FINAL: ReadonlySet<JobStateName> = new Set<JobStateName>(['DONE', 'FAILED', 'CANCELLED', 'UPDATED', 'DRAINED'])

/** How gRPC says that an answer came which is none of its own. */
const NOT_GRPC = /Protocol error|without gRPC status|HTTP status code/

/** What is wrong with a place where a call has failed; `undefined` where an engine has answered it. */
export function noEngineAt(endpoint: string, { status, message }: TransportFailure): CallFailed | undefined {
  const [, why = message] = /Last error: (?:Error: )?(.*?)(?: \(\d{4}-[^)]*\))?\. Resolution note/.exec(message) ?? []
  const failed = (text: string): CallFailed => new CallFailed(status, text)
  if (status === 'UNIMPLEMENTED' || NOT_GRPC.test(message))
    return failed(
      `what listens at ${endpoint} does not speak Beam’s Job API (${why}). Give jobEndpoint (--job-endpoint) the address of a job server, such as localhost:8099; the REST service of a Flink cluster is named by flinkMaster (--flink-master).`,
    )
  const gone = `the engine at ${endpoint} does not answer`
  if (status === 'DEADLINE_EXCEEDED')
    return failed(
      `${gone} in time: nothing was heard from there. Look whether jobEndpoint (--job-endpoint) is the address of its Job API, and whether it works.`,
    )
  if (status !== 'UNAVAILABLE') return undefined
  return failed(`${gone}: ${why}. Start it there, or name another address: jobEndpoint (--job-endpoint).`)
}

/** What the follower needs of the world. */
export interface JobWorld {
  readonly transport: Transport
  tell(message: ToUser): void
  later(millis: number, run: () => void): void
}

/** A job on an engine. */
export class JobFollower {
  /** Leads to the engine. */
  readonly channel: Channel
  /** `host:port` of the Job API. */
  readonly endpoint: string
  readonly #world: JobWorld
  readonly #streams: MessageStream<never>[] = []
  #jobId: string | undefined
  #isOver = false
  #asked: 'cancel' | 'drain' | undefined
  #hasFinished = false
  #lastError: string | undefined

  /** @param endpoint `host:port` of the Job API. */
  constructor(world: JobWorld, endpoint: string) {
    this.#world = world
    this.endpoint = endpoint
    this.channel = world.transport.connect(endpoint)
  }

  /** Comes to a job that runs. What goes wrong is told, not thrown. */
  async attach(jobId: string): Promise<void> {
    const request = create(GetJobStateRequestSchema, { jobId })
    try {
      await this.channel.call(JobService.method.getState, request, { timeoutMillis: KNOWS_MILLIS })
    } catch (error) {
      const { status, message } = error as CallFailed
      const hasNone = new CallFailed(status, `the engine at ${this.endpoint} has no job ${jobId}: ${message}`)
      return this.refuse(noEngineAt(this.endpoint, { status, message }) ?? hasNone)
    }
    if (this.#isOver) return
    this.follow(jobId)
    this.#lookAgain()
  }

  /** Follows a job that the engine has. */
  follow(jobId: string): void {
    this.#jobId = jobId
    const messages = this.channel.stream(JobService.method.getMessageStream, {
      message: ({ response }) => {
        if (response.case !== 'messageResponse') return
        const { importance, messageText: text } = response.value
        if (importance === Importance.JOB_MESSAGE_ERROR) this.#lastError = text
        this.#world.tell({ kind: 'jobMessage', importance, text })
      },
      end: () => undefined,
    })
    messages.send(create(JobMessagesRequestSchema, { jobId }))
    const states = this.channel.stream(JobService.method.getStateStream, {
      message: ({ state }) => this.#state(nameOfState(state)),
      end: (failure) => this.#streamEnded(failure),
    })
    states.send(create(GetJobStateRequestSchema, { jobId }))
    this.#streams.push(messages, states)
    if (this.#asked !== undefined) this[this.#asked]()
  }

  /** There is nothing to follow. */
  refuse(error: unknown): void {
    const { status = 'UNKNOWN', message } = error as Partial<CallFailed> & Error
    this.#end({ kind: 'jobRefused', status, message })
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

  /**
   * Asks what the engine should tell by itself: a job server of Flink that meets a listener who was killed tells those who came later
   * nothing any more.
   */
  #lookAgain(): void {
    this.#world.later(LOOK_MILLIS, () => {
      if (this.#isOver || this.#hasFinished) return
      void this.#tellMetrics()
        .then(() => this.#stateNow())
        .then((state) => {
          if (state !== undefined && FINAL.has(state) && !this.#hasFinished) this.#state(state)
          this.#lookAgain()
        })
    })
  }

  async #stateNow(): Promise<JobStateName | undefined> {
    const request = create(GetJobStateRequestSchema, { jobId: this.#jobId ?? '' })
    const { getState } = JobService.method
    const { state } = await this.channel
      .call(getState, request, { timeoutMillis: KNOWS_MILLIS })
      .catch(() => ({ state: undefined }))
    return state === undefined ? undefined : nameOfState(state)
  }

  /** What the engine has counted. Not all engines count, and a job that runs or failed may have nothing to say. */
  async #tellMetrics(): Promise<void> {
    const jobId = this.#jobId
    if (jobId === undefined) return
    const { getJobMetrics } = JobService.method
    try {
      const request = create(GetJobMetricsRequestSchema, { jobId })
      const { metrics } = await this.channel.call(getJobMetrics, request, { timeoutMillis: METRICS_MILLIS })
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

  /** Gives the job up, also when it is not there yet. */
  cancel(): void {
    this.#asked = 'cancel'
    const jobId = this.#jobId
    if (jobId === undefined || this.#isOver) return
    this.channel
      .call(JobService.method.cancel, create(CancelJobRequestSchema, { jobId }), { timeoutMillis: CALL_MILLIS })
      .then(({ state }) => nameOfState(state))
      .then((state) => FINAL.has(state) && this.#state(state))
      .catch((error: CallFailed) => this.refuse(error))
  }

  /** Asks the engine to end the job in order, also when it is not there yet. */
  drain(): void {
    this.#asked ??= 'drain'
    const jobId = this.#jobId
    if (jobId === undefined || this.#isOver) return
    this.channel
      .call(JobService.method.drain, create(DrainJobRequestSchema, { jobId }), { timeoutMillis: CALL_MILLIS })
      .catch(({ status, message }: CallFailed) => {
        this.#world.tell({ kind: 'jobMessage', importance: Importance.JOB_MESSAGE_WARNING, text: `the engine cannot drain a job (${status}: ${message})` }) // prettier-ignore
      })
  }

  close(): void {
    this.#isOver = true
    for (const stream of this.#streams) stream.cancel()
    this.channel.close()
  }
}

function nameOfState(state: number): JobStateName {
  const found = Object.entries(JobState).find(([, value]) => value === state)
  return (found?.[0] ?? 'UNSPECIFIED') as JobStateName
}
