/**
 * One run within this process: gives every stage its turns, in rounds, until nothing is left to do.
 */
import type { Env } from '../../../sdk/env.js'
import { UserCodeError } from '../../../sdk/errors.js'
import type { BuiltPipeline } from '../../../sdk/graph/model.js'
import { invariant } from '../../../sdk/invariant.js'
import { TIMESTAMP_MAX, TIMESTAMP_MIN } from '../../../sdk/time.js'
import { CombinerLives } from '../combiner-lives.js'
import { fuse } from '../fusion.js'
import { Metrics } from '../metrics.js'
import type { PaneRecorder } from '../pane-recorder.js'
import { ProcessingClock } from '../processing-clock.js'
import { mainInputs, type StagedPipeline } from '../stage.js'
import { type StuckCall, stuckOn } from '../stage-runtime.js'
import { TimeSlice } from '../time-slice.js'
import type { EndState, MetricsResult, PipelineResult, Progress, SourceReading, StepProgress } from '../../runner.js'
import type { Acknowledgements } from './acknowledgements.js'
import type { RunState, RunStatus } from '../../run-status.js'
import type { ExecutionOptions } from './execution-options.js'
import { authorSteps, ExecutionStatus } from './execution-status.js'
import { RunResult, elementCount, RunMetrics } from './result.js'
import type { ScriptedClock } from './root-executors.js'
import type { StageExecutor } from './stage-executor.js'
import { StageWiring } from './stage-wiring.js'

const END_STATES = { DONE: 'done', DRAINED: 'drained', CANCELLED: 'cancelled', STOPPED: 'stopped', DETACHED: 'detached' } as const // prettier-ignore

/** What ends the turn of a stage when the run is cancelled. */
const CANCELLED = new Error('the run was cancelled')

/** A run. */
export class Execution {
  readonly #runner: string
  protected readonly staged: StagedPipeline
  protected readonly env: Env
  protected readonly counted: Metrics
  readonly #slice: TimeSlice
  /** What stages are told of processing time. */
  readonly #clock: ProcessingClock
  /** Moves the clock, where a script does. */
  readonly #scripted: ScriptedClock | undefined
  protected readonly wiring: StageWiring
  protected readonly executors: readonly StageExecutor[]
  /** Those that may wait for the clock, consumers before producers. */
  readonly #sleepers: readonly StageExecutor[]
  readonly #acknowledgements: Acknowledgements
  readonly #combiners: CombinerLives
  readonly #panes: PaneRecorder
  readonly #look: ExecutionStatus
  #startedAt = 0
  readonly #startedMonotonic: number
  /** How it ended, and how long it had lasted then. */
  #ended: { readonly state: RunState; readonly wallMillis: number } | undefined
  #isDraining = false
  #isCancelled = false
  #isPaused = false
  #isStopping = false
  /** Ends the wait of a run that waits: the next round looks at what has happened. */
  protected wake: (() => void) | undefined

  constructor(built: BuiltPipeline, options: ExecutionOptions) {
    this.#runner = options.runner
    this.env = options.env
    this.staged = fuse(built)
    this.counted = new Metrics(this.staged.collectionCount, this.staged.steps.length)
    this.#slice = new TimeSlice(this.env)
    this.#clock = new ProcessingClock(this.env)
    this.#scripted = options.clock
    this.wiring = new StageWiring(this.staged, options, this.counted, this.#slice, this.#clock)
    this.executors = options.stages?.(this.wiring.executors) ?? this.wiring.executors
    this.#sleepers = this.executors.filter((executor) => executor.waitsForClock).reverse()
    this.#acknowledgements = options.acknowledgements
    this.#combiners = new CombinerLives(built)
    this.#panes = options.panes
    this.#look = new ExecutionStatus(this.staged, this.counted, this.executors)
    this.#startedMonotonic = this.env.monotonic()
  }

  /** Runs until nothing is left to do, or the run is drained or cancelled. */
  async run(): Promise<PipelineResult> {
    this.#startedAt = this.clockNow()
    try {
      const result = await this.#run()
      this.#end(END_STATES[result.state])
      return result
    } catch (error) {
      this.#end('failed')
      throw error
    }
  }

  #end(state: RunState): void {
    this.#ended = { state, wallMillis: this.#wallMillis() }
  }

