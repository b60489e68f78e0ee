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
import type { LateReason } from '../../sdk/transforms/late-data.js'
import type { PaneInfo } from '../../sdk/windowing/pane-info.js'
import type { BoundedWindow, Windows } from '../../sdk/windowing/window.js'
import type { WindowingStrategy } from '../../sdk/windowing/windowing-strategy.js'
import { ActiveWindowSet } from './active-window-set.js'
import type { Push } from './element-buffer.js'
import { KeyMap, representative } from './key-map.js'
import { LATE_COUNTERS } from './late-data.js'
import type { Metrics } from './metrics.js'
import { nextPane, type Watermarks } from './pane-info-tracker.js'
import { NOTHING, type ReduceFn } from './reduce-fn.js'
import {
  type Arrived,
  type CellDetails,
  type KeyWindows,
  type TimerPayload,
  cellFactory,
  type MakeCell,
  type MergingCell,
  type ReduceCell,
  type ReduceTable,
  sliceTable,
} from './reduce-table.js'
import { expiryOf } from './state-internals.js'
import { TimerQueue } from './timer-internals.js'
import { triggerStateMachine, type TriggerStateMachine } from './trigger-state-machine.js'
import { WatermarkHold } from './watermark-hold.js'
import { WindowMap } from './window-map.js'
import { WindowSlices } from './window-slices.js'

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
  /** Told of each element that is dropped, beside its being counted. */
  readonly late?: (reason: LateReason, key: unknown, value: unknown, timestamp: number, window: BoundedWindow) => void
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
  /** Whether values of an open window are only added up until the window ends. */
  readonly canBeFast: boolean
  readonly #services: ReduceServices
  readonly #strategy: WindowingStrategy
  readonly #trigger: TriggerStateMachine<unknown>
  /** Makes cells; generated code brings its own class. */
  makeCell: MakeCell
  readonly #tables = new WindowMap<ReduceTable>()
  readonly #slices: WindowSlices | undefined = undefined
  readonly #byKey: KeyMap<KeyWindows>
  readonly #arrived: KeyMap<Arrived>
  readonly #timers = new TimerQueue<TimerPayload>()
  readonly #holds = new WatermarkHold()
  /** Cells to be asked at the end of the bundle. */
  readonly #touched = new Map<ReduceCell, CellDetails>()
  #input = TIMESTAMP_MIN
  #output = TIMESTAMP_MIN
  /** A table whose cells are being fired, when that takes more than one turn. */
  #firing: { readonly table: ReduceTable; readonly cells: Iterator<ReduceCell>; readonly isExpiry: boolean } | undefined
  #keyCount = 0

  constructor(services: ReduceServices) {
    this.#services = services
    this.#strategy = services.strategy
    this.reduce = services.reduce
    this.makeCell = cellFactory()
    this.#keyCoder = services.keyCoder
    this.primitivesAreIds = KeyMap.primitivesAreIds(services.keyCoder)
    this.#byKey = new KeyMap(services.keyCoder)
    this.#arrived = new KeyMap(services.keyCoder)
    this.#trigger = triggerStateMachine(services.strategy.trigger)
    this.assignsToOneWindow = services.strategy.windowFn.assignsToOneWindow
    this.merges = services.strategy.mergeStatus === 'needsMerge'
    this.canBeFast =
      !this.merges && this.#trigger.firesOnlyAfterWindow && services.strategy.timestampCombiner === 'endOfWindow'
    if (this.canBeFast) {
      this.#slices = WindowSlices.of(services.strategy, services.reduce, {
        newSlice: (window) => sliceTable(window, this.#keyCoder),
        put: (table, key, accumulator) => this.#put(table, key, accumulator),
        guard: services.guard,
      })
    }
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
    if (!Array.isArray(windows)) {
      this.addInWindow(key, value, timestamp, windows as BoundedWindow)
      return
    }
    const many = windows as readonly BoundedWindow[]
    if (this.merges) {
      for (const window of many) this.#arrive(key, value, timestamp, window)
      return
    }
    const tables = this.tablesOf(many)
    for (let i = 0; i < tables.length; i++) {
      const table = tables[i]
      if (table === undefined) this.drop('late', key, value, timestamp, many[i] as BoundedWindow)
      else this.addToTable(table, key, value, timestamp)
    }
  }

  /** Adds one keyed value in one window. */
  addInWindow(key: unknown, value: unknown, timestamp: number, window: BoundedWindow): void {
    if (this.merges) {
      this.#arrive(key, value, timestamp, window)
      return
    }
    const table = this.table(window)
    if (table === undefined) this.drop('late', key, value, timestamp, window)
    else this.addToTable(table, key, value, timestamp)
  }

  /** The table of a window, made if need be; `undefined` when the window has expired. */
  table(window: BoundedWindow): ReduceTable | undefined {
    const existing = this.#tables.get(window)
    if (existing !== undefined) return existing
    const expiry = expiryOf(window, this.#strategy.allowedLatenessMillis)
    if (expiry < this.#input) return undefined
    const isOpen = window.maxTimestamp >= this.#input
    const isFast = this.canBeFast && isOpen
    const isSliced = isFast && this.#slices !== undefined
    const cells = new KeyMap<ReduceCell>(this.#keyCoder)
    const table: ReduceTable = { window, expiry, cells, isFast, isSliced, isCounted: true }
    this.#tables.set(window, table)
    this.#timers.add(isOpen ? window.maxTimestamp : expiry, { kind: 'table', table })
    if (table.isFast) this.#holds.add(window.maxTimestamp)
    return table
  }

  /** The cell of a key in a window whose values are only added up, if there is one. */
  openCell(window: BoundedWindow, key: unknown): ReduceCell | undefined {
    const table = this.#tables.get(window)
    return table?.isFast === true ? table.cells.get(key) : undefined
  }

  /** The tables of several windows. Where one is missing, the window at its place has expired: it is dropped per element. */
  tablesOf(windows: readonly BoundedWindow[]): readonly (ReduceTable | undefined)[] {
    const slices = this.#slices
    if (slices?.areWhole(windows) !== true) return windows.map((window) => this.table(window))
    const tables: (ReduceTable | undefined)[] = []
    for (const window of windows) {
      const isWaiting = this.#tables.get(window)?.isSliced ?? window.maxTimestamp >= this.#input
      if (isWaiting) {
        // So do all later ones.
        const last = windows[windows.length - 1] as BoundedWindow
        tables.push(...slices.tablesOf(last, () => this.#openAll(windows)))
        break
      }
      tables.push(this.table(window))
    }
    return tables
  }

  #openAll(windows: readonly BoundedWindow[]): void {
    for (const window of windows) if (window.maxTimestamp >= this.#input) this.table(window)
  }

  /** A cell for a key that the table has not seen. */
  open(table: ReduceTable, key: unknown): ReduceCell {
    return this.#put(table, representative(key, this.#keyCoder), this.reduce.create())
  }

  #put(table: ReduceTable, key: unknown, accumulator: unknown): ReduceCell {
    const cell = this.makeCell(key, accumulator)
    table.cells.set(key, cell)
    if (table.isCounted) this.#keyCount++
    return cell
  }

  /** An element whose window takes none any more. */
  drop(reason: LateReason, key: unknown, value: unknown, timestamp: number, window: BoundedWindow): void {
    this.#services.metrics.count(this.#services.step, LATE_COUNTERS[reason])
    this.#services.late?.(reason, key, value, timestamp, window)
  }

  /** Adds a value to its key's cell. */
  addToTable(table: ReduceTable, key: unknown, value: unknown, timestamp: number): void {
    const cell = table.cells.get(key) ?? this.open(table, key)
    if (table.isFast) cell.accumulator = this.reduce.add(cell.accumulator, value)
    else this.#addToCell(cell, this.#details(cell, table.window, false), value, timestamp)
  }

  #addToCell(cell: ReduceCell, details: CellDetails, value: unknown, timestamp: number): void {
    if (this.#trigger.isFinished(details.trigger)) {
      this.drop('closedWindow', cell.key, value, timestamp, details.window)
      return
    }
    details.isPending = true
    this.#holdFor(details, timestamp)
    cell.accumulator = this.reduce.add(cell.accumulator, value)
    this.#trigger.onElement(details.trigger, { window: details.window, inputWatermark: this.#input }, timestamp)
    this.#touched.set(cell, details)
  }

  /** What is remembered of a cell; made with `isPending` if it is the first time. */
  #details(cell: ReduceCell, window: BoundedWindow, isPending: boolean): CellDetails {
    return (cell.details ??= {
      window,
      isPending,
      elementHold: Number.NaN,
      expiryHold: Number.NaN,
      pane: undefined,
      trigger: this.#trigger.newState(),
    })
  }

  #arrive(key: unknown, value: unknown, timestamp: number, window: BoundedWindow): void {
    // The element's own window decides, before merging: also where an active session would have taken it in.
    if (expiryOf(window, this.#strategy.allowedLatenessMillis) < this.#input) {
      this.drop('late', key, value, timestamp, window)
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
    for (const [cell, { window }] of touched) this.#fireIfDue(cell, window)
  }

  #mergeAndAdd({ key, values, timestamps, windows }: Arrived): void {
    let ofKey = this.#byKey.get(key)
    if (ofKey === undefined) {
      const active = new ActiveWindowSet<MergingCell>(this.#strategy.windowFn, (cell) => cell.details.window)
      ofKey = { key: representative(key, this.#keyCoder), windows: active }
      this.#byKey.set(key, ofKey)
    }
    const active = ofKey.windows
    const target = this.#services.guard('merge of windows', ofKey.key, windows[0] as BoundedWindow, () =>
      active.merge(windows, (merged, existing, parts) => this.#unite(merged, existing, parts)),
    )
    for (let i = 0; i < values.length; i++) {
      const window = target.get(windows[i] as BoundedWindow) as BoundedWindow
      let cell = active.get(window)
      if (cell === undefined) {
        cell = this.#mergingCell(ofKey.key, window, this.reduce.create())
        active.set(window, cell)
        this.#keyCount++
        this.#scheduleCell(cell)
      }
      const merged = cell
      this.#services.guard('addInput', ofKey.key, window, () =>
        this.#addToCell(merged, merged.details, values[i], timestamps[i] as number),
      )
    }
  }

  #mergingCell(key: unknown, window: BoundedWindow, accumulator: unknown): MergingCell {
    const cell = this.makeCell(key, accumulator)
    this.#details(cell, window, false)
    return cell as MergingCell
  }

  /** What the windows of a key have collected becomes one. A union of new extent is a new window: its panes count from 0. */
  #unite(merged: BoundedWindow, existing: MergingCell | undefined, parts: readonly MergingCell[]): MergingCell {
    const [first] = parts
    invariant(first !== undefined, 'a union has parts')
    const context = { window: merged, inputWatermark: this.#input }
    const trigger = this.#trigger.onMerge(
      parts.map((part) => part.details.trigger),
      context,
    )
    const accumulator = this.#services.guard('mergeAccumulators', first.key, merged, () =>
      parts.slice(1).reduce((sum, part) => this.reduce.merge(sum, part.accumulator), first.accumulator),
    )
    const elementHold = this.#unitedHold(merged, parts)
    const isPending = parts.some((part) => part.details.isPending)
    for (const part of parts) {
      this.#release(part.details)
      this.#touched.delete(part)
    }
    const cell = existing ?? this.#mergingCell(first.key, merged, accumulator)
    const { details } = cell
    this.#keyCount += 1 - parts.length
    cell.accumulator = accumulator
    details.trigger = trigger
    details.isPending = isPending
    this.#hold(details, elementHold)
    this.#holdExpiry(details, false)
    if (existing === undefined) this.#scheduleCell(cell)
    return cell
  }

  #unitedHold(merged: BoundedWindow, parts: readonly MergingCell[]): number {
    if (this.#strategy.timestampCombiner === 'endOfWindow') return merged.maxTimestamp
    const holds = parts.map((part) => part.details.elementHold).filter((hold) => !Number.isNaN(hold))
    if (holds.length === 0) return Number.NaN
    return this.#strategy.timestampCombiner === 'earliest' ? Math.min(...holds) : Math.max(...holds)
  }

  #scheduleCell(cell: MergingCell): void {
    const { window } = cell.details
    const isOpen = window.maxTimestamp >= this.#input
    const time = isOpen ? window.maxTimestamp : expiryOf(window, this.#strategy.allowedLatenessMillis)
    this.#timers.add(time, { kind: 'cell', cell })
  }

  // ---- watermark and timers --------------------------------------------------------------------------------------

  /** The input watermark has moved. */
  advanceInput(watermark: number): void {
    this.#input = watermark
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

  #startTable(table: ReduceTable): void {
    if (this.#tables.get(table.window) !== table) return
    // Once the watermark has passed the expiry, end of window and expiry are one event, and its pane is the last.
    const isExpiry = this.#input > table.expiry
    if (isExpiry) this.#tables.delete(table.window)
    else this.#timers.add(table.expiry, { kind: 'table', table })
    if (table.isSliced) this.#slices?.takeIn(table)
    table.isSliced = false
    this.#slices?.passed(table.window)
    if (table.isFast) this.#holds.remove(table.window.maxTimestamp)
    table.isFast = false
    this.#firing = { table, cells: table.cells.values(), isExpiry }
  }

  #continueTable(budget: number): number {
    const firing = this.#firing
    invariant(firing !== undefined, 'a table is being fired')
    const { table, cells, isExpiry } = firing
    let left = budget
    while (left-- > 0) {
      const next = cells.next()
      if (next.done === true) {
        if (isExpiry) this.#keyCount -= table.cells.size
        this.#firing = undefined
        return left
      }
      if (isExpiry) this.#expire(next.value, table.window)
      else this.#fireIfDue(next.value, table.window)
    }
    return left
  }

  #fireCellTimer(cell: MergingCell): number {
    const { window } = cell.details
    const ofKey = this.#byKey.get(cell.key)
    if (ofKey?.windows.get(window) !== cell) return 0
    const expiry = expiryOf(window, this.#strategy.allowedLatenessMillis)
    if (this.#input <= expiry) {
      this.#fireIfDue(cell, window)
      this.#timers.add(expiry, { kind: 'cell', cell })
      return 1
    }
    ofKey.windows.delete(window)
    if (ofKey.windows.size === 0) this.#byKey.delete(cell.key)
    this.#keyCount--
    this.#expire(cell, window)
    return 1
  }

  #fireIfDue(cell: ReduceCell, window: BoundedWindow): void {
    const context = { window, inputWatermark: this.#input }
    // What a cell has collected before its window's first end is pending, also where nothing was written down.
    const details = this.#details(cell, window, true)
    if (this.#trigger.isFinished(details.trigger) || !this.#trigger.shouldFire(details.trigger, context)) return
    this.#trigger.onFire(details.trigger, context)
    this.#emit(cell, window, this.#trigger.isFinished(details.trigger))
  }

  #expire(cell: ReduceCell, window: BoundedWindow): void {
    const { details } = cell
    if (details === undefined || !this.#trigger.isFinished(details.trigger)) this.#emit(cell, window, true)
    if (details === undefined) return
    this.#release(details)
    this.#touched.delete(cell)
  }

  /** Emits the next pane of a cell, if it has something to say, and prepares the cell for what may follow. */
  #emit(cell: ReduceCell, window: BoundedWindow, isLast: boolean): void {
    const { details } = cell
    const watermarks: Watermarks = { input: this.#input, output: this.#output }
    const pane = nextPane(details?.pane, window.maxTimestamp, isLast, watermarks)
    const timestamp = details === undefined ? window.maxTimestamp : this.#releaseForPane(details, isLast)
    if (details === undefined || details.isPending || this.#speaksWithoutNews(pane)) {
      const keeps = !isLast && this.#strategy.accumulationMode === 'accumulating'
      const output = this.#services.guard('extractOutput', cell.key, window, () =>
        this.reduce.output(cell.accumulator, keeps),
      )
      if (details !== undefined) details.pane = pane
      // A semigroup has no value for "nothing".
      if (output !== NOTHING) this.#services.output(kv(cell.key, output), timestamp, window, pane)
    }
    if (isLast) return
    // After the last pane the cell is garbage; giving its accumulator another type would cost all cells their numbers'
    // compact form.
    if (details !== undefined) details.isPending = false
    if (this.#strategy.accumulationMode === 'discarding') cell.accumulator = this.reduce.create()
  }

  #speaksWithoutNews({ timing, isLast }: PaneInfo): boolean {
    const { onTimeBehavior, closingBehavior } = this.#strategy
    return (timing === 'onTime' && onTimeBehavior === 'always') || (isLast && closingBehavior === 'always')
  }

  // ---- holds -----------------------------------------------------------------------------------------------------

  /**
   * An element holds the watermark at its own contribution to the pane's timestamp. One behind the output watermark, or
   * whose window is over, cannot: then the window's expiry does.
   */
  #holdFor(details: CellDetails, timestamp: number): void {
    const { maxTimestamp } = details.window
    const { timestampCombiner } = this.#strategy
    const { outputTime } = this.#strategy.windowFn
    const own = outputTime === undefined ? timestamp : outputTime(timestamp, details.window)
    const hold = timestampCombiner === 'endOfWindow' ? maxTimestamp : own
    if (hold < this.#output || maxTimestamp < this.#input) {
      this.#holdExpiry(details, false)
      return
    }
    const before = details.elementHold
    const isFirst = Number.isNaN(before)
    const after = isFirst ? hold : timestampCombiner === 'earliest' ? Math.min(before, hold) : Math.max(before, hold)
    if (after !== before) this.#hold(details, after)
  }

  #hold(details: CellDetails, timestamp: number): void {
    if (!Number.isNaN(details.elementHold)) this.#holds.remove(details.elementHold)
    details.elementHold = timestamp
    if (!Number.isNaN(timestamp)) this.#holds.add(timestamp)
  }

  #holdExpiry(details: CellDetails, isEmpty: boolean): void {
    const expiry = expiryOf(details.window, this.#strategy.allowedLatenessMillis)
    if (expiry < this.#input || (isEmpty && this.#strategy.closingBehavior === 'ifNonEmpty')) return
    if (!Number.isNaN(details.expiryHold)) this.#holds.remove(details.expiryHold)
    details.expiryHold = expiry
    this.#holds.add(expiry)
  }

  /** Releases the holds of a cell and gives the timestamp its pane has: the earliest of them, within the window. */
  #releaseForPane(details: CellDetails, isLast: boolean): number {
    const { maxTimestamp } = details.window
    const element = Number.isNaN(details.elementHold) ? TIMESTAMP_MAX : details.elementHold
    const expiry = Number.isNaN(details.expiryHold) ? TIMESTAMP_MAX : details.expiryHold
    this.#release(details)
    if (!isLast) this.#holdExpiry(details, true)
    return Math.min(element, expiry, maxTimestamp)
  }

  #release(details: CellDetails): void {
    this.#hold(details, Number.NaN)
    if (!Number.isNaN(details.expiryHold)) this.#holds.remove(details.expiryHold)
    details.expiryHold = Number.NaN
  }
}
