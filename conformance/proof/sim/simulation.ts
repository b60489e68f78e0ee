/**
 * One run of a scenario: simulated time, a modelled disk, lives that end where the scenario says, and everything that is checked.
 *
 * Law: a scenario decides the whole run; it is run twice with the same trace.
 */
import { type PipelineResult, type Pipeline, type RunnerOptions, seededRandom } from 'millrace'
import { type CrashPlan, restartingRunner } from '../../../runners/testing/restarting-runner.js'
import type { MessageFate } from '../../../runners/micro-batch/tasks/memory-link.js'
import { textsOf } from '../bundling.js'
import { differenceText, thrownText } from '../draw.js'
import { reference as pipelineReference, textOf, toPipeline as pipelineOf } from '../random-pipelines.js'
import { toPipeline as streamOf } from '../random-streams.js'
import { faultIn } from '../streams.js'
import { reference as streamReference } from '../streams-reference.js'
import { ModelledSink } from './modelled-sink.js'
import { StoreObserver } from './observed-store.js'
import { type Ended, outsideOf, toPipeline as keepingPipelineOf } from './keeping-programs.js'
import type { AnyProgram, Fault, Scenario } from './scenario.js'
import { SimulatedWorld } from './simulated-world.js'

/** What a run came to. */
export interface Played {
  /** What is wrong; `undefined` when nothing is. */
  readonly fault: string | undefined
  /** Everything that happened, as text. */
  readonly trace: string
  readonly lives: number
  readonly batches: number
  readonly simulatedMillis: number
  /** How often each crash point ended a life. */
  readonly crashes: ReadonlyMap<string, number>
  /** How often each was passed. */
  readonly passes: ReadonlyMap<string, number>
  /** How often the disk failed. */
  readonly diskFaults: number
}

/** More simulated time than any program takes. */
const MILLIS_MAX = 3_600_000

/** Runs a scenario. Never rejects. */
export async function play(scenario: Scenario): Promise<Played> {
  const { seed, momentMillis, of } = scenario
  const world = new SimulatedWorld(seededRandom(seed ^ 0x6a09e667), momentMillis)
  const faults = new Faults(scenario, world)
  const sink = new ModelledSink(() => faults.observer.committed)
  const { pipeline, check } = programOf(of, sink, world)
  const { batchSize, bundleSize, intervalMillis, strict, compactAboveBytes } = scenario
  const runner = restartingRunner(
    {
      batchInterval: intervalMillis,
      ...(batchSize === undefined ? {} : { batchSize }),
      ...(bundleSize === undefined ? {} : { bundleSize }),
      ...(strict ? { strict: true, seed } : {}),
      env: world.env,
    },
    {
      random: seededRandom(seed ^ 0x3c6ef372),
      planOf: () => faults,
      compactAboveBytes,
      optionsOf: (life) => workersIn(scenario, life),
    },
  )
  let fault: string | undefined
  try {
    const result = await world.until(runner.start(pipeline.build()).result, MILLIS_MAX)
    fault = faults.observer.broken ?? sink.broken ?? check({ result, error: undefined })
  } catch (error) {
    fault =
      faults.observer.broken ??
      sink.broken ??
      (of.kind === 'keeping' && error instanceof Error
        ? check({ result: undefined, error })
        : `failed with ${thrownText(error)}`)
  }
  const { crashes, passes, observer, lives, diskFaults } = faults
  return {
    fault,
    trace: [...observer.trace, ...sink.trace, `${world.elapsed}`].join('\n'),
    lives,
    batches: observer.committed,
    simulatedMillis: world.elapsed,
    crashes,
    passes,
    diskFaults,
  }
}

function workersIn(scenario: Scenario, life: number): RunnerOptions {
  const { later } = scenario
  const { workers, partitions } = (life === 0 ? undefined : later[(life - 1) % later.length]) ?? scenario
  return workers === 0 ? {} : { workers, partitions, isolation: 'memory' }
}

