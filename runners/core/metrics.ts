/**
 * Metrics of a run: element counts per collection (always on, so they live in one typed array), system counters per
 * step, and what DoFns declare.
 *
 * Law: counting changes nothing else; counters only grow, but for what user code decrements.
 */
import type { MetricKind, MetricSpec } from '../../sdk/metrics.js'
import { DeadLetterGroups } from './dead-letter-groups.js'
import type { Keeper } from './kept-state.js'
import { CELLS, type Cell, type MetricValue } from './metric-cells.js'
import { type Json, SnapshotKeeper } from './snapshot-keeper.js'

export type { MetricValue } from './metric-cells.js'

/** Names of counters that the engine keeps itself. */
export type SystemCounter =
  | 'droppedDueToLateness'
  | 'droppedDueToClosedWindow'
  | 'droppedWithoutWindow'
  | 'deadLetters'
  | 'retries'
  | 'finalizerFailures'

/** A metric in a result. */
export interface MetricResult {
  readonly step: string
  readonly name: string
  readonly kind: MetricKind
  readonly value: MetricValue
}

/** Counters of a step as a store has them. */
type StoredCounters = readonly [step: string, counters: readonly (readonly [SystemCounter, number])[]]

/** What was counted in a while, as plain data. */
export interface MetricsDelta {
  readonly elements: readonly (readonly [counter: number, by: number])[]
  readonly lost: readonly (readonly [step: number, by: number])[]
  readonly system: readonly StoredCounters[]
  readonly cells: readonly (readonly [step: string, name: string, kind: MetricKind, value: Json])[]
  readonly deadLetters: readonly Json[]
}

/** All metrics of a run. */
export class Metrics {
  /** Elements per collection, by counter index. */
  readonly elements: Float64Array
  /** Elements that a one-to-one step kept from going on, by step index; their outputs are not counted one by one. */
  readonly lost: Float64Array
  /** Dead letters by what they have in common. */
  readonly deadLetters: DeadLetterGroups = new DeadLetterGroups()
  readonly #cells = new Map<string, Cell>()
  readonly #system = new Map<string, Map<SystemCounter, number>>()

  constructor(collectionCount: number, stepCount: number) {
    this.elements = new Float64Array(collectionCount)
    this.lost = new Float64Array(stepCount)
  }

