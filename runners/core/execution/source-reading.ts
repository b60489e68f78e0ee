/**
 * One call of a splittable DoFn's `process`: what it emits, what the runner takes away of its restriction meanwhile, and the
 * context it is called with.
 *
 * Law: what is emitted belongs to a claim that was granted; primary and residuals of a call are its whole restriction.
 */
import { coded } from '../../../sdk/error-codes.js'
import type { Env } from '../../../sdk/env.js'
import { UserCodeError } from '../../../sdk/errors.js'
import type { StepLog } from '../../../sdk/logger.js'
import { preview } from '../../../sdk/preview.js'
import type { RestrictionProgress, RestrictionTracker } from '../../../sdk/source/restriction-tracker.js'
import { type Instant, TIMESTAMP_MAX, TIMESTAMP_MIN, toTimestamp } from '../../../sdk/time.js'
import type { AfterCommit, MetricSpecs } from '../../../sdk/transforms/do-fn.js'
import type { BoundedWindow } from '../../../sdk/windowing/window.js'
import { listOf } from '../side-inputs.js'
import { sidesObject } from '../sides-object.js'
import type { Routed, StepInfo } from '../stage.js'
import type { Work } from './source-work.js'

type Tracker = RestrictionTracker<unknown, unknown>
type Emit = (value: unknown, at?: Instant) => void

/** Room for timestamps at first. Each source of each partition begins with it, and most bundles are small or need none. */
const STAMPS_MIN = 16

/** Elements read in one bundle. Timestamps are only written down when some differ from that of the work's element. */
export class SourceBatch {
  readonly values: unknown[] = []
  timestamps: Float64Array = new Float64Array(STAMPS_MIN)
  length = 0
  /** Whether `timestamps` is filled; else all elements have `timestamp`. */
  isStamped = false
  timestamp: number = TIMESTAMP_MIN

  /** Timestamps of the elements, where some have their own. */
  get stamps(): Float64Array | undefined {
    return this.isStamped ? this.timestamps : undefined
  }

  begin(timestamp: number): void {
    this.length = 0
    this.isStamped = false
    this.timestamp = timestamp
  }

  /** Gives element `index` a timestamp of its own. */
  stamp(index: number, timestamp: number): void {
    if (index >= this.timestamps.length) {
      const larger = new Float64Array(Math.max(this.timestamps.length * 2, index + 1))
      larger.set(this.timestamps)
      this.timestamps = larger
    }
    if (!this.isStamped) {
      this.timestamps.fill(this.timestamp, 0, index)
      this.isStamped = true
    }
    this.timestamps[index] = timestamp
  }
}

/** When a restriction under work is split: after so many elements, keeping this fraction of the rest. */
export interface SplitPlan {
  readonly after: number
  readonly fraction: number
}

/** One call of `process`. */
export class Reading {
  readonly tracker: Tracker
  /** Emits an element; ends the bundle when it is full. */
  readonly emit: Emit
  /** What the runner has put off, to be read later by the same reader. */
  residual: { readonly rest: unknown } | undefined
  /** Callbacks that acknowledge what is read. */
  readonly acknowledgements: (() => void | Promise<void>)[] = []
  /** Smallest and largest timestamp emitted. */
  minTimestamp: number = TIMESTAMP_MAX
  maxTimestamp: number = TIMESTAMP_MIN
  readonly #batch: SourceBatch
  readonly #limit: number
  readonly #giveAway: (rest: unknown) => void
  #isFull = false
  #isRefused = false

