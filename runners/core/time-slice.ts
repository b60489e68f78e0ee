/**
 * Keeps a busy run from starving its process: between elements, control goes back to the event loop about every
 * {@link SLICE_MILLIS}. The clock is read once per chunk of elements; chunks grow while elements are cheap and shrink
 * when they are not.
 *
 * Limit: what happens inside one call of user code cannot be interrupted, and a chunk whose elements suddenly become a
 * thousand times dearer is finished first.
 */
import type { Env } from '../../sdk/env.js'

/** Longest time between two yields, in milliseconds, as long as elements cost what the last ones did. */
export const SLICE_MILLIS = 8

const CHUNK_MAX = 4096

/** When the run last yielded; shared by all its stages. */
export class TimeSlice {
  readonly #env: Env
  #lastYield: number

  constructor(env: Env) {
    this.#env = env
    this.#lastYield = env.monotonic()
  }

  now(): number {
    return this.#env.monotonic()
  }

  /** Whether it is time to yield. */
  isOver(now: number): boolean {
    return now - this.#lastYield >= SLICE_MILLIS
  }

  /** Lets others run. */
  async yield(): Promise<void> {
    await this.#env.yield()
    this.#lastYield = this.#env.monotonic()
  }
}

/** How many elements a stage may process before the clock is read again. */
export class ChunkSize {
  #size = 16

  get size(): number {
    return this.#size
  }

  /** `elements` took `millis`. */
  observe(elements: number, millis: number): void {
    if (millis > SLICE_MILLIS / 2) this.#size = Math.max(1, Math.floor((elements * SLICE_MILLIS) / 4 / millis))
    else if (millis < SLICE_MILLIS / 8 && elements === this.#size) this.#size = Math.min(CHUNK_MAX, this.#size * 2)
  }
}
