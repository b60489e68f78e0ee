/**
 * Assertions of pipelines that nobody has run: a test that forgets `await run(p)` checks nothing and would pass.
 *
 * Law: an assertion is listed from its declaration until a runner starts its pipeline, or until it has been told.
 */
import type { BuiltPipeline } from '../graph/model.js'
import { leafTransforms } from '../graph/model.js'
import * as urns from '../graph/urns.js'
import { callSite, withSource, type SourcePosition } from '../source-position.js'
import type { StepFunction } from '../transforms/do-fn.js'
import { ASSERTION_STEP, JUDGE_STEP } from './verdict.js'

/** By the function that judges, which an assertion shares with every built form of its pipeline. */
const waiting = new Map<unknown, { readonly name: string; readonly source: SourcePosition | undefined }>()

/** Remembers an assertion. */
export function declared(judge: unknown, name: string): void {
  waiting.set(judge, { name, source: callSite() })
}

/** A runner starts a pipeline: its assertions will be judged, or the run rejects. */
export function assertionsStarted(built: BuiltPipeline): void {
  if (waiting.size === 0) return
  for (const [id, node] of leafTransforms(built.graph)) {
    if (node.spec?.urn !== urns.COLLECT || !id.endsWith(ASSERTION_STEP)) continue
    const step = `${id.slice(0, -ASSERTION_STEP.length)}$${JUDGE_STEP}`
    const fn = built.functions.resolve({ step, role: 'process', index: 0 }) as Extract<StepFunction, { kind: 'map' }>
    waiting.delete(fn.fn)
  }
}

/**
 * Assertions that were declared and whose pipeline no runner has started, each with its line, and forgets them. For a hook
 * after each test; `millrace/testing/vitest` has one.
 *
 * @example
 * ```ts
 * import { pipeline } from 'millrace'
 * import { assertThat, unrunAssertions } from 'millrace/testing'
 * assertThat('forgotten', pipeline().create('n', [1])).isEmpty()
 * unrunAssertions().length // => 1
 * unrunAssertions().length // => 0
 * ```
 */
export function unrunAssertions(): readonly string[] {
  const texts = [...waiting.values()].map(({ name, source }) =>
    withSource(`assertion "${name}" was never judged: its pipeline was not run`, source),
  )
  waiting.clear()
  return texts
}
