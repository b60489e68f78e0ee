/**
 * What a run of the direct runner is given, once defaults are filled in.
 *
 * Law: nothing below reads the options of `run`; what is not here has been decided.
 */
import type { Env } from '../../../sdk/env.js'
import type { Query } from '../../../sdk/transforms/delivery.js'
import type { PaneRecorder } from '../pane-recorder.js'
import type { RunLog } from '../run-log.js'
import type { RunnerOptions } from '../../runner.js'
import type { RunTelemetry } from '../../telemetry.js'
import type { Acknowledgements } from './acknowledgements.js'
import type { ScriptedClock } from './root-executors.js'
import type { Exchange } from './exchange.js'
import type { SourceJournal } from './source-journal.js'
import type { StageExecutor } from './stage-executor.js'

/** Options that have been decided. */
export interface ExecutionOptions {
  /** Name of the runner. */
  readonly runner: string
  readonly env: Env
  /** The world as sources and sinks see it, where that of the pipeline stands still for a batch. Default: `env`. */
  readonly outside?: Env
  /** What sinks know the run by, and whether it restarts. */
  readonly query: Query
  readonly isStrict: boolean
  readonly seed: number
  /** What strict mode decides by, uniform in [0, 1). Default: a sequence that `seed` begins. */
  readonly disorder?: () => number
  /** What strict mode reads by, where reading is not done again with the rest. Default: as `disorder`. */
  readonly readingDisorder?: () => number
  /** Whether every bundle is attempted twice. */
  readonly reexecutes: boolean
  readonly bundleSize: number | undefined
  readonly stageCompiler: NonNullable<RunnerOptions['stageCompiler']>
  /** Set when scripted events move the clock. */
  readonly clock: ScriptedClock | undefined
  readonly acknowledgements: Acknowledgements
  readonly log: RunLog
  /** Set when bundles are traced. */
  readonly traceBundle: RunTelemetry['bundle']
  /** Where sources write down what they do; `undefined`: nowhere. */
  readonly journal?: SourceJournal
  /** Set where other partitions share the work: what takes elements that are theirs. */
  readonly exchange?: Exchange
  /** Puts others in the place of the stages of this process: those that have them done elsewhere. */
  readonly stages?: (own: readonly StageExecutor[]) => readonly StageExecutor[]
  /** Where the last panes are kept while somebody looks. */
  readonly panes: PaneRecorder
}
