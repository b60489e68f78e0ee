/**
 * Combining cells: see {@link CombiningState}. What a monoid or semigroup has combined is one value. A CombineFn may change
 * accumulators in place, which cannot be taken back: a call that may be gets an accumulator of its own, a *piece*, and it
 * is merged when the call has stayed.
 */
import type { CombiningState } from '../../../sdk/state/state-cell.js'
import type { AnyCombine } from '../../../sdk/transforms/combine.js'
import { type StateRecord, UNSET } from '../state-internals.js'
import type { CellPlace, CellValues } from './cell-place.js'

type FullCombine = Extract<AnyCombine, { kind: 'full' }>['fn']

/** The combining cell of a call. */
export function combiningCell(
  place: CellPlace,
  values: CellValues,
  combine: AnyCombine,
): CombiningState<unknown, unknown> {
  return combine.kind === 'full' ? fullCell(place, values, combine.fn) : plainCell(place, values, combine)
}

function plainCell(
  place: CellPlace,
  values: CellValues,
  combine: Exclude<AnyCombine, { kind: 'full' }>,
): CombiningState<unknown, unknown> {
  const of = combine.of as (input: unknown) => unknown
  const concat = combine.concat as (a: unknown, b: unknown) => unknown
  const empty = combine.kind === 'monoid' ? combine.empty : undefined
  return {
    add: (input) => {
      const record = place.recordOf()
      const part = values.taken(of(input))
      const before = place.read(record)
      place.write(record, before === UNSET ? part : concat(before, part))
    },
    read: () => {
      const held = place.read(place.recordOf())
      return values.given(held === UNSET ? empty : held)
    },
    isEmpty: () => place.isEmpty(),
    clear: () => place.clear(),
  }
}

function fullCell(place: CellPlace, values: CellValues, fn: FullCombine): CombiningState<unknown, unknown> {
  const combine = fn as CombineOf
  return {
    add: (input) => {
      const record = place.recordOf()
      place.readOrMake(record, () => new Pieces(combine)).add(record, input)
    },
    read: () => {
      const record = place.recordOf()
      const held = place.read(record)
      const accumulator = held === UNSET ? combine.createAccumulator() : (held as Pieces).merged(record, values)
      return combine.extractOutput(values.given(accumulator))
    },
    isEmpty: () => place.isEmpty(),
    clear: () => place.clear(),
  }
}

/** A CombineFn whose types nobody knows here. */
export interface CombineOf {
  createAccumulator(): unknown
  addInput(accumulator: unknown, input: unknown): unknown
  mergeAccumulators(a: unknown, b: unknown): unknown
  extractOutput(accumulator: unknown): unknown
}

/** What calls that stayed have combined, and the piece of the latest call. */
export class Pieces {
  readonly #combine: CombineOf
  #whole: unknown = UNSET
  #piece: unknown = UNSET
  /** The call that the piece is of. */
  #call = 0

  constructor(combine: CombineOf) {
    this.#combine = combine
  }

  /** What a store has to know of it; {@link UNSET} stands for nothing. */
  get stored(): readonly [whole: unknown, piece: unknown] {
    return [this.#whole, this.#piece]
  }

  /** What was stored: the piece is of a call that has stayed. */
  static restored(combine: CombineOf, [whole, piece]: readonly [unknown, unknown]): Pieces {
    const pieces = new Pieces(combine)
    pieces.#whole = whole
    pieces.#piece = piece
    return pieces
  }

  add(record: StateRecord, input: unknown): void {
    record.note()
    this.#settle(record)
    if (!record.isInCall) {
      this.#whole = this.#added(this.#whole, input)
      return
    }
    if (this.#piece === UNSET)
      record.onRollBack(() => {
        this.#piece = UNSET
      })
    this.#call = record.call
    this.#piece = this.#added(this.#piece, input)
  }

  /** All of it in one accumulator, which is not to be changed. */
  merged(record: StateRecord, values: CellValues): unknown {
    this.#settle(record)
    if (this.#piece === UNSET) return this.#whole
    const piece = values.copy(this.#piece)
    return this.#whole === UNSET ? piece : this.#combine.mergeAccumulators(values.copy(this.#whole), piece)
  }

  /** Takes in the piece of an earlier call: it has stayed. */
  #settle(record: StateRecord): void {
    if (this.#piece === UNSET || (record.isInCall && this.#call === record.call)) return
    this.#whole = this.#whole === UNSET ? this.#piece : this.#combine.mergeAccumulators(this.#whole, this.#piece)
    this.#piece = UNSET
  }

  #added(accumulator: unknown, input: unknown): unknown {
    return this.#combine.addInput(accumulator === UNSET ? this.#combine.createAccumulator() : accumulator, input)
  }
}
