/**
 * Custom windows: an author's own functions say which windows an element gets, and which windows of a key become one. What
 * they return is checked here, so that a mistake names the WindowFn instead of appearing somewhere else as a strange window.
 *
 * Law: as of every WindowFn: `assign` depends on its arguments only, merging is associative and commutative. Windows are equal
 * when their ends and the bytes of their data are.
 */
import { coded, type ErrorCode } from '../error-codes.js'
import { type Codec, codecName, isCodec, type TypeOf } from '../codec.js'
import { canonicalKey, type Coder } from '../coders/index.js'
import { coderOfCodec } from '../graph/coders.js'
import type { Reference } from '../graph/model.js'
import { preview } from '../preview.js'
import { refuse } from '../refuse.js'
import { suggestion } from '../suggestion.js'
import { END_OF_GLOBAL_WINDOW, formatTimestamp, TIMESTAMP_MIN } from '../time.js'
import { type BoundedWindow, DataWindow, GlobalWindow, IntervalWindow, sameWindow, type Windows } from './window.js'
import { noMerge, type WindowFn, type WindowFnPayload, type WindowMerge } from './window-fn.js'

/** A window as an author's function gives it: `[start, end)` in milliseconds, and its data where the WindowFn has any. */
export type WindowShape<D> = { readonly start: number; readonly end: number } & ([D] extends [undefined]
  ? { readonly data?: undefined }
  : { readonly data: D })

/** A window as an author's function is given it. */
export type WindowOf<D> = BoundedWindow & { readonly data: D }

/** What `assign` may look at. */
export interface AssignContext<T> {
  readonly element: T
  readonly timestamp: number
  /** The window that the element is in so far. */
  readonly window: BoundedWindow
}

/** Windows of a key that become one. */
export interface CustomMerge<D> {
  readonly merged: WindowShape<D>
  /** Windows that were given to `merge`; a window is part of one union at most. */
  readonly parts: readonly BoundedWindow[]
}

/** What {@link customWindows} takes. */
export interface CustomWindowsOptions<T, C extends Codec | undefined> {
  /** For messages, pictures and fingerprints: state of another run is found again only under the same name. */
  readonly name: string
  /** Describes what windows carry beside their ends. Default: they carry nothing. */
  readonly data?: C
  /** The window of an element, or several; none drops the element, which is counted as `droppedWithoutWindow`. */
  readonly assign: (context: AssignContext<T>) => WindowShape<DataOf<C>> | readonly WindowShape<DataOf<C>>[]
  /** Whether `assign` always gives exactly one window, which is faster. Default: false. */
  readonly assignsToOneWindow?: boolean
  /** The unions to make among the windows of a key. Default: windows do not merge. */
  readonly merge?: (windows: readonly WindowOf<DataOf<C>>[]) => readonly CustomMerge<DataOf<C>>[]
  /**
   * The window that a side input is read from for a main element in `mainWindow`. Default: the one `assign` gives to the last
   * timestamp of the main window, if it looks at no element; merging windows have no default and cannot be viewed without.
   */
  readonly sideInputWindow?: (mainWindow: BoundedWindow) => WindowShape<DataOf<C>>
  /**
   * The timestamp that an element stands for when the timestamp combiner is `'earliest'` or `'latest'`: never before its own,
   * never after the end of the window, and growing with it. Default: its own.
   */
  readonly outputTime?: (timestamp: number, window: WindowOf<DataOf<C>>) => number
}

/** What windows carry. */
export type DataOf<C> = C extends Codec ? TypeOf<C> : undefined

/** A WindowFn made of an author's functions. */
export interface CustomWindowFn<in T, out D> extends WindowFn<T> {
  /**
   * What a window carries.
   *
   * @throws {RangeError} when the window is none of this kind.
   */
  dataOf(window: BoundedWindow): D
}

const OPTIONS = Object.keys({
  name: true,
  data: true,
  assign: true,
  assignsToOneWindow: true,
  merge: true,
  sideInputWindow: true,
  outputTime: true,
} satisfies Record<keyof CustomWindowsOptions<unknown, undefined>, true>)

type Options = CustomWindowsOptions<unknown, Codec | undefined>
type AnyShape = { readonly start: number; readonly end: number; readonly data?: unknown }

class CustomWindows implements CustomWindowFn<unknown, unknown> {
  readonly urn = 'millrace:window_fn:custom:v1'
  readonly payload: WindowFnPayload & { kind: 'custom' }
  readonly description: string
  readonly assignsToOneWindow: boolean
  readonly merges: boolean
  readonly mapsMainWindows: boolean
  readonly outputTime: WindowFn['outputTime']
  readonly #options: Options
  readonly #dataCoder: Coder<unknown> | undefined
  /** Most elements get the window that the one before them got. */
  #last: BoundedWindow = new IntervalWindow(0, 1)

