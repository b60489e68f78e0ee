/**
 * The back end of generated functions: compiles the text of a stage, and keeps compiled code that no run uses for the
 * next run of the same functions, which finds it warm.
 */
import type { StageRuntime } from '../stage-runtime.js'
import type { ClosureStage } from './closures.js'
import type { CompiledStage, StageParts } from './compiled-stage.js'
import { type StageText, StageWriter } from './stage-text.js'

let mayGenerate: boolean | undefined

/** Whether this environment allows code to be generated; asked once, a policy does not change under a running program. */
export function canGenerate(): boolean {
  if (mayGenerate === undefined) {
    try {
      mayGenerate = (new Function('return 1') as () => number)() === 1
    } catch {
      mayGenerate = false
    }
  }
  return mayGenerate
}

/** Compiles a stage to generated functions over its closures. */
export function compileGenerated(parts: StageParts, closures: ClosureStage): CompiledStage {
  const { code, release } = codeOf(new StageWriter(parts, closures).write(), parts.runtime)
  const { begin, run, runStamped, runUniform, runIndexed, push } = code
  const { runtime } = parts
  return {
    release,
    begin,
    doFns: closures.doFns,
    precombines: closures.precombines,
    push: (value, timestamp, windows, pane) => (runtime.exit ? closures.push : push)(value, timestamp, windows, pane),
    run: (values, timestamps, windows, panes, from, to) =>
      (runtime.exit ? closures.run : run)(values, timestamps, windows, panes, from, to),
    runStamped: (values, timestamps, windows, pane, from, to) =>
      (runtime.exit ? closures.runStamped : runStamped)(values, timestamps, windows, pane, from, to),
    runUniform: (values, timestamp, windows, pane, from, to) =>
      (runtime.exit ? closures.runUniform : runUniform)(values, timestamp, windows, pane, from, to),
    runIndexed: (element, timestamp, windows, pane, from, to) =>
      (runtime.exit ? closures.runIndexed : runIndexed)(element, timestamp, windows, pane, from, to),
  }
}

/** The functions of a stage, made from its text. */
interface StageCode extends Pick<CompiledStage, 'begin' | 'run' | 'runStamped' | 'runUniform' | 'runIndexed' | 'push'> {
  /** Gives the functions the objects of the coming run. */
  bind(values: readonly unknown[], runtime: StageRuntime, counters: Float64Array): void
}

/**
 * Code that no run uses at the moment, by the first user function it calls and its text. A pipeline that runs again finds
 * its functions warm. Each text calls certain user functions and no others, even where two pipelines have the same
 * shape, because the JavaScript engine records per text which functions are called where.
 */
const idle = new WeakMap<object, Map<string, StageCode[]>>()
const functionIds = new WeakMap<object, number>()
let functionCount = 0

function functionId(fn: object): number {
  let id = functionIds.get(fn)
  if (id === undefined) functionIds.set(fn, (id = functionCount++))
  return id
}

/** Code for a text: idle one, or new. */
function codeOf(
  { text, userFunctions, constants }: StageText,
  runtime: StageRuntime,
): { readonly code: StageCode; readonly release: () => void } {
  const whole = `"use strict" // calls ${userFunctions.map(functionId).join(' ')}\n${text}`
  const pool = poolOf(userFunctions[0] ?? idle, whole)
  const code =
    pool.pop() ?? (new Function('U', whole) as (userFunctions: readonly object[]) => StageCode)(userFunctions)
  code.bind(constants, runtime, runtime.metrics.elements)
  return {
    code,
    release: () => {
      // Idle code keeps nothing of its last run alive.
      code.bind([], undefined as never, undefined as never)
      pool.push(code)
    },
  }
}

function poolOf(first: object, text: string): StageCode[] {
  let byText = idle.get(first)
  if (byText === undefined) idle.set(first, (byText = new Map<string, StageCode[]>()))
  let pool = byText.get(text)
  if (pool === undefined) byText.set(text, (pool = []))
  return pool
}
