/**
 * The object by which a DoFn reads its side inputs: a property for each, read when it is asked for, because a view may be
 * broken in a way that only matters to who looks.
 *
 * The getters belong to no run: V8 keeps accessors with an object's hidden class, and what they capture would stay in
 * memory until the next full collection.
 */
import { coded } from '../../sdk/error-codes.js'
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

/** Asks what it is asked for in vain: names that no step has declared, and what the language itself looks for. */
const nobody: object = new Proxy(Object.freeze({}), {
  get(_target, name, reader: object) {
    if (typeof name === 'symbol' || name in Object.prototype) return Reflect.get(Object.prototype, name) as unknown
    if (name === 'then' || name === 'toJSON') return undefined
    const declared = Object.keys(reader)
    throw coded(
      'MR-3015',
      new TypeError(
        `side input "${name}" is not declared by this step. ${
          declared.length === 0
            ? 'It declares none: give it sides: { … }.'
            : `Declared: ${declared.map((each) => `"${each}"`).join(', ')}.`
        }`,
      ),
    )
  },
})

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

// A declared name is a property of the object itself, so that only what is missing comes here.
Object.setPrototypeOf(SidesObject.prototype, nobody)

const getters: (() => unknown)[] = []

/** The getter of the side input at a position, the same for all steps. */
function getterOf(side: number): () => unknown {
  return (getters[side] ??= function (this: SidesObject) {
    return SidesObject.read(this, side)
  })
}
