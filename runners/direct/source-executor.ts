/**
 * Executor of splittable stages, and so of every source: reads restrictions a bundle at a time. A bundle ends when the
 * runner takes the rest of the restriction away; the reader notices at its next claim.
 *
 * Law: what a bundle leaves of a restriction is read by later bundles, once; the output watermark is the smallest
 * estimate of all that is still to be read.
 */
import { UserCodeError } from '../../sdk/errors.js'
import { preview } from '../../sdk/preview.js'
import type { Env } from '../../sdk/env.js'
import type { RestrictionTracker } from '../../sdk/source/restriction-tracker.js'
import type { Resume, SplittableContext, SplittableDoFn } from '../../sdk/source/splittable.js'
import { addMillis, type Instant, TIMESTAMP_MIN, toTimestamp } from '../../sdk/time.js'
import type { Codec } from '../../sdk/codec.js'
import type { PaneInfo } from '../../sdk/windowing/pane-info.js'
import type { Windows } from '../../sdk/windowing/window.js'
import type { BundleProcessor } from '../core/bundle-processor.js'
import { isThenable } from '../core/prepare-step.js'
import type { Inbox } from './inbox.js'
import { type Committable, StageExecutor } from './stage-executor.js'

type AnyDoFn = SplittableDoFn<unknown, unknown, unknown, Codec, unknown>

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

  constructor(processor: BundleProcessor, targets: ReadonlySet<Committable>, inbox: Inbox, env: Env, limits: BundleLimits) {
    super(processor, targets)
    this.#doFn = this.root('splittable').fn.doFn as unknown as AnyDoFn
    this.#inbox = inbox
    this.#env = env
    this.#limits = limits
  }

  setup(): void {
    const { setup } = this.#doFn
    this.#isSetUp = true
    if (setup !== undefined) this.#guarded('setup', undefined, () => (this.#resource = setup({ step: this.root('splittable').info.path, env: this.#env })))
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
    for (const bundle of this.#inbox.take()) {
      bundle.forEach((element, timestamp, windows, pane) => {
        const restriction = this.#guarded('restriction', element, () => this.#doFn.restriction(element, { resource: this.#resource }))
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
    const batch = this.#batch
    const tracker = this.#guarded('tracker', work.element, () => this.#doFn.tracker(work.restriction))
    const reading = new Reading(tracker, batch, this.#limits.next(this.#doFn.bounded), work)
    batch.clear()
    const result = this.#guarded('process', work.element, () => this.#doFn.process(work.element, tracker, this.#context(work, reading)))
    const resumed = isThenable(result) ? await this.#awaited(work, result as PromiseLike<Resume | void>) : (result as Resume | void)
    await this.bundle(() => this.processor.processUniform(batch.values, batch.timestamps, batch.length, work.windows, work.pane))
    this.#finish(work, reading, resumed)
  }

  #context(work: Work, reading: Reading): SplittableContext<unknown, unknown> {
    const { watermark } = this.#doFn
    return {
      emit: (value, at) => reading.emit(value, at),
      watermark: {
        set: (instant) => {
          if (watermark.kind !== 'manual') throw new Error('watermark.set needs watermark: watermarks.manual() in the declaration')
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
      return await promise
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
    return new UserCodeError({ step: info.path, call, source: info.source, cause, ...(isNamed ? { element: preview(element) } : {}) })
  }
}

/** Elements read in one bundle. */
class SourceBatch {
  values: unknown[] = []
  timestamps = new Float64Array(1024)
  length = 0

  add(value: unknown, timestamp: number): void {
    if (this.length === this.timestamps.length) {
      const larger = new Float64Array(this.length * 2)
      larger.set(this.timestamps)
      this.timestamps = larger
    }
    this.values[this.length] = value
    this.timestamps[this.length++] = timestamp
  }

  clear(): void {
    this.length = 0
  }
}

/** One call of `process`. */
class Reading {
  readonly tracker: RestrictionTracker<unknown, unknown>
  /** What the runner has taken away, to be read later. */
  residual: { readonly rest: unknown } | undefined
  readonly #batch: SourceBatch
  readonly #limit: number
  readonly #work: Work
  #isFull = false

  constructor(tracker: RestrictionTracker<unknown, unknown>, batch: SourceBatch, limit: number, work: Work) {
    this.tracker = tracker
    this.#batch = batch
    this.#limit = limit
    this.#work = work
  }

  /** Elements wanted before the next claim. */
  get room(): number {
    return Math.max(1, this.#limit - this.#batch.length)
  }

  emit(value: unknown, at: Instant | undefined): void {
    const timestamp = at === undefined ? this.#work.timestamp : typeof at === 'number' && Number.isSafeInteger(at) ? at : toTimestamp(at)
    this.#batch.add(value, timestamp)
    if (timestamp > this.#work.maxTimestamp) this.#work.maxTimestamp = timestamp
    if (this.#batch.length >= this.#limit && !this.#isFull) {
      this.#isFull = true
      this.checkpoint()
    }
  }

  /** Takes the unclaimed rest away: the next claim is refused. */
  checkpoint(): void {
    const rest = this.tracker.trySplit(0)
    if (rest !== undefined) this.residual = { rest }
  }
}
