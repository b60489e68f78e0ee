/**
 * A list that is stored in parts: items have numbers in the order of their coming, and a change has those stored again whose
 * numbers lie near.
 */
import { ByteReader, type Coder } from '../../sdk/coders/index.js'
import { bytesOf, numberOf } from './cells/kept-cells.js'

/** Numbers of a part. */
const PART = 32

/** Takes the parts that have changed, by number. */
export interface ListSink {
  put(part: number, content: Uint8Array): void
  remove(part: number): void
}

/** A list of what a coder encodes. */
export class KeptList {
  /** Not to be changed but by the calls here. */
  items: unknown[] = []
  /** By item; growing. */
  #numbers: number[] = []
  #next = 0
  readonly #touched = new Set<number>()
  readonly #stored = new Set<number>()
  readonly #isTracked: boolean

  /** @param isTracked - whether {@link changes} will be asked for. */
  constructor(isTracked: boolean) {
    this.#isTracked = isTracked
  }

  push(item: unknown): void {
    this.items.push(item)
    if (!this.#isTracked) return
    this.#touch(this.#next)
    this.#numbers.push(this.#next++)
  }

  removeAt(index: number): void {
    this.items.splice(index, 1)
    for (const number of this.#numbers.splice(index, 1)) this.#touch(number)
  }

  clear(): void {
    for (const number of this.#numbers) this.#touch(number)
    this.items = []
    this.#numbers = []
  }

  #touch(number: number): void {
    this.#touched.add(Math.floor(number / PART))
  }

  /** Hands out the parts that have changed since the last time. */
  changes(coder: Coder<unknown>, sink: ListSink): void {
    for (const part of this.#touched) {
      const [from, to] = [this.#indexOf(part * PART), this.#indexOf((part + 1) * PART)]
      if (from < to) {
        this.#stored.add(part)
        sink.put(part, this.#bytes(coder, from, to))
      } else if (this.#stored.delete(part)) {
        sink.remove(part)
      }
    }
    this.#touched.clear()
  }

  /** The parts that are stored. */
  get stored(): Iterable<number> {
    return this.#stored
  }

  /** Where the first item stands whose number is not smaller. */
  #indexOf(number: number): number {
    let [low, high] = [0, this.#numbers.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#numbers[middle] as number) < number) low = middle + 1
      else high = middle
    }
    return low
  }

  #bytes(coder: Coder<unknown>, from: number, to: number): Uint8Array {
    return bytesOf((out) => {
      for (let i = from; i < to; i++) {
        out.varint(this.#numbers[i] as number)
        coder.encode(this.items[i], out, true)
      }
    })
  }

  /** What was stored, parts in any order. */
  static restored(coder: Coder<unknown>, parts: readonly (readonly [part: number, content: Uint8Array])[]): KeptList {
    const list = new KeptList(true)
    for (const [part, content] of [...parts].sort(([a], [b]) => a - b)) {
      list.#stored.add(part)
      for (const input = new ByteReader(content); input.remaining > 0;) {
        list.#numbers.push(numberOf(input))
        list.items.push(coder.decode(input, true))
      }
    }
    list.#next = (list.#numbers.at(-1) ?? -1) + 1
    return list
  }
}
