/**
 * Straight stages: their steps stand in one line, each hands on at most one element, and nothing of their own runs
 * beside the author's functions. The tightest loop is written for them.
 */
import type { Operator, Output } from '../stage.js'
import type { StageParts } from './compiled-stage.js'

/** Whether a stage is straight. */
export function isStraight(stage: Pick<StageParts, 'root' | 'receiversOf'>): boolean {
  const { root } = stage
  let output = root.kind === 'parDo' ? next(root.operator) : root.output
  while (output !== undefined) {
    const receivers = stage.receiversOf(output).length
    if (output.consumers.length + receivers !== 1) return false
    if (receivers === 1) return true
    output = next(output.consumers[0] as Operator)
  }
  return false
}

/** The only output of a step that hands on at most one element, as it comes. */
function next(operator: Operator): Output | undefined {
  if (operator.kind === 'window') {
    return operator.windowFn.assignsToOneWindow && !operator.severalBefore ? operator.outputs[0] : undefined
  }
  const isPlain = operator.kind === 'parDo' && ['map', 'filter', 'keyBy', 'timestamps'].includes(operator.fn.kind)
  return isPlain ? operator.outputs[0] : undefined
}
