/**
 * The object by which a DoFn reads its side inputs: a property for each, read when it is asked for, because a view may be
 * broken in a way that only matters to who looks.
 *
 * The getters belong to no run: V8 keeps accessors with an object's hidden class, and what they capture would stay in
 * memory until the next full collection.
 */
import type { BoundedWindow } from '../../sdk/windowing/window.js'

/** Reads side input `side` as an element in a window sees it. */
export type ReadSide = (side: number, window: BoundedWindow) => unknown

/** Whose window decides what is read. */
interface Reader {
  readonly window: BoundedWindow
}

/** The side inputs with the given names, as `reader` sees them. */
export function sidesObject(names: readonly string[], read: ReadSide, reader: Reader): object {
  const sides = new SidesObject(read, reader)
  for (const [side, name] of names.entries()) {
    Object.defineProperty(sides, name, { enumerable: true, get: getterOf(side) })
  }
  return sides
}

class SidesObject {
  readonly #read: ReadSide
  readonly #reader: Reader

  constructor(read: ReadSide, reader: Reader) {
    this.#read = read
    this.#reader = reader
  }

  static read(sides: SidesObject, side: number): unknown {
    return sides.#read(side, sides.#reader.window)
  }
}

const getters: (() => unknown)[] = []

/** The getter of the side input at a position, the same for all steps. */
function getterOf(side: number): () => unknown {
  return (getters[side] ??= function (this: SidesObject) {
    return SidesObject.read(this, side)
  })
}