  /** @param giveAway takes what is split off, to be read by others. */
  constructor(
    tracker: Tracker,
    batch: SourceBatch,
    limit: number,
    split?: SplitPlan,
    giveAway: (rest: unknown) => void = () => undefined,
  ) {
    this.tracker = tracker
    this.#giveAway = giveAway
    this.#batch = batch
    this.#limit = limit
    this.#observeClaims()
    const { values } = batch
    const splitAt = split?.after ?? -1
    this.emit = (value, at) => {
      if (this.#isRefused) refuseUnclaimed(value)
      const index = batch.length
      values[index] = value
      batch.length = index + 1
      if (at !== undefined) this.#stamp(index, at)
      else if (batch.isStamped) batch.stamp(index, batch.timestamp)
      if (index === splitAt) this.#split(split?.fraction ?? 0)
      if (index + 1 >= limit) this.#full()
    }
  }

  /** Elements wanted before the next claim. */
  get room(): number {
    return Math.max(1, this.#limit - this.#batch.length)
  }

  /** Takes the unclaimed rest away: the next claim is refused. */
  checkpoint(): void {
    const rest = this.tracker.trySplit(0)
    if (rest !== undefined) this.residual = { rest }
  }

  /** A claim that is refused ends the right to emit. */
  #observeClaims(): void {
    const { tracker } = this
    const tryClaim = tracker.tryClaim
    // Not in the literal below: there it would be a long-lived object, and keep all that is read alive.
    const value = (position: unknown): boolean => {
      const isGranted = tryClaim.call(tracker, position)
      if (!isGranted) this.#isRefused = true
      return isGranted
    }
    // A tracker that cannot be watched (frozen, say) works all the same.
    Reflect.defineProperty(tracker, 'tryClaim', { configurable: true, writable: true, value })
  }

  #stamp(index: number, at: Instant): void {
    const timestamp = typeof at === 'number' && Number.isSafeInteger(at) ? at : toTimestamp(at)
    if (timestamp > this.maxTimestamp) this.maxTimestamp = timestamp
    if (timestamp < this.minTimestamp) this.minTimestamp = timestamp
    if (timestamp !== this.#batch.timestamp || this.#batch.isStamped) this.#batch.stamp(index, timestamp)
  }

  #split(fraction: number): void {
    checkProgress(this.tracker.progress())
    const rest = this.tracker.trySplit(fraction)
    if (rest !== undefined) this.#giveAway(rest)
  }

  #full(): void {
    if (this.#isFull) return
    this.#isFull = true
    this.checkpoint()
  }
}

function refuseUnclaimed(value: unknown): never {
  throw coded(
    'MR-3024',
    new Error(
      `emit(${preview(value)}) after a claim was refused: what stands there is read by someone else. Return as soon as tryClaim returns false.`,
    ),
  )
}

/** What a tracker says of itself, or a size, is a number from 0. */
export function checkAmount(what: string, amount: unknown): number {
  if (typeof amount === 'number' && amount >= 0) return amount
  throw coded('MR-1002', new RangeError(`${what} must be a number from 0, but is ${preview(amount)}`))
}

/** @throws when progress is none. */
export function checkProgress({ completed, remaining }: RestrictionProgress): RestrictionProgress {
  checkAmount('completed of tracker.progress()', completed)
  checkAmount('remaining of tracker.progress()', remaining)
  return { completed, remaining }
}

/** @throws when a source that is read again gives another number of elements than the first time. */
export function checkCount(before: number, now: number): void {
  if (now === before) return
  throw coded(
    'MR-6020',
    new Error(
      `read again, the source gave ${now} elements where it had given ${before}: it has changed since. Bring back what was there, or begin a new query in another place.`,
    ),
  )
}

/** @throws when a source that is read again ends after a bundle that something had come after. */
export function checkRest(parts: number): void {
  if (parts === 1) return
  throw coded(
    'MR-6020',
    new Error(
      'read again, the source ends where it had gone on: it has changed since. Bring back what was there, or begin a new query in another place.',
    ),
  )
}

/** Work that is begun again is numbered as it was: else what was read of it would be taken for what was read of other work. */
export function checkNumber(planned: number, next: number): void {
  if (planned === next) return
  throw coded(
    'MR-6020',
    new Error(
      'done again, the steps before the source give it something where they had given nothing: they look at what has changed since. Bring back what was there, or begin a new query in another place.',
    ),
  )
}

