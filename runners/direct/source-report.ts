/**
 * What a source says of itself while it runs: how much is still to be read, and how far event time lags behind arrival.
 */
import { TIMESTAMP_MIN } from '../../sdk/time.js'
import type { SourceReading } from '../runner.js'

/** The skew of a source: the time of arrival less event time, of what it has emitted. */
export class SourceSkew {
  #latest: number | undefined
  #max: number | undefined

  /** A bundle with elements of these event times has arrived. */
  observe(minTimestamp: number, maxTimestamp: number, now: number): void {
    if (maxTimestamp === TIMESTAMP_MIN) return
    this.#latest = now - maxTimestamp
    if (minTimestamp !== TIMESTAMP_MIN) this.#max = Math.max(this.#max ?? -Infinity, now - minTimestamp)
  }

  /** What is known. */
  reading(step: string, backlog: number | undefined): SourceReading {
    return { step, backlog, skewMillis: this.#latest, skewMillisMax: this.#max }
  }
}
