/**
 * The state as another driver has committed it, kept in memory and brought up to date commit by commit, so that whoever takes over does
 * not have to read it then.
 *
 * Law: with the batch that it says it has, it has the entries that the store has of that batch, and no others.
 */
import type { Change, StoredEntry, StoreView } from './store/checkpoint-store.js'

/** A copy of one partition. */
class PartitionCopy {
  readonly entries = new Map<string, StoredEntry>()
  version = 0

  /** @returns whether it is up to date now; not when the store was just changing. */
  async follow(view: StoreView, partition: number): Promise<boolean> {
    const found = await view.changesSince(partition, this.version)
    if (found === undefined) return false
    if (found.isWhole) this.entries.clear()
    for (const { part, slot, id, content } of found.changes) {
      const key = keyOf({ part, id })
      if (content === undefined) this.entries.delete(key)
      // What was read may be a view of something larger.
      else this.entries.set(key, { part, slot, id: id.slice(), content: content.slice() })
    }
    this.version = found.version
    return true
  }
}

/** See the head of this file. */
export class WarmCopy {
  #partitions: readonly PartitionCopy[] = []

  /** Takes in what has been committed since the last time. */
  async follow(view: StoreView, partitions: number): Promise<void> {
    if (this.#partitions.length !== partitions)
      this.#partitions = Array.from({ length: partitions }, () => new PartitionCopy())
    const committed = await view.committedBatch()
    for (const [index, copy] of this.#partitions.entries()) if (copy.version < committed) await copy.follow(view, index)
  }

  /** The batch that all of it has, 0 where parts have different ones. */
  get batch(): number {
    const [first, ...others] = this.#partitions
    return first !== undefined && others.every(({ version }) => version === first.version) ? first.version : 0
  }

  /** All entries. */
  *values(): Iterable<StoredEntry> {
    for (const { entries } of this.#partitions) yield* entries.values()
  }

  /** Gives the memory back. */
  clear(): void {
    this.#partitions = []
  }
}

/** What an entry is called, among all of a partition. */
export function keyOf({ part, id }: Pick<Change, 'part' | 'id'>): string {
  let key = `${part}\u0000`
  for (let at = 0; at < id.length; at += 4096) key += String.fromCharCode(...id.subarray(at, at + 4096))
  return key
}
