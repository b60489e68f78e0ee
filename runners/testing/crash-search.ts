/**
 * The search for what crashes change: every crash point that the pipeline passes ends a run, alone and among others.
 *
 * Law: a run with crashes is compared with the same run without any; where two of those differ, crashes are not to blame.
 */
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import type { RunnerOptions } from '../runner.js'
import { CRASH_KINDS, type CrashedRun, type CrashOptions, crashScenario, runThroughCrashes } from './crashes.js'
import { type Contents, contentsIn, differenceOf, type Outcome, outcomeOf } from './outcome.js'
import type { Scenario } from './scenario.js'
import type { Difference } from './simulation.js'

/** What the search needs of its simulation. */
export interface CrashParts {
  readonly options: CrashOptions
  readonly run: RunnerOptions
  /** Collections that are compared, and all that are made. */
  readonly results: readonly string[]
  readonly ids: readonly string[]
  /** The pipeline with its input an element at a time, and all that it makes collected, anew for each life. */
  build(): BuiltPipeline
  /** The first step whose output differs, upstream from a collection that does. */
  firstStep(id: string, expected: ReadonlyMap<string, Contents>, actual: ReadonlyMap<string, Contents>): string
  /** Name of the step that makes a collection. */
  nameOf(id: string): string
  /** A run of the pipeline has begun. */
  ran(): void
}

/** What a run came to, with what its sinks have. */
interface Told {
  readonly outcome: Outcome
  readonly delivered: ReadonlyMap<string, Contents>
  readonly run: CrashedRun
}

/** What was found first, the gravest. */
export interface CrashFinding {
  readonly seed: number
  readonly scenario: Scenario
}

const GRAVITY = { lost: 0, changed: 1, repeated: 2 } as const

/** See the head of this file. */
export class CrashSearch {
  readonly #parts: CrashParts
  /** Runs without a crash, by seed. */
  readonly #references = new Map<number | undefined, Promise<Told>>()

  constructor(parts: CrashParts) {
    this.#parts = parts
  }

  /** Ends runs at all points. @returns the gravest of what was found. */
  async explore(seeds: readonly number[]): Promise<CrashFinding | undefined> {
    const { points, kinds = CRASH_KINDS } = this.#parts.options
    const first = await this.#reference(seeds[0])
    const passes = new Map(first.run.passes)
    const waiting = [...(points ?? passes.keys())]
    const seen = new Set(waiting)
    let gravest: (CrashFinding & { readonly gravity: number }) | undefined
    for (let turn = 0; waiting.length > 0 || turn < seeds.length;) {
      const names = waiting.length > 0 ? waiting.splice(0) : [...seen]
      for (const name of names)
        for (const kind of kinds) {
          const seed = seeds[turn++ % seeds.length] as number
          const scenario = crashScenario(seed, name, kind, passes, [...seen])
          const { difference, run } = await this.#compared(scenario)
          for (const point of points === undefined ? run.passes.keys() : []) {
            if (seen.has(point)) continue
            seen.add(point)
            waiting.push(point)
          }
          if (difference === undefined) continue
          const gravity = GRAVITY[difference.afterCrash ?? 'changed']
          if (gravest === undefined || gravity < gravest.gravity) gravest = { seed, scenario, gravity }
          if (gravity === 0) return gravest
        }
    }
    return gravest
  }

  /** What the crashes of a scenario change; `undefined` when nothing. */
  async difference(scenario: Scenario): Promise<Difference | undefined> {
    return (await this.#compared(scenario)).difference
  }

  /** What differs between two runs in batches without a crash. */
  async unrepeatable(seed: number | undefined): Promise<Difference | undefined> {
    const { difference } = await this.#compared(scenarioOf(seed))
    return difference
  }

  async #compared(
    scenario: Scenario,
  ): Promise<{ readonly difference: Difference | undefined; readonly run: CrashedRun }> {
    const expected = await this.#reference(scenario.strictSeed)
    const actual = await this.#told(scenario)
    const difference = this.#differenceOf(expected, actual)
    const crashPoints = actual.run.ends
    return { difference: difference === undefined ? undefined : { ...difference, crashPoints }, run: actual.run }
  }

  #differenceOf(expected: Told, actual: Told): Difference | undefined {
    const [before, after] = [expected.outcome, actual.outcome]
    if (before.failure !== undefined)
      return {
        step: undefined,
        message: `in batches, without a crash, the run fails: ${before.failure}`,
        afterCrash: 'changed',
      }
    if (after.failure !== undefined)
      return { step: undefined, message: `the run fails: ${after.failure}`, afterCrash: 'changed' }
    if (actual.run.broken !== undefined) return { step: undefined, message: actual.run.broken, afterCrash: 'changed' }
    for (const id of this.#parts.results) {
      const [whole, crashed] = [contentsIn(before, id), contentsIn(after, id)]
      const message = differenceOf(whole, crashed)
      if (message === undefined) continue
      const step = this.#parts.firstStep(id, before.contents, after.contents)
      return { step, message: `"${this.#parts.nameOf(id)}" comes out ${message}`, afterCrash: kindOf(whole, crashed) }
    }
    for (const step of new Set([...expected.delivered.keys(), ...actual.delivered.keys()])) {
      const [whole, crashed] = [expected.delivered.get(step) ?? new Map(), actual.delivered.get(step) ?? new Map()]
      const message = differenceOf(whole, crashed)
      if (message !== undefined)
        return { step, message: `the sink of "${step}" is left ${message}`, afterCrash: kindOf(whole, crashed) }
    }
    return undefined
  }

  #reference(seed: number | undefined): Promise<Told> {
    let reference = this.#references.get(seed)
    if (reference === undefined) this.#references.set(seed, (reference = this.#told(scenarioOf(seed))))
    return reference
  }

  async #told(scenario: Scenario): Promise<Told> {
    const { build, ids, run: options, ran } = this.#parts
    ran()
    const built = build()
    const run = runThroughCrashes(build, options, scenario)
    const outcome = await outcomeOf(built, ids, () => run.result)
    return { outcome, delivered: run.delivered(), run }
  }
}

function scenarioOf(seed: number | undefined): Scenario {
  return { perturbation: 'crashes', changes: [], ...(seed === undefined ? {} : { strictSeed: seed }) }
}

/** Whether things are only missing, or only there more often than they were. */
function kindOf(expected: Contents, actual: Contents): NonNullable<Difference['afterCrash']> {
  const countIn = (contents: Contents, key: string): number => contents.get(key)?.count ?? 0
  const isMissing = [...expected].some(([key, { count }]) => countIn(actual, key) < count)
  const more = [...actual].filter(([key, { count }]) => countIn(expected, key) < count)
  if (isMissing) return more.length === 0 ? 'lost' : 'changed'
  return more.every(([key]) => expected.has(key)) ? 'repeated' : 'changed'
}
