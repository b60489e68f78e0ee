/**
 * The file of a partition on a modelled disk.
 */
import { StoreDamaged } from './errors.js'
import { type DeltaRow, DeltaState, MemoryDeltas } from './memory-deltas.js'
import { FrameFile, type Rows } from './memory-frames.js'
import type { ModelDisk } from './model-disk.js'
import { NO_SNAPSHOT, type PartitionName, type PartitionTable, type Snapshot } from './store-tables.js'

/** What a transaction of a partition consists of. */
type PartitionRow =
  | ({ readonly kind: 'name' } & PartitionName)
  | { readonly kind: 'epoch'; readonly epoch: number }
  | {
      readonly kind: 'snapshot'
      readonly version: number
      readonly tip: number
      readonly bytes: number
      readonly chunks: readonly Uint8Array[]
    }
  | DeltaRow

/** What the rows have made. */
class PartitionState {
  name: PartitionName | undefined
  epoch = 0
  snapshot: Snapshot = NO_SNAPSHOT
  chunks: readonly Uint8Array[] = []
  readonly deltas = new DeltaState()

  apply(rows: Rows<PartitionRow>): void {
    for (const row of rows) {
      if (row.kind === 'name') this.name = { query: row.query, partition: row.partition, generation: row.generation }
      else if (row.kind === 'epoch') this.epoch = row.epoch
      else if (row.kind === 'snapshot') {
        this.snapshot = { version: row.version, tip: row.tip, bytes: row.bytes, chunks: row.chunks.length }
        this.chunks = row.chunks
      } else this.deltas.apply(row)
    }
  }

  all(): Rows<PartitionRow> {
    const { version, tip, bytes } = this.snapshot
    return [
      ...(this.name === undefined ? [] : [{ kind: 'name', ...this.name } as const]),
      { kind: 'epoch', epoch: this.epoch },
      { kind: 'snapshot', version, tip, bytes, chunks: this.chunks },
      ...this.deltas.rows(),
    ]
  }
}

/** See the head of this file. */
export class MemoryPartition implements PartitionTable {
  readonly path: string
  readonly deltas: MemoryDeltas
  readonly #frames: FrameFile<PartitionRow, PartitionState>
  readonly #name: PartitionName

  /** @param isNew whether it says not yet which one it is. */
  constructor(disk: ModelDisk, path: string, name: PartitionName, isNew: boolean) {
    this.path = path
    this.#name = name
    this.#frames = new FrameFile<PartitionRow, PartitionState>(disk, path, () => new PartitionState(), undefined)
    this.deltas = new MemoryDeltas(
      path,
      () => this.#frames.state.deltas,
      name.partition,
      (row) => this.#frames.add(row),
    )
    if (isNew) this.transaction(true, () => this.#frames.add({ kind: 'name', ...name }))
    else this.epoch()
  }

  epoch(): number {
    const { name, epoch } = this.#frames.state
    if (name === undefined) throw new StoreDamaged(this.path, 'it does not say what it belongs to')
    const { query, partition, generation } = this.#name
    if (name.query !== query || name.partition !== partition || name.generation !== generation) {
      throw new StoreDamaged(
        this.path,
        `it is partition ${name.partition} of query ${name.query}, not partition ${partition} of query ${query}`,
      )
    }
    return epoch
  }

  putEpoch(epoch: number): void {
    this.#frames.add({ kind: 'epoch', epoch })
  }

  snapshot(): Snapshot {
    return this.#frames.state.snapshot
  }

  snapshotChunks(): readonly Uint8Array[] {
    return this.#frames.state.chunks
  }

  putSnapshot(version: number, tip: number, chunks: Iterable<Uint8Array>): void {
    const all = [...chunks]
    const bytes = all.reduce((sum, { length }) => sum + length, 0)
    this.#frames.add({ kind: 'snapshot', version, tip, bytes, chunks: all })
  }

  transaction<T>(durable: boolean, body: () => T): T {
    return this.#frames.transaction(durable, body)
  }

  settle(): void {
    this.#frames.settle()
  }

  faults(): readonly string[] {
    return []
  }

  close(): void {
    // Nothing is open.
  }
}
