/**
 * References to the custom WindowFns of a graph under construction: the first step that was given one is the one to ask for
 * it, so that collections in the same windows can be united wherever they were put into them.
 */
import type { WindowFn } from '../windowing/window-fn.js'
import type { Reference } from './model.js'

/** WindowFns by what the author gave. */
export class WindowFnTable {
  readonly #known = new Map<WindowFn, WindowFn>()
  readonly #register: (reference: Reference, windowFn: WindowFn) => void

  /** @param register keeps the WindowFn that a reference in the graph stands for. */
  constructor(register: (reference: Reference, windowFn: WindowFn) => void) {
    this.#register = register
  }

  /** A WindowFn as it stands in the graph: one that is code is named by a step, the others are data. */
  referred(windowFn: WindowFn, step: string): WindowFn {
    if (windowFn.referredTo === undefined) return windowFn
    const known = this.#known.get(windowFn)
    if (known !== undefined) return known
    const reference: Reference = { step, role: 'windowFn', index: 0 }
    const made = windowFn.referredTo(reference)
    this.#register(reference, made)
    this.#known.set(windowFn, made)
    this.#known.set(made, made)
    return made
  }
}
