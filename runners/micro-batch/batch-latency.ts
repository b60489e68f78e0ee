/**
 * How long it takes from the arrival of an element, and from its event, until it is committed; and how far event time lags behind arrival.
 *
 * Law: of every bundle some elements are looked at, the first and the last among them, each for as many as it stands for.
 */
import { TIMESTAMP_MIN } from '../../sdk/time.js'
import type { LatencyStatus, SpanStatus } from '../run-status.js'

/** Elements of a bundle whose timestamps are looked at. */
const LOOKED_AT = 16

interface Sample {
  readonly stage: number
  readonly arrivedAt: number
  readonly timestamp: number | undefined
  readonly weight: number
}

/** Elements of one batch. */
export class BatchLatency {
  #samples: Sample[] = []

  begin(): void {
    this.#samples = []
  }

  /** Elements have come in. */
  add(stage: number, count: number, timestamps: ArrayLike<number> | undefined, arrivedAt: number): void {
    if (count === 0) return
    const given = timestamps === undefined ? 0 : Math.min(timestamps.length, count)
    const looks = given === 0 ? 1 : Math.min(LOOKED_AT, given)
    for (let i = 0; i < looks; i++) {
      const at = looks === 1 ? 0 : Math.round((i * (given - 1)) / (looks - 1))
      const timestamp = timestamps?.[at]
      const isKnown = timestamp !== undefined && timestamp > TIMESTAMP_MIN
      this.#samples.push({ stage, arrivedAt, timestamp: isKnown ? timestamp : undefined, weight: count / looks })
    }
  }

  /** The batch is committed at `now`. @param stages of which stages; `undefined`: of all. */
  status(now: number, stages?: ReadonlySet<number>): LatencyStatus {
    const samples = stages === undefined ? this.#samples : this.#samples.filter(({ stage }) => stages.has(stage))
    const timed = samples.flatMap(({ timestamp, ...rest }) => (timestamp === undefined ? [] : [{ timestamp, ...rest }]))
    return {
      arrival: spans(samples.map(({ arrivedAt, weight }) => [now - arrivedAt, weight])),
      event: spans(timed.map(({ timestamp, weight }) => [now - timestamp, weight])),
      skew: spans(timed.map(({ timestamp, arrivedAt, weight }) => [arrivedAt - timestamp, weight])),
    }
  }
}

/** Quantiles of spans, each with the number of elements that it stands for. */
export function spans(weighted: readonly (readonly [millis: number, weight: number])[]): SpanStatus | undefined {
  if (weighted.length === 0) return undefined
  const sorted = [...weighted].sort(([a], [b]) => a - b)
  const all = sorted.reduce((sum, [, weight]) => sum + weight, 0)
  const at = (share: number): number => {
    let passed = 0
    for (const [millis, weight] of sorted) if ((passed += weight) >= share * all) return millis
    return (sorted.at(-1) as readonly [number, number])[0]
  }
  return { p50Millis: at(0.5), p99Millis: at(0.99), maxMillis: (sorted.at(-1) as readonly [number, number])[0] }
}
