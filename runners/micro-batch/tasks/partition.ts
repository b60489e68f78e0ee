/**
 * A partition as its driver has it: where it lives, and the tasks it has done in the batch at hand. One that is lost is made anew
 * elsewhere, from what was committed and from the same tasks; one that is slow gets a twin, and whichever is done first counts.
 *
 * Law: of each task one answer counts; what comes of a task that is done again is what came of it before, or the batch is given up.
 */
import { invariant } from '../../../sdk/invariant.js'
import type { MetricsDelta } from '../../core/metrics.js'
import type { Change } from '../store/checkpoint-store.js'
import type { LoggedLine, TaskDone, TaskOrder } from './task.js'
import { type Life, type Worker, WorkerLost, type Workers } from './workers.js'
import type { HostPartition, OfPartition, Settled } from './worker-link.js'

/** Thrown when a task that is done again gives something else. */
export class Diverged extends Error {
  override readonly name = 'Diverged'
  readonly code = 'MR-6030' as const
  readonly stage: number

  constructor(stage: number) {
    super('a task that was done again gave something else')
    this.stage = stage
  }
}

const GIVEN_UP = 'the batch is given up'

/** What a partition needs of its run. */
export interface PartitionParts {
  readonly workers: Workers
  /** What was committed last. */
  readonly version: (partition: number) => Promise<Omit<HostPartition, 'kind' | keyof OfPartition>>
  /** Counted for those who look. */
  readonly counts: RecoveryCounts
  /** Whether what a stage reads can be read by two. */
  isReadTwice(stage: number): boolean
  /** Answers differ that should be the same. */
  differs(stage: number, why: 'twin' | 'again'): void
}

/** What was done twice. */
export interface RecoveryCounts {
  recomputed: number
  twins: number
  twinsWon: number
}

/** A task that was done. */
interface Logged {
  readonly order: TaskOrder
  readonly hash: string
  /** Whether it has read what was due then. */
  readonly hasRead: boolean
}

/** A task under way. */
interface Attempt {
  readonly order: TaskOrder
  readonly lives: Set<Life>
  isOver: boolean
  hasTwin: boolean
  /** Twins that are being made. */
  coming: number
  readonly resolve: (done: TaskDone) => void
  readonly reject: (error: unknown) => void
}

/** See the head of this file. */
export class Partition {
  readonly index: number
  readonly #parts: PartitionParts
  #life: Life | undefined
  /** A life that is being made. */
  #coming: Promise<Life> | undefined
  /** Counts what makes lives that are being made useless: a batch that begins or is given up, a move. */
  #era = 0
  #log: Logged[] = []
  #numbers = 0
  /** Whether somebody there waits for the plan, or the commit. */
  #isAwaited = false
  /** Whether a source was read ahead in it: what waits there is nowhere else. */
  #isAhead = false
  #attempt: Attempt | undefined
  /** Lives whose answer may still come, and is compared. */
  readonly #late = new Set<Life>()

  constructor(index: number, parts: PartitionParts) {
    this.index = index
    this.#parts = parts
  }

  /** A batch begins: what was done before is committed. */
  begin(): void {
    this.#newEra()
  }

