/**
 * One pipeline under simulation: its recorded input, its reference runs, and the search for what changes its results.
 *
 * Law: what is compared differs in nothing but what the scenario says; a finding is as small as it was found to be.
 */
import { platformEnv } from '#platform'
import { PipelineError } from '../../sdk/errors.js'
import { graphFingerprint } from '../../sdk/graph/fingerprint.js'
import { type BuiltPipeline, leafTransforms } from '../../sdk/graph/model.js'
import { producerPath } from '../../sdk/graph/names.js'
import * as urns from '../../sdk/graph/urns.js'
import { assertionsStarted } from '../../sdk/testing/unrun.js'
import { ASSERTION_STEP } from '../../sdk/testing/verdict.js'
import { directRunner } from '../direct/direct-runner.js'
import type { PipelineResult, RunnerOptions } from '../runner.js'
import { type CrashParts, CrashSearch } from './crash-search.js'
import type { CrashOptions } from './crashes.js'
import { type Contents, contentsIn, differenceOf, type Outcome, outcomeOf } from './outcome.js'
import {
  lineage,
  type RecordedSource,
  recordSources,
  sourcesOf,
  withCollectors,
  withScripts,
} from './recorded-input.js'
import { cutsOf, type Perturbation, randomScenario, type Scenario, scriptsOf } from './scenario.js'
import type { Finding, SimulateOptions, SimulationReport, SimulationVerdict } from './simulate.js'

/** What is tried by default. */
export const ALL: readonly Exclude<Perturbation, 'crashes'>[] = ['attempts', 'order', 'late', 'duplicates']
const verdicts: Readonly<Record<Exclude<Scenario['perturbation'], 'crashes'>, SimulationVerdict>> = {
  none: 'not-repeatable',
  attempts: 'attempt-dependent',
  order: 'order-dependent',
  late: 'lateness-dependent',
  duplicates: 'repeats',
}
const crashVerdicts = {
  lost: 'lost-after-crash',
  changed: 'crash-dependent',
  repeated: 'repeated-after-crash',
} as const
/** The pipeline as it is, with its input as it was recorded. */
const unchanged: Scenario = { perturbation: 'none', changes: [] }
/** Runs at most to make a finding smaller. */
const SHRINK_RUNS = 150

/** A difference between two runs. */
export interface Difference extends Pick<Finding, 'afterCrash' | 'crashPoints'> {
  readonly step: string | undefined
  readonly message: string
}

/** A pipeline with its recorded input. */
export class Simulation {
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
  readonly #crashes: CrashSearch
  #ends: readonly number[] = []
  #runs = 0

