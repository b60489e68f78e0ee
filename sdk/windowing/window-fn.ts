/**
 * A WindowFn says *where* in event time an element belongs. It is data plus pure functions, so the same object serves
 * the author, the graph and every runner.
 *
 * Law: `assign` depends on its arguments only. A merging WindowFn first assigns every element a window of its own and
 * then unites windows that belong together; merging is associative and commutative.
 */
import { coded } from '../error-codes.js'
import type { Codec } from '../codec.js'
import type { Reference } from '../graph/model.js'
import { refuseUnknownOptions } from '../known-options.js'
import { refuse } from '../refuse.js'
import { preview } from '../preview.js'
import { type Duration, durationMillis, END_OF_GLOBAL_WINDOW, TIMESTAMP_MIN } from '../time.js'
import { formatMillis } from '../timestamp.js'
import { type BoundedWindow, globalWindow, IntervalWindow, type Windows } from './window.js'

/** Windows that become one: `parts` are all existing windows that `merged` replaces. */
export interface WindowMerge {
  readonly merged: BoundedWindow
  readonly parts: readonly BoundedWindow[]
}

/** Data of the WindowFns Beam knows, in the units of millrace (milliseconds). */
export type WindowFnPayload =
  | { readonly kind: 'global' }
  | { readonly kind: 'fixed'; readonly sizeMillis: number; readonly offsetMillis: number }
  | {
      readonly kind: 'sliding'
      readonly sizeMillis: number
      readonly periodMillis: number
      readonly offsetMillis: number
    }
  | { readonly kind: 'sessions'; readonly gapMillis: number }
  | {
      readonly kind: 'calendar'
      readonly unit: CalendarUnit
      readonly count: number
      /** IANA name of the time zone. */
      readonly zone: string
      /** A day on which a window begins, `YYYY-MM-DD`. */
      readonly startingAt: string
    }
  | {
      readonly kind: 'custom'
      readonly name: string
      readonly merges: boolean
      readonly assignsToOneWindow: boolean
      /** Name of the codec of what windows carry; absent where they carry nothing. */
      readonly data?: string
      /** Where the functions are found again; absent until a step has been given the WindowFn. */
      readonly reference?: Reference
    }

/** What calendar windows are made of. */
export type CalendarUnit = 'day' | 'week' | 'month' | 'year'

/** Assigns elements to windows; `T` is what it asks elements to be. */
export interface WindowFn<in T = unknown> {
  /** Beam's URN, for example `beam:window_fn:fixed_windows:v1`. */
  readonly urn: string
  readonly payload: WindowFnPayload
  /** For messages and pictures: `fixed windows of 1 h`. */
  readonly description: string
  /** Whether every element gets exactly one window. */
  readonly assignsToOneWindow: boolean
  /** Whether windows may be united after assignment. */
  readonly merges: boolean
  /** The window or windows of an element. */
  assign(timestamp: number): Windows
  /** The unions to make among a key's windows; only called when `merges`. */
  merge(windows: readonly BoundedWindow[]): readonly WindowMerge[]
  /** The window of this WindowFn that a side input is read from for an element in `mainWindow`. */
  sideInputWindow(mainWindow: BoundedWindow): BoundedWindow
  /** Called instead of `assign` where the element itself decides, or the window it is in. */
  readonly assignElement?: (element: T, timestamp: number, window: BoundedWindow) => Windows
  /** Whether `sideInputWindow` knows an answer although windows merge. */
  readonly mapsMainWindows?: boolean
  /**
   * The timestamp that an element stands for where the timestamp combiner chooses among those of elements; its own if
   * absent. It grows with the timestamp and is never before it.
   */
  readonly outputTime?: ((timestamp: number, window: BoundedWindow) => number) | undefined
  /** Describes what windows carry beside their ends. */
  readonly data?: Codec | undefined
  /** The same WindowFn, whose functions are found again by a reference. @internal */
  readonly referredTo?: (reference: Reference) => WindowFn<T>
}

/** The merging of WindowFns that do not. */
export const noMerge = (): readonly WindowMerge[] => []

/** `a mod n`, never negative. */
function positiveModulo(a: number, n: number): number {
  const remainder = a % n
  return remainder < 0 ? remainder + n : remainder + 0
}

/** Windows end with the global window, so that their timers can still fire before the end of time; what lies after it is in the last one. */
export function beforeTheEnd(timestamp: number): number {
  return timestamp > END_OF_GLOBAL_WINDOW ? END_OF_GLOBAL_WINDOW : timestamp
}