function programOf(
  of: AnyProgram,
  sink: ModelledSink,
  world: SimulatedWorld,
): { readonly pipeline: Pipeline; readonly check: (ended: Ended) => string | undefined } {
  const delivered = (expected: readonly string[]): string | undefined => {
    const difference = differenceText(expected, sink.items)
    return difference === undefined ? undefined : `the sink has not what was collected: ${difference}`
  }
  const compared =
    (check: (result: PipelineResult) => string | undefined, textOfItem: (item: unknown) => string) =>
    ({ result }: Ended): string | undefined =>
      result === undefined ? undefined : (check(result) ?? delivered(result.collect('out').map(textOfItem)))
  switch (of.kind) {
    case 'pipeline': {
      const { program } = of
      return {
        pipeline: pipelineOf(program, (out) => sink.write(out, String)),
        check: compared((result) => differenceText(pipelineReference(program).map(textOf), textsOf(result)), String),
      }
    }
    case 'stream': {
      const { program } = of
      return {
        pipeline: streamOf(program, (out) => sink.write(out, (item) => JSON.stringify(item))),
        check: compared(
          (result) => faultIn(result, program, streamReference(program)),
          (item) => JSON.stringify(item),
        ),
      }
    }
    case 'keeping': {
      const outside = outsideOf(of.program, () => world.elapsed)
      const { pipeline, check } = keepingPipelineOf(of.program, outside, (texts) => sink.write(texts, String))
      return { pipeline, check: (ended) => check(ended, sink.items) }
    }
  }
}

/** The faults of a scenario, life by life, and what is noticed. */
class Faults implements CrashPlan {
  readonly observer = new StoreObserver()
  readonly crashes = new Map<string, number>()
  readonly passes = new Map<string, number>()
  lives = 1
  diskFaults = 0
  readonly #scenario: Scenario
  readonly #world: SimulatedWorld
  #passed = 0
  #named = 0
  #operations = 0
  #messages = 0
  #hasFailed = false
  #lostPower = false

  constructor(scenario: Scenario, world: SimulatedWorld) {
    this.#scenario = scenario
    this.#world = world
    this.observer.areAlike = scenario.later.length === 0
  }

  get #fault(): Fault | undefined {
    return this.#scenario.faults[this.lives - 1]
  }

  crashAt(point: string): 'process' | 'power' | undefined {
    this.passes.set(point, (this.passes.get(point) ?? 0) + 1)
    const fault = this.#fault
    if (fault === undefined || fault.kind === 'disk') return undefined
    this.#passed++
    if (fault.point === point) this.#named++
    const reached = fault.point === undefined ? this.#passed : this.#named
    if (reached < fault.pass) return undefined
    this.crashes.set(point, (this.crashes.get(point) ?? 0) + 1)
    this.observer.trace.push(`ends at ${point}`)
    this.#lostPower = fault.kind === 'power'
    return fault.kind
  }

  /** What happens to a message of a worker. */
  fateOf(): MessageFate | undefined {
    switch (this.#scenario.messages.get(this.#messages++)) {
      case 'kill':
        return { kills: true }
      case 'late':
        return { delayMillis: 1000 }
      case 'twice':
        return { againAfterMillis: 3 }
      default:
        return undefined
    }
  }

  failsDisk(): boolean {
    const fault = this.#fault
    if (fault?.kind !== 'disk' || this.#hasFailed || ++this.#operations < fault.operation) return false
    this.#hasFailed = true
    this.diskFaults++
    this.observer.trace.push('the disk fails')
    return true
  }

  readonly onStore = this.observer.watched.bind(this.observer)

  isOwn(): boolean {
    return this.#hasFailed
  }

  onRestart(): void {
    this.lives++
    this.#passed = 0
    this.#named = 0
    this.#operations = 0
    this.#hasFailed = false
    this.#world.setBack(this.#scenario.setBackMillis)
    this.observer.restarted(this.#lostPower)
    this.#lostPower = false
  }
}
