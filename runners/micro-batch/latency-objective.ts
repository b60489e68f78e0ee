/**
 * What a latency objective chooses: batches are short enough for it from the beginning. (Sources that cannot wait have a queue; steps that
 * were told how to, drop; see `queue/` and `load-shedding.ts`.) Where that does not help, people are told which step takes the time.
 *
 * Law: how long batches last does not depend on what was measured: of what a source that can wait had before it was read, nobody knows
 * since when it was there.
 */

/** A batch lasts half of the objective at most: what comes just after one was read waits for the next, and is done in it. */
const BATCH_SHARE = 0.5
/** Batches above the objective, one after another, after which people are told. */
const WARN_AFTER = 5

/** How long batches last, in milliseconds. */
export function batchLength(intervalMillis: number, objectiveMillis: number | undefined): number {
  return objectiveMillis === undefined ? intervalMillis : Math.min(intervalMillis, objectiveMillis * BATCH_SHARE)
}

/** Time spent on the stages of a run, and whether it is too much. */
export class SlowSteps {
  readonly #millis = new Map<string, number>()
  #above = 0

  /** Bundles of a stage took so long. */
  add(steps: string, millis: number): void {
    this.#millis.set(steps, (this.#millis.get(steps) ?? 0) + millis)
  }

  /** A batch is over. @returns what people are to be told, once for each time that latency stays above its objective. */
  over(isAbove: boolean): { readonly steps: string; readonly share: number } | undefined {
    this.#above = isAbove ? this.#above + 1 : 0
    const all = [...this.#millis.values()].reduce((sum, millis) => sum + millis, 0)
    const slowest = [...this.#millis].sort(([, a], [, b]) => b - a)[0]
    if (!isAbove) this.#millis.clear()
    if (this.#above !== WARN_AFTER || slowest === undefined) return undefined
    return { steps: slowest[0], share: slowest[1] / Math.max(all, 1e-3) }
  }
}
