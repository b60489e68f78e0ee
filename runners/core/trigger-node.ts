/**
 * What one trigger of a tree is to the machine: questions and news about one key and window, whose state it is handed.
 *
 * Law: a node changes its own place in the state, and those of its children, and nothing else.
 */
import type { BoundedWindow } from '../../sdk/windowing/window.js'

/** Which clock a trigger waits for; `batch` stands for the end of the batch at hand. */
export type TriggerClock = 'processing' | 'synchronized' | 'batch'

/** What a trigger may look at. */
export interface TriggerContext {
  readonly window: BoundedWindow
  /** The stage's input watermark. */
  readonly inputWatermark: number
  /** The time of the machine's clock. */
  readonly processingTime: number
  /** The processing time that everything upstream has got beyond. */
  readonly synchronizedTime: number
  /** Whether everything that the batch has brought is through. */
  readonly isBatchOver: boolean
  /** Asks for the machine to be asked again once the watermark has passed the window's end. */
  askAtEnd(): void
  /** Asks for the machine to be asked again once a clock is past a time. */
  wakeAt(clock: TriggerClock, time: number): void
}

/** What is remembered of one key and window: per trigger of the tree, in the order of a walk that meets parents first. */
export interface TriggerState {
  readonly isFinished: boolean[]
  /** A count of elements, or the time at which to fire. `undefined`: nothing since the last pane. */
  readonly memory: (number | undefined)[]
}

/** Windows that become one. */
export interface TriggerMerge {
  /** What is becoming of the union. */
  readonly into: TriggerState
  /** What was remembered of its parts, as it was before. */
  readonly parts: readonly TriggerState[]
}

/** A trigger of the tree at work. */
export interface TriggerNode {
  /** Where its state is. */
  readonly index: number
  readonly children: readonly TriggerNode[]
  /** An element has come. */
  onElement(state: TriggerState, context: TriggerContext): void
  /** Windows have become one. */
  onMerge(merge: TriggerMerge, context: TriggerContext): void
  shouldFire(state: TriggerState, context: TriggerContext): boolean
  /** It has fired. */
  onFire(state: TriggerState, context: TriggerContext): void
  /** What it was waiting for has gone with a pane. */
  clear(state: TriggerState): void
}
