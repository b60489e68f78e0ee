/**
 * The log of a query on a modelled disk.
 */
import type { CommitRecord, PlanRecord, QueryRecord } from './checkpoint-store.js'
import { type DeltaRow, DeltaState, MemoryDeltas } from './memory-deltas.js'
import { FrameFile, type FramePosition, type Rows } from './memory-frames.js'
import type { ModelDisk } from './model-disk.js'
import {
  type CommitBody,
  type CommitHeader,
  HISTORY,
  type Holder,
  type LogTable,
  type StoredQuery,
} from './store-tables.js'

/** What a transaction of the log consists of. */
type LogRow =
  | ({ readonly kind: 'query' } & StoredQuery)
  | ({ readonly kind: 'lease' } & Holder)
  | ({ readonly kind: 'plan' } & PlanRecord)
  | ({ readonly kind: 'commit' } & CommitRecord)
  | ({ readonly kind: 'old'; readonly body: CommitBody | null } & CommitHeader)
  | { readonly kind: 'delivered'; readonly batch: number }
  | { readonly kind: 'tip'; readonly partition: number; readonly version: number }
  | { readonly kind: 'cleared' }
  | DeltaRow

/** What the rows have made. */
class LogState {
  query: StoredQuery | undefined
  holder: Holder | undefined
  readonly plans = new Map<number, PlanRecord>()
  readonly commits: CommitHeader[] = []
  readonly bodies = new Map<number, CommitBody>()
  delivered = 0
  readonly tips = new Map<number, number>()
  readonly deltas = new DeltaState()

  apply(rows: Rows<LogRow>): void {
    for (const row of rows) this.#take(row)
  }

  /** Rows that make all of it. */
  all(): Rows<LogRow> {
    return [
      ...(this.query === undefined ? [] : [{ kind: 'query', ...this.query } as const]),
      ...(this.holder === undefined ? [] : [{ kind: 'lease', ...this.holder } as const]),
      ...this.commits.map(
        (header) => ({ kind: 'old', ...header, body: this.bodies.get(header.batch) ?? null }) as const,
      ),
      ...[...this.plans.values()].map((plan) => ({ kind: 'plan', ...plan }) as const),
      { kind: 'delivered', batch: this.delivered },
      ...[...this.tips].map(([partition, version]) => ({ kind: 'tip', partition, version }) as const),
      ...this.deltas.rows(),
    ]
  }

  #take(row: LogRow): void {
    switch (row.kind) {
      case 'query':
        this.query = { query: row.query, generation: row.generation }
        return
      case 'lease':
        this.holder = { epoch: row.epoch, holder: row.holder, until: row.until }
        return
      case 'plan':
        this.plans.set(row.batch, { batch: row.batch, epoch: row.epoch, instant: row.instant, content: row.content })
        return
      case 'commit':
        this.#put(row, { content: row.content, deliveries: row.deliveries })
        for (const batch of this.plans.keys()) if (batch < row.batch) this.plans.delete(batch)
        if (this.commits.length > HISTORY) this.commits.splice(0, this.commits.length - HISTORY)
        for (const batch of this.bodies.keys()) {
          const isOld = batch <= row.batch - HISTORY && this.bodies.get(batch)?.deliveries.length === 0
          if (isOld || (batch < row.batch && batch <= this.delivered)) this.bodies.delete(batch)
        }
        return
      case 'old':
        this.#put(row, row.body ?? undefined)
        return
      case 'delivered':
        this.delivered = row.batch
        return
      case 'tip':
        this.tips.set(row.partition, row.version)
        return
      case 'cleared':
        this.deltas.clear()
        this.tips.clear()
        return
      default:
        this.deltas.apply(row)
    }
  }

  #put({ batch, epoch, instant, hashes }: CommitHeader, body: CommitBody | undefined): void {
    this.commits.push({ batch, epoch, instant, hashes })
    if (body !== undefined) this.bodies.set(batch, body)
  }
}

/** See the head of this file. */
export class MemoryLog implements LogTable {
  readonly path: string
  readonly #frames: FrameFile<LogRow, LogState>

  constructor(disk: ModelDisk, path: string, least: FramePosition | undefined) {
    this.path = path
    this.#frames = new FrameFile<LogRow, LogState>(disk, path, () => new LogState(), least)
  }

  /** Where its file stands. */
  get position(): FramePosition {
    return this.#frames.position
  }

  query(): StoredQuery | undefined {
    return this.#frames.state.query
  }

  holder(): Holder | undefined {
    return this.#frames.state.holder
  }

  committedBatch(): number {
    return this.#frames.state.commits.at(-1)?.batch ?? 0
  }

  headers(from: number): readonly CommitHeader[] {
    const { commits } = this.#frames.state
    const first = commits[0]?.batch ?? 0
    return commits.slice(Math.max(0, from - first))
  }

  bodies(from: number): ReadonlyMap<number, CommitBody> {
    return new Map([...this.#frames.state.bodies].filter(([batch]) => batch >= from))
  }

  plan(batch: number): PlanRecord | undefined {
    return this.#frames.state.plans.get(batch)
  }

  plannedBatches(): readonly number[] {
    return [...this.#frames.state.plans.keys()].sort((a, b) => a - b)
  }

  deliveredUntil(): number {
    return this.#frames.state.delivered
  }

  tip(partition: number): number {
    return this.#frames.state.tips.get(partition) ?? 0
  }

  deltas(partition: number): MemoryDeltas {
    return new MemoryDeltas(
      this.path,
      () => this.#frames.state.deltas,
      partition,
      (row) => this.#frames.add(row),
    )
  }

  reading<T>(body: () => T): T {
    return body()
  }

  transaction<T>(durable: boolean, body: () => T): T {
    return this.#frames.transaction(durable, body)
  }

  putQuery(query: QueryRecord, generation: number): void {
    this.#frames.add({ kind: 'query', query, generation })
  }

  putLease(holder: Holder): void {
    this.#frames.add({ kind: 'lease', ...holder })
  }

  putPlan(plan: PlanRecord): void {
    this.#frames.add({ kind: 'plan', ...plan })
  }

  putCommit(record: CommitRecord): void {
    this.#frames.add({ kind: 'commit', ...record })
  }

  putOldCommit(header: CommitHeader, body: CommitBody | undefined): void {
    this.#frames.add({ kind: 'old', ...header, body: body ?? null })
  }

  putDelivered(batch: number): void {
    this.#frames.add({ kind: 'delivered', batch })
  }

  putTip(partition: number, version: number): void {
    this.#frames.add({ kind: 'tip', partition, version })
  }

  clearDeltas(): void {
    this.#frames.add({ kind: 'cleared' })
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
