/**
 * Ranges of whole numbers that rows are read by: rowids, or a key of whole numbers. They have 64 bits and a sign, so some are
 * bigints; and they have gaps, so a range says which rows are meant and not how many.
 *
 * Law: as for every tracker, claimed keys only grow, and what a split gives away is never claimed here.
 */
import * as t from 'io-ts'
import { coded } from '../../sdk/error-codes.js'
import type { RestrictionProgress, RestrictionTracker } from '../../sdk/source/restriction-tracker.js'
import { wholeOf } from './values.js'

/** A whole number of 64 bits: a number where that is exact. */
export type Key = number | bigint

/** Keys `from ≤ key < to`. */
export interface KeyRange {
  readonly from: Key
  readonly to: Key
}

const keyCodec = t.union([t.number, t.bigint])

/** Describes ranges of keys. */
export const keyRangeCodec: t.Type<KeyRange> = t.type({ from: keyCodec, to: keyCodec })

/** The key `by` places on. */
export function keyAfter(key: Key, by: number | bigint = 1): Key {
  const sum = typeof key === 'number' && typeof by === 'number' ? key + by : NaN
  return Number.isSafeInteger(sum) ? sum : wholeOf(BigInt(key) + BigInt(by))
}

/** Cuts a range into about `parts` of the same width. */
export function splitKeys({ from, to }: KeyRange, parts: number): readonly KeyRange[] {
  const width = BigInt(to) - BigInt(from)
  const bounds = Array.from({ length: parts + 1 }, (_, i) => keyAfter(from, (width * BigInt(i)) / BigInt(parts)))
  return bounds
    .slice(1)
    .map((end, i) => ({ from: bounds[i] as Key, to: end }))
    .filter((range) => range.from < range.to)
}

/** How many keys a range has. */
export function widthOf({ from, to }: KeyRange): number {
  return Number(BigInt(to) - BigInt(from))
}

/** Hands out the keys of a range. Claiming one claims every key up to it. */
export class KeyTracker implements RestrictionTracker<KeyRange, Key> {
  readonly #from: Key
  #to: Key
  #claimed: Key | undefined
  #isOver = false

  constructor({ from, to }: KeyRange) {
    this.#from = from
    this.#to = to
  }

  tryClaim(key: Key): boolean {
    if (this.#isOver || key < this.#from || (this.#claimed !== undefined && key <= this.#claimed)) {
      throw coded(
        'MR-3023',
        new RangeError(`key ${key} is claimed after ${this.#claimed ?? this.#from}, or after a claim was refused.`),
      )
    }
    if (key >= this.#to) {
      this.#isOver = true
      return false
    }
    this.#claimed = key
    return true
  }

  currentRestriction(): KeyRange {
    return { from: this.#from, to: this.#to }
  }

  trySplit(fraction: number): KeyRange | undefined {
    if (this.#isOver) return undefined
    const next = this.#next()
    const share = Math.min(Math.max(fraction, 0), 1)
    const rest = BigInt(this.#to) - BigInt(next)
    if (rest <= 0n) return undefined
    // In thousandths of thousandths: a fraction of a wide range is no safe integer.
    const at = share === 0 ? next : keyAfter(next, (rest * BigInt(Math.floor(share * 1e6))) / 1_000_000n)
    if (at >= this.#to) return undefined
    const residual = { from: at, to: this.#to }
    this.#to = at
    return residual
  }

  checkDone(): void {
    if (this.#isOver || this.#next() >= this.#to) return
    throw coded(
      'MR-3025',
      new RangeError(`reading stopped at ${this.#next()} of [${this.#from}, ${this.#to}): the rest would be lost.`),
    )
  }

  progress(): RestrictionProgress {
    const next = this.#next()
    return {
      completed: widthOf({ from: this.#from, to: next }),
      remaining: this.#isOver || next >= this.#to ? 0 : widthOf({ from: next, to: this.#to }),
    }
  }

  #next(): Key {
    return this.#claimed === undefined ? this.#from : keyAfter(this.#claimed)
  }
}
