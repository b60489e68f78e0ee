/**
 * What is dropped under load: the elements with the lowest utility, as many of them as latency exceeds its objective. Which those are is
 * decided between batches, from the utilities seen before, as a bound: below it everything is dropped, at it a share.
 *
 * Law: what a batch drops follows from its bounds, its seed and its elements; the bounds are in its plan, so a batch that is done again
 * drops the same. Below the objective nothing is dropped.
 */
import { type LoadControl, type LoadGate, type LoadMeasure, seededRandom } from '../../sdk/env.js'
import type { SheddingStatus } from '../run-status.js'
import { type Cut, NO_CUT, ShedGate } from './shed-gate.js'

/** What is to be dropped, as a proportional-integral controller knows it. */
export interface ShedState {
  /** What has piled up: the share that holds latency where it is. */
  readonly integral: number
  /** Share of the elements to be dropped. */
  readonly share: number
}

/** Before there is load. */
export const NO_SHED: ShedState = { integral: 0, share: 0 }

/** By how much of its relative error the integral moves in one batch. */
const INTEGRAL = 0.1
/** Something is always let through: else nobody would see that it has become less. */
const SHARE_MAX = 0.95
/** Less than this is no load that is worth a decision. */
const SHARE_MIN = 0.005
/** What chance at a bound begins with, besides the seed and the number of the step's gate. */
export const SEED = 0x27d4eb2f

/** The share to be dropped of the next batch, after one with this latency. */
export function nextShed({ integral }: ShedState, latencyMillis: number, objectiveMillis: number): ShedState {
  const error = (latencyMillis - objectiveMillis) / Math.max(latencyMillis, objectiveMillis)
  const next = Math.min(SHARE_MAX, Math.max(0, integral + INTEGRAL * error))
  const proportional = Math.max(0, 1 - objectiveMillis / Math.max(latencyMillis, 1e-3))
  const share = Math.min(SHARE_MAX, 1 - (1 - proportional) * (1 - next))
  return { integral: next, share: share < SHARE_MIN ? 0 : share }
}

/** The bound that drops this share of such utilities. */
export function cutOf(utilities: readonly number[], share: number): Cut {
  if (share <= 0 || utilities.length === 0) return NO_CUT
  const sorted = Float64Array.from(utilities).sort()
  const wanted = share * sorted.length
  const below = sorted[Math.min(sorted.length - 1, Math.floor(wanted))] as number
  const [less, same] = [sorted.filter((each) => each < below).length, sorted.filter((each) => each === below).length]
  return { below, shareAt: Math.min(1, Math.max(0, (wanted - less) / same)) }
}

/** What a step that sheds drops in a batch. */
export interface StepCut extends Cut {
  readonly step: string
}

/** What a plan says of a step that sheds. */
export interface ShedRecord extends StepCut {
  /** How many it has dropped while the batch was read. */
  readonly dropped: number
}

/** What has come of a step that sheds in a task. */
export interface ShedDone {
  readonly step: string
  /** Elements that it was asked about, and how many of them it has dropped. */
  readonly seen: number
  readonly dropped: number
  /** What some of them were worth. */
  readonly utilities: readonly number[]
}

/** Utilities remembered of a batch. */
const SAMPLE_MAX = 2000

/** A gate, and what is known of the batches before. */
class Gate extends ShedGate {
  state = NO_SHED
  droppedLast = 0
  /** Of the newest batch that had any. */
  utilities: readonly number[] = []

  constructor(step: string, measure: LoadMeasure) {
    super(step, measure, SAMPLE_MAX)
  }

  end(): void {
    this.droppedLast = this.dropped
    if (this.sample.values.length > 0) this.utilities = this.sample.values
  }

  /** What was done elsewhere. */
  add({ seen, dropped, utilities }: ShedDone): void {
    this.seen += seen
    this.dropped += dropped
    for (const utility of utilities) this.sample.add(utility, seen / utilities.length)
  }
}

/** Every step that sheds. */
export class LoadShedding implements LoadControl {
  readonly #objectiveMillis: number | undefined
  readonly #gates = new Map<string, Gate>()
  #cuts: readonly StepCut[] | undefined

  /** @param objectiveMillis `undefined`: nothing is ever dropped. */
  constructor(objectiveMillis: number | undefined) {
    this.#objectiveMillis = objectiveMillis
  }

  gate(step: string, measure: LoadMeasure): LoadGate {
    const gate = this.#gates.get(step) ?? new Gate(step, measure)
    this.#gates.set(step, gate)
    return gate
  }

  /** A batch begins. @param planned what its plan says, where it is done again. */
  begin(seed: number, planned: readonly ShedRecord[] | undefined): void {
    let number = 0
    for (const gate of this.#gates.values()) {
      const cut =
        planned === undefined ? cutOf(gate.utilities, gate.state.share) : planned.find(({ step }) => step === gate.step)
      gate.begin(cut ?? NO_CUT, seededRandom(seed ^ (SEED + ++number)))
    }
    const cutting = [...this.#gates.values()].filter(({ cut }) => cut !== NO_CUT)
    this.#cuts = cutting.length === 0 ? undefined : cutting.map(({ step, cut: { below, shareAt } }) => ({ step, below, shareAt })) // prettier-ignore
  }

  /** The bounds of the batch at hand, for those who do its tasks; `undefined`: nothing is dropped. */
  get cuts(): readonly StepCut[] | undefined {
    return this.#cuts
  }

  /** Tasks have come to these steps. */
  add(done: readonly ShedDone[]): void {
    for (const each of done) this.#gates.get(each.step)?.add(each)
  }

  /** What a plan has to say: of steps that may drop something. */
  records(): readonly ShedRecord[] {
    return [...this.#gates.values()]
      .filter(({ cut }) => cut !== NO_CUT)
      .map(({ step, cut, dropped }) => ({ step, ...cut, dropped }))
  }

  /** A batch is over. @param latencyOf the latency that a step looks at; `undefined`: nothing has come. */
  over(latencyOf: (step: string, measure: LoadMeasure) => number | undefined): void {
    for (const gate of this.#gates.values()) {
      gate.end()
      const latency = latencyOf(gate.step, gate.measure)
      if (this.#objectiveMillis === undefined || latency === undefined) continue
      gate.state = nextShed(gate.state, latency, this.#objectiveMillis)
    }
  }

  /** Whether some step drops, or could drop more. */
  get isDeclared(): boolean {
    return this.#gates.size > 0
  }

  status(): readonly SheddingStatus[] {
    return [...this.#gates.values()].map(({ step, state, droppedLast }) => ({
      step,
      share: state.share,
      dropped: droppedLast,
    }))
  }
}
