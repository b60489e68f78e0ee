/**
 * Panes as text, so that those of the interpreter, of the engine and of a recording can be compared as multisets.
 */
import type { Pane } from './past.js'
import { LAST_INSTANT, type ScriptEvent, type Strategy, type Window } from './script.js'

/** A scenario, as recordings write it. */
export interface RecordedScenario extends Strategy {
  readonly id: string
  readonly operation: 'GroupByKey' | 'SumPerKey' | 'GroupByKeyTwice'
  readonly events: readonly ScriptEvent[]
}

/** A pane, as recordings write it. */
export interface RecordedPane extends Omit<Pane, 'window' | 'values' | 'timestamp'> {
  readonly window: readonly [number, number] | 'GLOBAL'
  readonly values?: readonly number[]
  readonly sum?: number
  readonly timestamp: number | string
  readonly step: number
}

/** What a recording calls the last instant of the global window. */
const RECORDED_LAST_INSTANT = '9223371950454775'

/** The text of a pane that came out during an event. Of a sum, the pane has the sum. */
export function textOf(pane: Pane, step: number, isSum: boolean): string {
  const values = isSum ? [pane.values.reduce((sum, value) => sum + value, 0)] : pane.values
  return lineOf({ ...pane, values, step })
}

/** The text of a recorded pane. */
export function recordedTextOf(pane: RecordedPane): string {
  return lineOf({
    ...pane,
    values: pane.values ?? (pane.sum === undefined ? [] : [pane.sum]),
    window: pane.window === 'GLOBAL' ? undefined : { start: pane.window[0], end: pane.window[1] },
    timestamp: pane.timestamp === RECORDED_LAST_INSTANT ? LAST_INSTANT : Number(pane.timestamp),
  })
}

/** What a line says of a pane. */
export interface PaneLine extends Omit<Pane, 'window' | 'timing'> {
  /** `undefined` is the global window, and so is one without start. */
  readonly window: Window | undefined
  readonly timing: string
  readonly step: number
}

/** The text of a pane. Values are in order of size: the order within a pane is nobody's promise. */
export function lineOf({ key, window, values, timestamp, step, ...pane }: PaneLine): string {
  const where = window === undefined || window.start === -Infinity ? 'GLOBAL' : `[${window.start}, ${window.end})`
  const when = timestamp === LAST_INSTANT ? 'the end' : timestamp
  const marks = `${pane.isFirst ? ' first' : ''}${pane.isLast ? ' last' : ''}`
  const content = [...values].sort((a, b) => a - b).join(' ')
  return `event ${step}: ${key} ${where} @${when} ${pane.timing} #${pane.index}/${pane.nonSpeculativeIndex}${marks} {${content}}`
}
