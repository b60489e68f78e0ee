/**
 * The answer of `millrace why`: for people a sentence per step that waits, for programs the same with the whole status.
 */
import { countText, manyText, spanText } from '../run-status-text.js'
import { why } from '../run-status-why.js'
import type { RunStatus } from '../run-status.js'
import type { WhySettings } from './protocol.js'

/** The answer. @throws {PipelineError} when the step to explain is not in the pipeline. */
export function whyText(status: RunStatus, { json, step }: WhySettings): string {
  const explanations = why(status, step)
  if (json) return JSON.stringify({ explanations, status })
  const { pipeline, state, wallMillis, elements, batches } = status
  const after = `after ${spanText(wallMillis)}, ${countText(elements)} elements${batches === undefined ? '' : `, ${manyText(batches.committed, 'batch', 'batches')}`}`
  const isOver =
    state === 'done' || state === 'drained' || state === 'stopped' || state === 'cancelled' || state === 'failed'
  if (isOver) return `${pipeline} is ${state} ${after}: nothing waits.`
  if (explanations.length === 0)
    return `${pipeline} ${after}: ${step === undefined ? 'nothing waits' : `step "${step}" has come to the end of time and waits for nothing`}.`
  const hints = new Set(explanations.flatMap(({ hint }) => hint ?? []))
  return [
    `${pipeline} ${after}; times are UTC:`,
    ...explanations.map(({ text }) => `  ${text}`),
    ...[...hints].map((hint) => `hint: ${hint}`),
  ].join('\n')
}
