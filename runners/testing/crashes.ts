/**
 * Crashes of a simulation: the pipeline in batches, over a checkpoint on a modelled disk, whose process or machine ends at the points
 * that a scenario names and begins again.
 *
 * Law: the same scenario gives the same lives; what a run delivers is counted as the world outside would count it, where a sink says
 * what a repetition means to it.
 */
import { type Env, seededRandom } from '../../sdk/env.js'
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import type { DeliveryContext, DeliveryRepeats } from '../../sdk/transforms/delivery.js'
import type { AnyDoFn, StepFunction } from '../../sdk/transforms/do-fn.js'
import { identityOf } from '../../sdk/testing/same-value.js'
import { preview } from '../../sdk/preview.js'
import type { PipelineResult, RunnerOptions } from '../runner.js'
import type { Contents } from './outcome.js'
import { type CrashKind, type CrashPlan, restartingRunner } from './restarting-runner.js'
import type { CrashChange, Scenario } from './scenario.js'

/** What crashes are tried. */
export interface CrashOptions {
  /**
   * What ends: the `'process'`, of which everything written stays, or the `'power'` of its machine, which also takes what the checkpoint
   * had not made durable. Default: both.
   */
  readonly kinds?: readonly CrashKind[]
  /** Crash points at which it ends, by name. Default: all that a run passes. */
  readonly points?: readonly string[]
}

/** Both. */
export const CRASH_KINDS: readonly CrashKind[] = ['process', 'power']

/** What a run in batches has done. */
export interface CrashedRun {
  readonly result: Promise<PipelineResult>
  /** Crash points that were passed, by name, with how often. */
  readonly passes: ReadonlyMap<string, number>
  /** Where lives have ended. */
  readonly ends: readonly string[]
  /** What sinks have, by the step that delivers to them. */
  delivered(): ReadonlyMap<string, Contents>
  /** What is wrong with a delivery that came again. */
  readonly broken: string | undefined
}

/** Elements of a script that a batch reads, at most; small, so that there are batches to crash between. */
const BATCH_SIZES = [1, 2, 5] as const

/**
 * Runs a pipeline in batches through the crashes of a scenario.
 *
 * @param build gives the pipeline of each life: a process that begins again builds it anew.
 */
export function runThroughCrashes(
  build: () => BuiltPipeline,
  options: RunnerOptions,
  { changes, strictSeed = 1 }: Scenario,
): CrashedRun {
  const crashes = changes.filter((change): change is CrashChange => change.kind === 'crash')
  const seed = strictSeed
  let random = seededRandom(seed)
  // A query that has to begin once more has the same name, and so the same chance.
  const plan = new ScenarioCrashes(crashes, () => (random = seededRandom(seed)))
  const world = new Outside()
  const env: Env = {
    ...(options.env as Env),
    // Nothing is cut by time: the same scenario has the same batches.
    monotonic: () => 0,
    random: () => random(),
  }
  const runner = restartingRunner(
    { ...options, env, batchInterval: 1, batchSize: BATCH_SIZES[seed % BATCH_SIZES.length] as number },
    {
      random: seededRandom(seed ^ 0x1f83d9ab),
      planOf: () => plan,
      compactAboveBytes: seed % 2 === 0 ? 1 : 1 << 16,
      buildAgain: () => world.watched(build()),
    },
  )
  return {
    result: runner.start(world.watched(build())).result,
    passes: plan.passes,
    ends: plan.ends,
    delivered: () => world.delivered(),
    get broken() {
      return world.broken
    },
  }
}

/**
 * A random scenario of crashes, of which one is at `point`.
 *
 * @param passes how often a run without a crash passes each point.
 * @param others points at which other crashes may be.
 */
export function crashScenario(
  seed: number,
  point: string,
  kind: CrashKind,
  passes: ReadonlyMap<string, number>,
  others: readonly string[],
): Scenario {
  const random = seededRandom(seed)
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T
  const at = (name: string): CrashChange => {
    const pass = 1 + Math.floor(random() * (passes.get(name) ?? 1))
    return { kind: 'crash', point: name, pass, loses: kind }
  }
  // Points that only a life which goes on passes come after another crash.
  const before = passes.has(point) ? (random() < 0.3 ? [at(pick(others))] : []) : [at(pick([...passes.keys()]))]
  const after = random() < 0.3 ? [at(pick(others))] : []
  return { perturbation: 'crashes', strictSeed: seed, changes: [...before, at(point), ...after] }
}

