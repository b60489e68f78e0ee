/**
 * How far a bundle has come with the elements of a source, and where it ends: an engine may take the rest away while it runs.
 *
 * Law: what was begun is done. An element that was given away is not begun, also when it lies here already. Where a bundle ends moves
 * only forwards to its beginning.
 */
import type { ElementBuffer } from '../../core/element-buffer.js'
import type { ProcessBundleSplitRequest_DesiredSplit as DesiredSplit } from '../proto/generated/beam/fn_execution_pb.js'
import { withoutEmptyGroups } from './empty-groups.js'

/** Elements of one source in one bundle. */
export class BundleInput {
  /** Elements that have been begun. */
  begun = 0
  /** Elements that have come in. */
  arrived = 0
  /** Index of the first element that is somebody else's. */
  stop: number = Number.POSITIVE_INFINITY
  /** Whether everything has come in. */
  isComplete = false

  readonly #isGrouped: boolean

  /** @param isGrouped whether the elements are groups that an engine has made. */
  constructor(isGrouped = false) {
    this.#isGrouped = isGrouped
  }

  /** What there is to do of elements that are begun. */
  real(elements: ElementBuffer): ElementBuffer {
    return this.#isGrouped ? withoutEmptyGroups(elements) : elements
  }

  /** Another bundle begins. */
  reset(): void {
    this.begun = this.arrived = 0
    this.stop = Number.POSITIVE_INFINITY
    this.isComplete = false
  }

  /** How many of so many elements may be begun. */
  allowed(count: number): number {
    return Math.min(count, this.stop - this.begun)
  }

  /**
   * Where the bundle would be cut for an engine that wants `fraction_of_remainder` of what is left to stay here.
   *
   * @param progress how much of the element at work is done, from 0 to 1.
   * @returns the first element to give away, and how much of the rest of the element at work would stay where the cut falls into it.
   */
  cut(
    { fractionOfRemainder, estimatedInputElements, allowedSplitPoints }: DesiredSplit,
    progress: number,
  ): { readonly at: number; readonly within: number | undefined } | undefined {
    const current = this.begun - 1
    const done = current < 0 ? 1 : progress
    const estimated = Math.min(Math.max(Number(estimatedInputElements), this.begun), this.stop)
    const keep = (estimated - current - done) * fractionOfRemainder
    const allowed = allowedSplitPoints.map(Number)
    const isAllowed = (at: number): boolean => allowed.length === 0 || allowed.includes(at)
    const within = current >= 0 && keep < 1 - done && isAllowed(current) && isAllowed(current + 1) ? keep / (1 - done) : undefined // prettier-ignore
    const wanted = current + Math.max(1, Math.round(done + keep))
    const at = allowed.length === 0 ? wanted : nearest(allowed, wanted, current, this.stop)
    if (at !== undefined && at > current && at < this.stop) return { at, within }
    return within === undefined ? undefined : { at: this.stop, within }
  }
}

function nearest(points: readonly number[], wanted: number, after: number, before: number): number | undefined {
  return points
    .filter((point) => point > after && point < before)
    .sort((a, b) => Math.abs(a - wanted) - Math.abs(b - wanted))[0]
}
