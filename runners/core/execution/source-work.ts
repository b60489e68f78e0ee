/**
 * Work of a splittable step: a restriction that is still to be read, with what its watermark estimator knows.
 *
 * Law: the watermark of work never falls, and work that is split off begins with the watermark of what it is split from.
 */
import { coded } from '../../../sdk/error-codes.js'
import { addMillis, formatTimestamp, type Instant, TIMESTAMP_MIN, toTimestamp } from '../../../sdk/time.js'
import type { WatermarkPolicy } from '../../../sdk/source/watermark-policy.js'
import type { PaneInfo } from '../../../sdk/windowing/pane-info.js'
import type { Windows } from '../../../sdk/windowing/window.js'

/** The element that names work, as it came. */
export interface WorkElement {
  readonly element: unknown
  readonly timestamp: number
  readonly windows: Windows
  readonly pane: PaneInfo
  /** The round it may come from, as acknowledgement counts. */
  readonly since: number
  /** Counts what the source was given, from 0. */
  readonly number: number
}

/** A restriction that is still to be read. */
export class Work {
  readonly of: WorkElement
  /** Its number within the step. */
  id = 0
  restriction: unknown
  /** Time of the delay clock before which there is nothing to read. */
  notBefore = 0
  /** Whether a drain has already said what of it is still to be done. */
  isTruncated = false
  /** No element with an earlier timestamp will come of it. */
  watermark: number = TIMESTAMP_MIN
  /** Time of the delay clock at which it last gave an element, or was made. */
  activeAt: number
  /** Largest timestamp emitted so far. */
  maxTimestamp: number = TIMESTAMP_MIN

  constructor(of: WorkElement, restriction: unknown, madeAt: number) {
    this.of = of
    this.restriction = restriction
    this.activeAt = madeAt
  }

  /** A part of this work, to be read by itself. */
  part(restriction: unknown, at: number): Work {
    const part = new Work(this.of, restriction, at)
    part.id = this.id
    part.isTruncated = this.isTruncated
    part.watermark = this.watermark
    part.maxTimestamp = this.maxTimestamp
    return part
  }

  /** What a source with a manual watermark reports. */
  report(instant: Instant): void {
    const watermark = toTimestamp(instant)
    if (watermark < this.watermark) {
      throw coded(
        'MR-2021',
        new RangeError(
          `watermark.set(${formatTimestamp(watermark)}) goes back: ${formatTimestamp(this.watermark)} was reported before, and windows may be closed by it. Report growing watermarks.`,
        ),
      )
    }
    this.watermark = watermark
  }

  /** Elements up to a timestamp have been emitted. */
  observe(maxTimestamp: number, at: number): void {
    this.activeAt = at
    if (maxTimestamp > this.maxTimestamp) this.maxTimestamp = maxTimestamp
  }

  /** Moves the watermark as far as its policy allows now. */
  estimate(policy: WatermarkPolicy, now: number): void {
    if (policy.kind === 'wallClock') this.#raise(addMillis(Math.trunc(now), -policy.delayMillis))
    if (policy.kind === 'observed' && this.maxTimestamp !== TIMESTAMP_MIN)
      this.#raise(addMillis(this.maxTimestamp, -policy.outOfOrdernessMillis))
  }

  /** Time that passed while nothing was read, because nobody wanted to: nobody can say that the work was idle in it. */
  wasPausedFor(millis: number): void {
    this.activeAt += millis
  }

  /** Whether the work has given nothing for so long that its watermark follows the clock. */
  isIdle(policy: WatermarkPolicy, at: number): boolean {
    return policy.kind === 'observed' && policy.idleMillis !== undefined && at >= this.activeAt + policy.idleMillis
  }

  /** When the watermark moves next although nothing is read: when the work becomes idle, and now and then after that. */
  nextMove(policy: WatermarkPolicy, at: number): number {
    if (policy.kind !== 'observed' || policy.idleMillis === undefined) return Infinity
    return (this.isIdle(policy, at) ? at : this.activeAt) + Math.max(1, policy.idleMillis)
  }

  /** Of work that is idle, the watermark follows the clock. @returns whether it has moved. */
  followClock(policy: WatermarkPolicy, now: number): boolean {
    return policy.kind === 'observed' && this.#raise(addMillis(Math.trunc(now), -policy.outOfOrdernessMillis))
  }

  #raise(watermark: number): boolean {
    if (watermark <= this.watermark) return false
    this.watermark = watermark
    return true
  }
}
