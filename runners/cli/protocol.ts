/**
 * What the supervising thread and the pipeline's thread say to each other. Only data that can be cloned: an error, for
 * example, travels as the text that people will read, because its class and its stack would not survive the way.
 */
import type { ErrorCode } from '../../sdk/error-codes.js'
import type { ModuleText } from '../author-module/module-text.js'
import type { RunSnapshot } from '../metrics/snapshot.js'
import type { SinkPromise } from '../micro-batch/sink-promises.js'
import type { DeadLetterGroup, EndState, Progress } from '../runner.js'
import type { BatchesStatus, RunStatus } from '../run-status.js'
import type { GraphFormat } from './commands.js'
import type { ConsoleMode } from './console-limit.js'
import type { Excerpt } from './excerpt.js'
import type { RunnerSettings } from './runner-settings.js'
import type { Observation } from './worker-observation.js'

/** What is asked of a module that does not run. */
export type Question =
  /** The options of its pipeline, for help. */
  | { readonly kind: 'describe' }
  /** Its graph, or with `isPhysical` the stages that a runner makes of it. */
  | {
      readonly kind: 'graph'
      readonly format: GraphFormat
      readonly isPhysical: boolean
      readonly depth: number | undefined
    }
  /** What each of its ends sees after a crash of a run with a checkpoint. */
  | { readonly kind: 'guarantees'; readonly json: boolean }
  /** What a checkpoint of it keeps. */
  | ({ readonly kind: 'state' } & StateQuestion)
  /** The options of its pipeline as they would be, and where each comes from; JSON. */
  | { readonly kind: 'config' }

/** What is asked of a checkpoint. */
export interface StateQuestion {
  /** Of the checkpoint, or of a copy. */
  readonly place: string
  readonly what: 'ls' | 'get'
  readonly step: string | undefined
  readonly key: string | undefined
  readonly window: string | undefined
  readonly limit: number
}

/** Options of pipelines in a configuration file, by the pipeline's name. */
export interface ConfiguredOptions {
  readonly path: string
  readonly pipelines: ReadonlyMap<string, Readonly<Record<string, unknown>>>
}

/** How `why` answers. */
export interface WhySettings {
  /** How long the pipeline runs before. */
  readonly forMillis: number
  readonly json: boolean
  /** The one step to explain. */
  readonly step: string | undefined
}

/** The first message to the thread. */
export interface StartMessage {
  readonly kind: 'start'
  readonly module: ModuleText
  /** Arguments for the pipeline, as given. */
  readonly args: readonly string[]
  /** What is asked, unless it runs. */
  readonly question: Question | undefined
  /** `MILLRACE_…` variables. */
  readonly environment: Readonly<Record<string, string>>
  /** Options that a configuration file gives. */
  readonly configured: ConfiguredOptions | undefined
  readonly runner: RunnerSettings
  readonly observation: Observation
  /** Set where the action is `why`. */
  readonly why: WhySettings | undefined
  /** The last panes to be kept for display; 0 where nobody looks at them. */
  readonly panes: number
  /** Whether a pipeline that would not come to an end is refused. */
  readonly mustEnd?: boolean
  /** Milliseconds between signs of life. */
  readonly beatMillis: number
  /** How much of the author's console is shown. */
  readonly console: ConsoleMode
}

/** To the pipeline's thread. */
export type ToWorker =
  | StartMessage
  | { readonly kind: 'drain' }
  /** Stops so that the run can go on; only one that is kept. */
  | { readonly kind: 'stop' }
  /** Gives up what is under way. */
  | { readonly kind: 'cancel' }
  /** One worker more, or one less. */
  | { readonly kind: 'workers'; readonly by: 1 | -1 }
  /** Pauses the sources, or reads on. */
  | { readonly kind: 'pause' }
  /** Time to say why. */
  | { readonly kind: 'explain' }

/** An error as text. */
export interface ErrorReport {
  /** `UserCodeError`, `TypeError` … */
  readonly name: string
  readonly message: string
  /** Frames of the author's code and of packages, innermost first: `at parse (orders.ts:12:5)`. */
  readonly frames: readonly string[]
  readonly cause?: ErrorReport
  /** Which mistake it is; absent for what is not millrace's. */
  readonly code?: ErrorCode
  readonly step?: string
  /** Preview of the element. */
  readonly element?: string
  readonly window?: string
  /** ISO 8601. */
  readonly timestamp?: string
  /** The author's line. */
  readonly excerpt?: Excerpt
}

/** Dead letters of one kind, with the author's line. */
export interface DeadLetterReport extends DeadLetterGroup {
  readonly excerpt?: Excerpt
}

/** What is known when a run begins. */
export interface Started {
  readonly kind: 'started'
  readonly pipeline: string
  readonly graphFingerprint: string
  /** The pipeline's options as JSON; secrets are `***`. */
  readonly options: string
  /** What its ends are promised, where the run has a checkpoint. */
  readonly guarantees: readonly SinkPromise[]
}

/** What is known when it is over. */
export interface Finished {
  readonly kind: 'finished'
  readonly state: EndState
  readonly millis: number
  /** Elements over all collections, as in progress. */
  readonly elements: number
  /** Elements that sources have emitted. */
  readonly elementsRead: number
  /** Engine counters that are not zero, by step: what was dropped, repeated or became a dead letter. */
  readonly counters: readonly { readonly step: string; readonly name: string; readonly value: number }[]
  readonly files: readonly string[]
  /** Names of `.collect`, where the pipeline prints nothing and has written no file: what came out, nobody has seen. */
  readonly unseen: readonly string[]
  readonly deadLetters: readonly DeadLetterReport[]
  /** Of a runner that works in batches. */
  readonly batches?: BatchesStatus
}

/** From the pipeline's thread. */
export type FromWorker =
  | Started
  | Finished
  /** Lines of the pipeline's results. */
  | { readonly kind: 'results'; readonly lines: readonly string[] }
  /** A remark of the runner. */
  | { readonly kind: 'note'; readonly text: string }
  /** Whatever the author's code wrote to the console. */
  | { readonly kind: 'log'; readonly text: string; readonly stream: 'out' | 'err'; readonly step?: string }
  /** Nobody reads what a step writes to standard output. */
  | { readonly kind: 'outputClosed' }
  /** A log line of the run. */
  | { readonly kind: 'record'; readonly line: string }
  /** The run at this moment, for whoever exports metrics. */
  | { readonly kind: 'snapshot'; readonly snapshot: RunSnapshot }
  /** A sign of life. */
  | { readonly kind: 'beat'; readonly progress: Progress | undefined; readonly status: RunStatus | undefined }
  /** The answer to a question. */
  | { readonly kind: 'answer'; readonly text: string }
  /** Nothing more will come. `phase` tells whether anything had run. */
  | {
      readonly kind: 'failed'
      readonly phase: 'load' | 'run'
      readonly error: ErrorReport
      readonly deadLetters?: readonly DeadLetterReport[]
    }
