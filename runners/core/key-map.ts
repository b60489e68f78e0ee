/**
 * A map by key. Keys are equal when their canonical bytes are; for primitives under the default coder, or a codec that leaves them as they are, JavaScript's own
 * Map already decides the same way (−0 is 0, one NaN, types differ), so only objects are encoded. Encoded keys have a map
 * of their own: no string of an author can be mistaken for one.
 *
 * Law: `get(a)` finds what `set(b, …)` stored exactly when the canonical bytes of a and b are equal.
 */
import { canonicalKey, type Coder, normalizeKey } from '../../sdk/coders/index.js'

/** Values by key. */
export class KeyMap<V> {
  /** Entries whose key is its own identity; a hot path may look here first for a primitive. */
  readonly primitives: Map<unknown, V> = new Map()
  readonly #encoded = new Map<string, V>()
  readonly #coder: Coder<unknown>
  readonly #primitivesAreIds: boolean

  constructor(coder: Coder<unknown>) {
    this.#coder = coder
    this.#primitivesAreIds = KeyMap.primitivesAreIds(coder)
  }

  /** Whether primitives are their own identity: under the default coder and those that leave primitives to it. */
  static primitivesAreIds(coder: Coder<unknown>): boolean {
    return coder.keepsPrimitives === true
  }

  get size(): number {
    return this.primitives.size + this.#encoded.size
  }

  get(key: unknown): V | undefined {
    return this.#isPrimitive(key) ? this.primitives.get(key) : this.#encoded.get(canonicalKey(key, this.#coder))
  }

  set(key: unknown, value: V): void {
    if (this.#isPrimitive(key)) this.primitives.set(key, value)
    else this.#encoded.set(canonicalKey(key, this.#coder), value)
  }

  delete(key: unknown): boolean {
    return this.#isPrimitive(key) ? this.primitives.delete(key) : this.#encoded.delete(canonicalKey(key, this.#coder))
  }

  clear(): void {
    this.primitives.clear()
    this.#encoded.clear()
  }

  *values(): IterableIterator<V> {
    yield* this.primitives.values()
    yield* this.#encoded.values()
  }

  /** Values of which the key is not its own identity. */
  encoded(): IterableIterator<V> {
    return this.#encoded.values()
  }

  /** What tells the keys apart, each once. */
  *ids(): IterableIterator<unknown> {
    yield* this.primitives.keys()
    yield* this.#encoded.keys()
  }

  #isPrimitive(key: unknown): boolean {
    return this.#primitivesAreIds && (typeof key !== 'object' || key === null)
  }
}

/**
 * The key as its encoding gives it back: −0 becomes 0, an object a copy of its own.
 *
 * @throws {DecodeError} for what cannot be a key; so this is called once for each new one.
 */
export function representative(key: unknown, coder: Coder<unknown>): unknown {
  return normalizeKey(key, coder)
}
