/**
 * ReduceFnRunner: one grouping at work. It collects the values of each key and window, asks the trigger, numbers the
 * panes, holds the watermark for what it keeps, drops what comes too late, and cleans up when windows expire. The same
 * code serves GroupByKey and Combine, bounded and unbounded input; its semantics are those of Beam Java's class of the
 * same name.
 *
 * Law: with the window complete, the panes of a key contain each accepted value exactly once (discarding), or the last
 * one contains all (accumulating). State is window-major: a table per window, a cell per key, one timer per window.
 */
import type { Coder } from '../../sdk/coders/index.js'
import { invariant } from '../../sdk/invariant.js'
import { kv } from '../../sdk/kv.js'
import { TIMESTAMP_MAX, TIMESTAMP_MIN } from '../../sdk/time.js'
import type { PaneInfo } from '../../sdk/windowing/pane-info.js'
import type { BoundedWindow, Windows } from '../../sdk/windowing/window.js'
import type { WindowingStrategy } from '../../sdk/windowing/windowing-strategy.js'
import { ActiveWindowSet } from './active-window-set.js'
import type { Push } from './element-buffer.js'
import { KeyMap, representative } from './key-map.js'
import type { Metrics } from './metrics.js'
import { nextPane, type Watermarks } from './pane-info-tracker.js'
import { NOTHING, type ReduceFn } from './reduce-fn.js'
import { expiryOf } from './state-internals.js'
import { TimerQueue } from './timer-internals.js'
import { triggerStateMachine, type TriggerStateMachine } from './trigger-state-machine.js'
import { WatermarkHold } from './watermark-hold.js'
import { WindowMap } from './window-map.js'

/** What a key has collected in a window. */
export interface ReduceCell {
  readonly key: unknown
  window: BoundedWindow
  accumulator: unknown
  /** Whether anything has come since the last pane. */
  isPending: boolean
  /** Where elements hold the watermark; `NaN` when they do not. */
  elementHold: number
  /** Where the window's expiry holds it; `NaN` when it does not. */
  expiryHold: number
  /** The last pane emitted. */
  pane: PaneInfo | undefined
  trigger: unknown
}

/** The cells of a window. */
export interface ReduceTable {
  readonly window: BoundedWindow
  readonly expiry: number
  readonly cells: KeyMap<ReduceCell>
  /**
   * While true, adding a value is all there is to do for an element: the window is open, nothing can fire before its
   * end, and the table itself holds the watermark for all its cells.
   */
  isFast: boolean
}

/** Makes cells; one class per grouping lets the engine specialise their fields. */
export type MakeCell = (key: unknown, window: BoundedWindow, accumulator: unknown, trigger: unknown) => ReduceCell

/**
 * Makes a cell class; its text also goes into generated code, so it refers to nothing outside itself. `isNumeric` says
 * that accumulators are numbers: the field then holds them unboxed from the start, instead of first as small integers
 * and later otherwise.
 */
export function cellFactory(isNumeric: boolean): MakeCell {
  class Cell implements ReduceCell {
    // `declare`: a field that was `undefined` before it was a number never holds numbers unboxed.
    declare readonly key: unknown
    declare window: BoundedWindow
    declare accumulator: unknown
    declare isPending: boolean
    declare elementHold: number
    declare expiryHold: number
    declare pane: PaneInfo | undefined
    declare trigger: unknown

    constructor(key: unknown, window: BoundedWindow, accumulator: unknown, trigger: unknown) {
      this.key = key
      this.window = window
      this.accumulator = accumulator
      this.isPending = true
      this.elementHold = Number.NaN
      this.expiryHold = Number.NaN
      this.pane = undefined
      this.trigger = trigger
    }
  }
  if (isNumeric) new Cell(undefined, undefined as never, 0.5, undefined)
  return (key, window, accumulator, trigger) => new Cell(key, window, accumulator, trigger)
}

type TimerPayload =
  { readonly kind: 'table'; readonly table: ReduceTable } | { readonly kind: 'cell'; readonly cell: ReduceCell }

interface KeyWindows {
  readonly key: unknown
  readonly windows: ActiveWindowSet<ReduceCell>
}

/** Elements of one key that wait for the end of their bundle, because windows merge before elements are added. */
interface Arrived {
  readonly key: unknown
  readonly values: unknown[]
  readonly timestamps: number[]
  readonly windows: BoundedWindow[]
}