  /** Cells for a DoFn's declaration. */
  cells(step: string, specs: Readonly<Record<string, MetricSpec>>): Readonly<Record<string, Cell>> {
    return Object.fromEntries(Object.entries(specs).map(([name, { metric }]) => [name, this.#cell(step, name, metric)]))
  }

  /** Counts an event of the engine. */
  count(step: string, counter: SystemCounter, by = 1): void {
    let counters = this.#system.get(step)
    if (counters === undefined) this.#system.set(step, (counters = new Map<SystemCounter, number>()))
    counters.set(counter, (counters.get(counter) ?? 0) + by)
  }

  /** Remembers what every metric stands at; the result brings it back, as if nothing had been counted since. */
  save(): () => void {
    const elements = this.elements.slice()
    const lost = this.lost.slice()
    const cells = [...this.#cells.values()].map((cell) => cell.save())
    const system = [...this.#system].map(([step, counters]) => [step, new Map(counters)] as const)
    const deadLetters = this.deadLetters.save()
    return () => {
      this.elements.set(elements)
      this.lost.set(lost)
      for (const restore of cells) restore()
      deadLetters()
      this.#system.clear()
      for (const [step, counters] of system) this.#system.set(step, counters)
    }
  }

  /** Takes out what was counted since the last time. */
  take(): MetricsDelta {
    const system = [...this.#system].map(([step, counters]): StoredCounters => [step, [...counters]])
    this.#system.clear()
    const cells: [string, string, MetricKind, Json][] = []
    for (const cell of this.#cells.values()) {
      const value = cell.take()
      if (value !== undefined) cells.push([cell.step, cell.name, cell.kind, value])
    }
    const deadLetters = this.deadLetters.take()
    return { elements: takenFrom(this.elements), lost: takenFrom(this.lost), system, cells, deadLetters }
  }

  /** What `take` would take out, which stays. */
  peek(): MetricsDelta {
    const restore = this.save()
    const delta = this.take()
    restore()
    return delta
  }

  /** Adds what another has counted in a while. */
  merge({ elements, lost, system, cells, deadLetters }: MetricsDelta): void {
    for (const [counter, by] of elements) this.elements[counter] = (this.elements[counter] ?? 0) + by
    for (const [step, by] of lost) this.lost[step] = (this.lost[step] ?? 0) + by
    for (const [step, counters] of system) for (const [counter, by] of counters) this.count(step, counter, by)
    for (const [step, name, kind, value] of cells) this.#cell(step, name, kind).merge(value)
    this.deadLetters.merge(deadLetters)
  }

  /** Keeps all of it from batch to batch. */
  keeper(): Keeper {
    return new SnapshotKeeper(
      () => this.#stored(),
      (things) => this.#restore(things),
    )
  }

  *#stored(): Iterable<readonly [string, Json]> {
    yield ['elements', [...this.elements]]
    yield ['lost', [...this.lost]]
    yield ['system', [...this.#system].map(([step, counters]) => [step, [...counters]])]
    let index = 0
    for (const cell of this.#cells.values())
      yield [`metric ${index++}`, [cell.step, cell.name, cell.kind, cell.stored()]]
    index = 0
    for (const group of this.deadLetters.stored()) yield [`dead letters ${index++}`, group]
  }

  #restore(things: ReadonlyMap<string, Json>): void {
    this.elements.set((things.get('elements') ?? []) as readonly number[])
    this.lost.set((things.get('lost') ?? []) as readonly number[])
    for (const [step, counters] of (things.get('system') ?? []) as readonly StoredCounters[])
      this.#system.set(step, new Map(counters))
    const groups: Json[] = []
    for (const [name, thing] of things) {
      if (name.startsWith('metric ')) {
        const [step, metric, kind, value] = thing as readonly [string, string, MetricKind, Json]
        const cell = this.#cell(step, metric, kind)
        if (cell.kind === kind) cell.restore(value)
      } else if (name.startsWith('dead letters ')) {
        groups[Number(name.slice('dead letters '.length))] = thing
      }
    }
    this.deadLetters.restore(groups)
  }

  /** A counter of the engine; over all steps unless one is named. */
  system(counter: SystemCounter, step?: string): number {
    if (step !== undefined) return this.#system.get(step)?.get(counter) ?? 0
    let total = 0
    for (const counters of this.#system.values()) total += counters.get(counter) ?? 0
    return total
  }

  /** Every counter of the engine that is not zero. */
  systemCounters(): readonly { readonly step: string; readonly name: SystemCounter; readonly value: number }[] {
    return [...this.#system].flatMap(([step, counters]) =>
      [...counters].map(([name, value]) => ({ step, name, value })),
    )
  }

  /** What DoFns have declared, with values. */
  results(): readonly MetricResult[] {
    return [...this.#cells.values()].map((cell) => ({
      step: cell.step,
      name: cell.name,
      kind: cell.kind,
      value: cell.read(),
    }))
  }

  #cell(step: string, name: string, kind: MetricKind): Cell {
    const key = JSON.stringify([step, name])
    const existing = this.#cells.get(key)
    if (existing !== undefined) return existing
    const cell = new CELLS[kind](step, name)
    this.#cells.set(key, cell)
    return cell
  }
}

/** What is not zero, by its place; it is zero then. */
function takenFrom(counters: Float64Array): readonly (readonly [number, number])[] {
  const taken: [number, number][] = []
  counters.forEach((count, at) => {
    if (count !== 0) taken.push([at, count])
  })
  counters.fill(0)
  return taken
}
