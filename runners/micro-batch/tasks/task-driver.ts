/**
 * The driver's side of a partitioned run: its workers, its partitions, and what goes from stage to stage between them. It says which
 * answer of a task counts, and gives a batch up whose tasks do not come out alike.
 *
 * Law: what a stage of a partition gets depends on what was committed, on what was read, and on the order of partitions; never on which
 * worker was faster.
 */
import { canonicalHash } from '../../../sdk/coders/canonical-hash.js'
import { dynamicCoder, encodeToBytes } from '../../../sdk/coders/index.js'
import type { Env } from '../../../sdk/env.js'
import { coded } from '../../../sdk/error-codes.js'
import type { StageStatus } from '../../core/execution/stage-status.js'
import type { MetricsDelta } from '../../core/metrics.js'
import type { RunLog } from '../../core/run-log.js'
import type { Change } from '../store/checkpoint-store.js'
import { WORK } from './block-codings.js'
import { Partition, type RecoveryCounts } from './partition.js'
import type { Block, HostedStage, LoggedLine, StuckText, TaskDone, TaskOrder } from './task.js'
import { SilenceWatch } from './silence.js'
import { type Worker, Workers } from './workers.js'
import type { Begin, HostPartition, OfPartition, OpenWorker, Settled } from './worker-link.js'

/** A task that takes longer than this, and than {@link SLOW_FACTOR} times what its siblings have taken, gets a twin. */
const SLOW_MILLIS = 250
const SLOW_FACTOR = 4

/** What the driver is given. */
export interface TaskDriverParts {
  readonly env: Env
  readonly open: OpenWorker
  readonly workers: number
  readonly speculation: boolean
  /** A worker that has not said anything for so long, while it is waited for, is ended. */
  readonly silenceMillis: number
  readonly begin: () => Begin
  readonly log: RunLog
  /** Path of the step that a stage begins with. */
  readonly stepOf: (stage: number) => string
  /** Paths of all its steps that have calls. */
  readonly stepsOf: (stage: number) => readonly string[]
  /** Whether what a stage reads can be read by two. */
  readonly isReadTwice: (stage: number) => boolean
  /** The run is not to go on: {@link TaskDriver.throwIfFailed} says why. */
  readonly failed: () => void
  /** Lines, and what was counted, of what counts. */
  readonly told: (log: readonly LoggedLine[], metrics: MetricsDelta | undefined) => void
}

/** What a partition is made of at the last committed batch. */
export type VersionOf = (partition: number) => Promise<Omit<HostPartition, 'kind' | keyof OfPartition>>

/** See the head of this file. */
export class TaskDriver {
  readonly workers: Workers
  readonly counts: RecoveryCounts = { recomputed: 0, twins: 0, twinsWon: 0 }
  readonly #parts: TaskDriverParts
  #partitions: readonly Partition[] = []
  /** Blocks that wait for their stage, by partition and stage. */
  readonly #mail = new Map<string, Block[]>()
  /** Tasks of each stage and partition that have drawn random numbers since randomness began anew. Others come as often as they like. */
  readonly #drawn = new Map<string, number>()
  #batch = 0
  /** What randomness begins with in the batch. */
  #seed: number | undefined
  readonly #statuses = new Map<number, readonly StageStatus[]>()
  #failure: { readonly error: unknown } | undefined
  readonly #silence: SilenceWatch
  /** What was asked of workers that have not answered. */
  readonly #unanswered = new Set<string>()
  readonly #stuck = new Map<string, { readonly call: StuckText; readonly at: number }>()