/** What a grouping needs beside its strategy. */
export interface ReduceServices {
  readonly step: string
  readonly strategy: WindowingStrategy
  readonly reduce: ReduceFn
  readonly keyCoder: Coder<unknown>
  readonly metrics: Metrics
  /** Runs user code of the combiner that is not already inside a guarded call. */
  readonly guard: <T>(call: string, key: unknown, window: BoundedWindow, run: () => T) => T
  /** Where panes go. */
  readonly output: Push
}

/** A grouping at work. */
export class ReduceFnRunner {
  readonly #keyCoder: Coder<unknown>
  /** Whether a primitive key is found in `cells.primitives` as it is. */
  readonly primitivesAreIds: boolean
  readonly reduce: ReduceFn
  /** Whether windows of this grouping merge, so that elements wait for the end of their bundle. */
  readonly merges: boolean
  /** Whether an element is always in one window. */
  readonly assignsToOneWindow: boolean
  readonly #services: ReduceServices
  readonly #strategy: WindowingStrategy
  readonly #trigger: TriggerStateMachine<unknown>
  readonly #canBeFast: boolean
  /** Makes cells; generated code brings its own class. */
  makeCell: MakeCell
  readonly #tables = new WindowMap<ReduceTable>()
  readonly #byKey: KeyMap<KeyWindows>
  readonly #arrived: KeyMap<Arrived>
  readonly #timers = new TimerQueue<TimerPayload>()
  readonly #holds = new WatermarkHold()
  readonly #touched = new Set<ReduceCell>()
  #input = TIMESTAMP_MIN
  #output = TIMESTAMP_MIN
  /** A table whose cells are being fired, when that takes more than one turn. */
  #firing: { readonly table: ReduceTable; readonly cells: Iterator<ReduceCell>; readonly isExpiry: boolean } | undefined
  #keyCount = 0

  constructor(services: ReduceServices) {
    this.#services = services
    this.#strategy = services.strategy
    this.reduce = services.reduce
    this.makeCell = cellFactory(this.hasNumericCells)
    this.#keyCoder = services.keyCoder
    this.primitivesAreIds = KeyMap.primitivesAreIds(services.keyCoder)
    this.#byKey = new KeyMap(services.keyCoder)
    this.#arrived = new KeyMap(services.keyCoder)
    this.#trigger = triggerStateMachine(services.strategy.trigger)
    this.assignsToOneWindow = services.strategy.windowFn.assignsToOneWindow
    this.merges = services.strategy.mergeStatus === 'needsMerge'
    this.#canBeFast =
      !this.merges && this.#trigger.firesOnlyAfterWindow && services.strategy.timestampCombiner === 'endOfWindow'
  }

  /** Whether accumulators are numbers. */
  get hasNumericCells(): boolean {
    return this.reduce.kind === 'monoid' && typeof this.reduce.create() === 'number'
  }

  /** Number of (key, window) pairs with state. */
  get size(): number {
    return this.#keyCount
  }

  /** The smallest timestamp that kept data will be emitted at. */
  get hold(): number {
    return this.#holds.min
  }

  /** Whether elements may be added before the grouping's own turn: nothing they do can be seen before the turn's end. */
  get acceptsEagerly(): boolean {
    return this.#trigger.firesOnlyAfterWindow
  }

  /** The output watermark of the stage as its turn begins: what holds and timings are measured against. */
  beginTurn(outputWatermark: number): void {
    this.#output = outputWatermark
  }

  // ---- elements --------------------------------------------------------------------------------------------------

  /** Adds one keyed value, in each of its windows. */
  add(key: unknown, value: unknown, timestamp: number, windows: Windows): void {
    if (Array.isArray(windows)) {
      for (const window of windows as readonly BoundedWindow[]) this.addInWindow(key, value, timestamp, window)
    } else {
      this.addInWindow(key, value, timestamp, windows as BoundedWindow)
    }
  }

  /** Adds one keyed value in one window. */
  addInWindow(key: unknown, value: unknown, timestamp: number, window: BoundedWindow): void {
    if (this.merges) {
      this.#arrive(key, value, timestamp, window)
      return
    }
    const table = this.table(window)
    if (table === undefined) this.dropLate(1)
    else this.addToTable(table, key, value, timestamp)
  }

