/**
 * Entries as changes have left them.
 */
import { keyOf } from '../store/change-bytes.js'
import type { Change, StoredEntry } from '../store/checkpoint-store.js'

/** The newest content of each entry that is there. */
export class NewestEntries {
  readonly #entries = new Map<string, StoredEntry>()

  put({ part, slot, id, content }: Change): void {
    if (content === undefined) this.#entries.delete(keyOf({ part, id }))
    else this.#entries.set(keyOf({ part, id }), { part, slot, id, content })
  }

  values(): Iterable<StoredEntry> {
    return this.#entries.values()
  }
}
