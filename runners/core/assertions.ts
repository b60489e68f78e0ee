/**
 * Assertions inside pipelines: `assertThat` adds steps that judge a collection and collect a verdict; after the run the
 * verdicts are counted. A verdict that never came is a failure too.
 */
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import { leafTransforms } from '../../sdk/graph/model.js'
import * as urns from '../../sdk/graph/urns.js'
import { ASSERTION_STEP, AssertionFailed, type Verdict } from '../../sdk/testing/verdict.js'
import type { PipelineResult } from '../runner.js'

/** The result, if every assertion of the pipeline holds. @throws {AssertionFailed} naming all that do not. */
export function verifyAssertions(built: BuiltPipeline, result: PipelineResult): PipelineResult {
  if (result.state === 'CANCELLED') return result
  const failures: string[] = []
  for (const [id, node] of leafTransforms(built.graph)) {
    if (node.spec?.urn !== urns.COLLECT || !id.endsWith(ASSERTION_STEP)) continue
    const name = id.slice(0, -ASSERTION_STEP.length - 1)
    const verdicts = result.collect<Verdict>(id)
    const [verdict] = verdicts
    const where = node.source === undefined ? '' : `\n  at ${node.source.text}`
    if (verdicts.length !== 1 || verdict === undefined) {
      failures.push(
        `assertion "${name}" gave ${verdicts.length} verdicts instead of one: it did not run as it should.${where}`,
      )
    } else if (!verdict.holds) {
      failures.push(`assertion "${name}" failed: ${verdict.message}${where}`)
    }
  }
  if (failures.length > 0) throw new AssertionFailed(failures.join('\n'))
  return result
}
