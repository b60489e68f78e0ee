/**
 * `run`: from a pipeline, in whatever form an author has it, to its result.
 */
import { distributedCapabilities, microBatchCapabilities, platformEnv, workerLoadingModule } from '#platform'
import { isPipelineDefinition, type PipelineDefinition } from '../sdk/define-pipeline.js'
import { PipelineError } from '../sdk/errors.js'
import type { BuiltPipeline } from '../sdk/graph/model.js'
import { Pipeline } from '../sdk/pipeline.js'
import { preview } from '../sdk/preview.js'
import { suggestion } from '../sdk/suggestion.js'
import { directRunner } from './direct/direct-runner.js'
import { engineRunner } from './distributed/distributed-runner.js'
import { microBatchRunner } from './micro-batch/micro-batch-runner.js'
import { type PipelineResult, type Runner, type RunnerOptions, type RunningPipeline } from './runner.js'

/** Names of runners. `flink-cluster` is a cluster of Flink that runs already. */
export type RunnerName = 'direct' | 'micro-batch' | 'flink' | 'prism' | 'flink-cluster'

/** Options of `run`: which runner, the pipeline's own options, and the runner's. */
export interface RunOptions<Options = unknown> extends RunnerOptions {
  /** Default `'direct'`. */
  readonly runner?: RunnerName | Runner
  /** Options of the pipeline, checked against its codec. */
  readonly options?: Options
  /**
   * Called once with the handle of the run that has begun, for those who look at it from outside: exporters of metrics,
   * health checks, a display. `running.status()` is the run at that moment, `running.result` its end.
   *
   * @example
   * ```ts
   * import { run } from 'millrace'
   * let read = 0
   * await run((p) => p.create('numbers', [1, 2, 3]).collect('all'), {
   *   observe: ({ status, result }) => void result.then(() => (read = status().steps[0]?.elementsOut ?? 0)),
   * })
   * read // => 3
   * ```
   */
  readonly observe?: (running: RunningPipeline) => void
}

/** What can be run: a pipeline built in place, a function that builds one, or what `definePipeline` made. */
export type Runnable<Options = unknown> = Pipeline | PipelineDefinition<Options> | ((p: Pipeline) => unknown)

/**
 * Runs a pipeline to its end.
 *
 * @returns the result, when all sources have ended or the run was cancelled.
 * @throws {PipelineError} when the pipeline or an option is wrong; {@link UnsupportedFeature} when the runner cannot do
 *   it; {@link UserCodeError} when user code failed, naming step, element, window and the author's line.
 * @example
 * ```ts
 * import { run } from 'millrace'
 * const result = await run((p) => p.create('words', ['to', 'be']).map('shout', (w) => w.toUpperCase()).collect('loud'))
 * result.collect('loud') // => ['TO', 'BE']
 * ```
 */
export async function run<Options>(
  pipeline: Runnable<Options>,
  options: RunOptions<Options> = {},
): Promise<PipelineResult> {
  return start(pipeline, options).result
}

/**
 * Starts a pipeline and gives back a handle, to drain or cancel it and to watch its progress.
 *
 * @throws like {@link run}, before anything has run.
 * @example
 * ```ts
 * import { pipeline, start } from 'millrace'
 * const p = pipeline()
 * p.create('numbers', [1, 2, 3]).print('show')
 * const running = start(p)
 * running.drain()
 * await running.result
 * ```
 */
export function start<Options>(pipeline: Runnable<Options>, options: RunOptions<Options> = {}): RunningPipeline {
  if (workerLoadingModule()) {
    throw new PipelineError(
      'MR-7008',
      'run() was called while a millrace worker loads this module, to run what it exports. A script that runs its pipeline itself is started by node, without millrace run. For millrace run, make the pipeline the default export (export default p, or definePipeline), and guard the call: if (isMain(import.meta)) await run(…).',
    )
  }
  if (typeof options !== 'object' || options === null)
    throw new PipelineError(
      'MR-1004',
      `options of run must be an object such as { strict: true }, but are ${preview(options)}.`,
    )
  const { runner: chosen = 'direct', options: pipelineOptions, observe, ...runnerOptions } = options
  if (observe !== undefined && typeof observe !== 'function') {
    throw new PipelineError(
      'MR-1004',
      `observe must be a function that takes the running pipeline, but is ${preview(observe)}.`,
    )
  }
  const runner = typeof chosen === 'string' ? runnerNamed(chosen) : chosen
  const built = buildOf(pipeline, pipelineOptions)
  const { module } = runnerOptions
  const running = runner.start(built, {
    ...runnerOptions,
    // What the pipeline was given is only known here.
    ...(typeof module === 'string' ? { module: { file: module, options: pipelineOptions } } : {}),
    env: runnerOptions.env ?? platformEnv(),
  })
  observe?.(running)
  return running
}

/** The built form of anything that can be run. */
export function buildOf(pipeline: Runnable, options?: unknown): BuiltPipeline {
  if (isPipelineDefinition(pipeline)) return pipeline.build(options)
  if (options !== undefined && Object.keys(options as object).length > 0) {
    throw new PipelineError(
      'MR-7012',
      'this pipeline takes no options; only one made by definePipeline with an options codec does.',
    )
  }
  if (pipeline instanceof Pipeline) return pipeline.build()
  if (typeof pipeline === 'function') {
    const p = new Pipeline()
    pipeline(p)
    return p.build()
  }
  throw new PipelineError(
    'MR-1004',
    'run needs a pipeline: one from pipeline(), a function (p) => …, or what definePipeline made.',
  )
}

const runnerNames: readonly RunnerName[] = ['direct', 'micro-batch', 'flink', 'prism', 'flink-cluster']

function runnerNamed(name: string): Runner {
  if (name === 'direct') return directRunner()
  if (name === 'micro-batch') return microBatchRunner({}, microBatchCapabilities())
  if (name === 'prism' || name === 'flink' || name === 'flink-cluster')
    return engineRunner(name, distributedCapabilities())
  throw new PipelineError('MR-6003', `there is no runner "${name}".${suggestion(name, runnerNames)}`)
}
