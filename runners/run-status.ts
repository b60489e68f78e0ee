/**
 * What a run looks like from outside, at one moment: how much each step has done, where its watermarks stand and why, what
 * it keeps, and which panes came last. It is what the terminal shows, what `why` explains, and what exporters of metrics read.
 *
 * Law: a status is data that can be cloned and written as JSON, and it is made when it is asked for: a run at which nobody
 * looks does nothing for it. Totals only grow, so a rate is the difference of two statuses by the difference of their
 * `wallMillis`. Timestamps are milliseconds since 1970 UTC; a watermark that stands at the beginning or the end of time is
 * `TIMESTAMP_MIN` or `TIMESTAMP_MAX`.
 */
/** What a source, or another splittable step, says of itself. */
export interface SourceReading {
  readonly step: string
  /**
   * How much work is left, in units of the source: the sizes of what is still to be read, added up. At the end of a run, what
   * was not read; what a drain gave up is part of it. `undefined` when there is no end to it.
   */
  readonly backlog: number | undefined
  /**
   * Skew: the time of arrival less event time, in milliseconds, of the newest element of the bundle read last; `undefined`
   * before there is one with an event time of its own.
   */
  readonly skewMillis: number | undefined
  /** The largest skew of any element, where positions are read without asking each for its time: of the first or last of a bundle. */
  readonly skewMillisMax: number | undefined
}

/** A call of user code that has been under way for a while. */
export interface StuckCallReport {
  readonly step: string
  /** `process`, `setup`, `finishBundle` … */
  readonly call: string
  readonly element: string
  readonly millis: number
}

/** What a run does now, or how it has ended. */
export type RunState =
  'running' | 'paused' | 'draining' | 'stopping' | 'done' | 'drained' | 'stopped' | 'cancelled' | 'failed' | 'detached'

/** Tasks of workers that were done more than once since the run began. */
export interface TasksStatus {
  /** Because the worker that had done them was lost. */
  readonly recomputed: number
  /** Because they took much longer than others. */
  readonly twins: number
  /** Of those, how many were done before the first. */
  readonly twinsWon: number
}

/** Batches of a run at one moment. */
export interface BatchesStatus {
  /** What workers have done twice; absent where there are none. */
  readonly tasks?: TasksStatus
  /** The newest committed batch, counted from 1 over all runs of the query; 0 before there is one. */
  readonly committed: number
  /** The batch after which this run has gone on from its checkpoint; `undefined` for one that began anew. */
  readonly resumedAfter: number | undefined
  /** How long a batch is to last, in milliseconds. */
  readonly intervalMillis: number
  /** While the run waits for another one to end. */
  readonly standby?: {
    readonly mode: 'cold' | 'warm' | 'hot'
    /** Who has the checkpoint. */
    readonly holder: string
    /** The batch up to which the state is at hand; 0 where none is. */
    readonly batch: number
  }
  /** Backpressure: elements that a batch reads at most, because earlier ones took too long; `undefined` while none did. */
  readonly elementsMax: number | undefined
  /** Queues of sources that cannot be told to wait. */
  readonly queues: readonly QueueStatus[]
  /** Steps that drop under load. */
  readonly shedding: readonly SheddingStatus[]
  /** Where the time of the newest batch of this run has gone; `undefined` before there is one. */
  readonly last:
    | {
        /** Reading, and processing what was read. */
        readonly readMillis: number
        /** Logging the plan, and finishing what was read. */
        readonly closeMillis: number
        /** Storing what has changed, and delivering it to the sinks. */
        readonly commitMillis: number
        /** Elements that sources have read. */
        readonly elements: number
        /** How much later it began than it was due, because the batch before took so long. */
        readonly delayMillis: number
        readonly latency: LatencyStatus
      }
    | undefined
}

/** Spans of time of the elements of a batch, in milliseconds. */
export interface SpanStatus {
  readonly p50Millis: number
  readonly p99Millis: number
  readonly maxMillis: number
}

/** Times of the elements of a batch, by some of each bundle; `undefined` where none had such a time. */
export interface LatencyStatus {
  /** From the arrival of an element (from a source that can wait: when it was read) to its commit. */
  readonly arrival: SpanStatus | undefined
  /** From its timestamp to its commit. */
  readonly event: SpanStatus | undefined
  /** From its timestamp to its arrival. */
  readonly skew: SpanStatus | undefined
}

/** A step that drops under load. */
export interface SheddingStatus {
  readonly step: string
  /** Share of its elements that the next batch is to drop, from 0. */
  readonly share: number
  /** Elements that the newest batch has dropped. */
  readonly dropped: number
}

