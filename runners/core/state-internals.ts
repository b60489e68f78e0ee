/**
 * StateInternals: where the state of a stateful step lives, window-major: a table per window, a record per key in it,
 * cells addressed by number.
 *
 * Law: a record is found by key bytes and window; it disappears when its window expires; within a bundle reads see
 * earlier writes; a failed call leaves no trace.
 */
import type { Coder } from '../../sdk/coders/index.js'
import { invariant } from '../../sdk/invariant.js'
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import { KeyMap, representative } from './key-map.js'
import { WindowMap } from './window-map.js'

/** Marks a cell that holds nothing. */
export const UNSET: unique symbol = Symbol('unset')

/** When a timer of a record fires, and which timestamp its output has. */
export interface TimerSetting {
  readonly fireTimestamp: number
  readonly outputTimestamp: number
  /** Of a family: which of its timers this is. */
  readonly tag: string | undefined
  /** Whether the watermark is held at the output timestamp until it fires. */
  readonly holds: boolean
  /** Its place among timers of the same time: given when it is first set, and kept when a call that cleared it is taken back. */
  sequence?: number | undefined
}

/** What the timers of a family are set to, by tag. */
type FamilySettings = Map<string, TimerSetting>

/** State of one key in one window. */
export class StateRecord {
  readonly key: unknown
  readonly window: BoundedWindow
  /** Which of the step's records came first. */
  readonly serial: number
  readonly cells: unknown[]
  readonly timers: (TimerSetting | FamilySettings | undefined)[]
  /** Ends when the calls of this key that are under way have ended; calls of one key never interleave. */
  tail: Promise<unknown> | undefined = undefined
  /** Whether the record may be empty: it is new, or something was cleared. */
  mayBeEmpty = true
  /** Number of the latest call that could be taken back; what such a call changed first needs to know. */
  call = 0
  /** What a store has of it, where it is kept there; only its keeper knows more. */
  stored: unknown = undefined
  /** Whether the table has it no more. */
  isGone = false
  /** Where it is noted when it changes; `undefined` where nobody asks. */
  readonly #changed: StateRecord[] | undefined
  /** Whether it is noted already. Where nobody asks it stays so, which makes a write cost one look. */
  #isNoted = true
  #undo: (() => void)[] | undefined

  constructor(
    key: unknown,
    window: BoundedWindow,
    cellCount: number,
    timerCount: number,
    serial = 0,
    changed?: StateRecord[],
  ) {
    this.key = key
    this.window = window
    this.serial = serial
    this.#changed = changed
    this.cells = new Array<unknown>(cellCount).fill(UNSET)
    this.timers = new Array<TimerSetting | FamilySettings | undefined>(timerCount).fill(undefined)
  }

  /** Whether nothing is stored. */
  get isEmpty(): boolean {
    return this.cells.every((cell) => cell === UNSET) && this.timers.every((timer) => timer === undefined)
  }

  /** Whether somebody asks what has changed. */
  get isTracked(): boolean {
    return this.#changed !== undefined
  }

  /** Notes that something of it changes, be it inside of what a cell holds. */
  note(): void {
    if (this.#isNoted) return
    this.#isNoted = true
    this.#changed?.push(this)
  }

  /** From now on the next change is noted again. */
  awaitNextChange(): void {
    this.#isNoted = this.#changed === undefined
  }

  read(cell: number): unknown {
    return this.cells[cell]
  }

  write(cell: number, value: unknown): void {
    if (!this.#isNoted) this.note()
    const before = this.cells[cell]
    this.#undo?.push(() => {
      this.cells[cell] = before
    })
    this.cells[cell] = value
    if (value === UNSET) this.mayBeEmpty = true
  }

  /** What a timer is set to. */
  timerAt(timer: number, tag: string | undefined): TimerSetting | undefined {
    const there = this.timers[timer]
    return there instanceof Map ? there.get(tag as string) : there
  }

  /** Notes what a timer is set to. */
  setTimer(timer: number, tag: string | undefined, setting: TimerSetting | undefined): void {
    this.note()
    if (tag === undefined) {
      this.timers[timer] = setting
      return
    }
    const family = (this.timers[timer] as FamilySettings | undefined) ?? new Map<string, TimerSetting>()
    if (setting === undefined) family.delete(tag)
    else family.set(tag, setting)
    this.timers[timer] = family.size === 0 ? undefined : family
  }

  /** What timers are set to, by number of the timer. */
  settings(): readonly (readonly [number, TimerSetting])[] {
    return this.timers.flatMap((there, timer) => {
      if (there === undefined) return []
      const settings = there instanceof Map ? [...there.values()] : [there]
      return settings.map((setting) => [timer, setting] as const)
    })
  }

  /** From here on, changes can be taken back: the call may go to a dead letter or be tried again. */
  beginCall(): void {
    this.call++
    this.#undo = []
  }

  /** Adds a step to what {@link rollBack} does. */
  onRollBack(undo: () => void): void {
    this.#undo?.push(undo)
  }

  /** Takes back every change since {@link beginCall}. */
  rollBack(): void {
    const undo = this.#undo ?? []
    this.#undo = undefined
    for (let i = undo.length - 1; i >= 0; i--) (undo[i] as () => void)()
  }

  /** Whether changes can still be taken back. */
  get isInCall(): boolean {
    return this.#undo !== undefined
  }

