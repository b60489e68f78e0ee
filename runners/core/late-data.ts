/**
 * Elements that are dropped at work: how each is counted, and what of it a late-data collection is given.
 */
import { authorElement } from '../../sdk/graph/names.js'
import type { LateElement, LateReason } from '../../sdk/transforms/late-data.js'
import { type BoundedWindow, DataWindow } from '../../sdk/windowing/window.js'
import type { SystemCounter } from './metrics.js'
import type { StepInfo } from './stage.js'

/** The counter of each reason. */
export const LATE_COUNTERS: Readonly<Record<LateReason, SystemCounter>> = {
  late: 'droppedDueToLateness',
  closedWindow: 'droppedDueToClosedWindow',
}

/** What is told of a dropped element. */
export function lateElement(
  { id, path }: StepInfo,
  reason: LateReason,
  element: unknown,
  timestamp: number,
  window: BoundedWindow,
): LateElement {
  const { start, end } = window
  return {
    element: authorElement(id, element),
    step: path,
    window: window instanceof DataWindow ? { start, end, data: window.data } : { start, end },
    timestamp,
    reason,
  }
}
