/**
 * Assertions that check nothing, so that their test would pass: of pipelines that nobody has run (a test that forgets
 * `await run(p)`), and those that claim nothing.
 *
 * Law: an assertion is listed from `assertThat` until a runner starts its pipeline, or until it has been told.
 */
import { PipelineError } from '../errors.js'
import type { GraphBuilder } from '../graph/builder.js'
import type { BuiltPipeline } from '../graph/model.js'
import { leafTransforms } from '../graph/model.js'
import * as urns from '../graph/urns.js'
import { callSite, withSource, type SourcePosition } from '../source-position.js'
import type { StepFunction } from '../transforms/do-fn.js'
import { ASSERTION_STEP, JUDGE_STEP } from './verdict.js'

/**
 * By the function that judges, which an assertion shares with every built form of its pipeline; or by the opening of an
 * assertion that claims nothing yet.
 */
const waiting = new Map<unknown, { readonly text: string; readonly source: SourcePosition | undefined }>()

/** Remembers an assertion. */
export function declared(judge: unknown, name: string): void {
  waiting.set(judge, { text: `assertion "${name}" was never judged: its pipeline was not run`, source: callSite() })
}

/**
 * Remembers an assertion that claims nothing yet; its pipeline cannot be built before it does.
 *
 * @returns what to call when it claims something.
 */
export function opened(builder: GraphBuilder, name: string): () => void {
  const source = callSite()
  const text = `assertion "${name}" claims nothing. Say what must hold, such as .containsInAnyOrder(…), .isEmpty() or .satisfies(…).`
  const unfinished = (): never => {
    waiting.delete(unfinished)
    throw new PipelineError('MR-8004', withSource(text, source), name, source)
  }
  waiting.set(unfinished, { text, source })
  const finished = builder.begin(unfinished)
  return () => {
    waiting.delete(unfinished)
    finished()
  }
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
 * Assertions that claim nothing, or whose pipeline no runner has started, each with its line, and forgets them. For a hook
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
  const texts = [...waiting.values()].map(({ text, source }) => withSource(text, source))
  waiting.clear()
  return texts
}
