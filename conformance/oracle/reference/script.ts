/**
 * Scripts: what a grouping is told, in the format of the recorded scenarios, and what it answers.
 *
 * Law: times are milliseconds; a window is `[start, end)` and its last instant is end − 1. The global window has neither
 * start nor end but a last instant, which is after every element's.
 */

/** A trigger tree, as scenarios write it. */
export type Trigger =
  | { readonly trigger: 'Default' | 'Never' | 'AfterSynchronizedProcessingTime' }
  | { readonly trigger: 'AfterPane'; readonly elementCountAtLeast: number }
  | { readonly trigger: 'AfterProcessingTime'; readonly delay: number }
  | { readonly trigger: 'AfterWatermark'; readonly early?: Trigger; readonly late?: Trigger }
  | { readonly trigger: 'Repeatedly'; readonly of: Trigger }
  | { readonly trigger: 'AfterFirst' | 'AfterAll' | 'AfterEach'; readonly of: readonly Trigger[] }
  | { readonly trigger: 'OrFinally'; readonly main: Trigger; readonly until: Trigger }

/** How elements get windows, as scenarios write it. */
export type WindowFn =
  | { readonly windowFn: 'GlobalWindows' }
  | { readonly windowFn: 'FixedWindows'; readonly size: number; readonly offset: number }
  | { readonly windowFn: 'SlidingWindows'; readonly size: number; readonly period: number; readonly offset: number }
  | { readonly windowFn: 'Sessions'; readonly gap: number }

/** What decides when a grouping answers, and with what. */
export interface Strategy {
  readonly windowFn: WindowFn
  readonly trigger: Trigger
  readonly allowedLateness: number
  readonly accumulationMode: 'ACCUMULATING_FIRED_PANES' | 'DISCARDING_FIRED_PANES'
  readonly timestampCombiner: 'END_OF_WINDOW' | 'EARLIEST' | 'LATEST'
  readonly closingBehavior: 'FIRE_ALWAYS' | 'FIRE_IF_NON_EMPTY'
  readonly onTimeBehavior: 'FIRE_ALWAYS' | 'FIRE_IF_NON_EMPTY'
  /** Whether the windows come from an earlier grouping: then they do not merge again. */
  readonly isMerged?: boolean
}

/** An element as a script writes it. */
export interface ScriptElement {
  readonly key: string
  readonly value: number
  readonly timestamp: number
}

/** What happens: elements in one bundle, or a watermark, or time that passes. */
export type ScriptEvent =
  | { readonly type: 'elements'; readonly elements: readonly ScriptElement[] }
  | { readonly type: 'watermark'; readonly timestamp: number | 'infinity' }
  | { readonly type: 'processingTime'; readonly advance: number }

/** A window of time. */
export interface Window {
  readonly start: number
  readonly end: number
}

/** The last instant of the global window. Watermarks may pass it, elements cannot. */
export const LAST_INSTANT = Number.MAX_SAFE_INTEGER - 1

/** The one window of GlobalWindows. */
export const GLOBAL: Window = { start: -Infinity, end: LAST_INSTANT + 1 }

/** The last instant of a window. */
export const lastOf = (window: Window): number => window.end - 1

/** Whether two windows are the same. */
export const isSame = (a: Window, b: Window): boolean => a.start === b.start && a.end === b.end

/** The last instant at which a window still takes elements. */
export const expiryOf = (window: Window, lateness: number): number => Math.min(lastOf(window) + lateness, LAST_INSTANT)

/** A remainder: of a division that rounds down, as ours, or towards zero, as Java's. */
export type Remainder = (a: number, n: number) => number

/** The remainder that is never negative. */
export const floorRemainder: Remainder = (a, n) => ((a % n) + n) % n

/** The windows of a timestamp. A period that is longer than the size leaves some timestamps without one. */
export function windowsOf(fn: WindowFn, timestamp: number, remainder: Remainder = floorRemainder): readonly Window[] {
  switch (fn.windowFn) {
    case 'GlobalWindows':
      return [GLOBAL]
    case 'Sessions':
      return [{ start: timestamp, end: timestamp + fn.gap }]
    case 'FixedWindows': {
      const start = timestamp - remainder(timestamp + fn.size - fn.offset, fn.size)
      return [{ start, end: start + fn.size }]
    }
    case 'SlidingWindows': {
      const windows: Window[] = []
      const last = timestamp - remainder(timestamp + fn.period - fn.offset, fn.period)
      for (let start = last; start > timestamp - fn.size; start -= fn.period)
        windows.push({ start, end: start + fn.size })
      return windows
    }
  }
}

/** Windows that overlap are one session: the groups that windows fall into, each with its members and its span. */
export function sessionsOf(windows: readonly Window[]): readonly { span: Window; of: readonly Window[] }[] {
  const sessions: { span: Window; of: Window[] }[] = []
  for (const window of [...windows].sort((a, b) => a.start - b.start || a.end - b.end)) {
    const last = sessions.at(-1)
    if (last !== undefined && window.start < last.span.end) {
      last.span = { start: last.span.start, end: Math.max(last.span.end, window.end) }
      if (!last.of.some((other) => isSame(other, window))) last.of.push(window)
    } else sessions.push({ span: window, of: [window] })
  }
  return sessions
}
