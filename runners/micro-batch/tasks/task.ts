/**
 * A task: one turn of one stage in one partition, and what came of it.
 *
 * Law: what comes of a task depends on the order, on what the partition was before it, and, where the task reads, on what the source
 * gave, which is in the answer: so a partition that is lost is made anew by the same orders.
 */
import type { LoadMeasure } from '../../../sdk/env.js'
import type { LogRecord } from '../../../sdk/logger.js'
import type { MetricsDelta } from '../../core/metrics.js'
import type { PaneStatus, QueueStatus } from '../../run-status.js'
import type { SourceReading } from '../../runner.js'
import type { SeenElements } from '../batch-latency.js'
import type { ShedDone, StepCut } from '../load-shedding.js'

/** Elements on their way to a stage of a partition, encoded. */
export interface Block {
  /** The stage that takes them. */
  readonly stage: number
  /** `main`, `work` (restrictions that are to be read there), or the name of a side input. */
  readonly input: string
  /** The partition that takes them. */
  readonly partition: number
  readonly bytes: Uint8Array
  readonly count: number
  /** Numbers of elements after which a bundle ends. */
  readonly ends: readonly number[]
}

/** What becomes of reading ahead: it goes on, rests while nobody wants to read, or has ended when the task is done. */
export interface AheadOrder {
  readonly state: 'reads' | 'rests' | 'ends'
  /** Elements of a bundle, at most. */
  readonly bundleMax: number
}

/** What a source was read ahead in a partition, and no task has taken. */
export interface QueueTold extends Omit<QueueStatus, 'step'> {
  /** Whether anything waits. */
  readonly isAhead: boolean
  /** Whether more is read. */
  readonly isReading: boolean
}

/** What a source is to do in its turn. */
export interface SourceOrder {
  /** `no` reads nothing, nor does `waits`, which says what came to be read; `anew` reads what is due, `again` what `record` says. */
  readonly reads: 'no' | 'waits' | 'anew' | 'again'
  /** How many elements it may read. */
  readonly room: number
  /** What a turn did, as the source's codec has it. */
  readonly record: Uint8Array | undefined
  readonly isDraining: boolean
  /** Milliseconds for which nobody wanted to read, since the last task. */
  readonly pausedMillis: number
  /** Set where the source is read ahead. */
  readonly ahead: AheadOrder | undefined
}

/** What is asked of a partition. */
export interface TaskOrder {
  readonly batch: number
  /** Counts the tasks of the partition, from 0. */
  readonly number: number
  readonly stage: number
  /** `wake` does what waited for the clock, and only that; `endBatch` what waited for the end of the batch. */
  readonly call: 'turn' | 'wake' | 'endBatch'
  /** Processing time. */
  readonly now: number
  /** What randomness begins with in this task. */
  readonly seed: number
  /** Output watermarks of all stages, over all partitions. */
  readonly watermarks: readonly number[]
  /** The earliest processing time that something of a stage waits for, over all partitions. */
  readonly waits: readonly number[]
  readonly blocks: readonly Block[]
  readonly source: SourceOrder | undefined
  /** What steps that shed are to drop in the batch; `undefined`: nothing. */
  readonly shed: readonly StepCut[] | undefined
  /** Whether the stage's script is to go on. */
  readonly isReleased: boolean
  /** Dead letters of each handler so far, over all partitions. */
  readonly budgets: readonly (readonly [handler: string, used: number])[]
  /** How many of the last panes somebody wants to see. */
  readonly panes: number
}

/** What of a task goes on to others: the same whenever the task is done again. */
export interface TaskOutput {
  readonly blocks: readonly Block[]
  /** Items for sinks, by step, one after another. */
  readonly delivered: readonly (readonly [step: string, items: Uint8Array, count: number])[]
  /** Elements that are collected, by name, one after another. */
  readonly collected: readonly (readonly [name: string, elements: Uint8Array, count: number])[]
  /** Lines that are printed, by the number of the step that prints, and how many elements have none. */
  readonly printed: readonly (readonly [index: number, lines: readonly string[], hidden: number])[]
}

/** What a stage of a partition waits for besides elements. */
export interface StageWaits {
  readonly isArmed: boolean
  readonly nextProcessingTime: number
  /** Whether the stage has something to do although nothing comes. */
  readonly hasMore: boolean
  /** Whether something in the stage waits for the end of the batch. */
  readonly awaitsBatch: boolean
}

/** What goes on its way of a stage that knows more of itself. */
export function waitsOf({ isArmed, nextProcessingTime, hasMore, awaitsBatch }: StageWaits): StageWaits {
  return { isArmed, nextProcessingTime, hasMore, awaitsBatch }
}

/** A step that sheds, and the latency that it looks at. */
export type DeclaredGate = readonly [step: string, measure: LoadMeasure]

/** What a stage of a partition waits for, as soon as it lives. */
export interface HostedStage extends StageWaits {
  readonly hasWaiting: boolean
  /** Events of its script that were played, if it plays one. */
  readonly played: number | undefined
  /** Its steps that shed; `undefined`: none. */
  readonly gates: readonly DeclaredGate[] | undefined
}

/** What has become of a task. */
export interface TaskDone extends TaskOutput, StageWaits {
  readonly batch: number
  readonly number: number
  /** Of all that goes on to others. */
  readonly hash: string
  readonly changed: boolean
  /** Whether it has come to depend on the randomness of its order. */
  readonly hasDrawn: boolean
  readonly outputWatermark: number
  /** Whether somebody in the partition waits for the plan, or the commit, of the batch. */
  readonly isAwaited: boolean
  /** Stages of the partition for which elements wait that have not left it. */
  readonly waiting: readonly number[]
  /** Milliseconds until the source has something, where it waits for real time. */
  readonly waitMillis: number | undefined
  readonly reading: SourceReading | undefined
  /** How its queue stands, where it is read ahead. */
  readonly queue: QueueTold | undefined
  /** What the source has read, for the latency of the batch. */
  readonly seen: SeenElements | undefined
  /** What has come to steps that shed; `undefined`: nothing. */
  readonly shed: readonly ShedDone[] | undefined
  /** What the source did, as its codec has it. */
  readonly record: Uint8Array | undefined
  /** Events of a script that were played so far, and how far this task has moved the clock. */
  readonly script: { readonly played: number; readonly advanceMillis: number } | undefined
  readonly metrics: MetricsDelta
  /** Dead letters of each handler in this task. */
  readonly budgets: readonly (readonly [handler: string, used: number])[]
  readonly log: readonly LoggedLine[]
  /** The last panes that were put out, where somebody wants to see them. */
  readonly panes: readonly PaneStatus[]
}

/** A line for the log of the run: one of the pipeline's own code, an event of the runner's, or a remark for people. */
export interface LoggedLine extends LogRecord {
  readonly kind: 'line' | 'event' | 'remark'
}

/** A call that is under way, as people are told of it. */
export interface StuckText {
  readonly step: string
  readonly call: string
  readonly element: string | undefined
  readonly millis: number
}
