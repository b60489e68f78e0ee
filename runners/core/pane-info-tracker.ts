/**
 * PaneInfoTracker numbers the panes of a key and window and says when each came.
 *
 * Law: `index` counts emitted panes from 0. A pane is early while the input watermark has not passed the window; it is
 * late once the output watermark has, or once a non-early pane has been emitted; otherwise it is on time. (Beam Java's
 * rule: the *output* watermark decides, because a consumer sees nothing else.)
 */
import type { PaneInfo, PaneTiming } from '../../sdk/windowing/pane-info.js'
import type { WindowingStrategy } from '../../sdk/windowing/windowing-strategy.js'

/** The two watermarks that a pane's timing depends on, as they stood when the stage's turn began or advanced. */
export interface Watermarks {
  readonly input: number
  readonly output: number
}

/** The only pane of most windows: first, on time and last. */
export const ON_TIME_ONLY: PaneInfo = Object.freeze({
  isFirst: true,
  isLast: true,
  timing: 'onTime',
  index: 0,
  nonSpeculativeIndex: 0,
})

/** The first, on-time pane of a window that late data may still change. */
const ON_TIME_FIRST: PaneInfo = Object.freeze({ ...ON_TIME_ONLY, isLast: false })

/** The pane after `previous`. */
export function nextPane(
  previous: PaneInfo | undefined,
  maxTimestamp: number,
  isLast: boolean,
  { input, output }: Watermarks,
): PaneInfo {
  const onlyEarlySoFar = previous === undefined || previous.timing === 'early'
  const timing: PaneTiming =
    output > maxTimestamp || !onlyEarlySoFar ? 'late' : input <= maxTimestamp ? 'early' : 'onTime'
  if (previous === undefined && timing === 'onTime') return isLast ? ON_TIME_ONLY : ON_TIME_FIRST
  return {
    isFirst: previous === undefined,
    isLast,
    timing,
    index: previous === undefined ? 0 : previous.index + 1,
    nonSpeculativeIndex: timing === 'early' ? -1 : onlyEarlySoFar ? 0 : previous.nonSpeculativeIndex + 1,
  }
}

/** Whether a pane is emitted also where nothing has come since the last one. */
export function speaksWithoutNews(
  { timing, isLast }: PaneInfo,
  { onTimeBehavior, closingBehavior }: Pick<WindowingStrategy, 'onTimeBehavior' | 'closingBehavior'>,
): boolean {
  return (timing === 'onTime' && onTimeBehavior === 'always') || (isLast && closingBehavior === 'always')
}
