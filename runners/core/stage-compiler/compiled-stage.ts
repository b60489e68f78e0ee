/**
 * What compiling a stage gives: ways to push elements through its fused steps. Two back ends make it, generated
 * functions and shared closures, with identical results.
 */
import type { PaneInfo } from '../../../sdk/windowing/pane-info.js'
import type { Windows } from '../../../sdk/windowing/window.js'
import type { DoFnRuntime } from '../do-fn-runtime.js'
import type { Push, Receiver } from '../element-buffer.js'
import type { ReduceFnRunner } from '../reduce-fn-runner.js'
import type { PrecombineRuntime } from '../precombine.js'
import type { Output, Stage, StageRoot, StepInfo } from '../stage.js'
import type { StageRuntime } from '../stage-runtime.js'

/** A compiled stage. */
export interface CompiledStage {
  /** Called after the last bundle. */
  release(): void
  /** Called before the elements of each bundle: forgets what was remembered of the last one. */
  begin(): void
  /** Pushes one element in at the root. */
  readonly push: Push
  /**
   * Pushes elements `[from, to)` of columns; stops early, between elements, when calls are pending that must be waited
   * for.
   *
   * @returns the index of the first element not pushed.
   */
  run(
    values: readonly unknown[],
    timestamps: ArrayLike<number>,
    windows: readonly Windows[],
    panes: readonly PaneInfo[],
    from: number,
    to: number,
  ): number
  /** The same, for elements that share windows and pane. */
  runStamped(
    values: readonly unknown[],
    timestamps: ArrayLike<number>,
    windows: Windows,
    pane: PaneInfo,
    from: number,
    to: number,
  ): number
  /** The same, for elements that share the timestamp too. */
  runUniform(
    values: readonly unknown[],
    timestamp: number,
    windows: Windows,
    pane: PaneInfo,
    from: number,
    to: number,
  ): number
  /** Reads positions `[from, to)` of a source that knows its elements by position, and pushes them. */
  runIndexed(element: unknown, timestamp: number, windows: Windows, pane: PaneInfo, from: number, to: number): number
  /** DoFns of the stage, in topological order. */
  readonly doFns: readonly DoFnRuntime[]
  /** Pre-combining steps, in topological order. */
  readonly precombines: readonly PrecombineRuntime[]
}

/** A function by which elements enter a stage. */
export type StageEntry = 'run' | 'runStamped' | 'runUniform' | 'runIndexed' | 'push'

/** The functions by which elements enter a stage with this root. */
export function entriesOf(root: StageRoot): readonly StageEntry[] {
  switch (root.kind) {
    case 'splittable':
      return root.fn.doFn.elementAt === undefined ? ['runStamped', 'runUniform'] : ['runIndexed']
    case 'parDo':
    case 'edge':
      return ['run']
    default:
      return ['push']
  }
}

/** Where an output goes when it leaves the stage. */
export type StageReceiver =
  | { readonly kind: 'buffer'; readonly receiver: Receiver }
  /** Straight into a grouping's tables. */
  | { readonly kind: 'grouping'; readonly runner: ReduceFnRunner; readonly info: StepInfo }

/** What a compiler needs to know of a stage. */
export interface StageParts {
  readonly stage: Stage
  readonly root: StageRoot
  readonly runtime: StageRuntime
  /** What leaves the stage at an output. */
  receiversOf(output: Output): readonly StageReceiver[]
}
