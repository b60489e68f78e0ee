/**
 * How long it takes from the arrival of an element, and from its event, until it is committed; and how far event time lags behind arrival.
 *
 * Law: of what a stage has read in a batch, every n-th element is looked at, and n doubles whenever there are too many looks to keep: what
 * is kept, and what it costs to look, does not grow with the batch. The longest spans are taken of the ends of every bundle.
 */
import { TIMESTAMP_MIN } from '../../sdk/time.js'
import type { LatencyStatus, SpanStatus } from '../run-status.js'

/** Looks of a stage that are kept; an even number. */
const LOOKS_MAX = 512

/** What a stage has read elsewhere, as far as latency goes by it: what `BatchLatency.add` takes. */
export interface SeenElements {
  readonly count: number
  /** Those of some of them, the oldest first. */
  readonly timestamps: readonly number[]
  /** When the first of them came. */
  readonly arrivedAt: number
  /** When those came of which the timestamps are, where some have waited to be read; all stand for as many elements. */
  readonly arrivals?: readonly number[]
}

/** Elements that one stage has read in a batch. */
export class StageLooks {
  readonly #max: number
  readonly #arrivals: number[] = []
  /** Timestamps, or `NaN` where none is known. */
  readonly #timestamps: number[] = []
  count = 0
  /** Elements that were read. */
  #elements = 0
  /** Elements that each look stands for. */
  stride = 1
  /** Elements until the next look. */
  #until = 0
  oldestArrival: number = Infinity
  oldestTimestamp: number = Infinity
  skewMax: number = -Infinity

  /** @param max looks that are kept; an even number. */
  constructor(max: number = LOOKS_MAX) {
    this.#max = max
  }

  begin(): void {
    this.count = this.#until = this.#elements = 0
    this.stride = 1
    this.oldestArrival = this.oldestTimestamp = Infinity
    this.skewMax = -Infinity
  }

  add(count: number, timestamps: ArrayLike<number> | undefined, arrivedAt: number): void {
    const given = timestamps === undefined ? 0 : Math.min(timestamps.length, count)
    this.#elements += count
    this.oldestArrival = Math.min(this.oldestArrival, arrivedAt)
    if (given > 0) {
      this.#end(timestamps?.[0], arrivedAt)
      this.#end(timestamps?.[given - 1], arrivedAt)
    }
    while (this.#until < count) {
      const timestamp = given === 0 ? undefined : timestamps?.[Math.floor((this.#until * given) / count)]
      this.#until += this.#look(arrivedAt, timestamp ?? Number.NaN)
    }
    this.#until -= count
  }

  /** All of it in short; `undefined`: nothing was read. @param haveWaited whether it came at other times than it was read. */
  seen(haveWaited: boolean): SeenElements | undefined {
    if (this.#elements === 0) return undefined
    const timestamps = this.#timestamps.slice(0, this.count)
    const arrivals = this.#arrivals.slice(0, this.count)
    const oldest = Math.max(0, timestamps.indexOf(this.oldestTimestamp))
    if (this.oldestTimestamp !== Infinity) {
      timestamps[oldest] = timestamps[0] as number
      timestamps[0] = this.oldestTimestamp
      ;[arrivals[0], arrivals[oldest]] = [arrivals[oldest] as number, arrivals[0] as number]
    }
    const seen = { count: this.#elements, timestamps, arrivedAt: this.oldestArrival }
    return haveWaited ? { ...seen, arrivals } : seen
  }

  arrival(look: number): number {
    return this.#arrivals[look] as number
  }

  timestamp(look: number): number {
    return this.#timestamps[look] as number
  }

  /** The first or the last of a bundle. */
  #end(timestamp = Number.NaN, arrivedAt: number): void {
    if (!isKnown(timestamp)) return
    this.oldestTimestamp = Math.min(this.oldestTimestamp, timestamp)
    this.skewMax = Math.max(this.skewMax, arrivedAt - timestamp)
  }

  /** @returns how many elements further to look next. */
  #look(arrivedAt: number, timestamp: number): number {
    this.#arrivals[this.count] = arrivedAt
    this.#timestamps[this.count] = isKnown(timestamp) ? timestamp : Number.NaN
    if (++this.count === this.#max) this.#thin()
    return this.stride
  }

  /** Every second look stands for the one after it, too. */
  #thin(): void {
    this.count = this.#max / 2
    this.stride *= 2
    for (let look = 0; look < this.count; look++) {
      this.#arrivals[look] = this.arrival(2 * look)
      this.#timestamps[look] = this.timestamp(2 * look)
    }
  }
}

function isKnown(timestamp: number): boolean {
  return timestamp > TIMESTAMP_MIN
}

/** Elements of one batch. */
export class BatchLatency {
  readonly #stages = new Map<number, StageLooks>()

  begin(): void {
    for (const looks of this.#stages.values()) looks.begin()
  }

  /** Elements have come in. */
  add(stage: number, count: number, timestamps: ArrayLike<number> | undefined, arrivedAt: number): void {
    if (count === 0) return
    let looks = this.#stages.get(stage)
    if (looks === undefined) this.#stages.set(stage, (looks = new StageLooks()))
    looks.add(count, timestamps, arrivedAt)
  }

  /** The batch is committed at `now`. @param stages of which stages; `undefined`: of all. */
  status(now: number, stages?: ReadonlySet<number>): LatencyStatus {
    const asked = [...this.#stages].flatMap(([stage, looks]) => ((stages?.has(stage) ?? true) ? [looks] : []))
    const spansOf = (
      of: (looks: StageLooks, look: number) => number,
      longest: (looks: StageLooks) => number,
    ): SpanStatus | undefined => {
      const weighted: (readonly [number, number])[] = []
      for (const looks of asked)
        for (let look = 0; look < looks.count; look++) {
          const millis = of(looks, look)
          if (!Number.isNaN(millis)) weighted.push([millis, looks.stride])
        }
      return spans(weighted, Math.max(...asked.map(longest)))
    }
    return {
      arrival: spansOf(
        (looks, look) => now - looks.arrival(look),
        ({ oldestArrival }) => now - oldestArrival,
      ),
      event: spansOf(
        (looks, look) => now - looks.timestamp(look),
        ({ oldestTimestamp }) => now - oldestTimestamp,
      ),
      skew: spansOf(
        (looks, look) => looks.arrival(look) - looks.timestamp(look),
        ({ skewMax }) => skewMax,
      ),
    }
  }
}

/**
 * Quantiles of spans, each with the number of elements that it stands for.
 *
 * @param longest a span that is known to be there, although it may be none of them.
 */
export function spans(
  weighted: readonly (readonly [millis: number, weight: number])[],
  longest: number = -Infinity,
): SpanStatus | undefined {
  if (weighted.length === 0) return undefined
  const sorted = [...weighted].sort(([a], [b]) => a - b)
  const all = sorted.reduce((sum, [, weight]) => sum + weight, 0)
  const at = (share: number): number => {
    let passed = 0
    for (const [millis, weight] of sorted) if ((passed += weight) >= share * all) return millis
    return (sorted.at(-1) as readonly [number, number])[0]
  }
  const [last] = sorted.at(-1) as readonly [number, number]
  return { p50Millis: at(0.5), p99Millis: at(0.99), maxMillis: Math.max(last, longest) }
}
