/**
 * Slices of sliding windows. An element of an hour that slides by a second is in 3,600 windows, but in one slice of a second:
 * it is added once, to its slice, and a window that ends is the union of its slices.
 *
 * The union does not begin anew for each window. Slices before a boundary are kept as unions of each with all that follow it,
 * up to the boundary (`front`); those behind it as one union that grows (`back`). A window is one of the first and the
 * second; when the windows have passed the boundary it moves to the end of the next window. Each slice is so merged about
 * three times, however many windows it is in ("two stacks" in the literature on sliding-window aggregation).
 *
 * Lists are united anew for each window: the list that a window puts out is as long as all that went into it.
 *
 * Law: windows take in their slices in the order of their ends, each once; a slice lives until the last window over it has.
 */
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import type { WindowingStrategy } from '../../sdk/windowing/windowing-strategy.js'
import type { ReduceFn } from './reduce-fn.js'
import type { ReduceServices } from './reduce-services.js'
import type { ReduceTable } from './reduce-table.js'

/** What slices need of the grouping. */
export interface SliceHost {
  /** The table of a window, made if need be; `undefined` when the window has expired. */
  table(window: BoundedWindow): ReduceTable | undefined
  /** Whether a window is still to take in its slices. */
  isWaiting(window: BoundedWindow): boolean
  /** A table to which values are only added. */
  newTable(window: BoundedWindow, role: 'slice' | 'union'): ReduceTable
  /** Something is added to a table that is kept from batch to batch; it is there no more. */
  used(table: ReduceTable): void
  gone(table: ReduceTable): void
  /** A cell for a key that the table has not. */
  put(table: ReduceTable, key: unknown, accumulator: unknown): void
  /** Reports what user code throws. */
  readonly guard: ReduceServices['guard']
}

/** The slices of a grouping. */
export class WindowSlices {
  readonly #host: SliceHost
  readonly #reduce: ReduceFn
  readonly #periodMillis: number
  /** Slices in a window, which is also windows over a slice. */
  readonly #count: number
  /** A union of lists is as long as its parts together: keeping it costs more than making it, which the output costs anyway. */
  readonly #keepsUnions: boolean
  readonly #byStart = new Map<number, ReduceTable>()
  /** Unions of slices up to the boundary, by the start of the first, in descending order. */
  #front: { readonly start: number; readonly table: ReduceTable }[] = []
  #boundary = Number.NEGATIVE_INFINITY
  /** Union of the slices from the boundary to `#end`. */
  #back: ReduceTable | undefined
  #end = Number.NEGATIVE_INFINITY
  /** Whether the unions up to the boundary are still to be made, as they were before. */
  #isRestored = false

  /**
   * Slices for a strategy and a way to reduce; `undefined` where they cannot be: the period must divide the size. What a
   * lifted step has reduced comes window by window, so there is nothing to share.
   */
  static of({ windowFn }: WindowingStrategy, reduce: ReduceFn, host: SliceHost): WindowSlices | undefined {
    const { payload } = windowFn
    if (payload.kind !== 'sliding' || reduce.kind === 'accumulators') return undefined
    const { sizeMillis, periodMillis } = payload
    if (sizeMillis % periodMillis !== 0 || sizeMillis === periodMillis) return undefined
    return new WindowSlices(host, reduce, periodMillis, sizeMillis / periodMillis)
  }

  private constructor(host: SliceHost, reduce: ReduceFn, periodMillis: number, count: number) {
    this.#host = host
    this.#reduce = reduce
    this.#periodMillis = periodMillis
    this.#count = count
    this.#keepsUnions = reduce.kind !== 'list'
  }

  /** Whether windows are all those over one slice; at the ends of time, where they are cut off, they are not. */
  areWhole(windows: readonly BoundedWindow[]): boolean {
    const { [0]: first, [windows.length - 1]: last } = windows
    if (first === undefined || last === undefined || windows.length !== this.#count) return false
    const span = (this.#count - 1) * this.#periodMillis
    return last.start - first.start === span && last.end - first.end === span
  }

  /** Where a value is to be added for all windows over one slice. Where a table is missing, the window at its place has expired. */
  tablesOver(windows: readonly BoundedWindow[]): readonly (ReduceTable | undefined)[] {
    const host = this.#host
    const first = windows.findIndex((window) => host.isWaiting(window))
    const passed = windows.slice(0, first < 0 ? windows.length : first).map((window) => host.table(window))
    if (first < 0) return passed
    // So do all later ones.
    const shared = this.#tablesOf(windows[windows.length - 1] as BoundedWindow, () => {
      for (const window of windows) if (host.isWaiting(window)) host.table(window)
    })
    return [...passed, ...shared]
  }

