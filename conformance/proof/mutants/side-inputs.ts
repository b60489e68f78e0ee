/**
 * Mutants of side inputs: which window is read, when, and what it shows; and of waiting for signals.
 */
import type { Mutant } from './mutant.js'

/** The list. */
export const sideInputs: readonly Mutant[] = [
  {
    name: 'views-are-ready-at-once',
    breaks: 'a window of a view is read when it is complete',
    file: 'runners/core/side-inputs.ts',
    from: 'window.maxTimestamp < this.watermark ||',
    to: 'window.maxTimestamp < this.watermark || this.watermark < Infinity ||',
    caughtBy: ['SID-28', 'SID-29', 'WAI-02'],
  },
  {
    name: 'views-are-ready-only-at-the-end',
    breaks: 'a view whose trigger fires early is read when it has answered',
    file: 'runners/core/side-inputs.ts',
    from: '(this.#firesEarly &&',
    to: '(!this.#firesEarly &&',
    caughtBy: ['SID-30', 'SID-27/list-discarding'],
  },
  {
    name: 'lists-of-the-last-pane',
    breaks: 'a list has the values of all panes that were discarded',
    file: 'runners/core/side-inputs.ts',
    from: '    for (const value of values) list.push(value)',
    to: '    list.clear()\n    for (const value of values) list.push(value)',
    caughtBy: ['SID-27/list-discarding'],
  },
  {
    name: 'singletons-of-all-panes',
    breaks: 'a single value is that of the newest pane',
    file: 'runners/core/side-inputs.ts',
    from: "if (kind === 'singleton') list.clear()",
    to: "if (kind === 'singleton') return",
    caughtBy: ['SID-27/singleton-accumulating'],
  },
  {
    name: 'maps-keep-old-values',
    breaks: 'a key of a map has its newest value',
    file: 'runners/core/side-inputs.ts',
    from: 'if (at >= 0) list.removeAt(at)',
    to: 'if (at >= list.items.length) list.removeAt(at)',
    caughtBy: ['SID-27/map'],
  },
  {
    name: 'waiting-blocks-others',
    breaks: 'elements of windows that are ready pass those that wait',
    file: 'runners/core/execution/side-gate.ts',
    from: 'if (this.#isReady(window)) ready.add(',
    to: 'if (this.#waiting.length === 0 && this.#isReady(window)) ready.add(',
    caughtBy: ['SID-28'],
  },
  {
    name: 'waiting-without-hold',
    breaks: 'elements that wait hold the watermark',
    file: 'runners/core/execution/side-gate.ts',
    from: 'return this.#waiting.hold()',
    to: 'return Number.MAX_SAFE_INTEGER',
    caughtBy: ['SID-29/hold', 'WMK-07/side-input'],
  },
  {
    name: 'the-start-of-the-main-window-chooses',
    breaks: 'the last timestamp of the main window chooses the window that is read',
    file: 'sdk/windowing/window-fn.ts',
    from: 'return this.assign(mainWindow.maxTimestamp)',
    to: 'return this.assign(mainWindow.start)',
    caughtBy: ['SID-22'],
  },
  {
    name: 'defaults-that-are-falsy-are-none',
    breaks: 'a default may be any value',
    file: 'runners/core/side-inputs.ts',
    from: 'values.length === 0 && viewFn.hasDefault',
    to: 'values.length === 0 && viewFn.defaultValue',
    caughtBy: ['SID-04/undefined', 'SID-04/null', 'SID-04/0', 'SID-04/empty-text', 'SID-04/false'],
  },
  {
    name: 'signals-are-not-waited-for',
    breaks: 'elements go on when their signals are complete',
    file: 'sdk/transforms/wait-on.ts',
    from: "        name: reservedName('pass'),\n        sides,",
    to: "        name: reservedName('pass'),",
    caughtBy: ['WAI-01', 'WAI-02', 'WAI-04'],
  },
]
