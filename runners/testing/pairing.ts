/**
 * Pairing: which of some things belong to which of some others, where each may fit several.
 *
 * Law: no other way to pair them leaves fewer alone (a maximum matching, by augmenting paths: C. Berge, Two theorems in
 * graph theory, 1957).
 */

/** What finds no partner, on either side, in the order given. */
export function unpaired<A, B>(
  left: readonly A[],
  right: readonly B[],
  fits: (a: A, b: B) => boolean,
): { readonly left: readonly A[]; readonly right: readonly B[] } {
  const partners = left.map((a) => right.flatMap((b, place) => (fits(a, b) ? [place] : [])))
  /** Who has each of the right, by place. */
  const holders = new Map<number, number>()
  /** Finds a partner; those that have one already move on to another if they can. */
  const place = (from: number): boolean => {
    const cameFrom = new Map<number, number>()
    const waiting = [from]
    for (let asking = waiting.pop(); asking !== undefined; asking = waiting.pop()) {
      for (const wanted of partners[asking] ?? []) {
        if (cameFrom.has(wanted)) continue
        cameFrom.set(wanted, asking)
        const holder = holders.get(wanted)
        if (holder === undefined) {
          hand(wanted, cameFrom)
          return true
        }
        waiting.push(holder)
      }
    }
    return false
  }
  /** Along the path, each takes what it asked for and leaves what it had to the one before. */
  const hand = (free: number, cameFrom: ReadonlyMap<number, number>): void => {
    const had = new Map([...holders].map(([held, holder]) => [holder, held]))
    for (let next: number | undefined = free; next !== undefined;) {
      const taker = cameFrom.get(next) as number
      holders.set(next, taker)
      next = had.get(taker)
    }
  }
  const alone = left.filter((_, i) => !place(i))
  return { left: alone, right: right.filter((_, at) => !holders.has(at)) }
}