/** How far a timestamp is into its period. */
function intoPeriod(timestamp: number, periodMillis: number, offsetMillis: number): number {
  const shifted = timestamp - offsetMillis
  // Beyond the range of exact numbers the remainder of the difference is not the difference of the remainders.
  if (shifted >= TIMESTAMP_MIN) return positiveModulo(shifted, periodMillis)
  return positiveModulo(positiveModulo(timestamp, periodMillis) - offsetMillis, periodMillis)
}

/** The window that began `millis` before a timestamp and ends `rest` after it, as far as there is time. */
function windowAround(timestamp: number, millis: number, rest: number): IntervalWindow {
  const start = timestamp - millis
  const end = timestamp > END_OF_GLOBAL_WINDOW + 1 - rest ? END_OF_GLOBAL_WINDOW + 1 : timestamp + rest
  return new IntervalWindow(start < TIMESTAMP_MIN ? TIMESTAMP_MIN : start, end)
}

class GlobalWindows implements WindowFn {
  readonly urn = 'beam:window_fn:global_windows:v1'
  readonly payload = { kind: 'global' } as const
  readonly description = 'the global window'
  readonly assignsToOneWindow = true
  readonly merges = false
  readonly merge = noMerge

  assign(): BoundedWindow {
    return globalWindow
  }

  sideInputWindow(): BoundedWindow {
    return globalWindow
  }
}

class FixedWindows implements WindowFn {
  readonly urn = 'beam:window_fn:fixed_windows:v1'
  readonly payload: WindowFnPayload & { kind: 'fixed' }
  readonly description: string
  readonly assignsToOneWindow = true
  readonly merges = false
  readonly merge = noMerge
  /** Elements arrive nearly in order, so the previous window is usually the next one too. */
  private last: IntervalWindow = new IntervalWindow(0, 0)
  private readonly sizeMillis: number
  private readonly offsetMillis: number

  constructor(sizeMillis: number, offsetMillis: number) {
    this.sizeMillis = sizeMillis
    this.offsetMillis = offsetMillis
    this.payload = { kind: 'fixed', sizeMillis, offsetMillis }
    this.description = `fixed windows of ${formatMillis(sizeMillis)}${offsetMillis === 0 ? '' : `, offset ${formatMillis(offsetMillis)}`}`
  }

  assign(timestamp: number): BoundedWindow {
    const last = this.last
    if (timestamp >= last.start && timestamp < last.end) return last
    const at = beforeTheEnd(timestamp)
    const into = intoPeriod(at, this.sizeMillis, this.offsetMillis)
    return (this.last = windowAround(at, into, this.sizeMillis - into))
  }

  sideInputWindow(mainWindow: BoundedWindow): BoundedWindow {
    return this.assign(mainWindow.maxTimestamp)
  }
}

class SlidingWindows implements WindowFn {
  readonly urn = 'beam:window_fn:sliding_windows:v1'
  readonly payload: WindowFnPayload & { kind: 'sliding' }
  readonly description: string
  readonly assignsToOneWindow = false
  readonly merges = false
  readonly merge = noMerge
  private readonly sizeMillis: number
  private readonly periodMillis: number
  private readonly offsetMillis: number
  /** All timestamps of one period share their windows: the list is made once per period. */
  private lastSegment = Number.NaN
  private lastWindows: readonly BoundedWindow[] = []

  constructor(sizeMillis: number, periodMillis: number, offsetMillis: number) {
    this.sizeMillis = sizeMillis
    this.periodMillis = periodMillis
    this.offsetMillis = offsetMillis
    this.payload = { kind: 'sliding', sizeMillis, periodMillis, offsetMillis }
    this.description = `sliding windows of ${formatMillis(sizeMillis)} every ${formatMillis(periodMillis)}`
  }

  assign(timestamp: number): readonly BoundedWindow[] {
    const at = beforeTheEnd(timestamp)
    const into = intoPeriod(at, this.periodMillis, this.offsetMillis)
    const segment = at - into
    // At the beginning of time several periods would begin at what is nearly the same number.
    const isShared = segment >= TIMESTAMP_MIN && this.sizeMillis % this.periodMillis === 0
    if (isShared && segment === this.lastSegment) return this.lastWindows
    const windows: BoundedWindow[] = []
    // By distance from the timestamp: starts may lie before the beginning of time, where numbers are not exact.
    for (let before = into; before < this.sizeMillis; before += this.periodMillis) {
      windows.push(windowAround(at, before, this.sizeMillis - before))
    }
    windows.reverse()
    this.lastSegment = isShared ? segment : Number.NaN
    this.lastWindows = windows
    return windows
  }

  sideInputWindow(mainWindow: BoundedWindow): BoundedWindow {
    const first = this.assign(mainWindow.maxTimestamp)[0]
    if (first !== undefined) return first
    throw coded(
      'MR-2012',
      new RangeError(
        `no ${this.description} contains the end of ${mainWindow.toString()}, so a side input cannot be read there`,
      ),
    )
  }
}

