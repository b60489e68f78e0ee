/**
 * The direct runner: one process, one thread, all of the model. For tests, development, and production work that fits
 * one machine and may start again from the beginning: a crash loses its state, by declaration (`guarantee: 'gap'`).
 *
 * Rounds: in each, every stage has a turn, producers before consumers; when a round changes nothing the run waits for a
 * source, plays the next scripted event, or is over. The scheduler knows stages and watermarks, no transform.
 */
import { runGraph } from '../core/execution/run-graph.js'
import { PipelineError } from '../../sdk/errors.js'
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import { checkAcknowledged } from '../core/at-least-once.js'
import { Acknowledgements } from '../core/execution/acknowledgements.js'
import { Execution } from '../core/execution/execution.js'
import { LOCAL_FEATURES, type LocalRunner, startLocal } from '../core/execution/start-local.js'
import { type Feature, type Runner, type RunnerOptions, UnsupportedFeature } from '../runner.js'

/** What the direct runner can do. */
export const DIRECT_FEATURES: ReadonlySet<Feature> = new Set<Feature>([...LOCAL_FEATURES, 'guarantee.atLeastOnce'])

const direct: LocalRunner = {
  name: 'direct',
  features: DIRECT_FEATURES,
  check(built, options) {
    refuseUnbuilt(options)
    if (options.guarantee === 'at-least-once') checkAcknowledged(built, 'direct')
  },
  acknowledgements: ({ guarantee }) => new Acknowledgements(guarantee === 'at-least-once'),
  execution: (built, options) => new Execution(runGraph(built, options), options),
}

/**
 * Makes a direct runner.
 *
 * @param defaults options for runs that do not give their own; `env` is the world they live in.
 * @example
 * ```ts
 * import { pipeline } from 'millrace'
 * import { directRunner } from 'millrace/direct'
 * const p = pipeline()
 * p.create('numbers', [1, 2]).collect('all')
 * const result = await directRunner().start(p.build()).result
 * result.collect('all') // => [1, 2]
 * ```
 */
export function directRunner(defaults: RunnerOptions = {}): Runner {
  return {
    name: 'direct',
    features: DIRECT_FEATURES,
    start: (built: BuiltPipeline, options = {}) => startLocal(direct, built, { ...defaults, ...options }),
  }
}

/** Options of runs in batches. */
const BATCHED = [
  'checkpoint',
  'batchInterval',
  'batchSize',
  'sourceLimits',
  'latencyObjective',
  'module',
  'onChange',
  'renameSteps',
  'dropState',
  'partitions',
  'standby',
] as const

/** Options that name what this runner will have one day, or what only another runner has. */
function refuseUnbuilt(options: RunnerOptions): void {
  const batched = BATCHED.find((name) => options[name] !== undefined)
  if (batched !== undefined)
    throw new PipelineError(
      'MR-1016',
      `${batched} is an option of the micro-batch runner, and would change nothing here. Add runner: 'micro-batch', or leave it out.`,
    )
  const { workers = 0, guarantee = 'gap', engine } = options
  if (engine !== undefined)
    throw new PipelineError(
      'MR-1016',
      "engine is for runners on other engines, and would change nothing here. Add runner: 'flink' or 'prism', or leave it out.",
    )
  if (workers !== 0) {
    throw new UnsupportedFeature(
      'MR-6006',
      'workers',
      `the direct runner runs in one thread; workers: ${workers} is not supported yet. Leave workers out.`,
    )
  }
  if (guarantee !== 'gap' && guarantee !== 'at-least-once') {
    const isExact = guarantee === 'exactly-once'
    throw new UnsupportedFeature(
      'MR-6004',
      isExact ? 'guarantee.exactlyOnce' : 'guarantee.atMostOnce',
      `the direct runner loses its state when it crashes (guarantee: gap) and cannot promise ${guarantee}. ${isExact ? "Use runner: 'micro-batch' with a checkpoint." : 'Leave guarantee out.'}`,
    )
  }
}