  constructor(parts: TaskDriverParts) {
    this.#parts = parts
    this.workers = new Workers(parts.open, parts.begin, {
      logged: (lines) => parts.told(lines, undefined),
      unexpected: (life, done) => this.#partitions[life.partition]?.late(life, done),
      looked: (life, stages) => void this.#statuses.set(life.partition, stages),
      stuck: (worker, call) => {
        if (call === undefined) this.#stuck.delete(worker)
        else this.#stuck.set(worker, { call, at: parts.env.monotonic() })
      },
      failed: (error) => this.#fail(error),
      remark: (text) => parts.log.note(text),
    })
    this.#silence = new SilenceWatch({
      env: parts.env,
      millis: parts.silenceMillis,
      workers: () => this.workers.living,
      silent: (worker) => this.#silent(worker),
    })
  }

  /** A worker does not answer: it is ended, and what was asked of it is asked elsewhere, once. */
  #silent(worker: Worker): void {
    const after = `${worker.name} has not answered for ${this.#parts.silenceMillis / 1000} s`
    for (const partition of this.#partitions) {
      const asked = partition.askedOf(worker)
      if (asked === undefined) continue
      const isTask = asked !== 'other'
      const what = `${partition.index} ${isTask ? `${asked.batch} ${asked.number}` : `${this.#batch} other`}`
      if (this.#unanswered.has(what))
        return this.#fail(unanswered(after, isTask ? this.#parts.stepsOf(asked.stage) : []))
      this.#unanswered.add(what)
    }
    this.#parts.log.note(`${after}, and is ended`)
    worker.kill()
  }

  get partitions(): number {
    return this.#partitions.length
  }

  /** Starts the workers. */
  async open(partitions: number, version: VersionOf): Promise<void> {
    const { workers, counts } = this
    const differs = (stage: number, why: 'twin' | 'again'): void => this.#differs(stage, why)
    const { isReadTwice } = this.#parts
    this.#partitions = Array.from(
      { length: partitions },
      (_, index) => new Partition(index, { workers, version, counts, isReadTwice, differs }),
    )
    await workers.resize(this.#parts.workers)
  }

  /** Makes all partitions live. @returns what their stages waited for when their lives began. */
  async live(): Promise<readonly (readonly HostedStage[])[]> {
    const lives = await this.#silence.during(() => Promise.all(this.#partitions.map((partition) => partition.live())))
    return lives.map(({ stages }) => stages)
  }

  /** From now on so many workers share the partitions; called between batches. Nothing is done again: each goes on from what is committed. */
  async resize(workers: number): Promise<void> {
    // What was done is committed: whoever moves begins there.
    for (const partition of this.#partitions) partition.begin()
    await this.workers.resize(workers)
    const most = Math.ceil(this.#partitions.length / workers)
    for (const partition of this.#partitions) {
      const at = partition.life?.worker
      if (at !== undefined && (at.index >= workers || at.load > most)) partition.leave()
    }
    await this.live()
    await Promise.all(this.workers.surplus.map((worker) => worker.finish(this.#parts.env, false)))
  }

  #differs(stage: number, why: 'twin' | 'again'): void {
    const step = this.#parts.stepOf(stage)
    const what = why === 'twin' ? 'a task and its twin' : 'a task that was done again'
    this.#parts.log.note(
      `step "${step}", or one fused with it, is not deterministic: ${what} did not give the same. Let it depend on its elements, its state and its context alone (context.now and context.random, not the clock or Math.random).`,
      { step },
    )
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = { error }
    this.broken(error)
    this.#parts.failed()
  }

  /** Throws what has failed outside of any task. */
  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  // ---- a batch ---------------------------------------------------------------------------------------------------

  /** A batch begins. */
  begin(batch: number): void {
    this.#batch = batch
    this.#seed = undefined
    this.#drawn.clear()
    for (const partition of this.#partitions) partition.begin()
  }

  /** The batch has been read. How often sources were asked in vain before is no part of what follows. */
  closing(): void {
    this.#drawn.clear()
  }

  /** Gives up what was done in the batch. @param stage the one that has not done the same again. */
  abandon(stage: number): void {
    this.#differs(stage, 'again')
    for (const partition of this.#partitions) partition.abandon()
    this.#mail.clear()
    this.#drawn.clear()
  }

  /** Tells partitions that the plan, or the batch, is durable, or that the batch is committed elsewhere. */
  async settle(kind: Settled, batch: number): Promise<void> {
    this.throwIfFailed()
    const settled = await this.#silence.during(() =>
      Promise.all(this.#partitions.map((partition) => partition.settle(kind, batch))),
    )
    for (const each of settled) if (each !== undefined) this.#parts.told(each.log, each.metrics)
  }

  /** The run leads from now on: what it has in workers need not stay there any more. */
  leads(): void {
    this.workers.send({ kind: 'leads', epoch: this.#parts.begin().query.epoch })
  }

  /** What has changed in the batch, by partition. */
  async changes(batch: number): Promise<readonly (readonly Change[])[]> {
    this.throwIfFailed()
    return this.#silence.during(() => Promise.all(this.#partitions.map((partition) => partition.changes(batch))))
  }

  #seedOf(seed: number | string): number {
    return (this.#seed ??= canonicalHash(encodeToBytes(dynamicCoder, [seed, this.#batch])))
  }

  // ---- tasks -----------------------------------------------------------------------------------------------------

  /** The number and the randomness of the next task of a partition. */
  next(
    partition: number,
    stage: number,
    phase: number,
    seed: number | string,
  ): Pick<TaskOrder, 'batch' | 'number' | 'seed'> {
    const drawn = this.#drawn.get(placeOf(partition, stage)) ?? 0
    const random = mixed(this.#seedOf(seed), phase, stage, partition, drawn)
    return { batch: this.#batch, number: this.#partitions[partition]?.nextNumber() ?? 0, seed: random }
  }

  /** Does tasks of different partitions at the same time. @returns what came of them, in the same order. */
  async perform(orders: readonly (readonly [partition: number, order: TaskOrder])[]): Promise<readonly TaskDone[]> {
    this.throwIfFailed()
    const running = new Map<Partition, number>()
    const { env, speculation } = this.#parts
    const took: number[] = []
    const all = orders.map(async ([index, order]) => {
      const partition = this.#partitions[index] as Partition
      const began = env.monotonic()
      running.set(partition, began)
      try {
        return await partition.do(order)
      } finally {
        running.delete(partition)
        took.push(env.monotonic() - began)
      }
    })
    const watch = speculation && orders.length > 1 ? this.#watch(running, took, orders.length) : undefined
    try {
      const dones = await this.#silence.during(() => Promise.all(all))
      for (const [i, { log, metrics, blocks, hasDrawn }] of dones.entries()) {
        const [partition, { stage }] = orders[i] as (typeof orders)[number]
        if (hasDrawn) this.#hasDrawn(placeOf(partition, stage))
        this.#parts.told(log, metrics)
        for (const block of blocks) this.#post(block)
      }
      return dones
    } finally {
      watch?.()
    }
  }

  #hasDrawn(place: string): void {
    this.#drawn.set(place, (this.#drawn.get(place) ?? 0) + 1)
  }

  /** Looks after tasks that take much longer than others of the same turn. @returns ends that. */
  #watch(running: ReadonlyMap<Partition, number>, took: readonly number[], count: number): () => void {
    const { env } = this.#parts
    const look = (): void => {
      if (took.length * 2 >= count) {
        const usual = [...took].sort((a, b) => a - b)[took.length >> 1] ?? 0
        const limit = Math.max(SLOW_MILLIS, usual * SLOW_FACTOR)
        const now = env.monotonic()
        for (const [partition, began] of running) if (now - began > limit) partition.speculate()
      }
      timer = env.setTimer(SLOW_MILLIS / 2, look)
    }
    let timer = env.setTimer(SLOW_MILLIS / 2, look)
    return () => timer.cancel()
  }

  // ---- blocks ----------------------------------------------------------------------------------------------------

  #post(block: Block): void {
    const place = placeOf(block.partition, block.stage)
    const there = this.#mail.get(place)
    if (there === undefined) this.#mail.set(place, [block])
    else there.push(block)
  }

  /** Whether blocks wait for a stage of a partition. */
  hasMail(partition: number, stage: number): boolean {
    return this.#mail.has(placeOf(partition, stage))
  }

  /** Whether restrictions that another partition has cut off are among them. */
  hasWork(partition: number, stage: number): boolean {
    return this.#mail.get(placeOf(partition, stage))?.some(({ input }) => input === WORK) === true
  }

  /** Takes what waits for a stage of a partition. */
  takeMail(partition: number, stage: number): readonly Block[] {
    const place = placeOf(partition, stage)
    const blocks = this.#mail.get(place) ?? []
    this.#mail.delete(place)
    return blocks
  }

  // ---- those who look ----------------------------------------------------------------------------------------------

  /** A stage of a partition, as it was when it was last looked at. Asks for what it is now. */
  status(stage: number): readonly StageStatus[] {
    return [...this.#statuses.values()].flatMap((stages) => stages[stage] ?? [])
  }

  /** Asks how partitions stand. */
  look(): void {
    for (const { life } of this.#partitions) life?.look()
  }

  /** The call that has been under way longest, as far as workers have told. Asks them. */
  stuck(): { readonly call: StuckText; readonly startedAt: number } | undefined {
    this.workers.send({ kind: 'stuck' })
    const calls = [...this.#stuck.values()].map(({ call, at }) => ({ call, startedAt: at - call.millis }))
    return calls.sort((a, b) => a.startedAt - b.startedAt)[0]
  }

  /** Nobody waits any more. */
  broken(error: unknown): void {
    this.workers.send({ kind: 'cancel' })
    for (const partition of this.#partitions) partition.broken(error)
  }

  /** @param isQueryOver whether it does not go on from what is kept. */
  async close(isQueryOver: boolean): Promise<void> {
    this.#silence.close()
    await this.workers.close(this.#parts.env, isQueryOver)
    this.throwIfFailed()
  }
}

/** One number of several, each of which matters. */
function mixed(...numbers: readonly number[]): number {
  let hash = 0x811c9dc5
  for (const number of numbers) {
    hash = Math.imul(hash ^ number, 0x01000193)
    hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b)
  }
  return (hash ^ (hash >>> 13)) >>> 0
}

function placeOf(partition: number, stage: number): string {
  return `${partition} ${stage}`
}

function unanswered(after: string, steps: readonly string[]): Error {
  const named = steps.map((step) => `"${step}"`).join(', ')
  const what =
    steps.length === 0
      ? 'What a step sets up, is told or keeps takes as long'
      : `A call of ${steps.length === 1 ? 'step' : 'one of the steps'} ${named} takes as long`
  return coded(
    'MR-6034',
    new Error(
      `${after}, and nor had the one before it. ${what}, wherever it is made. Let it come to an end, or give it longer: callTimeoutMillis (--call-timeout).`,
    ),
  )
}
