/**
 * The gate of a step that sheds: what of its elements is dropped, by a bound, and what they were worth.
 *
 * Law: what is dropped follows from the bound, from the chance it is given and from the elements, in their order; chance is asked only at
 * a bound that drops a share.
 */
import type { LoadGate, LoadMeasure } from '../../sdk/env.js'
import { UtilitySample } from './utility-sample.js'

/** What a step drops in one batch. */
export interface Cut {
  /** What has less utility is dropped. */
  readonly below: number
  /** Share of what has just this utility that is dropped. */
  readonly shareAt: number
}

/** Nothing is dropped. */
export const NO_CUT: Cut = { below: -Infinity, shareAt: 0 }

/** See the head of this file. */
export class ShedGate implements LoadGate {
  readonly step: string
  readonly measure: LoadMeasure
  cut: Cut = NO_CUT
  /** Elements that were asked about, since it has begun. */
  seen = 0
  dropped = 0
  readonly sample: UtilitySample
  #random: () => number = () => 0

  /** @param sampleMax utilities that are remembered. */
  constructor(step: string, measure: LoadMeasure, sampleMax: number) {
    this.step = step
    this.measure = measure
    this.sample = new UtilitySample(sampleMax)
  }

  begin(cut: Cut, random: () => number): void {
    this.cut = cut
    this.#random = random
    this.seen = this.dropped = 0
    this.sample.begin()
  }

  drops(utility: number): boolean {
    this.seen++
    this.sample.add(utility)
    const { below, shareAt } = this.cut
    const isDropped = utility < below || (utility === below && shareAt > 0 && this.#random() < shareAt)
    if (isDropped) this.dropped++
    return isDropped
  }
}
