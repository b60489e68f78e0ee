/**
 * A run that stands by hot. Where it can no longer follow, another one begins from the newest commit; where its steps cannot be followed
 * at all, because they write outside before they deliver, or fail, it goes on as a warm one.
 *
 * Law: what was asked of the run is asked of each; whoever watches sees one run.
 */
import type { LocalExecution } from '../core/execution/start-local.js'
import type { RunLog } from '../core/run-log.js'
import type { MetricsResult, PipelineResult, Progress } from '../runner.js'
import type { RunStatus } from '../run-status.js'
import type { Standby } from './query-store.js'
import { StandbyLost } from './standby-lost.js'

/** So often it begins again as a hot one. */
const LOST_MAX = 3

/** See the head of this file. */
export class StandbyExecution implements LocalExecution {
  readonly isKept = true
  readonly #make: (mode: Standby) => LocalExecution
  readonly #log: RunLog
  #at: LocalExecution
  #lost = 0
  #isDraining = false
  #isStopping = false
  #isCancelled = false
  #isPaused = false
  #workers: number | undefined

  /** @param make makes an execution that stands by. */
  constructor(make: (mode: Standby) => LocalExecution, log: RunLog) {
    this.#make = make
    this.#log = log
    this.#at = make('hot')
  }

  async run(): Promise<PipelineResult> {
    for (;;) {
      try {
        return await this.#at.run()
      } catch (error) {
        const lost = lostOf(error)
        if (lost === undefined) throw error
        const isWarm = lost.why === 'failed' || ++this.#lost >= LOST_MAX
        this.#log.note(
          `a hot standby ${lost.why === 'differs' ? 'differs' : 'cannot follow'}: ${lost.message}. It goes on ${isWarm ? 'as a warm one' : 'from the newest commit'}.`,
          { code: 'MR-6073', why: lost.why },
        )
        this.#at = this.#make(isWarm ? 'warm' : 'hot')
        if (this.#workers !== undefined) this.#at.setWorkers(this.#workers)
        if (this.#isPaused) this.#at.pause()
        if (this.#isDraining) this.#at.drain()
        if (this.#isStopping) this.#at.stop()
        if (this.#isCancelled) this.#at.cancel()
      }
    }
  }

  drain(): void {
    this.#isDraining = true
    this.#at.drain()
  }

  stop(): void {
    this.#isStopping = true
    this.#at.stop()
  }

  cancel(): void {
    this.#isCancelled = true
    this.#at.cancel()
  }

  pause(): boolean {
    return (this.#isPaused = this.#at.pause())
  }

  resume(): void {
    this.#isPaused = false
    this.#at.resume()
  }

  /** What follows has as many as it began with; what leads is told. */
  setWorkers(count: number): boolean {
    this.#workers = count
    return this.#at.setWorkers(count)
  }

  status(pipeline: string): RunStatus {
    return this.#at.status(pipeline)
  }

  progress(): Progress {
    return this.#at.progress()
  }

  metrics(): MetricsResult {
    return this.#at.metrics()
  }

  stuck(): ReturnType<LocalExecution['stuck']> {
    return this.#at.stuck()
  }
}

/** What a step has thrown says which step, around the reason. */
function lostOf(error: unknown): StandbyLost | undefined {
  for (let each = error; each instanceof Error; each = each.cause) if (each instanceof StandbyLost) return each
  return undefined
}
