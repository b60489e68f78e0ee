/**
 * ProcessingClock: the processing time of a run, which triggers and processing-time timers wait for.
 *
 * Law: it never falls, whatever the wall clock does; everything due at an instant sees a time that is past it.
 */
import type { Env } from '../../sdk/env.js'

/** Processing time, in milliseconds since 1970 UTC. */
export class ProcessingClock {
  readonly #env: Pick<Env, 'now'>
  #latest = Number.NEGATIVE_INFINITY

  constructor(env: Pick<Env, 'now'>) {
    this.#env = env
  }

  /** The time now, or the latest that has been told. */
  now(): number {
    this.#latest = Math.max(this.#latest, this.#env.now())
    return this.#latest
  }
}
