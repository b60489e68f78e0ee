/**
 * Starting a run within this process: options are checked, the pipeline is refused or made ready, and the run is given to those who
 * watch it. What runners differ in is who executes.
 *
 * Law: nothing has run when a pipeline or an option is refused; a run ends once, with a result or the first failure.
 */
import { coded } from '../../../sdk/error-codes.js'
import { type Env, seededRandom } from '../../../sdk/env.js'
import { PipelineError, UserCodeError } from '../../../sdk/errors.js'
import { type BuiltPipeline, leafTransforms } from '../../../sdk/graph/model.js'
import * as urns from '../../../sdk/graph/urns.js'
import { validateGraph } from '../../../sdk/graph/validate.js'
import { preview } from '../../../sdk/preview.js'
import { assertionsStarted } from '../../../sdk/testing/unrun.js'
import {
  type Feature,
  type MetricsResult,
  type PipelineResult,
  type Progress,
  type RunnerOptions,
  type RunningPipeline,
  UnsupportedFeature,
} from '../../runner.js'
import type { RunStatus } from '../../run-status.js'
import { verifyAssertions } from '../assertions.js'
import { checkFeatures } from '../features.js'
import { PaneRecorder } from '../pane-recorder.js'
import { runIdentity } from '../query-identity.js'
import { failureFields, RunLog } from '../run-log.js'
import { requireCodecs } from '../require-codecs.js'
import { checkRunnerOptions } from '../runner-options.js'
import { stuckOn } from '../stage-runtime.js'
import { systemEnv } from '../system-env.js'
import type { Acknowledgements } from './acknowledgements.js'
import type { Execution } from './execution.js'
import type { ExecutionOptions } from './execution-options.js'
import type { ScriptedClock } from './root-executors.js'

/** What every runner can do that runs stages within this process. */
export const LOCAL_FEATURES: ReadonlySet<Feature> = new Set<Feature>([
  'groupByKey',
  'combine',
  'flatten',
  'reshuffle',
  'sideInputs',
  'state.value',
  'state.bag',
  'state.set',
  'state.map',
  'state.multimap',
  'state.orderedList',
  'state.combining',
  'timers.eventTime',
  'timers.processingTime',
  'timers.family',
  'onWindowExpiration',
  'timeSortedInput',
  'stableInput',
  'windows.merging',
  'windows.calendar',
  'windows.custom',
  'windows.data',
  'windows.customMerging',
  'lateness',
  'accumulating',
  'triggers.early',
  'triggers.late',
  'triggers.processingTime',
  'triggers.batch',
  'triggers.composite',
  'lateData.output',
  'splittable.bounded',
  'splittable.unbounded',
  'testStream',
  'testStream.processingTime',
  'deadLetters',
  'bundleFinalizer',
  'delivery',
])

/** After this long an asynchronous call is reported, and again each time as much has passed. */
const REPORT_AFTER_MILLIS = 10_000

/** A run, as those see it who start it and watch it. */
export type LocalExecution = Pick<
  Execution,
  | 'run'
  | 'drain'
  | 'stop'
  | 'cancel'
  | 'pause'
  | 'resume'
  | 'status'
  | 'progress'
  | 'metrics'
  | 'stuck'
  | 'isKept'
  | 'setWorkers'
>

/** What one runner adds. */
export interface LocalRunner {
  readonly name: string
  readonly features: ReadonlySet<Feature>
  /** Refuses options that it cannot do, and pipelines that it cannot promise for. */
  check(built: BuiltPipeline, options: RunnerOptions): void
  acknowledgements(options: RunnerOptions): Acknowledgements
  execution(built: BuiltPipeline, options: ExecutionOptions): LocalExecution
}

