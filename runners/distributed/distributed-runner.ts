/**
 * Runs pipelines on an engine that exists, by Beam's portability protocol: the engine schedules, groups, keeps state and time; a
 * worker in this process runs the author's steps (LOOPBACK). A thread of its own speaks to the engine.
 *
 * Law: what the engine or the worker cannot do is refused by name before anything is submitted. A run ends once, with the result or
 * the first failure of user code; what was started for it is ended with it.
 */
import type { MillraceError } from '../../sdk/errors.js'
import { PipelineError } from '../../sdk/errors.js'
import type { Env } from '../../sdk/env.js'
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import { validateGraph } from '../../sdk/graph/validate.js'
import { assertionsStarted } from '../../sdk/testing/unrun.js'
import { TIMESTAMP_MIN } from '../../sdk/time.js'
import { verifyAssertions } from '../core/assertions.js'
import { CombinerLives } from '../core/combiner-lives.js'
import { mainInputs } from '../core/stage.js'
import { checkFeatures } from '../core/features.js'
import { requireCodecs } from '../core/require-codecs.js'
import { RunLog } from '../core/run-log.js'
import { checkRunnerOptions } from '../core/runner-options.js'
import {
  type EndState,
  type PipelineResult,
  type Progress,
  type Runner,
  type RunnerOptions,
  type RunningPipeline,
  UnsupportedFeature,
} from '../runner.js'
import type { RunState, RunStatus } from '../run-status.js'
import { ENGINE_FEATURES, ENGINE_NEEDS, type EngineName } from './engine-features.js'
import { WorkerRun } from './worker/worker-run.js'
import type { WorkerSide } from './worker/worker-side.js'
import type { JobStateName, ToUser, Wire } from './wire/messages.js'

/** An engine that takes jobs. */
export interface Engine {
  /** `host:port` of its Job API. */
  readonly address: string
  /** Ends it, where it was started for this run. */
  close(): Promise<void>
}

/** What the platform does for the runner. */
export interface DistributedCapabilities {
  /** Starts the thread of the wire. */
  startWire(): Wire
  /** Finds the engine, and starts it where it does not run. @throws {PipelineError} naming what is missing. */
  openEngine(name: EngineName, options: EngineOptions, warn: (text: string) => void): Promise<Engine>
}

/** Which engine. */
export interface EngineOptions {
  /** `host:port` of a Job API that runs already. Default: the engine is started for the run. */
  readonly endpoint?: string
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
      refuseOptions(name, options)
      if (options.requireCodecs === true) requireCodecs(built)
      return new EngineRun(name, built, options, capabilities, engine).running
    },
  }
}

/** Options that mean nothing on an engine, or that do not exist there yet. */
function refuseOptions(name: EngineName, options: RunnerOptions): void {
  const local = ['strict', 'seed', 'reexecute', 'bundleSize', 'checkpoint', 'batchInterval', 'batchSize'] as const
  const given = local.find((option) => options[option] !== undefined && options[option] !== false)
  if (given !== undefined)
    throw new PipelineError(
      'MR-1016',
      `${given} is an option of runners of millrace's own, and would change nothing on ${name}. Leave it out.`,
    )
  const { workers = 0, guarantee = 'gap', telemetry, callTimeoutMillis } = options
  if (workers !== 0)
    throw new UnsupportedFeature('MR-6001', 'workers', `${name} runs steps in this process; workers: ${workers} is not supported yet. Leave workers out.`) // prettier-ignore
  if (guarantee !== 'gap')
    throw new UnsupportedFeature('MR-6004', `guarantee.${guarantee}`, `the ${name} runner does not promise ${guarantee}: a job that fails is begun anew. Leave guarantee out.`) // prettier-ignore
  const later =
    telemetry !== undefined ? 'telemetry' : callTimeoutMillis !== undefined ? 'callTimeoutMillis' : undefined
  if (later !== undefined)
    throw new UnsupportedFeature('MR-6001', later, `the ${name} runner does not support ${later} yet. Leave it out.`)
}

/** What knows the wire. */
const ENGINE_JOB: string = './engine-job.js'

const END_STATES: Readonly<Partial<Record<JobStateName, EndState>>> = { DONE: 'DONE', DRAINED: 'DRAINED', CANCELLED: 'CANCELLED' } // prettier-ignore