/** What a source has given and no batch has taken yet. */
export interface QueueStatus {
  /** Path of the step that reads. */
  readonly step: string
  readonly elements: number
  /** The most there have been. */
  readonly elementsMax: number
  /** Encoded bytes, about. */
  readonly bytes: number
  /** Those of them that are on the disk. */
  readonly spilledBytes: number
}

/** A run at one moment. */
export interface RunStatus {
  /** Name of the pipeline. */
  readonly pipeline: string
  /** Name of the runner: `'direct'`, `'micro-batch'`. */
  readonly runner: string
  /** The id that an engine has given to the job, once it has taken it. Only of runners on engines. */
  readonly jobId?: string
  readonly state: RunState
  /** When the run began, by the clock of its world. */
  readonly startedAt: number
  /** When this was taken, by the same clock; what a TestStream scripts, where it scripts time. */
  readonly takenAt: number
  /** How long the run has lasted, in milliseconds of real time; it stands still when the run has ended. */
  readonly wallMillis: number
  /** Elements over all collections, as in {@link Progress.elements}: an element counts again in each step that it passes. */
  readonly elements: number
  /** The smallest output watermark of all steps. */
  readonly watermark: number
  /** Sources and other splittable steps: backlog and skew. */
  readonly sources: readonly SourceReading[]
  /** The author's steps, producers before consumers. */
  readonly steps: readonly StepStatus[]
  /** The panes that fired last, oldest first; empty unless somebody has them recorded. */
  readonly panes: readonly PaneStatus[]
  /** The oldest asynchronous call of user code that has not ended. */
  readonly oldestCall: StuckCallReport | undefined
  /** Of a runner that works in batches. */
  readonly batches?: BatchesStatus
}

/** A step at one moment. Steps that the SDK adds inside an author's step are part of it. */
export interface StepStatus {
  /** Path of the step: `'shop/count'`. Unique in a status. */
  readonly step: string
  /** Paths of the steps whose outputs it reads, views that it reads as side inputs not among them. */
  readonly inputs: readonly string[]
  /** Elements that have come in since the run began; 0 for a source. */
  readonly elementsIn: number
  /** Elements that have gone out, to all its outputs, dead letters and late elements among them; 0 for a sink. */
  readonly elementsOut: number
  /** No element with an earlier timestamp will come in. `TIMESTAMP_MAX` for a source. */
  readonly inputWatermark: number
  /** No element with an earlier timestamp will go out. */
  readonly outputWatermark: number
  /** {@link RunStatus.takenAt} less the output watermark, in milliseconds; `undefined` at both ends of time and from the end of the global window on. May be negative. */
  readonly lagMillis: number | undefined
  /**
   * Pairs of key and window of which something is kept, in state or in a grouping. In sliding windows that have not ended,
   * a key counts once for each slice that windows share.
   */
  readonly stateKeys: number
  /** Windows of which something is kept. Of windows that merge, those of different keys count each by themselves. */
  readonly windows: number
  /** Timers that are set and have not fired, of both clocks; those of user code, never those the engine sets for itself. */
  readonly timers: number
  /** Elements that wait for a side input, pushed back until it is complete. */
  readonly pushedBack: number
  /** Elements that wait for the step's turn, or until they can be sorted by time. */
  readonly buffered: number
  /** Elements dropped because they came too late for their window (or fell into none), as far as the step counts them. */
  readonly droppedLate: number
  /** Elements that became dead letters: calls that failed for good, under an error handler. */
  readonly deadLetters: number
  /** Calls that were tried again. */
  readonly retries: number
  /** Parts of a source's work, those with the smallest watermark first, at most 20; else empty. */
  readonly partitions: readonly PartitionStatus[]
  /** How many there are. */
  readonly partitionCount: number
  /** Why the output watermark stands where it is. */
  readonly hold: Hold
  /** What the step keeps and has not answered yet, where it keeps anything: the window or timer that comes first. */
  readonly awaits: Awaited | undefined
}

/** Partitions that a status lists for one step. */
export const PARTITIONS_MAX = 20

/** What a source reads independently of the rest: one work element, such as a file, a shard, a range. */
export interface PartitionStatus {
  /** Numbered from 0 in the order in which the source was given them. What is split keeps its number. */
  readonly partition: number
  /** What names it, and what of it is left to read, as short texts. */
  readonly element: string
  readonly restriction: string
  readonly watermark: number
  /** Milliseconds since it last gave an element, or since it was begun. */
  readonly quietMillis: number
  /** Whether it counts as idle, so that its watermark follows the clock: only where the source's watermark has an idle time. */
  readonly isIdle: boolean
  /** Milliseconds until it is read again, where the source has asked to wait. */
  readonly waitMillis: number
}

/** A window, as data. */
export interface WindowStatus {
  readonly start: number
  readonly end: number
  /** As people read it. */
  readonly text: string
}

