/**
 * The metrics of a job: the engine's counts, and those of this process where the engine has none.
 *
 * Law: what the engine has counted stands, since it knows every worker, and which bundles count. What it has no word for (groups of
 * dead letters, numbers that are not whole on some engines) is what workers in this process have counted.
 */
import { type BuiltPipeline, leafTransforms } from '../../sdk/graph/model.js'
import { authorPath } from '../../sdk/graph/names.js'
import * as urns from '../../sdk/graph/urns.js'
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

  constructor(own: MetricsResult, engine: EngineCounts, built: BuiltPipeline) {
    super()
    this.user = both(engine.user, own.user)
    const system = engine.system.map((reading) => ({ ...reading, step: stepOf(reading.step, built) }))
    this.system = both(system, own.system)
    this.elements = new Map([...own.elements].map(([id, count]) => [id, engine.elements.get(id) ?? count]))
    this.deadLetters = own.deadLetters
    this.sources = own.sources
  }
}

/** A stage has no name of its own with runners of Java: it is called by what it reads, and where it is executed. */
const STAGE = /^(.+)\/beam:env:[^/]*$/s

/** The step that keeps state for what a stage reads: it drops what is late. */
function stepOf(place: string, { graph }: BuiltPipeline): string {
  const [, collection] = STAGE.exec(place) ?? []
  if (collection === undefined) return place
  const reader = leafTransforms(graph).find(
    ([, { spec, inputs }]) =>
      spec?.urn === urns.PAR_DO &&
      inputs.get('in') === collection &&
      spec.payload.stateSpecs.size + spec.payload.timerSpecs.size > 0,
  )
  return reader === undefined ? place : authorPath(reader[1].uniqueName)
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
