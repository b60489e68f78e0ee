/** Metrics of a DoFn under test. */
import type { MetricSpecs } from '../transforms/do-fn.js'

/** What declared metrics stand at. */
export class TesterMetrics {
  readonly cells: Readonly<Record<string, object>>
  readonly #values = new Map<string, number | (number | string)[]>()

  constructor(specs: MetricSpecs) {
    this.cells = Object.fromEntries(
      Object.entries(specs).map(([name, { metric }]): [string, object] => {
        const add = (by: number): void => void this.#values.set(name, ((this.#values.get(name) ?? 0) as number) + by)
        if (metric === 'counter') {
          this.#values.set(name, 0)
          return [name, { inc: (by = 1) => add(by), dec: (by = 1) => add(-by) }]
        }
        if (metric === 'gauge') return [name, { set: (value: number) => void this.#values.set(name, value) }]
        const given: (number | string)[] = []
        this.#values.set(name, given)
        if (metric === 'stringSet') return [name, { add: (value: string) => void given.push(value) }]
        return [name, { update: (value: number) => void given.push(value) }]
      }),
    )
  }

  /** The value of a counter or gauge, or what was given to a distribution or a set. */
  read(name: string): number | readonly (number | string)[] | undefined {
    return this.#values.get(name)
  }
}
