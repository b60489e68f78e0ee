/**
 * What the checkers of laws share: how they fail, and how often they look.
 *
 * Law: a checker draws what it needs from its seed, so that what it found once it finds again.
 */
import { type Coder, decodeFromBytes, dynamicCoder, encodeToBytes } from '../coders/index.js'
import { isCodec, type Codec } from '../codec.js'
import { coderOfCodec } from '../graph/coders.js'
import type { ErrorCode } from '../error-codes.js'
import { messageOf } from '../errors.js'
import { preview } from '../preview.js'
import { refuse } from '../refuse.js'

/** What a checker did: for each law, how often it was checked. Laws that do not apply are not listed. */
export interface LawReport {
  readonly checked: ReadonlyMap<string, number>
}

/** Options of every checker. */
export interface LawOptions {
  /** Random trials of each law. Default 100. */
  readonly trials?: number
  /** Seed of the trials. Default 1. */
  readonly seed?: number
}

/** Thrown by a checker: names the law that does not hold, with an example. */
export class LawBroken extends Error {
  override readonly name = 'LawBroken'
  readonly code: ErrorCode = 'MR-8003'
  /** The law, in words. */
  readonly law: string

  constructor(law: string, example: string) {
    super(`it does not hold that ${law}: ${example}`)
    this.law = law
  }
}

/** Counts checks, and turns what a check throws into the law that it breaks. */
export class Laws {
  readonly #checked = new Map<string, number>()

  /** Checks a law once. `check` gives an example of the law broken, or nothing; `about` says what was tried. */
  hold(law: string, about: () => string, check: () => string | undefined): void {
    let example: string | undefined
    try {
      example = check()
    } catch (error) {
      throw new LawBroken(law, `${about()}: ${messageOf(error)}`)
    }
    if (example !== undefined) throw new LawBroken(law, `${about()}: ${example}`)
    this.#checked.set(law, (this.#checked.get(law) ?? 0) + 1)
  }

  report(): LawReport {
    return { checked: this.#checked }
  }
}

/** Trials and seed that a checker was given. */
export function trialsOf({ trials = 100, seed = 1 }: LawOptions): { readonly trials: number; readonly seed: number } {
  if (!Number.isSafeInteger(trials) || trials < 1)
    refuse('MR-1002', `trials of a checker must be a whole number from 1, but is ${preview(trials)}.`)
  if (!Number.isSafeInteger(seed))
    refuse('MR-1002', `seed of a checker must be a whole number, but is ${preview(seed)}.`)
  return { trials, seed }
}

/** A whole number below `count`. */
export function below(random: () => number, count: number): number {
  return Math.floor(random() * count)
}

/** The same items in a random order (Fisher–Yates). */
export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const result = [...items]
  for (let i = result.length - 1; i > 0; i--) {
    const j = below(random, i + 1)
    ;[result[i], result[j]] = [result[j] as T, result[i] as T]
  }
  return result
}

/** The coder of what may be a coder, a codec or nothing. */
export function coderFrom(given: Coder<unknown> | Codec | undefined): Coder<unknown> {
  if (given === undefined) return dynamicCoder
  return isCoder(given) ? given : coderOfCodec(given)
}

function isCoder(value: Coder<unknown> | Codec): value is Coder<unknown> {
  return typeof (value as Partial<Coder<unknown>>).urn === 'string' || !isCodec(value)
}

/** What a coder makes of a value and gives back. */
export function roundTrip(coder: Coder<unknown>, value: unknown): unknown {
  return decodeFromBytes(coder, encodeToBytes(coder, value))
}
