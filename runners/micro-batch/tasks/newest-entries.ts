/**
 * Entries as changes have left them.
 */
import type { Change, StoredEntry } from '../store/checkpoint-store.js'

/** The newest content of each entry that is there. */
export class NewestEntries {
  readonly #entries = new Map<string, StoredEntry>()

  put({ part, slot, id, content }: Change): void {
    if (content === undefined) this.#entries.delete(keyOf(part, id))
    else this.#entries.set(keyOf(part, id), { part, slot, id, content })
  }

  values(): Iterable<StoredEntry> {
    return this.#entries.values()
  }
}

/** The newest change of each entry. */
export function newestOf(changes: readonly Change[]): readonly Change[] {
  const newest = new Map<string, Change>()
  for (const change of changes) newest.set(keyOf(change.part, change.id), change)
  return [...newest.values()]
}

/** What an entry is called, among all of a partition. */
function keyOf(part: string, id: Uint8Array): string {
  let key = `${part}\u0000`
  for (let at = 0; at < id.length; at += 4096) key += String.fromCharCode(...id.subarray(at, at + 4096))
  return key
}
