/**
 * Items by time, in chunks: an item that comes out of order moves only what stands in its chunk, and a range is found by
 * halving. A chunk that a snapshot has seen is copied before it changes.
 *
 * Law: items are in the order of their times, those of one time in the order of their coming; a snapshot shows exactly
 * what was there when it was taken; a call that is taken back leaves everything as it was.
 */
import type { TimestampedValue } from '../../../sdk/state/state-cell.js'
import type { StateRecord } from '../state-internals.js'

/** An item; its serial number tells which of one time came first. */
export interface Item extends TimestampedValue<unknown> {
  readonly serial: number
}

/** Items of a chunk; a full one is cut in two. */
const CHUNK = 128

/** Items that stand, and are stored, together. */
class Chunk {
  readonly id: number
  readonly items: Item[]
  /** Whether a snapshot has seen it. */
  isShared = false

  constructor(id: number, items: Item[]) {
    this.id = id
    this.items = items
  }

  get first(): number {
    return (this.items[0] as Item).timestamp
  }
}

/** Items by time. */
export class SortedItems {
  /** None is empty. */
  readonly #chunks: Chunk[] = []
  #nextId = 0
  #serial = 0
  /** Chunks that have changed or gone, where somebody asks. */
  #touched: Set<number> | undefined

  get isEmpty(): boolean {
    return this.#chunks.length === 0
  }

  /** Adds an item behind those of its time. */
  add(record: StateRecord, timestamp: number, value: unknown): void {
    this.#insert(record, { timestamp, value, serial: this.#serial++ })
    // Steps are taken back in reverse, so the item is the last one of its time again.
    if (record.isInCall) record.onRollBack(() => this.#removeLast(record, timestamp))
  }

  /** Removes the items with `from ≤ timestamp < to`. */
  clearRange(record: StateRecord, from: number, to: number): void {
    const removed = record.isInCall ? [...this.range(from, to)()] : []
    let i = this.#chunkOf(from - 1)
    while (i < this.#chunks.length && (this.#chunks[i] as Chunk).first < to) {
      const { items } = this.#chunks[i] as Chunk
      const [start, end] = [indexOf(items, from), indexOf(items, to)]
      if (start === end) {
        i++
      } else if (end - start === items.length) {
        this.#touch(record, i)
        this.#chunks.splice(i, 1)
      } else {
        this.#touch(record, i)
        this.#own(i).items.splice(start, end - start)
        i++
      }
    }
    if (removed.length > 0)
      record.onRollBack(() => {
        for (const item of removed) this.#insert(record, item)
      })
  }

  /** The items with `from ≤ timestamp < to` that are there now, to iterate over as often as one likes. */
  range(from: number, to: number): () => IterableIterator<Item> {
    const chunks: Item[][] = []
    for (let i = this.#chunkOf(from - 1); i < this.#chunks.length; i++) {
      const chunk = this.#chunks[i] as Chunk
      if (chunk.first >= to) break
      chunk.isShared = true
      chunks.push(chunk.items)
    }
    return function* () {
      for (const items of chunks) {
        const end = indexOf(items, to)
        for (let i = indexOf(items, from); i < end; i++) yield items[i] as Item
      }
    }
  }

  /** Numbers that a store must have besides the items. */
  get counters(): readonly [nextId: number, serial: number] {
    return [this.#nextId, this.#serial]
  }

  /** Chunks that have changed since the last time, by number: what is in them, nothing when they are gone. */
  takeTouched(): readonly (readonly [id: number, items: readonly Item[]])[] {
    const touched = this.#touched
    this.#touched = undefined
    if (touched === undefined) return []
    const found = this.#chunks.filter(({ id }) => touched.delete(id))
    return [...found.map(({ id, items }) => [id, items] as const), ...[...touched].map((id) => [id, []] as const)]
  }

  /** What was stored, chunks in any order. */
  static restored(
    chunks: readonly (readonly [id: number, items: Item[]])[],
    [nextId, serial]: readonly [number, number],
  ): SortedItems {
    const restored = new SortedItems()
    for (const [id, items] of chunks) restored.#chunks.push(new Chunk(id, items))
    restored.#chunks.sort((a, b) => compareItems(a.items[0] as Item, b.items[0] as Item))
    restored.#nextId = nextId
    restored.#serial = serial
    return restored
  }

  #touch(record: StateRecord, chunk: number): void {
    record.note()
    if (record.isTracked) (this.#touched ??= new Set()).add((this.#chunks[chunk] as Chunk).id)
  }

  #insert(record: StateRecord, item: Item): void {
    const { timestamp } = item
    if (this.isEmpty) {
      this.#chunks.push(new Chunk(this.#nextId++, [item]))
      this.#touch(record, 0)
      return
    }
    const i = this.#chunkOf(timestamp)
    this.#touch(record, i)
    const { items } = this.#own(i)
    const last = items[items.length - 1] as Item
    if (last.timestamp <= timestamp) items.push(item)
    else items.splice(indexOf(items, timestamp + 1), 0, item)
    if (items.length <= CHUNK) return
    // What comes in order fills chunks; elsewhere both halves get room.
    const isAtEnd = i === this.#chunks.length - 1 && items[items.length - 1] === item
    this.#chunks.splice(i + 1, 0, new Chunk(this.#nextId++, items.splice(isAtEnd ? CHUNK : CHUNK / 2)))
    this.#touch(record, i + 1)
  }

  #removeLast(record: StateRecord, timestamp: number): void {
    const i = this.#chunkOf(timestamp)
    this.#touch(record, i)
    const { items } = this.#own(i)
    items.splice(indexOf(items, timestamp + 1) - 1, 1)
    if (items.length === 0) this.#chunks.splice(i, 1)
  }

  /** The last chunk that begins at a time or before; the first one when all begin later. */
  #chunkOf(timestamp: number): number {
    let [low, high] = [0, this.#chunks.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#chunks[middle] as Chunk).first <= timestamp) low = middle + 1
      else high = middle
    }
    return Math.max(0, low - 1)
  }

  /** A chunk that may be changed. */
  #own(i: number): Chunk {
    const chunk = this.#chunks[i] as Chunk
    if (!chunk.isShared) return chunk
    const own = new Chunk(chunk.id, [...chunk.items])
    this.#chunks[i] = own
    return own
  }
}

function compareItems(a: Item, b: Item): number {
  return a.timestamp - b.timestamp || a.serial - b.serial
}

/** Where the first item at a time or after it stands. */
function indexOf(items: readonly Item[], timestamp: number): number {
  let [low, high] = [0, items.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((items[middle] as Item).timestamp < timestamp) low = middle + 1
    else high = middle
  }
  return low
}
