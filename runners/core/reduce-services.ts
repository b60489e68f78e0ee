/**
 * What a grouping is given: how it windows and reduces, and where its panes and its drops go.
 */
import type { Coder } from '../../sdk/coders/index.js'
import type { LateReason } from '../../sdk/transforms/late-data.js'
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import type { WindowingStrategy } from '../../sdk/windowing/windowing-strategy.js'
import type { Push } from './element-buffer.js'
import type { Metrics } from './metrics.js'
import type { ReduceFn } from './reduce-fn.js'
import type { TriggerClocks } from './wake-calls.js'

/** What a grouping needs beside its strategy. */
export interface ReduceServices {
  readonly step: string
  readonly strategy: WindowingStrategy
  readonly reduce: ReduceFn
  readonly keyCoder: Coder<unknown>
  /** How what it accumulates is stored: an accumulator; where values are listed, each value. */
  readonly accumulatorCoder: Coder<unknown>
  readonly metrics: Metrics
  /** What triggers of processing time go by. */
  readonly clocks: TriggerClocks
  /** Whether what takes the panes can tell in which order keys answer. */
  readonly ordersKeys?: () => boolean
  /** Runs user code of the combiner that is not already inside a guarded call. */
  readonly guard: <T>(call: string, key: unknown, window: BoundedWindow, run: () => T) => T
  /** Where panes go. */
  readonly output: Push
  /** Told of each element that is dropped, beside its being counted. */
  readonly late?: (reason: LateReason, key: unknown, value: unknown, timestamp: number, window: BoundedWindow) => void
}
