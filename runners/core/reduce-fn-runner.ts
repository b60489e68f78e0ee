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
import { expiryOf } from '../../sdk/windowing/expiry.js'
import type { BoundedWindow, Windows } from '../../sdk/windowing/window.js'
import type { WindowingStrategy } from '../../sdk/windowing/windowing-strategy.js'
import { CellHolds } from './cell-holds.js'
import { KeyMap, representative } from './key-map.js'
import { inKeyOrder } from './key-order.js'
import { LATE_COUNTERS } from './late-data.js'
import type { KeptCells } from './grouping-status.js'
import { CellKeeper } from './kept-cells.js'
import type { Keeper } from './kept-state.js'
import { MergingWindows } from './merging-windows.js'
import { nextPane, speaksWithoutNews } from './pane-info-tracker.js'
import { NOTHING, type ReduceFn } from './reduce-fn.js'
import {
  type CellDetails,
  type TimerPayload,
  cellFactory,
  type MakeCell,
  type MergingCell,
  type ReduceCell,
  type ReduceTable,
  newDetails,
  newTable,
} from './reduce-table.js'
import type { ReduceServices } from './reduce-services.js'
import { TimerQueue } from './timer-internals.js'
import { TriggerStateMachine } from './trigger-state-machine.js'
import { CellContext, WakeCalls } from './wake-calls.js'
import { WindowMap } from './window-map.js'
import { WindowSlices } from './window-slices.js'

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
  readonly #trigger: TriggerStateMachine
  /** Makes cells; generated code brings its own class. */
  makeCell: MakeCell
  readonly #tables = new WindowMap<ReduceTable>()
  readonly #slices: WindowSlices | undefined = undefined
  readonly #merging: MergingWindows | undefined
  readonly #timers = new TimerQueue<TimerPayload>()
  /** The triggers that wait for a clock, or for the end of a batch. */
  readonly calls: WakeCalls
  /** What the trigger sees. */
  readonly #context: CellContext
  readonly #watermarks = { input: TIMESTAMP_MIN, output: TIMESTAMP_MIN }
  readonly #holds: CellHolds
  /** Cells to be asked at the end of the bundle. */
  readonly #touched = new Set<ReduceCell>()
  /** A table whose cells are being fired, when that takes more than one turn. */
  #firing: { readonly table: ReduceTable; readonly cells: Iterator<ReduceCell>; readonly isExpiry: boolean } | undefined
  #keyCount = 0
  /** Notes what changes, where it is kept from batch to batch. */
  #kept: CellKeeper | undefined

  constructor(services: ReduceServices) {
    this.#services = services
    this.#strategy = services.strategy
    this.reduce = services.reduce
    this.makeCell = cellFactory()
    this.#keyCoder = services.keyCoder
    this.primitivesAreIds = KeyMap.primitivesAreIds(services.keyCoder)
    this.#holds = new CellHolds(services.strategy, this.#watermarks)
    this.calls = new WakeCalls(services.clocks, (cell) => this.#isAlive(cell))
    this.#context = new CellContext(this.#watermarks, services.clocks, this.calls, (cell, window) =>
      this.#askAtEnd(cell, window),
    )
    this.assignsToOneWindow = services.strategy.windowFn.assignsToOneWindow
    this.merges = services.strategy.mergeStatus === 'needsMerge'
    this.#trigger = new TriggerStateMachine(services.strategy.trigger, this.merges)
    this.#merging = this.merges ? this.#mergingWindows() : undefined
    this.canBeFast =
      !this.merges && this.#trigger.firesAtEndOfWindow && services.strategy.timestampCombiner === 'endOfWindow'
    if (this.canBeFast) {
      this.#slices = WindowSlices.of(services.strategy, services.reduce, {
        table: (window) => this.table(window),
        isWaiting: (window) => this.#tables.get(window)?.isSliced ?? window.maxTimestamp >= this.#watermarks.input,
        newTable: (window, role) => newTable(window, role, this.#keyCoder),
        used: (table) => this.#kept?.used(table),
        gone: (table) => this.#kept?.gone(table),
        put: (table, key, accumulator) => this.#put(table, key, accumulator),
        guard: services.guard,
      })
    }
  }

  #mergingWindows(): MergingWindows {
    const { keyCoder, guard, strategy } = this.#services
    return new MergingWindows({
      windowFn: strategy.windowFn,
      keyCoder,
      reduce: this.reduce,
      trigger: this.#trigger,
      context: this.#context,
      holds: this.#holds,
      guard,
      newCell: (key, window, accumulator) => this.#mergingCell(key, window, accumulator),
      addToCell: (cell, value, timestamp) => this.#addToCell(cell, cell.details, value, timestamp),
      united: (cell) => this.#kept?.touched(cell),
      changed: (key) => this.#kept?.changed(key),
      mergedAway: (cell) => this.#left(cell),
      dropClosed: (key, value, timestamp, window) => this.drop('closedWindow', key, value, timestamp, window),
    })
  }

  /** Number of (key, window) pairs with state. */
  get size(): number {
    return this.#keyCount
  }

  /** What it keeps, for those who look at the run. */
  kept(): KeptCells {
    return { cells: this.#keyCount, tables: this.#tables, merging: this.#merging, slices: this.#slices, hold: this.#holds.min } // prettier-ignore
  }

  /** Keeps it from batch to batch. */
  keeper(): Keeper {
    const keeper = new CellKeeper({
      ...this.#services,
      trigger: this.#trigger,
      tables: this.#tables,
      slices: this.#slices,
      merging: this.#merging,
      timers: this.#timers,
      calls: this.calls,
      holds: this.#holds,
      watermarks: this.#watermarks,
      newCell: (key, accumulator, isCounted) => {
        if (isCounted) this.#keyCount++
        return this.makeCell(key, accumulator)
      },
      isBusy: () => this.isDue || this.hasUnfinishedBundle,
      onTrack: () => (this.#kept = keeper),
    })
    return keeper
  }

  /** Where the output watermark is held: by what is kept, at the timestamp that it will have, and by timers that wait. */
  get hold(): number {
    const isWanted = (of: TimerPayload): boolean => of.kind !== 'cell' || this.#merging?.has(of.cell) === true
    return Math.min(this.#holds.min, this.#timers.firstWanted(isWanted)?.timestamp ?? TIMESTAMP_MAX)
  }

  /** Whether elements may be added before the grouping's own turn: nothing they do can be seen before the turn's end. */
  get acceptsEagerly(): boolean {
    return this.#trigger.firesAtEndOfWindow
  }

  /** The output watermark of the stage as its turn begins: what holds and timings are measured against. */
  beginTurn(outputWatermark: number): void {
    this.#watermarks.output = outputWatermark
  }

  // ---- elements --------------------------------------------------------------------------------------------------

  /** Adds one keyed value, in each of its windows. */
  add(key: unknown, value: unknown, timestamp: number, windows: Windows): void {
    const merging = this.#merging
    if (!Array.isArray(windows)) {
      this.addInWindow(key, value, timestamp, windows as BoundedWindow)
      return
    }
    const many = windows as readonly BoundedWindow[]
    if (merging !== undefined) {
      for (const window of many) this.#arrive(merging, key, value, timestamp, window)
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
    if (this.#merging !== undefined) {
      this.#arrive(this.#merging, key, value, timestamp, window)
      return
    }
    const table = this.table(window)
    if (table === undefined) this.drop('late', key, value, timestamp, window)
    else this.addToTable(table, key, value, timestamp)
  }

  /** The table of a window, made if need be; `undefined` when the window has expired. */
  table(window: BoundedWindow): ReduceTable | undefined {
    const existing = this.#tables.get(window)
    if (existing !== undefined) {
      this.#kept?.used(existing)
      return existing
    }
    const expiry = this.#expiryOf(window)
    if (expiry < this.#watermarks.input) return undefined
    const isOpen = window.maxTimestamp >= this.#watermarks.input
    const isFast = this.canBeFast && isOpen
    const isSliced = isFast && this.#slices !== undefined
    const table = newTable(window, 'window', this.#keyCoder, { expiry, isFast, isAskedAtEnd: isFast, isSliced })
    this.#tables.set(window, table)
    this.#kept?.used(table)
    this.#timers.add(isFast ? window.maxTimestamp : expiry, { kind: 'table', table })
    if (table.isFast) this.#holds.addTable(window)
    return table
  }

  /** The cell of a key in a window whose values are only added up, if there is one. */
  openCell(window: BoundedWindow, key: unknown): ReduceCell | undefined {
    const table = this.#tables.get(window)
    if (table?.isFast !== true) return undefined
    this.#kept?.used(table)
    return table.cells.get(key)
  }

  /** The tables of several windows. Where one is missing, the window at its place has expired: it is dropped per element. */
  tablesOf(windows: readonly BoundedWindow[]): readonly (ReduceTable | undefined)[] {
    if (this.#slices?.areWhole(windows) === true) return this.#slices.tablesOver(windows)
    return windows.map((window) => this.table(window))
  }

  /** A cell for a key that the table has not seen. */
  open(table: ReduceTable, key: unknown): ReduceCell {
    return this.#put(table, representative(key, this.#keyCoder), this.reduce.create())
  }

  #put(table: ReduceTable, key: unknown, accumulator: unknown): ReduceCell {
    const cell = this.makeCell(key, accumulator)
    table.cells.set(key, cell)
    if (table.role === 'window') this.#keyCount++
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
    this.#kept?.touched(cell)
    details.isPending = true
    this.#holds.addElement(details, timestamp)
    cell.accumulator = this.reduce.add(cell.accumulator, value)
    this.#trigger.onElement(details.trigger, this.#context.of(cell))
    this.#touched.add(cell)
  }

  /** What is remembered of a cell; made with `isPending` if it is the first time. */
  #details(cell: ReduceCell, window: BoundedWindow, isPending: boolean): CellDetails {
    return (cell.details ??= newDetails(window, isPending, this.#trigger.newState()))
  }

  #arrive(merging: MergingWindows, key: unknown, value: unknown, timestamp: number, window: BoundedWindow): void {
    // The element's own window decides, before merging: also where an active session would have taken it in.
    if (this.#expiryOf(window) < this.#watermarks.input) this.drop('late', key, value, timestamp, window)
    else merging.arrive(key, value, timestamp, window)
  }

  /** The end of a bundle: windows merge, and triggers that may fire because of it are asked. */
  finishBundle(): void {
    this.#merging?.mergeArrivals()
    if (this.#touched.size === 0) return
    const touched = [...this.#touched]
    this.#touched.clear()
    this.#ask(touched)
  }

  #mergingCell(key: unknown, window: BoundedWindow, accumulator: unknown): MergingCell {
    const cell = this.makeCell(key, accumulator)
    this.#details(cell, window, false)
    const merging = cell as MergingCell
    this.#keyCount++
    this.#timers.add(this.#expiryOf(window), { kind: 'cell', cell: merging })
    return merging
  }

  /** A cell of a window that merges is there no more. */
  #left(cell: MergingCell): void {
    this.#touched.delete(cell)
    this.#kept?.left(cell)
    this.#keyCount--
  }

  /** Sets a timer for the end of a window, because the trigger of a cell waits for it. */
  #askAtEnd(cell: ReduceCell, window: BoundedWindow): void {
    if (this.merges) {
      this.#timers.add(window.maxTimestamp, { kind: 'cell', cell: cell as MergingCell })
      return
    }
    const table = this.#tables.get(window)
    if (table === undefined || table.isAskedAtEnd) return
    table.isAskedAtEnd = true
    this.#timers.add(window.maxTimestamp, { kind: 'table', table })
  }

  /** Whether a cell still lies in a window. */
  #isAlive(cell: ReduceCell): boolean {
    if (this.#merging !== undefined) return this.#merging.has(cell)
    return cell.details !== undefined && this.#tables.get(cell.details.window)?.cells.get(cell.key) === cell
  }

  #expiryOf(window: BoundedWindow): number {
    return expiryOf(window, this.#strategy.allowedLatenessMillis)
  }

  // ---- watermark and timers --------------------------------------------------------------------------------------

  /** The input watermark has moved; it never moves back. @returns where it is. */
  advanceInput(watermark: number): number {
    return (this.#watermarks.input = Math.max(this.#watermarks.input, watermark))
  }

  /** Whether timers of event time are due. */
  get isDue(): boolean {
    if (this.#firing !== undefined) return true
    const head = this.#timers.peek()
    return head !== undefined && head.timestamp < this.#watermarks.input
  }

  /** Whether its trigger goes by a clock. */
  get waitsForClock(): boolean {
    return this.#trigger.waitsForClock
  }

  /** Asks the triggers that wait for a clock, if it has come to where they do. */
  fireClocks(): void {
    while (this.calls.isDue) this.#ask(this.calls.take())
  }

  /** Asks the triggers that wait for the end of the batch. */
  endBatch(): void {
    const cells = this.calls.takeBatch()
    this.#context.isBatchOver = true
    this.#ask(cells)
    this.#context.isBatchOver = false
    for (const cell of cells) if (cell.details) this.#trigger.afterBatch(cell.details.trigger, this.#context.of(cell))
  }

  #ask(cells: readonly ReduceCell[]): void {
    for (const cell of this.#inOrder(cells)) if (cell.details) this.#fireIfDue(cell, cell.details.window)
  }

  #inOrder<C extends ReduceCell>(cells: readonly C[]): readonly C[] {
    return this.#ordersKeys ? inKeyOrder(cells, ({ key }) => key, this.#keyCoder) : cells
  }

  get #ordersKeys(): boolean {
    return this.#services.ordersKeys?.() === true
  }

  /** Whether elements have come whose bundle has not been finished. */
  get hasUnfinishedBundle(): boolean {
    return this.#touched.size > 0 || this.#merging?.hasArrivals === true
  }

  /**
   * Fires what is due by the watermark, about `budget` cells of it.
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
      const entry = this.#timers.takeDue(this.#watermarks.input)
      if (entry === undefined) return false
      left -= this.#fireTimer(entry.payload)
      if (left <= 0 && this.isDue) return true
    }
  }

  /** @returns how many cells were asked. */
  #fireTimer(payload: TimerPayload): number {
    switch (payload.kind) {
      case 'table':
        this.#startTable(payload.table)
        return 0
      case 'cell':
        return this.#fireCellTimers(payload.cell)
      case 'closed':
        this.#merging?.expireClosed(payload.key, payload.window)
        this.#kept?.closing(payload.key, payload.window, false)
        return 0
    }
  }

  #startTable(table: ReduceTable): void {
    if (this.#tables.get(table.window) !== table) return
    this.#kept?.used(table)
    // Once the watermark has passed the expiry, end of window and expiry are one event, and its pane is the last.
    const isExpiry = this.#watermarks.input > table.expiry
    if (isExpiry) {
      this.#tables.delete(table.window)
      this.#kept?.gone(table)
    } else if (table.isFast) this.#timers.add(table.expiry, { kind: 'table', table })
    if (table.isSliced) this.#slices?.takeIn(table)
    table.isSliced = false
    this.#slices?.passed(table.window)
    if (table.isFast) this.#holds.removeTable(table.window)
    table.isFast = false
    const cells = table.cells.values()
    this.#firing = { table, cells: this.#ordersKeys ? this.#inOrder([...cells]).values() : cells, isExpiry }
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
      const cell = next.value
      if (isExpiry) this.#expire(cell, table.window)
      else if (cell.details?.isAskedAtEnd !== false) this.#fireIfDue(cell, table.window)
    }
    return left
  }

  #fireCellTimers(first: MergingCell): number {
    const cells = [first]
    for (let head = this.#timers.peek(); this.#ordersKeys; head = this.#timers.peek()) {
      if (head?.payload.kind !== 'cell' || head.timestamp >= this.#watermarks.input) break
      cells.push(head.payload.cell)
      this.#timers.takeDue(this.#watermarks.input)
    }
    for (const cell of this.#inOrder(cells)) this.#fireCellTimer(cell)
    return cells.length
  }

  #fireCellTimer(cell: MergingCell): void {
    const { window } = cell.details
    if (this.#merging?.has(cell) !== true) return
    if (this.#watermarks.input <= this.#expiryOf(window)) {
      this.#fireIfDue(cell, window)
      return
    }
    this.#merging.expire(cell.key, window)
    this.#left(cell)
    this.#expire(cell, window)
  }

  #fireIfDue(cell: ReduceCell, window: BoundedWindow): void {
    // What a cell has collected before its window's first end is pending, also where nothing was written down.
    const details = this.#details(cell, window, true)
    this.#kept?.touched(cell)
    const context = this.#context.of(cell)
    if (this.#trigger.isFinished(details.trigger) || !this.#trigger.shouldFire(details.trigger, context)) return
    this.#trigger.onFire(details.trigger, context)
    const isFinished = this.#trigger.isFinished(details.trigger)
    this.#emit(cell, window, isFinished)
    if (isFinished) this.#close(cell as MergingCell)
  }

  /** The trigger has finished before the window expires: until then it is remembered that nothing may come any more. */
  #close(cell: MergingCell): void {
    cell.accumulator = this.reduce.create()
    if (this.#merging === undefined) return
    const { window } = cell.details
    this.#merging.close(cell)
    this.#keyCount--
    this.#timers.add(this.#expiryOf(window), { kind: 'closed', key: cell.key, window })
    this.#kept?.closing(cell.key, window, true)
  }

  #expire(cell: ReduceCell, window: BoundedWindow): void {
    const { details } = cell
    if (details === undefined || !this.#trigger.isFinished(details.trigger)) this.#emit(cell, window, true)
    if (details === undefined) return
    this.#holds.release(details)
    this.#touched.delete(cell)
  }

  /** Emits the next pane of a cell, if it has something to say, and prepares the cell for what may follow. */
  #emit(cell: ReduceCell, window: BoundedWindow, isLast: boolean): void {
    const { details } = cell
    const pane = nextPane(details?.pane, window.maxTimestamp, isLast, this.#watermarks)
    const timestamp = details === undefined ? window.maxTimestamp : this.#holds.releaseForPane(details, isLast)
    if (details === undefined || details.isPending || speaksWithoutNews(pane, this.#strategy)) {
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
}
