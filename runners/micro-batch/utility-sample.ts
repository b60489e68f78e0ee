/**
 * What the elements that a step may drop are worth: a sample of bounded size.
 *
 * Law: each value stands for as many elements as any other, chosen by chance among those that came one after another: an order in which
 * they come does not show in it. Chance here decides nothing but the next bound.
 */
import { seededRandom } from '../../sdk/env.js'

const SEED = 0x6a09e667

/** A sample of utilities. */
export class UtilitySample {
  readonly #max: number
  readonly #random = seededRandom(SEED)
  #values: number[] = []
  /** Elements that each value stands for. */
  #each = 1
  /** Elements since the last value, and one of them. */
  #weight = 0
  #chosen = 0

  /** @param max values that are kept; an even number. */
  constructor(max: number) {
    this.#max = max
  }

  begin(): void {
    this.#values = []
    this.#each = 1
    this.#weight = 0
  }

  /** An element, or one that stands for `weight` of them. */
  add(utility: number, weight = 1): void {
    this.#weight += weight
    if (this.#weight === weight || this.#random() * this.#weight < weight) this.#chosen = utility
    while (this.#weight >= this.#each) {
      this.#weight -= this.#each
      this.#values.push(this.#chosen)
      if (this.#values.length === this.#max) this.#thin()
    }
  }

  /** Of each two that follow each other one stays, for both. */
  #thin(): void {
    this.#each *= 2
    const half = this.#values.length / 2
    for (let i = 0; i < half; i++) this.#values[i] = this.#values[2 * i + (this.#random() < 0.5 ? 0 : 1)] as number
    this.#values.length = half
  }

  /** Those since it has begun. */
  get values(): readonly number[] {
    return this.#values
  }
}
