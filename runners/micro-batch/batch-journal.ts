/**
 * The journal of a batch: what sources did in each round while it was read, and when scripts went on. As bytes it is the plan of the
 * batch, by which the same rounds come again after a crash.
 *
 * Law: rounds done again from a plan are the rounds it was made of, turn by turn.
 */
import { decodeFromBytes, dynamicCoder, encodeToBytes } from '../../sdk/coders/index.js'
import type { SourceCodec } from '../core/execution/source-codec.js'
import type { SourceJournal, TurnRecord } from '../core/execution/source-journal.js'

/** A round in which something may have been read. */
export interface Round {
  readonly turns: TurnRecord[]
  /** Whether a script went on before it. */
  readonly isReleased: boolean
}

/** The journal of the batch at hand. */
export class BatchJournal implements SourceJournal {
  isReading = false
  /** Elements read in this batch so far, and scripted events played. */
  elements = 0
  /** Whether elements were read that cannot be read again. */
  hasElements = false
  #rounds: Round[] = []
  /** Rounds to be done again. */
  #planned: readonly Round[] | undefined
  #at = 0

  /** Begins a batch; with a plan, one that is done again. */
  begin(planned: readonly Round[] | undefined): void {
    this.#planned = planned
    this.#rounds = []
    this.#at = 0
    this.elements = 0
    this.hasElements = false
    this.isReading = planned === undefined
  }

  /** From here on nothing is read. */
  close(): void {
    this.isReading = false
    if (this.#planned !== undefined) this.#rounds = [...this.#planned]
    this.#planned = undefined
  }

  /** What was read in this batch so far, to be done again in another attempt at it. */
  get rounds(): readonly Round[] {
    return this.#planned ?? this.#rounds
  }

  /** Whether rounds of the plan are left. */
  get isOver(): boolean {
    return this.#planned === undefined || this.#at >= this.#planned.length
  }

  /** Begins a round. @returns whether a script is to go on first. */
  nextRound(isReleased: boolean): boolean {
    if (this.#planned !== undefined) {
      const round = this.#planned[this.#at++]
      return round?.isReleased === true
    }
    if (isReleased) this.elements++
    this.#rounds.push({ turns: [], isReleased })
    return isReleased
  }

  again(stage: number, partition = 0): TurnRecord | undefined {
    const turns = this.#planned?.[this.#at - 1]?.turns
    return turns?.find((turn) => turn.stage === stage && (turn.partition ?? 0) === partition)
  }

  write(turn: TurnRecord): void {
    this.#rounds.at(-1)?.turns.push(turn)
    for (const { count, elements } of turn.reads) {
      this.elements += count
      if (elements !== undefined && count > 0) this.hasElements = true
    }
  }

  /** The plan of what was read. Rounds after the last in which something was read are no part of it. */
  encode(codecs: ReadonlyMap<number, SourceCodec>): Uint8Array {
    let length = this.#rounds.length
    while (length > 0 && isEmpty(this.#rounds[length - 1] as Round)) length--
    const rounds = this.#rounds
      .slice(0, length)
      .map(({ turns, isReleased }) => [
        isReleased,
        turns.map((turn) => [turn.stage, (codecs.get(turn.stage) as SourceCodec).turn(turn), turn.partition ?? 0]),
      ])
    return encodeToBytes(dynamicCoder, rounds)
  }
}

function isEmpty({ turns, isReleased }: Round): boolean {
  return turns.length === 0 && !isReleased
}

/** The rounds of a plan. */
export function decodePlan(bytes: Uint8Array, codecs: ReadonlyMap<number, SourceCodec>): readonly Round[] {
  const rounds = decodeFromBytes(dynamicCoder, bytes) as readonly [boolean, readonly [number, unknown, number?][]][]
  return rounds.map(([isReleased, turns]) => ({
    isReleased,
    turns: turns.map(([stage, turn, partition = 0]) => ({
      ...(codecs.get(stage) as SourceCodec).turnFrom(stage, turn),
      partition,
    })),
  }))
}