class SessionWindows implements WindowFn {
  readonly urn = 'beam:window_fn:session_windows:v1'
  readonly payload: WindowFnPayload & { kind: 'sessions' }
  readonly description: string
  readonly assignsToOneWindow = true
  readonly merges = true
  private readonly gapMillis: number

  constructor(gapMillis: number) {
    this.gapMillis = gapMillis
    this.payload = { kind: 'sessions', gapMillis }
    this.description = `sessions with a gap of ${formatMillis(gapMillis)}`
  }

  assign(timestamp: number): BoundedWindow {
    return windowAround(beforeTheEnd(timestamp), 0, this.gapMillis)
  }

  merge(windows: readonly BoundedWindow[]): readonly WindowMerge[] {
    return mergeOverlapping(windows)
  }

  sideInputWindow(): BoundedWindow {
    throw coded(
      'MR-2013',
      new RangeError('session windows cannot be read as a side input: no session belongs to a main window'),
    )
  }
}

/**
 * Unites windows that overlap, as sessions do; windows that only touch stay apart. The `merge` of sessions whose gap differs
 * from element to element; see `customWindows`.
 */
export function mergeOverlapping(windows: readonly BoundedWindow[]): readonly WindowMerge[] {
  const sorted = [...windows].sort((a, b) => a.start - b.start || a.end - b.end)
  const merges: WindowMerge[] = []
  let parts: BoundedWindow[] = []
  let end = Number.NEGATIVE_INFINITY
  const close = (): void => {
    if (parts.length > 1) merges.push({ merged: new IntervalWindow((parts[0] as BoundedWindow).start, end), parts })
  }
  for (const window of sorted) {
    if (window.start < end) {
      parts.push(window)
      end = Math.max(end, window.end)
    } else {
      close()
      parts = [window]
      end = window.end
    }
  }
  close()
  return merges
}

function positiveSize(duration: Duration, what: string): number {
  const millis = durationMillis(duration, what)
  if (millis >= 1) return millis
  refuse('MR-2003', `${what} must be at least 1 millisecond, but is ${preview(duration)}.`)
}

const theGlobalWindows: WindowFn = new GlobalWindows()

/**
 * All elements in one window that ends with time itself.
 *
 * @example
 * ```ts
 * import { globalWindows } from 'millrace'
 * globalWindows().assign(0).toString() // => 'the global window'
 * ```
 */
export function globalWindows(): WindowFn {
  return theGlobalWindows
}

/**
 * Back-to-back windows of equal length; `offset` shifts their borders away from 1970-01-01T00:00Z.
 * `start = t − ((t − offset) mod size)`.
 *
 * @throws {PipelineError} when the size is under a millisecond.
 * @example
 * ```ts
 * import { fixedWindows } from 'millrace'
 * fixedWindows('1 hour')
 * fixedWindows('1 day', { offset: '6 hours' })
 * ```
 */
export function fixedWindows(size: Duration, options: { readonly offset?: Duration } = {}): WindowFn {
  refuseUnknownOptions('fixedWindows', options, { offset: true })
  const sizeMillis = positiveSize(size, 'size of fixed windows')
  return new FixedWindows(sizeMillis, durationMillis(options.offset ?? 0, 'offset of fixed windows') % sizeMillis)
}

/**
 * Windows of one length that start every `every`: an element is in `size / every` of them. With `every` longer than
 * `size` there are gaps, and elements in a gap are dropped by the next grouping and counted.
 *
 * @throws {PipelineError} when a duration is under a millisecond.
 * @example
 * ```ts
 * import { slidingWindows } from 'millrace'
 * slidingWindows('7 days', { every: '1 day' })
 * ```
 */
export function slidingWindows(
  size: Duration,
  options: { readonly every: Duration; readonly offset?: Duration },
): WindowFn {
  refuseUnknownOptions('slidingWindows', options, { every: true, offset: true })
  const periodMillis = positiveSize(options.every, 'period of sliding windows')
  return new SlidingWindows(
    positiveSize(size, 'size of sliding windows'),
    periodMillis,
    durationMillis(options.offset ?? 0, 'offset of sliding windows') % periodMillis,
  )
}

/**
 * Per key, a window for each burst of activity: elements less than `gap` apart belong together. Elements exactly
 * `gap` apart do not.
 *
 * @throws {PipelineError} when the gap is under a millisecond.
 * @example
 * ```ts
 * import { sessionWindows } from 'millrace'
 * sessionWindows('30 minutes')
 * ```
 */
export function sessionWindows(gap: Duration): WindowFn {
  return new SessionWindows(positiveSize(gap, 'gap of session windows'))
}
