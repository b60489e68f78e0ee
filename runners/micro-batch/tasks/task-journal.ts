/**
 * The journal of a task: what a source may read in it, or has to read again, what it did, and how late that was.
 *
 * Law: it holds one task; what it tells of latency is as large whatever was read.
 */
import type { SourceJournal, TurnRecord } from '../../core/execution/source-journal.js'
import { type SeenElements, StageLooks } from '../batch-latency.js'
import type { SourceOrder } from './task.js'

/** Looks at what a task has read, at most. */
const LOOKS = 64

/** What a source does in a task, as its order says. */
export class TaskJournal implements SourceJournal {
  isReading = false
  isOpen = false
  readonly isKept = true
  readonly #looks = new StageLooks(LOOKS)
  readonly #now: () => number
  #room = 0
  #again: TurnRecord | undefined
  #written: TurnRecord | undefined
  /** Whether what was read had come before. */
  #haveWaited = false

  /** @param now the wall clock. */
  constructor(now: () => number) {
    this.#now = now
  }

  begin(order: SourceOrder | undefined, again: TurnRecord | undefined): void {
    this.isReading = order?.reads === 'anew'
    this.isOpen = this.isReading || order?.reads === 'waits'
    this.#room = order?.room ?? 0
    this.#again = again
    this.#written = undefined
    this.#looks.begin()
    this.#haveWaited = false
  }

  room(): number {
    return this.#room
  }

  /** The driver is told in short. */
  seen(_: number, count: number, timestamps: ArrayLike<number> | undefined, arrivedAt?: number): void {
    if (count === 0) return
    this.#haveWaited ||= arrivedAt !== undefined
    this.#looks.add(count, timestamps, arrivedAt ?? this.#now())
  }

  again(): TurnRecord | undefined {
    return this.#again
  }

  write(turn: TurnRecord): void {
    this.#written = turn
    this.#room -= turn.reads.reduce((sum, { count }) => sum + count, 0)
  }

  get written(): TurnRecord | undefined {
    return this.#again ?? this.#written
  }

  /** What was read, for the latency of the batch. */
  get elements(): SeenElements | undefined {
    return this.#looks.seen(this.#haveWaited)
  }
}
