/**
 * TriggerStateMachine decides when a window of a key answers. The syntax is in `sdk/windowing/trigger.ts`; here is what
 * it means. A machine is shared by all keys and windows of a grouping; what it remembers of one of them is its state.
 *
 * Law: a machine is asked once per bundle, key and window whether to fire; after it has finished it is not asked again.
 */
import type { Trigger } from '../../sdk/windowing/trigger.js'
import type { BoundedWindow } from '../../sdk/windowing/window.js'

/** What a trigger may look at. */
export interface TriggerContext {
  readonly window: BoundedWindow
  /** The stage's input watermark. */
  readonly inputWatermark: number
}

/** Decides when a window answers; `S` is what it remembers of one key and window. */
export interface TriggerStateMachine<S> {
  /** Whether it can only fire once the watermark has passed the window's end, so that earlier elements need no question. */
  readonly firesOnlyAfterWindow: boolean
  newState(): S
  /** An element has come. */
  onElement(state: S, context: TriggerContext, timestamp: number): void
  /** Windows have become one. */
  onMerge(states: readonly S[], context: TriggerContext): S
  shouldFire(state: S, context: TriggerContext): boolean
  /** It has fired. */
  onFire(state: S, context: TriggerContext): void
  /** Whether it will never fire again; the window then takes no more elements. */
  isFinished(state: S): boolean
}

/** Fires when the watermark passes the window's end, and again whenever something comes later. Remembers nothing. */
const defaultMachine: TriggerStateMachine<undefined> = {
  firesOnlyAfterWindow: true,
  newState: () => undefined,
  onElement: () => undefined,
  onMerge: () => undefined,
  shouldFire: (_state, { window, inputWatermark }) => inputWatermark > window.maxTimestamp,
  onFire: () => undefined,
  isFinished: () => false,
}

/** The machine of a trigger. */
export function triggerStateMachine(trigger: Trigger): TriggerStateMachine<unknown> {
  switch (trigger.kind) {
    case 'default':
      return defaultMachine
  }
}
