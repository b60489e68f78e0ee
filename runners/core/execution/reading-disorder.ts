/**
 * How strict mode reads: restrictions are cut where the run's seed says, before they are read and while they are, and parts
 * of bounded work come in any order, as a runner with several readers would have it.
 */
import type { SplitPlan } from './source-reading.js'

/** Parts that a restriction is cut into at most before it is read, and lets there be before it splits no more. */
const PARTS_MAX = 4

/** Decides by a seed about splits and order. */
export class ReadingDisorder {
  readonly #random: () => number
  readonly #parts: () => number

  /**
   * @param random - uniform in [0, 1), seeded.
   * @param parts - the same, for what is decided when work comes and not when it is read.
   */
  constructor(random: () => number, parts: () => number) {
    this.#random = random
    this.#parts = parts
  }

  /** Into how many parts a restriction is cut before it is read. */
  initialParts(): number {
    return 1 + Math.floor(this.#parts() * PARTS_MAX)
  }

  /** Another part of bounded work comes next now and then; always would mean to open each part anew. */
  shuffle(work: unknown[]): void {
    if (work.length < 2 || this.#random() < 0.75) return
    const [chosen] = work.splice(Math.floor(this.#random() * work.length), 1)
    work.unshift(chosen)
  }

  /** Where a restriction is split while up to `limit` elements of it are read. */
  splitPlan(limit: number, workCount: number): SplitPlan | undefined {
    if (workCount >= PARTS_MAX || this.#random() < 0.5) return undefined
    return { after: Math.floor(this.#random() * limit), fraction: this.#random() }
  }
}

/** How bundles of sources are cut. */
export interface BundleLimits {
  /** Elements of the next bundle. */
  next(isBounded: boolean): number
  /** In strict mode, what decides about splits. */
  readonly disorder: ReadingDisorder | undefined
}