/**
 * Why an output watermark stands where it is. `at` is the timestamp that is held.
 *
 * - `none`: it has come to the end of time.
 * - `upstream`: it is as far as that of the step it reads; ask that step.
 * - `source`: a source, by the partition with the smallest watermark. `reading`: it has said nothing later yet. `quiet`: that
 *   partition has given nothing for a second or longer. `idle`: it counts as idle and follows the clock. `unknown`: the
 *   source has no watermark before its end. `script`: a TestStream waits to play its next event. `paused`: the run is.
 * - `sideInput`: elements wait until the view's window is complete; ask the step that makes the view.
 * - `elements`: elements wait for the step's turn.
 * - `sorting`: elements wait until they can be sorted by time.
 * - `call`: an asynchronous call of user code has been under way for a second or longer.
 * - `timer`: a timer holds it at the timestamp of its output, until it fires.
 * - `expiry`: what `onWindowExpiration` emits at the end of a window must not be late.
 * - `pane`: elements are kept whose pane has not been put out.
 */
export type Hold =
  | { readonly kind: 'none' }
  | { readonly kind: 'upstream'; readonly at: number; readonly step: string }
  | SourceHold
  | {
      readonly kind: 'sideInput'
      readonly at: number
      readonly view: string
      /** The step that makes what is viewed, and its output watermark. */
      readonly step: string
      readonly viewWatermark: number
      /** The window of the view that is not complete: of the first of the elements that wait. */
      readonly window: WindowStatus
      readonly elements: number
    }
  | { readonly kind: 'elements'; readonly at: number; readonly elements: number }
  | { readonly kind: 'sorting'; readonly at: number; readonly elements: number }
  | {
      readonly kind: 'call'
      readonly at: number
      /** The step whose call it is: this one, or one after it that shares its bundles. */
      readonly step: string
      readonly call: string
      readonly element: string
      readonly millis: number
    }
  | ({ readonly kind: 'timer'; readonly at: number } & AwaitedTimer)
  | {
      readonly kind: 'expiry'
      readonly at: number
      readonly window: WindowStatus
      readonly keys: number
      readonly passes: number
    }
  | ({ readonly kind: 'pane'; readonly at: number } & AwaitedPane)

/** A source that holds the watermark. */
export interface SourceHold {
  readonly kind: 'source'
  readonly at: number
  readonly because: 'reading' | 'quiet' | 'idle' | 'unknown' | 'script' | 'paused'
  /** The partition with the smallest watermark; `undefined` for a script, and where nothing is left to read. */
  readonly partition: PartitionStatus | undefined
  /** Of a TestStream: events played and events there are. */
  readonly script: { readonly played: number; readonly events: number } | undefined
}

/** What a step keeps and has not answered: the window, pane or timer that comes first. */
export type Awaited =
  | ({ readonly kind: 'pane' } & AwaitedPane)
  | ({ readonly kind: 'timer' } & AwaitedTimer)
  | { readonly kind: 'expiry'; readonly window: WindowStatus; readonly keys: number; readonly passes: number }

/** A pane that has not fired. */
export interface AwaitedPane {
  readonly window: WindowStatus
  /** Keys in the window; once it has passed its end, those with something that no pane has had. */
  readonly keys: number
  /** The key that holds, as a short text, where it is one key. */
  readonly key: string | undefined
  /** What the trigger waits for, for people: `the end of the window`, `10 elements in a pane, or the end of the window`. */
  readonly trigger: string
  /** The window answers, or expires, once the input watermark has *passed* this. */
  readonly passes: number
  /** Whether that is the window's last chance to speak, at its expiry, rather than its end. */
  readonly isExpiry: boolean
}

/** A timer that is set. */
export interface AwaitedTimer {
  /** Name of the timer, as declared. */
  readonly timer: string
  /** Which one of a family. */
  readonly tag: string | undefined
  readonly clock: 'eventTime' | 'processingTime'
  readonly key: string
  readonly window: WindowStatus
  /** It fires once its clock has passed this: the input watermark, or processing time. */
  readonly fires: number
}

/** A pane that has fired. */
export interface PaneStatus {
  /** Path of the grouping. */
  readonly step: string
  /** Short texts of key and value. */
  readonly key: string
  readonly value: string
  readonly window: WindowStatus
  readonly timing: 'early' | 'onTime' | 'late' | 'unknown'
  readonly index: number
  readonly isLast: boolean
  /** Timestamp of the pane. */
  readonly timestamp: number
  /** When it fired, by the clock of the run's world. */
  readonly firedAt: number
  /** Counts panes recorded, from 0: a viewer that looks again knows which are new. */
  readonly sequence: number
}
