/**
 * MergingWindows: the cells of a grouping whose windows merge, per key. Elements wait for the end of their bundle; then the
 * windows of a key unite, and the elements are added to what became of theirs.
 *
 * Law: no two windows of a key that have a cell are to be merged. A window whose trigger has finished has no cell any more,
 * but is remembered until it expires, so that elements of that very window are dropped; one that reaches beyond it is a new
 * window.
 */
import type { Coder } from '../../sdk/coders/index.js'
import { invariant } from '../../sdk/invariant.js'
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import type { WindowFn } from '../../sdk/windowing/window-fn.js'
import { ActiveWindowSet } from './active-window-set.js'
import type { CellHolds } from './cell-holds.js'
import { KeyMap, representative } from './key-map.js'
import type { ReduceFn } from './reduce-fn.js'
import type { MergingCell, ReduceCell } from './reduce-table.js'
import type { TriggerState } from './trigger-node.js'
import type { TriggerStateMachine } from './trigger-state-machine.js'
import type { CellContext } from './wake-calls.js'
import { WindowMap } from './window-map.js'

/** What merging needs of its grouping. */
export interface MergingServices {
  readonly windowFn: WindowFn
  readonly keyCoder: Coder<unknown>
  readonly reduce: ReduceFn
  readonly trigger: TriggerStateMachine
  readonly context: CellContext
  readonly holds: CellHolds
  readonly guard: <T>(call: string, key: unknown, window: BoundedWindow, run: () => T) => T
  /** A cell of a window that is to be asked at its end. */
  readonly newCell: (key: unknown, window: BoundedWindow, accumulator: unknown) => MergingCell
  readonly addToCell: (cell: MergingCell, value: unknown, timestamp: number) => void
  /** A cell is a union now. */
  readonly united: (cell: MergingCell) => void
  /** Windows of a key come or go. */
  readonly changed: (key: unknown) => void
  /** A cell is part of a union now. */
  readonly mergedAway: (cell: MergingCell) => void
  /** An element of a window whose trigger has finished. */
  readonly dropClosed: (key: unknown, value: unknown, timestamp: number, window: BoundedWindow) => void
}

/** The windows of a key. */
interface KeyWindows {
  readonly key: unknown
  readonly active: ActiveWindowSet<MergingCell>
  /** Windows whose trigger has finished, until they expire. */
  readonly closed: WindowMap<TriggerState>
}

/** A window whose trigger has finished; what was remembered of it is gone where it has become part of another. */
export interface ClosingWindow {
  readonly window: BoundedWindow
  readonly trigger: TriggerState | undefined
}

/** Elements of one key that wait for the end of their bundle. */
interface Arrived {
  readonly key: unknown
  readonly values: unknown[]
  readonly timestamps: number[]
  readonly windows: BoundedWindow[]
}

/** Cells by key and window. */
export class MergingWindows {
  readonly #services: MergingServices
  readonly #byKey: KeyMap<KeyWindows>
  readonly #arrived: KeyMap<Arrived>

  constructor(services: MergingServices) {
    this.#services = services
    this.#byKey = new KeyMap(services.keyCoder)
    this.#arrived = new KeyMap(services.keyCoder)
  }

  /** Whether elements wait for the end of their bundle. */
  get hasArrivals(): boolean {
    return this.#arrived.size > 0
  }

