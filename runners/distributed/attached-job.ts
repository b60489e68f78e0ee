/**
 * A job that somebody else has submitted, seen by whoever comes to it: how it stands, what the engine has counted, and ways to end it.
 *
 * Law: the job is the engine's. Whoever comes to it knows what the engine tells, and nothing of the pipeline; when they go, it goes on.
 */
import type { Env } from '../../sdk/env.js'
import { PipelineError } from '../../sdk/errors.js'
import { refuseUnknownOptions } from '../../sdk/known-options.js'
import type { Logger } from '../../sdk/logger.js'
import { preview } from '../../sdk/preview.js'
import { TIMESTAMP_MIN } from '../../sdk/time.js'
import { Readings, RunResult } from '../core/execution/result.js'
import { RunLog } from '../core/run-log.js'
import type { EngineSettings } from '../engine-settings.js'
import {
  type EndState,
  type MetricsResult,
  type PipelineResult,
  type Progress,
  type RunningPipeline,
  UnsupportedFeature,
  type WindowedElement,
} from '../runner.js'
import type { RunState, RunStatus } from '../run-status.js'
import type { DistributedCapabilities } from './distributed-runner.js'
import type { EngineName } from './engine-features.js'
import { checkPlace, placeOf } from './engine-settings.js'
import type { EngineCounts } from './job-metrics.js'
import { END_STATES, jobFailed, ofImportance, stillGoingOn } from './job-ends.js'
import type { JobStateName, ToUser, Wire } from './wire/messages.js'

/** What an engine says of a job while somebody listens: what it said before is said again to whoever comes later. */
export type JobNews =
  /** By Beam's names: `'RUNNING'`, `'DONE'`. */
  | { readonly kind: 'state'; readonly state: string }
  | { readonly kind: 'message'; readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly text: string }

/** Which engine has a job, and who hears of it. */
export interface AttachOptions {
  readonly runner: EngineName
  /**
   * Where the engine's Job API is. Default, for `'flink-cluster'` alone: the cluster that was started on this machine to stay. Of a cluster of
   * Flink also its REST service (`flinkMaster`), which ends the steps of a job that is cancelled.
   */
  readonly engine?: Pick<EngineSettings, 'jobEndpoint' | 'flinkMaster'>
  /** Takes what the engine says of the job. Default: warnings and errors go to `logger`. */
  readonly heard?: (news: JobNews) => void
  /** Takes log lines about the job. Default: they are printed on stderr. */
  readonly logger?: Logger
  /** The world the follower lives in. Default: the real one. */
  readonly env?: Env
}

/** A job on an engine, seen by whoever has come to it. */
export interface AttachedJob extends RunningPipeline {
  /** The engine's id of it. */
  readonly jobId: string
  /** Leaves the job alone: it goes on, and `result` says `DETACHED`. */
  readonly detach: () => void
}

/** By name: what follows is loaded when a job has something to count, since it speaks protobuf. */
const ENGINE_METRICS: string = './engine-metrics.js'

const STATES: Readonly<Partial<Record<JobStateName, RunState>>> = { DRAINING: 'draining', DONE: 'done', DRAINED: 'drained', CANCELLED: 'cancelled', FAILED: 'failed' } // prettier-ignore

/** Comes to a job. @throws {PipelineError} when an option is wrong. */
export function attachTo(
  jobId: string,
  options: AttachOptions & { readonly env: Env },
  capabilities: DistributedCapabilities,
): AttachedJob {
  if (typeof jobId !== 'string' || jobId === '')
    throw new PipelineError('MR-1002', `the id of a job must be a text, but is ${preview(jobId)}.`)
  const { runner, engine = {} } = options
  refuseUnknownOptions('engine', engine, { jobEndpoint: true, flinkMaster: true })
  checkPlace(runner, engine)
  if (engine.jobEndpoint === undefined && (runner !== 'flink-cluster' || engine.flinkMaster !== undefined))
    throw new PipelineError('MR-6204', `a ${runner} that a run has started ends with it, so a job is only found on one that runs already. Say where: engine: { jobEndpoint: 'localhost:8099' }.`) // prettier-ignore
  return new Attached(jobId, options, capabilities).job
}

class Attached {
  readonly job: AttachedJob
  readonly #jobId: string
  readonly #options: AttachOptions & { readonly env: Env }
  readonly #capabilities: DistributedCapabilities
  readonly #log: RunLog
  readonly #startedAt: number
  readonly #began: number
  #state: RunState = 'running'
  #counts: EngineCounts | undefined
  #wire: Wire | undefined
  /** What is asked of the job before anybody can be asked. */
  #asked: 'cancel' | 'drain' | undefined
  #leave: () => void = () => undefined

