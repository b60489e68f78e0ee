/**
 * The names of what partitions keep: where workers share the work, each partition keeps all parts of the graph for its share of the
 * keys, so its number follows the name of the part.
 *
 * Law: what a single partition keeps is called as in a run without workers.
 */
import type { StoredEntry } from './store/checkpoint-store.js'

/** What follows the names of the parts that a partition keeps. */
export function hostedPart(partition: number, partitions: number): string {
  return partitions === 1 ? '' : ` (partition ${partition + 1} of ${partitions})`
}

/** The name of a part, and what follows it where it is kept by one of several partitions. */
export function unhosted(part: string): readonly [part: string, of: string] {
  const of = / \(partition \d+ of \d+\)$/.exec(part)?.[0] ?? ''
  return [part.slice(0, part.length - of.length), of]
}

/** Entries by part, and then by the partition that keeps them. */
export class HostedEntries {
  readonly #byPart = new Map<string, Map<string, StoredEntry[]>>()

  add(entry: StoredEntry): void {
    const [part, of] = unhosted(entry.part)
    let hosts = this.#byPart.get(part)
    if (hosts === undefined) this.#byPart.set(part, (hosts = new Map<string, StoredEntry[]>()))
    const there = hosts.get(of)
    if (there === undefined) hosts.set(of, [entry])
    else there.push(entry)
  }

  /** What each partition keeps of a part. */
  of(part: string): readonly (readonly StoredEntry[])[] {
    return [...(this.#byPart.get(part)?.values() ?? [])]
  }
}
