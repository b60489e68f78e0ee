/**
 * How a cell of a grouping is written: what its key has collected, and what is remembered of it.
 *
 * Law: what is read is what was written. Lists are not part of it: they grow by entries of their own.
 */
import { type ByteReader, type ByteWriter, type Coder, paneInfoCoder } from '../../sdk/coders/index.js'
import { invariant } from '../../sdk/invariant.js'
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import { NOTHING, type ReduceFn } from './reduce-fn.js'
import type { CellDetails, ReduceCell } from './reduce-table.js'
import type { TriggerClock, TriggerState } from './trigger-node.js'
import type { TriggerStateMachine } from './trigger-state-machine.js'
import type { WakeCall } from './wake-calls.js'

/** What a written cell has beside its key and window. */
export interface WrittenCell {
  /** Cells of one place are in the order of these. */
  readonly order: number
  /** Of a list, nothing yet. */
  readonly accumulator: unknown
  readonly details: CellDetails | undefined
  readonly calls: readonly WakeCall[]
}

const DETAILS = 0x01
const PENDING = 0x02
const ASKED_AT_END = 0x04
const ELEMENT_HOLD = 0x08
const EXPIRY_HOLD = 0x10
const PANE = 0x20
const CALLS = 0x40

/** What an accumulator is: what it was made as, the mark of a semigroup that has seen nothing, a value, a list. */
const FRESH = 0
const EMPTY = 1
const VALUE = 2
const LIST = 3

const NO_CALLS: readonly WakeCall[] = []

/** By the byte that stands for them. */
const CLOCKS: readonly TriggerClock[] = ['processing', 'synchronized', 'batch']

/** Writes and reads cells of one grouping. */
export class CellFormat {
  readonly #reduce: ReduceFn
  readonly #coder: Coder<unknown>
  readonly #trigger: TriggerStateMachine
  /** What every accumulator starts as, where they are not changed; it may be what the coder has no form for. */
  readonly #fresh: unknown

  /** @param coder of what is accumulated: of the values, where they are listed. */
  constructor(reduce: ReduceFn, coder: Coder<unknown>, trigger: TriggerStateMachine) {
    this.#reduce = reduce
    this.#coder = coder
    this.#trigger = trigger
    this.#fresh = reduce.isImmutable ? reduce.create() : undefined
  }

  /** Writes a cell that has nothing but an accumulator that is not a list. */
  writePlain(out: ByteWriter, order: number, accumulator: unknown): void {
    out.byte(0)
    out.varint(order)
    this.#writeAccumulator(out, accumulator)
  }

  write(
    out: ByteWriter,
    { accumulator, details }: ReduceCell,
    order: number,
    calls: readonly WakeCall[] = NO_CALLS,
  ): void {
    if (details === undefined) {
      this.writePlain(out, order, accumulator)
      return
    }
    const { isPending, isAskedAtEnd, elementHold, expiryHold, pane, trigger } = details
    out.byte(
      DETAILS |
        (isPending ? PENDING : 0) |
        (isAskedAtEnd ? ASKED_AT_END : 0) |
        (Number.isNaN(elementHold) ? 0 : ELEMENT_HOLD) |
        (Number.isNaN(expiryHold) ? 0 : EXPIRY_HOLD) |
        (pane === undefined ? 0 : PANE) |
        (calls.length === 0 ? 0 : CALLS),
    )
    out.varint(order)
    if (!Number.isNaN(elementHold)) out.double(elementHold)
    if (!Number.isNaN(expiryHold)) out.double(expiryHold)
    if (pane !== undefined) paneInfoCoder.encode(pane, out, true)
    this.writeTrigger(out, trigger)
    if (calls.length > 0) {
      out.varint(calls.length)
      for (const { clock, time, sequence } of calls) {
        out.byte(CLOCKS.indexOf(clock))
        out.double(time)
        out.varint(sequence)
      }
    }
    this.#writeAccumulator(out, accumulator)
  }

