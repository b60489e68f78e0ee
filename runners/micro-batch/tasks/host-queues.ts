/**
 * The queues of a partition: a source that cannot wait is read ahead where it runs, into a queue of its own.
 *
 * Law: together the queues of all partitions keep to the bounds of the run; what a partition that is lost had read ahead was in no task's
 * answer, and so was acknowledged nowhere.
 */
import type { Env } from '../../../sdk/env.js'
import { SourceExecutor } from '../../core/execution/source-executor.js'
import type { StageExecutor } from '../../core/execution/stage-executor.js'
import { newQueryId } from '../../core/query-identity.js'
import { type QueueBounds, SourceQueue } from '../queue/source-queue.js'
import { SpilledParts, spillFolder } from '../queue/spilled-parts.js'
import type { QueueTold, SourceOrder } from './task.js'
import type { RunSettings } from './worker-link.js'

interface Queued {
  readonly reader: SourceExecutor
  readonly queue: SourceQueue
  bundleMax: number
}

/** See the head of this file. */
export class HostQueues {
  readonly #queued = new Map<number, Queued>()
  /** Whether nobody waits for what is done here any more. */
  #isHalted = false

  /** @param env the world as it is. */
  constructor(
    executors: readonly StageExecutor[],
    { queues, partitions }: RunSettings,
    partition: number,
    env: Env,
    warn: (message: string) => void,
  ) {
    const { files } = env
    for (const { stage, bounds } of queues?.of ?? []) {
      const reader = executors[stage]
      if (!(reader instanceof SourceExecutor)) continue
      const folder = queues?.folder === undefined ? undefined : spillFolder(queues.folder, stage, partition)
      const queue = new SourceQueue({
        step: reader.stage.root.info.path,
        codec: reader.codec,
        bounds: part(bounds, partitions),
        spilled: files === undefined || folder === undefined ? undefined : new SpilledParts({ files, folder, run: newQueryId(env) }), // prettier-ignore
        warn,
        bundleMax: () => queued.bundleMax,
      })
      const queued: Queued = { reader, queue, bundleMax: 1 }
      reader.readAhead(queue, env)
      this.#queued.set(stage, queued)
    }
  }

  /** A task of a source begins. @param epoch of the lease that the driver has. */
  async begin(stage: number, { ahead, reads }: SourceOrder, epoch = 0): Promise<void> {
    const queued = this.#queued.get(stage)
    if (queued === undefined || ahead === undefined || this.#isHalted) return
    const { reader, queue } = queued
    queued.bundleMax = ahead.bundleMax
    // Only who reads anew is the partition's one life: what lives before it have left on the disk is nobody's.
    if (reads === 'anew' && !queue.isBegun) queue.begin(epoch)
    if (reader.ahead === undefined) return
    reader.ahead.isPaused = ahead.state === 'rests'
    if (ahead.state === 'ends') await reader.ahead.end()
    else reader.ahead.goOn()
  }

  /** How a queue stands; `undefined` where the stage has none. */
  told(stage: number): QueueTold | undefined {
    const queued = this.#queued.get(stage)
    if (queued === undefined) return undefined
    const { queue, reader } = queued
    const { elements, elementsMax, bytes, spilledBytes } = queue.status()
    const isReading = reader.ahead?.isReading === true
    return { elements, elementsMax, bytes, spilledBytes, isAhead: !queue.isEmpty, isReading }
  }

  /** Whether files may go when the batch is committed. */
  get isAwaited(): boolean {
    for (const { queue } of this.#queued.values()) if (queue.hasTaken) return true
    return false
  }

  /** The batch is committed. */
  committed(): void {
    for (const { queue } of this.#queued.values()) queue.committed()
  }

  /** Nobody waits for it any more: nothing further is read. */
  halt(): void {
    this.#isHalted = true
    for (const { reader } of this.#queued.values()) void reader.ahead?.end()
  }

  /** The partition's life is over. */
  close(): void {
    for (const { queue } of this.#queued.values()) queue.close()
  }
}

/** The part of one partition. */
function part(bounds: QueueBounds, partitions: number): QueueBounds {
  const of = (bound: number): number => Math.max(1, Math.floor(bound / partitions))
  return { elements: of(bounds.elements), bytes: of(bounds.bytes), memoryBytes: of(bounds.memoryBytes) }
}
