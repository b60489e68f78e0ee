/**
 * What a runner tells whoever traces runs. The interface is small, so that a run that nobody traces pays for nothing:
 * `openTelemetry()` of `millrace/opentelemetry` is the one there is.
 *
 * Law: telemetry sees a run and never changes it, and it never throws.
 */
import type { EndState, RunningPipeline } from './runner.js'

/** Traces runs and exports their metrics. */
export interface Telemetry {
  /** A run begins. */
  begin(run: { readonly pipeline: string; readonly runner: string }): RunTelemetry
}

/** Telemetry of one run. */
export interface RunTelemetry {
  /** Calls `start`, which starts the run: everything that the run does, it does inside of this call's context. */
  within<T>(start: () => T): T
  /** From now on the run can be looked at. */
  running(run: Pick<RunningPipeline, 'status' | 'metrics'>): void
  /** Does a bundle of the stage that begins with `step`; `undefined` when bundles are not traced. */
  readonly bundle: ((step: string, run: () => Promise<void>) => Promise<void>) | undefined
  /** The run has ended. */
  ended(outcome: { readonly state: EndState } | { readonly error: unknown }): void
}
