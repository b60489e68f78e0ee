/**
 * The micro-batch runner: the model in batches, each of which is committed as a whole. With a checkpoint, a run that ended by a crash
 * goes on after its last committed batch, and what it has told the world is what a run without the crash would have told.
 *
 * It is the direct runner's scheduler with a barrier at the end of each batch (see `batched-execution.ts`): panes, timers and
 * watermarks are the same.
 */
import type { Env } from '../../sdk/env.js'
import { PipelineError } from '../../sdk/errors.js'
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import { preview } from '../../sdk/preview.js'
import { type Duration, durationMillis } from '../../sdk/time.js'
import type { ExecutionOptions } from '../core/execution/execution-options.js'
import { runGraph } from '../core/execution/run-graph.js'
import { LOCAL_FEATURES, type LocalRunner, startLocal } from '../core/execution/start-local.js'
import { systemEnv } from '../core/system-env.js'
import { type Feature, type Runner, type RunnerOptions, UnsupportedFeature, type WorkerModule } from '../runner.js'
import { BatchAcknowledgements } from './batch-acknowledgements.js'
import { BatchJournal } from './batch-journal.js'
import { BatchWorld } from './batch-world.js'
import { BatchedExecution } from './batched-execution.js'
import { checkGuarantee } from './sink-promises.js'
import { Fence } from './fence.js'
import { refuseOfProcess } from './of-process.js'
import { batchLength } from './latency-objective.js'
import { LoadShedding } from './load-shedding.js'
import { type DriverNames, QueryStore, type Standby } from './query-store.js'
import { StandbyExecution } from './standby-execution.js'
import type { Waited } from './standby-role.js'
import type { CheckpointStore } from './store/checkpoint-store.js'
import type { LinkScript } from './tasks/memory-link.js'
import { partitionedRun } from './tasks/partitioned-options.js'
import { VolatileStore } from './store/volatile-store.js'
import type { OpenWorker } from './tasks/worker-link.js'

/** Options of a run that are about what is kept. */
const CHANGE_OPTIONS = ['onChange', 'renameSteps', 'dropState', 'partitions'] as const

/** What the micro-batch runner can do. */
export const MICRO_BATCH_FEATURES: ReadonlySet<Feature> = new Set<Feature>([
  ...LOCAL_FEATURES,
  'guarantee.atLeastOnce',
  'guarantee.exactlyOnce',
])

/** A batch lasts so long, unless the author says otherwise. */
const INTERVAL: Duration = '500 millis'

/** A batch lasts half of the objective, and at least a millisecond. */
const OBJECTIVE_MIN = 2

/** Opens the store at a place. */
export type OpenStore = (place: string, env: Env) => Promise<CheckpointStore>

/** What the runner is given by the platform. */
export interface MicroBatchCapabilities {
  /** Makes a folder a store. Without it, `checkpoint` is refused. */
  readonly openStore?: OpenStore
  /** A folder for what a source has given and the memory does not hold, of a run without a checkpoint. Without it, all stays in memory. */
  readonly spillFolder?: () => string
  /** How drivers know each other. Without it, a driver that has crashed is waited for until its lease has run out. */
  readonly driver?: DriverNames
  /** Makes what starts workers that load a module. Without it, workers on threads and in processes are refused. */
  readonly openWorkers?: OpenWorkers
  /** What happens to messages of workers with `isolation: 'memory'`: tests and simulations hold them up, and end workers. */
  readonly linkScript?: LinkScript
}

/** Makes what starts the workers of a run. `checked` are the pipeline's options, as its codec has made them. */
export type OpenWorkers = (isolation: 'thread' | 'process', module: WorkerModule, checked: unknown) => OpenWorker

/**
 * Makes a micro-batch runner.
 *
 * @param defaults options for runs that do not give their own.
 * @param capabilities what the platform can do; in Node `run(p, { runner: 'micro-batch' })` fills them in.
 * @example
 * ```ts
 * import { pipeline } from 'millrace'
 * import { microBatchRunner } from 'millrace/micro-batch'
 * const p = pipeline()
 * p.create('numbers', [1, 2]).collect('all')
 * const result = await microBatchRunner({ batchInterval: '100 ms' }).start(p.build()).result
 * result.collect('all') // => [1, 2]
 * ```
 */
