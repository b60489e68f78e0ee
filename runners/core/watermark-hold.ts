/**
 * WatermarkHold: the smallest of many timestamps that come and go. While a stage keeps data whose output will have
 * timestamp `t`, its output watermark must not pass `t`, else that output would be late when it is born.
 *
 * Law: `min` is the smallest timestamp added and not yet removed; each `add` is matched by one `remove`.
 */
import { invariant } from '../../sdk/invariant.js'
import { TIMESTAMP_MAX } from '../../sdk/time.js'
import { TimerQueue } from './timer-internals.js'

/** Candidates that may wait in vain before they are sorted out, beyond as many as there are holds. */
const SPARE = 64

/** A multiset of timestamps with a minimum. */
export class WatermarkHold {
  readonly #counts = new Map<number, number>()
  /** Candidates for the minimum; removed ones are skipped when they come up. */
  #queue = new TimerQueue<null>()

  add(timestamp: number): void {
    const count = this.#counts.get(timestamp)
    this.#counts.set(timestamp, (count ?? 0) + 1)
    if (count !== undefined) return
    this.#queue.add(timestamp, null)
    if (this.#queue.size > 2 * this.#counts.size + SPARE) this.#rebuild()
  }

  remove(timestamp: number): void {
    const count = this.#counts.get(timestamp)
    invariant(count !== undefined, 'only a hold that was added is removed', { timestamp })
    if (count === 1) this.#counts.delete(timestamp)
    else this.#counts.set(timestamp, count - 1)
  }

  /** The smallest hold, or the end of time when there is none. */
  get min(): number {
    for (;;) {
      const head = this.#queue.peek()
      if (head === undefined) return TIMESTAMP_MAX
      if (this.#counts.has(head.timestamp)) return head.timestamp
      this.#queue.takeDue(Number.POSITIVE_INFINITY)
    }
  }

  /** Number of timestamps that are held. */
  get size(): number {
    return this.#counts.size
  }

  /** Number of candidates for the minimum, those that are held no more included. */
  get waiting(): number {
    return this.#queue.size
  }

  /** Forgets candidates that are held no more, or stand there twice. */
  #rebuild(): void {
    this.#queue = new TimerQueue()
    for (const timestamp of this.#counts.keys()) this.#queue.add(timestamp, null)
  }
}
