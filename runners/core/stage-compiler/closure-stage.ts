/**
 * A stage compiled to closures, at work: loops over batches, and entries for the generated functions to fall back to.
 */
import type { AsyncCalls } from '../async-calls.js'
import type { DoFnRuntime } from '../do-fn-runtime.js'
import type { Push } from '../element-buffer.js'
import type { PrecombineRuntime } from '../precombine.js'
import type { Call } from '../prepare-step.js'
import type { PaneInfo } from '../../../sdk/windowing/pane-info.js'
import type { Windows } from '../../../sdk/windowing/window.js'
import type { Operator, Output, StepInfo } from '../stage.js'
import type { DeadLetterSink, StageRuntime, StuckCall } from '../stage-runtime.js'
import type { CompiledStage } from './compiled-stage.js'

/** Goes on with the result of a call, once it is there. */
export type Completion = (result: unknown, value: unknown, timestamp: number, windows: Windows, pane: PaneInfo) => void

/** An element-wise step at work. */
export interface ElementStep {
  readonly info: StepInfo
  /** The author's function with everything its options ask for around it. */
  readonly call: Call
  readonly calls: AsyncCalls
  readonly letters: DeadLetterSink | undefined
  /** Goes on with a result that is there. */
  readonly complete: Completion
  /** Goes on with a result of any kind: there, promised, or to be gathered. */
  readonly resume: Completion
}

/** The closures of a stage, with entries that the generated functions fall back to. */
export interface ClosureStage extends CompiledStage {
  /** Entry before an operator. */
  entry(operator: Operator): Push
  /** Entry at an output: counts, and hands to all that read it. */
  outputEntry(output: Output): Push
  readonly elementSteps: ReadonlyMap<Operator, ElementStep>
  readonly doFnOf: ReadonlyMap<Operator, DoFnRuntime>
  /** The call that has been pending longest. */
  stuck(): StuckCall | undefined
}

/** How a source is read by position. */
export interface IndexedSource {
  readonly elementAt: (element: unknown, position: number) => unknown
  readonly timestampAt: ((element: unknown, position: number) => number) | undefined
}

/** Where elements enter, inside the stage. */
interface PushTable {
  entry(operator: Operator): Push
  output(output: Output): Push
}

interface ClosureParts extends IndexedSource, Pick<ClosureStage, 'precombines' | 'elementSteps' | 'doFnOf'> {
  readonly runtime: StageRuntime
}

/** The closures of a stage at work. */
export class Closures implements ClosureStage {
  readonly push: Push
  readonly doFns: readonly DoFnRuntime[]
  readonly #pushes: PushTable
  readonly #parts: ClosureParts

  constructor(pushes: PushTable, push: Push, doFns: readonly DoFnRuntime[], parts: ClosureParts) {
    this.push = push
    this.doFns = doFns
    this.#pushes = pushes
    this.#parts = parts
  }

  get precombines(): readonly PrecombineRuntime[] {
    return this.#parts.precombines
  }

  get elementSteps(): ReadonlyMap<Operator, ElementStep> {
    return this.#parts.elementSteps
  }

  get doFnOf(): ReadonlyMap<Operator, DoFnRuntime> {
    return this.#parts.doFnOf
  }

  // Closures remember nothing of a bundle, and no code is lent to them.
  begin(): void {}
  release(): void {}

  run(
    values: readonly unknown[],
    timestamps: ArrayLike<number>,
    windows: readonly Windows[],
    panes: readonly PaneInfo[],
    from: number,
    to: number,
  ): number {
    const { push } = this
    const { runtime } = this.#parts
    for (let i = from; i < to; i++) {
      push(values[i], timestamps[i] as number, windows[i] as Windows, panes[i] as PaneInfo)
      if (runtime.exit) return i + 1
    }
    return to
  }

  runStamped(
    values: readonly unknown[],
    timestamps: ArrayLike<number>,
    windows: Windows,
    pane: PaneInfo,
    from: number,
    to: number,
  ): number {
    const { push } = this
    const { runtime } = this.#parts
    for (let i = from; i < to; i++) {
      push(values[i], timestamps[i] as number, windows, pane)
      if (runtime.exit) return i + 1
    }
    return to
  }

  runUniform(
    values: readonly unknown[],
    timestamp: number,
    windows: Windows,
    pane: PaneInfo,
    from: number,
    to: number,
  ): number {
    const { push } = this
    const { runtime } = this.#parts
    for (let i = from; i < to; i++) {
      push(values[i], timestamp, windows, pane)
      if (runtime.exit) return i + 1
    }
    return to
  }

  runIndexed(element: unknown, timestamp: number, windows: Windows, pane: PaneInfo, from: number, to: number): number {
    const { push } = this
    const { runtime, elementAt, timestampAt } = this.#parts
    for (let i = from; i < to; i++) {
      push(elementAt(element, i), timestampAt === undefined ? timestamp : timestampAt(element, i), windows, pane)
      if (runtime.exit) return i + 1
    }
    return to
  }

  entry(operator: Operator): Push {
    return this.#pushes.entry(operator)
  }

  outputEntry(output: Output): Push {
    return this.#pushes.output(output)
  }

  stuck(): StuckCall | undefined {
    const steps = [...this.elementSteps.values()].map(({ calls, info }) =>
      calls.oldest === undefined ? undefined : { ...calls.oldest, step: info, call: 'process' },
    )
    return [...this.doFns.map((doFn) => doFn.stuck), ...steps]
      .filter((call) => call !== undefined)
      .sort((a, b) => a.startedAt - b.startedAt)[0]
  }
}
