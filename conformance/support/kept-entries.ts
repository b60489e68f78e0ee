/**
 * A store of what keepers hand out, in memory: it refuses what no store should see.
 */
import type { Keeper, KeptEntry } from '../../runners/core/kept-state.js'

/** Entries by id. */
export class KeptEntries {
  readonly #entries = new Map<string, KeptEntry>()

  /** Takes what has changed. @returns the number of entries it was told of, and how many bytes their contents have. */
  take(keeper: Keeper): { readonly entries: number; readonly bytes: number } {
    const seen = new Set<string>()
    let bytes = 0
    const named = (id: Uint8Array): string => {
      const text = id.join(' ')
      if (seen.has(text)) throw new Error(`entry ${text} is handed out twice`)
      seen.add(text)
      return text
    }
    keeper.changes({
      put: (slot, id, content) => {
        this.#entries.set(named(id), { slot, id, content })
        bytes += content.length
      },
      remove: (slot, id) => {
        const text = named(id)
        if (this.#entries.get(text)?.slot !== slot) throw new Error(`entry ${text} is removed and was not stored`)
        this.#entries.delete(text)
      },
    })
    return { entries: seen.size, bytes }
  }

  /** All of it. */
  list(): readonly KeptEntry[] {
    return [...this.#entries.values()]
  }

  /** All of it in an order that says nothing. */
  shuffled(random: () => number): readonly KeptEntry[] {
    return this.list()
      .map((entry) => [random(), entry] as const)
      .sort(([a], [b]) => a - b)
      .map(([, entry]) => entry)
  }

  /** Gives all to a keeper that has nothing, which then has nothing new to say. */
  restore<K extends Keeper>(keeper: K, random: () => number): K {
    keeper.track()
    keeper.restore(this.shuffled(random))
    const { entries } = this.take(keeper)
    if (entries > 0) throw new Error(`${entries} entries are handed out of what was just taken back`)
    return keeper
  }
}
