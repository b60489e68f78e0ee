/**
 * Reads work that an engine gives: restrictions of a splittable step. Bounded work is done to its end; of unbounded work a bundle
 * does a part, and gives the rest back to the engine, with how far event time has come.
 *
 * Law: what is done and what is given back are together the work that was given.
 */
import type { Env } from '../../../sdk/env.js'
import type { AnySplittableDoFn } from '../../../sdk/source/splittable.js'
import type { OffsetRange } from '../../../sdk/source/restriction-tracker.js'
import type { PaneInfo } from '../../../sdk/windowing/pane-info.js'
import type { BoundedWindow, Windows } from '../../../sdk/windowing/window.js'
import { callBack } from '../../core/bundle-finalizers.js'
import type { BundleProcessor } from '../../core/bundle-processor.js'
import type { SideInputReader } from '../../core/do-fn-services.js'
import { timestampsOf } from '../../core/execution/source-positions.js'
import { SourceCalls } from '../../core/execution/source-calls.js'
import { checkProgress, Reading, ReadingContext, SourceBatch } from '../../core/execution/source-reading.js'
import { Work } from '../../core/execution/source-work.js'
import { OpenCall, OpenPositions, type OpenWork } from './open-work.js'
import { readingServices } from '../../core/execution/reading-services.js'
import { isThenable } from '../../core/prepare-step.js'
import { listOf } from '../../core/side-inputs.js'
import type { StageRoot } from '../../core/stage.js'
import type { SentWork } from '../translation/work-coder.js'
import type { SizedWork } from './fragment.js'

/** Elements of unbounded work in one bundle, and milliseconds it may take: then the rest is given back. */
const UNBOUNDED_BUNDLE = 1000
const BOUNDED_CHUNK = 10_000
/**
 * Work that comes back before its time waits so long for it in a bundle, and then goes back unread. Flink without checkpoints gives it at once,
 * again and again, and keeps a little memory for each time (https://github.com/apache/beam/issues/27648). Others in the bundle wait, too.
 */
const EARLY_MILLIS = 50
/** Work that comes so much later than it was to was held up: nobody can say that it was idle. */
const HELD_MILLIS = 1000

/** What is left of work. */
export interface Residual {
  readonly element: SizedWork
  readonly timestamp: number
  readonly windows: Windows
  readonly pane: PaneInfo
  /** No element with an earlier timestamp will come of it. */
  readonly watermark: number
  /** Not before this many milliseconds. */
  readonly delayMillis: number
}

/** What a call has left of the work, and how long it may wait. */
interface Done {
  readonly left: Work | undefined
  readonly delay: number
}

type SplittableRoot = Extract<StageRoot, { kind: 'splittable' }>

/** A splittable step at work. */
export class SplittableStep {
  readonly #root: SplittableRoot
  readonly #processor: BundleProcessor
  readonly #doFn: AnySplittableDoFn<unknown>
  readonly #env: Env
  readonly #calls: SourceCalls
  readonly #sides: SideInputReader | undefined
  readonly #resourceOf: () => unknown
  readonly #batch = new SourceBatch()
  #acknowledgements: (() => void | Promise<void>)[] = []
  #open: OpenWork | undefined
  /** How long work may still wait for its time in this bundle. */
  #patience = EARLY_MILLIS
  readonly #room: () => Promise<void>

  constructor(
    root: SplittableRoot,
    processor: BundleProcessor,
    env: Env,
    sides: SideInputReader | undefined,
    resourceOf: () => unknown,
    room: () => Promise<void> = async () => undefined,
  ) {
    this.#room = room
    this.#root = root
    this.#processor = processor
    this.#doFn = root.fn.doFn as AnySplittableDoFn<unknown>
    this.#env = env
    this.#calls = new SourceCalls(root.info, processor)
    this.#sides = sides
    this.#resourceOf = resourceOf
  }

  /** What `setup` gets. */
  setup(): unknown {
    return this.#doFn.setup?.(this.#calls.setupContext())
  }

