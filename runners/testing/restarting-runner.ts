/**
 * A micro-batch runner whose process ends and begins again: each life is given up at a crash point that its plan chooses, and a fresh
 * one goes on from what the disk has. The disk is a modelled one, in memory.
 *
 * Law: what a life does after its end is seen by nobody; lives follow each other in one run, which ends as the last of them does.
 */
import { systemEnv } from '../core/system-env.js'
import type { Env } from '../../sdk/env.js'
import { coded, errorCode } from '../../sdk/error-codes.js'
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import { MICRO_BATCH_FEATURES, microBatchRunner } from '../micro-batch/micro-batch-runner.js'
import type { CheckpointStore } from '../micro-batch/store/checkpoint-store.js'
import { type MemoryStoreOptions, openMemoryStore } from '../micro-batch/store/memory-store.js'
import type { LinkScript } from '../micro-batch/tasks/memory-link.js'
import { ModelDisk } from '../micro-batch/store/model-disk.js'
import type { PipelineResult, Runner, RunnerOptions, RunningPipeline } from '../runner.js'

/** How a life ends: the process, or the power of its machine. */
export type CrashKind = 'process' | 'power'

/** What decides when lives end. One for each run. */
export interface CrashPlan {
  /** Asked at every crash point that is passed. */
  crashAt(point: string): CrashKind | undefined
  /** Asked at every write and sync of the disk: whether it fails. */
  failsDisk?(): boolean
  /** Sees the store of each life, and may stand in its way. */
  onStore?(store: CheckpointStore): CheckpointStore
  /** Whether an error is of the plan's making: the life has failed, and the next goes on. */
  isOwn?(error: unknown): boolean
  /** Asked of every message to and from workers in memory. */
  fateOf?: LinkScript['fateOf']
  /** A life has ended, and the next begins. */
  onRestart?(): void
}

/** Where and how lives keep what the next one goes on from. */
export interface RestartingOptions {
  /** Decides what a loss of power leaves. */
  readonly random: () => number
  /** Makes the plan of a run. */
  readonly planOf: () => CrashPlan
  /** As of the store in memory. */
  readonly compactAboveBytes?: number
  /** Gives the pipeline of each life after the first, as a process that begins again builds it. Default: the same one. */
  readonly buildAgain?: () => BuiltPipeline
  /** What each life is given besides, by its number from 0: other workers, say. One that cannot go on so goes on as the one before. */
  readonly optionsOf?: (life: number) => RunnerOptions
}

const PLACE = 'checkpoint'

/**
 * Makes the runner.
 *
 * @param defaults options for runs that do not give their own. `checkpoint` is the runner's own.
 */
export function restartingRunner(defaults: RunnerOptions, restarting: RestartingOptions): Runner {
  return {
    name: 'micro-batch',
    features: MICRO_BATCH_FEATURES,
    start: (built, options = {}) =>
      new RestartingRun(built, { ...defaults, ...options, checkpoint: PLACE }, restarting),
  }
}

/** A run of several lives. What was asked of it once is asked of every life. */
class RestartingRun implements RunningPipeline {
  readonly result: Promise<PipelineResult>
  #built: BuiltPipeline
  readonly #buildAgain: (() => BuiltPipeline) | undefined
  readonly #options: RunnerOptions
  readonly #optionsOf: RestartingOptions['optionsOf']
  /** What lives were given besides, the newest last. */
  readonly #besides: RunnerOptions[] = []
  readonly #env: Env
  readonly #plan: CrashPlan
  readonly #store: MemoryStoreOptions
  #disk: ModelDisk
  #lives = 0
  #isDraining = false
  #isStopping = false
  #isPaused = false
  #isCancelled = false
  #life: RunningPipeline

