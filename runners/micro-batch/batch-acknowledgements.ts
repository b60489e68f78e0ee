/**
 * Acknowledging sources of a run in batches. What the plan holds is acknowledged when the plan is durable; what is read again from where
 * it lies (a file that is deleted once it was read) when the batch is committed, since until then it may be asked for again.
 */
import type { FinalizerHost } from '../core/bundle-finalizers.js'
import { Acknowledgements } from '../core/execution/acknowledgements.js'
import type { StepInfo } from '../core/stage.js'

/** Acknowledgements that wait for the plan, or the commit, of their batch. */
export class BatchAcknowledgements extends Acknowledgements {
  readonly #forPlan: (() => Promise<void>)[] = []
  readonly #forCommit: (() => Promise<void>)[] = []

  constructor() {
    super(false)
  }

  override committed(
    host: FinalizerHost,
    step: StepInfo,
    callbacks: readonly (() => void | Promise<void>)[],
    isReadAgain: boolean,
  ): Promise<void> {
    const waiting = isReadAgain ? this.#forCommit : this.#forPlan
    waiting.push(() => super.committed(host, step, callbacks, isReadAgain))
    return Promise.resolve()
  }

  /** Another has acknowledged the same. */
  forget(): void {
    this.#forPlan.length = 0
    this.#forCommit.length = 0
  }

  /** Whether any wait. */
  get isAwaited(): boolean {
    return this.#forPlan.length > 0 || this.#forCommit.length > 0
  }

  /** The plan is durable. */
  async planned(): Promise<void> {
    for (const acknowledge of this.#forPlan.splice(0)) await acknowledge()
  }

  /** The batch is committed. */
  async batchCommitted(): Promise<void> {
    for (const acknowledge of this.#forCommit.splice(0)) await acknowledge()
  }
}