  #newEra(): void {
    this.#era++
    this.#coming = undefined
    this.#log = []
  }

  /** The number of its next task: no two tasks of a run have the same. */
  nextNumber(): number {
    return this.#numbers++
  }

  /** Where it lives. */
  get life(): Life | undefined {
    return this.#life?.isLost === true ? undefined : this.#life
  }

  /** Sees to it that it lives somewhere. @throws {WorkerLost} when that is not wanted any more. */
  live(): Promise<Life> {
    if (this.#life !== undefined && !this.#life.isLost) return Promise.resolve(this.#life)
    return (this.#coming ??= this.#revive(this.#era))
  }

  async #revive(era: number): Promise<Life> {
    try {
      for (;;) {
        const lost = this.#life
        this.#life = undefined
        lost?.worker.forget(lost)
        const life = await this.#anew(lost !== undefined)
        if (life === undefined && era === this.#era) continue
        if (life !== undefined && era === this.#era) return (this.#life = life)
        // It has what a batch did that was given up, or lives where it is not to live any more.
        if (life !== undefined) dropped(life)
        throw new WorkerLost('the partition is made anew')
      }
    } finally {
      if (era === this.#era) this.#coming = undefined
    }
  }

  /** Makes it anew on a worker. `undefined` when that worker has ended meanwhile. */
  async #anew(isRecovery: boolean, except?: Life): Promise<Life | undefined> {
    const { workers, version, counts } = this.#parts
    const life = await workers.life(this.index, except?.worker)
    try {
      // Of one moment: while a twin is made, its batch may be committed.
      const log = [...this.#log]
      await life.begin(await version(this.index))
      for (const { order, hash } of log) {
        const done = await life.task(order)
        if (isRecovery) counts.recomputed++
        if (done.hash !== hash) throw new Diverged(order.stage)
      }
      return life
    } catch (error) {
      life.worker.forget(life)
      if (!(error instanceof WorkerLost)) {
        life.drop()
        throw error
      }
      workers.check(error.message)
      return undefined
    }
  }

  /** Does a task. */
  async do(order: TaskOrder): Promise<TaskDone> {
    invariant(this.#attempt === undefined, 'a partition does one task at a time')
    const era = this.#era
    const done = await new Promise<TaskDone>((resolve, reject) => {
      this.#attempt = { order, lives: new Set(), isOver: false, hasTwin: false, coming: 0, resolve, reject }
      void this.#try(this.#attempt)
    }).finally(() => {
      if (era === this.#era) this.#attempt = undefined
    })
    // Done in the same moment in which the batch was given up.
    if (era !== this.#era) throw new WorkerLost(GIVEN_UP)
    this.#log.push({ order: again(order, done), hash: done.hash, hasRead: readsAnew(order) })
    this.#isAwaited ||= done.isAwaited
    if (done.queue !== undefined) this.#isAhead ||= done.queue.isReading || done.queue.isAhead
    this.#parts.workers.gotOn()
    return done
  }

  async #try(attempt: Attempt): Promise<void> {
    try {
      const life = await this.live()
      await this.#on(life, attempt, false)
    } catch (error) {
      this.#failed(attempt, error)
    }
  }

  async #on(life: Life, attempt: Attempt, isTwin: boolean): Promise<void> {
    if (attempt.isOver) return
    attempt.lives.add(life)
    try {
      const done = await life.task(attempt.order)
      if (attempt.isOver) return
      attempt.isOver = true
      if (isTwin) this.#parts.counts.twinsWon++
      for (const loser of attempt.lives) if (loser !== life) this.#retire(loser)
      this.#life = life
      attempt.resolve(done)
    } catch (error) {
      attempt.lives.delete(life)
      if (attempt.isOver) return
      if (!(error instanceof WorkerLost)) throw error
      this.#parts.workers.check(error.message)
      // A twin may still come to its end; else it is done anew.
      if (attempt.lives.size === 0 && attempt.coming === 0) await this.#try(attempt)
    }
  }

  #failed(attempt: Attempt, error: unknown): void {
    if (attempt.isOver) return
    attempt.isOver = true
    attempt.reject(error)
  }

  /** What a worker is to answer for it: a task, or another thing; `undefined` when nothing. */
  askedOf(worker: Worker): TaskOrder | 'other' | undefined {
    for (const life of this.#attempt?.lives ?? []) if (life.worker === worker) return this.#attempt?.order
    return worker.waitsFor(this.index) ? 'other' : undefined
  }

  /** The task under way is slow: the same is done elsewhere, too. Not where what one of the two has read, or reads ahead, would be lost. */
  speculate(): void {
    const attempt = this.#attempt
    if (attempt === undefined || attempt.isOver || attempt.hasTwin || attempt.lives.size === 0) return
    if (this.#parts.workers.living.length < 2 || this.#isAhead) return
    if (readsAnew(attempt.order) && !this.#parts.isReadTwice(attempt.order.stage)) return
    attempt.hasTwin = true
    attempt.coming++
    this.#parts.counts.twins++
    void this.#twin(attempt)
  }

  async #twin(attempt: Attempt): Promise<void> {
    const [first] = attempt.lives
    let life: Life | undefined
    try {
      life = await this.#anew(false, first)
    } catch (error) {
      // The first may still be right; it is the twin that is not.
      if (error instanceof Diverged) this.#parts.differs(error.stage, 'twin')
    }
    attempt.coming--
    if (life !== undefined && attempt.isOver) this.#retire(life)
    else if (life !== undefined)
      await this.#on(life, attempt, true).catch((error: unknown) => this.#failed(attempt, error))
    else if (attempt.lives.size === 0) await this.#try(attempt)
  }

  /** The other was first. Its answer is still compared, if it comes. */
  #retire(life: Life): void {
    this.#late.add(life)
    life.drop()
  }

  /** An answer that nobody waits for: of a twin that was late, or doubled on its way. */
  late(life: Life, done: TaskDone): void {
    const logged = this.#log.find(({ order }) => order.batch === done.batch && order.number === done.number)
    // How much a source has when it is asked need not be the same.
    if (logged !== undefined && !logged.hasRead && logged.hash !== done.hash)
      this.#parts.differs(logged.order.stage, 'twin')
    if (this.#late.delete(life)) life.worker.forget(life)
  }

  /** What has changed in the batch. */
  async changes(batch: number): Promise<readonly Change[]> {
    if (this.#log.length === 0) return []
    for (;;) {
      const life = await this.live()
      try {
        return await life.changes(batch)
      } catch (error) {
        if (!(error instanceof WorkerLost)) throw error
        this.#parts.workers.check(error.message)
      }
    }
  }

  /** Tells it that the plan, or the batch, is durable, or committed elsewhere. What waited for it on a worker that has ended is gone with it. */
  async settle(
    kind: Settled,
    batch: number,
  ): Promise<{ readonly metrics: MetricsDelta; readonly log: readonly LoggedLine[] } | undefined> {
    const { life } = this
    if (!this.#isAwaited) return undefined
    if (kind !== 'planned') this.#isAwaited = false
    try {
      return await life?.settle(kind, batch)
    } catch (error) {
      if (error instanceof WorkerLost) return undefined
      throw error
    }
  }

  /** Gives up what was done in the batch. */
  abandon(): void {
    const attempt = this.#attempt
    this.#attempt = undefined
    if (attempt !== undefined) {
      for (const life of attempt.lives) dropped(life)
      this.#failed(attempt, new WorkerLost(GIVEN_UP))
    }
    this.leave()
  }

  /** It lives nowhere until it is needed; what it did in a batch is forgotten. */
  leave(): void {
    const life = this.#life
    this.#life = undefined
    this.#newEra()
    if (life !== undefined) dropped(life)
  }

  /** Nobody waits any more. */
  broken(error: unknown): void {
    const attempt = this.#attempt
    if (attempt !== undefined) this.#failed(attempt, error)
    for (const life of attempt?.lives ?? []) life.broken(error)
    this.#life?.broken(error)
  }
}

/** It is over, and does not count where it lived. */
function dropped(life: Life): void {
  life.worker.forget(life)
  if (!life.isLost) life.drop()
}

function readsAnew({ source }: TaskOrder): boolean {
  return source?.reads === 'anew'
}

/** The order by which the task is done again: what was read is not read anew. */
function again(order: TaskOrder, { record }: TaskDone): TaskOrder {
  if (order.source === undefined) return order
  const reads = record === undefined ? 'no' : 'again'
  return { ...order, source: { ...order.source, reads, record } }
}