/** What the contexts of a step share. */
export interface ReadingServices {
  readonly env: Env
  readonly resource: unknown
  /** Tags of the outputs; `undefined` for the only one, which needs none. */
  readonly tags: readonly string[] | undefined
  /** Whether there are several, so that each element says which it is for. */
  readonly isRouted: boolean
  readonly hasManualWatermark: boolean
  readonly acknowledges: boolean
  readonly metricCells: Readonly<Record<keyof MetricSpecs, unknown>>
  readonly log: StepLog
  readonly sideNames: readonly string[]
  readSide(side: number, window: BoundedWindow): unknown
  readonly afterCommit: AfterCommit
}

/** What a call may say of the watermark of its work. */
class WorkWatermark {
  readonly set: (instant: Instant) => void
  readonly #work: Work

  constructor(work: Work, isManual: boolean) {
    this.#work = work
    this.set = (instant) => {
      if (!isManual)
        throw coded('MR-3014', new Error('watermark.set needs watermark: watermarks.manual() in the declaration'))
      work.report(instant)
    }
  }

  get current(): number {
    return this.#work.watermark
  }
}

/** The context of one call. */
export class ReadingContext {
  readonly emit: Emit | Readonly<Record<string, Emit>>
  readonly watermark: { readonly set: (instant: Instant) => void; readonly current: number }
  readonly resource: unknown
  readonly metrics: object
  readonly log: StepLog
  readonly timestamp: number
  readonly room: () => number
  readonly now: () => number
  readonly afterCommit: AfterCommit
  readonly acknowledge: (callback: () => void | Promise<void>) => void
  readonly #work: Work
  readonly #services: ReadingServices
  #sides: object | undefined

  constructor(work: Work, reading: Reading, services: ReadingServices) {
    this.#work = work
    this.#services = services
    this.emit = emitOf(services, reading.emit)
    this.resource = services.resource
    this.metrics = services.metricCells
    this.log = services.log
    this.timestamp = work.of.timestamp
    this.room = () => reading.room
    this.now = () => services.env.now()
    this.afterCommit = services.afterCommit
    this.watermark = new WorkWatermark(work, services.hasManualWatermark)
    this.acknowledge = (callback) => {
      if (!services.acknowledges)
        throw coded('MR-3014', new Error('acknowledge needs acknowledges: true in the declaration'))
      reading.acknowledgements.push(callback)
    }
  }

  get window(): BoundedWindow {
    const windows = listOf(this.#work.of.windows)
    if (windows.length === 1) return windows[0] as BoundedWindow
    throw coded(
      'MR-3026',
      new Error(
        `the element that names the work is in ${windows.length} windows, and its work is done once for all of them. Declare perWindow: true to do it in each.`,
      ),
    )
  }

  get sides(): object {
    const { sideNames, readSide } = this.#services
    return (this.#sides ??= sidesObject(sideNames, readSide, this))
  }
}

/** `emit` in the form the step declares: one function, or one per tag. */
function emitOf({ tags, isRouted }: ReadingServices, emit: Emit): ReadingContext['emit'] {
  if (tags === undefined) return emit
  const toOutput = (output: number): Emit =>
    isRouted ? (value, at) => emit({ output, value } satisfies Routed, at) : emit
  return Object.fromEntries(tags.map((tag, output) => [tag, toOutput(output)]))
}

/** What user code of a source has thrown, with the step and what it was about; the empty element of a source names nothing. */
export function failureOf(info: StepInfo, call: string, element: unknown, cause: unknown): unknown {
  const isNamed = element !== undefined && !(element instanceof Uint8Array && element.length === 0)
  return new UserCodeError({
    step: info.path,
    call,
    source: info.source,
    cause,
    ...(isNamed ? { element: preview(element) } : {}),
  })
}
