/**
 * What metrics that a DoFn declares stand at.
 *
 * Law: what was taken out of cells and merged into another is what that one would stand at, had it counted all of it; of a gauge, what was
 * merged last.
 */
import { coded } from '../../sdk/error-codes.js'
import type { Counter, Distribution, DistributionResult, Gauge, MetricKind, StringSet } from '../../sdk/metrics.js'
import { type Json, numberText } from './snapshot-keeper.js'

/** A metric's value in a result. Counters are numbers while exact, bigints beyond 2^53. */
export type MetricValue = number | bigint | DistributionResult | readonly string[] | undefined

/** What a declared metric stands at. */
export interface Cell {
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
  /** What {@link Cell.stored} gives, taken out: the cell stands at nothing again. `undefined` where it did before. */
  take(): Json | undefined
  /** Adds what another cell of the metric has given to {@link Cell.take}. */
  merge(taken: Json): void
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

  take(): Json | undefined {
    if (this.#small === 0 && this.#large === 0n) return undefined
    const taken = this.stored()
    this.#small = 0
    this.#large = 0n
    return taken
  }

  merge(taken: Json): void {
    const [small, large] = taken as readonly [number, string]
    this.inc(small)
    this.#large += BigInt(large)
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

  take(): Json | undefined {
    if (this.#count === 0) return undefined
    const taken = this.stored()
    this.#count = this.#sum = 0
    this.#min = Number.POSITIVE_INFINITY
    this.#max = Number.NEGATIVE_INFINITY
    return taken
  }

  merge(taken: Json): void {
    const [count, sum, min, max] = (taken as readonly string[]).map(Number) as [number, number, number, number]
    this.#count += count
    this.#sum += sum
    this.#min = Math.min(this.#min, min)
    this.#max = Math.max(this.#max, max)
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

  take(): Json | undefined {
    const taken = this.#value === undefined ? undefined : this.stored()
    this.#value = undefined
    return taken
  }

  merge(taken: Json): void {
    this.restore(taken)
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

  take(): Json | undefined {
    if (this.#values.size === 0) return undefined
    const taken = this.stored()
    this.#values = new Set()
    return taken
  }

  merge(taken: Json): void {
    for (const value of taken as readonly string[]) this.#values.add(value)
  }
}

/** The cells by kind. */
export const CELLS: Readonly<Record<MetricKind, new (step: string, name: string) => Cell>> = {
  counter: CounterCell,
  distribution: DistributionCell,
  gauge: GaugeCell,
  stringSet: StringSetCell,
}
