/**
 * The journal of a batch: what sources did in each round while it was read, and when scripts went on. As bytes it is the plan of the
 * batch, by which the same rounds come again after a crash.
 *
 * Law: rounds done again from a plan are the rounds it was made of, turn by turn. Rounds in which sources had no turn, because what
 * was due came first, are no part of it: they come by themselves. Rounds of full bundles that were alike are written down once.
 */
import type { SourceCodec } from '../core/execution/source-codec.js'
import type { ReadRecord, SourceJournal, TurnRecord } from '../core/execution/source-journal.js'
import type { BatchPacing } from './batch-pacing.js'
import type { ShedRecord } from './load-shedding.js'
import { encodePlan, type Rounds } from './plan-content.js'

/** The journal of the batch at hand. */
export class BatchJournal implements SourceJournal {
  readonly isKept: boolean
  /** Whether the pipeline has sources: a round in which none of them had its turn is none of the plan. */
  hasSources = false
  isReading = false
  /** As long as the batch is read. */
  get isOpen(): boolean {
    return this.isReading
  }

  /** Elements read in this batch so far, and scripted events played. */
  elements = 0
  /** Whether elements were read that cannot be read again. */
  hasElements = false
  /** Says how much may be read. */
  pacing: Pick<BatchPacing, 'room' | 'take' | 'seen'> | undefined
  readonly #rounds: Rounds[] = []
  /** Turns of the round at hand, once it is part of the plan. */
  #turns: TurnRecord[] | undefined
  /** Rounds to be done again. */
  #planned: readonly Rounds[] | undefined
  /** What was planned, once it is done. */
  #closed: readonly Rounds[] | undefined
  #at = 0
  #times = 0
  /** Rounds since the last that is part of the plan, as far as the batch has come. */
  #after = 0
  /** So many are to follow a plan. */
  #plannedAfter = 0
  /** Whether not all is known of what sources did in the round that is done again. */
  #isPart = false
  /** Of the round at hand, what is to be done again. */
  #again: readonly TurnRecord[] | undefined

  /** @param isKept whether plans are made of it. */
  constructor(isKept: boolean) {
    this.isKept = isKept
  }

  /** Begins a batch; with a plan, one that is done again. */
  begin(planned: readonly Rounds[] | undefined, after = 0): void {
    this.#planned = planned
    this.#plannedAfter = after
    this.#after = 0
    this.#closed = undefined
    this.#rounds.length = 0
    this.#turns = undefined
    this.#again = undefined
    this.#at = 0
    this.#times = 0
    this.elements = 0
    this.hasElements = false
    this.isReading = planned === undefined
  }

  /** From here on nothing is read. */
  close(): void {
    this.isReading = false
    this.#turns = undefined
    this.#closed = this.#planned
    this.#planned = undefined
  }

