/**
 * The gates of a partition's steps that shed: what they drop in a task follows from the bounds in its order.
 *
 * Law: what a task drops follows from its order and its elements, so a task that is done again drops the same. Where nobody asks what
 * elements are worth, and nothing is to be dropped, a gate notes nothing.
 */
import type { LoadControl, LoadGate, LoadMeasure } from '../../../sdk/env.js'
import { SEED, type ShedDone, type StepCut } from '../load-shedding.js'
import { NO_CUT, ShedGate } from '../shed-gate.js'
import type { DeclaredGate } from './task.js'

/** Utilities that a task tells of each step, at most. */
const SAMPLE_MAX = 128

class TaskGate extends ShedGate {
  readonly #isAsked: boolean

  constructor(step: string, measure: LoadMeasure, isAsked: boolean) {
    super(step, measure, SAMPLE_MAX)
    this.#isAsked = isAsked
  }

  override drops(utility: number): boolean {
    return (this.#isAsked || this.cut !== NO_CUT) && super.drops(utility)
  }
}

/** See the head of this file. */
export class TaskShedding implements LoadControl {
  readonly #isAsked: boolean
  readonly #chance: (seed: number) => () => number
  readonly #gates: TaskGate[] = []

  /**
   * @param isAsked whether somebody wants to know what elements are worth.
   * @param chance gives randomness of the task at hand, unlike that of other seeds.
   */
  constructor(isAsked: boolean, chance: (seed: number) => () => number) {
    this.#isAsked = isAsked
    this.#chance = chance
  }

  gate(step: string, measure: LoadMeasure): LoadGate {
    let gate = this.#gates.find((each) => each.step === step)
    if (gate === undefined) this.#gates.push((gate = new TaskGate(step, measure, this.#isAsked)))
    return gate
  }

  /** The gates of these steps; `undefined` where none of them sheds. */
  declared(steps: ReadonlySet<string>): readonly DeclaredGate[] | undefined {
    const own = this.#gates.filter(({ step }) => steps.has(step))
    return own.length === 0 ? undefined : own.map(({ step, measure }) => [step, measure])
  }

  /** A task begins. */
  begin(cuts: readonly StepCut[] | undefined): void {
    if (this.#gates.length === 0) return
    for (const [number, gate] of this.#gates.entries()) {
      const cut = cuts?.find(({ step }) => step === gate.step)
      gate.begin(cut ?? NO_CUT, cut === undefined ? never : this.#chance(SEED + number + 1))
    }
  }

  /** What has come of the task; `undefined` where no gate was asked. */
  take(): readonly ShedDone[] | undefined {
    if (!this.#gates.some(({ seen }) => seen > 0)) return undefined
    return this.#gates
      .filter(({ seen }) => seen > 0)
      .map(({ step, seen, dropped, sample }) => ({ step, seen, dropped, utilities: sample.values }))
  }
}

/** Nothing is at a bound where there is none. */
function never(): number {
  return 1
}
