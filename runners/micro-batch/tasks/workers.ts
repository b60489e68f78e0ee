/**
 * The workers of a run, as its driver has them: which there are, which partitions live on each, and what they answer.
 *
 * Law: whoever waits for an answer gets it, or hears that the worker has ended; a worker that has ended is replaced, unless workers end
 * too often.
 */
import { coded } from '../../../sdk/error-codes.js'
import type { Env } from '../../../sdk/env.js'
import type { MetricsDelta } from '../../core/metrics.js'
import { changesIn } from '../store/change-bytes.js'
import type { Change } from '../store/checkpoint-store.js'
import type { HostedStage, LoggedLine, StuckText, TaskDone, TaskOrder } from './task.js'
import { errorFromWire } from '../../core/wire-error.js'
import type { Begin, FromWorker, HostPartition, OfPartition, OpenWorker, Settled, ToWorker, WorkerLink } from './worker-link.js' // prettier-ignore

/** Thrown where an answer is waited for of a worker that has ended. */
export class WorkerLost extends Error {
  override readonly name = 'WorkerLost'
  readonly code = 'MR-6032' as const
}

/** What the workers tell the run besides answers. */
export interface WorkersHost {
  /** Lines that came with a failure. */
  logged(lines: readonly LoggedLine[]): void
  /** An answer that nobody waits for: a late or doubled one. */
  unexpected(life: Life, done: TaskDone): void
  looked(life: Life, stages: Extract<FromWorker, { kind: 'status' }>['stages']): void
  stuck(worker: string, call: StuckText | undefined): void
  /** Something has gone wrong on a worker of which no call of a step can be blamed. */
  failed(error: unknown): void
  remark(text: string): void
}

/** A worker that has not ended in order after so long is ended. */
const END_MILLIS = 5000
/** So often may workers end while nothing gets on. */
const ENDS_MAX = 20

interface Waiting {
  readonly request: number
  readonly resolve: (message: FromWorker) => void
  readonly reject: (error: unknown) => void
}

/** A partition's life on a worker. */
export class Life {
  readonly worker: Worker
  readonly partition: number
  readonly number: number
  /** What its stages waited for when it began. */
  stages: readonly HostedStage[] = []
  #waiting: Waiting | undefined
  #requests = 0
  #failure: unknown

  constructor(worker: Worker, partition: number, number: number) {
    this.worker = worker
    this.partition = partition
    this.number = number
  }

  /** Whether nothing more can be asked. */
  get isLost(): boolean {
    return this.worker.isEnded || this.#failure !== undefined
  }

  async begin(from: Omit<HostPartition, 'kind' | keyof OfPartition>): Promise<void> {
    const answer = await this.#ask((place) => ({ kind: 'host', ...place, ...from }))
    this.stages = (answer as Extract<FromWorker, { kind: 'hosted' }>).stages
  }

  async task(order: TaskOrder): Promise<TaskDone> {
    const answer = await this.#ask((place) => ({ kind: 'task', ...place, order }))
    return (answer as Extract<FromWorker, { kind: 'done' }>).done
  }

  async changes(batch: number): Promise<readonly Change[]> {
    const answer = await this.#ask((place) => ({ kind: 'changes', ...place, batch }))
    return (answer as Extract<FromWorker, { kind: 'changes' }>).changes.flatMap((chunk) => [...changesIn(chunk)])
  }

  async settle(
    kind: Settled,
    batch: number,
  ): Promise<{ readonly metrics: MetricsDelta; readonly log: readonly LoggedLine[] }> {
    const answer = await this.#ask((place) => ({ kind, ...place, batch }))
    return answer as Extract<FromWorker, { kind: 'settled' }>
  }

  /** Whether somebody waits for an answer. */
  get isWaitedFor(): boolean {
    return this.#waiting !== undefined
  }

