/**
 * One case on one runner, in all modes that it may run in.
 *
 * Law: a runner that lacks what a case needs must refuse it, by name, before anything runs. A case that expects a failure
 * fails when there is none. Assertions are counted here, not believed: one that was never judged fails the case, and so
 * does a case that claims nothing.
 */
import { isStream } from '../../runners/distributed/job-options.js'
import {
  type BuiltPipeline,
  errorKind,
  type Feature,
  Pipeline,
  type PipelineResult,
  type Runner,
  type RunnerOptions,
} from 'millrace'
import {
  type CheckCase,
  type ConformanceCase,
  type Ending,
  type KnownFault,
  NOT_RUN,
  type PipelineCase,
  type Transcript,
} from '../cases/case.js'
import { Claims, expectFailure } from '../cases/claims.js'
import { type CaseAddress, workerModuleOf } from './case-module.js'
import { assertionFault, assertionsOf } from './count-assertions.js'
import { engineFault } from './engine-faults.js'
import type { Mode } from './modes.js'
import { Control, RUN_MILLIS_MAX, runToEnd } from './run-to-end.js'
import { buildTranscript, droppedFault, hasOwnKeys, placesOf, type Playing } from './run-transcript.js'

/** What a case came to. */
export type Status =
  /** It holds in every mode. */
  | 'passed'
  /** The runner lacks a feature, and refused as it must. */
  | 'refused'
  /** It is known not to hold on this runner. */
  | 'broken'
  /** It may not run in any of the modes, or not where functions run in other processes. */
  | 'leftOut'
  | 'failed'

/** A case on a runner, and why it came to what it came to. */
export interface CaseReport {
  readonly id: string
  readonly name: string
  readonly status: Status
  /** Why, for everything but `passed`. */
  readonly why: string
  /** Pipelines run, or checks made where there is no pipeline. */
  readonly runs: number
  /** Assertions judged and claims checked, over all runs. */
  readonly claims: number
}

/** Where cases run. */
export interface Setting {
  /** A fresh runner for each run in a mode; without one, for looking at what it can do. */
  readonly makeRunner: (mode?: Mode) => Runner
  readonly modes: readonly Mode[]
  /** Whether user code runs in this process, so that variables can be looked at. */
  readonly inProcess: boolean
}

/** So long where a case takes an engine long. */
const LONG_MILLIS_MAX = 180_000
const ONE_KEY = ['k']
const MANY_KEYS = ['k', 'l', 'm']
/** Runs a case, of a module of cases. Never rejects: what goes wrong is the report. */
export async function runCase(of: ConformanceCase, setting: Setting, module: string): Promise<CaseReport> {
  const tally = new Tally()
  const report = (status: Status, why: string): CaseReport => {
    const { id, name } = of
    return { id, name, status, why, runs: tally.runs, claims: tally.claims }
  }
  const runner = setting.makeRunner()
  const lacking = needsOf(of).find(
    (feature) => !runner.features.has(feature) || setting.modes.every(({ lacks }) => lacks?.includes(feature) === true),
  )
  if (lacking !== undefined) {
    const fault = await refusalFault(of, runner, lacking)
    return fault === undefined ? report('refused', `lacks ${lacking}`) : report('failed', fault)
  }
  if (of.kind === 'pipeline' && of.inProcess === true && !setting.inProcess)
    return report('leftOut', 'it looks at variables of its process')
  const modes = setting.modes.filter((mode) => whyNotIn(of, mode) === undefined)
  const [firstLeftOut] = setting.modes
  if (modes.length === 0)
    return report('leftOut', firstLeftOut === undefined ? 'no mode' : (whyNotIn(of, firstLeftOut) ?? ''))
  const known = knownFault(of, runner.name)
  if (known?.isEndless === true && modes.some(({ cannotRenew }) => cannotRenew === true))
    return report('leftOut', `${known.reason}: what it leaves behind would stand in the way of others`)
  const fault = await faultIn(of, { ...setting, modes }, tally, module)
  if (known !== undefined) {
    return fault === undefined && known.isByChance !== true
      ? report('failed', `it passes, and is listed as broken on ${runner.name} (${known.reason}). Remove the entry.`)
      : report('broken', known.reason)
  }
  if (fault !== undefined) return report('failed', fault)
  return tally.claims > 0 ? report('passed', '') : report('failed', 'it claims nothing: no assertion was made')
}

