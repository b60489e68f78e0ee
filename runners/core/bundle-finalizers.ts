/**
 * Callbacks that wait for a bundle to be committed: what Beam calls bundle finalizers.
 *
 * Law: a callback runs after the commit of its bundle, once, in the order given, or not at all: when the bundle fails, or
 * when its time is over. What it throws is reported and changes nothing else.
 */
import { coded } from '../../sdk/error-codes.js'
import type { Env } from '../../sdk/env.js'
import { messageOf } from '../../sdk/errors.js'
import { durationMillis } from '../../sdk/time.js'
import type { AfterCommit } from '../../sdk/transforms/do-fn.js'
import type { Metrics } from './metrics.js'
import type { RunLog } from './run-log.js'
import { isThenable } from './prepare-step.js'
import type { StepInfo } from './stage.js'

/** What a callback needs to be waited for: the watchdog hears of it, and a broken run does not wait. */
export interface FinalizerHost {
  readonly env: Env
  readonly metrics: Metrics
  readonly log: RunLog
  watched<T>(step: StepInfo, call: string, promise: PromiseLike<T>): Promise<T>
  interruptible<T>(promise: PromiseLike<T>): Promise<T>
}

interface Waiting {
  readonly step: StepInfo
  readonly callback: () => void | Promise<void>
  /** Monotonic time after which it is too late. */
  readonly until: number
}

/** The callbacks of one stage's bundle. */
export class BundleFinalizers {
  readonly #host: FinalizerHost
  #waiting: Waiting[] = []

  constructor(host: FinalizerHost) {
    this.#host = host
  }

  /** Keeps a callback of a step that has declared that it will. */
  register(step: StepInfo, isDeclared: boolean, ...[callback, options = {}]: Parameters<AfterCommit>): void {
    if (!isDeclared) throw coded('MR-3014', new Error('afterCommit needs bundleFinalizer: true in the declaration'))
    if (typeof callback !== 'function') throw coded('MR-1004', new TypeError('afterCommit needs a function to call'))
    const within =
      options.within === undefined
        ? Infinity
        : durationMillis(options.within, 'option within of afterCommit', step.path)
    this.#waiting.push({ step, callback, until: this.#host.env.monotonic() + within })
  }

  /** How many wait for the bundle to be committed. */
  get count(): number {
    return this.#waiting.length
  }

  /** Whether somebody waits for the bundle to be committed. */
  get isAwaited(): boolean {
    return this.count > 0
  }

  /** The bundle has failed, or was only an attempt; `from` have registered before it began. */
  abandon(from = 0): void {
    this.#waiting.length = from
  }

  /** The bundle is committed. */
  async committed(): Promise<void> {
    await this.handOver()()
  }

  /** Takes out what waits, for who hears later that the bundle is committed. */
  handOver(): () => Promise<void> {
    const waiting = this.#waiting
    this.#waiting = []
    return () => this.#call(waiting)
  }

  async #call(waiting: readonly Waiting[]): Promise<void> {
    for (const { step, callback, until } of waiting) {
      if (this.#host.env.monotonic() <= until) await callBack(this.#host, step, 'afterCommit', callback)
    }
  }
}

/** Calls a callback whose failure is reported, and no more. */
export async function callBack(
  host: FinalizerHost,
  step: StepInfo,
  call: string,
  callback: () => void | Promise<void>,
): Promise<void> {
  try {
    const result: unknown = callback()
    if (isThenable(result)) await host.interruptible(host.watched(step, call, result))
  } catch (error) {
    host.metrics.count(step.path, 'finalizerFailures')
    const text = `step "${step.path}" failed in ${call}, and the run goes on: ${messageOf(error)}`
    host.log.note(text, { step: step.path, call })
  }
}