  /** Makes the changes since {@link beginCall} stay. */
  endCall(): void {
    this.#undo = undefined
  }
}

/**
 * The result of a call that goes on: its changes are made to stay, or taken back, before the key's next call begins, however
 * long its outputs wait for their turn. The next call waits for `record.tail`.
 *
 * @param prune - called when no other call is under way and the record may be empty.
 */
export function callOf(record: StateRecord, result: PromiseLike<unknown>, prune: () => void): Promise<unknown> {
  const ended = Promise.resolve(result).then(
    (value) => {
      record.endCall()
      return value
    },
    (error: unknown) => {
      record.rollBack()
      throw error
    },
  )
  const nothing = (): undefined => undefined
  const tail = ended.then(nothing, nothing)
  record.tail = tail
  void tail.then(() => {
    if (record.tail !== tail) return
    record.tail = undefined
    if (record.mayBeEmpty) prune()
  })
  return ended
}

interface StateTable {
  readonly window: BoundedWindow
  readonly records: KeyMap<StateRecord>
}

/** Which records have changed since the last time. */
export interface RecordChanges {
  /** Records that are new or have changed; some may be gone. */
  readonly changed: readonly StateRecord[]
  /** Records that a store has and that are gone. */
  readonly gone: readonly StateRecord[]
}

/** The records of one stateful step. */
export class StateInternals {
  readonly #keyCoder: Coder<unknown>
  readonly #cellCount: number
  readonly #timerCount: number
  readonly #onNewWindow: (window: BoundedWindow) => void
  readonly #tables = new WindowMap<StateTable>()
  #last: StateTable | undefined
  #serial = 0
  /** Records that have changed, where somebody asks. The list stays the same one: records hold it. */
  #changed: StateRecord[] | undefined
  #gone: StateRecord[] = []

  /** `onNewWindow` is told of each window that has state, so that its expiry can be scheduled. */
  constructor(
    keyCoder: Coder<unknown>,
    cellCount: number,
    timerCount: number,
    onNewWindow: (window: BoundedWindow) => void,
  ) {
    this.#keyCoder = keyCoder
    this.#cellCount = cellCount
    this.#timerCount = timerCount
    this.#onNewWindow = onNewWindow
  }

  /** The record of a key and window, made if there is none. */
  record(key: unknown, window: BoundedWindow): StateRecord {
    const { records } = this.#table(window)
    const existing = records.get(key)
    if (existing !== undefined) return existing
    const record = this.#made(representative(key, this.#keyCoder), window, this.#serial++)
    records.set(key, record)
    this.#changed?.push(record)
    return record
  }

  #made(key: unknown, window: BoundedWindow, serial: number): StateRecord {
    return new StateRecord(key, window, this.#cellCount, this.#timerCount, serial, this.#changed)
  }

  /** From now on notes which records change. */
  track(): void {
    this.#changed = []
  }

  /** What has changed since the last time. */
  takeChanges(): RecordChanges {
    const changes = { changed: this.#changed?.splice(0) ?? [], gone: this.#gone }
    this.#gone = []
    for (const record of changes.changed) record.awaitNextChange()
    return changes
  }

  /** Takes back a window; who is told of new windows is not told of it. */
  restoreWindow(window: BoundedWindow): void {
    this.#tables.set(window, { window, records: new KeyMap(this.#keyCoder) })
  }

  /** Takes back a record of a window that was taken back, after all that came before it; it still awaits what it holds. */
  restoreRecord(key: unknown, window: BoundedWindow, serial: number): StateRecord {
    const table = this.#tables.get(window)
    invariant(table !== undefined, 'a record is taken back after its window')
    const record = this.#made(key, table.window, serial)
    table.records.set(key, record)
    this.#serial = serial + 1
    return record
  }

  /** Forgets a record that holds nothing, so that keys that come and go cost no memory. */
  prune(record: StateRecord): void {
    // A call under way may still write, or take back what it has cleared.
    if (record.tail !== undefined || record.isInCall) return
    record.mayBeEmpty = false
    if (!record.isEmpty) return
    this.#tables.get(record.window)?.records.delete(record.key)
    this.#forget(record)
  }

  #forget(record: StateRecord): void {
    record.isGone = true
    if (record.stored !== undefined) this.#gone.push(record)
  }

  /** Removes a window's state and returns what it was. */
  expire(window: BoundedWindow): readonly StateRecord[] {
    const table = this.#tables.get(window)
    if (table === undefined) return []
    this.#tables.delete(window)
    if (this.#last === table) this.#last = undefined
    const records = [...table.records.values()]
    for (const record of records) this.#forget(record)
    return records
  }

  /** The records of a window, while it lives. */
  recordsOf(window: BoundedWindow): readonly StateRecord[] {
    return [...(this.#tables.get(window)?.records.values() ?? [])]
  }

  /** Number of windows with state. */
  get windowCount(): number {
    return this.#tables.size
  }

  /** Number of keys with state, over all windows. */
  get size(): number {
    let size = 0
    for (const table of this.#tables.values()) size += table.records.size
    return size
  }

  #table(window: BoundedWindow): StateTable {
    if (this.#last?.window === window) return this.#last
    let table = this.#tables.get(window)
    if (table === undefined) {
      table = { window, records: new KeyMap(this.#keyCoder) }
      this.#tables.set(window, table)
      this.#onNewWindow(window)
    }
    this.#last = table
    return table
  }
}