/** Everything a case needs of a runner. */
export function needsOf(of: ConformanceCase): readonly Feature[] {
  const declared = of.needs ?? []
  if (of.kind !== 'transcript') return declared
  const setsClock = of.events.some(({ kind }) => kind === 'processingTime')
  return [
    'testStream',
    ...(setsClock ? (['testStream.processingTime'] as const) : []),
    ...(of.notBy?.combine === undefined ? (['combine'] as const) : []),
    ...declared,
  ]
}

/** What is known to be broken of a case on a runner. */
export function knownFault(of: ConformanceCase, runner: string): KnownFault | undefined {
  // What is broken on Flink is so on a cluster of it.
  const name = runner === 'flink-cluster' ? 'flink' : runner
  return of.brokenOn?.find((each) => each.runner === name) ?? engineFault(of.id, name)
}

class Tally {
  runs = 0
  claims = 0
}

/** Why a case may not run in a mode. */
export function whyNotIn(of: ConformanceCase, { traits, isElsewhere }: Mode): string | undefined {
  const { notIn } = of
  if (of.kind === 'pipeline' && isElsewhere === true) {
    if (of.inProcess === true) return 'it looks at variables of its process'
    if (of.build.length > 1) return 'its functions speak to the run, which is not where they are'
  }
  if (of.kind === 'pipeline' && of.inProcess === true && traits.includes('reexecuted'))
    return 'its variables do not notice that attempts are thrown away'
  const trait = traits.find((each) => notIn?.[each] !== undefined)
  return trait === undefined ? undefined : notIn?.[trait]
}

/** The first fault in any mode, with the mode's name. */
async function faultIn(
  of: ConformanceCase,
  { makeRunner, modes }: Setting,
  tally: Tally,
  module: string,
): Promise<string | undefined> {
  if (of.kind === 'construction' || of.kind === 'unit') return faultOfCheck(of, tally)
  for (const mode of modes) {
    const fault =
      of.kind === 'pipeline'
        ? await faultOfPipeline(of, makeRunner(mode), mode, tally, module)
        : await faultOfTranscript(of, makeRunner, mode, tally, module)
    if (fault !== undefined) return `[${mode.name}] ${fault}`
  }
  return undefined
}

async function faultOfCheck(of: CheckCase, tally: Tally): Promise<string | undefined> {
  const claims = new Claims()
  tally.runs++
  try {
    await of.check(claims)
  } catch (error) {
    return messageOf(error)
  }
  tally.claims += claims.made
  return undefined
}

