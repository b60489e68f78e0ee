/**
 * The back end of generated functions: compiles the text of a stage, and keeps compiled code that no run uses for the
 * next run of the same functions, which finds it warm.
 */
import type { DoFnRuntime } from '../do-fn-runtime.js'
import type { Push } from '../element-buffer.js'
import type { PrecombineRuntime } from '../precombine.js'
import type { StageRuntime } from '../stage-runtime.js'
import type { ClosureStage } from './closure-stage.js'
import type { CompiledStage, StageEntry, StageParts } from './compiled-stage.js'
import type { StageText } from './function-body.js'
import { StageWriter } from './stage-text.js'

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
  return new GeneratedStage(parts.runtime, codeOf(new StageWriter(parts, closures).write(), parts.runtime), closures)
}

/** Generated functions at work; what they leave out, and whatever is unusual, the closures do. */
class GeneratedStage implements CompiledStage {
  readonly push: Push
  readonly doFns: readonly DoFnRuntime[]
  readonly precombines: readonly PrecombineRuntime[]
  readonly #runtime: StageRuntime
  readonly #lent: LentCode
  readonly #closures: ClosureStage

  constructor(runtime: StageRuntime, lent: LentCode, closures: ClosureStage) {
    const push: Push = lent.code.push ?? closures.push
    const guarded: Push = (value, timestamp, windows, pane) =>
      (runtime.exit ? closures.push : push)(value, timestamp, windows, pane)
    this.push = guarded
    this.doFns = closures.doFns
    this.precombines = closures.precombines
    this.#runtime = runtime
    this.#lent = lent
    this.#closures = closures
  }

  begin(): void {
    this.#lent.code.begin()
  }

  release(): void {
    this.#lent.release()
  }

  run(...columns: Parameters<CompiledStage['run']>): number {
    return this.#entry('run').run(...columns)
  }

  runStamped(...columns: Parameters<CompiledStage['runStamped']>): number {
    return this.#entry('runStamped').runStamped(...columns)
  }

  runUniform(...columns: Parameters<CompiledStage['runUniform']>): number {
    return this.#entry('runUniform').runUniform(...columns)
  }

  runIndexed(...columns: Parameters<CompiledStage['runIndexed']>): number {
    return this.#entry('runIndexed').runIndexed(...columns)
  }

  /** Who has the function. */
  #entry<E extends StageEntry>(entry: E): Pick<CompiledStage, E> {
    const { code } = this.#lent
    return this.#runtime.exit || code[entry] === undefined
      ? this.#closures
      : (code as unknown as Pick<CompiledStage, E>)
  }
}

/** The functions of a stage, made from its text. */
interface StageCode extends Pick<CompiledStage, 'begin'>, Partial<Pick<CompiledStage, StageEntry>> {
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

/** Code that a run uses. */
class LentCode {
  readonly code: StageCode
  readonly #pool: StageCode[]

  constructor(code: StageCode, pool: StageCode[]) {
    this.code = code
    this.#pool = pool
  }

  release(): void {
    // Idle code keeps nothing of its last run alive.
    this.code.bind([], undefined as never, undefined as never)
    this.#pool.push(this.code)
  }
}

/** Code for a text: idle one, or new. */
function codeOf({ text, userFunctions, constants }: StageText, runtime: StageRuntime): LentCode {
  const whole = `"use strict" // calls ${userFunctions.map(functionId).join(' ')}\n${text}`
  const pool = poolOf(userFunctions[0] ?? idle, whole)
  const code =
    pool.pop() ?? (new Function('U', whole) as (userFunctions: readonly object[]) => StageCode)(userFunctions)
  code.bind(constants, runtime, runtime.metrics.elements)
  return new LentCode(code, pool)
}

function poolOf(first: object, text: string): StageCode[] {
  let byText = idle.get(first)
  if (byText === undefined) idle.set(first, (byText = new Map<string, StageCode[]>()))
  let pool = byText.get(text)
  if (pool === undefined) byText.set(text, (pool = []))
  return pool
}
