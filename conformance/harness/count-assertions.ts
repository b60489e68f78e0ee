/**
 * Assertions of a pipeline, counted: how many it has, and what each came to. A runner is not trusted to have looked: over
 * a wire, a lost assertion is silent.
 */
import type { BuiltPipeline, PipelineResult } from 'millrace'
import { ASSERTION_STEP, type Verdict } from '../../sdk/testing/verdict.js'

/** Paths of the steps that collect verdicts. */
export function assertionsOf(built: BuiltPipeline): readonly string[] {
  return [...built.graph.components.transforms.keys()].filter((id) => id.endsWith(`/${ASSERTION_STEP}`))
}

/** What is wrong with the assertions of a finished run; `undefined` when each was judged once and holds. */
export function assertionFault(paths: readonly string[], result: PipelineResult): string | undefined {
  for (const path of paths) {
    const verdicts = result.collect<Verdict>(path)
    const [verdict] = verdicts
    const name = path.slice(0, -ASSERTION_STEP.length - 1)
    if (verdict === undefined || verdicts.length !== 1)
      return `${name} was to be judged once, and was judged ${verdicts.length} times`
    if (!verdict.holds) return `${name} failed: ${verdict.message}`
  }
  return undefined
}
