/**
 * Runs pipelines on an engine that exists, by Beam's portability protocol: the engine schedules, groups, keeps state and time; a
 * worker in this process runs the author's steps (LOOPBACK). A thread of its own speaks to the engine.
 *
 * Law: what the engine or the worker cannot do is refused by name before anything is submitted. A run ends once, with the result or
 * the first failure of user code; what was started for it is ended with it.
 */
import { PipelineError } from '../../sdk/errors.js'
import type { Env } from '../../sdk/env.js'
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import { validateGraph } from '../../sdk/graph/validate.js'
import { assertionsStarted } from '../../sdk/testing/unrun.js'
import { TIMESTAMP_MIN } from '../../sdk/time.js'
import { verifyAssertions } from '../core/assertions.js'
import { CombinerLives } from '../core/combiner-lives.js'
import { mainInputs, type StagedPipeline } from '../core/stage.js'
import { RunMetrics } from '../core/execution/result.js'
import { checkFeatures } from '../core/features.js'
import { fuse } from '../core/fusion.js'
import { Metrics } from '../core/metrics.js'
import { requireCodecs } from '../core/require-codecs.js'
import { RunLog } from '../core/run-log.js'
import { checkRunnerOptions } from '../core/runner-options.js'
import {
  type EndState,
  type MetricsResult,
  type PipelineResult,
  type Progress,
  type Runner,
  type RunnerOptions,
  type RunningPipeline,
  UnsupportedFeature,
  type WorkerModule,
} from '../runner.js'
import type { RunState, RunStatus } from '../run-status.js'
import { refuseCallbacks } from './commit-callbacks.js'
import { ENGINE_FEATURES, ENGINE_NEEDS, type EngineName } from './engine-features.js'
import { refuseMergingStreams } from './for-engine.js'
import { checkEngineSettings, isHere, isRemote, placeOf, refuseOptions } from './engine-settings.js'
import type { RemoteRequest, RemoteWorkers, WorkerEnvironment } from './remote-workers.js'
import { isOfUser, ToldByWorkers } from './told-by-workers.js'
import { CancelPatience, END_STATES, jobFailed, stillGoingOn } from './job-ends.js'
import { keepsCheckpoints } from './job-options.js'
import type { WorkerRun } from './worker/worker-run.js'
import type { WorkerSide } from './worker/worker-side.js'
import type { ToUser, Wire } from './wire/messages.js'

/** An engine that takes jobs. */
export interface Engine {
  /** `host:port` of its Job API. */
  readonly address: string
  /** Ends it, where it was started for this run. */
  close(): Promise<void>
  /** Ends what is still done of a job that the engine calls cancelled. @returns why it could not be ended. */
  readonly endCancelled?: (jobId: string) => Promise<string | undefined>
}

/** What the platform does for the runner. */
export interface DistributedCapabilities {
  /** Starts the thread of the wire. */
  startWire(): Wire
  /** Finds the engine, and starts it where it does not run. @throws {PipelineError} naming what is missing. */
  openEngine(name: EngineName, options: EngineOptions, warn: (text: string) => void): Promise<Engine>
  /** Makes ready what workers in other processes need. @throws {PipelineError} when something of it cannot be sent. */
  prepareRemote(request: RemoteRequest): Promise<RemoteWorkers>
  /** URL of a folder of this machine. */
  folderUrl(folder: string): string
}

/** Which engine. */
export interface EngineOptions {
  /** `host:port` of a Job API that runs already. Default: the engine is started for the run. */
  readonly endpoint?: string
  /** `host:port` of the REST service of a Flink cluster. Default: Flink runs inside of the job server. */
  readonly flinkMaster?: string
}

/** Makes the runner of an engine. */
export function engineRunner(
  name: EngineName,
  capabilities: DistributedCapabilities,
  engine: EngineOptions = {},
  defaults: RunnerOptions = {},
): Runner {
  const features = ENGINE_FEATURES[name]
  return {
    name,
    features,
    start: (built, given = {}) => {
      const options = { ...defaults, ...given }
      assertionsStarted(built)
      checkRunnerOptions(options)
      validateGraph(built.graph)
      checkFeatures(built, name, features)
      refuseMergingStreams(built, name)
      refuseOptions(name, options)
      refuseCallbacks(built, name, options)
      checkEngineSettings(name, options)
      if (options.requireCodecs === true) requireCodecs(built)
      return new EngineRun(name, built, options, capabilities, engine).running
    },
  }
}

