/**
 * What of a run's options makes it a partitioned one: who opens its workers, and what they are told.
 */
import { graphFingerprint } from '../../../sdk/graph/fingerprint.js'
import type { Env } from '../../../sdk/env.js'
import type { BuiltPipeline } from '../../../sdk/graph/model.js'
import { invariant } from '../../../sdk/invariant.js'
import type { ExecutionOptions } from '../../core/execution/execution-options.js'
import type { RunnerOptions } from '../../runner.js'
import type { BatchJournal } from '../batch-journal.js'
import type { LoadShedding } from '../load-shedding.js'
import type { OpenWorkers } from '../micro-batch-runner.js'
import { type LinkScript, memoryWorkers } from './memory-link.js'
import { PartitionedRun } from './partitioned-run.js'
import type { OpenWorker } from './worker-link.js'

/** So long a worker may say nothing, unless the author says how long a call may take. */
const SILENCE_MILLIS = 60_000

/** What it is made of. */
export interface PartitionedSettings {
  readonly built: BuiltPipeline
  readonly options: RunnerOptions
  readonly given: ExecutionOptions
  readonly bundleSize: number | undefined
  /** The real world. */
  readonly env: Env
  readonly now: () => number
  readonly journal: BatchJournal
  readonly shedding: LoadShedding
  readonly query: {
    readonly id: () => string
    readonly epoch: () => number | undefined
    readonly restarts: boolean
  }
  /** Whether the run follows another one, and nothing of it may leave its processes. */
  readonly isFenced: () => boolean
  readonly openWorkers: OpenWorkers | undefined
  /** What happens to messages of workers in memory. */
  readonly script: LinkScript | undefined
}

/** The partitions of a run with workers; `undefined` where it has none. */
export function partitionedRun(settings: PartitionedSettings): PartitionedRun | undefined {
  const { built, options, given, env, now, journal, query } = settings
  const { workers = 0, partitions, speculation = workers > 1 } = options
  if (workers === 0) return undefined
  const { hash: fingerprint } = graphFingerprint(built.graph)
  return new PartitionedRun({
    env,
    open: openerOf(settings),
    workers,
    partitions,
    speculation,
    silenceMillis: options.callTimeoutMillis ?? SILENCE_MILLIS,
    begin: (count) => ({
      kind: 'begin',
      isFenced: settings.isFenced(),
      fingerprint,
      seed: given.seed,
      isStrict: given.isStrict,
      reexecutes: given.reexecutes,
      bundleSize: settings.bundleSize,
      stageCompiler: given.stageCompiler,
      isScripted: given.clock !== undefined,
      partitions: count,
      queues: undefined,
      hasObjective: options.latencyObjective !== undefined,
      query: { id: query.id(), epoch: query.epoch(), restarts: query.restarts },
      logLevels: given.log.levels,
    }),
    journal,
    shedding: settings.shedding,
    log: given.log,
    panes: given.panes,
    seed: () => (given.isStrict ? given.seed : query.id()),
    now,
    clock: given.clock,
  })
}

function openerOf({ built, options, env, openWorkers, script }: PartitionedSettings): OpenWorker {
  const { isolation = 'thread', module } = options
  if (isolation === 'memory') return memoryWorkers(built, env, script)
  invariant(openWorkers !== undefined && module !== undefined, 'workers on threads have a module')
  return openWorkers(isolation, typeof module === 'string' ? { file: module } : module, built.options)
}
