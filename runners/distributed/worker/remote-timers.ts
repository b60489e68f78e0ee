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
  readonly #wall: () => number
  /** No timer of event time is set to a time before this in the bundle. */
  #earliest = Infinity
  /** Timers that came due in the bundle, by record. */
  readonly #delivered: Map<StateRecord, Set<string>>[]
  readonly #changes: Map<StateRecord, Map<string, Change>>[]

  /** @param clock never falls. @param wall is the engine's, which may be set back. */
  constructor(timers: readonly RemoteTimer[], clock: () => number, wall: () => number) {
    this.#timers = timers
    this.#clock = clock
    this.#wall = wall
    this.#delivered = timers.map(() => new Map<StateRecord, Set<string>>())
    this.#changes = timers.map(() => new Map<StateRecord, Map<string, Change>>())
  }

  get processingTime(): number {
    return this.#clock()
  }

  /** How far the clock of user code is ahead of the engine's: timers of the clock are told to it, and told by it, in its time. */
  get lead(): number {
    return this.#clock() - this.#wall()
  }

  set(record: StateRecord, timer: number, setting: TimerSetting): void {
    if (this.#timers[timer]?.isProcessingTime === false)
      this.#earliest = Math.min(this.#earliest, setting.fireTimestamp)
    this.#note(timer, { record, tag: setting.tag, setting })
  }

  clear(record: StateRecord, timer: number, { tag }: TimerSetting): void {
    this.#note(timer, { record, tag, setting: undefined })
  }

  clearUnknown(record: StateRecord, timer: number, tag: string | undefined): void {
    this.#note(timer, { record, tag, setting: undefined })
  }

  #note(timer: number, change: Change): void {
    const { record, tag = '' } = change
    const changes = this.#changes[timer] as Map<StateRecord, Map<string, Change>>
    const ofRecord = changes.get(record) ?? new Map<string, Change>()
    changes.set(record, ofRecord)
    const before = ofRecord.get(tag)
    ofRecord.set(tag, change)
    // What a call has said that is taken back must not be told to the engine either.
    if (record.isInCall)
      record.onRollBack(() => {
        if (before === undefined) ofRecord.delete(tag)
        else ofRecord.set(tag, before)
      })
  }

  /** A timer is due: the engine has it no longer. */
  delivered(record: StateRecord, timer: number, tag = ''): void {
    const tags = this.#delivered[timer]?.get(record)
    if (tags === undefined) this.#delivered[timer]?.set(record, new Set([tag]))
    else tags.add(tag)
  }

  /** Whether something has been said of a timer in this bundle. */
  isChanged(record: StateRecord, timer: number, tag = ''): boolean {
    return this.#changes[timer]?.get(record)?.has(tag) === true
  }

  /** Takes the first timer of event time that was set in this bundle to a time not after this one: it fires here. */
  takeSet(
    until: number,
  ): { readonly record: StateRecord; readonly timer: number; readonly setting: TimerSetting } | undefined {
    // prettier-ignore
    if (until < this.#earliest) return undefined
    this.#earliest = Infinity
    let first: { record: StateRecord; timer: number; setting: TimerSetting } | undefined
    this.#timers.forEach(({ isProcessingTime }, timer) => {
      if (isProcessingTime) return
      for (const ofRecord of this.#changes[timer]?.values() ?? [])
        for (const { record, setting } of ofRecord.values())
          if (setting !== undefined) {
            this.#earliest = Math.min(this.#earliest, setting.fireTimestamp)
            if (setting.fireTimestamp <= until && setting.fireTimestamp < (first?.setting.fireTimestamp ?? Infinity))
              first = { record, timer, setting }
          }
    })
    if (first !== undefined) this.clear(first.record, first.timer, first.setting)
    return first
  }

  /** Hands over what has been said of each timer, as the engine reads it. */
  write(put: (family: string, bytes: Uint8Array) => void): void {
    this.#timers.forEach(({ name, coder, isProcessingTime }, timer) => {
      const lead = isProcessingTime ? this.lead : 0
      const changes = this.#changes[timer] as Map<StateRecord, Map<string, Change>>
      for (const [record, ofRecord] of changes)
        for (const [tag, change] of ofRecord) {
          // To clear what has come due would be to clear it twice, and Prism then fails.
          if (change.setting === undefined && this.#delivered[timer]?.get(record)?.has(tag) === true) continue
          put(name, encodeToBytes(coder, elementOf(change, lead), true))
        }
      this.#delivered[timer]?.clear()
      changes.clear()
    })
    this.#earliest = Infinity
  }
}

/** A timer that tells when the window of a key has expired, for engines that tell it in no other way. */
export function expirationTimer(
  { key, window }: StateRecord,
  fireTimestamp: number,
): TimerElement<unknown, BoundedWindow> {
  // prettier-ignore
  const setting = { fireTimestamp, holdTimestamp: window.maxTimestamp, pane: NO_FIRING }
  return { userKey: key, dynamicTimerTag: '', windows: [window], clearBit: false, ...setting }
}

function elementOf({ record, tag = '', setting }: Change, lead: number): TimerElement<unknown, BoundedWindow> {
  const of = { userKey: record.key, dynamicTimerTag: tag, windows: [record.window] }
  if (setting === undefined) return { ...of, clearBit: true }
  const { outputTimestamp: holdTimestamp } = setting
  const fireTimestamp = setting.fireTimestamp - lead
  return { ...of, clearBit: false, fireTimestamp, holdTimestamp, pane: NO_FIRING }
}
