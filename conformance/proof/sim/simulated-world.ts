/**
 * A world of simulated time: nothing waits, and nothing else than a seed decides what happens. Each look at the clock costs a moment;
 * what sleeps is woken when nothing else is left to do.
 *
 * Law: two worlds of one seed give the same answers to the same questions.
 */
import type { Env } from 'millrace'

interface Sleeper {
  readonly at: number
  readonly number: number
  readonly callback: () => void
}

/** Turns of the event loop without progress after which a run is taken to hang. */
const IDLE_TURNS_MAX = 200

/** 2026-01-01, when simulated time begins. */
const BEGIN = 1_767_225_600_000

/** See the head of this file. */
export class SimulatedWorld {
  readonly env: Env
  /** Milliseconds that have passed. */
  elapsed = 0
  readonly #sleepers = new Map<number, Sleeper>()
  #number = 0
  /** By how much somebody has set the clock of the wall back. */
  #setBack = 0

  /**
   * @param random decides how much time passes, and what `env.random` gives.
   * @param momentMillis what a look at the clock costs at most.
   */
  constructor(random: () => number, momentMillis: number) {
    this.env = {
      now: () => BEGIN + Math.floor(this.elapsed) - this.#setBack,
      monotonic: () => (this.elapsed += random() * momentMillis),
      random,
      setTimer: (millis, callback) => {
        const number = ++this.#number
        this.#sleepers.set(number, { at: this.elapsed + Math.max(0, millis), number, callback })
        return { cancel: () => void this.#sleepers.delete(number) }
      },
      yield: () => Promise.resolve(),
      print: () => undefined,
      files: undefined,
      crashpoint: () => undefined,
      buggify: () => false,
    }
  }

  /** Sets the clock of the wall back; time passes as before. */
  setBack(millis: number): void {
    this.#setBack += millis
  }

  /**
   * Lets time pass until a promise is settled.
   *
   * @throws when it is not after so much time, or when nothing is left that could settle it.
   */
  async until<T>(promise: Promise<T>, millisMax: number): Promise<T> {
    let isSettled = false
    const settled = promise.finally(() => (isSettled = true))
    settled.catch(() => undefined)
    let idle = 0
    for (;;) {
      await new Promise<void>((resolve) => void setImmediate(resolve))
      if (isSettled as boolean) return settled
      if (this.elapsed > millisMax) throw new Error(`it is not over after ${millisMax} simulated milliseconds`)
      if (this.#wakeNext()) idle = 0
      else if (++idle > IDLE_TURNS_MAX) throw new Error('it hangs: nothing is left that could go on')
    }
  }

  #wakeNext(): boolean {
    let next: Sleeper | undefined
    for (const sleeper of this.#sleepers.values())
      if (next === undefined || sleeper.at < next.at || (sleeper.at === next.at && sleeper.number < next.number))
        next = sleeper
    if (next === undefined) return false
    this.#sleepers.delete(next.number)
    this.elapsed = Math.max(this.elapsed, next.at)
    next.callback()
    return true
  }
}
