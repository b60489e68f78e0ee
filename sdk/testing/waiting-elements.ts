/**
 * Elements of a DoFn under test that wants its input sorted: each waits until nothing before it can come any more.
 *
 * Law: elements come out in the order of their times, those of equal times in the order in which they came.
 */

interface Waiting {
  /** The watermark must be past it. */
  readonly due: number
  readonly process: () => Promise<void>
}

/** The elements that wait. */
export class WaitingElements {
  readonly #waiting: Waiting[] = []

  /** Lets an element wait until the watermark is past `due`; `process` gives it to the DoFn. */
  add(due: number, process: () => Promise<void>): void {
    const after = this.#waiting.findIndex((other) => other.due > due)
    this.#waiting.splice(after === -1 ? this.#waiting.length : after, 0, { due, process })
  }

  /** Takes out the next element that the watermark has passed and that is due at `latest` or before. */
  take(watermark: number, latest: number): Waiting | undefined {
    const [first] = this.#waiting
    return first !== undefined && first.due < watermark && first.due <= latest ? this.#waiting.shift() : undefined
  }
}
