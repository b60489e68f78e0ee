/**
 * What a run is to the checkpoint: the one that leads, one that follows, or one that waited and is over.
 */
import type { RunLog } from '../core/run-log.js'
import type { BatchesStatus } from '../run-status.js'
import type { Fence } from './fence.js'
import type { Standby, Waiting } from './query-store.js'
import type { StoreFailed } from './store/errors.js'

/** How a run waits while another has the checkpoint; the fence is that of a hot one. */
export interface StandbyMode {
  readonly mode: Standby
  readonly fence: Fence | undefined
  readonly waited: Waited
}

/** Of the whole run, which may go on as one that waits in another way. */
export interface Waited {
  /** Who had the checkpoint when it began to wait; `undefined` when nobody had. */
  holder: string | undefined
}

/** See the head of this file. */
export class StandbyRole {
  readonly #standby: StandbyMode | undefined
  readonly #log: RunLog
  /** Whether nobody wants it to take over any more. */
  readonly #isUnwanted: () => boolean
  #hindrance: string | undefined
  #status: BatchesStatus['standby']

  constructor(standby: StandbyMode | undefined, log: RunLog, isUnwanted: () => boolean) {
    this.#standby = standby
    this.#log = log
    this.#isUnwanted = isUnwanted
  }

  /** As long as it waits, or follows. */
  get status(): BatchesStatus['standby'] {
    return this.#status
  }

  get waiting(): Waiting | undefined {
    const standby = this.#standby
    if (standby === undefined) return undefined
    const { mode } = standby
    return {
      mode,
      isOver: this.#isUnwanted,
      begins: (holder) => {
        standby.waited.holder = holder
        this.#status = { mode, holder, batch: 0 }
        this.#log.note(`stands by (${mode}): the checkpoint is held by ${holder}`, { mode, holder })
      },
      hindered: (error) => this.hindered(error),
      follows: (batch) => this.follows(batch),
    }
  }

  /** It could take over, and the files do not let it. */
  hindered(error: StoreFailed): void {
    if (this.#hindrance === error.message) return
    this.#hindrance = error.message
    this.#log.note(`cannot take over yet, and waits on: ${error.message}`, { code: error.code })
  }

  /** The state of this batch is at hand. */
  follows(batch: number): void {
    if (this.#status !== undefined) this.#status = { ...this.#status, batch }
  }

  /** It has the lease. */
  takesOver(): void {
    const standby = this.#standby
    standby?.fence?.lower()
    const holder = standby?.waited.holder
    if (standby === undefined || holder === undefined) return
    const { mode } = standby
    this.#log.note(`takes over (${mode}) from ${holder}`, { mode, holder })
    this.#status = undefined
  }
}
