/**
 * What a source says of itself while it runs: how much is still to be read, and how far event time lags behind arrival.
 *
 * Law: what a drain gives up counts as work that is left, for nobody has read it.
 */
import { TIMESTAMP_MIN } from '../../../sdk/time.js'
import type { SourceReading } from '../../runner.js'

/** What is known of a source: its skew (the time of arrival less event time, of what it has emitted), and what it gave up. */
export class SourceReport {
  #latest: number | undefined
  #max: number | undefined
  #givenUp = 0

  /** A bundle with elements of these event times has arrived. */
  observe(minTimestamp: number, maxTimestamp: number, now: number): void {
    if (maxTimestamp === TIMESTAMP_MIN) return
    this.#latest = now - maxTimestamp
    if (minTimestamp !== TIMESTAMP_MIN) this.#max = Math.max(this.#max ?? -Infinity, now - minTimestamp)
  }

  /** A drain has left so much of work whose size was `before`. */
  truncated(before: number, left: number): void {
    if (left < before) this.#givenUp += before - left
  }

  /** What is known. `waiting` is the size of all that will still be read, if it has one. */
  reading(step: string, waiting: number | undefined): SourceReading {
    const backlog = waiting === undefined ? undefined : waiting + this.#givenUp
    return {
      step,
      backlog: backlog === Infinity ? undefined : backlog,
      skewMillis: this.#latest,
      skewMillisMax: this.#max,
    }
  }
}
