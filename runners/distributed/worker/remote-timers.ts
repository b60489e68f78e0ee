/**
 * Timers that an engine keeps: what a bundle has set and cleared of them, and what has come due.
 *
 * Law: of a timer the last that was said in a bundle is what the engine is told.
 */
import { type Coder, encodeToBytes, type TimerElement } from '../../../sdk/coders/index.js'
import { TIMESTAMP_MIN } from '../../../sdk/time.js'
import { NO_FIRING } from '../../../sdk/windowing/pane-info.js'
import type { BoundedWindow } from '../../../sdk/windowing/window.js'
import type { StateRecord, TimerSetting } from '../../core/state-internals.js'
import type { TimerInternals } from '../../core/timer-cells.js'

/** A timer of the step. */
export interface RemoteTimer {
  readonly name: string
  readonly isProcessingTime: boolean
  /** The engine's coder of its records. */
  readonly coder: Coder<TimerElement<unknown, BoundedWindow>>
}

interface Change {
  readonly record: StateRecord
  readonly tag: string | undefined
  readonly setting: TimerSetting | undefined
}

/** The timers of one step in one bundle. */
export class RemoteTimers implements TimerInternals {
  /** Unknown here: the engine drops what is late. */
  readonly inputWatermark: number = TIMESTAMP_MIN
  /** Timestamp of the element or timer at hand. */
  eventTime: number = TIMESTAMP_MIN
  readonly #timers: readonly RemoteTimer[]
  readonly #clock: () => number
  readonly #changes: Map<StateRecord, Map<string, Change>>[]

  constructor(timers: readonly RemoteTimer[], clock: () => number) {
    this.#timers = timers
    this.#clock = clock
    this.#changes = timers.map(() => new Map<StateRecord, Map<string, Change>>())
  }

  get processingTime(): number {
    return this.#clock()
  }

  set(record: StateRecord, timer: number, setting: TimerSetting): void {
    this.#note(timer, { record, tag: setting.tag, setting })
  }

  clear(record: StateRecord, timer: number, { tag }: TimerSetting): void {
    this.#note(timer, { record, tag, setting: undefined })
  }

  clearUnknown(record: StateRecord, timer: number, tag: string | undefined): void {
    this.#note(timer, { record, tag, setting: undefined })
  }

  #note(timer: number, change: Change): void {
    const changes = this.#changes[timer] as Map<StateRecord, Map<string, Change>>
    const ofRecord = changes.get(change.record)
    if (ofRecord === undefined) changes.set(change.record, new Map([[change.tag ?? '', change]]))
    else ofRecord.set(change.tag ?? '', change)
  }

  /** Hands over what has been said of each timer, as the engine reads it. */
  write(put: (family: string, bytes: Uint8Array) => void): void {
    this.#timers.forEach(({ name, coder }, timer) => {
      const changes = this.#changes[timer] as Map<StateRecord, Map<string, Change>>
      for (const ofRecord of changes.values())
        for (const change of ofRecord.values()) put(name, encodeToBytes(coder, elementOf(change), true))
      changes.clear()
    })
  }
}

function elementOf({ record, tag = '', setting }: Change): TimerElement<unknown, BoundedWindow> {
  const of = { userKey: record.key, dynamicTimerTag: tag, windows: [record.window] }
  if (setting === undefined) return { ...of, clearBit: true }
  const { fireTimestamp, outputTimestamp: holdTimestamp } = setting
  return { ...of, clearBit: false, fireTimestamp, holdTimestamp, pane: NO_FIRING }
}
