/**
 * Draws from a seed: the few shapes of chance that random programs are made of.
 */
import { seededRandom } from 'millrace'

/** Chance that a seed decides. */
export interface Draw {
  /** A whole number, both bounds included. */
  readonly int: (from: number, to: number) => number
  readonly pick: <T>(items: readonly T[]) => T
  readonly chance: (probability: number) => boolean
}

/** The draws of a seed. */
export function drawOf(seed: number): Draw {
  const random = seededRandom(seed)
  const int = (from: number, to: number): number => from + Math.floor(random() * (to - from + 1))
  return {
    int,
    pick: <T>(items: readonly T[]): T => items[int(0, items.length - 1)] as T,
    chance: (probability) => random() < probability,
  }
}

/** `a mod n`, never negative. */
export const modulo = (a: number, n: number): number => ((a % n) + n) % n

/** What of `a` is not in `b`, counting how often. */
export function difference(a: readonly string[], b: readonly string[]): readonly string[] {
  const rest = new Map<string, number>()
  for (const item of b) rest.set(item, (rest.get(item) ?? 0) + 1)
  return a.filter((item) => {
    const left = rest.get(item) ?? 0
    rest.set(item, left - 1)
    return left <= 0
  })
}

/** How two lists of texts differ, in words; `undefined` when they hold the same, in any order. */
export function differenceText(expected: readonly string[], actual: readonly string[]): string | undefined {
  const missing = difference(expected, actual)
  const extra = difference(actual, expected)
  if (missing.length + extra.length === 0) return undefined
  return `missing ${some(missing)}; extra ${some(extra)}`
}

function some(items: readonly string[]): string {
  return items.length === 0 ? 'nothing' : `${items.slice(0, 4).join(', ')}${items.length > 4 ? ', …' : ''}`
}

/** Text of whatever was thrown. */
export function thrownText(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