async function faultOfPipeline(
  of: PipelineCase,
  runner: Runner,
  mode: Mode,
  tally: Tally,
  module: string,
): Promise<string | undefined> {
  const { fails } = of
  tally.runs++
  try {
    const p = new Pipeline()
    if (fails?.when === 'construction') {
      expectFailure(
        thrownBy(() => of.build(p, NOT_RUN)),
        { error: 'PipelineError', ...fails },
      )
      tally.claims++
      return undefined
    }
    const control = new Control(of.setsClock === true)
    const afterwards = of.build(p, control)
    const built = p.build()
    const assertions = assertionsOf(built)
    const options = optionsIn(mode, built, { module, id: of.id })
    const millisMax = of.isLong === true && mode.shares !== undefined ? LONG_MILLIS_MAX : RUN_MILLIS_MAX
    const { result, error, isLate } = await runToEnd(p, runner, options, control, millisMax)
    if (isLate) await mode.renew?.()
    if (mode.isOptional === true && errorKind(error) === 'UnsupportedFeature') return undefined
    if (fails === undefined) {
      if (result === undefined) return messageOf(error)
      if (result.state !== (of.ends ?? 'DONE')) return `it ended as ${result.state} after ${millisMax} ms at most`
      if (result.state !== 'CANCELLED') {
        const fault = assertionFault(assertions, result)
        if (fault !== undefined) return fault
        tally.claims += assertions.length
      }
    } else {
      expectFailure(error, { error: 'UserCodeError', ...fails })
      tally.claims++
    }
    if (afterwards === undefined) return undefined
    const claims = new Claims()
    await afterwards(endingOf(result, error), claims)
    tally.claims += claims.made
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

async function faultOfTranscript(
  of: Transcript,
  makeRunner: (mode?: Mode) => Runner,
  mode: Mode,
  tally: Tally,
  module: string,
): Promise<string | undefined> {
  for (const playing of playingsOf(of, mode)) {
    tally.runs++
    const { by, keys, until } = playing
    const where = `${by}, ${keys.length === 1 ? 'one key' : `${keys.length} keys`}${until === undefined ? '' : `, cut after event ${until}`}`
    try {
      const p = new Pipeline()
      buildTranscript(p, of, playing)
      const built = p.build()
      const assertions = assertionsOf(built)
      const options = optionsIn(mode, built, { module, id: of.id, playing })
      const { result, error, isLate } = await runToEnd(p, makeRunner(mode), options)
      if (isLate) await mode.renew?.()
      if (mode.isOptional === true && errorKind(error) === 'UnsupportedFeature') return undefined
      if (result === undefined) return `${where}: ${messageOf(error)}`
      const fault = assertionFault(assertions, result) ?? droppedFault(of, playing, result)
      if (fault !== undefined) return `${where}: ${fault}`
      tally.claims += assertions.length
    } catch (error) {
      return `${where}: ${messageOf(error)}`
    }
  }
  return undefined
}

/** Options of a mode for a pipeline, with what workers load where there are some. */
export function optionsIn(
  { options, streamOptions, isElsewhere }: Mode,
  built: BuiltPipeline,
  address?: CaseAddress,
): RunnerOptions {
  return {
    ...options,
    ...(streamOptions === undefined || !isStream(built) ? {} : streamOptions),
    ...(isElsewhere !== true || address === undefined ? {} : { module: workerModuleOf(address) }),
  }
}

/** The ways in which a transcript is played in a mode. */
export function playingsOf(of: Transcript, { keepsScripts, isElsewhere, shares }: Mode): readonly Playing[] {
  const reductions = (['grouping', 'combine'] as const).filter((by) => of.notBy?.[by] === undefined)
  if (shares !== undefined)
    return reductions.map((by): Playing => ({ by, keys: hasOwnKeys(of) ? ONE_KEY : MANY_KEYS, exact: keepsScripts }))
  const keys = hasOwnKeys(of) ? [ONE_KEY] : [ONE_KEY, MANY_KEYS]
  const whole = reductions.flatMap((by) => keys.map((these): Playing => ({ by, keys: these, exact: keepsScripts })))
  const [first] = reductions
  // Each playing starts workers anew; where panes come is seen without them as well.
  if (!keepsScripts || first === undefined || isElsewhere === true) return whole
  const cut = placesOf(of).map((until): Playing => ({ by: first, keys: ONE_KEY, until, exact: true }))
  return [...whole, ...cut]
}

/** What is wrong with how a runner takes what it cannot run; `undefined` when it refuses. */
async function refusalFault(of: ConformanceCase, runner: Runner, feature: Feature): Promise<string | undefined> {
  if (of.kind === 'construction' || of.kind === 'unit') return undefined
  try {
    const p = new Pipeline()
    if (of.kind === 'pipeline') of.build(p, NOT_RUN)
    else
      buildTranscript(p, of, {
        by: of.notBy?.grouping === undefined ? 'grouping' : 'combine',
        keys: ONE_KEY,
        exact: true,
      })
    const { error } = await runToEnd(p, runner, {})
    if (errorKind(error) === 'UnsupportedFeature') return undefined
    return `it needs ${feature}, which runner "${runner.name}" lacks and does not refuse: ${error === undefined ? 'it ran' : messageOf(error)}`
  } catch (error) {
    return messageOf(error)
  }
}

function endingOf(result: PipelineResult | undefined, error: Error | undefined): Ending {
  return {
    error,
    get result() {
      if (result === undefined) throw new Error(`the run failed: ${messageOf(error)}`)
      return result
    },
  }
}

function thrownBy(call: () => unknown): unknown {
  try {
    call()
    return undefined
  } catch (error) {
    return error
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
