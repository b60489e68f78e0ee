/**
 * What a run in batches is made of, and what its batches are.
 */
import type { Env } from '../../sdk/env.js'
import type { Delivered } from '../core/deliveries.js'
import type { SourceCodec } from '../core/execution/source-codec.js'
import type { RunnerOptions } from '../runner.js'
import type { BatchAcknowledgements } from './batch-acknowledgements.js'
import type { BatchJournal } from './batch-journal.js'
import type { BatchLimits } from './batch-pacing.js'
import type { BatchWorld } from './batch-world.js'
import type { LoadShedding } from './load-shedding.js'
import { decodePlan, type PlanContent } from './plan-content.js'
import type { QueryStore } from './query-store.js'
import type { StandbyMode } from './standby-role.js'
import type { Change, PlanRecord } from './store/checkpoint-store.js'
import type { PartitionedRun } from './tasks/partitioned-run.js'

/** What a batched run needs besides the options of every run. */
export interface BatchedParts {
  readonly real: Env
  readonly world: BatchWorld
  readonly journal: BatchJournal
  readonly acknowledgements: BatchAcknowledgements
  readonly limits: BatchLimits
  readonly sourceLimits: RunnerOptions['sourceLimits']
  readonly shedding: LoadShedding
  /** Folder for what sources have given and the memory does not hold. */
  readonly spillFolder: string | undefined
  readonly store: QueryStore
  /** Set where partitions on workers do the work. */
  readonly tasks: PartitionedRun | undefined
  /** Whether the store outlives the run. */
  readonly isKept: boolean
  /** Whether what was not delivered before a crash is let go: it may have been, and must not come twice. */
  readonly deliversOnce: boolean
  /** Of strict mode. Else the query's id decides, which a run that goes on also has. */
  readonly seed: number | undefined
  readonly standby: StandbyMode | undefined
  /** Moves the clock of a script on to an instant; nothing where no script moves it. */
  setScript(instant: number): void
}

/** What a batch has done. */
export interface Done {
  readonly changes: readonly Change[]
  /** Those of each partition on workers, which are among them. */
  readonly shared: readonly (readonly Change[])[]
  readonly watermarks: ReadonlyMap<string, number>
  readonly delivered: readonly Delivered[]
}

/** A batch that is done from its plan. */
export interface PlannedBatch extends Omit<PlanContent, 'hosts'> {
  readonly instant: number
  /** Whether the plan is written down. */
  readonly isLogged: boolean
  /** Whether it has elements that cannot be read again. */
  readonly hasElements: boolean
}

/** A plan that is written down. */
export function decodedPlan(
  plan: PlanRecord,
  codecs: ReadonlyMap<number, SourceCodec>,
): PlannedBatch & Pick<PlanContent, 'hosts'> {
  return {
    instant: plan.instant,
    isLogged: true,
    hasElements: false,
    ...decodePlan(plan.content, codecs),
  }
}

/** Equal for equal watermarks. */
export function watermarksText(watermarks: ReadonlyMap<string, number>): string {
  return [...watermarks.values()].join()
}
