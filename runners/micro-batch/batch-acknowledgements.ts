/**
 * Acknowledging sources of a run in batches: what was read is acknowledged when the plan that holds it is durable.
 */
import type { FinalizerHost } from '../core/bundle-finalizers.js'
import { Acknowledgements } from '../core/execution/acknowledgements.js'
import type { StepInfo } from '../core/stage.js'

/** Acknowledgements that wait for the plan of their batch. */
export class BatchAcknowledgements extends Acknowledgements {
  readonly #waiting: (() => Promise<void>)[] = []

  constructor() {
    super(false)
  }

  override committed(
    host: FinalizerHost,
    step: StepInfo,
    callbacks: readonly (() => void | Promise<void>)[],
  ): Promise<void> {
    this.#waiting.push(() => super.committed(host, step, callbacks))
    return Promise.resolve()
  }

  /** The plan is durable. */
  async release(): Promise<void> {
    for (const acknowledge of this.#waiting.splice(0)) await acknowledge()
  }
}
