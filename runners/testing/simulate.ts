/**
 * simulate: an author's own pipeline under everything that a runner, a network and a source may do to it and no test of one
 * run shows: other orders and bundles, attempts that are thrown away, late and repeated input.
 *
 * Law: the same pipeline, options and seeds give the same report; a scenario that is reported shows its difference again.
 */
import { platformEnv } from '#platform'
import { PipelineError } from '../../sdk/errors.js'
import { graphFingerprint } from '../../sdk/graph/fingerprint.js'
import { type BuiltPipeline, leafTransforms } from '../../sdk/graph/model.js'
import { producerPath } from '../../sdk/graph/names.js'
import * as urns from '../../sdk/graph/urns.js'
import { type OptionNames, refuseUnknownOptions } from '../../sdk/known-options.js'
import { preview } from '../../sdk/preview.js'
import { assertionsStarted } from '../../sdk/testing/unrun.js'
import { ASSERTION_STEP } from '../../sdk/testing/verdict.js'
import { directRunner } from '../direct/direct-runner.js'
import { buildOf, type Runnable } from '../run.js'
import type { PipelineResult, Runner, RunnerOptions } from '../runner.js'
import { type Contents, contentsIn, differenceOf, type Outcome, outcomeOf } from './outcome.js'
import {
  lineage,
  type RecordedSource,
  recordSources,
  sourcesOf,
  withCollectors,
  withScripts,
} from './recorded-input.js'
import { type Perturbation, randomScenario, type Scenario, scriptsOf } from './scenario.js'

/**
 * What a simulation found, the gravest first: two runs of the same input differ although nothing was changed; results change
 * with attempts that are thrown away; with order or bundles; with input that is late; with input that comes twice; with
 * nothing.
 */
export type SimulationVerdict =
  'not-repeatable' | 'attempt-dependent' | 'order-dependent' | 'lateness-dependent' | 'repeats' | 'deterministic'

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
  /** What is tried, one at least. Default: everything. */
  readonly perturb?: readonly Perturbation[]
  /** Only this scenario of an earlier report, again. */
  readonly repeat?: Scenario
  /** Default: the direct runner. Other runners must play scripts and have the options `strict`, `seed` and `reexecute`. */
  readonly runner?: Runner
  /** Further options of each run. */
  readonly run?: Omit<RunnerOptions, 'strict' | 'seed' | 'reexecute'>
  /** Whether the report is printed. Default yes. */
  readonly print?: boolean
}

const ALL: readonly Perturbation[] = ['attempts', 'order', 'late', 'duplicates']
const verdicts: Readonly<Record<Scenario['perturbation'], SimulationVerdict>> = {
  none: 'not-repeatable',
  attempts: 'attempt-dependent',
  order: 'order-dependent',
  late: 'lateness-dependent',
  duplicates: 'repeats',
}
const optionNames: OptionNames<SimulateOptions> = {
  options: true,
  seeds: true,
  perturb: true,
  repeat: true,
  runner: true,
  run: true,
  print: true,
}
/** The pipeline as it is, with its input as it was recorded. */
const unchanged: Scenario = { perturbation: 'none', changes: [] }
/** Runs at most to make a finding smaller. */
const SHRINK_RUNS = 150

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
  if (perturb.length === 0) throw new PipelineError('MR-8010', `perturb of simulate is empty, so that nothing would be tried. Leave it out to try everything, or name some of ${ALL.join(', ')}.`) // prettier-ignore
  for (const each of perturb)
    if (!ALL.includes(each)) throw new PipelineError('MR-8010', `simulate knows no perturbation ${preview(each)}; it has ${ALL.join(', ')}.`) // prettier-ignore
  const seeds = seedsOf(options.seeds)
  const simulation = await Simulation.of(() => buildOf(pipeline, options.options), options)
  const report =
    repeat === undefined
      ? await simulation.explore(ALL.filter((each) => perturb.includes(each)), seeds) // prettier-ignore
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

