/**
 * The outbox: what steps deliver lies with the commit of its batch, and goes to the sinks once that is durable.
 *
 * Law: a sink is handed the items of a batch after its commit, until it has taken them: after a crash the same items under the same
 * id. Where each is delivered at most once, nothing lies with the commit, and a crash in between loses it. What a sink takes for a
 * repetition although it is none is never let go silently: the checkpoint is older than what the sink has, and the run fails.
 */
import { decodeFromBytes, dynamicCoder, encodeToBytes } from '../../sdk/coders/index.js'
import { invariant } from '../../sdk/invariant.js'
import type { Delivered, DeliveringStep } from '../core/deliveries.js'
import type { StageExecutor } from '../core/execution/stage-executor.js'
import type { QueryStore } from './query-store.js'
import type { CommitRecord } from './store/checkpoint-store.js'

type Packed = readonly (readonly [step: string, items: readonly Uint8Array[]])[]

/** The outbox of a run. */
export class Outbox {
  readonly #executors: readonly StageExecutor[]
  readonly #store: QueryStore

  readonly #deliversOnce: boolean

  constructor(executors: readonly StageExecutor[], store: QueryStore, deliversOnce: boolean) {
    this.#executors = executors
    this.#store = store
    this.#deliversOnce = deliversOnce
  }

  /** What the bundles of a batch have delivered. */
  take(): readonly Delivered[] {
    return this.#executors.flatMap(({ processor }) => processor.runtime.deliveries.take())
  }

  /** The same as bytes; none where nothing is delivered, or nothing again. */
  encode(delivered: readonly Delivered[]): Uint8Array {
    if (this.#deliversOnce) return new Uint8Array()
    if (delivered.length === 0) return new Uint8Array()
    const packed: Packed = delivered.map(({ step, items }) => {
      const { coder } = this.#step(step)
      return [step, items.map((item) => encodeToBytes(coder, item))]
    })
    return encodeToBytes(dynamicCoder, packed)
  }

  /**
   * The run leads, and has not done anything yet: looks at what the sinks have, and brings them what they may not have.
   *
   * @param newest the newest commit.
   * @throws {CheckpointOutdated} when a sink has a later batch of this query.
   */
  async begin(newest: CommitRecord | undefined): Promise<void> {
    await this.#checkSinks(newest?.batch ?? 0)
    if (newest !== undefined) await this.#deliverAgain(newest)
  }

  async #checkSinks(committed: number): Promise<void> {
    for (const sink of this.#steps) {
      const step = sink.info.id
      const newest = await sink.newest({ query: this.#store.id, step, batch: committed, shard: 0 })
      if (newest === undefined || newest <= committed) continue
      // Later ones come after all of it was delivered: nothing is in the way of a savepoint.
      if (committed > 0) await this.#store.delivered(committed)
      await this.#store.outdated(sink.info.path, newest, committed)
    }
  }

  /**
   * Hands the items of a committed batch to their sinks.
   *
   * @param mayRepeat whether another life may have done so already. Where none has, a sink that knows the batch knows another one.
   * @throws {CheckpointOutdated} when a sink takes for a repetition what is none.
   */
  async deliver(batch: number, delivered: readonly Delivered[], mayRepeat = false): Promise<void> {
    if (delivered.length === 0) return
    // A driver that stood still while another took over must not bring what may be far behind by now.
    await this.#store.verify()
    for (const { step, items } of delivered) {
      const sink = this.#step(step)
      const isKnown = await sink.deliver(items, { query: this.#store.id, step, batch, shard: 0 })
      if (isKnown && !mayRepeat) await this.#store.outdated(sink.info.path, batch, batch - 1)
    }
    await this.#store.delivered(batch)
  }

  /** The same after a crash, where it may not have come to that. */
  async #deliverAgain({ batch, deliveries }: CommitRecord): Promise<void> {
    if (this.#deliversOnce || deliveries.length === 0 || (await this.#store.deliveredUntil()) >= batch) return
    const packed = decodeFromBytes(dynamicCoder, deliveries) as Packed
    const delivered = packed.map(([step, items]) => {
      const { coder } = this.#step(step)
      return { step, items: items.map((item) => decodeFromBytes(coder, item)) }
    })
    await this.deliver(batch, delivered, true)
  }

  get #steps(): readonly DeliveringStep[] {
    return this.#executors.flatMap(({ processor }) => processor.runtime.deliveries.steps)
  }

  #step(id: string): DeliveringStep {
    const step = this.#steps.find(({ info }) => info.id === id)
    invariant(step !== undefined, 'what is delivered comes from a step of the pipeline', { step: id })
    return step
  }
}
