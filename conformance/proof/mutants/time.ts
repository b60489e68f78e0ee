/**
 * Mutants of event time: windows, watermarks, late data, and what construction refuses because of them.
 */
import type { Mutant } from './mutant.js'

const windows: readonly Mutant[] = [
  {
    name: 'remainder-of-the-dividend',
    breaks: 'a window contains what is assigned to it, before 1970 too',
    file: 'sdk/windowing/window-fn.ts',
    from: 'return remainder < 0 ? remainder + n : remainder + 0',
    to: 'return remainder + 0',
    caughtBy: ['WIN-02', 'WIN-07'],
  },
  {
    name: 'offset-forgotten',
    breaks: 'an offset moves the borders of windows',
    file: 'sdk/windowing/window-fn.ts',
    from: 'const shifted = timestamp - offsetMillis',
    to: 'const shifted = timestamp',
    caughtBy: ['WIN-03', 'WIN-10'],
  },
  {
    name: 'touching-sessions-merge',
    breaks: 'sessions that only touch stay apart',
    file: 'sdk/windowing/window-fn.ts',
    from: 'if (window.start < end) {',
    to: 'if (window.start <= end) {',
    caughtBy: ['WIN-12'],
  },
  {
    name: 'days-of-utc',
    breaks: 'a day of a zone has the hours that its clocks count',
    file: 'sdk/windowing/calendar-windows.ts',
    from: 'this.#zone.startOfDay(this.#periods.firstDay(number))',
    to: 'this.#periods.firstDay(number) * DAY_MILLIS',
    caughtBy: ['WIN-16'],
  },
  {
    name: 'windows-without-their-data',
    breaks: 'windows are told apart by what they carry',
    file: 'sdk/windowing/custom-windows.ts',
    from: 'shape.data, canonicalKey(shape.data, coder))',
    to: "shape.data, '')",
    caughtBy: ['WIN-20', 'WIN-32'],
  },
  {
    name: 'windows-never-merge',
    breaks: 'windows of a merging WindowFn merge',
    file: 'sdk/windowing/windowing-strategy.ts',
    from: ": { windowFn, mergeStatus: windowFn.merges ? 'needsMerge' : 'nonMerging' }),",
    to: ": { windowFn, mergeStatus: 'nonMerging' }),",
    caughtBy: ['WIN-13', 'WIN-19'],
  },
]

const ofWatermarks: readonly Mutant[] = [
  {
    name: 'windows-close-at-their-last-timestamp',
    breaks: 'a window is complete when the watermark is past its last timestamp, not at it',
    file: 'sdk/windowing/window.ts',
    from: 'return this.end - 1',
    to: 'return this.end - 2',
    caughtBy: ['WMK-06'],
  },
  {
    name: 'groupings-hold-nothing',
    breaks: 'what a grouping keeps holds the watermark',
    file: 'runners/core/cell-holds.ts',
    from: 'if (after !== before) this.#hold(details, after)',
    to: 'if (after === before) this.#hold(details, after)',
    caughtBy: ['WMK-10'],
  },
  {
    name: 'panes-release-nothing',
    breaks: 'a pane releases what its elements held',
    file: 'runners/core/cell-holds.ts',
    from: '    this.release(details)\n    if (!isLast)',
    to: '    if (isLast) this.release(details)\n    if (!isLast)',
    caughtBy: ['WMK-11'],
  },
  {
    name: 'late-elements-hold-the-watermark-back',
    breaks: 'an element behind the output watermark cannot hold it',
    file: 'runners/core/cell-holds.ts',
    from: 'return timestamp >= output && maxTimestamp >= input',
    to: 'return maxTimestamp >= input || timestamp >= output',
    caughtBy: ['WMK-12'],
  },
  {
    name: 'timers-let-the-watermark-pass',
    breaks: 'a timer holds the watermark at its output timestamp',
    file: 'runners/core/keyed-state.ts',
    from: 'return this.#holds.min',
    to: 'return TIMESTAMP_MAX',
    caughtBy: ['WMK-07'],
  },
  {
    name: 'readers-are-believed',
    breaks: 'a source that reports less than before is ignored',
    file: 'sdk/transforms/read-from.ts',
    from: 'if (reported !== undefined && toTimestamp(reported) > watermark.current) watermark.set(reported)',
    to: 'if (reported !== undefined) watermark.set(reported)',
    caughtBy: ['WMK-02'],
  },
  {
    name: 'idle-sources-stay',
    breaks: 'an idle source follows the clock',
    file: 'runners/core/execution/source-work.ts',
    from: "return policy.kind === 'observed' && this.#raise(addMillis(Math.trunc(now)",
    to: "return policy.kind === 'none' && this.#raise(addMillis(Math.trunc(now)",
    caughtBy: ['WMK-14'],
  },
]