/** A difference between two runs. */
interface Difference {
  readonly step: string | undefined
  readonly message: string
}

/** A pipeline with its recorded input. */
class Simulation {
  readonly #built: BuiltPipeline
  readonly #sources: readonly RecordedSource[]
  readonly #start: (built: BuiltPipeline, options: RunnerOptions) => Promise<PipelineResult>
  readonly #ids: readonly string[]
  readonly #results: readonly string[]
  readonly #lineage: ReadonlyMap<string, readonly string[]>
  /** Reference runs by the seed of strict mode. */
  readonly #references = new Map<number | undefined, Promise<Outcome>>()
  /** Gives the pipeline for the next run. */
  readonly #build: () => BuiltPipeline
  #ends: readonly number[] = []
  #runs = 0

  private constructor(
    build: () => BuiltPipeline,
    built: BuiltPipeline,
    sources: readonly RecordedSource[],
    start: (built: BuiltPipeline, options: RunnerOptions) => Promise<PipelineResult>,
  ) {
    this.#build = build
    this.#built = built
    this.#sources = sources
    this.#start = start
    this.#lineage = lineage(built)
    this.#ids = [...this.#lineage.keys()]
    this.#results = resultsOf(built)
  }

  static async of(build: () => BuiltPipeline, options: Omit<SimulateOptions, 'options'>): Promise<Simulation> {
    const given = build()
    // Only its sources run, and other builds of it judge; where one of them says no, so does the run.
    assertionsStarted(given)
    const runner = options.runner ?? directRunner()
    const env = { ...(options.run?.env ?? platformEnv()), print: () => undefined }
    const start = (built: BuiltPipeline, run: RunnerOptions): Promise<PipelineResult> =>
      runner.start(built, { ...options.run, ...run, env }).result
    const sources = await recordSources(given, (built) => start(built, {}))
    if (sourcesOf(given).length === 0)
      throw new PipelineError('MR-8010', 'simulate found no source in the pipeline: nothing that begins with create, a source or a script.') // prettier-ignore
    // The collections inside of sources are gone with them.
    const built = withScripts(given, new Map(sources.map(({ collectionId, events }) => [collectionId, events])))
    const shape = graphFingerprint(given.graph).hash
    const again = (): BuiltPipeline => {
      const next = build()
      if (graphFingerprint(next.graph).hash !== shape)
        throw new PipelineError('MR-8011', 'simulate builds the pipeline anew for each run, and it came out with other steps than before. Build the same steps each time.') // prettier-ignore
      return next
    }
    const simulation = new Simulation(again, built, sources, start)
    await simulation.#baseline()
    return simulation
  }

  /** The unperturbed run: it must succeed, and tells which windows there are. */
  async #baseline(): Promise<void> {
    this.#runs++
    const result = await this.#start(this.#scripted(unchanged), {})
    const ends = new Set<number>()
    for (const id of this.#ids)
      for (const { window } of result.collectWindowed(`$simulate ${id}`)) if (!('kind' in window)) ends.add(window.end)
    this.#ends = [...ends].sort((a, b) => a - b)
    this.#references.set(
      undefined,
      outcomeOf(this.#built, this.#ids, () => Promise.resolve(result)),
    )
  }