/** Starts a pipeline. @throws before anything has run. */
export function startLocal(runner: LocalRunner, built: BuiltPipeline, options: RunnerOptions): RunningPipeline {
  assertionsStarted(built)
  checkRunnerOptions(options)
  validateGraph(built.graph)
  checkFeatures(built, runner.name, runner.features)
  if (options.requireCodecs === true) requireCodecs(built)
  if (options.engineOptions !== undefined)
    throw new PipelineError(
      'MR-1016',
      `engineOptions are options of an engine that pipelines are handed to, and the ${runner.name} runner is none. Add runner: 'flink', or leave them out.`,
    )
  runner.check(built, options)
  const real = options.env ?? systemEnv()
  const log = new RunLog(real, built.name, options.logger)
  for (const warning of built.warnings) log.note(`warning: ${warning}`)
  const isStrict = options.strict === true
  const seed = options.seed ?? Math.floor(real.random() * 0x7fff_ffff)
  const { env, clock } = worldOf(built, real, isStrict, seed)
  const panes = new PaneRecorder(env)
  const telemetry = options.telemetry?.begin({ pipeline: built.name, runner: runner.name })
  const execution = runner.execution(built, {
    runner: runner.name,
    env,
    query: runIdentity(real),
    clock,
    isStrict,
    seed,
    reexecutes: options.reexecute === true,
    bundleSize: options.bundleSize,
    stageCompiler: options.stageCompiler ?? 'auto',
    acknowledgements: runner.acknowledgements(options),
    panes,
    log,
    traceBundle: telemetry?.bundle,
  })
  const { signal } = options
  const cancel = (): void => execution.cancel()
  if (signal?.aborted === true) cancel()
  signal?.addEventListener('abort', cancel)
  const began = real.monotonic()
  log.event('info', 'run started', { runner: runner.name })
  const run = (): Promise<PipelineResult> => raceWithStuckCalls(execution, real, log, options.callTimeoutMillis)
  const result = (telemetry === undefined ? run() : telemetry.within(run))
    .then((finished) => verifyAssertions(built, finished))
    .catch((error: unknown) => {
      if (isStrict && error instanceof Error)
        error.message += `\n  strict mode used seed ${seed}; run again with { strict: true, seed: ${seed} }`
      throw error
    })
    .then(
      (finished) => {
        const { state } = finished
        log.event('info', 'run ended', { state, millis: Math.round(real.monotonic() - began) })
        telemetry?.ended({ state })
        return finished
      },
      (error: unknown) => {
        log.event('error', 'run failed', failureOf(error))
        telemetry?.ended({ error })
        throw error
      },
    )
    .finally(() => signal?.removeEventListener('abort', cancel))
  // Named before they are put into the object: V8 makes functions written inside it long-lived, and the run with them.
  const drain = (): void => execution.drain()
  const stop = (): void => {
    if (!execution.isKept) throw nothingIsKept(runner.name)
    execution.stop()
  }
  const progress = (): Progress => execution.progress()
  const metrics = (): MetricsResult => execution.metrics()
  const status = (): RunStatus => execution.status(built.name)
  const pause = (): boolean => execution.pause()
  const resume = (): void => execution.resume()
  const setWorkers = (count: number): void => {
    if (!Number.isSafeInteger(count) || count < 1)
      throw new PipelineError(
        'MR-1002',
        `setWorkers needs a whole number of workers from 1, but was given ${preview(count)}.`,
      )
    if (execution.setWorkers(count)) return
    throw new UnsupportedFeature(
      'MR-6044',
      'workers',
      `this run has no workers: everything runs on one thread, and what it keeps is not divided. Start it with runner: 'micro-batch' and workers: 1 or more; then setWorkers changes their number.`,
    )
  }
  const recordPanes = (count: number): (() => void) => panes.record(checkedCount(count))
  const running = { result, drain, cancel, stop, progress, metrics, status, recordPanes, pause, resume, setWorkers }
  telemetry?.running(running)
  return running
}

function nothingIsKept(runner: string): UnsupportedFeature {
  const what = runner === 'direct' ? 'a run of the direct runner' : `a run of the ${runner} runner without a checkpoint`
  return new UnsupportedFeature(
    'MR-6024',
    'stop',
    `${what} keeps nothing from which it could go on. Add runner: 'micro-batch' and checkpoint: './folder', or call drain() or cancel().`,
  )
}

/** What the log says of a run that failed. */
function failureOf(error: unknown): Readonly<Record<string, unknown>> {
  // The message of such an error shows the element.
  if (!(error instanceof UserCodeError)) return failureFields(error)
  const { step, call, window, cause } = error.details
  return { step, call, ...(window === undefined ? {} : { window }), code: error.code, ...failureFields(cause) }
}

function checkedCount(count: number): number {
  if (Number.isSafeInteger(count) && count >= 1) return count
  throw new PipelineError(
    'MR-1002',
    `recordPanes needs a whole number of panes from 1, but was given ${preview(count)}.`,
  )
}

/** Strict mode has seeded randomness; scripted events have a clock of their own. */
function worldOf(
  built: BuiltPipeline,
  real: Env,
  isStrict: boolean,
  seed: number,
): { readonly env: Env; readonly clock: ScriptedClock | undefined } {
  const isScripted = leafTransforms(built.graph).some(([, node]) => node.spec?.urn === urns.TEST_STREAM)
  const random = isStrict ? seededRandom(seed ^ 0x5bd1e995) : () => real.random()
  if (!isScripted) return { env: isStrict ? { ...real, random } : real, clock: undefined }
  let millis = 0
  return {
    env: { ...real, random, now: () => millis },
    clock: {
      advance: (by) => {
        millis += by
      },
    },
  }
}

/** Runs, and watches for asynchronous calls that do not end: reports them, and fails the run where a limit is set. */
async function raceWithStuckCalls(
  execution: LocalExecution,
  env: Env,
  log: RunLog,
  timeoutMillis: number | undefined,
): Promise<PipelineResult> {
  const run = execution.run()
  let reported = REPORT_AFTER_MILLIS
  let stop = (): void => undefined
  const timedOut = new Promise<never>((_, reject) => {
    const look = (): void => {
      const stuck = execution.stuck()
      const millis = stuck === undefined ? 0 : env.monotonic() - stuck.startedAt
      const element = stuck === undefined ? undefined : stuckOn(stuck)
      if (stuck !== undefined && timeoutMillis !== undefined && millis >= timeoutMillis) {
        execution.cancel()
        reject(
          new UserCodeError({
            step: stuck.step.path,
            call: stuck.call,
            ...(element === undefined ? {} : { element }),
            source: stuck.step.source,
            cause: coded(
              'MR-3020',
              new Error(`the call has not ended after ${Math.round(millis)} ms (call timeout ${timeoutMillis} ms)`),
            ),
          }),
        )
        return
      }
      if (stuck !== undefined && millis >= reported) {
        log.note(
          `step "${stuck.step.path}" has waited ${Math.round(millis / 1000)} s for its ${stuck.call === 'process' ? `call on ${element ?? 'undefined'}` : stuck.call}`,
          { step: stuck.step.path, call: stuck.call },
        )
        reported += REPORT_AFTER_MILLIS
      } else if (millis < REPORT_AFTER_MILLIS) {
        reported = REPORT_AFTER_MILLIS
      }
      const timer = env.setTimer(Math.min(1000, timeoutMillis ?? 1000), look)
      stop = () => timer.cancel()
    }
    look()
  })
  try {
    return await Promise.race([run, timedOut])
  } finally {
    stop()
  }
}
