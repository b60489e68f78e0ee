/**
 * What every kind of state cell needs: its place in the record of the call, and how values go in and out.
 *
 * Law: what goes in has been checked by its codec; where values are copied, nothing inside is shared with user code.
 */
import { coded } from '../../../sdk/error-codes.js'
import { type Codec, codecName, decodeWith, isTypeOnly } from '../../../sdk/codec.js'
import { type Coder, decodeFromBytes, encodeToBytes } from '../../../sdk/coders/index.js'
import type { StateSpecNode } from '../../../sdk/graph/model.js'
import { isThenable } from '../prepare-step.js'
import { type StateRecord, UNSET } from '../state-internals.js'

/** The coders of a cell: of its values (elements, accumulators), and of its own keys if it has such. */
export interface CellCoders {
  readonly value: Coder<unknown>
  readonly key: Coder<unknown> | undefined
}

/** The coders that a cell's node names. */
export function cellCodersOf(node: StateSpecNode, coder: (id: string) => Coder<unknown>): CellCoders {
  switch (node.kind) {
    case 'readModifyWrite':
      return { value: coder(node.coderId), key: undefined }
    case 'bag':
    case 'orderedList':
      return { value: coder(node.elementCoderId), key: undefined }
    case 'set':
      return { value: coder(node.elementCoderId), key: coder(node.elementCoderId) }
    case 'map':
    case 'multimap':
      return { value: coder(node.valueCoderId), key: coder(node.keyCoderId) }
    case 'combining':
      return { value: coder(node.accumulatorCoderId), key: undefined }
  }
}

/** How values of one codec go into a cell and out of it. */
export class CellValues {
  readonly coder: Coder<unknown>
  readonly #codec: Codec
  readonly #isChecked: boolean
  /** Whether nothing inside is shared with user code. */
  readonly copies: boolean

  constructor(codec: Codec, coder: Coder<unknown>, copies: boolean) {
    this.coder = coder
    this.#codec = codec
    this.#isChecked = !isTypeOnly(codec)
    this.copies = copies
  }

  /** What is stored for a value of the author's. @throws {DecodeError} when it is not what the codec describes. */
  taken(value: unknown): unknown {
    return this.given(this.#isChecked ? this.#checked(value) : value)
  }

  #checked(value: unknown): unknown {
    const checked = decodeWith(this.#codec, value)
    if (!isThenable(checked)) return checked
    // Nobody will wait for it.
    void Promise.resolve(checked).catch(() => undefined)
    throw coded(
      'MR-4006',
      new TypeError(
        `the ${codecName(this.#codec)} of a state cell checks asynchronously, and a write cannot wait. Give the cell a codec that answers at once.`,
      ),
    )
  }

  /** What the author gets for a stored value. */
  given(value: unknown): unknown {
    return this.copies ? this.copy(value) : value
  }

  /** A value that shares nothing with this one. */
  copy(value: unknown): unknown {
    return typeof value === 'object' && value !== null
      ? decodeFromBytes(this.coder, encodeToBytes(this.coder, value))
      : value
  }
}

/** Where a cell is, during a call. */
export class CellPlace {
  readonly #cell: number
  /** The record of the call; throws when the call has ended. */
  readonly recordOf: () => StateRecord

  constructor(cell: number, recordOf: () => StateRecord) {
    this.#cell = cell
    this.recordOf = recordOf
  }

  /** What the cell holds, or {@link UNSET}. */
  read(record: StateRecord): unknown {
    return record.read(this.#cell)
  }

  write(record: StateRecord, value: unknown): void {
    record.write(this.#cell, value)
  }

  isEmpty(): boolean {
    return this.read(this.recordOf()) === UNSET
  }

  clear(): void {
    const record = this.recordOf()
    if (this.read(record) !== UNSET) this.write(record, UNSET)
  }

  /** What the cell holds; made and stored when it holds nothing. */
  readOrMake<C>(record: StateRecord, make: () => C): C {
    const held = this.read(record)
    if (held !== UNSET) return held as C
    const made = make()
    this.write(record, made)
    return made
  }

  /** An iterable for the author, for as long as the call goes on. */
  iterable<T>(record: StateRecord, iterate: () => Iterator<T>): Iterable<T> {
    return new CellIterable(iterate, () => {
      if (this.recordOf() !== record)
        throw coded(
          'MR-3002',
          new Error(
            'what a state cell gave to iterate over was used after its call had ended. To keep it, copy it: [...cell.read()].',
          ),
        )
    })
  }
}

/** A class, so that strict mode refuses it where it is emitted instead of copied. */
class CellIterable<T> implements Iterable<T> {
  readonly #iterate: () => Iterator<T>
  readonly #check: () => void

  constructor(iterate: () => Iterator<T>, check: () => void) {
    this.#iterate = iterate
    this.#check = check
  }

  [Symbol.iterator](): Iterator<T> {
    this.#check()
    return this.#iterate()
  }
}
