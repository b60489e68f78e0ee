/**
 * Keeps a few small things that are looked at as a whole, such as counters: what is not as it was stored is stored again.
 *
 * Law: what is written back is what was read, text for text; everything is plain JSON, in which any text of an author's has a form.
 */
import { decodeFromBytes, encodeToBytes, stringUtf8Coder } from '../../sdk/coders/index.js'
import type { ChangeSink, Keeper, KeptEntry } from './kept-state.js'

/** Plain data. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }

/** Keeps what `read` gives, by plain names. */
export class SnapshotKeeper implements Keeper {
  readonly #read: () => Iterable<readonly [name: string, value: Json]>
  readonly #write: (things: ReadonlyMap<string, Json>) => void
  /** What is stored, by name. */
  readonly #stored = new Map<string, string>()

  /** @param write - takes back what `read` gave. */
  constructor(
    read: () => Iterable<readonly [name: string, value: Json]>,
    write: (things: ReadonlyMap<string, Json>) => void,
  ) {
    this.#read = read
    this.#write = write
  }

  track(): void {
    // It is looked at.
  }

  changes(sink: ChangeSink): void {
    const gone = new Set(this.#stored.keys())
    for (const [name, value] of this.#read()) {
      gone.delete(name)
      const text = JSON.stringify(value)
      if (this.#stored.get(name) === text) continue
      this.#stored.set(name, text)
      sink.put(0, encodeToBytes(stringUtf8Coder, name), encodeToBytes(stringUtf8Coder, text))
    }
    for (const name of gone) {
      this.#stored.delete(name)
      sink.remove(0, encodeToBytes(stringUtf8Coder, name))
    }
  }

  restore(entries: Iterable<KeptEntry>): void {
    for (const { id, content } of entries)
      this.#stored.set(decodeFromBytes(stringUtf8Coder, id), decodeFromBytes(stringUtf8Coder, content))
    this.#write(new Map([...this.#stored].map(([name, text]) => [name, JSON.parse(text) as Json] as const)))
  }
}

/** A number as a text that gives it back, whichever it is. */
export function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}
