/**
 * Metrics of a run: element counts per collection (always on, so they live in one typed array), system counters per
 * step, and what DoFns declare.
 *
 * Law: counting changes nothing else; counters only grow, but for what user code decrements.
 */
import { coded } from '../../sdk/error-codes.js'
import type {
  Counter,
  Distribution,
  DistributionResult,
  Gauge,
  MetricKind,
  MetricSpec,
  StringSet,
} from '../../sdk/metrics.js'
import { DeadLetterGroups } from './dead-letter-groups.js'
import type { Keeper } from './kept-state.js'
import { type Json, numberText, SnapshotKeeper } from './snapshot-keeper.js'

/** Names of counters that the engine keeps itself. */
export type SystemCounter =
  | 'droppedDueToLateness'
  | 'droppedDueToClosedWindow'
  | 'droppedWithoutWindow'
  | 'deadLetters'
  | 'retries'
  | 'finalizerFailures'

/** A metric's value in a result. Counters are numbers while exact, bigints beyond 2^53. */
export type MetricValue = number | bigint | DistributionResult | readonly string[] | undefined

/** A metric in a result. */
export interface MetricResult {
  readonly step: string
  readonly name: string
  readonly kind: MetricKind
  readonly value: MetricValue
}

interface Cell {
  readonly step: string
  readonly name: string
  readonly kind: MetricKind
  read(): MetricValue
  /** Remembers the value; the result brings it back. */
  save(): () => void
  /** The value as plain data, in which no number is lost. */
  stored(): Json
  /** Takes back what {@link Cell.stored} gave. */
  restore(stored: Json): void
}

class CounterCell implements Cell, Counter {
  readonly kind = 'counter'
  readonly step: string
  readonly name: string
  #small = 0
  #large = 0n

  constructor(step: string, name: string) {
    this.step = step
    this.name = name
  }

  inc(by = 1): void {
    if (!Number.isSafeInteger(by))
      throw coded('MR-3018', new RangeError(`counter "${this.name}" counts whole numbers, not ${String(by)}`))
    const next = this.#small + by
    if (Number.isSafeInteger(next)) {
      this.#small = next
    } else {
      this.#large += BigInt(this.#small) + BigInt(by)
      this.#small = 0
    }
  }

  dec(by = 1): void {
    this.inc(-by)
  }

  read(): number | bigint {
    if (this.#large === 0n) return this.#small
    const total = this.#large + BigInt(this.#small)
    return total >= BigInt(Number.MIN_SAFE_INTEGER) && total <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(total) : total
  }

  save(): () => void {
    const [small, large] = [this.#small, this.#large]
    return () => {
      this.#small = small
      this.#large = large
    }
  }

  stored(): Json {
    return [this.#small, String(this.#large)]
  }

  restore(stored: Json): void {
    const [small, large] = stored as readonly [number, string]
    this.#small = small
    this.#large = BigInt(large)
  }
}

class DistributionCell implements Cell, Distribution {
  readonly kind = 'distribution'
  readonly step: string
  readonly name: string
  #count = 0
  #sum = 0
  #min = Number.POSITIVE_INFINITY
  #max = Number.NEGATIVE_INFINITY

  constructor(step: string, name: string) {
    this.step = step
    this.name = name
  }

  update(value: number): void {
    if (!Number.isFinite(value))
      throw coded('MR-3018', new RangeError(`distribution "${this.name}" takes finite numbers, not ${String(value)}`))
    this.#count++
    this.#sum += value
    if (value < this.#min) this.#min = value
    if (value > this.#max) this.#max = value
  }

  read(): DistributionResult {
    const isEmpty = this.#count === 0
    return {
      count: this.#count,
      sum: this.#sum,
      min: isEmpty ? undefined : this.#min,
      max: isEmpty ? undefined : this.#max,
      mean: isEmpty ? undefined : this.#sum / this.#count,
    }
  }

  save(): () => void {
    const [count, sum, min, max] = [this.#count, this.#sum, this.#min, this.#max]
    return () => {
      this.#count = count
      this.#sum = sum
      this.#min = min
      this.#max = max
    }
  }

  stored(): Json {
    return [this.#count, this.#sum, this.#min, this.#max].map(numberText)
  }

  restore(stored: Json): void {
    const [count, sum, min, max] = (stored as readonly string[]).map(Number) as [number, number, number, number]
    this.#count = count
    this.#sum = sum
    this.#min = min
    this.#max = max
  }
}

class GaugeCell implements Cell, Gauge {
  readonly kind = 'gauge'
  readonly step: string
  readonly name: string
  #value: number | undefined

  constructor(step: string, name: string) {
    this.step = step
    this.name = name
  }

  set(value: number): void {
    if (typeof value !== 'number' || Number.isNaN(value))
      throw coded('MR-3018', new RangeError(`gauge "${this.name}" takes numbers, not ${String(value)}`))
    this.#value = value
  }

  read(): number | undefined {
    return this.#value
  }

  save(): () => void {
    const value = this.#value
    return () => {
      this.#value = value
    }
  }

  stored(): Json {
    return this.#value === undefined ? null : numberText(this.#value)
  }

  restore(stored: Json): void {
    this.#value = stored === null ? undefined : Number(stored)
  }
}

class StringSetCell implements Cell, StringSet {
  readonly kind = 'stringSet'
  readonly step: string
  readonly name: string
  #values = new Set<string>()

  constructor(step: string, name: string) {
    this.step = step
    this.name = name
  }

  add(value: string): void {
    if (typeof value !== 'string')
      throw coded('MR-3018', new RangeError(`set "${this.name}" takes strings, not ${String(value)}`))
    this.#values.add(value)
  }

  read(): readonly string[] {
    return [...this.#values].sort()
  }

  save(): () => void {
    const values = [...this.#values]
    return () => {
      this.#values = new Set(values)
    }
  }

  stored(): Json {
    return [...this.#values]
  }

  restore(stored: Json): void {
    this.#values = new Set(stored as readonly string[])
  }
}

const CELLS: Readonly<Record<MetricKind, new (step: string, name: string) => Cell>> = {
  counter: CounterCell,
  distribution: DistributionCell,
  gauge: GaugeCell,
  stringSet: StringSetCell,
}

/** Counters of a step as a store has them. */
type StoredCounters = readonly [step: string, counters: readonly (readonly [SystemCounter, number])[]]

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
