/**
 * The graph that is run in place of the one that was built: computes the same, in a way that suits how it is run.
 *
 * Law: the same graph and the same settings give the same graph, wherever it is made.
 */
import { seededRandom } from '../../../sdk/env.js'
import type { BuiltPipeline } from '../../../sdk/graph/model.js'
import { isUnseen, liftCombines } from '../lift-combines.js'
import { rehearsingState } from '../rehearse.js'

/** What it depends on. */
export interface GraphSettings {
  readonly isStrict: boolean
  readonly reexecutes: boolean
  readonly seed: number
}

/** @param isShared whether several share the work, so that what is combined before it is sent saves the sending. */
export function runGraph(
  built: BuiltPipeline,
  { isStrict, reexecutes, seed }: GraphSettings,
  isShared = false,
): BuiltPipeline {
  if (!isStrict) return isShared ? liftCombines(built, isUnseen) : built
  const random = seededRandom(seed ^ 0x2545f491)
  return liftCombines(reexecutes ? rehearsingState(built) : built, () => random() < 0.5)
}
