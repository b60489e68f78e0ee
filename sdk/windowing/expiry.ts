/**
 * When a window expires: its state is removed, and elements that are in it are dropped.
 */
import { addMillis, END_OF_GLOBAL_WINDOW } from '../time.js'
import type { BoundedWindow } from './window.js'

/** `maxTimestamp + lateness`, never beyond the end of the global window. */
export function expiryOf(window: BoundedWindow, allowedLatenessMillis: number): number {
  return Math.min(addMillis(window.maxTimestamp, allowedLatenessMillis), END_OF_GLOBAL_WINDOW)
}
