/**
 * The queues of a run whose sources are read by partitions on workers: they stand there, each with a part of the bounds.
 *
 * Law: before workers come or go, everything that was read ahead is taken: a partition that moves leaves nothing behind.
 */
import type { QueueStatus } from '../../run-status.js'
import type { StageExecutor } from '../../core/execution/stage-executor.js'
import type { AheadOfRun } from '../tasks/partitioned-run.js'
import { PartitionedStage } from '../tasks/partitioned-stage.js'
import type { RunSettings } from '../tasks/worker-link.js'
import { queuedSources, type QueuesParts, type RunQueues } from './source-queues.js'
import { clearSpilled } from './spilled-parts.js'
import { StageAhead } from './stage-ahead.js'

/** See the head of this file. */
export class PartitionQueues implements RunQueues, AheadOfRun {
  readonly settings: RunSettings['queues']
  readonly #stages: readonly StageAhead[]
  readonly #parts: QueuesParts
  #epoch: number | undefined

  /** @throws {PipelineError} when a queue is asked for that a source cannot have. */
  constructor(executors: readonly StageExecutor[], parts: QueuesParts) {
    this.#parts = parts
    const queued = queuedSources(
      executors.filter((each) => each instanceof PartitionedStage && each.source !== undefined),
      parts,
    )
    this.#stages = queued.map(({ executor }) => {
      const ahead = new StageAhead(executor.stage.root.info.path, parts.bundleMax)
      ;(executor as PartitionedStage).ahead = ahead
      return ahead
    })
    const of = queued.map(({ executor, bounds }) => ({ stage: executor.stage.id, bounds }))
    this.settings = of.length === 0 ? undefined : { folder: parts.folder, of }
  }

  begin(epoch = 0): void {
    this.#epoch = epoch
    this.#clear()
  }

  /** Workers that were killed have left their files. */
  #clear(): void {
    const { env, folder } = this.#parts
    if (this.#epoch !== undefined && env.files !== undefined && folder !== undefined)
      clearSpilled(env.files, folder, this.#epoch)
  }

  get isAhead(): boolean {
    return this.#stages.some(({ isAhead }) => isAhead)
  }

  /** Partitions hear of it with their next tasks. */
  end(): Promise<void> {
    for (const stage of this.#stages) stage.end()
    return Promise.resolve()
  }

  rests(): boolean {
    void this.end()
    return !this.isAhead
  }

  goOn(): void {
    for (const stage of this.#stages) stage.goOn()
  }

  committed(): void {
    // Partitions are told where they are.
  }

  close(): void {
    if (this.#stages.length > 0) this.#clear()
  }

  status(): readonly QueueStatus[] {
    return this.#stages.map((stage) => stage.status())
  }
}