  constructor(options: Options, reference: Reference | undefined) {
    const { name, data, merge, outputTime, assignsToOneWindow = false } = options
    this.#options = options
    this.assignsToOneWindow = assignsToOneWindow
    this.merges = merge !== undefined
    this.mapsMainWindows = options.sideInputWindow !== undefined
    this.outputTime =
      outputTime === undefined
        ? undefined
        : (timestamp, window) => this.#checkedTime(outputTime(timestamp, window as never), timestamp, window)
    this.#dataCoder = data === undefined ? undefined : coderOfCodec(data)
    this.description = `custom windows "${name}"`
    this.payload = {
      kind: 'custom',
      name,
      merges: this.merges,
      assignsToOneWindow,
      ...(data === undefined ? {} : { data: codecName(data) }),
      ...(reference === undefined ? {} : { reference }),
    }
  }

  get data(): Codec | undefined {
    return this.#options.data
  }

  readonly referredTo = (reference: Reference): WindowFn => new CustomWindows(this.#options, reference)

  readonly assignElement = (element: unknown, timestamp: number, window: BoundedWindow): Windows =>
    this.#windowsOf(this.#options.assign({ element, timestamp, window }))

  assign(timestamp: number): Windows {
    const { description } = this
    return this.#windowsOf(
      this.#options.assign({
        timestamp,
        window: new IntervalWindow(timestamp, timestamp + 1),
        get element(): never {
          throw coded(
            'MR-2012',
            new RangeError(
              `${description} look at the element, and a side input's window is asked for without one. Give sideInputWindow to customWindows.`,
            ),
          )
        },
      }),
    )
  }

  merge(windows: readonly BoundedWindow[]): readonly WindowMerge[] {
    const { merge } = this.#options
    if (merge === undefined) return noMerge()
    const merges = merge(windows as readonly WindowOf<unknown>[]).map(({ merged, parts }): WindowMerge => ({
      merged: this.#windowOf(merged),
      parts: [...parts],
    }))
    this.#checkMerges(windows, merges)
    return merges
  }

  sideInputWindow(mainWindow: BoundedWindow): BoundedWindow {
    const { sideInputWindow } = this.#options
    if (sideInputWindow !== undefined) return this.#windowOf(sideInputWindow(mainWindow))
    const windows = this.assign(mainWindow.maxTimestamp)
    if (!Array.isArray(windows)) return windows as BoundedWindow
    const [first] = windows as readonly BoundedWindow[]
    if (first !== undefined) return first
    throw coded(
      'MR-2012',
      new RangeError(
        `${this.description} have no window at the end of ${mainWindow.toString()}, so a side input cannot be read there. Give sideInputWindow to customWindows.`,
      ),
    )
  }

  dataOf(window: BoundedWindow): unknown {
    if (window instanceof DataWindow) return window.data
    throw coded(
      'MR-2010',
      new RangeError(`${window.toString()} is no window of ${this.description} and carries no data`),
    )
  }

  #windowsOf(assigned: AnyShape | readonly AnyShape[]): Windows {
    if (!Array.isArray(assigned)) return this.#windowOf(assigned as AnyShape)
    const windows = (assigned as readonly AnyShape[]).map((shape) => this.#windowOf(shape))
    if (!this.assignsToOneWindow) return windows
    const [only] = windows
    if (only !== undefined && windows.length === 1) return only
    throw coded(
      'MR-2010',
      new RangeError(
        `${this.description} gave ${windows.length} windows, but say that they assign to one. Leave assignsToOneWindow out.`,
      ),
    )
  }

  #windowOf(shape: AnyShape): BoundedWindow {
    if (typeof shape !== 'object' || shape === null) throw this.#noWindow(shape)
    const { start, end } = shape
    const last = this.#last
    const coder = this.#dataCoder
    if (coder === undefined) {
      if (last.start === start && last.end === end) return last
      this.#checkEnds(shape)
      const isWindow =
        (shape instanceof IntervalWindow && !(shape instanceof DataWindow)) || shape instanceof GlobalWindow
      return (this.#last = isWindow ? shape : new IntervalWindow(start, end))
    }
    if (last instanceof DataWindow && last.start === start && last.end === end && last.data === shape.data) return last
    this.#checkEnds(shape)
    return (this.#last = new DataWindow(start, end, shape.data, canonicalKey(shape.data, coder)))
  }

  #checkEnds(shape: AnyShape): void {
    const { start, end } = shape
    const isWhole = Number.isSafeInteger(start) && Number.isSafeInteger(end)
    if (!isWhole || start >= end || start < TIMESTAMP_MIN || end > END_OF_GLOBAL_WINDOW + 1) throw this.#noWindow(shape)
  }

  #noWindow(shape: unknown): RangeError {
    return coded(
      'MR-2010',
      new RangeError(
        `${this.description} gave ${preview(shape)}, which is no window: that is { start, end } in whole milliseconds, start before end, within ${formatTimestamp(TIMESTAMP_MIN)} and ${formatTimestamp(END_OF_GLOBAL_WINDOW)}`,
      ),
    )
  }

  #checkMerges(windows: readonly BoundedWindow[], merges: readonly WindowMerge[]): void {
    const free = new Set(windows)
    for (const { parts } of merges) {
      for (const part of parts) {
        const given = [...free].find((window) => sameWindow(window, part))
        if (given === undefined)
          throw coded(
            'MR-2011',
            new RangeError(
              `${this.description} merge ${part.toString()}, which is not among the windows of the key or is part of another union`,
            ),
          )
        free.delete(given)
      }
    }
    for (const { merged } of merges) {
      const inTheWay = [...free].find((window) => sameWindow(window, merged))
      if (inTheWay !== undefined)
        throw coded(
          'MR-2011',
          new RangeError(
            `${this.description} merge windows to ${merged.toString()}, which is there already: it must be one of the parts`,
          ),
        )
    }
  }

  #checkedTime(time: number, timestamp: number, window: BoundedWindow): number {
    // An element may lie behind its window's end, where the window is not one of its time.
    if (Number.isSafeInteger(time) && time >= timestamp && time <= Math.max(window.maxTimestamp, timestamp)) return time
    throw coded(
      'MR-2010',
      new RangeError(
        `${this.description} give ${preview(time)} as output time of ${formatTimestamp(timestamp)} in ${window.toString()}; it must lie between the timestamp and the end of the window`,
      ),
    )
  }
}

