/**
 * A trigger says *when* a window answers. This file is syntax only, plain data that mirrors Beam's Trigger message;
 * `runners/core/trigger-state-machine.ts` decides.
 */

/** Fires when the watermark passes the window's end, and again for each bundle of late data. */
export interface DefaultTrigger {
  readonly kind: 'default'
}

/** When a window answers. */
export type Trigger = DefaultTrigger

/** The trigger of a collection whose author chose none. */
export const defaultTrigger: DefaultTrigger = Object.freeze({ kind: 'default' })

/** The trigger that a grouping's output has, so that a second grouping does not wait longer than the first (Beam: continuation trigger). */
export function continuationTrigger(trigger: Trigger): Trigger {
  return trigger
}
