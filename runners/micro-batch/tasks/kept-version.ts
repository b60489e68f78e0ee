/**
 * What partitions are made of when they are lost: the entries of the newest committed batch, from the store, or from memory where
 * nothing is stored.
 */
import { hostedPart, unhosted } from '../hosted-part.js'
import { ChangeWriter } from '../store/change-bytes.js'
import { NewestEntries } from './newest-entries.js'
import type { Change, StoredEntry } from '../store/checkpoint-store.js'
import type { HostPartition, OfPartition } from './worker-link.js'

/** The newest committed batch. */
export class KeptVersion {
  /** What is true of all partitions. */
  at: Pick<HostPartition, 'batch' | 'instant' | 'watermarks'> = { batch: 0, instant: 0, watermarks: [] }
  #stored: ((batch: number) => AsyncIterable<StoredEntry>) | undefined
  readonly #count: number
  readonly #partitions = new Map<number, NewestEntries>()

  /** @param stored reads what a store has; `undefined` where nothing is stored. */
  constructor(stored: ((batch: number) => AsyncIterable<StoredEntry>) | undefined, partitions: number) {
    this.#stored = stored
    this.#count = partitions
  }

  /** What a partition is made of. */
  async of(partition: number): Promise<Omit<HostPartition, 'kind' | keyof OfPartition>> {
    const { at } = this
    const writer = new ChangeWriter()
    if (this.#stored === undefined) writer.putAll(this.#partitions.get(partition)?.values() ?? [])
    else if (at.batch > 0) {
      const own = hostedPart(partition, this.#count)
      for await (const entry of this.#stored(at.batch)) if (entry.part.endsWith(own)) writer.putAll([entry])
    }
    return { ...at, entries: writer.finish() }
  }

  /** What is kept when this begins, where no store is asked for it. */
  hold(entries: readonly StoredEntry[]): void {
    const names = new Map(Array.from({ length: this.#count }, (_, index) => [hostedPart(index, this.#count), index]))
    for (const entry of entries) {
      const partition = names.get(unhosted(entry.part)[1])
      if (partition !== undefined) this.#newestOf(partition).put(entry)
    }
  }

  /** From now on a store is asked. */
  askStore(stored: (batch: number) => AsyncIterable<StoredEntry>): void {
    this.#stored = stored
    this.#partitions.clear()
  }

  #newestOf(partition: number): NewestEntries {
    let entries = this.#partitions.get(partition)
    if (entries === undefined) this.#partitions.set(partition, (entries = new NewestEntries()))
    return entries
  }

  /** A batch is committed. */
  keep(changes: readonly (readonly Change[])[]): void {
    if (this.#stored !== undefined) return
    for (const [partition, each] of changes.entries()) {
      const entries = this.#newestOf(partition)
      for (const change of each) entries.put(change)
    }
  }
}
