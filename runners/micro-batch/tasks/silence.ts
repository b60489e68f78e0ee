/**
 * Workers that say nothing: a call of user code that never comes back keeps its worker from answering anything.
 *
 * Law: a worker that answers is never taken for silent, however long its task takes; nor is one that nobody waits for. Time in which
 * the driver itself stood still does not count.
 */
import type { Env, TimerHandle } from '../../../sdk/env.js'
import type { Worker } from './workers.js'

/** So many looks are taken before a worker counts as silent, … */
const LOOKS = 4
/** … and at least one each second. */
const LOOK_MILLIS_MAX = 1000

/** What is looked at, and told. */
export interface SilenceParts {
  readonly env: Env
  /** After so long. */
  readonly millis: number
  readonly workers: () => readonly Worker[]
  silent(worker: Worker): void
}

/** Watches workers while tasks are under way. */
export class SilenceWatch {
  readonly #parts: SilenceParts
  readonly #everyMillis: number
  /** How long workers that are waited for have said nothing. */
  readonly #silent = new Map<Worker, number>()
  #underWay = 0
  #timer: TimerHandle | undefined
  #lookedAt = 0

  constructor(parts: SilenceParts) {
    this.#parts = parts
    this.#everyMillis = Math.min(LOOK_MILLIS_MAX, parts.millis / LOOKS)
  }

  /** Watches as long as something is under way. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#underWay++
    if (this.#timer === undefined) {
      this.#lookedAt = this.#parts.env.monotonic()
      this.#wait()
    }
    try {
      return await work()
    } finally {
      this.#underWay--
    }
  }

  #wait(): void {
    this.#timer = this.#parts.env.setTimer(this.#everyMillis, () => this.#look())
  }

  #look(): void {
    this.#timer = undefined
    if (this.#underWay === 0) return this.#silent.clear()
    const now = this.#parts.env.monotonic()
    const passed = Math.min(now - this.#lookedAt, 2 * this.#everyMillis)
    this.#lookedAt = now
    for (const worker of this.#parts.workers()) {
      const hasSpoken = worker.takeHeard()
      if (hasSpoken || !worker.isWaitedFor) this.#silent.delete(worker)
      else this.#silent.set(worker, (this.#silent.get(worker) ?? 0) + passed)
      if ((this.#silent.get(worker) ?? 0) < this.#parts.millis) {
        // Who can answer does.
        worker.send({ kind: 'stuck' })
        continue
      }
      this.#silent.delete(worker)
      this.#parts.silent(worker)
    }
    this.#wait()
  }

  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
