/**
 * Ranges of the rows of a file, which are cut where a row group begins: whoever reads one row of a group must unpack all of
 * it.
 *
 * Law: only the end of a bundle cuts within a group, and what is left then goes to the same reader.
 */
import * as t from 'io-ts'
import { type OffsetRange, OffsetRangeTracker } from '../../sdk/source/restriction-tracker.js'

/** Rows `from ≤ row < to`. */
export interface RowRange extends OffsetRange {
  /** Where row groups begin within it. */
  readonly cuts: readonly number[]
}

/** Describes ranges of rows. */
export const rowRangeCodec: t.Type<RowRange> = t.type({ from: t.number, to: t.number, cuts: t.readonlyArray(t.number) })

/** The part `[from, to)` of a range. */
function within(from: number, to: number, cuts: readonly number[]): RowRange {
  return { from, to, cuts: cuts.filter((cut) => cut > from && cut < to) }
}

/** Cuts a range into about `parts` of whole row groups. */
export function splitRows({ from, to, cuts }: RowRange, parts: number): readonly RowRange[] {
  const chosen = new Set<number>()
  for (let i = 1; i < parts; i++) {
    const wanted = from + ((to - from) * i) / parts
    const cut = cuts.find((each) => each >= wanted)
    if (cut !== undefined) chosen.add(cut)
  }
  const bounds = [from, ...[...chosen].sort((a, b) => a - b), to]
  return bounds.slice(1).map((end, i) => within(bounds[i] as number, end, cuts))
}

/** Hands out the rows of a range. */
export class RowTracker extends OffsetRangeTracker {
  readonly #cuts: readonly number[]

  constructor(range: RowRange) {
    super(range)
    this.#cuts = range.cuts
  }

  override currentRestriction(): RowRange {
    const { from, to } = super.currentRestriction()
    return within(from, to, this.#cuts)
  }

  override trySplit(fraction: number): RowRange | undefined {
    let at: number | undefined
    if (fraction > 0) {
      const { from } = super.currentRestriction()
      const { completed, remaining } = this.progress()
      at = this.currentRestriction().cuts.find(
        (cut) => cut >= from + completed + Math.floor(remaining * Math.min(fraction, 1)),
      )
      if (at === undefined) return undefined
    }
    const residual = at === undefined ? super.trySplit(0) : this.splitAt(at)
    return residual && within(residual.from, residual.to, this.#cuts)
  }
}
