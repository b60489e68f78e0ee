/**
 * What the supervising thread and the pipeline's thread say to each other. Only data that can be cloned: an error, for
 * example, travels as the text that people will read, because its class and its stack would not survive the way.
 */
import type { EndState, Progress } from '../runner.js'
import type { RunnerSettings } from './runner-settings.js'

/** An author's module, ready to be loaded. */
export interface ModuleText {
  /** JavaScript whose imports are all absolute. */
  readonly code: string
  /** Name of the code on stacks. */
  readonly sourceUrl: string
  /** Source map, as JSON; its sources are relative to `folder`. */
  readonly map: string
  readonly folder: string
  /** The file the author named. */
  readonly file: string
  /** sha-256 of the code, free of where it lies, and of the version of millrace. */
  readonly hash: string
}

/** What to do with the module. */
export type Action = 'run' | 'graph' | 'describe'

/** The first message to the thread. */
export interface StartMessage {
  readonly kind: 'start'
  readonly action: Action
  readonly module: ModuleText
  /** Arguments for the pipeline, as given. */
  readonly args: readonly string[]
  /** `MILLRACE_…` variables. */
  readonly environment: Readonly<Record<string, string>>
  readonly runner: RunnerSettings
  /** Milliseconds between signs of life. */
  readonly beatMillis: number
}

/** To the pipeline's thread. */
export type ToWorker = StartMessage | { readonly kind: 'drain' }

/** An error as text. */
export interface ErrorReport {
  /** `UserCodeError`, `TypeError` … */
  readonly name: string
  readonly message: string
  /** Frames of the author's code and of packages, innermost first: `at parse (orders.ts:12:5)`. */
  readonly frames: readonly string[]
  readonly cause?: ErrorReport
}

/** What is known when a run begins. */
export interface Started {
  readonly kind: 'started'
  readonly pipeline: string
  readonly graphFingerprint: string
  /** The pipeline's options as JSON; secrets are `***`. */
  readonly options: string
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
  | { readonly kind: 'log'; readonly text: string; readonly stream: 'out' | 'err' }
  /** Nobody reads what a step writes to standard output. */
  | { readonly kind: 'outputClosed' }
  /** A sign of life. */
  | { readonly kind: 'beat'; readonly progress: Progress | undefined }
  /** The answer to `graph` and `describe`. */
  | { readonly kind: 'answer'; readonly text: string }
  /** Nothing more will come. `phase` tells whether anything had run. */
  | { readonly kind: 'failed'; readonly phase: 'load' | 'run'; readonly error: ErrorReport }
