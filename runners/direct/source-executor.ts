/**
 * Executor of splittable stages, and so of every source: reads restrictions a bundle at a time. A bundle ends when the
 * runner takes the rest of the restriction away; the reader notices at its next claim.
 *
 * Law: what a bundle leaves of a restriction is read by later bundles, once; the output watermark is the smallest
 * estimate of all that is still to be read.
 */
import { MillraceError, UserCodeError } from '../../sdk/errors.js'
import { InvariantViolation } from '../../sdk/invariant.js'
import { preview } from '../../sdk/preview.js'
import type { Env } from '../../sdk/env.js'
import type { OffsetRange, RestrictionTracker } from '../../sdk/source/restriction-tracker.js'
import type { Resume, SplittableContext, SplittableDoFn } from '../../sdk/source/splittable.js'
import { addMillis, type Instant, TIMESTAMP_MIN, toTimestamp } from '../../sdk/time.js'
import type { Codec } from '../../sdk/codec.js'
import type { PaneInfo } from '../../sdk/windowing/pane-info.js'
import type { Windows } from '../../sdk/windowing/window.js'
import type { BundleProcessor } from '../core/bundle-processor.js'
import { isThenable } from '../core/prepare-step.js'
import type { Inbox } from './inbox.js'
import { type Committable, StageExecutor } from './stage-executor.js'

type AnyDoFn = SplittableDoFn<unknown, unknown, RestrictionTracker<unknown, unknown>, Codec, unknown>

/** A restriction that is still to be read. */
interface Work {
  readonly element: unknown
  readonly timestamp: number
  readonly windows: Windows
  readonly pane: PaneInfo
  restriction: unknown
  watermark: number
  /** Largest timestamp emitted so far. */
  maxTimestamp: number
  /** Monotonic time before which there is nothing to read. */
  notBefore: number
}

/** How bundles of sources are cut. */
export interface BundleLimits {
  /** Elements of the next bundle. */
  next(isBounded: boolean): number
}

/** Runs a splittable stage. */
export class SourceExecutor extends StageExecutor {
  readonly #doFn: AnyDoFn
  readonly #env: Env
  readonly #inbox: Inbox
  readonly #limits: BundleLimits
  readonly #work: Work[] = []
  readonly #batch = new SourceBatch()
  #resource: unknown = undefined
  #isSetUp = false
  #isDraining = false

  constructor(
    processor: BundleProcessor,
    targets: ReadonlySet<Committable>,
    inbox: Inbox,
    env: Env,
    limits: BundleLimits,
  ) {
    super(processor, targets)
    this.#doFn = this.root('splittable').fn.doFn as unknown as AnyDoFn
    this.#inbox = inbox
    this.#env = env
    this.#limits = limits
  }

  setup(): void {
    const { setup } = this.#doFn
    this.#isSetUp = true
    if (setup !== undefined)
      this.#guarded(
        'setup',
        undefined,
        () => (this.#resource = setup({ step: this.root('splittable').info.path, env: this.#env })),
      )
  }