  /** The table of a window, made if need be; `undefined` when the window has expired. */
  table(window: BoundedWindow): ReduceTable | undefined {
    const existing = this.#tables.get(window)
    if (existing !== undefined) return existing
    const expiry = expiryOf(window, this.#strategy.allowedLatenessMillis)
    if (expiry < this.#input) return undefined
    const isOpen = window.maxTimestamp >= this.#input
    const table: ReduceTable = { window, expiry, cells: new KeyMap(this.#keyCoder), isFast: this.#canBeFast && isOpen }
    this.#tables.set(window, table)
    this.#timers.add(isOpen ? window.maxTimestamp : expiry, { kind: 'table', table })
    if (table.isFast) this.#holds.add(window.maxTimestamp)
    return table
  }

  /** The tables of several windows, without those that have expired; the dropped ones are counted per element. */
  tablesOf(windows: readonly BoundedWindow[]): readonly (ReduceTable | undefined)[] {
    return windows.map((window) => this.table(window))
  }

  /** A cell for a key that the table has not seen. */
  open(table: ReduceTable, key: unknown): ReduceCell {
    const cell = this.makeCell(
      representative(key, this.#keyCoder),
      table.window,
      this.reduce.create(),
      this.#trigger.newState(),
    )
    table.cells.set(key, cell)
    this.#keyCount++
    return cell
  }

  /** Counts elements whose window has expired. */
  dropLate(count: number): void {
    this.#services.metrics.count(this.#services.step, 'droppedDueToLateness', count)
  }

  /** Adds a value to its key's cell. */
  addToTable(table: ReduceTable, key: unknown, value: unknown, timestamp: number): void {
    const cell = table.cells.get(key) ?? this.open(table, key)
    if (table.isFast) cell.accumulator = this.reduce.add(cell.accumulator, value)
    else this.#addToCell(cell, value, timestamp)
  }

  #addToCell(cell: ReduceCell, value: unknown, timestamp: number): void {
    if (this.#trigger.isFinished(cell.trigger)) {
      this.#services.metrics.count(this.#services.step, 'droppedDueToClosedWindow')
      return
    }
    cell.isPending = true
    this.#holdFor(cell, timestamp)
    cell.accumulator = this.reduce.add(cell.accumulator, value)
    this.#trigger.onElement(cell.trigger, { window: cell.window, inputWatermark: this.#input }, timestamp)
    this.#touched.add(cell)
  }

  #arrive(key: unknown, value: unknown, timestamp: number, window: BoundedWindow): void {
    // The element's own window decides, before merging: also where an active session would have taken it in.
    if (expiryOf(window, this.#strategy.allowedLatenessMillis) < this.#input) {
      this.dropLate(1)
      return
    }
    let arrived = this.#arrived.get(key)
    if (arrived === undefined) this.#arrived.set(key, (arrived = { key, values: [], timestamps: [], windows: [] }))
    arrived.values.push(value)
    arrived.timestamps.push(timestamp)
    arrived.windows.push(window)
  }

  /** The end of a bundle: windows merge, and triggers that may fire because of it are asked. */
  finishBundle(): void {
    for (const arrived of this.#arrived.values()) this.#mergeAndAdd(arrived)
    this.#arrived.clear()
    const touched = [...this.#touched]
    this.#touched.clear()
    for (const cell of touched) this.#fireIfDue(cell)
  }

  #mergeAndAdd({ key, values, timestamps, windows }: Arrived): void {
    let ofKey = this.#byKey.get(key)
    if (ofKey === undefined) {
      ofKey = { key: representative(key, this.#keyCoder), windows: new ActiveWindowSet(this.#strategy.windowFn) }
      this.#byKey.set(key, ofKey)
    }
    const active = ofKey.windows
    const target = active.merge(windows, (merged, existing, parts) => this.#unite(merged, existing, parts))
    for (let i = 0; i < values.length; i++) {
      const window = target.get(windows[i] as BoundedWindow) as BoundedWindow
      let cell = active.get(window)
      if (cell === undefined) {
        cell = this.makeCell(ofKey.key, window, this.reduce.create(), this.#trigger.newState())
        active.set(window, cell)
        this.#keyCount++
        this.#scheduleCell(cell)
      }
      const merged = cell
      this.#services.guard('addInput', ofKey.key, window, () =>
        this.#addToCell(merged, values[i], timestamps[i] as number),
      )
    }
  }

  /** What the windows of a key have collected becomes one. A union of new extent is a new window: its panes count from 0. */
  #unite(merged: BoundedWindow, existing: ReduceCell | undefined, parts: readonly ReduceCell[]): ReduceCell {
    const [first] = parts
    invariant(first !== undefined, 'a union has parts')
    const context = { window: merged, inputWatermark: this.#input }
    const trigger = this.#trigger.onMerge(
      parts.map((part) => part.trigger),
      context,
    )
    const accumulator = this.#services.guard('mergeAccumulators', first.key, merged, () =>
      parts.slice(1).reduce((sum, part) => this.reduce.merge(sum, part.accumulator), first.accumulator),
    )
    const elementHold = this.#unitedHold(merged, parts)
    const isPending = parts.some((part) => part.isPending)
    for (const part of parts) {
      this.#release(part)
      this.#touched.delete(part)
    }
    const cell = existing ?? this.makeCell(first.key, merged, accumulator, trigger)
    this.#keyCount += 1 - parts.length
    cell.accumulator = accumulator
    cell.trigger = trigger
    cell.isPending = isPending
    this.#hold(cell, elementHold)
    this.#holdExpiry(cell, false)
    if (existing === undefined) this.#scheduleCell(cell)
    return cell
  }

  #unitedHold(merged: BoundedWindow, parts: readonly ReduceCell[]): number {
    if (this.#strategy.timestampCombiner === 'endOfWindow') return merged.maxTimestamp
    const holds = parts.map((part) => part.elementHold).filter((hold) => !Number.isNaN(hold))
    if (holds.length === 0) return Number.NaN
    return this.#strategy.timestampCombiner === 'earliest' ? Math.min(...holds) : Math.max(...holds)
  }

  #scheduleCell(cell: ReduceCell): void {
    const { window } = cell
    const time =
      window.maxTimestamp >= this.#input ? window.maxTimestamp : expiryOf(window, this.#strategy.allowedLatenessMillis)
    this.#timers.add(time, { kind: 'cell', cell })
  }

  // ---- watermark and timers --------------------------------------------------------------------------------------

  /** The input watermark has moved. */
  advanceInput(watermark: number): void {
    this.#input = watermark
  }

  /**
   * Fires what is due, about `budget` cells of it.
   *
   * @returns whether more is due; the output watermark must then stay.
   */
  fireTimers(budget: number): boolean {
    let left = budget
    for (;;) {
      if (this.#firing !== undefined) {
        left = this.#continueTable(left)
        if (this.#firing !== undefined) return true
      }
      const entry = this.#timers.takeDue(this.#input)
      if (entry === undefined) return false
      if (entry.payload.kind === 'table') this.#startTable(entry.payload.table)
      else left -= this.#fireCellTimer(entry.payload.cell)
      if (left <= 0 && this.isDue) return true
    }
  }

  /** Whether timers are due. */
  get isDue(): boolean {
    if (this.#firing !== undefined) return true
    const head = this.#timers.peek()
    return head !== undefined && head.timestamp < this.#input
  }

  /** Whether elements have come whose bundle has not been finished. */
  get hasUnfinishedBundle(): boolean {
    return this.#touched.size > 0 || this.#arrived.size > 0
  }

  #startTable(table: ReduceTable): void {
    if (this.#tables.get(table.window) !== table) return
    // Once the watermark has reached the expiry, end of window and expiry are one event, and its pane is the last.
    const isExpiry = this.#input >= table.expiry
    if (isExpiry) this.#tables.delete(table.window)
    else this.#timers.add(table.expiry, { kind: 'table', table })
    if (table.isFast) this.#holds.remove(table.window.maxTimestamp)
    table.isFast = false
    this.#firing = { table, cells: table.cells.values(), isExpiry }
  }

  #continueTable(budget: number): number {
    const firing = this.#firing
    invariant(firing !== undefined, 'a table is being fired')
    let left = budget
    while (left-- > 0) {
      const next = firing.cells.next()
      if (next.done === true) {
        if (firing.isExpiry) this.#keyCount -= firing.table.cells.size
        this.#firing = undefined
        return left
      }
      if (firing.isExpiry) this.#expire(next.value)
      else this.#fireIfDue(next.value)
    }
    return left
  }

  #fireCellTimer(cell: ReduceCell): number {
    const ofKey = this.#byKey.get(cell.key)
    if (ofKey?.windows.get(cell.window) !== cell) return 0
    const expiry = expiryOf(cell.window, this.#strategy.allowedLatenessMillis)
    if (this.#input < expiry) {
      this.#fireIfDue(cell)
      this.#timers.add(expiry, { kind: 'cell', cell })
      return 1
    }
    ofKey.windows.delete(cell.window)
    if (ofKey.windows.size === 0) this.#byKey.delete(cell.key)
    this.#keyCount--
    this.#expire(cell)
    return 1
  }

  #fireIfDue(cell: ReduceCell): void {
    const context = { window: cell.window, inputWatermark: this.#input }
    if (this.#trigger.isFinished(cell.trigger) || !this.#trigger.shouldFire(cell.trigger, context)) return
    this.#trigger.onFire(cell.trigger, context)
    this.#emit(cell, this.#trigger.isFinished(cell.trigger))
  }

  #expire(cell: ReduceCell): void {
    if (!this.#trigger.isFinished(cell.trigger)) this.#emit(cell, true)
    this.#release(cell)
    this.#touched.delete(cell)
  }

  /** Emits the next pane of a cell, if it has something to say, and prepares the cell for what may follow. */
  #emit(cell: ReduceCell, isLast: boolean): void {
    const { window } = cell
    const watermarks: Watermarks = { input: this.#input, output: this.#output }
    const pane = nextPane(cell.pane, window.maxTimestamp, isLast, watermarks)
    const timestamp = this.#releaseForPane(cell, isLast)
    const { isPending } = cell
    cell.isPending = false
    if (
      isPending ||
      (pane.timing === 'onTime' && this.#strategy.onTimeBehavior === 'always') ||
      (isLast && this.#strategy.closingBehavior === 'always')
    ) {
      const keeps = !isLast && this.#strategy.accumulationMode === 'accumulating'
      const output = this.#services.guard('extractOutput', cell.key, window, () =>
        this.reduce.output(cell.accumulator, keeps),
      )
      cell.pane = pane
      // A semigroup has no value for "nothing".
      if (output !== NOTHING) this.#services.output(kv(cell.key, output), timestamp, window, pane)
    }
    // After the last pane the cell is garbage; giving its accumulator another type would cost all cells their unboxed numbers.
    if (!isLast && this.#strategy.accumulationMode === 'discarding') cell.accumulator = this.reduce.create()
  }

  // ---- holds -----------------------------------------------------------------------------------------------------

  /**
   * An element holds the watermark at its own contribution to the pane's timestamp. One behind the output watermark, or
   * whose window is over, cannot: then the window's expiry does.
   */
  #holdFor(cell: ReduceCell, timestamp: number): void {
    const { maxTimestamp } = cell.window
    const hold = this.#strategy.timestampCombiner === 'endOfWindow' ? maxTimestamp : timestamp
    if (hold < this.#output || maxTimestamp < this.#input) {
      this.#holdExpiry(cell, false)
      return
    }
    const before = cell.elementHold
    const after = Number.isNaN(before)
      ? hold
      : this.#strategy.timestampCombiner === 'earliest'
        ? Math.min(before, hold)
        : Math.max(before, hold)
    if (after !== before) this.#hold(cell, after)
  }

  #hold(cell: ReduceCell, timestamp: number): void {
    if (!Number.isNaN(cell.elementHold)) this.#holds.remove(cell.elementHold)
    cell.elementHold = timestamp
    if (!Number.isNaN(timestamp)) this.#holds.add(timestamp)
  }

  #holdExpiry(cell: ReduceCell, isEmpty: boolean): void {
    const expiry = expiryOf(cell.window, this.#strategy.allowedLatenessMillis)
    if (expiry < this.#input || (isEmpty && this.#strategy.closingBehavior === 'ifNonEmpty')) return
    if (!Number.isNaN(cell.expiryHold)) this.#holds.remove(cell.expiryHold)
    cell.expiryHold = expiry
    this.#holds.add(expiry)
  }

  /** Releases the holds of a cell and gives the timestamp its pane has: the earliest of them, within the window. */
  #releaseForPane(cell: ReduceCell, isLast: boolean): number {
    const { maxTimestamp } = cell.window
    const element = Number.isNaN(cell.elementHold) ? TIMESTAMP_MAX : cell.elementHold
    const expiry = Number.isNaN(cell.expiryHold) ? TIMESTAMP_MAX : cell.expiryHold
    this.#release(cell)
    if (!isLast) this.#holdExpiry(cell, true)
    return Math.min(element, expiry, maxTimestamp)
  }

  #release(cell: ReduceCell): void {
    this.#hold(cell, Number.NaN)
    if (!Number.isNaN(cell.expiryHold)) this.#holds.remove(cell.expiryHold)
    cell.expiryHold = Number.NaN
  }
}
