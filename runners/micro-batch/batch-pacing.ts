/**
 * How much each batch reads, and when the next one comes: limits of authors, and how long the batches before took.
 *
 * Law: what it decides changes how input is cut into batches, never what comes of it; a batch that is done again reads what its plan
 * says, and is not asked.
 */
import type { LoadMeasure } from '../../sdk/env.js'
import type { BatchesStatus } from '../run-status.js'
import { elementsMax, NO_ESTIMATE, nextEstimate, type RateEstimate } from './backpressure.js'
import { BatchLatency } from './batch-latency.js'
import type { SourceAllowances } from './source-limits.js'

/** How batches are cut. */
export interface BatchLimits {
  /** How long a batch lasts, as its interval and the objective allow. */
  readonly intervalMillis: number
  /** Elements that a batch reads at most. */
  readonly elementsMax: number
  /** How long it may take from an arrival to the commit. */
  readonly latencyMillis: number | undefined
}

/** The times of a batch on the monotonic clock, and what it read. */
export interface BatchTimes {
  readonly began: number
  /** It was read. */
  readonly closing: number
  /** It was finished. */
  readonly committing: number
  /** It was committed. */
  readonly over: number
  readonly elements: number
  /** Whether more could have been read. */
  readonly isCut: boolean
}

/** Elements of a bundle that is read ahead, at most: a batch takes it whole. */
const AHEAD_BUNDLE = 250
/** Part of a batch that is left for what comes after it was read, at most. */
const CLOSING_SHARE_MAX = 0.9

/** The pace of a run. */
export class BatchPacing {
  readonly #limits: BatchLimits
  readonly #allowances: SourceAllowances
  #estimate: RateEstimate = NO_ESTIMATE
  /** Milliseconds that closing and committing a batch has taken of late. */
  #closingMillis = 0
  readonly #now: () => number
  readonly #latency = new BatchLatency()
  #overAt = 0
  #began: number | undefined
  #delayMillis = 0
  #last: BatchesStatus['last']

  /** @param now the wall clock. */
  constructor(limits: BatchLimits, allowances: SourceAllowances, now: () => number) {
    this.#limits = limits
    this.#allowances = allowances
    this.#now = now
  }

  /** Where the time of the newest batch has gone. */
  get last(): BatchesStatus['last'] {
    return this.#last
  }

  /** Elements that a batch reads at most because earlier ones took too long. */
  get held(): number | undefined {
    const most = elementsMax(this.#estimate, this.#limits.intervalMillis)
    return most === Infinity ? undefined : most
  }

  /** Elements that are to be taken together at most, where they are read ahead. */
  get bundleMax(): number {
    return Math.max(1, Math.min(AHEAD_BUNDLE, Math.floor(this.#elementsMax / 4)))
  }

  /** When the next batch is due after one that began at `began`. */
  due(began: number): number {
    return began + this.#limits.intervalMillis
  }

  /** A batch begins. */
  begin(began: number): void {
    this.#delayMillis = this.#began === undefined ? 0 : Math.max(0, began - this.due(this.#began))
    this.#allowances.begin()
    this.#latency.begin()
  }

  /** Elements that a stage may read now, of a batch that has read `elements`. */
  room(stage: number, elements: number): number {
    return Math.min(this.#allowances.room(stage), this.#elementsMax - elements)
  }

  /** A stage has read so many. */
  take(stage: number, count: number): void {
    this.#allowances.take(stage, count)
  }

  /** Elements have come in; see `SourceJournal`. */
  seen(stage: number, count: number, timestamps: ArrayLike<number> | undefined, arrivedAt: number | undefined): void {
    this.#latency.add(stage, count, timestamps, arrivedAt ?? this.#now())
  }

  /** The latency of the newest batch that a step looks at which these stages feed. */
  latencyOf(stages: ReadonlySet<number> | undefined, measure: LoadMeasure): number | undefined {
    return this.#latency.status(this.#overAt, stages)[measure]?.p99Millis
  }

  /** Whether the newest batch was above the objective. */
  get isAbove(): boolean {
    const { latencyMillis } = this.#limits
    return latencyMillis !== undefined && (this.#last?.latency.arrival?.p99Millis ?? 0) > latencyMillis
  }

  /** Whether the batch has read enough: what comes after also takes its part of the interval. */
  isFull(elements: number, lasts: number): boolean {
    const { intervalMillis } = this.#limits
    const forClosing = Math.min(this.#closingMillis, intervalMillis * CLOSING_SHARE_MAX)
    return elements >= this.#elementsMax || lasts >= intervalMillis - forClosing
  }

  get #elementsMax(): number {
    return Math.min(this.#limits.elementsMax, elementsMax(this.#estimate, this.#limits.intervalMillis))
  }

  /** A batch is committed. */
  over({ began, closing, committing, over, elements, isCut }: BatchTimes): void {
    this.#closingMillis += (over - closing - this.#closingMillis) / 4
    const [busyMillis, closingMillis, delayMillis] = [over - began, over - closing, this.#delayMillis]
    const batch = { elements, busyMillis, closingMillis, delayMillis, isCut }
    this.#estimate = nextEstimate(this.#estimate, batch, this.#limits.intervalMillis)
    this.#began = began
    this.#overAt = this.#now()
    const latency = this.#latency.status(this.#overAt)
    this.#last = {
      readMillis: closing - began,
      closeMillis: committing - closing,
      commitMillis: over - committing,
      elements,
      delayMillis,
      latency,
    }
  }

  /** Nothing was to be done: the next batch is not late for it. */
  idle(): void {
    this.#began = undefined
  }
}
