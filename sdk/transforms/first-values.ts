/**
 * The first `n` values in an order, gathered one by one.
 *
 * Values come into a list of up to 2n, which is then put in order and cut to n: adding costs a logarithm, whatever n is, where
 * keeping the list in order would cost n.
 *
 * Law: in a list of n values or more the first n are in order, and none that was left out comes before the n-th. So a value
 * that does not come before it is passed over at once.
 */

/** What to do with such lists. */
export interface FirstValues<T> {
  /** Takes a value into account, in place. */
  readonly add: (kept: T[], value: T) => T[]
  /** The first `n` in order, as a list of its own. */
  readonly cut: (kept: readonly T[]) => T[]
}

/** The first `n` values of an order. */
export function firstValues<T>(n: number, compare: (a: T, b: T) => number): FirstValues<T> {
  const cut = (kept: readonly T[]): T[] => inOrder(kept, compare).slice(0, n)
  const add = (kept: T[], value: T): T[] => {
    const { length } = kept
    if (length >= n && compare(value, kept[n - 1] as T) >= 0) return kept
    kept.push(value)
    return length + 1 === n || length + 1 === 2 * n ? cut(kept) : kept
  }
  return { add, cut }
}

function inOrder<T>(values: readonly T[], compare: (a: T, b: T) => number): T[] {
  // `sort` asks nobody where `undefined` belongs: it comes last. Here the order decides.
  return values.includes(undefined as T)
    ? values
        .map((value) => ({ value }))
        .sort((a, b) => compare(a.value, b.value))
        .map(({ value }) => value)
    : values.slice().sort(compare)
}