/** Ends lives where a scenario says. */
class ScenarioCrashes implements CrashPlan {
  readonly passes = new Map<string, number>()
  readonly ends: string[] = []
  readonly #crashes: readonly CrashChange[]
  readonly #restarted: () => void
  #life = 0
  #ofLife = new Map<string, number>()

  constructor(crashes: readonly CrashChange[], restarted: () => void) {
    this.#crashes = crashes
    this.#restarted = restarted
  }

  crashAt(point: string): CrashKind | undefined {
    this.passes.set(point, (this.passes.get(point) ?? 0) + 1)
    const pass = (this.#ofLife.get(point) ?? 0) + 1
    this.#ofLife.set(point, pass)
    const crash = this.#crashes[this.#life]
    if (crash?.point !== point || pass !== crash.pass) return undefined
    this.ends.push(point)
    return crash.loses
  }

  onRestart(): void {
    this.#life++
    this.#ofLife = new Map()
    this.#restarted()
  }
}

interface Taken {
  readonly key: string
  readonly texts: readonly (readonly [identity: string, text: string])[]
}

/** What the world outside has got, by step. */
class Outside {
  broken: string | undefined
  readonly #taken = new Map<string, Taken[]>()

  /** The pipeline, with everything that it delivers counted. */
  watched(built: BuiltPipeline): BuiltPipeline {
    const { functions } = built
    return {
      ...built,
      functions: {
        all: () => functions.all(),
        resolve: (reference) => this.#watchedFunction(functions.resolve(reference)),
      },
    }
  }

  delivered(): ReadonlyMap<string, Contents> {
    return new Map(
      [...this.#taken].map(([step, all]) => {
        const contents = new Map<string, { readonly text: string; readonly count: number }>()
        for (const [identity, text] of all.flatMap(({ texts }) => texts))
          contents.set(identity, { text, count: (contents.get(identity)?.count ?? 0) + 1 })
        return [step, contents] as const
      }),
    )
  }

  #watchedFunction(fn: unknown): unknown {
    const step = fn as Partial<StepFunction> | undefined
    if (step?.kind !== 'doFn' || step.doFn?.delivery === undefined) return fn
    return { ...step, doFn: this.#watchedDoFn(step.doFn) }
  }

  #watchedDoFn(doFn: AnyDoFn): AnyDoFn {
    const own = doFn.delivery as NonNullable<AnyDoFn['delivery']>
    const deliver = own.deliver as (items: readonly unknown[], context: DeliveryContext<unknown>) => unknown
    const delivery = {
      codec: own.codec,
      repeats: own.repeats,
      deliver: async (items: readonly unknown[], context: DeliveryContext<unknown>): Promise<void> => {
        // A sink that outlives the scenario may know the same query from another one, so it is not asked what it has.
        await deliver.call(own, items, { ...context, recognised: () => undefined })
        this.#take(items, context, own.repeats)
      },
    } as NonNullable<AnyDoFn['delivery']>
    // An instance of a class may have private fields, which no copy has.
    return new Proxy(doFn, {
      get: (target, name) => {
        if (name === 'delivery') return delivery
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
  }

  #take(items: readonly unknown[], { id, step, recognised }: DeliveryContext<unknown>, repeats: DeliveryRepeats): void {
    const key = `${id.query} ${id.batch} ${id.shard}`
    const texts = items.map((item) => [identityOf(item), preview(item)] as const)
    const taken = this.#taken.get(step) ?? []
    this.#taken.set(step, taken)
    const before = taken.find((each) => each.key === key)
    if (before !== undefined && identitiesOf(before.texts) !== identitiesOf(texts))
      this.broken ??= `"${step}" was handed something else under the name of a delivery that it had got before`
    if (before !== undefined && repeats === 'recognised') recognised()
    // Whoever recognises a delivery, or is not harmed by it, has it once.
    if (before === undefined || repeats === 'visible') taken.push({ key, texts })
  }
}

function identitiesOf(texts: Taken['texts']): string {
  return texts.map(([identity]) => identity).join('\n')
}
