/**
 * Watches how long batches take against a latency objective: tells `shed` how much to drop, and people which step takes the time.
 *
 * Law: without an objective it costs nothing and decides nothing.
 */
import type { Env } from '../../sdk/env.js'
import type { StageExecutor } from '../core/execution/stage-executor.js'
import type { BatchPacing } from './batch-pacing.js'
import { SlowSteps } from './latency-objective.js'
import type { LoadShedding } from './load-shedding.js'

/** What is watched. */
export interface WatchedParts {
  readonly executors: readonly StageExecutor[]
  readonly pacing: BatchPacing
  readonly shedding: LoadShedding
  readonly env: Env
  /** Tells people. */
  readonly warn: (message: string) => void
}

/** See the head of this file. */
export class LoadWatch {
  readonly #parts: WatchedParts
  readonly #slow = new SlowSteps()
  /** Stages that feed a step that sheds, by its path. */
  readonly #fedBy = new Map<string, ReadonlySet<number>>()

  /** @param isTimed whether there is an objective. */
  constructor(parts: WatchedParts, isTimed: boolean) {
    this.#parts = parts
    if (!isTimed) return
    const { env } = parts
    for (const executor of parts.executors) {
      const { trace, stage } = executor
      executor.trace = async (run) => {
        const began = env.monotonic()
        await (trace === undefined ? run() : trace(run))
        this.#slow.add(stage.name, env.monotonic() - began)
      }
    }
  }

  /** A batch is committed. */
  over(): void {
    const { pacing, shedding, warn } = this.#parts
    shedding.over((step, measure) => pacing.latencyOf(this.#sourcesOf(step), measure))
    const slow = this.#slow.over(pacing.isAbove)
    if (slow === undefined) return
    const what = shedding.isDeclared
      ? 'Elements are dropped where shed says so.'
      : 'Nothing may be dropped: no step sheds.'
    warn(
      `latency stays above its objective. ${Math.round(slow.share * 100)} % of the time goes into "${slow.steps}". ${what}`,
    )
  }

  /** The sources that feed a step, as stages; `undefined`: all. */
  #sourcesOf(step: string): ReadonlySet<number> | undefined {
    const known = this.#fedBy.get(step)
    if (known !== undefined) return known
    const own = this.#parts.executors.find(({ stage }) => stage.operators.some(({ info }) => info.path === step))
    if (own === undefined) return undefined
    const stages = new Set([own, ...own.upstream].map(({ stage }) => stage.id))
    this.#fedBy.set(step, stages)
    return stages
  }
}