  /** All cells, in no particular order; for those who look at a run. */
  *cells(): IterableIterator<MergingCell> {
    for (const { active } of this.#byKey.values()) yield* active.values()
  }

  /** What there is of a key, for those who keep it. */
  ofKey(key: unknown): Pick<KeyWindows, 'active' | 'closed'> | undefined {
    return this.#byKey.get(key)
  }

  /** Takes back the windows of a key. */
  restore(key: unknown, cells: readonly MergingCell[], closing: readonly ClosingWindow[]): void {
    const { active, closed } = this.#windowsOf(key)
    for (const cell of cells) active.set(cell.details.window, cell)
    for (const { window, trigger } of closing) if (trigger !== undefined) closed.set(window, trigger)
    this.#forgetIfEmpty({ key, active, closed })
  }

  /** Whether a cell is where its window is. */
  has(cell: ReduceCell): boolean {
    return cell.details !== undefined && this.#byKey.get(cell.key)?.active.get(cell.details.window) === cell
  }

  /** Takes an element, until the end of the bundle. */
  arrive(key: unknown, value: unknown, timestamp: number, window: BoundedWindow): void {
    let arrived = this.#arrived.get(key)
    if (arrived === undefined) this.#arrived.set(key, (arrived = { key, values: [], timestamps: [], windows: [] }))
    arrived.values.push(value)
    arrived.timestamps.push(timestamp)
    arrived.windows.push(window)
  }

  /** The bundle has ended. */
  mergeArrivals(): void {
    for (const arrived of this.#arrived.values()) this.#mergeAndAdd(arrived)
    this.#arrived.clear()
  }

  #mergeAndAdd({ key, values, timestamps, windows }: Arrived): void {
    const { guard, newCell, addToCell, dropClosed, reduce, changed } = this.#services
    const ofKey = this.#windowsOf(key)
    changed(ofKey.key)
    const { active, closed } = ofKey
    const target = guard('merge of windows', ofKey.key, windows[0] as BoundedWindow, () =>
      active.merge(windows, (merged, existing, parts) => this.#unite(ofKey, merged, existing, parts)),
    )
    for (let i = 0; i < values.length; i++) {
      const window = target.get(windows[i] as BoundedWindow) as BoundedWindow
      let cell = active.get(window)
      if (cell === undefined) {
        if (closed.get(window) !== undefined) {
          dropClosed(ofKey.key, values[i], timestamps[i] as number, window)
          continue
        }
        cell = newCell(ofKey.key, window, reduce.create())
        active.set(window, cell)
      }
      const into = cell
      guard('addInput', ofKey.key, window, () => addToCell(into, values[i], timestamps[i] as number))
    }
    this.#forgetIfEmpty(ofKey)
  }

  #windowsOf(key: unknown): KeyWindows {
    let ofKey = this.#byKey.get(key)
    if (ofKey === undefined) {
      const { windowFn, keyCoder } = this.#services
      const active = new ActiveWindowSet<MergingCell>(windowFn, (cell) => cell.details.window)
      ofKey = { key: representative(key, keyCoder), active, closed: new WindowMap() }
      this.#byKey.set(key, ofKey)
    }
    return ofKey
  }

  /** What the windows of a key have collected becomes one. A union of new extent is a new window: its panes count from 0. */
  #unite(
    { key, closed }: KeyWindows,
    merged: BoundedWindow,
    existing: MergingCell | undefined,
    parts: readonly MergingCell[],
  ): MergingCell {
    const { reduce, trigger, context, holds, guard, newCell, united, mergedAway } = this.#services
    const [first, ...others] = parts
    const accumulator =
      first === undefined
        ? reduce.create()
        : guard('mergeAccumulators', key, merged, () =>
            others.reduce((sum, part) => reduce.merge(sum, part.accumulator), first.accumulator),
          )
    const isPending = parts.some(({ details }) => details.isPending)
    const states = parts.map(({ details }) => details.trigger)
    const cell = existing ?? newCell(key, merged, accumulator)
    const { details } = cell
    cell.accumulator = accumulator
    details.isPending = isPending
    details.trigger = trigger.onMerge(existing?.details.trigger ?? closed.get(merged), states, context.of(cell))
    closed.delete(merged)
    holds.unite(
      details,
      parts.map((part) => part.details),
    )
    for (const part of parts) if (part !== cell) mergedAway(part)
    united(cell)
    return cell
  }

  /** The trigger of a cell has finished: what is left is the memory of it. */
  close(cell: MergingCell): void {
    const ofKey = this.#byKey.get(cell.key)
    invariant(ofKey !== undefined, 'a cell that closes is there')
    const { window, trigger } = cell.details
    ofKey.active.delete(window)
    ofKey.closed.set(window, trigger)
  }

  /** A window whose trigger had finished has expired. One of its extent that came after it has a timer of its own. */
  expireClosed(key: unknown, window: BoundedWindow): void {
    const ofKey = this.#byKey.get(key)
    if (ofKey === undefined) return
    ofKey.closed.delete(window)
    this.#forgetIfEmpty(ofKey)
  }

  /** A window has expired: nothing is remembered of it. */
  expire(key: unknown, window: BoundedWindow): void {
    const ofKey = this.#byKey.get(key)
    if (ofKey === undefined) return
    ofKey.active.delete(window)
    ofKey.closed.delete(window)
    this.#services.changed(ofKey.key)
    this.#forgetIfEmpty(ofKey)
  }

  #forgetIfEmpty({ key, active, closed }: KeyWindows): void {
    if (active.size === 0 && closed.size === 0) this.#byKey.delete(key)
  }
}
