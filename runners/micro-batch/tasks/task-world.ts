/**
 * The world as a task sees it: one instant, and randomness that the order begins.
 *
 * Law: a task that is done again sees the same instant and the same random numbers, whatever sources and sinks have asked for.
 */
import { type Env, seededRandom } from '../../../sdk/env.js'

/** The world of a partition. */
export class TaskWorld {
  readonly env: Env
  /** What sources and sinks are given: time that passes, and chance that does not come again, but where a script moves the clock. */
  readonly outside: Env
  /** What strict mode decides by, and what it reads by. */
  readonly disorder: () => number
  readonly readingDisorder: () => number
  #now = 0
  #advanced = 0
  #hasDrawn = false
  #random: () => number = () => 0
  #disorder: () => number = () => 0
  #readingDisorder: () => number = () => 0
  #seed = 0

  /** @param isScripted whether a script moves the clock, as far as the pipeline sees it. */
  constructor(real: Env, isScripted: boolean) {
    this.env = { ...real, now: () => this.#now + this.#advanced, random: () => this.#drawn(this.#random) }
    const now = isScripted ? this.env.now : (): number => real.now()
    this.outside = { ...this.env, now, random: () => real.random() }
    this.disorder = () => this.#drawn(this.#disorder)
    this.readingDisorder = () => this.#readingDisorder()
  }

  /** A task begins. */
  begin(now: number, seed: number): void {
    this.#now = now
    this.#advanced = 0
    this.#hasDrawn = false
    this.#seed = seed
    this.#random = seededRandom(seed)
    this.#disorder = seededRandom(seed ^ 0x3c6ef372)
    this.#readingDisorder = seededRandom(seed ^ 0x1f83d9ab)
  }

  /** Randomness of the task at hand, unlike that of other salts. */
  chance(salt: number): () => number {
    const random = seededRandom(this.#seed ^ salt)
    return () => this.#drawn(random)
  }

  #drawn(random: () => number): number {
    this.#hasDrawn = true
    return random()
  }

  /** Whether the task has come to depend on its randomness. Of what reads, it does not: what was read is written down. */
  get hasDrawn(): boolean {
    return this.#hasDrawn
  }

  /** A script moves the clock. */
  advance(millis: number): void {
    this.#advanced += millis
  }

  /** How far a script has moved the clock in this task. */
  get advancedMillis(): number {
    return this.#advanced
  }
}