const lateness: readonly Mutant[] = [
  {
    name: 'dropped-a-millisecond-early',
    breaks: 'a window takes elements while the watermark is at the end of its lateness',
    file: 'runners/core/reduce-fn-runner.ts',
    from: 'if (expiry < this.#watermarks.input) return undefined',
    to: 'if (expiry <= this.#watermarks.input) return undefined',
    caughtBy: ['LAT-09'],
  },
  {
    name: 'sessions-take-anything',
    breaks: 'an element is late by its own window, before merging',
    file: 'runners/core/reduce-fn-runner.ts',
    from: "if (this.#expiryOf(window) < this.#watermarks.input) this.drop('late'",
    to: "if (this.#expiryOf(window) < timestamp) this.drop('late'",
    caughtBy: ['LAT-10'],
  },
  {
    name: 'state-for-late-elements',
    breaks: 'a stateful step drops what comes after its window has expired',
    file: 'runners/core/do-fn-runtime.ts',
    from: 'if (!hasWaited && expiryOf(window',
    to: 'if (hasWaited && expiryOf(window',
    caughtBy: ['LAT-07', 'LAT-06/state'],
  },
  {
    name: 'lateness-of-the-last-windowing',
    breaks: 'a second windowing keeps the larger lateness',
    file: 'sdk/windowing/windowing-strategy.ts',
    from: 'Math.max(lateness, input.allowedLatenessMillis)',
    to: 'lateness',
    caughtBy: ['LAT-11'],
  },
  {
    name: 'late-data-only-counted',
    breaks: 'what is dropped goes to the handler of late data',
    file: 'runners/core/reduce-fn-runner.ts',
    from: '    this.#services.late?.(reason, key, value, timestamp, window)\n',
    to: '',
    caughtBy: ['LAT-12'],
  },
  {
    name: 'lateness-beyond-time',
    breaks: 'windows expire before the global window ends',
    file: 'sdk/windowing/expiry.ts',
    from: 'return Math.min(addMillis(window.maxTimestamp, allowedLatenessMillis), END_OF_GLOBAL_WINDOW)',
    to: 'return window.maxTimestamp + allowedLatenessMillis > END_OF_GLOBAL_WINDOW ? window.maxTimestamp : window.maxTimestamp + allowedLatenessMillis',
    caughtBy: ['WMK-13'],
  },
]

const safety: readonly Mutant[] = [
  {
    name: 'groupings-that-never-answer',
    breaks: 'a grouping of an unbounded collection in the global window is refused',
    file: 'sdk/transforms/groupable.ts',
    from: '!builder.collection(input.id).isBounded',
    to: 'builder.collection(input.id).isBounded',
    caughtBy: ['SAF-01', 'SAF-03', 'SAF-04'],
  },
  {
    name: 'views-that-are-never-complete',
    breaks: 'a view of an unbounded collection in the global window is refused',
    file: 'sdk/transforms/viewable.ts',
    from: '!builder.collection(id).isBounded',
    to: 'builder.collection(id).isBounded',
    caughtBy: ['SAF-04/views'],
  },
  {
    name: 'finishing-triggers-are-safe',
    breaks: 'a trigger that may finish is refused',
    file: 'sdk/windowing/trigger-rules.ts',
    from: "if (!mayFinish(trigger) || trigger.kind === 'never') return true",
    to: 'return true',
    caughtBy: ['SAF-05'],
  },
  {
    name: 'late-elements-lost-unsaid',
    breaks: 'a trigger without late firings is refused where elements may be late',
    file: 'sdk/windowing/trigger-rules.ts',
    from: "return trigger.kind === 'afterEndOfWindow' && allowedLatenessMillis === 0",
    to: "return trigger.kind === 'afterEndOfWindow'",
    caughtBy: ['SAF-07'],
  },
  {
    name: 'insisting-is-not-warned-of',
    breaks: 'an author who insists on an unsafe trigger is warned',
    file: 'sdk/transforms/groupable.ts',
    from: '  builder.warn(`step "${path}": ${loss}, which allowUnsafeTrigger lets happen.`)\n',
    to: '',
    caughtBy: ['SAF-09'],
  },
  {
    name: 'state-on-sessions',
    breaks: 'state on windows that merge is refused',
    file: 'sdk/transforms/par-do.ts',
    from: "mergeStatus === 'needsMerge'",
    to: "mergeStatus === 'alreadyMerged'",
    caughtBy: ['SAF-13'],
  },
]

/** The list. */
export const time: readonly Mutant[] = [...windows, ...ofWatermarks, ...lateness, ...safety]