/**
 * Windows by an author's own functions, merging ones too. Runners that have none refuse them by the features
 * `windows.custom` and `windows.customMerging`. What `assign` throws fails the run, naming the step.
 *
 * @throws {PipelineError} when an option is unknown or wrong.
 * @example
 * ```ts
 * import * as t from 'io-ts'
 * import { customWindows, mergeOverlapping } from 'millrace'
 * // Per-element gaps: sessions that some elements keep open for longer.
 * const sessions = customWindows({
 *   name: 'sessions by kind',
 *   assign: ({ element, timestamp }: { element: { gap: number }; timestamp: number }) => ({
 *     start: timestamp,
 *     end: timestamp + element.gap,
 *   }),
 *   assignsToOneWindow: true,
 *   merge: mergeOverlapping,
 * })
 * // Windows that carry data: one a day for each shift.
 * const shifts = customWindows({
 *   name: 'shifts',
 *   data: t.string,
 *   assign: ({ timestamp }) => {
 *     const start = Math.floor(timestamp / 43_200_000) * 43_200_000
 *     return { start, end: start + 43_200_000, data: start % 86_400_000 === 0 ? 'night' : 'day' }
 *   },
 * })
 * ```
 */
export function customWindows<T, C extends Codec | undefined = undefined>(
  options: CustomWindowsOptions<T, C>,
): CustomWindowFn<T, DataOf<C>> {
  const fail = (code: ErrorCode, message: string): never => refuse(code, `customWindows ${message}`)
  if (typeof options !== 'object' || options === null || typeof options.name !== 'string' || options.name === '')
    fail('MR-2009', 'needs a name, as text.')
  const unknown = Object.keys(options).find((name) => !OPTIONS.includes(name))
  const { name, data } = options
  if (unknown !== undefined) fail('MR-1001', `"${name}" has no option "${unknown}".${suggestion(unknown, OPTIONS)}`)
  if (typeof options.assign !== 'function')
    fail('MR-2009', `"${name}" needs assign, a function from element to window.`)
  for (const option of ['merge', 'sideInputWindow', 'outputTime'] as const) {
    const given: unknown = options[option]
    if (given !== undefined && typeof given !== 'function')
      fail('MR-2009', `"${name}" needs ${option} to be a function, but got ${preview(given)}.`)
  }
  if (data !== undefined && !isCodec(data))
    fail('MR-2009', `"${name}" needs data to be a codec, but got ${preview(data)}.`)
  return new CustomWindows(options as unknown as Options, undefined) as CustomWindowFn<T, DataOf<C>>
}
