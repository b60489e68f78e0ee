/**
 * What a name that nobody knows may have been meant to be.
 */

/** ` Did you mean "x"?` for the nearest name, or nothing when none is near. */
export function suggestion(given: string, known: readonly string[]): string {
  const best = known
    .map((name) => ({ name, distance: editDistance(given, name) }))
    .sort((a, b) => a.distance - b.distance)[0]
  if (best === undefined) return ''
  return isLike(given, best.name) ? ` Did you mean "${best.name}"?` : ` It has: ${known.join(', ')}.`
}

/** Whether one name may have been meant by the other. */
export function isLike(given: string, name: string): boolean {
  return editDistance(given, name) <= Math.max(2, Math.floor(given.length / 3))
}

/** Levenshtein distance, case ignored. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1]?.toLowerCase() === b[j - 1]?.toLowerCase()
      next[j] = Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, (row[j - 1] as number) + (same ? 0 : 1))
    }
    row = next
  }
  return row[b.length] as number
}