  /**
   * Where a value is to be added for the windows that have not taken in their slices yet.
   *
   * @param last - the last window over the slice; it begins where the slice does.
   * @param onNew - called when the slice is new.
   */
  #tablesOf(last: BoundedWindow, onNew: () => void): readonly ReduceTable[] {
    const { start } = last
    let slice = this.#byStart.get(start)
    if (slice === undefined) {
      this.#byStart.set(start, (slice = this.#host.newTable(last, 'slice')))
      onNew()
    }
    this.#host.used(slice)
    if (start >= this.#end) return [slice]
    if (start >= this.#boundary && this.#back !== undefined) {
      this.#host.used(this.#back)
      return [slice, this.#back]
    }
    // Late: it stands in many unions. They are made anew for the next window.
    this.#front = []
    this.#boundary = Number.NEGATIVE_INFINITY
    return [slice]
  }

  /** The slices that windows share, those of one window only where one is given; for those who look at a run. */
  *tables(of?: BoundedWindow): IterableIterator<ReduceTable> {
    for (const [start, table] of this.#byStart) {
      if (of === undefined || (start >= of.start && start < of.end)) yield table
    }
  }

  /** Adds what the slices of a window have collected to its table. */
  takeIn(table: ReduceTable): void {
    const { start, end } = table.window
    if (!this.#keepsUnions) {
      this.#takeInEach(table)
      return
    }
    if (this.#isRestored) this.#makeFront(start)
    if (start >= this.#boundary) this.#moveBoundary(start, end)
    for (; this.#end < end; this.#end += this.#periodMillis) {
      const slice = this.#byStart.get(this.#end)
      if (slice === undefined) continue
      this.#back ??= this.#host.newTable(table.window, 'union')
      this.#host.used(this.#back)
      this.#merge(this.#back, slice)
    }
    // The last one that the window has begun before; where slices are missing it is also that of the ones before it.
    while ((this.#front.at(-1)?.start ?? start) < start) this.#front.pop()
    const front = this.#front.at(-1)
    if (front !== undefined) this.#merge(table, front.table)
    if (this.#back !== undefined) this.#merge(table, this.#back)
  }

  /** Adds what one table has collected to another; the first stays as it is. */
  #merge(into: ReduceTable, from: ReduceTable): void {
    const reduce = this.#reduce
    let key: unknown
    try {
      for (const { key: of, accumulator } of from.cells.values()) {
        key = of
        const cell = into.cells.get(key)
        if (cell !== undefined) cell.accumulator = reduce.mergeShared(cell.accumulator, accumulator)
        else this.#host.put(into, key, reduce.own(accumulator))
      }
    } catch (error) {
      this.#host.guard('mergeAccumulators', key, into.window, () => {
        throw error
      })
    }
  }

  #takeInEach(table: ReduceTable): void {
    const { start, end } = table.window
    for (let at = start; at < end; at += this.#periodMillis) {
      const slice = this.#byStart.get(at)
      if (slice !== undefined) this.#merge(table, slice)
    }
  }

  /** A window has taken in its slices: the one that begins where it does is in no later one. */
  passed({ start }: BoundedWindow): void {
    const slice = this.#byStart.get(start)
    if (slice === undefined) return
    this.#byStart.delete(start)
    this.#host.gone(slice)
  }

  /** Where its unions begin and end, for those who keep it. */
  get limits(): readonly [boundary: number, end: number] {
    return [this.#boundary, this.#end]
  }

  /** Takes back slices, and the union of those behind the boundary. */
  restore(boundary: number, end: number, tables: readonly ReduceTable[]): void {
    this.#boundary = boundary
    this.#end = end
    this.#isRestored = true
    for (const table of tables) {
      if (table.role === 'slice') this.#byStart.set(table.window.start, table)
      else this.#back = table
    }
  }

  #moveBoundary(start: number, end: number): void {
    if (this.#back !== undefined) this.#host.gone(this.#back)
    this.#back = undefined
    this.#boundary = end
    this.#end = end
    this.#makeFront(start)
  }

  /** Unites the slices from `start` to the boundary, each with all that follow it. */
  #makeFront(start: number): void {
    this.#front = []
    this.#isRestored = false
    let following: ReduceTable | undefined
    for (let at = this.#boundary - this.#periodMillis; at >= start; at -= this.#periodMillis) {
      const slice = this.#byStart.get(at)
      if (slice === undefined) continue
      const table = this.#host.newTable(slice.window, 'union')
      if (following !== undefined) this.#merge(table, following)
      this.#merge(table, slice)
      this.#front.push({ start: at, table })
      following = table
    }
  }
}