  async explore(perturbations: readonly Perturbation[], seeds: readonly number[]): Promise<SimulationReport> {
    const differing = await this.#unrepeatable(undefined)
    if (differing !== undefined) return this.#report([differing], [])
    const findings: Finding[] = []
    const tried: Perturbation[] = []
    for (const perturbation of perturbations) {
      let finding: Finding | undefined
      let isTried = false
      for (const seed of seeds) {
        const scenario = randomScenario(perturbation, seed, this.#sources, this.#ends)
        if (scenario === undefined) continue
        isTried = true
        if ((await this.#difference(scenario)) === undefined) continue
        finding = await this.#shrunken(scenario, seed)
        break
      }
      if (isTried) tried.push(perturbation)
      // Where the same run differs from time to time, differences between other runs say nothing.
      if (finding?.perturbation === 'none') return this.#report([finding], [])
      if (finding !== undefined) findings.push(finding)
    }
    return this.#report(findings, tried)
  }

  async repeat(scenario: Scenario): Promise<SimulationReport> {
    const { perturbation } = scenario
    const isSame = perturbation === 'none'
    const differing = isSame ? undefined : await this.#unrepeatable(undefined)
    if (differing !== undefined) return this.#report([differing], [])
    const difference = await this.#difference(scenario)
    const findings = difference === undefined ? [] : [{ perturbation, seed: undefined, scenario, ...difference }]
    return this.#report(findings, isSame ? [] : [perturbation])
  }

  /** What differs between two runs of the input as it was recorded, in strict mode if there is a seed. */
  async #unrepeatable(strictSeed: number | undefined): Promise<Finding | undefined> {
    const scenario: Scenario = { ...unchanged, ...(strictSeed === undefined ? {} : { strictSeed }) }
    const difference = await this.#difference(scenario)
    return difference === undefined ? undefined : { perturbation: 'none', seed: strictSeed, scenario, ...difference }
  }

  /** What a scenario changes; `undefined` when nothing. */
  async #difference(scenario: Scenario): Promise<Difference | undefined> {
    const { perturbation, strictSeed } = scenario
    const isAttempts = perturbation === 'attempts'
    const isSame = perturbation === 'none'
    // What order alone changes is no fault of attempts.
    const reference =
      isSame && scenario.changes.length > 0
        ? await this.#outcome(scenario, false)
        : await this.#reference(isAttempts || isSame ? strictSeed : undefined)
    const outcome = await this.#outcome(scenario, isAttempts)
    if (reference.failure !== undefined || outcome.failure !== undefined) {
      if (reference.failure === outcome.failure) return undefined
      return { step: undefined, message: `the run fails: ${outcome.failure ?? 'it did not'}` }
    }
    for (const id of this.#results) {
      const message = differenceOf(contentsIn(reference, id), contentsIn(outcome, id))
      if (message === undefined) continue
      const first = this.#firstDifference(id, reference.contents, outcome.contents)
      return { step: producerPath(first), message: `"${producerPath(id)}" comes out ${message}` }
    }
    return undefined
  }

  /** Upstream from a collection that differs, as long as one that it is made from differs, too. */
  #firstDifference(id: string, expected: ReadonlyMap<string, Contents>, actual: ReadonlyMap<string, Contents>): string {
    const sources = new Set(this.#sources.map(({ collectionId }) => collectionId))
    const differs = (input: string): boolean =>
      !sources.has(input) &&
      differenceOf(expected.get(input) ?? new Map(), actual.get(input) ?? new Map()) !== undefined
    let at = id
    for (;;) {
      const before = (this.#lineage.get(at) ?? []).find(differs)
      if (before === undefined) return at
      at = before
    }
  }

  #reference(strictSeed: number | undefined): Promise<Outcome> {
    let reference = this.#references.get(strictSeed)
    if (reference === undefined) {
      reference = this.#outcome({ ...unchanged, ...(strictSeed === undefined ? {} : { strictSeed }) }, false)
      this.#references.set(strictSeed, reference)
    }
    return reference
  }

  #outcome(scenario: Scenario, reexecute: boolean): Promise<Outcome> {
    this.#runs++
    const { strictSeed } = scenario
    const options: RunnerOptions = strictSeed === undefined ? {} : { strict: true, seed: strictSeed, reexecute }
    return outcomeOf(this.#built, this.#ids, () => this.#start(this.#scripted(scenario), options))
  }

  /** The pipeline of a run: with scripts for its sources, and all that it makes collected. */
  #scripted(scenario: Scenario): BuiltPipeline {
    return withCollectors(withScripts(this.#build(), scriptsOf(this.#sources, scenario)), this.#ids)
  }

  /** The fewest changes that still show the difference, as far as they are found (A. Zeller: Yesterday, my program worked, 1999). */
  async #shrunken(found: Scenario, seed: number): Promise<Finding> {
    const differing = await this.#unrepeatable(found.perturbation === 'attempts' ? found.strictSeed : undefined)
    if (differing !== undefined) return differing
    let scenario = found
    let left = SHRINK_RUNS
    const stillDiffers = async (candidate: Scenario): Promise<boolean> =>
      left-- > 0 && (await this.#difference(candidate)) !== undefined
    if (found.perturbation === 'order') {
      const { strictSeed: _, ...plain } = found
      if (await stillDiffers(plain)) scenario = plain
    }
    if (await stillDiffers({ ...scenario, changes: [] })) scenario = { ...scenario, changes: [] }
    for (let size = Math.ceil(scenario.changes.length / 2); size >= 1 && left > 0;) {
      let from = 0
      while (from < scenario.changes.length && left > 0) {
        const changes = [...scenario.changes.slice(0, from), ...scenario.changes.slice(from + size)]
        if (await stillDiffers({ ...scenario, changes })) scenario = { ...scenario, changes }
        else from += size
      }
      if (size === 1) break
      size = Math.ceil(size / 2)
    }
    const difference = await this.#difference(scenario)
    if (difference !== undefined) return { perturbation: found.perturbation, seed, scenario, ...difference }
    const message = 'two runs of one scenario differ now and then'
    return { perturbation: 'none', seed, scenario: { ...scenario, perturbation: 'none' }, step: undefined, message }
  }

  #report(findings: readonly Finding[], tried: readonly Perturbation[]): SimulationReport {
    const [gravest] = findings
    const verdict = gravest === undefined ? 'deterministic' : verdicts[gravest.perturbation]
    const rows: readonly Scenario['perturbation'][] = verdict === 'not-repeatable' ? ['none'] : tried
    const lines = rows.map((perturbation) => {
      const finding = findings.find((each) => each.perturbation === perturbation)
      if (finding === undefined) return `  ${perturbation}: no difference`
      const { seed, step, message, scenario } = finding
      const from = seed === undefined ? '' : `seed ${seed}, `
      const where = step === undefined ? '' : ` (first at step "${step}")`
      const done = perturbation === 'none' ? 'two runs differ though nothing was changed' : `${perturbation}: ${from}${scenario.changes.length} changes` // prettier-ignore
      return `  ${done}: ${message}${where}\n    again: simulate(pipeline, { repeat: ${JSON.stringify(scenario)} })`
    })
    const text = [`${this.#built.name}: ${verdict}, after ${this.#runs} runs`, ...lines].join('\n')
    return { verdict, findings, tried, runs: this.#runs, text }
  }
}

/** Collections that leave a pipeline: collected, printed, written, or read by nobody. */
function resultsOf(built: BuiltPipeline): readonly string[] {
  const { transforms } = built.graph.components
  const leaves = leafTransforms(built.graph)
  const read = new Set(leaves.flatMap(([, { inputs }]) => [...inputs.values()]))
  const results = new Set<string>()
  for (const [id, { spec, inputs, outputs }] of leaves) {
    if (id.endsWith(ASSERTION_STEP)) continue
    if (spec?.urn === urns.COLLECT || spec?.urn === urns.PRINT) for (const input of inputs.values()) results.add(input)
    for (const output of outputs.values()) if (!read.has(output)) results.add(output)
  }
  for (const id of built.graph.rootTransformIds) {
    const node = transforms.get(id)
    const isAssertion = node?.subtransforms.some((part) => part.endsWith(ASSERTION_STEP)) === true
    if (node === undefined || isAssertion || node.outputs.size > 0) continue
    for (const input of node.inputs.values()) results.add(input)
  }
  return [...results]
}
