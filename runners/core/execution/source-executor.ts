/**
 * Executor of splittable stages, and so of every source: reads restrictions a bundle at a time. A bundle ends when the
 * runner takes the rest of the restriction away; the reader notices at its next claim. Strict mode adds disorder.
 *
 * Law: what a bundle leaves of a restriction is read by later bundles, once; the output watermark is the smallest
 * estimate of all that is still to be read.
 */
import type { Env } from '../../../sdk/env.js'
import { MillraceError } from '../../../sdk/errors.js'
import { InvariantViolation } from '../../../sdk/invariant.js'
import type { OffsetRange } from '../../../sdk/source/restriction-tracker.js'
import type { AnySplittableDoFn, RestrictionContext, Resume } from '../../../sdk/source/splittable.js'
import { addMillis, TIMESTAMP_MAX, TIMESTAMP_MIN } from '../../../sdk/time.js'
import type { BundleProcessor } from '../bundle-processor.js'
import type { ElementBuffer } from '../element-buffer.js'
import { isThenable } from '../prepare-step.js'
import { listOf } from '../side-inputs.js'
import type { StageRoot } from '../stage.js'
import type { SourceReading } from '../../runner.js'
import type { Acknowledgements } from './acknowledgements.js'
import type { Inbox } from './inbox.js'
import { SideGate, type SideSource } from './side-gate.js'
import { ReadingDisorder } from './reading-disorder.js'
import { positionsLeft, timestampsOf } from './source-positions.js'
import {
  checkAmount,
  checkProgress,
  Reading,
  ReadingContext,
  type ReadingServices,
  SourceBatch,
  type SplitPlan,
} from './source-reading.js'
import { SourceCalls } from './source-calls.js'
import { SourceReport } from './source-report.js'
import { partitionsOf, sourceHold } from './source-status.js'
import { Work, type WorkElement } from './source-work.js'
import { type Committable, StageExecutor } from './stage-executor.js'
import { NOTHING_KEPT, sideHold, type StageStatus } from './stage-status.js'

/** How bundles of sources are cut. */
export interface BundleLimits {
  /** Elements of the next bundle. */
  next(isBounded: boolean): number
  /** In strict mode, what decides about splits: uniform in [0, 1), seeded. */
  readonly random: (() => number) | undefined
}

/** What stands behind a splittable step. */
export interface SourceParts {
  readonly inbox: Inbox
  readonly sides: readonly SideSource[]
  readonly env: Env
  readonly limits: BundleLimits
  readonly acknowledgements: Acknowledgements
  /** Whether scripted events move the clock that delays are measured by; else they are real time. */
  readonly isScripted: boolean
}

type SplittableRoot = Extract<StageRoot, { kind: 'splittable' }>

/** Runs a splittable stage. */
export class SourceExecutor extends StageExecutor {
  readonly #root: SplittableRoot
  readonly #doFn: AnySplittableDoFn<unknown>
  readonly #parts: SourceParts
  readonly #gate: SideGate
  readonly #work: Work[] = []
  readonly #batch = new SourceBatch()
  readonly #told = new SourceReport()
  readonly #isPerWindow: boolean
  readonly #disorder: ReadingDisorder | undefined
  readonly #calls: SourceCalls
  #services: ReadingServices | undefined
  #resource: unknown = undefined
  #isSetUp = false
  #isDraining = false
  /** Since when nothing is read, by the delay clock. */
  #pausedAt: number | undefined
  #begun = 0

  constructor(processor: BundleProcessor, targets: ReadonlySet<Committable>, parts: SourceParts) {
    super(processor, targets)
    this.#root = this.root('splittable')
    this.#doFn = this.#root.fn.doFn as AnySplittableDoFn<unknown>
    this.#parts = parts
    this.#gate = new SideGate(parts.sides)
    this.#calls = new SourceCalls(this.#root.info, processor)
    this.#isPerWindow = this.#doFn.perWindow ?? parts.sides.length > 0
    const { random } = parts.limits
    this.#disorder = random === undefined ? undefined : new ReadingDisorder(random)
  }

  async setup(): Promise<void> {
    const { setup } = this.#doFn
    this.#isSetUp = true
    if (setup === undefined) return
    const made = this.#calls.guarded('setup', undefined, () => setup(this.#calls.setupContext()))
    this.#resource = isThenable(made) ? await this.#calls.awaited('setup', undefined, made) : made
  }

