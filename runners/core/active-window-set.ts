/**
 * ActiveWindowSet: the windows of one key under a merging WindowFn, and how new ones unite with them.
 *
 * Law: no two active windows of a key are to be merged; what a window has collected moves with it into the union.
 */
import { type BoundedWindow, sameWindow } from '../../sdk/windowing/window.js'
import type { WindowFn } from '../../sdk/windowing/window-fn.js'
import { WindowMap } from './window-map.js'

/** Values that can take in others when their windows unite; new windows that unite with each other bring none. */
export type Unite<V> = (merged: BoundedWindow, existing: V | undefined, parts: readonly V[]) => V

/** Active windows of one key with what they have collected. */
export class ActiveWindowSet<V> {
  readonly #windowFn: WindowFn
  readonly #windowOf: (value: V) => BoundedWindow
  readonly #active = new WindowMap<V>()

  constructor(windowFn: WindowFn, windowOf: (value: V) => BoundedWindow) {
    this.#windowFn = windowFn
    this.#windowOf = windowOf
  }

  get size(): number {
    return this.#active.size
  }

  values(): IterableIterator<V> {
    return this.#active.values()
  }

  get(window: BoundedWindow): V | undefined {
    return this.#active.get(window)
  }

  set(window: BoundedWindow, value: V): void {
    this.#active.set(window, value)
  }

  delete(window: BoundedWindow): void {
    this.#active.delete(window)
  }

  /**
   * Unites new windows with the active ones.
   *
   * @param unite makes the value of a union from those of its parts; `existing` is the part that already had the union's
   *   extent, if there is one.
   * @returns for each new window, the window that it is in now.
   */
  merge(added: readonly BoundedWindow[], unite: Unite<V>): WindowMap<BoundedWindow> {
    const all = new WindowMap<BoundedWindow>()
    for (const value of this.#active.values()) all.set(this.#windowOf(value), this.#windowOf(value))
    for (const window of added) if (all.get(window) === undefined) all.set(window, window)
    const target = new WindowMap<BoundedWindow>()
    for (const window of added) target.set(window, window)
    for (const { merged, parts } of this.#windowFn.merge([...all.values()])) {
      const values: V[] = []
      for (const part of parts) {
        if (target.get(part) !== undefined) target.set(part, merged)
        const value = this.#active.get(part)
        if (value === undefined) continue
        values.push(value)
        this.#active.delete(part)
      }
      const existing = values.find((value) => sameWindow(this.#windowOf(value), merged))
      this.#active.set(merged, unite(merged, existing, values))
    }
    return target
  }
}
