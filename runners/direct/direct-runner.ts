/**
 * The direct runner: one process, one thread, all of the model. For tests, development, and production work that fits
 * one machine and may start again from the beginning: a crash loses its state, by declaration (`guarantee: 'gap'`).
 *
 * Rounds: in each, every stage has a turn, producers before consumers; when a round changes nothing the run waits for a
 * source, plays the next scripted event, or is over. The scheduler knows stages and watermarks, no transform.
 */
import { coded } from '../../sdk/error-codes.js'
import { type Env, seededRandom } from '../../sdk/env.js'
import { PipelineError, UserCodeError } from '../../sdk/errors.js'
import { type BuiltPipeline, leafTransforms } from '../../sdk/graph/model.js'
import * as urns from '../../sdk/graph/urns.js'
import { validateGraph } from '../../sdk/graph/validate.js'
import { preview } from '../../sdk/preview.js'
import { assertionsStarted } from '../../sdk/testing/unrun.js'
import { verifyAssertions } from '../core/assertions.js'
import { checkAcknowledged } from '../core/at-least-once.js'
import { checkFeatures } from '../core/features.js'
import { liftCombines } from '../core/lift-combines.js'
import { PaneRecorder } from '../core/pane-recorder.js'
import { runIdentity } from '../core/query-identity.js'
import { failureFields, RunLog } from '../core/run-log.js'
import { rehearsingState } from '../core/rehearse.js'
import { requireCodecs } from '../core/require-codecs.js'
import { checkRunnerOptions } from '../core/runner-options.js'
import { systemEnv } from '../core/system-env.js'
import {
  type Feature,
  type PipelineResult,
  type Progress,
  type Runner,
  type RunnerOptions,
  type MetricsResult,
  type RunningPipeline,
  UnsupportedFeature,
} from '../runner.js'
import type { RunStatus } from '../run-status.js'
import { Acknowledgements } from '../core/execution/acknowledgements.js'
import { Execution } from '../core/execution/execution.js'
import type { ScriptedClock } from '../core/execution/root-executors.js'

/** What the direct runner can do. */
export const DIRECT_FEATURES: ReadonlySet<Feature> = new Set<Feature>([
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
  'windows.customMerging',
  'lateness',
  'accumulating',
  'triggers.early',
  'triggers.late',
  'triggers.processingTime',
  'triggers.composite',
  'lateData.output',
  'splittable.bounded',
  'splittable.unbounded',
  'testStream',
  'deadLetters',
  'bundleFinalizer',
  'delivery',
  'guarantee.atLeastOnce',
])

/** After this long an asynchronous call is reported, and again each time as much has passed. */
const REPORT_AFTER_MILLIS = 10_000

/**
 * Makes a direct runner.
 *
 * @param defaults options for runs that do not give their own; `env` is the world they live in.
 * @example
 * ```ts
 * import { pipeline } from 'millrace'
 * import { directRunner } from 'millrace/direct'
 * const p = pipeline()
 * p.create('numbers', [1, 2]).collect('all')
 * const result = await directRunner().start(p.build()).result
 * result.collect('all') // => [1, 2]
 * ```
 */
export function directRunner(defaults: RunnerOptions = {}): Runner {
  return {
    name: 'direct',
    features: DIRECT_FEATURES,
    start: (built, options = {}) => start(built, { ...defaults, ...options }),
  }
}

function start(built: BuiltPipeline, options: RunnerOptions): RunningPipeline {
  assertionsStarted(built)
  checkRunnerOptions(options)
  refuseUnbuilt(options)
  validateGraph(built.graph)
  checkFeatures(built, 'direct', DIRECT_FEATURES)
  if (options.requireCodecs === true) requireCodecs(built)
  if (options.guarantee === 'at-least-once') checkAcknowledged(built, 'direct')
  const real = options.env ?? systemEnv()
  const log = new RunLog(real, built.name, options.logger)
  for (const warning of built.warnings) log.note(`warning: ${warning}`)
  const isStrict = options.strict === true
  const seed = options.seed ?? Math.floor(real.random() * 0x7fff_ffff)
  const { env, clock } = worldOf(built, real, isStrict, seed)
  const attempted = options.reexecute === true ? rehearsingState(built) : built
  const panes = new PaneRecorder(env)
  const telemetry = options.telemetry?.begin({ pipeline: built.name, runner: 'direct' })
  const execution = new Execution(isStrict ? liftedBySeed(attempted, seed) : built, {
    env,
    query: runIdentity(real),
    clock,
    isStrict,
    seed,
    reexecutes: options.reexecute === true,
    bundleSize: options.bundleSize,
    stageCompiler: options.stageCompiler ?? 'auto',
    acknowledgements: new Acknowledgements(options.guarantee === 'at-least-once'),
    panes,
    log,
    traceBundle: telemetry?.bundle,
  })
  const { signal } = options
  const cancel = (): void => execution.cancel()
  if (signal?.aborted === true) cancel()
  signal?.addEventListener('abort', cancel)
  const began = real.monotonic()
  log.event('info', 'run started', { runner: 'direct' })
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
  const progress = (): Progress => execution.progress()
  const metrics = (): MetricsResult => execution.metrics()
  const status = (): RunStatus => execution.status(built.name)
  const pause = (): boolean => execution.pause()
  const resume = (): void => execution.resume()
  const recordPanes = (count: number): (() => void) => panes.record(checkedCount(count))
  const running = { result, drain, cancel, progress, metrics, status, recordPanes, pause, resume }
  telemetry?.running(running)
  return running
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

/** Options that name what this runner will have one day, or what only another runner has. */
function refuseUnbuilt(options: RunnerOptions): void {
  const { workers = 0, guarantee = 'gap' } = options
  if (workers !== 0) {
    throw new UnsupportedFeature(
      'MR-6006',
      'workers',
      `the direct runner runs in one thread; workers: ${workers} is not supported yet. Leave workers out.`,
    )
  }
  if (guarantee !== 'gap' && guarantee !== 'at-least-once') {
    throw new UnsupportedFeature(
      'MR-6004',
      guarantee === 'exactly-once' ? 'guarantee.exactlyOnce' : 'guarantee.atMostOnce',
      `the direct runner loses its state when it crashes (guarantee: gap) and cannot promise ${guarantee}. The micro-batch runner is for that; it is not part of this version.`,
    )
  }
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

function liftedBySeed(built: BuiltPipeline, seed: number): BuiltPipeline {
  const random = seededRandom(seed ^ 0x2545f491)
  return liftCombines(built, () => random() < 0.5)
}

/** Runs, and watches for asynchronous calls that do not end: reports them, and fails the run where a limit is set. */
async function raceWithStuckCalls(
  execution: Execution,
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
      if (stuck !== undefined && timeoutMillis !== undefined && millis >= timeoutMillis) {
        execution.cancel()
        reject(
          new UserCodeError({
            step: stuck.step.path,
            call: stuck.call,
            ...(stuck.element === undefined ? {} : { element: preview(stuck.element) }),
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
          `step "${stuck.step.path}" has waited ${Math.round(millis / 1000)} s for its ${stuck.call === 'process' ? `call on ${preview(stuck.element)}` : stuck.call}`,
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
