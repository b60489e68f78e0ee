/**
 * What the steps of one stage share while it runs: the first failure, the count of asynchronous calls under way, and
 * the way from an exception to an error that names step, element and window, or to a dead letter.
 *
 * Law: a failure is attributed to the step whose code threw, once, however many steps it passes through on its way out;
 * user code that catches it cannot make the bundle succeed.
 */
import { coded } from '../../sdk/error-codes.js'
import type { Env } from '../../sdk/env.js'
import { messageOf, UserCodeError } from '../../sdk/errors.js'
import { authorElement } from '../../sdk/graph/names.js'
import { InvariantViolation } from '../../sdk/invariant.js'
import { preview } from '../../sdk/preview.js'
import { recordErrorOf } from '../../sdk/record-error.js'
import type { Query } from '../../sdk/transforms/delivery.js'
import type { SetupContext } from '../../sdk/transforms/do-fn.js'
import type { DeadLetter } from '../../sdk/transforms/errors.js'
import { NO_FIRING } from '../../sdk/windowing/pane-info.js'
import { globalWindow, type Windows } from '../../sdk/windowing/window.js'
import type { AsyncHost, PendingCall } from './async-calls.js'
import { CallFailure } from './call-failure.js'
import { BundleFinalizers } from './bundle-finalizers.js'
import { Deliveries } from './deliveries.js'
import type { Push } from './element-buffer.js'
import type { Metrics } from './metrics.js'
import { runIdentity } from './query-identity.js'
import type { RunLog } from './run-log.js'
import type { StepInfo } from './stage.js'

/** Where the dead letters of a step go, and how many are too many. */
export interface DeadLetterSink {
  readonly push: Push
  readonly budget: DeadLetterBudget
}

/** Counts the dead letters of one handler over the whole run. */
export interface DeadLetterBudget {
  readonly max: number
  used: number
}

/** A call under way, for the watchdog. */
export interface StuckCall extends PendingCall {
  readonly step: StepInfo
  /** `process`, or what else of a DoFn's does not end: `setup`, `finishBundle` … */
  readonly call: string
  /** Its element as text, where the call is made elsewhere and the element is not here. */
  readonly shown?: string
}

/** The element that a call is stuck on, as people read it; `undefined` for a call that is on none. */
export function stuckOn({ shown, element }: StuckCall): string | undefined {
  return shown ?? (element === undefined ? undefined : preview(element))
}

/** Shared by the steps of a stage. */
export class StageRuntime implements AsyncHost {
  readonly env: Env
  /** The world as sources and sinks see it. */
  readonly outside: Env
  readonly metrics: Metrics
  readonly log: RunLog
  /** Set when something happened that the generated loop does not handle: a pending call or a failure. */
  exit = false
  /** The failure that ends the bundle. */
  failure: unknown
  /** Steps by the number of their call in the generated text, from 1. For a watchdog that has interrupted the stage. */
  readonly sites: StepInfo[] = []
  /** Who wants to know when the bundle is committed. */
  readonly finalizers: BundleFinalizers
  /** What steps of the stage deliver when the bundle is committed. */
  readonly deliveries: Deliveries = new Deliveries()
  readonly query: Query
  #pending = 0
  #waiting = 0
  #waiters: (() => void)[] = []
  /** Promises of user code's outside of any element. */
  readonly #outside = new Set<StuckCall>()
  #interrupt: ((reason: unknown) => void) | undefined
  #interrupted: Promise<never> | undefined

  constructor(env: Env, metrics: Metrics, log: RunLog, query: Query = runIdentity(env), outside: Env = env) {
    this.env = env
    this.outside = outside
    this.metrics = metrics
    this.log = log
    this.query = query
    this.finalizers = new BundleFinalizers(this)
  }

  /** What the `setup` of a step gets. */
  setupContext({ path: step }: StepInfo): SetupContext {
    const { outside: env, log, query } = this
    return { step, env, log: log.step(step), query }
  }

  /** Asynchronous calls that have not delivered. */
  get pending(): number {
    return this.#pending
  }

  monotonic(): number {
    return this.env.monotonic()
  }