/** What knows the wire. */
const ENGINE_JOB: string = './engine-job.js'

/** How engines are told how much of a step may go on at once, and in how many processes. */
function parallelismOf(name: EngineName, workers: number): Readonly<Record<string, string>> {
  if (name === 'prism' || workers === 0) return {}
  return { parallelism: String(workers), sdk_worker_parallelism: String(workers) }
}

class EngineRun {
  readonly running: RunningPipeline
  readonly #name: EngineName
  readonly #built: BuiltPipeline
  readonly #staged: StagedPipeline
  readonly #options: RunnerOptions
  readonly #capabilities: DistributedCapabilities
  readonly #engine: EngineOptions
  readonly #env: Env
  readonly #log: RunLog
  readonly #patience: CancelPatience
  readonly #startedAt: number
  readonly #began: number
  #run: WorkerRun | undefined
  #wire: Wire | undefined
  #state: RunState = 'running'
  #isCancelled = false
  /** Workers in other processes, where steps run there. */
  #remote: RemoteWorkers | undefined
  /** What they have told. */
  #told: ToldByWorkers | undefined
  /** The engine's id of the job, once it has taken it. */
  #jobId: string | undefined
  /** What the engine has counted, once the job is over. */
  #counted: Uint8Array | undefined

  constructor(
    name: EngineName,
    built: BuiltPipeline,
    options: RunnerOptions,
    capabilities: DistributedCapabilities,
    engine: EngineOptions,
  ) {
    this.#name = name
    this.#built = built
    this.#staged = fuse(built)
    this.#options = options
    this.#capabilities = capabilities
    this.#engine = { ...engine, ...placeOf(options.engine ?? {}) }
    const { env, signal } = options
    if (env === undefined) throw new PipelineError('MR-1003', 'a run needs the world it lives in: give env')
    this.#env = env
    this.#log = new RunLog(env, built.name, options.logger)
    this.#patience = new CancelPatience(env, this.#log)
    for (const warning of built.warnings) this.#log.note(`warning: ${warning}`)
    this.#startedAt = env.now()
    this.#began = env.monotonic()
    const cancel = (): void => this.#cancel()
    const result = this.#toItsEnd().finally(() => signal?.removeEventListener('abort', cancel))
    this.running = {
      result,
      drain: () => this.#drain(),
      cancel,
      stop: () => {
        throw new UnsupportedFeature('MR-6024', 'stop', `a job on ${name} cannot be stopped to go on later. Call cancel().`) // prettier-ignore
      },
      progress: () => this.#progress(),
      metrics: () => this.#metrics(),
      status: () => this.#status(),
      // The engine makes the panes: there are none to keep here.
      recordPanes: () => () => undefined,
      pause: () => {
        throw new UnsupportedFeature('MR-6001', 'pause', `a job on ${name} cannot be paused.`)
      },
      resume: () => undefined,
      setWorkers: () => {
        throw new UnsupportedFeature('MR-6006', 'workers', `the engine of a job on ${name} shares its work out; the number of its workers cannot be set here.`) // prettier-ignore
      },
    }
    if (signal?.aborted === true) cancel()
    signal?.addEventListener('abort', cancel)
  }