  constructor(jobId: string, options: AttachOptions & { readonly env: Env }, capabilities: DistributedCapabilities) {
    this.#jobId = jobId
    this.#options = options
    this.#capabilities = capabilities
    const { runner, env } = options
    this.#log = new RunLog(env, jobId, options.logger)
    this.#startedAt = env.now()
    this.#began = env.monotonic()
    const left = new Promise<'DETACHED'>((resolve) => (this.#leave = () => resolve('DETACHED')))
    const refuse = (what: string): never => {
      throw new UnsupportedFeature('MR-6001', what, `who has come to a job on ${runner} can drain or cancel it, or leave it alone (detach), and nothing else.`) // prettier-ignore
    }
    this.job = {
      jobId,
      result: this.#toItsEnd(left),
      detach: () => this.#leave(),
      drain: () => this.#ask('drain'),
      cancel: () => this.#ask('cancel'),
      stop: () => refuse('stop'),
      pause: () => refuse('pause'),
      setWorkers: () => refuse('workers'),
      resume: () => undefined,
      recordPanes: () => () => undefined,
      metrics: () => new EngineMetrics(this.#counts),
      progress: () => this.#progress(),
      status: () => this.#status(),
    }
  }

  #ask(what: 'cancel' | 'drain'): void {
    this.#asked = what
    if (what === 'drain' && this.#state === 'running') this.#state = 'draining'
    this.#wire?.send({ kind: what })
  }

  async #toItsEnd(left: Promise<'DETACHED'>): Promise<PipelineResult> {
    const { runner, engine = {} } = this.#options
    try {
      const opened = await this.#capabilities.openEngine(runner, placeOf(engine), (text) => this.#log.note(text))
      const wire = (this.#wire = this.#capabilities.startWire())
      try {
        const ended = this.#ended(wire)
        wire.send({ kind: 'attach', endpoint: opened.address, jobId: this.#jobId })
        if (this.#asked !== undefined) wire.send({ kind: this.#asked })
        const state = await Promise.race([ended, left])
        if (state === 'CANCELLED' && this.#asked === 'cancel') {
          const warning = await stillGoingOn(opened, this.#jobId)
          if (warning !== undefined) this.#log.note(warning)
        }
        this.#state = state === 'DETACHED' ? 'detached' : (STATES[state as JobStateName] ?? 'failed')
        return new AttachedResult(state, new EngineMetrics(this.#counts))
      } finally {
        await wire.close()
      }
    } catch (error) {
      this.#state = 'failed'
      throw error
    }
  }

  /** Waits for the end. */
  async #ended(wire: Wire): Promise<EndState> {
    const { runner } = this.#options
    const { engineCounts } = (await import(ENGINE_METRICS)) as typeof import('./engine-metrics.js')
    return new Promise<EndState>((resolve, reject) => {
      wire.onMessage((message: ToUser) => {
        switch (message.kind) {
          case 'jobState':
            this.#state = STATES[message.state] ?? (this.#state === 'draining' ? 'draining' : 'running')
            this.#options.heard?.({ kind: 'state', state: message.state })
            return
          case 'jobMessage':
            this.#message(message)
            return
          case 'jobMetrics':
            this.#counts = engineCounts(message.bytes)
            return
          case 'jobRefused':
            reject(new PipelineError('MR-6201', `${message.message} (${message.status})`))
            return
          case 'jobEnded': {
            const state = END_STATES[message.state]
            if (state === undefined) reject(jobFailed(runner, message))
            else resolve(state)
          }
        }
      })
    })
  }

  #message({ importance, text }: Extract<ToUser, { kind: 'jobMessage' }>): void {
    const level = ofImportance(importance)
    const { heard, runner } = this.#options
    if (heard !== undefined) heard({ kind: 'message', level, text })
    else if (level === 'warn' || level === 'error') this.#log.event(level, `${runner}: ${text}`)
  }

  #progress(): Progress {
    const elements = [...(this.#counts?.elements.values() ?? [])].reduce((sum, each) => sum + each, 0)
    return { steps: [], sources: [], elements, oldestCall: undefined }
  }

  #status(): RunStatus {
    const { env, runner } = this.#options
    return {
      pipeline: this.#jobId,
      runner,
      jobId: this.#jobId,
      state: this.#state,
      startedAt: this.#startedAt,
      takenAt: env.now(),
      wallMillis: env.monotonic() - this.#began,
      watermark: TIMESTAMP_MIN,
      elements: this.#progress().elements,
      sources: [],
      steps: [],
      panes: [],
      oldestCall: undefined,
    }
  }
}

/** What an engine has counted, with nobody's beside it. */
class EngineMetrics extends Readings {
  readonly user: MetricsResult['user']
  readonly system: MetricsResult['system']
  readonly elements: MetricsResult['elements']
  readonly deadLetters: MetricsResult['deadLetters'] = []
  readonly sources: MetricsResult['sources'] = []

  constructor(counts: EngineCounts | undefined) {
    super()
    this.user = counts?.user ?? []
    this.system = counts?.system ?? []
    this.elements = counts?.elements ?? new Map<string, number>()
  }
}

/** A result without elements: workers tell them to the client that has submitted the job. */
class AttachedResult extends RunResult {
  constructor(state: EndState, metrics: MetricsResult) {
    super(state, metrics, new Map())
  }

  override collectWindowed<T = unknown>(name: string): readonly WindowedElement<T>[] {
    throw new UnsupportedFeature('MR-6001', 'collect', `what "${name}" has collected was told to the client that has submitted the job, and to nobody else. Write what others are to see, or collect where the job is submitted.`) // prettier-ignore
  }
}
