/**
 * How the bundles of sources are cut: by number, in strict mode by the run's seed.
 */
import type { ExecutionOptions } from './execution-options.js'
import type { BundleDisorder } from './inbox.js'
import { type BundleLimits, ReadingDisorder } from './reading-disorder.js'

/** Elements per bundle, unless the author says otherwise. Larger ones cost less per element; endless sources answer sooner with smaller ones. */
const BOUNDED_BUNDLE = 10_000
const UNBOUNDED_BUNDLE = 1_000

/** The limits of one source. */
export function bundleLimits(
  { bundleSize, readingDisorder }: Pick<ExecutionOptions, 'bundleSize' | 'readingDisorder'>,
  disorder: BundleDisorder | undefined,
): BundleLimits {
  if (disorder !== undefined) {
    const { random: parts, bundleSizeMax } = disorder
    const random = readingDisorder ?? parts
    return {
      next: () => 1 + Math.floor(random() * bundleSizeMax),
      disorder: new ReadingDisorder(random, parts),
    }
  }
  return {
    next: (isBounded) => bundleSize ?? (isBounded ? BOUNDED_BUNDLE : UNBOUNDED_BUNDLE),
    disorder: undefined,
  }
}
