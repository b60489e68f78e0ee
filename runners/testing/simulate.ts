/**
 * simulate: an author's own pipeline under everything that a runner, a network and a source may do to it and no test of one
 * run shows: other orders and bundles, attempts that are thrown away, crashes, late and repeated input.
 *
 * Law: the same pipeline, options and seeds give the same report; a scenario that is reported shows its difference again.
 */
import { platformEnv } from '#platform'
import { PipelineError } from '../../sdk/errors.js'
import { type OptionNames, refuseUnknownOptions } from '../../sdk/known-options.js'
import { preview } from '../../sdk/preview.js'
import { buildOf, type Runnable } from '../run.js'
import type { Runner, RunnerOptions } from '../runner.js'
import { CRASH_KINDS, type CrashOptions } from './crashes.js'
import type { Perturbation, Scenario } from './scenario.js'
import { ALL, Simulation } from './simulation.js'

/**
 * What a simulation found, the gravest first: two runs of the same input differ although nothing was changed; results change
 * with attempts that are thrown away; something is lost after a crash, something else comes out, or something comes twice; results
 * change with order or bundles; with input that is late; with input that comes twice; with nothing.
 */
export type SimulationVerdict =
  | 'not-repeatable'
  | 'attempt-dependent'
  | 'lost-after-crash'
  | 'crash-dependent'
  | 'repeated-after-crash'
  | 'order-dependent'
  | 'lateness-dependent'
  | 'repeats'
  | 'deterministic'

/** A scenario under which a pipeline gives something else. */
export interface Finding {
  /** What was done; `'none'` where two runs differ although nothing was. */
  readonly perturbation: Perturbation | 'none'
  /** The seed that showed it first. */
  readonly seed: number | undefined
  /** The fewest changes that were found to show it, for `simulate(pipeline, { repeat })`. */
  readonly scenario: Scenario
  /** The step whose output is the first to differ; `undefined` when the run fails. */
  readonly step: string | undefined
  /** What differs: the result that changes, and how. */
  readonly message: string
  /** Of a crash: what becomes of results. */
  readonly afterCrash?: 'lost' | 'changed' | 'repeated'
  /** Of a crash: the points at which the process or its machine ended, in order. */
  readonly crashPoints?: readonly string[]
}

/** What a simulation came to. */
export interface SimulationReport {
  readonly verdict: SimulationVerdict
  /** One for each perturbation that changes results; only one where the same run differs from time to time. */
  readonly findings: readonly Finding[]
  /** Perturbations that were tried. Lateness is not, where no window ever ends. */
  readonly tried: readonly Perturbation[]
  /** Runs of the pipeline in all. */
  readonly runs: number
  /** The report for people. */
  readonly text: string
}

/** Options of {@link simulate}. */
export interface SimulateOptions<Options = unknown> {
  /** Options of the pipeline, checked against its codec. */
  readonly options?: Options
  /** Seeds to try for each perturbation: how many, from 1 on, or which. Default 10. */
  readonly seeds?: number | readonly number[]
  /** What is tried, one at least unless `crashes` are. Default: everything but `'crashes'`. */
  readonly perturb?: readonly Perturbation[]
  /**
   * Also runs the pipeline in batches over a checkpoint, whose process, or machine's power, ends at every crash point and begins again.
   * Default: if `perturb` names them. The checkpoint and its disk are modelled, in memory; `runner` has no part in it.
   */
  readonly crashes?: boolean | CrashOptions
  /** Only this scenario of an earlier report, again. */
  readonly repeat?: Scenario
  /** Default: the direct runner. Other runners must play scripts and have the options `strict`, `seed` and `reexecute`. */
  readonly runner?: Runner
  /** Further options of each run. */
  readonly run?: Omit<RunnerOptions, 'strict' | 'seed' | 'reexecute'>
  /** Whether the report is printed. Default yes. */
  readonly print?: boolean
}

const optionNames: OptionNames<SimulateOptions> = {
  options: true,
  seeds: true,
  perturb: true,
  crashes: true,
  repeat: true,
  runner: true,
  run: true,
  print: true,
}
const KNOWN: readonly Perturbation[] = [...ALL, 'crashes']
const crashOptionNames: OptionNames<CrashOptions> = { kinds: true, points: true }

