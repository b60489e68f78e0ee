/**
 * Counts kills: at which crash point, and how many in a row met a recovery that had not yet committed anything.
 */
import { AIMED_POINTS } from './kill-case.js'
import type { Verdict } from './reconcile.js'

/** The table that a lane prints at its end. */
export class KillTable {
  readonly #kills = new Map<string, number>(AIMED_POINTS.map((point) => [point, 0]))
  /** Kills within a recovery, by how deep. */
  readonly #deep = new Map<number, number>()
  #lost = 0
  #repeated = 0

  /** @param deep 0: the driver had committed something; 1: its recovery was killed; 2: so was the one before … */
  killed(at: string, deep: number): void {
    this.#kills.set(at, (this.#kills.get(at) ?? 0) + 1)
    if (deep > 0) this.#deep.set(deep, (this.#deep.get(deep) ?? 0) + 1)
  }

  judged({ lost, repeated }: Verdict): void {
    this.#lost += lost
    this.#repeated += repeated
  }

  /** All kills so far. */
  get total(): number {
    return [...this.#kills.values()].reduce((a, b) => a + b, 0)
  }

  /** For people. */
  lines(): readonly string[] {
    const width = Math.max(...[...this.#kills.keys()].map((name) => name.length))
    const deep = [...this.#deep].sort(([a], [b]) => a - b).map(([depth, count]) => `${count} at depth ${depth}`)
    return [
      ...[...this.#kills].map(([name, count]) => `  ${name.padEnd(width)} ${String(count).padStart(5)}`),
      `kills within a recovery: ${deep.length === 0 ? 'none' : deep.join(', ')}`,
      `kills: ${this.total}, lost ${this.#lost}, repeated ${this.#repeated}`,
    ]
  }
}
