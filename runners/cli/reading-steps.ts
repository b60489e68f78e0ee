/**
 * Which steps of a status read, and how much they have read: what people mean by "elements", where the engine counts an element
 * again in each step that it passes.
 */
import type { RunStatus, StepStatus } from '../run-status.js'

/** Whether a step only says what a source reads: its patterns, its shards, when it begins. */
export function namesWork({ step }: StepStatus, { sources, steps }: Pick<RunStatus, 'sources' | 'steps'>): boolean {
  const readers = steps.filter(({ inputs }) => inputs.includes(step))
  return readers.length > 0 && readers.every((reader) => sources.some((source) => source.step === reader.step) || namesWork(reader, { sources, steps })) // prettier-ignore
}

/** Elements that have come out of sources. */
export function elementsReadBy(status: RunStatus): number {
  const naming = new Set(status.steps.filter((step) => namesWork(step, status)).map(({ step }) => step))
  return status.steps
    .filter(({ step, inputs }) => !naming.has(step) && inputs.every((input) => naming.has(input)))
    .reduce((sum, { elementsOut }) => sum + elementsOut, 0)
}