  /** The bundle has had everything. Takes out what is to be acknowledged when it is committed. */
  takeAcknowledgements(): readonly (() => Promise<void>)[] {
    this.#patience = EARLY_MILLIS
    const taken = this.#acknowledgements
    this.#acknowledgements = []
    const { runtime } = this.#processor
    return taken.map((acknowledge) => () => callBack(runtime, this.#root.info, 'acknowledge', acknowledge))
  }

  /** Whether there is work that could be split. */
  get isReading(): boolean {
    return this.#open !== undefined
  }

  /** How much of the element at work is done, from 0 to 1. */
  get progress(): number {
    const open = this.#open
    if (open === undefined) return 0
    const { completed, remaining } = this.#calls.guarded('tracker.progress', open.work.of.element, () =>
      open.progress(),
    )
    const share = completed / (completed + remaining)
    return Number.isFinite(share) ? share : 0.5
  }

  /**
   * Gives a part of the work at hand away.
   *
   * @param fraction how much of what is not begun stays.
   * @returns what stays and what goes; `undefined` where the work cannot be split now.
   */
  split(fraction: number): readonly [primary: Residual, residual: Residual] | undefined {
    const open = this.#open
    if (open === undefined) return undefined
    const parts = this.#calls.guarded('tracker.trySplit', open.work.of.element, () => open.split(fraction))
    if (parts === undefined) return undefined
    const [primary, residual] = parts
    return [
      this.#residual(open.work.part(primary, open.work.activeAt), 0),
      this.#residual(open.work.part(residual, open.work.activeAt), 0),
    ]
  }

  /** Does an element's work. @returns what is left, for the engine to give again. */
  async process(sized: SizedWork, timestamp: number, windows: Windows, pane: PaneInfo): Promise<readonly Residual[]> {
    const isPerWindow = this.#doFn.perWindow ?? this.#root.sides.length > 0
    const left: Residual[] = []
    const parts = isPerWindow ? listOf(windows) : [windows]
    try {
      for (const each of parts) left.push(...(await this.#read(sized, timestamp, each, pane, parts.length === 1)))
    } finally {
      this.#open = undefined
    }
    return left
  }

  async #read(
    { key: { key: element, value: sent } }: SizedWork,
    timestamp: number,
    windows: Windows,
    pane: PaneInfo,
    canSplit: boolean,
  ): Promise<readonly Residual[]> {
    const now = this.#env.now()
    let work: Work | undefined = workOf(sent, { element, timestamp, windows, pane, since: 0, number: 0 }, now)
    const early = Math.min(sent.notBefore - now, sent.delayMillis)
    if (early > 0) {
      const delay = await this.#untilDue(sent, early)
      if (delay > 0) {
        this.#estimate(work, this.#env.now())
        return [this.#residual(work, delay)]
      }
    }
    const held = sent.notBefore === 0 ? 0 : now - sent.notBefore
    if (held > HELD_MILLIS) work.wasPausedFor(Math.min(held, now - work.activeAt))
    let delayMillis = 0
    while (work !== undefined) {
      const done: Done = await (this.#doFn.elementAt === undefined
        ? this.#call(work, canSplit)
        : this.#positions(work, canSplit))
      this.#open = undefined
      work = done.left
      delayMillis = done.delay
      if (!this.#doFn.bounded || delayMillis > 0) break
      await this.#room()
    }
    return work === undefined ? [] : [this.#residual(work, delayMillis)]
  }

  /** Waits for work that came early, as long as there is patience for it. @returns how long it is still to wait: clocks differ, so it gets less. */
  async #untilDue({ notBefore, delayMillis }: SentWork, early: number): Promise<number> {
    const wait = Math.min(early, this.#patience)
    this.#patience -= wait
    if (wait > 0) await new Promise<void>((resolve) => this.#env.setTimer(wait, resolve))
    return wait === early ? 0 : Math.min(notBefore - this.#env.now(), delayMillis - wait)
  }

  #residual(work: Work, delayMillis: number): Residual {
    const { of, restriction, watermark, maxTimestamp, activeAt } = work
    const { element, timestamp, windows, pane } = of
    const now = this.#env.now()
    const notBefore = now + delayMillis
    const rest: SentWork = { restriction, watermark, maxTimestamp, activeAt, notBefore, delayMillis }
    const size = this.#sizeOf(element, restriction)
    return {
      element: { key: { key: element, value: rest }, value: size },
      timestamp,
      windows,
      pane,
      watermark,
      // Work that is quiet comes back when it counts as idle, and its watermark goes on; it is read when it wants to be.
      delayMillis: Math.max(0, Math.min(delayMillis, Math.ceil(work.nextMove(this.#doFn.watermark, now) - now))),
    }
  }

  #sizeOf(element: unknown, restriction: unknown): number {
    const { tracker } = this.#doFn
    const { remaining } = this.#calls.guarded('tracker.progress', element, () =>
      checkProgress(tracker(restriction).progress()),
    )
    return Number.isFinite(remaining) ? remaining : 1
  }

  /** One call of `process`. */
  async #call(work: Work, canSplit: boolean): Promise<Done> {
    const { element, timestamp, windows, pane } = work.of
    this.#batch.begin(timestamp)
    const tracker = this.#calls.guarded('tracker', element, () => this.#doFn.tracker(work.restriction))
    const reading = new Reading(tracker, this.#batch, this.#doFn.bounded ? BOUNDED_CHUNK : UNBOUNDED_BUNDLE)
    const services = {
      ...readingServices({
        root: this.#root,
        processor: this.#processor,
        env: this.#env,
        sides: [],
        resource: this.#resourceOf(),
      }),
      readSide: (side: number, window: BoundedWindow) => this.#sides?.read(side, window),
    }
    const open = new OpenCall(work, reading, (restriction) => this.#doFn.tracker(restriction))
    if (canSplit) this.#open = open
    const context = new ReadingContext(work, reading, services)
    const called = this.#calls.guarded('process', element, () => this.#doFn.process(element, reading.tracker, context))
    const resumed = isThenable(called) ? await this.#calls.awaited('process', element, called) : called
    open.hasReturned = true
    this.#acknowledgements.push(...reading.acknowledgements)
    const { length: count, values, stamps } = this.#batch
    const now = this.#env.now()
    if (count > 0) work.observe(reading.maxTimestamp, now)
    this.#estimate(work, now)
    this.#calls.guarded('tracker.checkDone', element, () => {
      if (resumed !== undefined && reading.residual === undefined) reading.checkpoint()
      tracker.checkDone()
    })
    if (stamps === undefined) await this.#processor.processUniform(values, timestamp, count, windows, pane)
    else await this.#processor.processStamped(values, stamps, count, windows, pane)
    if (reading.residual === undefined) return { left: undefined, delay: 0 }
    return { left: work.part(reading.residual.rest, work.activeAt), delay: resumed?.delayMillis ?? 0 }
  }

  #estimate(work: Work, now: number): void {
    const { watermark: policy } = this.#doFn
    work.estimate(policy, now)
    if (work.isIdle(policy, now)) work.followClock(policy, now)
  }

  /** A bundle of positions. */
  async #positions(work: Work, canSplit: boolean): Promise<Done> {
    const { element, timestamp, windows, pane } = work.of
    const { from, to } = work.restriction as OffsetRange
    const end = Math.min(to, from + (this.#doFn.bounded ? BOUNDED_CHUNK : UNBOUNDED_BUNDLE))
    const open = new OpenPositions(work, from, end, to)
    if (canSplit) this.#open = open
    await this.#calls.byPosition(element, () =>
      this.#processor.processIndexed(element, timestamp, windows, pane, from, end),
    )
    const [, max] = this.#calls.guarded('timestampAt', element, () =>
      timestampsOf(this.#doFn, work.of, { from, to: end }),
    )
    const now = this.#env.now()
    work.observe(max, now)
    this.#estimate(work, now)
    return { left: end === open.to ? undefined : work.part({ from: end, to: open.to }, now), delay: 0 }
  }
}

function workOf({ restriction, watermark, maxTimestamp, activeAt }: SentWork, of: Work['of'], now: number): Work {
  const work = new Work(of, restriction, activeAt === 0 ? now : activeAt)
  work.watermark = watermark
  work.maxTimestamp = maxTimestamp
  return work
}
