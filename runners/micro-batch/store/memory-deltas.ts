/**
 * Changes by version as rows of a {@link FrameFile}.
 */
import { StoreDamaged } from './errors.js'
import type { ChangeBlob, Delta, DeltaRows } from './store-tables.js'

/** A row that says something of changes. */
export type DeltaRow =
  | {
      readonly kind: 'delta'
      readonly partition: number
      readonly version: number
      readonly previous: number
      readonly bytes: number
      readonly hash: string
      readonly chunks: readonly Uint8Array[]
    }
  | { readonly kind: 'removed'; readonly partition: number; readonly from: number; readonly to: number }

type StoredDelta = Delta & { readonly parts: readonly Uint8Array[] }

/** The changes of all partitions in a file, as its rows have made them. */
export class DeltaState {
  readonly #partitions = new Map<number, StoredDelta[]>()

  of(partition: number): readonly StoredDelta[] {
    return this.#partitions.get(partition) ?? []
  }

  apply(row: DeltaRow): void {
    const there = this.of(row.partition)
    if (row.kind === 'removed') {
      const rest = there.filter(({ version }) => version < row.from || version > row.to)
      this.#partitions.set(row.partition, rest)
      return
    }
    const { version, previous, bytes, hash, chunks } = row
    const delta = { version, previous, bytes, hash, chunks: chunks.length, parts: chunks }
    this.#partitions.set(row.partition, [...there, delta])
  }

  clear(): void {
    this.#partitions.clear()
  }

  /** Rows that make all of it. */
  *rows(): Generator<DeltaRow, void, undefined> {
    for (const [partition, deltas] of this.#partitions) {
      for (const { version, previous, bytes, hash, parts } of deltas) {
        yield { kind: 'delta', partition, version, previous, bytes, hash, chunks: parts }
      }
    }
  }
}

/** The changes of a partition. */
export class MemoryDeltas implements DeltaRows {
  readonly #path: string
  readonly #state: () => DeltaState
  readonly #partition: number
  readonly #add: (row: DeltaRow) => void

  constructor(path: string, state: () => DeltaState, partition: number, add: (row: DeltaRow) => void) {
    this.#path = path
    this.#state = state
    this.#partition = partition
    this.#add = add
  }

  insert(version: number, previous: number, { chunks, bytes, hash }: ChangeBlob): void {
    this.#add({ kind: 'delta', partition: this.#partition, version, previous, bytes, hash, chunks })
  }

  remove(from: number, to: number): void {
    // Most of the time there is nothing; a row for each commit would only be read again.
    if (
      this.#state()
        .of(this.#partition)
        .every(({ version }) => version < from || version > to)
    )
      return
    this.#add({ kind: 'removed', partition: this.#partition, from, to })
  }

  list(after: number): readonly Delta[] {
    return this.#state()
      .of(this.#partition)
      .filter(({ version }) => version > after)
  }

  chunks({ version }: Delta): readonly Uint8Array[] {
    const delta = this.#state()
      .of(this.#partition)
      .find((stored) => stored.version === version)
    if (delta === undefined) throw new StoreDamaged(this.#path, `version ${version} is missing`)
    return delta.parts
  }
}
