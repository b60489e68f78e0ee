/**
 * A window is a finite piece of event time into which elements are grouped.
 *
 * Law: windows are half-open, `[start, end)`; the last timestamp inside is `maxTimestamp = end − 1`; a window is
 * complete once the watermark has passed `maxTimestamp`. Two windows are the same when `start`, `end` and what they carry
 * beside them are; that is compared by its bytes, as keys are.
 */
import { preview } from '../preview.js'
import { END_OF_GLOBAL_WINDOW, formatTimestamp, TIMESTAMP_MIN } from '../time.js'

/** What every window has. */
export interface BoundedWindow {
  /** First timestamp inside. */
  readonly start: number
  /** First timestamp after it. */
  readonly end: number
  /** Last timestamp inside, `end − 1`. */
  readonly maxTimestamp: number
  /** The bytes of what the window carries beside its ends, as text; absent where it carries nothing. */
  readonly identity?: string
  /** For people: both ends as ISO text. */
  toString(): string
}

/** The window `[start, end)`. */
export class IntervalWindow implements BoundedWindow {
  readonly start: number
  readonly end: number

  constructor(start: number, end: number) {
    this.start = start
    this.end = end
  }

  get maxTimestamp(): number {
    return this.end - 1
  }

  /** `[start, end)`, as ISO text where a `Date` can hold it. */
  toString(): string {
    return `[${formatTimestamp(this.start)}, ${formatTimestamp(this.end)})`
  }
}

/** A window `[start, end)` that carries data: windows of the same time with other data are other windows. */
export class DataWindow<out D = unknown> extends IntervalWindow {
  readonly data: D
  readonly identity: string

  /** @param identity the canonical bytes of `data`, as text. */
  constructor(start: number, end: number, data: D, identity: string) {
    super(start, end)
    this.data = data
    this.identity = identity
  }

  /** `[start, end) data`. */
  override toString(): string {
    return `${super.toString()} ${preview(this.data)}`
  }
}

/** The one window that holds all of time. There is a single instance, {@link globalWindow}. */
export class GlobalWindow implements BoundedWindow {
  readonly kind = 'global' as const
  readonly start: number = TIMESTAMP_MIN
  readonly end: number = END_OF_GLOBAL_WINDOW + 1

  get maxTimestamp(): number {
    return END_OF_GLOBAL_WINDOW
  }

  /** `the global window`. */
  toString(): string {
    return 'the global window'
  }
}

/** The global window. */
export const globalWindow: GlobalWindow = new GlobalWindow()

/** Whether two windows are the same piece of time. */
export function sameWindow(a: BoundedWindow, b: BoundedWindow): boolean {
  return a === b || (a.start === b.start && a.end === b.end && a.identity === b.identity)
}

/** The window or windows an element is in: one value for the common case, a list where a WindowFn assigns several. */
export type Windows = BoundedWindow | readonly BoundedWindow[]
