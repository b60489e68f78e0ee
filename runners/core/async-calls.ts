/**
 * Asynchronous calls of one step. A call that returns a promise takes a slot; its outputs leave when every earlier slot
 * has left (or at once, if the step does not ask for order). Synchronous calls never come here, unless earlier ones are
 * still under way.
 *
 * Law: at most `concurrency` promises are pending; outputs leave in input order; nothing leaves twice.
 */

/** What happens to a settled call. */
interface Slot {
  readonly element: unknown
  readonly startedAt: number
  /** Set when settled. */
  deliver: (() => void) | undefined
}

/** What the calls report to. */
export interface AsyncHost {
  /** A call has begun or ended waiting; `by` is +1 or −1. */
  pendingChanged(by: number): void
  /** Calls wait for room, or no longer; `by` is +1 or −1 each. */
  waitingChanged(by: number): void
  /** Delivering failed for good. */
  broken(error: unknown): void
  monotonic(): number
}

/** A call that has waited longest, for reports. */
export interface PendingCall {
  readonly element: unknown
  readonly startedAt: number
}

/** The calls of one step. */
export class AsyncCalls {
  readonly #host: AsyncHost
  readonly #concurrency: number
  readonly #ordered: boolean
  readonly #slots: Slot[] = []
  readonly #waiting: (() => void)[] = []
  #inFlight = 0
  #isDraining = false

  constructor(host: AsyncHost, concurrency: number, ordered: boolean) {
    this.#host = host
    this.#concurrency = concurrency
    this.#ordered = ordered
  }

  /** Whether anything is under way: then also synchronous results must queue. */
  get isBusy(): boolean {
    return this.#slots.length > 0 || this.#waiting.length > 0
  }

  /** Whether another call would exceed the concurrency. */
  get isFull(): boolean {
    return this.#inFlight >= this.#concurrency || this.#waiting.length > 0
  }

  /** The call that has been pending longest. */
  get oldest(): PendingCall | undefined {
    return this.#slots.find((slot) => slot.deliver === undefined)
  }

  /** Makes a call later, when there is room. */
  wait(call: () => void): void {
    this.#waiting.push(call)
    this.#host.waitingChanged(1)
    this.#host.pendingChanged(1)
  }

  /** Queues a result that is there already behind those that are not. */
  queue(element: unknown, deliver: () => void): void {
    if (!this.#ordered) {
      deliver()
      return
    }
    this.#slots.push({ element, startedAt: this.#host.monotonic(), deliver })
    this.#host.pendingChanged(1)
    this.#leave()
  }

  /** Queues a promise. */
  defer(
    element: unknown,
    promise: PromiseLike<unknown>,
    onValue: (value: unknown) => void,
    onError: (error: unknown) => void,
  ): void {
    const slot: Slot = { element, startedAt: this.#host.monotonic(), deliver: undefined }
    this.#slots.push(slot)
    this.#inFlight++
    this.#host.pendingChanged(1)
    const settle = (deliver: () => void): void => {
      if (slot.deliver !== undefined) return
      slot.deliver = deliver
      this.#inFlight--
      if (!this.#ordered) {
        this.#slots.splice(this.#slots.indexOf(slot), 1)
        this.#slots.unshift(slot)
      }
      this.#leave()
    }
    try {
      promise.then(
        (value) => settle(() => onValue(value)),
        (error: unknown) => settle(() => onError(error)),
      )
    } catch (error) {
      settle(() => onError(error))
    }
  }

  /** Forgets everything: the bundle has failed. */
  abandon(): void {
    const left = this.#slots.length + this.#waiting.length
    for (const slot of this.#slots) slot.deliver ??= () => undefined
    this.#slots.length = 0
    if (this.#waiting.length > 0) this.#host.waitingChanged(-this.#waiting.length)
    this.#waiting.length = 0
    this.#inFlight = 0
    if (left > 0) this.#host.pendingChanged(-left)
  }

  /** Delivers what may leave, then makes calls that waited for room. */
  #leave(): void {
    if (this.#isDraining) return
    this.#isDraining = true
    try {
      for (;;) {
        const head = this.#slots[0]
        if (head?.deliver !== undefined) {
          this.#slots.shift()
          head.deliver()
          this.#host.pendingChanged(-1)
        } else if (this.#waiting.length > 0 && this.#inFlight < this.#concurrency) {
          const call = this.#waiting.shift() as () => void
          this.#host.waitingChanged(-1)
          call()
          this.#host.pendingChanged(-1)
        } else {
          return
        }
      }
    } catch (error) {
      this.#host.broken(error)
    } finally {
      this.#isDraining = false
    }
  }
}