export function microBatchRunner(defaults: RunnerOptions = {}, capabilities: MicroBatchCapabilities = {}): Runner {
  return {
    name: 'micro-batch',
    features: MICRO_BATCH_FEATURES,
    start: (built, options = {}) => {
      const given = { ...defaults, ...options }
      return startLocal(localRunner(given, capabilities), built, given)
    },
  }
}

function localRunner(options: RunnerOptions, capabilities: MicroBatchCapabilities): LocalRunner {
  const acknowledgements = new BatchAcknowledgements()
  return {
    name: 'micro-batch',
    features: MICRO_BATCH_FEATURES,
    check: (built) => {
      checkOptions(options, capabilities)
      if ((options.workers ?? 0) > 0 && options.isolation !== 'memory') refuseOfProcess(built, options.workers)
      if (options.guarantee !== undefined) checkGuarantee(built, options.guarantee)
    },
    acknowledgements: () => acknowledgements,
    execution(built, given) {
      const waited: Waited = { holder: undefined }
      const make = (mode: Standby | undefined): BatchedExecution => {
        acknowledgements.forget()
        return execution(
          built,
          given,
          mode === undefined ? options : { ...options, standby: mode },
          acknowledgements,
          capabilities,
          waited,
        )
      }
      return options.standby === 'hot' ? new StandbyExecution(make, given.log) : make(options.standby)
    },
  }
}

function execution(
  built: BuiltPipeline,
  given: ExecutionOptions,
  options: RunnerOptions,
  acknowledgements: BatchAcknowledgements,
  { openStore, openWorkers, linkScript, driver, spillFolder }: MicroBatchCapabilities,
  waited: Waited,
): BatchedExecution {
  const real = given.clock === undefined ? (options.env ?? systemEnv()) : given.env
  const { standby } = options
  const fence = standby === 'hot' ? new Fence() : undefined
  const latencyMillis = objectiveMillis(options.latencyObjective)
  const shedding = new LoadShedding(latencyMillis)
  const world = new BatchWorld({ ...(fence?.env(real) ?? real), load: shedding }, given.clock !== undefined)
  const { checkpoint } = options
  const { workers = 0 } = options
  const journal = new BatchJournal(checkpoint !== undefined || workers > 0)
  const open = (): Promise<CheckpointStore> =>
    checkpoint === undefined || openStore === undefined
      ? Promise.resolve(new VolatileStore())
      : openStore(checkpoint, real)
  const { onChange = 'refuse', renameSteps = {}, dropState = [] } = options
  const choice = { onChange, renameSteps: new Map(Object.entries(renameSteps)), dropState }
  const run = runGraph(built, given, workers > 0)
  const store = new QueryStore(open, real, built, driver, {
    choice,
    partitions: workers > 0 ? undefined : options.partitions,
    begunWith: workers > 0 ? (options.partitions ?? workers) : 1,
    run,
  })
  const bundleSize = smaller(given.bundleSize, options.batchSize)
  const tasks = partitionedRun({
    built,
    options,
    given,
    bundleSize,
    env: real,
    now: () => world.env.now(),
    journal,
    shedding,
    query: { id: () => store.id, epoch: () => store.epoch, restarts: checkpoint !== undefined },
    isFenced: () => fence?.isUp === true,
    openWorkers,
    script: linkScript,
  })
  return new BatchedExecution(
    run,
    {
      ...given,
      env: world.env,
      outside: world.outside,
      query: {
        get id() {
          return store.id
        },
        get batch() {
          return store.batch
        },
        get epoch() {
          return store.epoch
        },
        get restarts() {
          return checkpoint !== undefined && !store.isOver
        },
      },
      journal,
      bundleSize,
      ...(tasks === undefined ? {} : { stages: (own) => tasks.stagesFor(own) }),
      ...(given.isStrict ? { disorder: world.disorder, readingDisorder: world.readingDisorder } : {}),
    },
    {
      real,
      world,
      journal,
      acknowledgements,
      store,
      tasks,
      seed: given.isStrict ? given.seed : undefined,
      isKept: checkpoint !== undefined,
      standby: standby === undefined ? undefined : { mode: standby, fence, waited },
      deliversOnce: options.guarantee === 'gap' || options.guarantee === 'at-most-once',
      setScript: (instant) => given.clock?.advance(Math.max(0, instant - real.now())),
      sourceLimits: options.sourceLimits,
      shedding,
      spillFolder: checkpoint ?? spillFolder?.(),
      limits: {
        intervalMillis: batchLength(durationMillis(options.batchInterval ?? INTERVAL, 'batchInterval'), latencyMillis),
        elementsMax: options.batchSize ?? Infinity,
        latencyMillis,
      },
    },
  )
}

