/**
 * TimerInternals: event-time timers of one stage, waiting in the order of their times.
 *
 * Law: a timer set to `t` is due once the watermark is past `t` (strictly, as in Beam: elements at `t` may still come
 * while the watermark stands at `t`); timers come out in the order of their times, equal times in the order of setting.
 */

/** A waiting entry. */
export interface TimerEntry<P> {
  readonly timestamp: number
  /** Breaks ties of time: smaller first. */
  readonly rank: number
  readonly sequence: number
  readonly payload: P
}

/** A queue of entries by time: a binary heap. */
export class TimerQueue<P> {
  readonly #heap: TimerEntry<P>[] = []
  #sequence = 0

  get size(): number {
    return this.#heap.length
  }

  /**
   * Adds an entry; `rank` orders entries of the same time.
   *
   * @param sequence - its place among entries of the same time and rank, if it has one already.
   * @returns its place.
   */
  add(timestamp: number, payload: P, rank = 0, sequence: number = this.#sequence): number {
    if (sequence >= this.#sequence) this.#sequence = sequence + 1
    const entry: TimerEntry<P> = { timestamp, rank, sequence, payload }
    const heap = this.#heap
    let at = heap.push(entry) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(entry, heap[parent] as TimerEntry<P>)) break
      heap[at] = heap[parent] as TimerEntry<P>
      at = parent
    }
    heap[at] = entry
    return sequence
  }

  /** All entries, in no particular order; for those who look at a run. */
  entries(): readonly TimerEntry<P>[] {
    return this.#heap
  }

  /** The earliest entry. */
  peek(): TimerEntry<P> | undefined {
    return this.#heap[0]
  }

  /** The earliest entry whose payload is wanted; those before it are forgotten. */
  firstWanted(isWanted: (payload: P) => boolean): TimerEntry<P> | undefined {
    while (this.#heap.length > 0 && !isWanted((this.#heap[0] as TimerEntry<P>).payload)) this.#take()
    return this.#heap[0]
  }

  /** Takes out the earliest entry if the watermark is past it. */
  takeDue(watermark: number): TimerEntry<P> | undefined {
    const head = this.#heap[0]
    return head !== undefined && head.timestamp < watermark ? this.#take() : undefined
  }

  /** Keeps only the entries whose payload is wanted. */
  retain(isWanted: (payload: P) => boolean): void {
    const kept = this.#heap.filter(({ payload }) => isWanted(payload))
    this.#heap.length = 0
    // A sorted array is a heap.
    for (const entry of kept.sort((a, b) => (before(a, b) ? -1 : 1))) this.#heap.push(entry)
  }

  #take(): TimerEntry<P> {
    const heap = this.#heap
    const head = heap[0] as TimerEntry<P>
    const last = heap.pop() as TimerEntry<P>
    if (heap.length === 0) return head
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      if (left >= heap.length) break
      const right = left + 1
      const child =
        right < heap.length && before(heap[right] as TimerEntry<P>, heap[left] as TimerEntry<P>) ? right : left
      if (!before(heap[child] as TimerEntry<P>, last)) break
      heap[at] = heap[child] as TimerEntry<P>
      at = child
    }
    heap[at] = last
    return head
  }
}

function before<P>(a: TimerEntry<P>, b: TimerEntry<P>): boolean {
  return a.timestamp !== b.timestamp
    ? a.timestamp < b.timestamp
    : a.rank !== b.rank
      ? a.rank < b.rank
      : a.sequence < b.sequence
}