  private constructor(
    build: () => BuiltPipeline,
    built: BuiltPipeline,
    sources: readonly RecordedSource[],
    start: (built: BuiltPipeline, options: RunnerOptions) => Promise<PipelineResult>,
    crashes: Pick<CrashParts, 'options' | 'run'>,
  ) {
    this.#build = build
    this.#built = built
    this.#sources = sources
    this.#start = start
    this.#lineage = lineage(built)
    this.#ids = [...this.#lineage.keys()]
    this.#results = resultsOf(built)
    const finely = scriptsOf(sources, { perturbation: 'crashes', changes: cutsOf(sources) })
    this.#crashes = new CrashSearch({
      ...crashes,
      results: this.#results,
      ids: this.#ids,
      build: () => withCollectors(withScripts(this.#build(), finely), this.#ids),
      firstStep: (id, expected, actual) => producerPath(this.#firstDifference(id, expected, actual)),
      nameOf: producerPath,
      ran: () => void this.#runs++,
    })
  }

  static async of(
    build: () => BuiltPipeline,
    options: Omit<SimulateOptions, 'options'>,
    crashes: CrashOptions,
  ): Promise<Simulation> {
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
    const simulation = new Simulation(again, built, sources, start, { options: crashes, run: { ...options.run, env } })
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

  async explore(
    perturbations: readonly Exclude<Perturbation, 'crashes'>[],
    seeds: readonly number[],
    crashes: boolean,
  ): Promise<SimulationReport> {
    // Crashes have runs of their own to be compared with.
    const differing = perturbations.length === 0 ? undefined : await this.#unrepeatable(undefined)
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
    if (!crashes) return this.#report(findings, tried)
    const crash = await this.#crashes.explore(seeds)
    const finding = crash === undefined ? undefined : await this.#shrunken(crash.scenario, crash.seed)
    if (finding?.perturbation === 'none') return this.#report([finding], [])
    // Attempts come first: what depends on them goes wrong without any crash.
    const place = findings[0]?.perturbation === 'attempts' ? 1 : 0
    if (finding !== undefined) findings.splice(place, 0, finding)
    return this.#report(findings, [...tried, 'crashes'])
  }

  async repeat(scenario: Scenario): Promise<SimulationReport> {
    const { perturbation } = scenario
    const isSame = perturbation === 'none'
    const differing = isSame
      ? undefined
      : await this.#differsAnyway(perturbation === 'crashes' ? scenario : { perturbation, changes: [] })
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
    if (perturbation === 'crashes') return this.#crashes.difference(scenario)
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

  /** What differs between two runs although nothing was changed, in the way in which the scenario runs them. */
  async #differsAnyway({ perturbation, strictSeed }: Scenario): Promise<Finding | undefined> {
    if (perturbation !== 'crashes') return this.#unrepeatable(perturbation === 'attempts' ? strictSeed : undefined)
    const difference = await this.#crashes.unrepeatable(strictSeed)
    const { afterCrash: _, crashPoints: __, ...plain } = difference ?? { step: undefined, message: '' }
    return difference === undefined
      ? undefined
      : { perturbation: 'none', seed: strictSeed, scenario: unchanged, ...plain }
  }

  /** The fewest changes that still show the difference, as far as they are found (A. Zeller: Yesterday, my program worked, 1999). */
  async #shrunken(found: Scenario, seed: number): Promise<Finding> {
    const differing = await this.#differsAnyway(found)
    if (differing !== undefined) return differing
    let scenario = found
    let left = SHRINK_RUNS
    // What is lost is not explained by what comes twice.
    const afterCrash = found.perturbation === 'crashes' ? (await this.#difference(found))?.afterCrash : undefined
    const stillDiffers = async (candidate: Scenario): Promise<boolean> => {
      const difference = left-- > 0 ? await this.#difference(candidate) : undefined
      return difference !== undefined && difference.afterCrash === afterCrash
    }
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
    const verdict = gravest === undefined ? 'deterministic' : verdictOf(gravest)
    const rows: readonly Scenario['perturbation'][] = verdict === 'not-repeatable' ? ['none'] : tried
    const lines = rows.map((perturbation) => {
      const finding = findings.find((each) => each.perturbation === perturbation)
      if (finding === undefined) return `  ${perturbation}: no difference`
      const { seed, step, message, scenario, crashPoints } = finding
      const from = seed === undefined ? '' : `seed ${seed}, `
      const where = step === undefined ? '' : ` (first at step "${step}")`
      const ended = crashPoints === undefined ? '' : ` after the end at ${crashPoints.join(', then at ')}`
      const done = perturbation === 'none' ? 'two runs differ though nothing was changed' : `${perturbation}: ${from}${scenario.changes.length} changes${ended}` // prettier-ignore
      return `  ${done}: ${message}${where}\n    again: simulate(pipeline, { repeat: ${JSON.stringify(scenario)} })`
    })
    const text = [`${this.#built.name}: ${verdict}, after ${this.#runs} runs`, ...lines].join('\n')
    return { verdict, findings, tried, runs: this.#runs, text }
  }
}

function verdictOf({ perturbation, afterCrash = 'changed' }: Finding): SimulationVerdict {
  return perturbation === 'crashes' ? crashVerdicts[afterCrash] : verdicts[perturbation]
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
