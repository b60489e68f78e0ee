/**
 * What a random program of failing steps must give: one loop over the steps and, in it, one over the elements. Each
 * element contributes all its outputs or becomes one dead letter.
 */
import type { Ending, Seen } from './failing-pipeline.js'
import { modulo } from './draw.js'
import { complaint, fateOf, type Program, type Start, type Step } from './random-failures.js'

/** What a step does. */
export interface StepOutcome {
  readonly step: Step
  /** Whether elements come in the order of the input. */
  readonly isInOrder: boolean
  readonly outputs: readonly string[]
  readonly letters: readonly string[]
  readonly retries: number
  /** For a DoFn with two outputs: the second. */
  readonly others: readonly string[]
  /** For a step with state. */
  readonly seen: readonly Seen[]
  readonly endings: readonly Ending[]
}

/** What each step of a program does. */
export function reference(program: Program): readonly StepOutcome[] {
  const outcomes: StepOutcome[] = []
  let elements = program.input
  let isInOrder = true
  for (const step of program.steps) {
    const { outcome, after } = outcomeOf(program, step, elements, isInOrder)
    outcomes.push(outcome)
    elements = after
    isInOrder &&= step.isOrdered
  }
  return outcomes
}

function outcomeOf(
  program: Program,
  step: Step,
  elements: readonly Start[],
  isInOrder: boolean,
): { readonly outcome: StepOutcome; readonly after: readonly Start[] } {
  const after: Start[] = []
  const letters: string[] = []
  const others: string[] = []
  const seen: Seen[] = []
  const endings = new Map<string, Ending & { readonly texts: string[] }>()
  let retries = 0
  for (const { text, timestamp } of elements) {
    const { failures, outputs, key } = fateOf(program, step, text)
    retries += Math.min(failures, step.attempts - 1)
    if (failures >= step.attempts) {
      letters.push(`${step.name} ${text} @${timestamp} RangeError: ${complaint(text, step.attempts)}`)
      continue
    }
    after.push(...outputs.map((output) => ({ text: output, timestamp })))
    others.push(text)
    const end = timestamp - modulo(timestamp, program.windowSize) + program.windowSize - 1
    const ending = endings.get(`${key} ${end}`) ?? { key, timestamp: end, texts: [] }
    endings.set(`${key} ${end}`, ending)
    ending.texts.push(text)
    seen.push({ text, position: ending.texts.length })
  }
  const outputs = after.map(({ text }) => text)
  return {
    outcome: { step, isInOrder, outputs, letters, retries, others, seen, endings: [...endings.values()] },
    after,
  }
}