function checkOptions(options: RunnerOptions, { openStore, openWorkers }: MicroBatchCapabilities): void {
  const { workers = 0, isolation = 'thread', module, guarantee, checkpoint, batchInterval, engine } = options
  if (engine !== undefined)
    throw new PipelineError('MR-1016', "engine is for runners on other engines, and would change nothing here. Add runner: 'flink' or 'prism', or leave it out.") // prettier-ignore
  if (workers > 0 && isolation !== 'memory' && openWorkers === undefined)
    throw new UnsupportedFeature(
      'MR-6006',
      'workers',
      `workers: ${workers} asks for threads or processes, and this platform gives the runner none. Leave workers out.`,
    )
  if (workers > 0 && isolation !== 'memory' && module === undefined)
    throw new PipelineError(
      'MR-6040',
      `workers: ${workers} needs the module of the pipeline: each worker builds the same pipeline, because no function is sent to another thread. Make the pipeline a file's default export (export default definePipeline(…)), and run it by millrace run FILE --workers ${workers} or with module: import.meta.url of that file. Or leave workers out.`,
    )
  if (guarantee !== undefined && guarantee !== 'gap' && checkpoint === undefined)
    throw new PipelineError(
      'MR-6022',
      `guarantee: '${guarantee}' needs a place where the run is kept. Add checkpoint: './folder'.`,
    )
  if (checkpoint !== undefined && openStore === undefined)
    throw new UnsupportedFeature(
      'MR-6023',
      'checkpoint',
      `there is no place for checkpoint ${checkpoint} here: this platform has no store. Leave checkpoint out.`,
    )
  if (options.standby !== undefined && checkpoint === undefined)
    throw new PipelineError(
      'MR-6072',
      `standby: '${options.standby}' waits for a run that has the same checkpoint, and none is named. Add checkpoint: './folder'.`,
    )
  for (const name of CHANGE_OPTIONS) {
    if (options[name] === undefined || checkpoint !== undefined || (name === 'partitions' && workers > 0)) continue
    throw new PipelineError(
      'MR-1016',
      `${name} is about what a checkpoint keeps, and this run has none, so it would change nothing. Add checkpoint: './folder', or leave ${name} out.`,
    )
  }
  if (options.onChange !== 'migrate' && (options.renameSteps ?? options.dropState) !== undefined)
    throw new PipelineError(
      'MR-1016',
      "renameSteps and dropState say how a changed pipeline goes on, which is refused as it stands. Add onChange: 'migrate', or leave them out.",
    )
  if (batchInterval !== undefined) durationMillis(batchInterval, 'batchInterval')
  objectiveMillis(options.latencyObjective)
}

function objectiveMillis(objective: Duration | undefined): number | undefined {
  if (objective === undefined) return undefined
  const millis = durationMillis(objective, 'latencyObjective')
  if (millis >= OBJECTIVE_MIN) return millis
  throw new PipelineError(
    'MR-1002',
    `latencyObjective must be at least ${OBJECTIVE_MIN} milliseconds, but is ${preview(objective)}.`,
  )
}

/** A bundle is no larger than a batch. */
function smaller(bundle: number | undefined, batch: number | undefined): number | undefined {
  return bundle === undefined || batch === undefined ? (bundle ?? batch) : Math.min(bundle, batch)
}
