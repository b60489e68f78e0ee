/**
 * What the bundles of a run share in this process: metrics, budgets, what is collected and printed, and the clock.
 *
 * Law: what a bundle collects and prints becomes visible when it has succeeded, all at once.
 */
import type { Env } from '../../../sdk/env.js'
import type { BuiltPipeline } from '../../../sdk/graph/model.js'
import { invariant } from '../../../sdk/invariant.js'
import type { AnySplittable } from '../../../sdk/source/splittable.js'
import type { Query } from '../../../sdk/transforms/delivery.js'
import { DeadLetterBudgets } from '../../core/dead-letter-budgets.js'
import type { Push } from '../../core/element-buffer.js'
import { ElementBuffer } from '../../core/element-buffer.js'
import { Collected, Printed, RunMetrics, RunResult } from '../../core/execution/result.js'
import { fuse } from '../../core/fusion.js'
import { Metrics } from '../../core/metrics.js'
import { runIdentity } from '../../core/query-identity.js'
import { ProcessingClock } from '../../core/processing-clock.js'
import type { RunLog } from '../../core/run-log.js'
import type { Operator, ParDoOperator, Stage, StagedPipeline } from '../../core/stage.js'
import type { DeadLetterBudget } from '../../core/stage-runtime.js'
import { TimeSlice } from '../../core/time-slice.js'
import type { EndState, MetricsResult, RunnerOptions } from '../../runner.js'
import type { Wire } from '../wire/messages.js'
import { type EngineCounts, JobMetrics } from '../job-metrics.js'
import { groupedCollections } from './empty-groups.js'
import { BundleMetrics, type FragmentNames } from './bundle-metrics.js'
import { BundleCache, StateCache } from './state-cache.js'
import { ShortIds } from '../wire/short-ids.js'

/** What a worker in a process of its own has besides. */
export interface RemoteParts {
  readonly moduleHash: string
  readonly reporter: Reporter
}

/** Tells the client of a worker in another process. */
export interface Reporter {
  /** Takes what bundles have left since the last time. */
  bundle(left: Reported): void
  failure(error: unknown): void
}

/** What is told of bundles, as both sides have it. */
export interface Reported {
  readonly built: BuiltPipeline
  readonly collected: ReadonlyMap<string, Collected>
  readonly printed: ReadonlyMap<string, Printed>
  readonly metrics: Metrics
}

/** What bundles share. */
export class WorkerRun {
  readonly built: BuiltPipeline
  readonly env: Env
  readonly log: RunLog
  readonly wire: Wire
  readonly moduleHash: string
  readonly query: Query
  readonly slice: TimeSlice
  /** What timers of the clock go by. */
  readonly clock: ProcessingClock
  readonly staged: StagedPipeline
  /** Collections that the engine makes by grouping. */
  readonly grouped: ReadonlySet<string>
  /** Counts of bundles that have succeeded. */
  readonly metrics: Metrics
  readonly reporter: Reporter | undefined
  readonly shortIds: ShortIds
  readonly compiler: NonNullable<RunnerOptions['stageCompiler']>
  /** Bundles that have begun and not ended. */
  openBundles = 0
  readonly #cache = new StateCache()
  readonly #awaitingRoom: (() => void)[] = []
  readonly #budgets = new DeadLetterBudgets()
  readonly #collected = new Map<string, Collected>()
  readonly #printed = new Map<string, Printed>()
  readonly #resources = new Map<AnySplittable, Promise<unknown>>()
  readonly #made = new Map<AnySplittable, unknown>()
  readonly #stepIndex: ReadonlyMap<string, number>
  readonly #countedBy = new Map<string, string>()
  /** Fragments at work: what they have counted is not in the metrics yet. */
  readonly #counting = new Set<BundleMetrics>()

  /** @param remote given in the process of a worker. */
  constructor(built: BuiltPipeline, env: Env, log: RunLog, wire: Wire, options: RunnerOptions, remote?: RemoteParts) {
    this.built = built
    this.env = env
    this.log = log
    this.wire = wire
    this.moduleHash = remote?.moduleHash ?? 'inline'
    this.reporter = remote?.reporter
    this.query = runIdentity(env)
    this.slice = new TimeSlice(env)
    this.clock = new ProcessingClock(env)
    this.compiler = options.stageCompiler ?? 'auto'
    this.staged = fuse(built)
    this.grouped = groupedCollections(built)
    const { collectionCount, steps, stages } = this.staged
    this.metrics = new Metrics(collectionCount, steps.length)
    this.shortIds = new ShortIds('m', (message) => wire.send(message))
    this.#stepIndex = new Map(steps.map(({ id, index }) => [id, index]))
    for (const { operators } of stages) {
      for (const operator of operators) {
        if (operator.kind === 'collect') this.#collected.set(operator.name, new Collected())
        if (operator.kind === 'print')
          this.#printed.set(operator.name, new Printed(env, operator.name, operator.limit, this.reporter !== undefined))
      }
    }
  }

  /** The metrics of a fragment's bundles. */
  metricsOf(fragment: StagedPipeline, names: FragmentNames): BundleMetrics {
    const metrics = new BundleMetrics(
      fragment,
      {
        collection: (id) => this.staged.outputs.get(id)?.counter,
        step: (id) => this.#stepIndex.get(id),
      },
      names,
    )
    this.#counting.add(metrics)
    return metrics
  }

