/**
 * Random fused steps whose calls fail, wait and are tried again. A program is data, made from one seed; what a call does
 * follows from the program's seed, the step and the element alone, so that pipeline and reference know the same fates
 * and share nothing else.
 *
 * Law: within a step every element is a text of its own, so that a text names a call.
 */
import { type Draw, drawOf } from './draw.js'

/** What a step is made of. `keyed` is a `keyBy`; `state` is a DoFn with state and a timer, on elements of one key. */
export type Form = 'map' | 'filter' | 'array' | 'generator' | 'asyncGenerator' | 'keyed' | 'parDo' | 'state'

/** A step of a program. */
export interface Step {
  readonly name: string
  readonly form: Form
  /** Whether what cannot be processed becomes a dead letter. Where not, every call succeeds in the end. */
  readonly hasLetters: boolean
  /** Calls per element at most. */
  readonly attempts: number
  readonly backoff: number
  readonly concurrency: number
  readonly isOrdered: boolean
  /** Of 100 calls, so many are asynchronous. */
  readonly asyncPercent: number
  /** Of 100 calls, so many fail at least once. */
  readonly failPercent: number
  readonly keys: number
  /** Whether a list in state is changed in place before it is written. */
  readonly changesInPlace: boolean
}

/** An element of the input. */
export interface Start {
  readonly text: string
  readonly timestamp: number
}

/** A program and its input. */
export interface Program {
  readonly seed: number
  readonly windowSize: number
  readonly input: readonly Start[]
  readonly steps: readonly Step[]
}

/** What happens to a call. */
export interface Fate {
  /** How many calls fail before one succeeds. */
  readonly failures: number
  /** How many outputs a failing call has given before it fails; with 0 it also leaves its state alone. */
  readonly outputsBefore: number
  /** Turns of the event loop that it waits; `undefined` for a synchronous call. */
  readonly waits: number | undefined
  /** What a call that succeeds gives. */
  readonly outputs: readonly string[]
  readonly key: number
}

/** Steps that may give several outputs for one element: more of them would only give more of the same. */
const MULTIPLYING_MAX = 3

/** The program of a seed. */
export function programOf(seed: number): Program {
  const draw = drawOf(seed ^ 0x2545f491)
  const input = Array.from({ length: draw.int(0, 25) }, (_, i) => ({ text: `e${i}`, timestamp: draw.int(-50, 49) }))
  let multiplying = 0
  const steps = Array.from({ length: draw.int(1, 5) }, (_, i) => {
    const step = stepOf(draw, `step ${i}`)
    const isMultiplying = ['array', 'generator', 'asyncGenerator', 'parDo'].includes(step.form)
    if (isMultiplying) multiplying++
    return isMultiplying && multiplying > MULTIPLYING_MAX ? { ...step, form: 'map' as const } : step
  })
  return { seed, windowSize: draw.int(10, 60), input, steps }
}

function stepOf(draw: Draw, name: string): Step {
  const hasLetters = draw.chance(0.7)
  return {
    name,
    form: draw.pick<Form>([
      'map',
      'filter',
      'array',
      'generator',
      'asyncGenerator',
      'keyed',
      'parDo',
      'state',
      'state',
    ]),
    hasLetters,
    attempts: draw.chance(0.5) ? 1 : draw.int(2, 4),
    backoff: draw.chance(0.1) ? 1 : 0,
    concurrency: draw.int(1, 6),
    isOrdered: draw.chance(0.75),
    asyncPercent: draw.pick([0, 20, 50, 100]),
    failPercent: draw.pick([0, 10, 30, 60]),
    keys: draw.int(1, 4),
    changesInPlace: draw.chance(0.3),
  }
}

/** What becomes of an element in a step. */
export function fateOf({ seed }: Program, step: Step, text: string): Fate {
  const draw = drawOf(seed ^ hash(`${step.name} ${text}`))
  const failures = draw.int(1, 100) <= step.failPercent ? draw.pick([1, 1, 2, 3, Infinity]) : 0
  return {
    failures: step.hasLetters ? failures : Math.min(failures, step.attempts - 1),
    outputsBefore: draw.int(0, 2),
    waits: step.form !== 'generator' && draw.int(1, 100) <= step.asyncPercent ? draw.int(0, 9) : undefined,
    outputs: outputsOf(draw, step, text),
    key: draw.int(1, step.keys),
  }
}

function outputsOf(draw: Draw, { form }: Step, text: string): readonly string[] {
  switch (form) {
    case 'map':
      return [`${text}m`]
    case 'filter':
      return draw.chance(0.7) ? [text] : []
    case 'array':
    case 'generator':
    case 'asyncGenerator':
    case 'parDo':
      return Array.from({ length: draw.int(0, 3) }, (_, i) => `${text}.${i}`)
    case 'keyed':
    case 'state':
      return [text]
  }
}

/** What a failing call says. */
export function complaint(text: string, attempt: number): string {
  return `${text} fails, call ${attempt}`
}

/** FNV-1a. */
function hash(text: string): number {
  let mixed = 0x811c9dc5
  for (let i = 0; i < text.length; i++) mixed = Math.imul(mixed ^ text.charCodeAt(i), 0x01000193)
  return mixed >>> 0
}