  async teardown(): Promise<void> {
    const isSetUp = this.#isSetUp
    this.#isSetUp = false
    if (isSetUp) await this.#doFn.teardown?.({ resource: this.#resource })
  }

  /** Ends unbounded reading, or does of it what `truncate` says; what is bounded is read to its end. */
  drain(): void {
    this.#isDraining = true
  }

  /** Reads nothing, and lets nothing count as idle, until {@link resume}. */
  pause(): void {
    this.#pausedAt ??= this.#clock()
  }

  resume(): void {
    if (this.#pausedAt === undefined) return
    for (const work of this.#work) work.wasPausedFor(this.#clock() - Math.max(this.#pausedAt, work.activeAt))
    this.#pausedAt = undefined
  }

  override status(): StageStatus {
    const work = this.#work
    const read = { work, policy: this.#doFn.watermark, at: this.#clock(), isPaused: this.#pausedAt !== undefined }
    const partitions = partitionsOf(read)
    const holds = [...sideHold(this.#gate), ...sourceHold(read, partitions, this.outputWatermark)]
    const { length: buffered } = this.#parts.inbox
    return { ...NOTHING_KEPT, pushedBack: this.#gate.length, buffered, partitions, partitionCount: work.length, holds }
  }

  get #isWaiting(): boolean {
    return this.#work.length > 0 && this.#pausedAt === undefined
  }

  /** Milliseconds of real time until something can be done; `undefined` when nothing is waiting for real time to pass. */
  get waitMillis(): number | undefined {
    return !this.#isWaiting || this.#parts.isScripted ? undefined : Math.max(0, this.#nextDue() - this.#clock())
  }

  override get nextProcessingTime(): number {
    return this.#isWaiting && this.#parts.isScripted ? Math.ceil(this.#nextDue()) : TIMESTAMP_MAX
  }

  /** The round that the oldest work may come from. */
  get heldSince(): number {
    return this.#work.reduce((oldest, { of }) => Math.min(oldest, of.since), this.#gate.oldest)
  }

  /** What the source says of itself. A size that is none fails the run. */
  get report(): SourceReading {
    let backlog: number | undefined
    try {
      backlog = this.#work.reduce((sum, { of, restriction }) => sum + this.#sizeOf(of.element, restriction), 0)
    } catch (error) {
      this.processor.runtime.broken(error)
    }
    return this.#told.reading(this.#root.info.path, backlog)
  }

  async turn(): Promise<boolean> {
    const since = this.#parts.acknowledgements.arrivalRound(this)
    const { oldest } = this.#gate
    let changed = this.#gate.refresh()
    if (changed) this.#takeIn(this.#gate.release(), Math.min(since, oldest))
    const waiting = this.#parts.inbox.take()
    if (waiting !== undefined) {
      this.#takeIn(this.#gate.admit(waiting.elements, since), since)
      changed = true
    }
    if (this.#isDraining) this.#truncate()
    for (const work of this.#pausedAt === undefined ? this.#due() : []) {
      await this.#read(work)
      changed = true
    }
    const watermark = Math.min(this.inputWatermark, this.#gate.hold, this.#estimate())
    this.#forgetSides()
    return this.advanceTo(watermark) || changed
  }

  /** What delays are measured by. */
  #clock(): number {
    const { env, isScripted } = this.#parts
    return isScripted ? env.now() : env.monotonic()
  }

  /** When something can be read, or counts as idle. */
  #nextDue(): number {
    const at = this.#clock()
    let next = Infinity
    for (const work of this.#work) next = Math.min(next, work.notBefore, work.nextMove(this.#doFn.watermark, at))
    return next
  }

  // ---- work ------------------------------------------------------------------------------------------------------

  #takeIn(elements: ElementBuffer, since: number): void {
    elements.forEach((element, timestamp, windows, pane) => {
      const windowsEach = this.#isPerWindow ? listOf(windows) : [windows]
      for (const each of windowsEach)
        this.#begin({ element, timestamp, windows: each, pane, since, number: this.#begun++ })
    })
  }

  #begin(of: WorkElement): void {
    const { element } = of
    const whole = this.#calls.guarded('restriction', element, () => this.#doFn.restriction(element, this.#context()))
    for (const restriction of this.#initialParts(element, whole)) {
      if (this.#doFn.size !== undefined) this.#sizeOf(element, restriction)
      this.#work.push(new Work(of, restriction, this.#clock()))
    }
  }

  /** In strict mode a restriction is cut before it is read, as a runner with several readers would cut it. */
  #initialParts(element: unknown, restriction: unknown): readonly unknown[] {
    const { split } = this.#doFn
    if (split === undefined || this.#disorder === undefined) return [restriction]
    const parts = this.#disorder.initialParts()
    return this.#calls.guarded('split', element, () => split(element, restriction, parts))
  }

  /** What of each work is still to be done when the run is drained. */
  #truncate(): void {
    const { truncate, bounded } = this.#doFn
    if (truncate === undefined && bounded) return
    for (const work of this.#work.splice(0)) {
      if (!work.isTruncated) {
        const { element } = work.of
        const before = this.#sizeOf(element, work.restriction)
        work.restriction = this.#calls.guarded('truncate', element, () => truncate?.(element, work.restriction, this.#context())) // prettier-ignore
        work.isTruncated = true
        this.#told.truncated(before, work.restriction === undefined ? 0 : this.#sizeOf(element, work.restriction))
      }
      if (work.restriction !== undefined) this.#work.push(work)
    }
  }

  /** Bounded work is done one after another; unbounded work takes turns. */
  #due(): readonly Work[] {
    const at = this.#clock()
    const isDue = (work: Work): boolean => work.notBefore <= at
    if (!this.#doFn.bounded) return this.#work.filter(isDue)
    this.#disorder?.shuffle(this.#work)
    const next = this.#work.find(isDue)
    return next === undefined ? [] : [next]
  }

  #sizeOf(element: unknown, restriction: unknown): number {
    const { size, tracker } = this.#doFn
    return size === undefined
      ? this.#calls.guarded('tracker.progress', element, () => checkProgress(tracker(restriction).progress()).remaining)
      : this.#calls.guarded('size', element, () => checkAmount('the size', size(element, restriction, this.#context())))
  }

  /** The smallest watermark of all work. */
  #estimate(): number {
    const { watermark: policy } = this.#doFn
    if (policy.kind === 'none') return this.#work.length === 0 ? TIMESTAMP_MAX : TIMESTAMP_MIN
    let watermark = TIMESTAMP_MAX
    const at = this.#clock()
    for (const work of this.#work) {
      if (this.#pausedAt === undefined && work.isIdle(policy, at)) work.followClock(policy, this.#parts.env.now())
      watermark = Math.min(watermark, work.watermark)
    }
    return watermark
  }

  /** Side inputs of windows that no work and no element to come can be in. */
  #forgetSides(): void {
    if (this.#parts.sides.length === 0) return
    let until = Math.min(this.inputWatermark, this.#gate.hold)
    for (const { of } of this.#work)
      for (const window of listOf(of.windows)) until = Math.min(until, window.maxTimestamp)
    this.#gate.forgetBefore(addMillis(until, -this.#root.strategy.allowedLatenessMillis))
  }

  // ---- reading ---------------------------------------------------------------------------------------------------

  /** Reads a bundle. */
  async #read(work: Work): Promise<void> {
    if (this.#doFn.elementAt !== undefined) {
      await this.#readByPosition(work)
      return
    }
    const { element, timestamp, windows, pane } = work.of
    const batch = this.#batch
    const tracker = this.#calls.guarded('tracker', element, () => this.#doFn.tracker(work.restriction))
    batch.begin(timestamp)
    const limit = this.#parts.limits.next(this.#doFn.bounded)
    const splits: Work[] = []
    // What is split off may hold what was to come next, so it begins with the watermark of that moment.
    const giveAway = (rest: unknown): void => void splits.push(work.part(rest, this.#clock()))
    const reading = new Reading(tracker, batch, limit, this.#splitPlan(limit), giveAway)
    const context = new ReadingContext(work, reading, (this.#services ??= this.#makeServices()))
    const result = this.#calls.guarded('process', element, () => this.#doFn.process(element, tracker, context))
    const resumed = isThenable(result) ? await this.#calls.awaited('process', element, result) : result
    const left = [...this.#settle(work, reading, resumed), ...splits]
    await this.bundle(() =>
      batch.isStamped
        ? this.processor.processStamped(batch.values, batch.timestamps, batch.length, windows, pane)
        : this.processor.processUniform(batch.values, timestamp, batch.length, windows, pane),
    )
    this.#replace(work, left)
    if (reading.acknowledgements.length > 0) {
      const { acknowledgements } = this.#parts
      await acknowledgements.committed(this.processor.runtime, this.#root.info, reading.acknowledgements)
    }
  }

  /** What is left of the work, with the watermark as far as it is known now. */
  #settle(work: Work, reading: Reading, resumed: Resume | void): readonly Work[] {
    const { env } = this.#parts
    const { tracker, minTimestamp, maxTimestamp } = reading
    const { element } = work.of
    const at = this.#clock()
    const now = env.now()
    if (this.#batch.length > 0) work.observe(maxTimestamp, at)
    work.estimate(this.#doFn.watermark, now)
    this.#told.observe(minTimestamp, maxTimestamp, now)
    this.#calls.guarded('tracker.checkDone', element, () => {
      if (resumed !== undefined && reading.residual === undefined) reading.checkpoint()
      tracker.checkDone()
    })
    if (reading.residual === undefined) return []
    const rest = work.part(reading.residual.rest, work.activeAt)
    rest.notBefore = resumed === undefined ? 0 : at + resumed.delayMillis
    return [rest]
  }

  /** Puts what is left of work in its place. Unbounded work goes to the end of the line: others have their turn first. */
  #replace(work: Work, left: readonly Work[]): void {
    const index = this.#work.indexOf(work)
    if (this.#doFn.bounded && left.length === 1) this.#work[index] = left[0] as Work
    else if (this.#doFn.bounded) this.#work.splice(index, 1, ...left)
    else {
      this.#work.splice(index, 1)
      this.#work.push(...left)
    }
  }

  /** In strict mode, where a restriction is split while it is read: one that may be read in parts. */
  #splitPlan(limit: number): SplitPlan | undefined {
    const { bounded, split } = this.#doFn
    if (!bounded && split === undefined) return undefined
    return this.#disorder?.splitPlan(limit, this.#work.length)
  }

  /** Reads a bundle of a source that knows its elements by position. */
  async #readByPosition(work: Work): Promise<void> {
    const { limits, env } = this.#parts
    const { element, timestamp, windows, pane } = work.of
    const { from, to } = work.restriction as OffsetRange
    const end = Math.min(to, from + limits.next(this.#doFn.bounded))
    await this.bundle(async () => {
      try {
        await this.processor.processIndexed(element, timestamp, windows, pane, from, end)
      } catch (error) {
        // Steps report their own failures; what else is thrown here, the source has thrown.
        const isReported =
          error === this.processor.runtime.failure ||
          error instanceof MillraceError ||
          error instanceof InvariantViolation
        throw isReported ? error : this.#calls.failure('elementAt', element, error)
      }
    })
    const [min, max] = this.#calls.guarded('timestampAt', element, () =>
      timestampsOf(this.#doFn, work.of, { from, to: end }),
    )
    work.observe(max, this.#clock())
    work.estimate(this.#doFn.watermark, env.now())
    this.#told.observe(min, max, env.now())
    const left = positionsLeft({ from: end, to }, to - end > 1 ? this.#splitPlan(1) : undefined)
    const partOf = (range: OffsetRange): Work => work.part(range, work.activeAt)
    this.#replace(work, left.map(partOf))
  }

  #context(): RestrictionContext<unknown> {
    return { resource: this.#resource, now: () => this.#parts.env.now() }
  }

  #makeServices(): ReadingServices {
    const { runtime } = this.processor
    const { info, sides, outputs, fn } = this.#root
    const { metrics = {}, bundleFinalizer, acknowledges, watermark } = this.#doFn
    return {
      env: this.#parts.env,
      resource: this.#resource,
      tags: this.#doFn.outputs === undefined ? undefined : fn.tags,
      isRouted: outputs.length > 1,
      hasManualWatermark: watermark.kind === 'manual',
      acknowledges: acknowledges === true,
      metricCells: runtime.metrics.cells(info.path, metrics),
      log: runtime.log.step(info.path),
      sideNames: sides.map(({ name }) => name),
      readSide: (side, window) => (this.#parts.sides[side] as SideSource).store.read(window),
      afterCommit: (...registration) => runtime.finalizers.register(info, bundleFinalizer === true, ...registration),
    }
  }
}