  /** A bundle has succeeded. @returns what the engine is told of it, by short ids. */
  counted(bundle: BundleMetrics): Record<string, Uint8Array<ArrayBuffer>> {
    // Metrics that stand at nothing are metrics all the same.
    for (const { step, name, kind } of bundle.metrics.results()) this.metrics.cells(step, { [name]: { metric: kind } })
    const { delta, infos } = bundle.take(this.env.now())
    this.metrics.merge(delta)
    return this.shortIds.valuesOf(infos)
  }

  /** Counts what an engine has made (groups, say) as it comes in, at one of its readers. @returns whether it is counted here. */
  arrived(reader: string, collectionId: string, count: number): boolean {
    const output = this.staged.outputs.get(collectionId)
    const stage = this.staged.stages[this.staged.producer.get(collectionId) ?? -1]
    if (output === undefined || stage === undefined || !isEngines(stage, collectionId)) return false
    const counted = this.#countedBy.get(collectionId) ?? reader
    this.#countedBy.set(collectionId, counted)
    const { elements } = this.metrics
    if (counted !== reader) return false
    elements[output.counter] = (elements[output.counter] ?? 0) + count
    return true
  }

  budgetFor(operator: ParDoOperator): DeadLetterBudget {
    const { onError } = operator.fn.options
    invariant(onError !== undefined, 'a step with dead letters has a handler')
    return this.#budgets.of(onError.name, onError.maxDeadLetters)
  }

  /** Makes what all calls of a splittable step share, once for the worker. */
  resource(fn: AnySplittable, make: () => unknown): Promise<unknown> {
    let resource = this.#resources.get(fn)
    if (resource === undefined) {
      resource = Promise.resolve(make()).then((made) => {
        this.#made.set(fn, made)
        return made
      })
      this.#resources.set(fn, resource)
    }
    return resource
  }

  resourceOf(fn: AnySplittable): unknown {
    return this.#made.get(fn)
  }

  /** What a bundle has for `collect` and `print`, until it succeeds. */
  sinks(): BundleSinks {
    return new BundleSinks(this.#collected, this.#printed)
  }

  /** Metrics as they stand, with what open bundles have counted so far. */
  metricsNow(): MetricsResult {
    const { collectionCount, steps } = this.staged
    const all = new Metrics(collectionCount, steps.length)
    all.merge(this.metrics.peek())
    for (const { step, name, kind } of this.metrics.results()) all.cells(step, { [name]: { metric: kind } })
    for (const each of this.#counting) all.merge(each.peek())
    return new RunMetrics(this.staged, all, [])
  }

  /** What bundles have left. */
  get left(): Reported {
    return { built: this.built, collected: this.#collected, printed: this.#printed, metrics: this.metrics }
  }

  /** @param counts what the engine has counted, if it says so. */
  result(state: EndState, counts?: EngineCounts): RunResult {
    for (const printed of this.#printed.values()) printed.finish()
    const metrics = this.metricsNow()
    return new RunResult(
      state,
      counts === undefined ? metrics : new JobMetrics(metrics, counts, this.built),
      this.#collected,
    )
  }

  /** What bundles see of kept state. */
  bundleCache(): BundleCache {
    return new BundleCache(this.#cache)
  }

  /** Output of a bundle has been sent. Blocks while too much is on its way, where no other bundle is open that could go on. */
  sent(): void {
    if (this.openBundles <= 1 && this.wire.shared.isOutFull) this.wire.shared.blockWhileFull()
  }

  /** Resolves when there is room for output. */
  async room(): Promise<void> {
    while (this.wire.shared.isOutFull) {
      const made = new Promise<void>((resolve) => this.#awaitingRoom.push(resolve))
      this.wire.shared.awaitRoom()
      // It may have been made in between, and then nobody says so.
      if (!this.wire.shared.isOutFull) this.hasRoom()
      await made
    }
  }

  hasRoom(): void {
    for (const resolve of this.#awaitingRoom.splice(0)) resolve()
  }

  /** Disposes of what splittable steps have made. */
  async teardown(): Promise<void> {
    for (const [fn, resource] of this.#resources) {
      const { teardown } = fn.doFn as { teardown?: (context: { resource: unknown }) => void | Promise<void> }
      await teardown?.({ resource: await resource })
    }
  }
}

/** Whether a collection is what the root of its stage makes, and that root is an engine's business. */
function isEngines({ root }: Stage, collectionId: string): boolean {
  return (
    (root.kind === 'grouping' || root.kind === 'edge' || root.kind === 'impulse') &&
    root.output.collectionId === collectionId
  )
}

/** What a bundle collects and prints. */
export class BundleSinks {
  readonly #collected: ReadonlyMap<string, Collected>
  readonly #printed: ReadonlyMap<string, Printed>
  readonly #open = new Map<Collected | Printed, ElementBuffer>()

  constructor(collected: ReadonlyMap<string, Collected>, printed: ReadonlyMap<string, Printed>) {
    this.#collected = collected
    this.#printed = printed
  }

  push(operator: Operator): Push {
    const target =
      operator.kind === 'collect'
        ? this.#collected.get(operator.name)
        : operator.kind === 'print'
          ? this.#printed.get(operator.name)
          : undefined
    invariant(target !== undefined, 'only collect and print are sinks', { kind: operator.kind })
    const buffer = this.#open.get(target) ?? new ElementBuffer()
    this.#open.set(target, buffer)
    return (value, timestamp, windows, pane) => buffer.add(value, timestamp, windows, pane)
  }

  commit(): void {
    for (const [target, buffer] of this.#open) {
      buffer.take().forEach((value, timestamp, windows, pane) => target.add(value, timestamp, windows, pane))
      target.commit()
    }
  }

  discard(): void {
    for (const buffer of this.#open.values()) buffer.take()
  }
}
