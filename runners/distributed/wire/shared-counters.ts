/**
 * What the threads of wire and user code know of each other without a message: bytes that are on their way, how far open bundles have
 * come, and whether a split is still wanted.
 *
 * Law: each number is written by one side, or only added to. What is shared decides nothing by itself but the ticket of a split, which
 * one side takes and the other can then not give up.
 */

const OUT = 0
const IN = 1
const OUT_AWAITED = 2
const IN_PAUSED = 3
const STARTS = 4
const OVER = 5
const SLOTS_AT = 8
const PER_SLOT = 2
/** Open bundles of whose progress is told; of more, nothing is. */
export const SLOTS_MAX = 1024

/** Bytes of output that may be on their way before user code is held up. */
export const OUT_BYTES_MAX: number = 8 * 1024 * 1024
/** Bytes of input that may wait for user code before the engine is held up. */
export const IN_BYTES_MAX: number = 64 * 1024 * 1024

const CLOSED = 0
const ASKED = 1
const TAKEN = 2

/** Numbers count units of so many bytes: 2 GB of them would be too many for 32 bits. */
const UNIT = 64
const units = (bytes: number): number => Math.ceil(bytes / UNIT)

/** The numbers. */
export class SharedCounters {
  readonly buffer: SharedArrayBuffer
  readonly #numbers: Int32Array

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(4 * (SLOTS_AT + PER_SLOT * SLOTS_MAX))) {
    this.buffer = buffer
    this.#numbers = new Int32Array(buffer)
  }

  #add(at: number, by: number): void {
    Atomics.add(this.#numbers, at, by)
  }

  // ---- output: user code adds, the wire takes away ---------------------------------------------------------------

  outPut(bytes: number): void {
    this.#add(OUT, units(bytes))
  }

  /** Output has left. @returns whether user code waits to hear that there is room. */
  outLeft(bytes: number): boolean {
    this.#add(OUT, -units(bytes))
    Atomics.notify(this.#numbers, OUT)
    return !this.isOutFull && Atomics.compareExchange(this.#numbers, OUT_AWAITED, 1, 0) === 1
  }

  /** Of a wire that is over nothing leaves, and nobody waits for it. */
  get isOutFull(): boolean {
    return !this.isOver && Atomics.load(this.#numbers, OUT) > units(OUT_BYTES_MAX)
  }

  /** Whether the wire is over: nothing leaves any more, and nothing is answered. */
  get isOver(): boolean {
    return Atomics.load(this.#numbers, OVER) === 1
  }

  /** The wire is over. Whoever is blocked goes on. */
  end(): void {
    Atomics.store(this.#numbers, OVER, 1)
    Atomics.notify(this.#numbers, OUT)
  }

  /** The next time there is room, the wire says so. */
  awaitRoom(): void {
    Atomics.store(this.#numbers, OUT_AWAITED, 1)
  }

  /** Blocks while there is no room, but not when a bundle begins meanwhile: the engine may wait for that one. */
  blockWhileFull(): void {
    const starts = Atomics.load(this.#numbers, STARTS)
    for (
      let out = Atomics.load(this.#numbers, OUT);
      out > units(OUT_BYTES_MAX);
      out = Atomics.load(this.#numbers, OUT)
    ) {
      if (this.isOver || Atomics.load(this.#numbers, STARTS) !== starts) return
      Atomics.wait(this.#numbers, OUT, out, 50)
    }
  }

  /** A bundle has begun. */
  started(): void {
    this.#add(STARTS, 1)
  }

  // ---- input: the wire adds, user code takes away ----------------------------------------------------------------

  inPut(bytes: number): void {
    this.#add(IN, units(bytes))
  }

  /** Input is worked off. @returns whether the engine was held up, and need not be any more. */
  inTaken(bytes: number): boolean {
    this.#add(IN, -units(bytes))
    return this.isPaused && Atomics.load(this.#numbers, IN) < units(IN_BYTES_MAX) / 2
  }

  /** @param more bytes beyond the usual, where a bundle would starve. */
  isInFull(more: number): boolean {
    return Atomics.load(this.#numbers, IN) > units(IN_BYTES_MAX + more)
  }

  get isPaused(): boolean {
    return Atomics.load(this.#numbers, IN_PAUSED) === 1
  }

  set isPaused(is: boolean) {
    Atomics.store(this.#numbers, IN_PAUSED, is ? 1 : 0)
  }

  // ---- open bundles, by slot ---------------------------------------------------------------------------------------

  /** A bundle is given a slot. */
  open(slot: number): void {
    Atomics.store(this.#numbers, SLOTS_AT + PER_SLOT * slot, -1)
    Atomics.store(this.#numbers, SLOTS_AT + PER_SLOT * slot + 1, CLOSED)
  }

  /** Index of the element at work, -1 before the first. */
  index(slot: number): number {
    return Atomics.load(this.#numbers, SLOTS_AT + PER_SLOT * slot)
  }

  setIndex(slot: number, index: number): void {
    Atomics.store(this.#numbers, SLOTS_AT + PER_SLOT * slot, Math.min(index, 2 ** 31 - 1))
  }

  /** The engine wants a split. @returns whether none is under way. */
  askSplit(slot: number): boolean {
    return this.#ticket(slot, CLOSED, ASKED)
  }

  /** User code splits now. @returns whether it is still wanted. */
  takeSplit(slot: number): boolean {
    return this.#ticket(slot, ASKED, TAKEN)
  }

  /** The wire waits no longer. @returns whether user code will not split any more. */
  giveUpSplit(slot: number): boolean {
    return this.#ticket(slot, ASKED, CLOSED)
  }

  /** The split is answered. */
  splitDone(slot: number): void {
    Atomics.store(this.#numbers, SLOTS_AT + PER_SLOT * slot + 1, CLOSED)
  }

  #ticket(slot: number, from: number, to: number): boolean {
    return Atomics.compareExchange(this.#numbers, SLOTS_AT + PER_SLOT * slot + 1, from, to) === from
  }
}
