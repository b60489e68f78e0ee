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
export function runGraph(built: BuiltPipeline, settings: GraphSettings, isShared = false): BuiltPipeline {
  if (!settings.isStrict && !isShared) return built
  const key = settings.isStrict ? `strict ${settings.reexecutes} ${settings.seed}` : 'shared'
  const last = LAST.get(built)
  if (last?.key === key) return last.run
  const run = rewritten(built, settings)
  LAST.set(built, { key, run })
  return run
}

/** What was run in a pipeline's place last: whoever asks again gets the very same, of which more is known by then. */
const LAST = new WeakMap<BuiltPipeline, { readonly key: string; readonly run: BuiltPipeline }>()

function rewritten(built: BuiltPipeline, { isStrict, reexecutes, seed }: GraphSettings): BuiltPipeline {
  if (!isStrict) return liftCombines(built, isUnseen)
  const random = seededRandom(seed ^ 0x2545f491)
  return liftCombines(reexecutes ? rehearsingState(built) : built, () => random() < 0.5)
}
