/**
 * Which sources have a queue: those that cannot be told to wait, where their author or a latency objective asks for it.
 *
 * Law: a source that can wait has none: what it has is safest where it is.
 */
import type { Env } from '../../../sdk/env.js'
import { PipelineError } from '../../../sdk/errors.js'
import { aheadProblem } from '../../core/execution/read-ahead.js'
import { SourceExecutor } from '../../core/execution/source-executor.js'
import type { StageExecutor } from '../../core/execution/stage-executor.js'
import type { SourceLimit } from '../../runner.js'
import type { QueueStatus } from '../../run-status.js'
import { SourceQueue, type QueueBounds } from './source-queue.js'
import { clearSpilled, SpilledParts, spillFolder } from './spilled-parts.js'

const DEFAULTS: QueueBounds = { elements: 1_000_000, bytes: 1024 ** 3, memoryBytes: 64 * 1024 ** 2 }

/** What queues are made of. */
export interface QueuesParts {
  /** The world as it is. */
  readonly env: Env
  /** Limits by stage. */
  readonly limits: ReadonlyMap<number, SourceLimit>
  /** Whether every source has one that cannot wait. */
  readonly isWanted: boolean
  /** Whether a script moves the clock: then nothing happens besides it. */
  readonly isScripted: boolean
  /** Folder for what does not fit into the memory; `undefined` where there is none. */
  readonly folder: string | undefined
  readonly run: string
  readonly warn: (message: string) => void
  /** Elements of a bundle, at most. */
  readonly bundleMax: () => number
}

/** The queues of a run, wherever they are. */
export interface RunQueues {
  /** The run has the lease. @param epoch of it; `undefined` where nobody else can have one. */
  begin(epoch?: number): void
  /** Whether something waits. */
  readonly isAhead: boolean
  /** Reads no more ahead; what is under way is finished. */
  end(): Promise<void>
  /** A batch is committed. */
  committed(): void
  /** The run is over. */
  close(): void
  status(): readonly QueueStatus[]
}

/** A source that is to have a queue. */
export interface QueuedSource<Executor extends StageExecutor> {
  readonly executor: Executor
  readonly bounds: QueueBounds
}

/** Which of these sources have a queue. @throws {PipelineError} when one is asked for that a source cannot have. */
export function queuedSources<Executor extends StageExecutor>(
  sources: readonly Executor[],
  { limits, isWanted, isScripted }: Pick<QueuesParts, 'limits' | 'isWanted' | 'isScripted'>,
): readonly QueuedSource<Executor>[] {
  return sources.flatMap((executor) => {
    const queue = limits.get(executor.stage.id)?.queue
    const isAsked = queue !== undefined && queue !== false
    if (queue === false || !(isAsked || isWanted)) return []
    const problem = problemOf(executor, isScripted)
    if (problem !== undefined && isAsked) refuse(executor, problem)
    return problem === undefined ? [{ executor, bounds: { ...DEFAULTS, ...(typeof queue === 'object' ? queue : {}) } }] : [] // prettier-ignore
  })
}

/** The queues of a run whose sources are read in this process. */
export class SourceQueues implements RunQueues {
  readonly #queued: (readonly [SourceExecutor, SourceQueue])[] = []
  readonly #parts: QueuesParts

  /** @throws {PipelineError} when a queue is asked for that a source cannot have. */
  constructor(executors: readonly StageExecutor[], parts: QueuesParts) {
    this.#parts = parts
    const sources = executors.filter((executor) => executor instanceof SourceExecutor)
    for (const { executor, bounds } of queuedSources(sources, parts)) this.#open(executor, bounds)
  }

  #open(executor: SourceExecutor, bounds: QueueBounds): void {
    const { env, folder, run, warn, bundleMax } = this.#parts
    const { id, root } = executor.stage
    const { files } = env
    const spilled =
      files === undefined || folder === undefined
        ? undefined
        : new SpilledParts({ files, folder: spillFolder(folder, id), run })
    const own = { step: root.info.path, codec: executor.codec, bounds }
    const queue = new SourceQueue({ ...own, spilled, warn, bundleMax })
    executor.readAhead(queue, env)
    this.#queued.push([executor, queue])
  }

  begin(epoch = 0): void {
    const { env, folder } = this.#parts
    if (env.files !== undefined && folder !== undefined) clearSpilled(env.files, folder, epoch)
    for (const [, queue] of this.#queued) queue.begin(epoch)
  }

  get isAhead(): boolean {
    return this.#queued.some(([executor]) => executor.ahead?.isEmpty === false)
  }

  async end(): Promise<void> {
    for (const [executor] of this.#queued) await executor.ahead?.end()
  }

  committed(): void {
    for (const [, queue] of this.#queued) queue.committed()
  }

  close(): void {
    for (const [, queue] of this.#queued) queue.close()
  }

  status(): readonly QueueStatus[] {
    return this.#queued.map(([, queue]) => queue.status())
  }
}

function problemOf({ stage: { root } }: StageExecutor, isScripted: boolean): string | undefined {
  if (isScripted) return 'is run by the clock of a TestStream'
  return root.kind === 'splittable' ? aheadProblem(root.fn.doFn) : undefined
}

function refuse({ stage }: StageExecutor, problem: string): never {
  const step = stage.root.info.path
  throw new PipelineError(
    'MR-6061',
    `sourceLimits asks for a queue for step "${step}", which ${problem}. Leave queue out.`,
    step,
  )
}