  async #toItsEnd(): Promise<PipelineResult> {
    this.#log.event('info', 'run started', { runner: this.#name })
    try {
      const result = await this.#execute()
      this.#state = (
        { DONE: 'done', DRAINED: 'drained', CANCELLED: 'cancelled', STOPPED: 'stopped', DETACHED: 'detached' } as const
      )[result.state]
      this.#log.event('info', 'run ended', { state: result.state })
      // Of a job that goes on nobody knows yet.
      return result.state === 'DETACHED' ? result : verifyAssertions(this.#built, result)
    } catch (error) {
      this.#state = 'failed'
      this.#log.event('error', 'run failed', {})
      throw error
    }
  }

  get #isEngineHere(): boolean {
    return [this.#engine.endpoint, this.#engine.flinkMaster].every(isHere)
  }

  #metrics(): MetricsResult {
    if (this.#run !== undefined) return this.#run.metricsNow()
    const { collectionCount, steps } = this.#staged
    return new RunMetrics(this.#staged, new Metrics(collectionCount, steps.length), [])
  }

  async #execute(): Promise<PipelineResult> {
    const { engine: settings = {}, module, workers = 0 } = this.#options
    // Before an engine is started: what cannot be bundled is found out sooner so.
    if (isRemote(settings)) {
      const request = { built: this.#built, module: module as WorkerModule, settings, isEngineHere: this.#isEngineHere }
      this.#remote = await this.#capabilities.prepareRemote(request)
    }
    // By a name that bundlers do not follow: it leads to optional packages, and its wire needs files of its own.
    const job = (await import(ENGINE_JOB)) as typeof import('./engine-job.js')
    const engine = await this.#capabilities.openEngine(this.#name, this.#engine, (text) => this.#log.note(text))
    const remote = this.#remote
    const combiners = new CombinerLives(this.#built)
    const wire = (this.#wire = this.#capabilities.startWire())
    const run = (this.#run = new job.WorkerRun(this.#built, this.#env, this.#log, wire, this.#options))
    const worker = new job.WorkerSide(run)
    // What user code does once it does again: an engine that begins jobs again would do so for ever.
    const failed = (error: unknown): void => {
      if (keepsCheckpoints(this.#options) && isOfUser(error)) run.wire.send({ kind: 'cancel' })
    }
    worker.onFailure = failed
    const { engineOptions, checkpoint } = this.#options
    const checkpointUrl = checkpoint === undefined ? undefined : this.#capabilities.folderUrl(checkpoint)
    const submit = (environment: WorkerEnvironment): void => {
      const parts = {
        moduleHash: remote?.moduleHash ?? run.moduleHash,
        endpoint: engine.address,
        workers: environment,
        needs: ENGINE_NEEDS[this.#name],
        given: { engineOptions: { ...parallelismOf(this.#name, workers), ...engineOptions }, checkpointUrl },
        artifacts: remote === undefined ? [] : [remote.artifact],
        isEngineHere: this.#isEngineHere,
      }
      run.wire.send({ kind: 'submit', job: job.jobOf(this.#built, parts) })
    }
    let result: PipelineResult
    /** What a teardown has thrown. */
    let torn: { readonly error: unknown } | undefined
    try {
      await combiners.setup()
      const told = new ToldByWorkers(this.#env, { module, letIn: '', asked: '', ...remote }, failed)
      this.#told = told
      const take = (bytes: Uint8Array): void => told.take(job.takeIn(bytes, run.left))
      const state = await this.#job(run.wire, worker, submit, take, engine)
      result = run.result(state, this.#counted === undefined ? undefined : job.engineCounts(this.#counted))
    } finally {
      this.#told?.close()
      this.#patience.end()
      // Whatever they throw, what was started is ended.
      for (const tearDown of [() => worker.close(), () => combiners.teardown()])
        await tearDown().catch((error: unknown) => (torn ??= { error }))
      await run.wire.close()
      await engine.close()
    }
    if (torn !== undefined) throw torn.error
    return result
  }

  /** Submits, and waits for the end. */
  async #job(
    wire: Wire,
    worker: WorkerSide,
    submit: (environment: WorkerEnvironment) => void,
    take: (bytes: Uint8Array) => void,
    engine: Engine,
  ): Promise<EndState> {
    const remote = this.#remote
    let flushed: () => void = () => undefined
    const ended = await new Promise<Extract<ToUser, { kind: 'jobEnded' | 'jobRefused' }> | 'DETACHED' | undefined>(
      (resolve) => {
        this.#patience.giveUp = () => resolve(undefined)
        wire.onMessage((message: ToUser) => {
          switch (message.kind) {
            case 'opened':
            case 'linkOpened':
              if (this.#isCancelled) resolve(undefined)
              else if (message.kind === 'opened') submit({ kind: 'external', address: message.poolAddress, params: {} })
              else if (remote !== undefined) submit(remote.environment(message.address))
              return
            case 'jobEnded':
            case 'jobRefused':
              resolve(message)
              return
            case 'submitted':
              this.#jobId = message.jobId
              this.#log.event('info', 'job submitted', { runner: this.#name, jobId: message.jobId })
              if (this.#options.engine?.detach === true) resolve('DETACHED')
              return
            case 'jobState':
              if (message.state === 'RUNNING' && remote !== undefined) this.#told?.runs((text) => this.#log.note(text))
              return
            case 'jobMetrics':
              this.#counted = message.bytes
              return
            case 'jobMessage':
              if (message.importance >= 4) this.#log.event('warn', `${this.#name}: ${message.text}`)
              return
            case 'linked':
            case 'linkRefused':
              if (message.kind === 'linked') this.#told?.linked()
              else if (this.#told !== undefined) this.#log.note(this.#told.refused())
              return
            case 'reported':
              take(message.bytes)
              return
            case 'linkFlushed':
              flushed()
              return
            default:
              worker.receive(message)
          }
        })
        wire.send(remote === undefined ? { kind: 'open' } : { kind: 'openLink', link: remote.link })
      },
    )
    if (ended === undefined) return 'CANCELLED'
    if (ended === 'DETACHED') return ended
    if (ended.kind === 'jobEnded' && ended.state === 'CANCELLED') {
      const warning = await stillGoingOn(engine, this.#jobId ?? '')
      if (warning !== undefined) this.#log.note(warning)
    }
    if (remote !== undefined) {
      const told = new Promise<void>((resolve) => (flushed = resolve))
      wire.send({ kind: 'flushLink' })
      await told
    }
    return this.#stateOf(ended, worker.failure ?? this.#told?.failure)
  }

  #stateOf(ended: Extract<ToUser, { kind: 'jobEnded' | 'jobRefused' }>, failure: unknown): EndState {
    if (ended.kind === 'jobRefused')
      throw failure ?? new PipelineError('MR-6201', `${this.#name} does not take the job (${ended.status}): ${ended.message}`) // prettier-ignore
    const state = END_STATES[ended.state]
    // What an engine has got over is no failure.
    const isOver = state === 'CANCELLED' ? this.#isCancelled : state !== undefined && !isOfUser(failure)
    if (!isOver || state === undefined) throw failure ?? jobFailed(this.#name, ended, this.#told?.advice)
    if (this.#remote !== undefined && state !== 'CANCELLED') this.#told?.mustBeLinked(this.#name)
    return state
  }

  #cancel(): void {
    this.#isCancelled = true
    this.#patience.begin()
    this.#wire?.send({ kind: 'cancel' })
  }

  #drain(): void {
    this.#state = 'draining'
    this.#wire?.send({ kind: 'drain' })
  }

  #progress(): Progress {
    const { elements } = this.#metrics()
    const count = (ids: readonly string[]): number => ids.reduce((sum, id) => sum + (elements.get(id) ?? 0), 0)
    return {
      steps: this.#staged.stages.map(({ root, operators, ...stage }) => ({
        step: root.info.path,
        elementsIn: count(mainInputs({ root, operators, ...stage })),
        elementsOut: count('output' in root ? [root.output.collectionId] : []),
        // Only the engine knows.
        watermark: TIMESTAMP_MIN,
      })),
      sources: [],
      elements: [...elements.values()].reduce((sum, each) => sum + each, 0),
      oldestCall: undefined,
    }
  }

  #status(): RunStatus {
    const { elements, sources, oldestCall } = this.#progress()
    return {
      pipeline: this.#built.name,
      runner: this.#name,
      ...(this.#jobId === undefined ? {} : { jobId: this.#jobId }),
      state: this.#state,
      startedAt: this.#startedAt,
      takenAt: this.#env.now(),
      wallMillis: this.#env.monotonic() - this.#began,
      watermark: TIMESTAMP_MIN,
      elements,
      sources,
      steps: [],
      panes: [],
      oldestCall,
    }
  }
}
