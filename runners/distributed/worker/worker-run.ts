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
import type { RunLog } from '../../core/run-log.js'
import type { Operator, ParDoOperator, Stage, StagedPipeline } from '../../core/stage.js'
import type { DeadLetterBudget } from '../../core/stage-runtime.js'
import { TimeSlice } from '../../core/time-slice.js'
import type { EndState, MetricsResult, RunnerOptions } from '../../runner.js'
import type { Wire } from '../wire/messages.js'

/** Steps and collections that engines make of ours: their counters stand behind those of the pipeline. */
const ADDED_MAX = 10_000

/** What bundles share. */
export class WorkerRun {
  readonly built: BuiltPipeline
  readonly env: Env
  readonly log: RunLog
  readonly wire: Wire
  readonly moduleHash: string
  readonly query: Query
  readonly slice: TimeSlice
  readonly staged: StagedPipeline
  readonly metrics: Metrics
  readonly compiler: NonNullable<RunnerOptions['stageCompiler']>
  readonly #budgets = new DeadLetterBudgets()
  readonly #collected = new Map<string, Collected>()
  readonly #printed = new Map<string, Printed>()
  readonly #resources = new Map<AnySplittable, Promise<unknown>>()
  readonly #made = new Map<AnySplittable, unknown>()
  readonly #stepIndex: ReadonlyMap<string, number>
  readonly #countedBy = new Map<string, string>()
  #added = 0

  constructor(built: BuiltPipeline, env: Env, log: RunLog, wire: Wire, options: RunnerOptions) {
    this.built = built
    this.env = env
    this.log = log
    this.wire = wire
    this.moduleHash = 'inline'
    this.query = runIdentity(env)
    this.slice = new TimeSlice(env)
    this.compiler = options.stageCompiler ?? 'auto'
    this.staged = fuse(built)
    const { collectionCount, steps, stages } = this.staged
    this.metrics = new Metrics(collectionCount + ADDED_MAX, steps.length + ADDED_MAX)
    this.#stepIndex = new Map(steps.map(({ id, index }) => [id, index]))
    for (const { operators } of stages) {
      for (const operator of operators) {
        if (operator.kind === 'collect') this.#collected.set(operator.name, new Collected())
        if (operator.kind === 'print') this.#printed.set(operator.name, new Printed(env, operator.name, operator.limit))
      }
    }
  }

  /** Counters of a fragment are those of the pipeline, where it is the same collection or step. */
  adopt(fragment: StagedPipeline): void {
    const { collectionCount, steps } = this.staged
    for (const [id, output] of fragment.outputs) {
      const own = this.staged.outputs.get(id)?.counter
      ;(output as { counter: number }).counter = own ?? collectionCount + (this.#added++ % ADDED_MAX)
    }
    for (const step of fragment.steps) {
      ;(step as { index: number }).index = this.#stepIndex.get(step.id) ?? steps.length + (this.#added++ % ADDED_MAX)
    }
  }

  /** Counts what an engine has made (groups, say) as it comes in, at one of its readers. */
  arrived(reader: string, collectionId: string, count: number): void {
    const output = this.staged.outputs.get(collectionId)
    const stage = this.staged.stages[this.staged.producer.get(collectionId) ?? -1]
    if (output === undefined || stage === undefined || !isEngines(stage, collectionId)) return
    const counted = this.#countedBy.get(collectionId) ?? reader
    this.#countedBy.set(collectionId, counted)
    const { elements } = this.metrics
    if (counted === reader) elements[output.counter] = (elements[output.counter] ?? 0) + count
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

  /** Metrics as they stand. */
  metricsNow(): MetricsResult {
    return new RunMetrics(this.staged, this.metrics, [])
  }

  result(state: EndState): RunResult {
    for (const printed of this.#printed.values()) printed.finish()
    return new RunResult(state, this.metricsNow(), this.#collected)
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
  return (root.kind === 'grouping' || root.kind === 'edge') && root.output.collectionId === collectionId
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
