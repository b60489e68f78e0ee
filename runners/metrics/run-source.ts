/**
 * Looks at a run on its own thread, seldom enough that the looks cost nothing. A capability: it has a clock.
 *
 * Law: a run under way is looked at once a second at most, one that is over once more.
 */
import { performance } from 'node:perf_hooks'
import type { RunningPipeline } from '../runner.js'
import type { AgedSnapshot } from './readiness.js'
import { type ObservedRun, type RunSnapshot, snapshotOf } from './snapshot.js'
import { ThreadObserver } from './thread-reading.js'

const LOOK_MILLIS = 1000

/** Snapshots of a run. */
export class RunSource {
  readonly #run: ObservedRun
  readonly #thread = new ThreadObserver()
  #last: { readonly snapshot: RunSnapshot; readonly at: number } | undefined

  constructor(run: RunningPipeline) {
    this.#run = run
    const forget = (): void => {
      this.#last = undefined
    }
    run.result.then(forget, forget)
  }

  /** A snapshot of a run at which nobody looks regularly. */
  static once(run: ObservedRun): RunSnapshot {
    const thread = new ThreadObserver()
    try {
      return snapshotOf(run, thread.read())
    } finally {
      thread.close()
    }
  }

  /** What is known now. */
  latest(): AgedSnapshot {
    const now = performance.now()
    if (this.#last === undefined || now - this.#last.at >= LOOK_MILLIS)
      this.#last = { snapshot: snapshotOf(this.#run, this.#thread.read()), at: now }
    return { snapshot: this.#last.snapshot, ageMillis: now - this.#last.at }
  }

  /** Ends the observation of the thread. */
  close(): void {
    this.#thread.close()
  }
}