  #wallMillis(): number {
    return this.env.monotonic() - this.#startedMonotonic
  }

  async #run(): Promise<PipelineResult> {
    let state: EndState = 'DONE'
    try {
      await this.setup()
      await this.rounds()
      if (this.#isCancelled) state = 'CANCELLED'
      else if (this.#isStopping && !this.isDone) state = 'STOPPED'
      else if (this.#isDraining) state = 'DRAINED'
    } catch (error) {
      for (const executor of this.executors) executor.abandon()
      if (this.#isCancelled && (error === CANCELLED || (error as { cause?: unknown }).cause === CANCELLED)) {
        await this.teardown()
        return this.#resultOf('CANCELLED')
      }
      // The first failure is the one to report, not what disposing of a broken run may throw.
      await this.teardown().catch(() => undefined)
      throw error
    }
    await this.teardown()
    if (state !== 'STOPPED') for (const printed of this.wiring.printed) printed.finish()
    return this.#resultOf(state)
  }

  #resultOf(state: EndState): PipelineResult {
    return new RunResult(state, this.metrics(), this.wiring.collected)
  }

  /** What metrics stand at now. */
  metrics(): MetricsResult {
    return new RunMetrics(this.staged, this.counted, this.#sources())
  }

  drain(): void {
    this.resume()
    this.#isDraining = true
    for (const executor of this.executors) executor.source?.drain()
    this.wake?.()
  }

  /** Ends the run where it can be taken up again. Only for one that is kept. */
  stop(): void {
    this.#isStopping = true
    this.resume()
    this.wake?.()
  }

  cancel(): void {
    this.#isCancelled = true
    // Calls that never end are not waited for.
    for (const executor of this.executors) executor.broken(CANCELLED)
    this.wake?.()
  }

  /** Reads nothing until {@link resume}. @returns whether the run is paused now. */
  pause(): boolean {
    if (this.#isDraining || this.#isStopping || this.#isCancelled || this.#ended !== undefined) return false
    this.#isPaused = true
    for (const executor of this.executors) {
      executor.source?.pause()
      if (executor.script !== undefined) executor.script.isPaused = true
    }
    return true
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    for (const executor of this.executors) {
      executor.source?.resume()
      if (executor.script !== undefined) executor.script.isPaused = false
    }
    this.wake?.()
  }

  /** From now on so many workers. @returns whether there are any. */
  setWorkers(_count: number): boolean {
    return false
  }

  /** The run as those who look at it see it. */
  status(pipeline: string): RunStatus {
    const { steps: _, ...progress } = this.progress()
    const takenAt = this.clockNow()
    const steps = this.#look.steps(takenAt, this.env.monotonic())
    return {
      pipeline,
      runner: this.#runner,
      state: this.#ended?.state ?? this.#stateNow,
      startedAt: this.#startedAt,
      takenAt,
      wallMillis: this.#ended?.wallMillis ?? this.#wallMillis(),
      watermark: Math.min(TIMESTAMP_MAX, ...steps.map(({ outputWatermark }) => outputWatermark)),
      ...progress,
      steps,
      panes: this.#panes.panes(),
    }
  }

  get #stateNow(): RunState {
    if (this.#isStopping) return 'stopping'
    return this.#isDraining ? 'draining' : this.#isPaused ? 'paused' : 'running'
  }

  /** The clock of those who look at the run. */
  protected clockNow(): number {
    return this.env.now()
  }

  /** The asynchronous call that has been under way longest. */
  stuck(): StuckCall | undefined {
    return this.executors
      .map((executor) => executor.stuck())
      .filter((call) => call !== undefined)
      .sort((a, b) => a.startedAt - b.startedAt)[0]
  }

  progress(): Progress {
    const stuck = this.stuck()
    const stages = this.staged.stages.map((stage, i): StepProgress => {
      const { root } = stage
      const inputs = mainInputs(stage)
      const outputs =
        root.kind === 'splittable'
          ? root.outputs
          : 'output' in root
            ? [root.output]
            : root.kind === 'parDo'
              ? root.operator.outputs
              : []
      return {
        step: root.info.path,
        elementsIn: inputs.reduce((sum, id) => sum + this.#count(id), 0),
        elementsOut: outputs.reduce((sum, output) => sum + this.#count(output.collectionId), 0),
        watermark: this.executors[i]?.outputWatermark ?? TIMESTAMP_MIN,
      }
    })
    return {
      steps: authorSteps(stages),
      sources: this.#sources(),
      elements: this.counted.elements.reduce((sum, count) => sum + count, 0),
      oldestCall:
        stuck === undefined
          ? undefined
          : {
              step: stuck.step.path,
              call: stuck.call,
              element: stuckOn(stuck) ?? 'undefined',
              millis: Math.round(this.env.monotonic() - stuck.startedAt),
            },
    }
  }

  #sources(): readonly SourceReading[] {
    return this.executors.flatMap(({ source }) => source?.report ?? [])
  }

  /** Rounds until nothing changes and nothing can. */
  protected async rounds(): Promise<void> {
    while (!this.isCancelled) {
      if (await this.round()) await this.endBatch(false)
      else if (this.isDone) return
      else if (this.#isPaused || !this.releaseScripted()) await this.waitForTime()
    }
  }

  /** Whether nothing is left to do, for ever. */
  protected get isDone(): boolean {
    return this.executors.every((executor) => executor.isDone)
  }

  /** Whether what the run has done is kept, so that another can go on from there. */
  get isKept(): boolean {
    return false
  }

  /** Whether sources are told to end. */
  protected get isDraining(): boolean {
    return this.#isDraining
  }

  protected get isStopping(): boolean {
    return this.#isStopping
  }

  protected get isPaused(): boolean {
    return this.#isPaused
  }

  /** Whether a script has events left. */
  protected get hasScript(): boolean {
    return this.executors.some((executor) => executor.script !== undefined && !executor.isDone)
  }

  protected get isCancelled(): boolean {
    return this.#isCancelled
  }

  /**
   * What waits for the end of a batch is done, upstream first, each when all that comes before it is through.
   *
   * @param mayRead whether sources have their turns; where they read nothing, they go on with what they have.
   */
  protected async endBatch(mayRead: boolean): Promise<void> {
    const rest = async (): Promise<void> => {
      while (!this.isCancelled && (await this.round(mayRead)));
    }
    if (!this.executors.some(({ awaitsBatch }) => awaitsBatch)) return
    await rest()
    for (const executor of this.executors) if (!this.isCancelled && (await executor.endBatch())) await rest()
  }

  /** Gives every stage its turn. @returns whether anything has changed. */
  protected async round(mayRead = true): Promise<boolean> {
    let changed = await this.#wakeAll()
    // What is due comes before whatever sources have next: that would be added to windows that are about to answer.
    const isArmed = this.executors.some((executor) => executor.isArmed)
    for (const executor of this.executors) {
      if (this.#isCancelled) return changed
      if ((isArmed || !mayRead) && executor.source !== undefined) continue
      if (await executor.turn()) {
        changed = true
        if (executor.script !== undefined) await this.#wakeAll()
      }
      if (this.#slice.isOver(this.#slice.now())) await this.#slice.yield()
    }
    // Also a call that went on after its bundle may have broken something since.
    for (const executor of this.executors) executor.throwIfFailed()
    await this.#acknowledgements.endOfRound(this.executors)
    return changed
  }

  /** Consumers before producers: what waited for a clock did so before anything came that the same clock brings about. */
  async #wakeAll(): Promise<boolean> {
    let changed = false
    for (const executor of this.#sleepers) if (await executor.wake()) changed = true
    return changed
  }

  /** Plays one event: of the script that has played the fewest, of those the first. @returns whether there is one. */
  protected releaseScripted(): boolean {
    let next: StageExecutor['script']
    for (const { script, isDone } of this.executors) {
      if (script === undefined || isDone) continue
      if (next === undefined || script.played < next.played) next = script
    }
    next?.release()
    return next !== undefined
  }

  /** Until a source may have something, or a processing time comes that a stage waits for; no less than `atLeastMillis`. */
  protected async waitForTime(atLeastMillis = 0): Promise<void> {
    const next = Math.min(...this.executors.map((executor) => executor.nextProcessingTime))
    const forClock = next === TIMESTAMP_MAX ? [] : [Math.max(0, next - this.#clock.now())]
    const forSources = this.executors.flatMap(({ source }) => source?.waitMillis ?? [])
    if (this.#scripted !== undefined && !this.#isPaused && forSources.length === 0 && forClock.length > 0) {
      // The script is over: nobody else moves its clock, and nobody watches.
      this.#scripted.advance(Math.min(...forClock))
      return
    }
    // A scripted clock stands still while nothing is played.
    const waits = this.#isPaused && this.#scripted !== undefined ? [] : [...forSources, ...forClock]
    invariant(this.#isPaused || waits.length > 0, 'a run that is not over waits for a source or for time', {
      open: this.executors
        .filter((executor) => !executor.isDone)
        .map(({ stage }) => stage.name)
        .join(', '),
    })
    await new Promise<void>((resolve) => {
      const timer =
        waits.length === 0 ? undefined : this.env.setTimer(Math.max(atLeastMillis, Math.min(...waits)), resolve)
      this.wake = () => {
        timer?.cancel()
        resolve()
      }
    })
  }

  protected async setup(): Promise<void> {
    await this.#combiners.setup()
    for (const executor of this.executors) await executor.setup()
  }

  protected async teardown(): Promise<void> {
    let failure: unknown
    for (const executor of [...this.executors].reverse()) {
      try {
        await executor.teardown()
      } catch (error) {
        failure ??= new UserCodeError({ step: executor.stage.name, call: 'teardown', cause: error })
      }
    }
    await this.#combiners.teardown().catch((error: unknown) => (failure ??= error))
    if (failure !== undefined) throw failure
  }

  #count(collectionId: string): number {
    return elementCount(this.staged, this.counted, collectionId)
  }
}