/**
 * Runs a pipeline under perturbations and says which of them change its results.
 *
 * Its sources are read once; then their elements are played to it again and again, as scripts: as they are, two times; with
 * every bundle attempted twice; in other orders and bundles; some of them after the watermark has closed a window; some of
 * them twice. What each run collects, prints or writes is compared with what an unperturbed run gives, order and number of
 * panes aside. Where the two unperturbed runs differ already, nothing else is tried.
 *
 * A function `(p) => …`, or what `definePipeline` made, builds the pipeline anew for each run, so that runs share no
 * variables but those outside of it. A pipeline that is built already is the same in each run: what its functions remember
 * in variables, the next run sees, and the verdict is `not-repeatable`. Give the function to hear what it depends on.
 *
 * Steps that act on the world do so in every run: give a pipeline under test places of its own to write to.
 *
 * With `crashes`, the pipeline also runs in batches as the micro-batch runner does it with a checkpoint, and its process ends at every
 * crash point that it passes, with and without a loss of power, and begins again. What it collects, and what its sinks get (a delivery
 * that a sink recognises or is not harmed by counts once), is compared with the same batches without a crash: what functions
 * remember in variables is lost with the process, and sinks whose repetitions are visible get some batches twice.
 *
 * @throws {PipelineError} when an option is wrong; when the pipeline cannot be built, is built in another way the next time,
 *   or has a source without an end; whatever an unperturbed run throws.
 * @example
 * ```ts
 * import { pipeline, typed } from 'millrace'
 * import { simulate } from 'millrace/testing'
 * const p = pipeline()
 * const latest = { of: (n: number) => n, semigroup: { concat: (_: number, b: number) => b } }
 * p.create('prices', [3, 5, 4]).combineGlobally('latest', latest).collect('price')
 * const { verdict } = await simulate(p, { seeds: 5, print: false })
 * verdict // => 'order-dependent'
 * ```
 */
export async function simulate<Options>(
  pipeline: Runnable<Options>,
  options: SimulateOptions<Options> = {},
): Promise<SimulationReport> {
  refuseUnknownOptions('simulate', options, optionNames)
  const { repeat, perturb = ALL, print = true } = options
  const crashes = crashOptionsOf(options.crashes ?? perturb.includes('crashes'))
  if (perturb.length === 0 && crashes === undefined) throw new PipelineError('MR-8010', `perturb of simulate is empty, so that nothing would be tried. Leave it out to try everything, or name some of ${KNOWN.join(', ')}.`) // prettier-ignore
  for (const each of perturb)
    if (!KNOWN.includes(each)) throw new PipelineError('MR-8010', `simulate knows no perturbation ${preview(each)}; it has ${KNOWN.join(', ')}.`) // prettier-ignore
  const seeds = seedsOf(options.seeds)
  const simulation = await Simulation.of(() => buildOf(pipeline, options.options), options, crashes ?? {})
  const report =
    repeat === undefined
      ? await simulation.explore(ALL.filter((each) => perturb.includes(each)), seeds, crashes !== undefined) // prettier-ignore
      : await simulation.repeat(repeat)
  if (print) for (const line of report.text.split('\n')) (options.run?.env ?? platformEnv()).print(line, 'out')
  return report
}

function seedsOf(seeds: number | readonly number[] = 10): readonly number[] {
  if (typeof seeds !== 'number' && seeds.length > 0) return seeds
  if (typeof seeds !== 'number' || !Number.isSafeInteger(seeds) || seeds < 1)
    throw new PipelineError('MR-8010', `seeds of simulate must be a whole number from 1, or a list of seeds, but is ${preview(seeds)}.`) // prettier-ignore
  return Array.from({ length: seeds }, (_, i) => i + 1)
}

function crashOptionsOf(crashes: boolean | CrashOptions = false): CrashOptions | undefined {
  if (typeof crashes === 'boolean') return crashes ? {} : undefined
  refuseUnknownOptions('crashes of simulate', crashes, crashOptionNames)
  const { kinds = CRASH_KINDS, points } = crashes
  for (const kind of kinds)
    if (!CRASH_KINDS.includes(kind)) throw new PipelineError('MR-8010', `crashes of simulate know no kind ${preview(kind)}; there are ${CRASH_KINDS.join(', ')}.`) // prettier-ignore
  for (const [name, list] of Object.entries({ kinds, points: points ?? ['all'] }))
    if (list.length === 0) throw new PipelineError('MR-8010', `${name} of the crashes of simulate are none, so that nothing would be tried. Leave ${name} out to try all.`) // prettier-ignore
  return crashes
}
