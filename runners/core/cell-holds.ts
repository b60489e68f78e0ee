/**
 * CellHolds: where the cells of a grouping hold the output watermark, and which timestamp a pane has because of it.
 *
 * Law: an element holds the watermark at its own contribution to its pane's timestamp, until the pane is emitted. One that
 * comes behind the output watermark, or after its window's end, cannot: then the window's expiry holds. So a pane is never
 * behind the watermark that its consumers have seen, unless its elements were.
 */
import { TIMESTAMP_MAX } from '../../sdk/time.js'
import { expiryOf } from '../../sdk/windowing/expiry.js'
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import type { WindowingStrategy } from '../../sdk/windowing/windowing-strategy.js'
import type { Watermarks } from './pane-info-tracker.js'
import type { CellDetails } from './reduce-table.js'
import { WatermarkHold } from './watermark-hold.js'

/** Holds of one grouping. */
export class CellHolds {
  readonly #strategy: WindowingStrategy
  readonly #watermarks: Watermarks
  readonly #holds = new WatermarkHold()

  /** @param watermarks of the stage, as they move. */
  constructor(strategy: WindowingStrategy, watermarks: Watermarks) {
    this.#strategy = strategy
    this.#watermarks = watermarks
  }

  /** The smallest timestamp that is held. */
  get min(): number {
    return this.#holds.min
  }

  /** Holds for all cells of a window together. */
  addTable(window: BoundedWindow): void {
    this.#holds.add(window.maxTimestamp)
  }

  removeTable(window: BoundedWindow): void {
    this.#holds.remove(window.maxTimestamp)
  }

  /** Holds as a cell did when it was kept. */
  restore({ elementHold, expiryHold }: CellDetails): void {
    for (const hold of [elementHold, expiryHold]) if (!Number.isNaN(hold)) this.#holds.add(hold)
  }

  /** Holds for an element that has come. */
  addElement(details: CellDetails, timestamp: number): void {
    const { maxTimestamp } = details.window
    const { timestampCombiner } = this.#strategy
    const { outputTime } = this.#strategy.windowFn
    const own = outputTime === undefined ? timestamp : outputTime(timestamp, details.window)
    const hold = timestampCombiner === 'endOfWindow' ? maxTimestamp : own
    if (!this.#canHold(hold, details.window)) {
      this.#holdExpiry(details, false)
      return
    }
    const before = details.elementHold
    const isFirst = Number.isNaN(before)
    const after = isFirst ? hold : timestampCombiner === 'earliest' ? Math.min(before, hold) : Math.max(before, hold)
    if (after !== before) this.#hold(details, after)
  }

  /** Whether the output watermark can still be held there, and a timer will end the hold by the end of the window. */
  #canHold(timestamp: number, { maxTimestamp }: BoundedWindow): boolean {
    const { input, output } = this.#watermarks
    return timestamp >= output && maxTimestamp >= input
  }

  /** What the parts of a union hold, it holds. */
  unite(details: CellDetails, parts: readonly CellDetails[]): void {
    const elementHold = this.#unitedHold(details.window, parts)
    for (const part of parts) this.release(part)
    this.#hold(details, elementHold)
    this.#holdExpiry(details, false)
  }

  #unitedHold(window: BoundedWindow, parts: readonly CellDetails[]): number {
    const { timestampCombiner } = this.#strategy
    if (timestampCombiner === 'endOfWindow')
      return this.#canHold(window.maxTimestamp, window) ? window.maxTimestamp : Number.NaN
    const holds = parts.map(({ elementHold }) => elementHold).filter((hold) => !Number.isNaN(hold))
    if (holds.length === 0) return Number.NaN
    return timestampCombiner === 'earliest' ? Math.min(...holds) : Math.max(...holds)
  }

  /** Releases the holds of a cell and gives the timestamp its pane has: the earliest of them, within the window. */
  releaseForPane(details: CellDetails, isLast: boolean): number {
    const { maxTimestamp } = details.window
    const element = Number.isNaN(details.elementHold) ? TIMESTAMP_MAX : details.elementHold
    const expiry = Number.isNaN(details.expiryHold) ? TIMESTAMP_MAX : details.expiryHold
    this.release(details)
    if (!isLast) this.#holdExpiry(details, true)
    return Math.min(element, expiry, maxTimestamp)
  }

  /** Releases the holds of a cell. */
  release(details: CellDetails): void {
    this.#hold(details, Number.NaN)
    if (!Number.isNaN(details.expiryHold)) this.#holds.remove(details.expiryHold)
    details.expiryHold = Number.NaN
  }

  #hold(details: CellDetails, timestamp: number): void {
    if (!Number.isNaN(details.elementHold)) this.#holds.remove(details.elementHold)
    details.elementHold = timestamp
    if (!Number.isNaN(timestamp)) this.#holds.add(timestamp)
  }

  #holdExpiry(details: CellDetails, isEmpty: boolean): void {
    const expiry = expiryOf(details.window, this.#strategy.allowedLatenessMillis)
    if (expiry < this.#watermarks.input || (isEmpty && this.#strategy.closingBehavior === 'ifNonEmpty')) return
    if (!Number.isNaN(details.expiryHold)) this.#holds.remove(details.expiryHold)
    details.expiryHold = expiry
    this.#holds.add(expiry)
  }
}