  teardown(): void {
    if (this.#isSetUp) this.#doFn.teardown?.({ resource: this.#resource })
    this.#isSetUp = false
  }

  /** Ends unbounded reading; what is bounded is read to its end. */
  drain(): void {
    this.#isDraining = true
  }

  /** Milliseconds until something can be read; `undefined` when nothing is waiting for time to pass. */
  get waitMillis(): number | undefined {
    if (this.#work.length === 0) return undefined
    const now = this.#env.monotonic()
    return Math.max(0, Math.min(...this.#work.map((work) => work.notBefore)) - now)
  }

  async turn(): Promise<boolean> {
    let changed = this.#takeElements()
    if (this.#isDraining && !this.#doFn.bounded) this.#work.length = 0
    const now = this.#env.monotonic()
    for (const work of this.#due(now)) {
      await this.#read(work)
      changed = true
    }
    let watermark = this.inputWatermark
    for (const work of this.#work) watermark = Math.min(watermark, work.watermark)
    return this.advanceTo(watermark) || changed
  }

  #takeElements(): boolean {
    let changed = false
    const waiting = this.#inbox.take()
    if (waiting !== undefined) {
      waiting.elements.forEach((element, timestamp, windows, pane) => {
        const restriction = this.#guarded('restriction', element, () =>
          this.#doFn.restriction(element, { resource: this.#resource }),
        )
        this.#work.push({
          element,
          timestamp,
          windows,
          pane,
          restriction,
          watermark: TIMESTAMP_MIN,
          maxTimestamp: TIMESTAMP_MIN,
          notBefore: 0,
        })
      })
      changed = true
    }
    return changed
  }

  /** Bounded work is done one after another; unbounded work takes turns. */
  #due(now: number): readonly Work[] {
    const due = this.#work.filter((work) => work.notBefore <= now)
    return this.#doFn.bounded ? due.slice(0, 1) : due
  }

  /** Reads a bundle. */
  async #read(work: Work): Promise<void> {
    if (this.#doFn.elementAt !== undefined) {
      await this.#readByPosition(work)
      return
    }
    const batch = this.#batch
    const tracker = this.#guarded('tracker', work.element, () => this.#doFn.tracker(work.restriction))
    batch.begin(work.timestamp)
    const reading = new Reading(tracker, batch, this.#limits.next(this.#doFn.bounded))
    const result = this.#guarded('process', work.element, () =>
      this.#doFn.process(work.element, tracker, this.#context(work, reading)),
    )
    const resumed = isThenable(result) ? await this.#awaited(work, result) : result
    work.maxTimestamp = Math.max(work.maxTimestamp, reading.maxTimestamp)
    await this.bundle(() =>
      batch.isStamped
        ? this.processor.processStamped(batch.values, batch.timestamps, batch.length, work.windows, work.pane)
        : this.processor.processUniform(batch.values, work.timestamp, batch.length, work.windows, work.pane),
    )
    this.#finish(work, reading, resumed)
  }

  /** Reads a bundle of a source that knows its elements by position. */
  async #readByPosition(work: Work): Promise<void> {
    const { from, to } = work.restriction as OffsetRange
    const end = Math.min(to, from + this.#limits.next(this.#doFn.bounded))
    await this.bundle(async () => {
      try {
        await this.processor.processIndexed(work.element, work.timestamp, work.windows, work.pane, from, end)
      } catch (error) {
        // Steps report their own failures; what else is thrown here, the source has thrown.
        const isReported =
          error === this.processor.runtime.failure ||
          error instanceof MillraceError ||
          error instanceof InvariantViolation
        throw isReported ? error : this.#failure('elementAt', work.element, error)
      }
    })
    this.#guarded('timestampAt', work.element, () => this.#observe(work, from, end))
    if (end >= to) this.#work.splice(this.#work.indexOf(work), 1)
    else work.restriction = { from: end, to }
  }

