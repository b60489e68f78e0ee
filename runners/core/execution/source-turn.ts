/**
 * Writes down what a source does in its turns, where a journal wants to know.
 *
 * Law: what is written down is enough to do the turn again; elements are written only where they cannot be read again.
 */
import type { SourceCodec } from './source-codec.js'
import { type ReadRecord, type SourceJournal, type TurnRecord, type WorkBegun, workLeft } from './source-journal.js'
import type { SourceBatch } from './source-reading.js'
import type { Work } from './source-work.js'

/** A bundle that was read. */
export interface BundleRead {
  readonly work: Work
  readonly count: number
  readonly left: readonly Work[]
  /** See {@link ReadRecord.isFull}. */
  readonly isFull: boolean
  /** What was read; `undefined` where it can be read again. */
  readonly batch: SourceBatch | undefined
  /** The time of the delay clock. */
  readonly at: number
}

/** The turns of one source. */
export class SourceTurns {
  readonly #journal: SourceJournal | undefined
  readonly #stage: number
  readonly #codec: () => SourceCodec
  #reads: ReadRecord[] = []
  #idle: TurnRecord['idle'][number][] = []

  constructor(journal: SourceJournal | undefined, stage: number, codec: () => SourceCodec) {
    this.#journal = journal
    this.#stage = stage
    this.#codec = codec
  }

  /** What is to be done again in the turn that begins. */
  again(): TurnRecord | undefined {
    return this.#journal?.again(this.#stage)
  }

  /** Whether anything new may be read. */
  get mayRead(): boolean {
    return this.#journal?.isReading !== false
  }

  /** How many elements may be read; less than 1: none. */
  get room(): number {
    return this.#journal?.room(this.#stage) ?? Infinity
  }

  /** A bundle was read, and nothing has been done with it yet. */
  read({ work, count, left, isFull, batch, at }: BundleRead): void {
    const journal = this.#journal
    if (journal === undefined) return
    const isWanted = batch !== undefined && journal.isKept
    const elements = isWanted ? this.#codec().elements(batch.values, batch.stamps, count) : undefined
    this.#reads.push({ work: work.id, count, isFull, left: left.map((each) => workLeft(each, at)), elements })
  }

  /** A bundle that was read ahead was taken. */
  taken(record: ReadRecord): void {
    if (this.#journal !== undefined) this.#reads.push(record)
  }

  /** The watermark of work has followed the clock. */
  idle(work: Work): void {
    if (this.#journal !== undefined) this.#idle.push({ work: work.id, watermark: work.watermark })
  }

  /** The turn is over. @param begun work that came in it. */
  end(drains: boolean, begun: readonly WorkBegun[]): void {
    const journal = this.#journal
    const isBegun = begun.length > 0 && journal?.isOpen === true
    if (journal === undefined || (this.#reads.length === 0 && this.#idle.length === 0 && !drains && !isBegun)) return
    const turn = { stage: this.#stage, drains, reads: this.#reads, idle: this.#idle }
    journal.write(isBegun ? { ...turn, begun } : turn)
    this.#reads = []
    this.#idle = []
  }
}
