/**
 * What a run with partitions says to its stages, and hears of them.
 */
import type { TurnRecord } from '../../core/execution/source-journal.js'
import type { StageExecutor, UpstreamStage } from '../../core/execution/stage-executor.js'
import type { StuckCall } from '../../core/stage-runtime.js'
import type { TaskDriver } from './task-driver.js'
import type { TaskDone, TaskOrder } from './task.js'

/** What the run says about a stage's turn. */
export interface StageRun {
  readonly driver: TaskDriver
  seed(): number | string
  /** Processing time of the batch at hand. */
  now(): number
  /** The clock that sources wait by. */
  monotonic(): number
  /** Every stage, by its number. */
  readonly stages: readonly UpstreamStage[]
  /** 0 while the batch is read, 1 after that. */
  phase(): number
  /** What sources are to do, and have done. */
  readonly journal: {
    readonly isReading: boolean
    room(stage: number): number
    again(stage: number, partition: number): TurnRecord | undefined
    write(turn: TurnRecord): void
    seen(stage: number, count: number, timestamps: ArrayLike<number> | undefined, arrivedAt: number | undefined): void
  }
  budgets(): TaskOrder['budgets']
  /** What steps that shed are to drop in the batch. */
  shed(): TaskOrder['shed']
  /** How many of the last panes somebody wants to see. */
  panes(): number
  /** What a task has given for sinks, results and budgets. */
  done(stage: StageExecutor, done: TaskDone): void
  stuck(): StuckCall | undefined
}