  pendingChanged(by: number): void {
    this.#pending += by
    if (this.#pending > 0) this.exit = true
    if (by < 0) this.#wake()
  }

  waitingChanged(by: number): void {
    this.#waiting += by
  }

  /** Whether a step has as many calls under way as it may, and more are waiting: time to stop feeding the stage. */
  get isSaturated(): boolean {
    return this.#waiting > 0
  }

  broken(error: unknown): void {
    this.failure ??= error
    this.exit = true
    this.#wake()
  }

  /** Resolves at the next change of the calls under way. */
  nextChange(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve))
  }

  /** Resolves when no call is under way; rejects when the bundle has failed. */
  async settled(): Promise<void> {
    while (this.#pending > 0 && this.failure === undefined) await this.nextChange()
    this.throwIfFailed()
  }

  /** The call outside of any element that has been under way longest. */
  get oldestOutside(): StuckCall | undefined {
    return this.#outside.values().next().value
  }

  /** Remembers a promise of user code's outside of any element until it is settled. */
  async watched<T>(step: StepInfo, call: string, promise: PromiseLike<T>, element?: unknown): Promise<T> {
    const underWay = { step, call, element, startedAt: this.monotonic() }
    this.#outside.add(underWay)
    try {
      return await promise
    } finally {
      this.#outside.delete(underWay)
    }
  }

  /** A promise of user code's that a broken run need not wait for: rejects when the stage breaks first. */
  interruptible<T>(promise: PromiseLike<T>): Promise<T> {
    if (this.failure !== undefined) return Promise.reject(this.failure)
    this.#interrupted ??= new Promise<never>((_, reject) => {
      this.#interrupt = reject
    })
    // Nobody may be waiting when the stage breaks.
    this.#interrupted.catch(() => undefined)
    return Promise.race([promise, this.#interrupted])
  }

  /** Throws the failure, if there is one, also if user code has caught it before. */
  throwIfFailed(): void {
    if (this.failure !== undefined) throw this.failure
  }

  /** A call failed and is tried again. */
  retried(step: StepInfo, thrown: unknown): void {
    this.metrics.count(step.path, 'retries')
    this.log.failure('debug', 'call failed, and is tried again', step.path, thrown)
  }

  /** An element lies in a gap between windows and goes no further. */
  loseWithoutWindow(step: StepInfo): void {
    this.#lose(step)
    this.metrics.count(step.path, 'droppedWithoutWindow')
  }

  /** One element has become several: a one-to-one step gives more than it got. */
  multiply(step: StepInfo, by: number): void {
    const { lost } = this.metrics
    lost[step.index] = (lost[step.index] ?? 0) - (by - 1)
  }

  /** An element will never leave a one-to-one step. */
  #lose(step: StepInfo): void {
    const { lost } = this.metrics
    lost[step.index] = (lost[step.index] ?? 0) + 1
  }

  /**
   * Takes what user code threw: a dead letter where the step has a handler, else the failure of the bundle, which is
   * thrown.
   */
  failed(
    step: StepInfo,
    call: string,
    thrown: unknown,
    element: unknown,
    timestamp: number,
    windows: Windows,
    letters: DeadLetterSink | undefined,
  ): void {
    if (thrown instanceof CallFailure) return this.failed(step, thrown.call, thrown.cause, element, timestamp, windows, letters) // prettier-ignore
    if (thrown === this.failure && thrown !== undefined) throw thrown
    if (thrown instanceof InvariantViolation) this.#fail(thrown)
    if (letters === undefined) {
      this.#fail(
        new UserCodeError({
          step: step.path,
          call,
          element: recordErrorOf(thrown)?.preview ?? preview(authorElement(step.id, element)),
          window: windowText(windows),
          timestamp,
          source: step.source,
          cause: thrown,
        }),
      )
      return
    }
    this.#deadLetter(step, thrown, element, timestamp, windows, letters)
  }

  /** Ends the bundle with a failure outside of any element. */
  failedOutside(step: StepInfo, call: string, thrown: unknown): never {
    if (thrown === this.failure && thrown !== undefined) throw thrown
    return this.#fail(new UserCodeError({ step: step.path, call, source: step.source, cause: thrown }))
  }

  #deadLetter(
    step: StepInfo,
    thrown: unknown,
    element: unknown,
    timestamp: number,
    windows: Windows,
    { push, budget }: DeadLetterSink,
  ): void {
    this.metrics.count(step.path, 'deadLetters')
    this.#lose(step)
    const record = recordErrorOf(thrown)
    const letter: DeadLetter = {
      element: record === undefined ? element : record.preview,
      step: step.path,
      error: {
        name: thrown instanceof Error ? thrown.name : typeof thrown,
        message: messageOf(thrown),
        stack: thrown instanceof Error ? thrown.stack : undefined,
      },
      window: windowText(windows),
      timestamp,
      source: record === undefined ? step.source?.text : record.place,
    }
    this.metrics.deadLetters.add(letter, thrown)
    if (++budget.used > budget.max) {
      this.#fail(
        new UserCodeError({
          step: step.path,
          call: 'process',
          element: record?.preview ?? preview(element),
          window: letter.window,
          timestamp,
          source: step.source,
          cause: coded(
            'MR-3019',
            new Error(
              `dead letter ${budget.used} is more than maxDeadLetters allows (${budget.max}); the last one failed with: ${letter.error.message}`,
            ),
          ),
        }),
      )
    }
    this.log.failure('warn', 'dead letter', step.path, thrown, letter.window)
    push(letter, timestamp, globalWindow, NO_FIRING)
  }

  #fail(error: unknown): never {
    this.failure = error
    this.exit = true
    this.#wake()
    throw error
  }

  #wake(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const wake of waiters) wake()
    if (this.failure !== undefined) this.#interrupt?.(this.failure)
  }
}

function windowText(windows: Windows): string {
  return Array.isArray(windows) ? windows.map(String).join(' ') : String(windows)
}
