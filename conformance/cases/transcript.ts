/**
 * The vocabulary of transcripts: what happens, and which panes must follow before the next thing happens.
 *
 * ```ts
 * events: [
 *   input(1, 2), //                                   one bundle; a value is its timestamp
 *   expectPanes(pane([0, 10], [1, 2], 'early', 0)),
 *   watermark(10),
 *   expectPanes(pane([0, 10], [], 'onTime', 1, { ns: 0, at: 9 })),
 *   watermark(60),
 *   input(8), //                                      too late
 *   dropped(1),
 * ]
 * ```
 *
 * Law: every pane is listed, in the place where it comes. The script ends with the watermark at the end of time: what
 * comes then stands after `end()`, or last.
 */
import type { Duration, PaneTiming } from 'millrace'

/** An element of a bundle. */
export interface ScriptedElement {
  readonly value: number
  readonly timestamp: number
  /** Its key, in transcripts that tell keys apart. */
  readonly key?: string
}

/** A pane as it must come. What is left out is not compared. */
export interface ExpectedPane {
  readonly window: readonly [start: number, end: number] | 'global'
  /** In any order. */
  readonly values: readonly number[]
  readonly timing: PaneTiming
  /** From 0; the first pane is the one with index 0. */
  readonly index: number
  /** `nonSpeculativeIndex`: −1 for early panes, which is filled in. */
  readonly ns?: number
  readonly last?: boolean
  /** Timestamp. */
  readonly at?: number
  readonly key?: string
}

/** What happens, and what must have happened. */
export type TranscriptEvent =
  | { readonly kind: 'input'; readonly elements: readonly ScriptedElement[] }
  | { readonly kind: 'watermark'; readonly to: number }
  | { readonly kind: 'processingTime'; readonly by: Duration }
  | { readonly kind: 'end' }
  | { readonly kind: 'panes'; readonly panes: readonly ExpectedPane[] }
  | { readonly kind: 'dropped'; readonly count: number }
  | { readonly kind: 'droppedAsClosed'; readonly count: number }

/** One bundle. A number is an element whose value is its timestamp. */
export function input(...elements: readonly (number | ScriptedElement)[]): TranscriptEvent {
  return {
    kind: 'input',
    elements: elements.map((each) => (typeof each === 'number' ? { value: each, timestamp: each } : each)),
  }
}

/** An element whose value is not its timestamp. */
export function valueAt(value: number, timestamp: number): ScriptedElement {
  return { value, timestamp }
}

/** An element of a key. A transcript with keys has them on all elements and panes, and is not repeated for more keys. */
export function keyed(key: string, timestamp: number, value: number = timestamp): ScriptedElement {
  return { key, value, timestamp }
}

/** The watermark moves. */
export function watermark(to: number): TranscriptEvent {
  return { kind: 'watermark', to }
}

/** Processing time passes. */
export function processingTime(by: Duration): TranscriptEvent {
  return { kind: 'processingTime', by }
}

/** The watermark moves to the end of time. Nothing happens after it; panes that follow are what the end brings. */
export function end(): TranscriptEvent {
  return { kind: 'end' }
}

/** All panes that come before the next event. */
export function expectPanes(...panes: readonly ExpectedPane[]): TranscriptEvent {
  return { kind: 'panes', panes }
}

/** Further facts of a pane: those that are given are compared. */
export type PaneFacts = Pick<ExpectedPane, 'ns' | 'last' | 'at' | 'key'>

/** A pane. */
export function pane(
  window: ExpectedPane['window'],
  values: readonly number[],
  timing: PaneTiming,
  index: number,
  facts: PaneFacts = {},
): ExpectedPane {
  return { window, values, timing, index, ...(timing === 'early' ? { ns: -1 } : {}), ...facts }
}

/** So many elements (once per window) have been dropped as too late since the last such line. */
export function dropped(count: number): TranscriptEvent {
  return { kind: 'dropped', count }
}

/** So many elements have been dropped since the last such line because the trigger of their window had finished. */
export function droppedAsClosed(count: number): TranscriptEvent {
  return { kind: 'droppedAsClosed', count }
}

/** Why a transcript is not run in strict mode, where a trigger finishes: what is dropped depends on which elements share a bundle. */
export const BY_BUNDLES = { strict: 'what comes after the last pane is a matter of bundles' } as const
