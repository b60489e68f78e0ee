/**
 * What a DoFn at work is given by its stage and its runner.
 */
import type { Coder } from '../../sdk/coders/index.js'
import type { Env } from '../../sdk/env.js'
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import type { CellCoders } from './cells/cell-place.js'
import type { DeliveringStep } from './deliveries.js'
import type { Push } from './element-buffer.js'
import type { DeadLetterSink, StageRuntime } from './stage-runtime.js'
import type { StateInternals } from './state-internals.js'
import type { TimerInternals } from './timer-cells.js'

/** Reads side inputs in the window of a main element. */
export interface SideInputReader {
  /** @throws when the view has no answer there (an empty singleton). */
  read(side: number, mainWindow: BoundedWindow): unknown
}

/** What a DoFn needs beside its declaration. */
export interface DoFnServices {
  readonly env: Env
  readonly runtime: StageRuntime
  /** By output, in the DoFn's order; counts elements. */
  readonly outputs: readonly Push[]
  readonly letters: DeadLetterSink | undefined
  /** Where elements go that are dropped as late. */
  readonly late: Push | undefined
  readonly sides: SideInputReader | undefined
  readonly state: StateInternals | undefined
  readonly timers: TimerInternals | undefined
  /** Where the DoFn delivers to, if it does. */
  readonly delivery: DeliveringStep | undefined
  /** In strict mode, the coder of the input. */
  readonly inputGuard: Coder<unknown> | undefined
  /** By state cell. */
  readonly cellCoders: readonly CellCoders[]
}