  /** Moves the watermark of work whose elements' timestamps are known by position. */
  #observe(work: Work, from: number, to: number): void {
    const { watermark, timestampAt } = this.#doFn
    if (watermark.kind !== 'observed' || from >= to) return
    let latest = work.maxTimestamp
    if (timestampAt === undefined) latest = Math.max(latest, work.timestamp)
    else for (let i = from; i < to; i++) latest = Math.max(latest, timestampAt(work.element, i))
    work.maxTimestamp = latest
    work.watermark = Math.max(work.watermark, addMillis(latest, -watermark.outOfOrdernessMillis))
  }

  #context(work: Work, reading: Reading): SplittableContext<unknown, unknown> {
    const { watermark } = this.#doFn
    return {
      emit: reading.emit,
      watermark: {
        set: (instant) => {
          if (watermark.kind !== 'manual')
            throw new Error('watermark.set needs watermark: watermarks.manual() in the declaration')
          work.watermark = Math.max(work.watermark, toTimestamp(instant))
        },
      },
      room: () => reading.room,
      resource: this.#resource,
      now: () => this.#env.now(),
    }
  }

  /** Keeps what is left of the work, with the watermark as far as it is known now. */
  #finish(work: Work, reading: Reading, resumed: Resume | void): void {
    const { watermark } = this.#doFn
    if (watermark.kind === 'observed' && work.maxTimestamp !== TIMESTAMP_MIN) {
      work.watermark = Math.max(work.watermark, addMillis(work.maxTimestamp, -watermark.outOfOrdernessMillis))
    }
    if (resumed !== undefined && reading.residual === undefined) reading.checkpoint()
    this.#guarded('tracker.checkDone', work.element, () => reading.tracker.checkDone())
    this.#work.splice(this.#work.indexOf(work), 1)
    if (reading.residual === undefined) return
    work.restriction = reading.residual.rest
    work.notBefore = resumed === undefined ? 0 : this.#env.monotonic() + resumed.delayMillis
    // At the end of the line: others have their turn first.
    if (this.#doFn.bounded) this.#work.unshift(work)
    else this.#work.push(work)
  }

  async #awaited(work: Work, promise: PromiseLike<Resume | void>): Promise<Resume | void> {
    try {
      return await this.processor.runtime.interruptible(
        this.processor.runtime.watched(this.root('splittable').info, 'process', promise, work.element),
      )
    } catch (error) {
      throw this.#failure('process', work.element, error)
    }
  }

  #guarded<T>(call: string, element: unknown, run: () => T): T {
    try {
      return run()
    } catch (error) {
      throw this.#failure(call, element, error)
    }
  }

  #failure(call: string, element: unknown, cause: unknown): unknown {
    const { info } = this.root('splittable')
    const isNamed = element !== undefined && !(element instanceof Uint8Array && element.length === 0)
    return new UserCodeError({
      step: info.path,
      call,
      source: info.source,
      cause,
      ...(isNamed ? { element: preview(element) } : {}),
    })
  }
}

/** Elements read in one bundle. Timestamps are only written down when some differ from that of the work's element. */
class SourceBatch {
  readonly values: unknown[] = []
  timestamps = new Float64Array(1024)
  length = 0
  /** Whether `timestamps` is filled; else all elements have `timestamp`. */
  isStamped = false
  timestamp = TIMESTAMP_MIN

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

/** One call of `process`. */
class Reading {
  readonly tracker: RestrictionTracker<unknown, unknown>
  /** Emits an element; ends the bundle when it is full. */
  readonly emit: (value: unknown, at?: Instant) => void
  /** What the runner has taken away, to be read later. */
  residual: { readonly rest: unknown } | undefined
  /** Largest timestamp emitted. */
  maxTimestamp = TIMESTAMP_MIN
  readonly #batch: SourceBatch
  readonly #limit: number
  #isFull = false

  constructor(tracker: RestrictionTracker<unknown, unknown>, batch: SourceBatch, limit: number) {
    this.tracker = tracker
    this.#batch = batch
    this.#limit = limit
    const { values } = batch
    this.emit = (value, at) => {
      const index = batch.length
      values[index] = value
      batch.length = index + 1
      if (at !== undefined) this.#stamp(index, at)
      else if (batch.isStamped) batch.stamp(index, batch.timestamp)
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

  #stamp(index: number, at: Instant): void {
    const timestamp = typeof at === 'number' && Number.isSafeInteger(at) ? at : toTimestamp(at)
    if (timestamp > this.maxTimestamp) this.maxTimestamp = timestamp
    if (timestamp !== this.#batch.timestamp || this.#batch.isStamped) this.#batch.stamp(index, timestamp)
  }

  #full(): void {
    if (this.#isFull) return
    this.#isFull = true
    this.checkpoint()
  }
}
