/**
 * A map by window. Windows are equal when start, end and data are, whichever object carries them; those without data are
 * found by two numbers, without making a text of them.
 */
import type { BoundedWindow } from '../../sdk/windowing/window.js'

/** What tells windows of one end apart. */
type Within = number | string

function within({ start, identity }: BoundedWindow): Within {
  return identity === undefined ? start : `${start} ${identity}`
}

/** Values by window. They come out by window end, ends in the order in which they were first seen. */
export class WindowMap<V> {
  readonly #byEnd = new Map<number, Map<Within, V>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  get(window: BoundedWindow): V | undefined {
    return this.#byEnd.get(window.end)?.get(within(window))
  }

  set(window: BoundedWindow, value: V): void {
    let byStart = this.#byEnd.get(window.end)
    if (byStart === undefined) this.#byEnd.set(window.end, (byStart = new Map<Within, V>()))
    const place = within(window)
    if (!byStart.has(place)) this.#size++
    byStart.set(place, value)
  }

  delete(window: BoundedWindow): boolean {
    const byStart = this.#byEnd.get(window.end)
    if (byStart === undefined || !byStart.delete(within(window))) return false
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
