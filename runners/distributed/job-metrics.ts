/**
 * The metrics of a job: the engine's counts, and those of this process where the engine has none.
 *
 * Law: what the engine has counted stands, since it knows every worker, and which bundles count. What it has no word for (groups of
 * dead letters, numbers that are not whole on some engines) is what workers in this process have counted.
 */
import { Readings } from '../core/execution/result.js'
import type { MetricReading, MetricsResult, SystemReading } from '../runner.js'

/** What an engine has counted of a job. */
export interface EngineCounts {
  /** By id of the collection. */
  readonly elements: ReadonlyMap<string, number>
  readonly user: readonly MetricReading[]
  readonly system: readonly SystemReading[]
}

/** Metrics as users see them. */
export class JobMetrics extends Readings {
  readonly user: MetricsResult['user']
  readonly system: MetricsResult['system']
  readonly elements: MetricsResult['elements']
  readonly deadLetters: MetricsResult['deadLetters']
  readonly sources: MetricsResult['sources']

  constructor(own: MetricsResult, engine: EngineCounts) {
    super()
    this.user = both(engine.user, own.user)
    this.system = both(engine.system, own.system)
    this.elements = new Map([...own.elements].map(([id, count]) => [id, engine.elements.get(id) ?? count]))
    this.deadLetters = own.deadLetters
    this.sources = own.sources
  }
}

/** The first, and what only the second has. */
function both<T extends { readonly step: string; readonly name: string }>(
  first: readonly T[],
  second: readonly T[],
): readonly T[] {
  const keyOf = ({ step, name }: T): string => JSON.stringify([step, name])
  const known = new Set(first.map(keyOf))
  return [...first, ...second.filter((each) => !known.has(keyOf(each)))]
}
