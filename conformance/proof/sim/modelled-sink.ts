/**
 * A sink that outlives every process, and remembers what it has been given under which name.
 *
 * Law of who delivers: an id comes with the same items every time, ids come in the order of their batches, and nothing of a batch is
 * brought before it is committed.
 */
import { type DeliveryId, type PCollection, typed } from 'millrace'

/** See the head of this file. */
export class ModelledSink {
  /** The first law that was broken. */
  broken: string | undefined
  readonly trace: string[] = []
  readonly #taken = new Map<number, string>()
  readonly #items: string[] = []
  #query: string | undefined

  readonly #committed: () => number

  /** @param committed the newest batch that may be seen. */
  constructor(committed: () => number) {
    this.#committed = committed
  }

  /** What it has, sorted. */
  get items(): readonly string[] {
    return [...this.#items].sort()
  }

  /** Writes the texts of a collection into the sink. */
  write<T>(input: PCollection<T>, textOf: (item: T) => string): void {
    input.parDo('sink', {
      output: typed<never>(),
      delivery: {
        codec: typed<string>(),
        repeats: 'recognised',
        deliver: (items, { id, recognised }) => {
          if (!this.#take(items, id)) recognised()
        },
        newest: () => (this.#taken.size === 0 ? undefined : this.#newest),
      },
      process: (item, { deliver }) => deliver(textOf(item)),
    })
  }

  get #newest(): number {
    return Math.max(0, ...this.#taken.keys())
  }

  /** @returns whether it is new. */
  #take(items: readonly string[], { query, batch }: DeliveryId): boolean {
    this.#query ??= query
    if (this.#query !== query) this.#fail(`a delivery of batch ${batch} names another query`)
    const text = items.join('\n')
    const before = this.#taken.get(batch)
    this.trace.push(`takes ${batch} ${items.length}`)
    if (before !== undefined) {
      if (before !== text) this.#fail(`I3: what is delivered of batch ${batch} for the second time is something else`)
      return false
    }
    const last = this.#newest
    if (batch <= last) this.#fail(`batch ${batch} is delivered after batch ${last}`)
    // The commit may have been made by a life that did not hear of it.
    if (batch > this.#committed() + 1) this.#fail(`I3: batch ${batch} is delivered before it is committed`)
    this.#taken.set(batch, text)
    this.#items.push(...items)
    return true
  }

  #fail(law: string): void {
    this.broken ??= law
  }
}
