/**
 * Elements as a store has them: value, timestamp, windows and pane, as Beam's windowed values are laid out.
 *
 * Law: what is read is what was written; an element of one window comes back with that window, not with a list of it.
 */
import {
  type ByteReader,
  type ByteWriter,
  type Coder,
  type WindowedValue,
  windowedValueCoder,
} from '../../sdk/coders/index.js'
import type { PaneInfo } from '../../sdk/windowing/pane-info.js'
import type { BoundedWindow, Windows } from '../../sdk/windowing/window.js'
import { windowCoderOf } from '../../sdk/windowing/window-coder.js'
import type { WindowFn } from '../../sdk/windowing/window-fn.js'
import type { Push } from './element-buffer.js'

/** Writes and reads the elements of one collection. */
export class ElementCoding {
  readonly window: Coder<BoundedWindow>
  readonly #coder: Coder<WindowedValue<unknown, BoundedWindow>>

  constructor(value: Coder<unknown>, windowFn: WindowFn) {
    this.window = windowCoderOf(windowFn)
    this.#coder = windowedValueCoder(value, this.window)
  }

  /** Appends an element, so that others can follow. @throws {DecodeError} when a coder refuses a part of it. */
  write(out: ByteWriter, value: unknown, timestamp: number, windows: Windows, pane: PaneInfo): void {
    const list = Array.isArray(windows) ? (windows as readonly BoundedWindow[]) : [windows as BoundedWindow]
    this.#coder.encode({ value, timestamp, windows: list, pane }, out, true)
  }

  /** Reads an element and hands it on. */
  read(input: ByteReader, push: Push): void {
    const { value, timestamp, windows, pane } = this.#coder.decode(input, true)
    push(value, timestamp, windows.length === 1 ? (windows[0] as BoundedWindow) : windows, pane)
  }
}