  /** What was read in this batch so far, to be done again in another attempt at it. */
  get rounds(): readonly Rounds[] {
    const written = this.#planned ?? this.#closed
    if (written !== undefined || this.#turns === undefined) return written ?? [...this.#rounds]
    const last = this.#rounds.length - 1
    return this.#rounds.map((each, i) => (i === last ? { ...each, isPart: true } : each))
  }

  /** How many rounds came after those that {@link rounds} has. */
  get after(): number {
    return (this.#planned ?? this.#closed) === undefined ? this.#after : this.#plannedAfter
  }

  /** Whether no rounds of the plan are left. */
  get isOver(): boolean {
    return this.#isPlanDone && (this.#planned === undefined || this.#after >= this.#plannedAfter)
  }

  get #isPlanDone(): boolean {
    return this.#planned === undefined || this.#at >= this.#planned.length
  }

  /** A round has changed nothing: where it was the last, there was none. */
  changedNothing(): void {
    if (this.#planned === undefined && this.#after > 0) this.#after--
  }

  /**
   * Begins a round.
   *
   * @param isQuiet - whether the one before it changed nothing, and a script may go on.
   * @returns whether it is to go on first.
   */
  nextRound(isQuiet: boolean): boolean {
    this.#turns = undefined
    this.#again = undefined
    if (this.#isPlanDone) this.#after++
    if (this.#planned === undefined) {
      if (isQuiet) this.elements++
      if (isQuiet || !this.hasSources) this.#begin(isQuiet)
      return isQuiet
    }
    const isReleased = this.#planned[this.#at]?.isReleased === true
    if (isReleased ? isQuiet : !this.hasSources) this.#beginAgain()
    return isReleased && isQuiet
  }

  #begin(isReleased: boolean): TurnRecord[] {
    if (this.#isLastRepeated()) this.#rounds.pop()
    const turns: TurnRecord[] = (this.#turns = [])
    if (this.isKept) this.#rounds.push({ turns, times: 1, isReleased })
    if (isReleased) this.#after = 0
    return turns
  }

  #beginAgain(): readonly TurnRecord[] {
    const rounds = this.#planned?.[this.#at]
    this.#isPart = rounds?.isPart === true
    if (rounds === undefined) return (this.#again = [])
    const isLast = ++this.#times === rounds.times
    if (isLast) {
      this.#at++
      this.#times = 0
    }
    return (this.#again = isLast ? rounds.turns : rounds.turns.map(asItComes))
  }

  again(stage: number, partition = 0): TurnRecord | undefined {
    if (this.#planned === undefined) {
      if (this.isReading) this.#turns ??= this.#begin(false)
      return undefined
    }
    // A round that a script begins comes when the one before it has changed nothing.
    if (this.#again === undefined && this.#planned[this.#at]?.isReleased === true) return nothing(stage)
    const turns = this.#again ?? this.#beginAgain()
    const turn = turns.find((each) => each.stage === stage && (each.partition ?? 0) === partition) ?? nothing(stage)
    return this.#isPart ? turn : { begun: [], ...turn }
  }

  room(stage: number): number {
    return this.pacing?.room(stage, this.elements) ?? Infinity
  }

  seen(stage: number, count: number, timestamps: ArrayLike<number> | undefined, arrivedAt: number | undefined): void {
    this.pacing?.seen(stage, count, timestamps, arrivedAt)
  }

  write(turn: TurnRecord): void {
    this.#turns?.push(turn)
    this.#after = 0
    for (const { count, elements } of turn.reads) {
      this.elements += count
      this.pacing?.take(turn.stage, count)
      if (elements !== undefined && count > 0) this.hasElements = true
    }
  }

  /** Makes one of the last two rounds, where they are alike. @returns whether the last is to go. */
  #isLastRepeated(): boolean {
    const last = this.#rounds.at(-1)
    const before = this.#rounds.at(-2)
    if (last === undefined || before === undefined || last.isReleased || before.isReleased) return false
    if (!areAlike(before.turns, last.turns)) return false
    before.turns = last.turns
    before.times += last.times
    return true
  }

  /** The plan of what was read. Rounds after the last in which something was read are no part of it. */
  encode(codecs: ReadonlyMap<number, SourceCodec>, shed: readonly ShedRecord[] = [], hosts = 0): Uint8Array {
    if (this.#isLastRepeated()) this.#rounds.pop()
    const all = this.rounds
    let length = all.length
    while (length > 0 && isEmpty(all[length - 1] as Rounds)) length--
    return encodePlan(all.slice(0, length), codecs, { shed, after: this.after, hosts })
  }
}

function nothing(stage: number): TurnRecord {
  return { stage, drains: false, reads: [], idle: [] }
}

function isEmpty({ turns, isReleased }: Rounds): boolean {
  return turns.length === 0 && !isReleased
}

/** Whether the second of two rounds goes on where the first would have, and does the same. */
function areAlike(before: readonly TurnRecord[], after: readonly TurnRecord[]): boolean {
  return before.length === after.length && before.every((turn, i) => isTurnAlike(turn, after[i] as TurnRecord))
}

function isTurnAlike(before: TurnRecord, { stage, partition = 0, drains, reads, idle, begun }: TurnRecord): boolean {
  return (
    before.stage === stage &&
    (before.partition ?? 0) === partition &&
    !before.drains &&
    !drains &&
    before.begun === undefined &&
    begun === undefined &&
    before.idle.length === 0 &&
    idle.length === 0 &&
    before.reads.length === reads.length &&
    before.reads.every((read, i) => isReadAlike(read, reads[i] as ReadRecord))
  )
}

function isReadAlike(before: ReadRecord, { work, count, elements }: ReadRecord): boolean {
  return (
    before.isFull &&
    before.work === work &&
    before.count === count &&
    before.elements === undefined &&
    elements === undefined
  )
}

/** A turn after which others follow that are alike. */
function asItComes(turn: TurnRecord): TurnRecord {
  return { ...turn, reads: turn.reads.map((read) => ({ ...read, left: undefined })) }
}
