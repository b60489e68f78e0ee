/**
 * ProcessingClock: the processing time of a run, which triggers and processing-time timers wait for.
 *
 * Law: it never falls, whatever the wall clock does; everything due at an instant sees a time that is past it. A wall clock
 * that is set back does not stop it: what waits for an hour waits for an hour.
 */
import type { Env } from '../../sdk/env.js'

/** A wall clock that falls by less is being adjusted, and waited for. One that falls by more has been set back. */
const SET_BACK_MILLIS = 1000

/** Processing time, in milliseconds since 1970 UTC. */
export class ProcessingClock {
  readonly #env: Pick<Env, 'now'>
  #latest = Number.NEGATIVE_INFINITY
  /** The latest time of the wall clock since it was set back. */
  #wall = Number.NEGATIVE_INFINITY
  /** How far the wall clock was set back, until it has caught up. */
  #lead = 0

  constructor(env: Pick<Env, 'now'>) {
    this.#env = env
  }

  /** Goes on from a time that was told before, by another clock of the same run. */
  restore(told: number): void {
    this.#latest = told
    this.#wall = told
    this.#lead = 0
  }

  /** The time now, or the latest that has been told. */
  now(): number {
    const wall = this.#env.now()
    if (wall >= this.#latest) {
      this.#lead = 0
      this.#wall = wall
      this.#latest = wall
      return wall
    }
    if (wall < this.#wall - SET_BACK_MILLIS) {
      this.#lead = this.#latest - wall
      this.#wall = wall
    } else if (wall > this.#wall) {
      this.#wall = wall
    }
    this.#latest = Math.max(this.#latest, wall + this.#lead)
    return this.#latest
  }
}
