/**
 * A map by window. Windows are equal when start and end are, whichever object carries them; they are found by two
 * numbers, without making a text of them.
 */
import type { BoundedWindow } from '../../sdk/windowing/window.js'

/** Values by window. They come out by window end, ends in the order in which they were first seen. */
export class WindowMap<V> {
  readonly #byEnd = new Map<number, Map<number, V>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  get(window: BoundedWindow): V | undefined {
    return this.#byEnd.get(window.end)?.get(window.start)
  }

  set(window: BoundedWindow, value: V): void {
    let byStart = this.#byEnd.get(window.end)
    if (byStart === undefined) this.#byEnd.set(window.end, (byStart = new Map<number, V>()))
    if (!byStart.has(window.start)) this.#size++
    byStart.set(window.start, value)
  }

  delete(window: BoundedWindow): boolean {
    const byStart = this.#byEnd.get(window.end)
    if (byStart === undefined || !byStart.delete(window.start)) return false
    if (byStart.size === 0) this.#byEnd.delete(window.end)
    this.#size--
    return true
  }

  *values(): IterableIterator<V> {
    for (const byStart of this.#byEnd.values()) yield* byStart.values()
  }

  clear(): void {
    this.#byEnd.clear()
    this.#size = 0
  }
}
