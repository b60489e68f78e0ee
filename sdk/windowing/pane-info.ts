/**
 * PaneInfo tells which of a window's results this one is: a window may answer early (a guess), on time (when the
 * watermark says its input is complete) and late (corrections).
 *
 * Law, per key and window: `index` counts panes from 0; timings come in the order early*, onTime?, late*;
 * `nonSpeculativeIndex` is −1 while early and counts from 0 afterwards.
 */

/** When a pane came relative to the watermark. `unknown` for elements that no grouping has produced. */
export type PaneTiming = 'early' | 'onTime' | 'late' | 'unknown'

/** Which pane of its window an element belongs to. */
export interface PaneInfo {
  readonly isFirst: boolean
  readonly isLast: boolean
  readonly timing: PaneTiming
  readonly index: number
  readonly nonSpeculativeIndex: number
}

/** The pane of elements that no grouping has produced. */
export const NO_FIRING: PaneInfo = Object.freeze({
  isFirst: true,
  isLast: true,
  timing: 'unknown',
  index: 0,
  nonSpeculativeIndex: 0,
})