  look(): void {
    this.worker.send({ kind: 'look', ...this.#place })
  }

  /** It is over, and nothing of it was seen. */
  drop(): void {
    this.worker.send({ kind: 'drop', ...this.#place })
    this.broken(new WorkerLost('the partition lives elsewhere now'))
  }

  /** Whoever waits does so no more. */
  broken(error: unknown): void {
    this.#failure ??= error
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.reject(error)
  }

  /** @returns whether somebody has waited for it. */
  hear(message: FromWorker): boolean {
    const waiting = this.#waiting
    if (message.kind === 'failed') {
      this.broken(errorFromWire(message.error))
      return true
    }
    if (waiting === undefined || !('request' in message) || message.request !== waiting.request) return false
    this.#waiting = undefined
    waiting.resolve(message)
    return true
  }

  get #place(): OfPartition {
    return { partition: this.partition, life: this.number, request: 0 }
  }

  #ask(messageOf: (place: OfPartition) => ToWorker): Promise<FromWorker> {
    if (this.worker.isEnded) return Promise.reject(new WorkerLost(this.worker.reason))
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => {
      const request = ++this.#requests
      this.#waiting = { request, resolve, reject }
      this.worker.send(messageOf({ ...this.#place, request }))
    })
  }
}

/** A worker that has been started. */
export class Worker {
  readonly index: number
  readonly name: string
  /** Set when it has ended. */
  reason = ''
  isEnded = false
  #isReady = false
  #hasSpoken = false
  readonly #link: WorkerLink
  readonly #host: WorkersHost
  readonly #lives = new Map<number, Life>()
  readonly #onEnd: () => void
  #started: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | undefined
  #finished: ((error: unknown) => void) | undefined

  constructor(index: number, link: WorkerLink, host: WorkersHost, onEnd: () => void) {
    this.index = index
    this.name = link.name
    this.#link = link
    this.#host = host
    this.#onEnd = onEnd
    link.onMessage((message) => this.#hear(message))
    link.onEnd((reason) => this.#end(reason))
  }

  /** Tells it what is run. @throws when it cannot serve this run. */
  start(begin: Begin): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#started = { resolve, reject }
      this.#link.send(begin)
    })
  }

  /** How many partitions live here. */
  get load(): number {
    return this.#lives.size
  }

  /** Whether it has said anything since this was last asked. */
  takeHeard(): boolean {
    const hasSpoken = this.#hasSpoken
    this.#hasSpoken = false
    return hasSpoken
  }

  /** Whether somebody waits for an answer of it. */
  get isWaitedFor(): boolean {
    return [...this.#lives.values()].some((life) => life.isWaitedFor)
  }

  /** Whether an answer for a partition is waited for. */
  waitsFor(partition: number): boolean {
    return [...this.#lives.values()].some((life) => life.partition === partition && life.isWaitedFor)
  }

  host(partition: number, number: number): Life {
    const life = new Life(this, partition, number)
    this.#lives.set(number, life)
    return life
  }

  forget(life: Life): void {
    this.#lives.delete(life.number)
  }

  send(message: ToWorker): void {
    if (!this.isEnded) this.#link.send(message)
  }

  /** Ends it in order. @returns what went wrong in that, if something did. */
  async finish(env: Env, isQueryOver: boolean): Promise<unknown> {
    if (this.isEnded) return undefined
    const failure = await new Promise<unknown>((resolve) => {
      const patience = env.setTimer(END_MILLIS, () => resolve(undefined))
      this.#finished = (error) => {
        patience.cancel()
        resolve(error)
      }
      this.#link.send({ kind: 'end', isQueryOver })
    })
    this.isEnded = true
    await this.#link.close()
    return failure
  }

  kill(): void {
    this.#link.kill()
  }

  #hear(message: FromWorker): void {
    this.#hasSpoken = true
    switch (message.kind) {
      case 'ready':
        this.#isReady = true
        this.#started?.resolve()
        return
      case 'refused':
        if (this.#isReady) this.#host.failed(errorFromWire(message.error))
        else this.#started?.reject(errorFromWire(message.error))
        return
      case 'ended':
        this.#finished?.(message.error === undefined ? undefined : errorFromWire(message.error))
        return
      case 'stuck':
        this.#host.stuck(this.name, message.call)
        return
      default: {
        const life = this.#lives.get(message.life)
        if (life === undefined) return
        if (message.kind === 'failed' && life.isLost) {
          this.forget(life)
          return
        }
        if (message.kind === 'failed') this.#host.logged(message.log)
        if (message.kind === 'status') this.#host.looked(life, message.stages)
        else if (!life.hear(message) && message.kind === 'done') this.#host.unexpected(life, message.done)
      }
    }
  }

  #end(reason: string): void {
    if (this.isEnded) return
    this.isEnded = true
    this.reason = `${this.name} has ended: ${reason}`
    const lost = new WorkerLost(this.reason)
    this.#started?.reject(lost)
    this.#finished?.(undefined)
    for (const life of this.#lives.values()) life.broken(lost)
    this.#onEnd()
  }
}

/** All workers of a run. */
export class Workers {
  readonly #open: OpenWorker
  readonly #begin: () => Begin
  readonly #host: WorkersHost
  readonly #all: (Worker | undefined)[] = []
  #opening = new Map<number, Promise<Worker>>()
  #count = 0
  #ends = 0
  #lives = 0
  #isOver = false

  constructor(open: OpenWorker, begin: () => Begin, host: WorkersHost) {
    this.#open = open
    this.#begin = begin
    this.#host = host
  }

  /** Those that live. */
  get living(): readonly Worker[] {
    return this.#all.filter((worker) => worker !== undefined && !worker.isEnded) as readonly Worker[]
  }

  /** There are to be so many: more are started; of fewer, the last are told when nothing lives on them. */
  async resize(count: number): Promise<void> {
    this.#count = count
    await Promise.all(Array.from({ length: count }, (_, index) => this.#worker(index)))
  }

  /** Those that are more than there are to be. */
  get surplus(): readonly Worker[] {
    return this.living.filter(({ index }) => index >= this.#count)
  }

  /** Something has got on. */
  gotOn(): void {
    this.#ends = 0
  }

  /** A life for a partition, on the worker with the fewest; not on `except`, unless it is the only one. */
  async life(partition: number, except?: Worker): Promise<Life> {
    for (;;) {
      const able = this.living.filter(({ index }) => index < this.#count)
      const others = able.filter((worker) => worker !== except)
      const [best] = [...(others.length > 0 ? others : able)].sort((a, b) => a.load - b.load)
      // Chosen and taken at once: others who choose at the same time see it.
      if (best !== undefined) return best.host(partition, this.#lives++)
      await Promise.any(Array.from({ length: this.#count }, (_, index) => this.#worker(index))).catch(
        (error: unknown) => {
          throw error instanceof AggregateError ? error.errors[0] : error
        },
      )
    }
  }

  #worker(index: number): Promise<Worker> {
    const there = this.#all[index]
    if (there !== undefined && !there.isEnded) return Promise.resolve(there)
    let opening = this.#opening.get(index)
    if (opening === undefined) {
      opening = this.#start(index).finally(() => this.#opening.delete(index))
      this.#opening.set(index, opening)
    }
    return opening
  }

  async #start(index: number): Promise<Worker> {
    for (;;) {
      const link = await this.#open(index)
      const worker = new Worker(index, link, this.#host, () => this.#ended(worker))
      try {
        const begin = this.#begin()
        await worker.start(begin)
        const now = this.#begin()
        // What it was told when it began is not so any more.
        if (begin.isFenced && !now.isFenced) worker.send({ kind: 'leads', epoch: now.query.epoch })
      } catch (error) {
        if (error instanceof WorkerLost && this.#ends < ENDS_MAX) continue
        if (!worker.isEnded) await link.close()
        throw error instanceof WorkerLost ? tooMany(error.message) : error
      }
      this.#all[index] = worker
      return worker
    }
  }

  #ended(worker: Worker): void {
    if (this.#isOver) return
    this.#ends++
    this.#host.remark(`${worker.reason}; what it did is done again elsewhere`)
    // Its place is taken by a new one; whoever needs it waits, or hears why not.
    if (worker.index < this.#count && this.#ends < ENDS_MAX) void this.#worker(worker.index).catch(() => undefined)
  }

  /** @throws when workers have ended so often that nothing will come of it. */
  check(reason: string): void {
    if (this.#ends >= ENDS_MAX) throw tooMany(reason)
  }

  send(message: ToWorker): void {
    for (const worker of this.living) worker.send(message)
  }

  /** Ends all. @throws the first failure, after all have ended. */
  async close(env: Env, isQueryOver: boolean): Promise<void> {
    this.#isOver = true
    await Promise.allSettled([...this.#opening.values()])
    const failures = await Promise.all(this.living.map((worker) => worker.finish(env, isQueryOver)))
    const failure = failures.find((each) => each !== undefined)
    if (failure !== undefined) throw failure
  }
}

function tooMany(reason: string): Error {
  return coded(
    'MR-6032',
    new Error(
      `workers have ended ${ENDS_MAX} times while nothing of the run got on; the last: ${reason}. Look at what they have printed; a step that ends its process, or needs more memory than there is, does so wherever it runs.`,
    ),
  )
}
