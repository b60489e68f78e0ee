/**
 * What the bundles of a fragment count: kept apart until a bundle has succeeded, then added to what the run has counted, and told to
 * the engine.
 *
 * Law: what a bundle that failed has counted counts nowhere.
 */
import type { MonitoringInfo } from '../proto/generated/beam/metrics_pb.js'
import { elementCount } from '../../core/execution/result.js'
import { Metrics, type MetricsDelta } from '../../core/metrics.js'
import type { StagedPipeline } from '../../core/stage.js'
import { infosOf } from '../translation/monitoring.js'

/** Where collections and steps of a fragment are counted in the run's own metrics. */
export interface RunCounters {
  /** By name of the collection. */
  collection(id: string): number | undefined
  step(id: string): number | undefined
}

/** What a fragment is to the engine. */
export interface FragmentNames {
  readonly collectionIds: readonly string[]
  /** The engine's id of an author's step. */
  transformOf(step: string): string
}

/** The metrics of one fragment. */
export class BundleMetrics {
  readonly metrics: Metrics
  readonly #staged: StagedPipeline
  readonly #names: FragmentNames
  /** Counters of the run by those of the fragment; -1 where the run has none. */
  readonly #collections: Int32Array
  readonly #steps: Int32Array
  /** Elements that have come in, by collection. */
  readonly #arrived = new Map<string, number>()

  constructor(staged: StagedPipeline, run: RunCounters, names: FragmentNames) {
    this.#staged = staged
    this.#names = names
    this.metrics = new Metrics(staged.collectionCount, staged.steps.length)
    this.#collections = new Int32Array(staged.collectionCount).fill(-1)
    this.#steps = new Int32Array(staged.steps.length).fill(-1)
    for (const [id, { counter }] of staged.outputs) this.#collections[counter] = run.collection(id) ?? -1
    for (const { id, index } of staged.steps) this.#steps[index] = run.step(id) ?? -1
  }

  /** Elements have come in that are counted nowhere else: the engine has made them. */
  arrived(collectionId: string, count: number): void {
    this.#arrived.set(collectionId, (this.#arrived.get(collectionId) ?? 0) + count)
  }

  /** Takes what was counted since the last time: for the run, and for the engine. */
  take(now: number): { readonly delta: MetricsDelta; readonly infos: readonly MonitoringInfo[] } {
    const { collectionIds, transformOf } = this.#names
    const made = collectionIds.map((id) => [id, elementCount(this.#staged, this.metrics, id)] as const)
    const elements = [...made, ...this.#arrived].filter(([, count]) => count !== 0)
    const delta = this.metrics.take()
    this.#arrived.clear()
    return { delta: this.#ofRun(delta), infos: infosOf({ delta, elements, transformOf, now }) }
  }

  /** What stands to be taken, in the run's terms. */
  peek(): MetricsDelta {
    return this.#ofRun(this.metrics.peek())
  }

  /** The bundle has failed. */
  discard(): void {
    this.metrics.take()
    this.#arrived.clear()
  }

  #ofRun(delta: MetricsDelta): MetricsDelta {
    const mapped = (counts: MetricsDelta['elements'], to: Int32Array): MetricsDelta['elements'] =>
      counts.flatMap(([at, by]) => ((to[at] ?? -1) < 0 ? [] : [[to[at] as number, by] as const]))
    return {
      ...delta,
      elements: mapped(delta.elements, this.#collections),
      lost: mapped(delta.lost, this.#steps),
    }
  }
}
