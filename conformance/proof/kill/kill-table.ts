/**
 * Counts kills: at which crash point, at which of the seven failure points with which kind of sink, and how many in a row met a
 * recovery that had not yet committed anything.
 */
import { CONSISTENCY_KINDS } from '../consistency.js'
import { AIMED_POINTS, FAILURE_POINTS, type FailurePoint, type KillCase, SINK_SYSTEMS, systemOf } from './kill-case.js'
import type { Verdict } from './reconcile.js'

/** Kills of each cell of the full set, and of each way of the bank transfers. */
const LEAST_OF_CELL = 3
const LEAST_OF_CONSISTENCY = 20
/** All kills of the full set. */
const LEAST = 500
/** What every cell is held to: nothing lost, nothing twice. */
const CLASS = 'precise'

/** The table that a lane prints at its end. */
export class KillTable {
  readonly #kills = new Map<string, number>(AIMED_POINTS.map((point) => [point, 0]))
  /** By failure point and kind of sink. */
  readonly #cells = new Map<string, number>()
  /** By the way of transfers to their total. */
  readonly #consistency = new Map<string, number>()
  /** Kills within a recovery, by how deep. */
  readonly #deep = new Map<number, number>()
  #refused = 0
  #silent = 0
  #lost = 0
  #repeated = 0

  /**
   * A driver was killed.
   *
   * @param deep 0: the driver had committed something; 1: its recovery was killed; 2: so was the one before …
   */
  killed(at: string, deep: number, of?: KillCase, point?: FailurePoint): void {
    this.#kills.set(at, (this.#kills.get(at) ?? 0) + 1)
    if (deep > 0) this.#deep.set(deep, (this.#deep.get(deep) ?? 0) + 1)
    if (of === undefined || point === undefined) return
    this.#count(of, point)
    if (of.pipeline === 'transfers')
      this.#consistency.set(of.consistency, (this.#consistency.get(of.consistency) ?? 0) + 1)
  }

  /** A driver has refused what it could not rely on. */
  refused(of: KillCase, point: FailurePoint): void {
    this.#refused++
    this.#count(of, point)
  }

  /** Nothing came over a link for a while. */
  silent(of: KillCase): void {
    this.#silent++
    this.#count(of, 'network')
  }

  judged({ lost, repeated }: Verdict): void {
    this.#lost += lost
    this.#repeated += repeated
  }

  /** All kills so far. */
  get total(): number {
    return [...this.#kills.values()].reduce((a, b) => a + b, 0)
  }

  /** What the full set lacks, in words. */
  missing(): readonly string[] {
    const cells = FAILURE_POINTS.flatMap((point) =>
      SINK_SYSTEMS.filter((system) => this.#of(point, system) < LEAST_OF_CELL).map(
        (system) => `${point} × ${system} failed ${this.#of(point, system)} times of ${LEAST_OF_CELL}`,
      ),
    )
    const ways = CONSISTENCY_KINDS.map((kind) => [kind, this.#consistency.get(kind) ?? 0] as const)
      .filter(([, kills]) => kills < LEAST_OF_CONSISTENCY)
      .map(([kind, kills]) => `bank transfers by ${kind} were killed ${kills} times of ${LEAST_OF_CONSISTENCY}`)
    const all = this.total < LEAST ? [`${this.total} kills of ${LEAST}`] : []
    return [...cells, ...ways, ...all]
  }

  /** For people. */
  lines(): readonly string[] {
    const width = Math.max(...[...this.#kills.keys()].map((name) => name.length))
    const deep = [...this.#deep].sort(([a], [b]) => a - b).map(([depth, count]) => `${count} at depth ${depth}`)
    const wide = Math.max(...FAILURE_POINTS.map((point) => point.length))
    const cell = (point: FailurePoint, system: (typeof SINK_SYSTEMS)[number]): string =>
      `${this.#of(point, system)} ${CLASS}`.padStart(14)
    return [
      ...[...this.#kills].map(([name, count]) => `  ${name.padEnd(width)} ${String(count).padStart(5)}`),
      `${'failure point'.padEnd(wide)} ${SINK_SYSTEMS.map((system) => system.padStart(14)).join('')}`,
      ...FAILURE_POINTS.map(
        (point) => `${point.padEnd(wide)} ${SINK_SYSTEMS.map((system) => cell(point, system)).join('')}`,
      ),
      `bank transfers: ${CONSISTENCY_KINDS.map((kind) => `${kind} ${this.#consistency.get(kind) ?? 0}`).join(', ')} kills, every total 0`,
      `kills within a recovery: ${deep.length === 0 ? 'none' : deep.join(', ')}`,
      `kills: ${this.total}, streams refused: ${this.#refused}, links silent: ${this.#silent}, lost ${this.#lost}, repeated ${this.#repeated}`,
    ]
  }

  #count({ sink }: KillCase, point: FailurePoint): void {
    const cell = `${point} ${systemOf(sink)}`
    this.#cells.set(cell, (this.#cells.get(cell) ?? 0) + 1)
  }

  #of(point: FailurePoint, system: (typeof SINK_SYSTEMS)[number]): number {
    return this.#cells.get(`${point} ${system}`) ?? 0
  }
}
