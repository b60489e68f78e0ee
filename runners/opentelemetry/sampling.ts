/**
 * Which bundles are traced: an even share of those of each step, the first among them, so that a short run shows something.
 * Counted rather than thrown dice for: a run that is repeated traces the same ones.
 */

/** Whether the next bundle of a step is one of the share. */
export function sampling(share: number): (step: string) => boolean {
  const due = new Map<string, number>()
  return (step) => {
    const sum = (due.get(step) ?? 1 - share) + share
    // What is added up of a share such as 0.1 falls a little short of one.
    const isSampled = sum >= 1 - 1e-9
    due.set(step, isSampled ? sum - 1 : sum)
    return isSampled
  }
}