  read(input: ByteReader, window: BoundedWindow): WrittenCell {
    const flags = input.byte()
    const order = whole(input)
    if ((flags & DETAILS) === 0)
      return { order, accumulator: this.#readAccumulator(input), details: undefined, calls: NO_CALLS }
    const details: CellDetails = {
      window,
      isPending: (flags & PENDING) !== 0,
      isAskedAtEnd: (flags & ASKED_AT_END) !== 0,
      elementHold: (flags & ELEMENT_HOLD) === 0 ? Number.NaN : input.double(),
      expiryHold: (flags & EXPIRY_HOLD) === 0 ? Number.NaN : input.double(),
      pane: (flags & PANE) === 0 ? undefined : paneInfoCoder.decode(input, true),
      trigger: this.readTrigger(input),
      kept: undefined,
    }
    const calls: WakeCall[] = []
    for (let left = (flags & CALLS) === 0 ? 0 : whole(input); left > 0; left--) {
      calls.push({ clock: CLOCKS[input.byte()] as TriggerClock, time: input.double(), sequence: whole(input) })
    }
    return { order, accumulator: this.#readAccumulator(input), details, calls }
  }

  writeTrigger(out: ByteWriter, { isFinished, memory }: TriggerState): void {
    out.varint(isFinished.length)
    for (let i = 0; i < isFinished.length; i++) {
      const remembered = memory[i]
      out.byte((isFinished[i] === true ? 1 : 0) | (remembered === undefined ? 0 : 2))
      if (remembered !== undefined) out.double(remembered)
    }
  }

  readTrigger(input: ByteReader): TriggerState {
    const state = this.#trigger.newState()
    const { isFinished, memory } = state
    const size = whole(input)
    invariant(size === isFinished.length, 'a trigger goes on as the one that it was', { size, now: isFinished.length })
    for (let i = 0; i < size; i++) {
      const flags = input.byte()
      isFinished[i] = (flags & 1) !== 0
      memory[i] = (flags & 2) === 0 ? undefined : input.double()
    }
    return state
  }

  /** Writes the values of a list from `from` on. */
  writeValues(out: ByteWriter, values: readonly unknown[], from: number): void {
    out.varint(values.length - from)
    for (let i = from; i < values.length; i++) this.#coder.encode(values[i], out, true)
  }

  readValues(input: ByteReader, into: unknown[]): void {
    for (let left = whole(input); left > 0; left--) into.push(this.#coder.decode(input, true))
  }

  #writeAccumulator(out: ByteWriter, accumulator: unknown): void {
    const { kind, isImmutable } = this.#reduce
    if (kind === 'list') out.byte(LIST)
    else if (accumulator === NOTHING) out.byte(EMPTY)
    else if (isImmutable && Object.is(accumulator, this.#fresh)) out.byte(FRESH)
    else {
      out.byte(VALUE)
      this.#coder.encode(accumulator, out, false)
    }
  }

  #readAccumulator(input: ByteReader): unknown {
    switch (input.byte()) {
      case FRESH:
        return this.#fresh
      case EMPTY:
        return NOTHING
      case VALUE:
        return this.#coder.decode(input, false)
      case LIST:
        return []
      default:
        throw input.error('no accumulator begins like this')
    }
  }
}

/**
 * Goes past what stands before the accumulator of a written cell.
 *
 * @returns whether an accumulator follows that a coder has written.
 */
export function skipToAccumulator(input: ByteReader): boolean {
  const flags = input.byte()
  whole(input)
  if ((flags & DETAILS) !== 0) {
    for (const hold of [ELEMENT_HOLD, EXPIRY_HOLD]) if ((flags & hold) !== 0) input.double()
    if ((flags & PANE) !== 0) paneInfoCoder.decode(input, true)
    for (let left = whole(input); left > 0; left--) if ((input.byte() & 2) !== 0) input.double()
    for (let left = (flags & CALLS) === 0 ? 0 : whole(input); left > 0; left--) {
      input.byte()
      input.double()
      whole(input)
    }
  }
  return input.byte() === VALUE
}

/** A varint that was written from a count. */
export function whole(input: ByteReader): number {
  const start = input.position
  const value = input.varint()
  if (typeof value === 'bigint' || value < 0) throw input.error(`${value} counts nothing`, start)
  return value
}