  constructor(built: BuiltPipeline, options: RunnerOptions, restarting: RestartingOptions) {
    this.#built = built
    this.#buildAgain = restarting.buildAgain
    this.#options = options
    this.#optionsOf = restarting.optionsOf
    this.#env = options.env ?? systemEnv()
    this.#plan = restarting.planOf()
    this.#store = restarting.compactAboveBytes === undefined ? {} : { compactAboveBytes: restarting.compactAboveBytes }
    this.#disk = new ModelDisk(restarting.random)
    const first = this.#begin()
    this.#life = first.running
    this.result = this.#untilOver(first)
  }

  readonly drain = (): void => {
    this.#isDraining = true
    this.#life.drain()
  }

  readonly stop = (): void => {
    this.#isStopping = true
    this.#life.stop()
  }

  readonly cancel = (): void => {
    this.#isCancelled = true
    this.#life.cancel()
  }

  readonly pause = (): boolean => (this.#isPaused = this.#life.pause())

  readonly resume = (): void => {
    this.#isPaused = false
    this.#life.resume()
  }

  readonly progress: RunningPipeline['progress'] = () => this.#life.progress()
  readonly metrics: RunningPipeline['metrics'] = () => this.#life.metrics()
  readonly status: RunningPipeline['status'] = () => this.#life.status()
  readonly recordPanes: RunningPipeline['recordPanes'] = (count) => this.#life.recordPanes(count)
  readonly setWorkers: RunningPipeline['setWorkers'] = (count) => this.#life.setWorkers(count)

  async #untilOver(first: Life): Promise<PipelineResult> {
    for (let [life, isHeld] = [first, false]; ; life = this.#begin(isHeld)) {
      isHeld = false
      this.#life = life.running
      if (this.#isPaused) life.running.pause()
      if (this.#isDraining) life.running.drain()
      if (this.#isStopping) life.running.stop()
      if (this.#isCancelled) life.running.cancel()
      try {
        const result = await life.running.result
        if (!life.isOver) return result
      } catch (error) {
        if (!life.isOver) {
          isHeld = this.#besides.length > 1 && errorCode(error) === 'MR-6033'
          if (!isHeld && this.#plan.isOwn?.(error) !== true) throw error
          life.end('process')
        }
      }
      this.#plan.onRestart?.()
      this.#built = this.#buildAgain?.() ?? this.#built
    }
  }

  /** @param isHeld whether what the last life was given does not do: this one is given what the one before it was. */
  #begin(isHeld = false): Life {
    if (isHeld) this.#besides.pop()
    else this.#besides.push(this.#optionsOf?.(this.#lives) ?? {})
    const disk = this.#disk
    const plan = this.#plan
    disk.fails = () => plan.failsDisk?.() === true
    const real = this.#env
    let isOver = false
    // The old life goes on with the old disk, and does not know it.
    const end = (kind: CrashKind): void => {
      if (isOver) return
      isOver = true
      const left = disk.copy()
      disk.fails = undefined
      if (kind === 'power') left.losePower()
      this.#disk = left
    }
    const env: Env = {
      ...real,
      print: (line, stream) => {
        if (!isOver) real.print(line, stream)
      },
      crashpoint(name) {
        const kind = isOver ? 'process' : plan.crashAt(name)
        if (kind === undefined) return
        end(kind)
        throw coded('MR-6009', new Error(`the process ended at ${name}`))
      },
    }
    const openStore = async (place: string, storeEnv: Env): Promise<CheckpointStore> => {
      const store = await openMemoryStore(disk, place, storeEnv, this.#store)
      return plan.onStore?.(store) ?? store
    }
    const driver = { own: `life ${++this.#lives}`, isGone: () => true }
    const options = { ...this.#options, ...this.#besides.at(-1), env }
    const linkScript: LinkScript = {
      fateOf: (worker, message) => (isOver ? undefined : plan.fateOf?.(worker, message)),
    }
    const running = microBatchRunner({}, { openStore, driver, linkScript }).start(this.#built, options)
    return {
      running,
      get isOver() {
        return isOver
      },
      end,
    }
  }
}

interface Life {
  readonly running: RunningPipeline
  readonly isOver: boolean
  end(kind: CrashKind): void
}
