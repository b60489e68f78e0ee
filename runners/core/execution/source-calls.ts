/**
 * Calls of a source's own functions: what they throw names the step, the call and the element.
 */
import { MillraceError } from '../../../sdk/errors.js'
import { InvariantViolation } from '../../../sdk/invariant.js'
import type { SetupContext } from '../../../sdk/transforms/do-fn.js'
import type { BundleProcessor } from '../bundle-processor.js'
import type { StepInfo } from '../stage.js'
import { failureOf } from './source-reading.js'

/** The calls of one splittable step. */
export class SourceCalls {
  readonly #info: StepInfo
  readonly #runtime: BundleProcessor['runtime']

  constructor(info: StepInfo, { runtime }: BundleProcessor) {
    this.#info = info
    this.#runtime = runtime
  }

  /** What `setup` gets. */
  setupContext(): SetupContext {
    return this.#runtime.setupContext(this.#info)
  }

  /** A call that has returned a promise. */
  async awaited<T>(call: string, element: unknown, promise: PromiseLike<T>): Promise<T> {
    try {
      return await this.#runtime.interruptible(this.#runtime.watched(this.#info, call, promise, element))
    } catch (error) {
      throw this.failure(call, element, error)
    }
  }

  /** A call that returns what it has to say. */
  guarded<T>(call: string, element: unknown, run: () => T): T {
    try {
      return run()
    } catch (error) {
      throw this.failure(call, element, error)
    }
  }

  /** Elements by position. Steps report their own failures; what else is thrown, the source has thrown. */
  async byPosition(element: unknown, run: () => Promise<void>): Promise<void> {
    try {
      await run()
    } catch (error) {
      const isReported =
        error === this.#runtime.failure || error instanceof MillraceError || error instanceof InvariantViolation
      throw isReported ? error : this.failure('elementAt', element, error)
    }
  }

  /** What is thrown instead of what user code has thrown. */
  failure(call: string, element: unknown, cause: unknown): unknown {
    return failureOf(this.#info, call, element, cause)
  }
}
