/**
 * Elements on their way from one stage to the next, stored by column: an element is an index, not an object.
 *
 * Law: the columns have equal length; an element's windows are one window, or a list of several.
 */
import { TIMESTAMP_MAX } from '../../sdk/time.js'
import type { PaneInfo } from '../../sdk/windowing/pane-info.js'
import type { BoundedWindow, Windows } from '../../sdk/windowing/window.js'

/** Takes elements one by one. */
export type Push = (value: unknown, timestamp: number, windows: Windows, pane: PaneInfo) => void

/** Where elements that leave a stage go. */
export interface Receiver {
  add(value: unknown, timestamp: number, windows: Windows, pane: PaneInfo): void
}

/** A growing list of elements. */
export class ElementBuffer implements Receiver {
  values: unknown[] = []
  timestamps: number[] = []
  windows: Windows[] = []
  panes: PaneInfo[] = []

  get length(): number {
    return this.values.length
  }

  add(value: unknown, timestamp: number, windows: Windows, pane: PaneInfo): void {
    this.values.push(value)
    this.timestamps.push(timestamp)
    this.windows.push(windows)
    this.panes.push(pane)
  }

  /**
   * How far the watermark may go while the first `count` elements wait, all of them by default; the end of time when none does.
   * Not past the end of a window that an element is in, whatever its timestamp: else it would come too late for its own window.
   */
  hold(count: number = this.values.length): number {
    let hold = TIMESTAMP_MAX
    this.forEach(
      (_value, timestamp, windows) => {
        if (timestamp < hold) hold = timestamp
        if (!Array.isArray(windows)) {
          const { maxTimestamp } = windows as BoundedWindow
          if (maxTimestamp < hold) hold = maxTimestamp
          return
        }
        for (const { maxTimestamp } of windows as readonly BoundedWindow[]) if (maxTimestamp < hold) hold = maxTimestamp
      },
      0,
      count,
    )
    return hold
  }

  /** Takes everything out. */
  take(): ElementBuffer {
    const taken = new ElementBuffer()
    taken.values = this.values
    taken.timestamps = this.timestamps
    taken.windows = this.windows
    taken.panes = this.panes
    this.values = []
    this.timestamps = []
    this.windows = []
    this.panes = []
    return taken
  }

  /** A copy of `[from, to)`. */
  slice(from: number, to: number): ElementBuffer {
    const part = new ElementBuffer()
    part.values = this.values.slice(from, to)
    part.timestamps = this.timestamps.slice(from, to)
    part.windows = this.windows.slice(from, to)
    part.panes = this.panes.slice(from, to)
    return part
  }

  /** The same elements, ordered by `order` (indices). */
  reordered(order: readonly number[]): ElementBuffer {
    const other = new ElementBuffer()
    for (const i of order) {
      other.add(this.values[i], this.timestamps[i] as number, this.windows[i] as Windows, this.panes[i] as PaneInfo)
    }
    return other
  }

  /** Hands elements `[from, to)` on, all of them by default. */
  forEach(push: Push, from = 0, to: number = this.values.length): void {
    for (let i = from; i < to; i++) {
      push(this.values[i], this.timestamps[i] as number, this.windows[i] as Windows, this.panes[i] as PaneInfo)
    }
  }
}