class EngineRun {
  readonly running: RunningPipeline
  readonly #name: EngineName
  readonly #built: BuiltPipeline
  readonly #options: RunnerOptions
  readonly #capabilities: DistributedCapabilities
  readonly #engine: EngineOptions
  readonly #env: Env
  readonly #log: RunLog
  readonly #startedAt: number
  readonly #began: number
  #run: WorkerRun | undefined
  #wire: Wire | undefined
  #state: RunState = 'running'
  #isCancelled = false

  constructor(
    name: EngineName,
    built: BuiltPipeline,
    options: RunnerOptions,
    capabilities: DistributedCapabilities,
    engine: EngineOptions,
  ) {
    this.#name = name
    this.#built = built
    this.#options = options
    this.#capabilities = capabilities
    this.#engine = engine
    const { env, signal } = options
    if (env === undefined) throw new PipelineError('MR-1003', 'a run needs the world it lives in: give env')
    this.#env = env
    this.#log = new RunLog(env, built.name, options.logger)
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
      metrics: () => this.#workerRun().metricsNow(),
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
      this.#state = ({ DONE: 'done', DRAINED: 'drained', CANCELLED: 'cancelled', STOPPED: 'stopped' } as const)[
        result.state
      ]
      this.#log.event('info', 'run ended', { state: result.state })
      return verifyAssertions(this.#built, result)
    } catch (error) {
      this.#state = 'failed'
      this.#log.event('error', 'run failed', {})
      throw error
    }
  }

  #workerRun(): WorkerRun {
    this.#wire ??= this.#capabilities.startWire()
    return (this.#run ??= new WorkerRun(this.#built, this.#env, this.#log, this.#wire, this.#options))
  }

  async #execute(): Promise<PipelineResult> {
    const engine = await this.#capabilities.openEngine(this.#name, this.#engine, (text) => this.#log.note(text))
    // By a name that bundlers do not follow: it leads to optional packages, and its wire needs files of its own.
    const { jobOf, WorkerSide } = (await import(ENGINE_JOB)) as typeof import('./engine-job.js')
    const combiners = new CombinerLives(this.#built)
    const run = this.#workerRun()
    const worker = new WorkerSide(run)
    const submit = (poolAddress: string): void =>
      run.wire.send({
        kind: 'submit',
        job: jobOf(this.#built, run.moduleHash, engine.address, poolAddress, ENGINE_NEEDS[this.#name]),
      })
    try {
      await combiners.setup()
      const state = await this.#job(run.wire, worker, submit)
      return run.result(state)
    } finally {
      await worker.close().catch((error: unknown) => (worker.failure ??= error))
      await combiners.teardown()
      await run.wire.close()
      await engine.close()
    }
  }

  /** Submits, and waits for the end. */
  #job(wire: Wire, worker: WorkerSide, submit: (poolAddress: string) => void): Promise<EndState> {
    return new Promise((resolve, reject) => {
      wire.onMessage((message: ToUser) => {
        switch (message.kind) {
          case 'opened':
            if (this.#isCancelled) resolve('CANCELLED')
            else submit(message.poolAddress)
            return
          case 'jobEnded': {
            const ended = END_STATES[message.state]
            if (worker.failure !== undefined && ended !== 'CANCELLED') reject(worker.failure)
            else if (ended !== undefined) resolve(ended)
            else reject(this.#failed(message.state, message.error))
            return
          }
          case 'jobRefused':
            reject(worker.failure ?? this.#refused(message.status, message.message))
            return
          case 'jobMessage':
            if (message.importance >= 4) this.#log.event('warn', `${this.#name}: ${message.text}`)
            return
          default:
            worker.receive(message)
        }
      })
      wire.send({ kind: 'open' })
    })
  }

  #failed(state: JobStateName, error: string | undefined): MillraceError {
    return new PipelineError('MR-6205', `${this.#name} ended the job as ${state}: ${error ?? 'it does not say why'}`)
  }

  #refused(status: string, message: string): MillraceError {
    return new PipelineError('MR-6201', `${this.#name} does not take the job (${status}): ${message}`)
  }

  #cancel(): void {
    this.#isCancelled = true
    this.#wire?.send({ kind: 'cancel' })
  }

  #drain(): void {
    this.#state = 'draining'
    this.#wire?.send({ kind: 'drain' })
  }

  #progress(): Progress {
    const run = this.#workerRun()
    const { elements } = run.metricsNow()
    const count = (ids: readonly string[]): number => ids.reduce((sum, id) => sum + (elements.get(id) ?? 0), 0)
    return {
      steps: run.staged.stages.map(({ root, operators, ...stage }) => ({
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
