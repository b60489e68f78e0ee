/**
 * Lane `failures`: random fused steps, some of whose calls throw, wait, are tried again or become dead letters.
 *
 * Claims, at every bundle size, with both stage compilers and in strict mode under every seed:
 *
 * - An element contributes its outputs completely or becomes exactly one dead letter, with the error of its last call.
 * - A call that fails leaves no trace: no output, nothing in state, no timer set or cleared.
 * - Calls are made as often as `retry` says; counters of dead letters, retries and outputs are the reference's.
 * - Outputs are in input order unless the step gives it up, and calls of a key are made in it; strict mode, which mixes
 *   bundles, is excepted from both. Calls of a key never overlap, and at most `concurrency` calls are under way.
 *
 * `npm run proof -- failures [--seeds n] [--from seed]`; a failure prints its seed, and `--from seed --seeds 1` repeats it.
 */
import { type PipelineResult, run, type RunOptions } from 'millrace'
import { differenceText, drawOf, thrownText } from './draw.js'
import { type Ending, type Seen, toPipeline, Watch } from './failing-pipeline.js'
import { reference, type StepOutcome } from './failures-reference.js'
import { programOf } from './random-failures.js'

/** Longer than any call waits; a call that never ends fails its seed instead of stopping the lane. */
const CALL_TIMEOUT_MILLIS = 10_000

function modesOf(seed: number): readonly RunOptions[] {
  const draw = drawOf(seed ^ 0x1b873593)
  const sizes = [1, 2, 3, 7, 1000]
  return [
    { stageCompiler: 'generated' },
    { stageCompiler: 'closures', bundleSize: draw.pick(sizes) },
    { stageCompiler: 'generated', bundleSize: draw.pick(sizes) },
    { strict: true, seed, stageCompiler: draw.pick(['generated', 'closures'] as const) },
  ]
}

/** What is wrong with a seed, in words; `undefined` when nothing is. */
export async function faultOf(seed: number): Promise<string | undefined> {
  const program = programOf(seed)
  const outcomes = reference(program)
  for (const mode of modesOf(seed)) {
    const watch = new Watch(program)
    let fault: string | undefined
    try {
      const result = await run(toPipeline(program, watch), { ...mode, callTimeoutMillis: CALL_TIMEOUT_MILLIS })
      fault = faultIn(result, outcomes, mode.strict === true) ?? watch.faults[0]
    } catch (error) {
      fault = `failed with ${thrownText(error)}`
    }
    if (fault !== undefined) return `seed ${seed}, ${JSON.stringify(mode)}: ${fault}\n  ${JSON.stringify(program)}`
  }
  return undefined
}

function faultIn(result: PipelineResult, outcomes: readonly StepOutcome[], isStrict: boolean): string | undefined {
  for (const outcome of outcomes) {
    const fault = faultInStep(result, outcome, outcome.isInOrder && !isStrict)
    if (fault !== undefined) return `${outcome.step.name} (${outcome.step.form}): ${fault}`
  }
  const last = outcomes.at(-1) as StepOutcome
  const isInOrder = last.isInOrder && last.step.isOrdered && !isStrict
  const letters = outcomes.flatMap((outcome) => outcome.letters)
  return (
    faultBetween('outputs', last.outputs, result.collect<string>('out'), isInOrder) ??
    faultBetween('dead letters', letters, result.collect<string>('bad/letters'), false)
  )
}

function faultInStep(result: PipelineResult, outcome: StepOutcome, isInOrder: boolean): string | undefined {
  const { step, outputs, letters, retries, others, seen, endings } = outcome
  const counts: readonly (readonly [what: string, expected: number, actual: number | undefined])[] = [
    ['outputs', outputs.length, result.metrics.elements.get(`${step.name}.${outputTag(outcome)}`) ?? 0],
    ['dead letters', letters.length, result.metrics.counter('deadLetters', step.name)],
    ['retries', retries, result.metrics.counter('retries', step.name)],
  ]
  for (const [what, expected, actual] of counts) {
    if (actual !== expected) return `counts ${actual} ${what}, not ${expected}`
  }
  if (step.form === 'parDo') {
    return faultBetween('second outputs', others, result.collect(`${step.name} other`), isInOrder && step.isOrdered)
  }
  if (step.form !== 'state') return undefined
  const seenText = ({ text, position }: Seen): string => (isInOrder ? `${text} as ${position}` : text)
  const endingText = ({ key, timestamp, texts }: Ending): string =>
    `${key} @${timestamp}: ${(isInOrder ? texts : [...texts].sort()).join(' ')}`
  return (
    faultBetween('calls', seen.map(seenText), result.collect<Seen>(`${step.name} seen`).map(seenText), false) ??
    faultBetween('endings', endings.map(endingText), result.collect<Ending>(`${step.name} end`).map(endingText), false)
  )
}

function outputTag({ step: { form } }: StepOutcome): string {
  return form === 'parDo' || form === 'state' ? 'main' : 'out'
}

function faultBetween(
  what: string,
  expected: readonly string[],
  actual: readonly string[],
  isInOrder: boolean,
): string | undefined {
  const difference = differenceText(expected, actual)
  if (difference !== undefined) return `${what}: ${difference}`
  const at = isInOrder ? expected.findIndex((text, i) => text !== actual[i]) : -1
  return at < 0 ? undefined : `${what} are out of order: ${actual[at]} comes before ${expected[at]}`
}
