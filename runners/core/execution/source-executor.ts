/**
 * Executor of splittable stages, and so of every source: reads restrictions a bundle at a time. A bundle ends when the
 * runner takes the rest of the restriction away; the reader notices at its next claim. Strict mode adds disorder.
 *
 * Law: what a bundle leaves of a restriction is read by later bundles, once; the output watermark is the smallest
 * estimate of all that is still to be read.
 */
import type { Env } from '../../../sdk/env.js'
import { invariant } from '../../../sdk/invariant.js'
import type { OffsetRange } from '../../../sdk/source/restriction-tracker.js'
import type { AnySplittableDoFn } from '../../../sdk/source/splittable.js'
import { addMillis, TIMESTAMP_MAX } from '../../../sdk/time.js'
import type { BundleProcessor } from '../bundle-processor.js'
import type { Keeper } from '../kept-state.js'
import { isThenable } from '../prepare-step.js'
import type { StageRoot } from '../stage.js'
import type { SourceReading } from '../../runner.js'
import { SideGate } from './side-gate.js'
import type { ReadingDisorder } from './reading-disorder.js'
import { checkRest, type ReadingServices, type SourceBatch, type SplitPlan } from './source-reading.js'
import { SourceCalls } from './source-calls.js'
import { SourceCodec } from './source-codec.js'
import { type ReadRecord, type TurnRecord, workAgain } from './source-journal.js'
import { readingServices } from './reading-services.js'
import type { SourceParts } from './source-parts.js'
import { SourceReport } from './source-report.js'
import { type AheadQueue, ReadAhead } from './read-ahead.js'
import { partitionsOf, sourceHold } from './source-status.js'
import { SourceTurns } from './source-turn.js'
import type { Work } from './source-work.js'
import { WorkKeeper } from './work-keeper.js'
import { WorkList } from './work-list.js'
import { WorkReader } from './work-reader.js'
import { type Committable, type SourceStage, StageExecutor } from './stage-executor.js'
import { NOTHING_KEPT, sideHold, type StageStatus } from './stage-status.js'

type SplittableRoot = Extract<StageRoot, { kind: 'splittable' }>

/** Runs a splittable stage. */
export class SourceExecutor extends StageExecutor implements SourceStage {
  readonly #root: SplittableRoot
  readonly #doFn: AnySplittableDoFn<unknown>
  readonly #parts: SourceParts
  readonly #gate: SideGate
  readonly #work: WorkList
  readonly #reader: WorkReader
  readonly #told = new SourceReport()
  readonly #disorder: ReadingDisorder | undefined
  readonly #calls: SourceCalls
  #codec: SourceCodec | undefined
  #resource: unknown = undefined
  #isSetUp = false
  #isDraining = false
  #ahead: ReadAhead | undefined
  /** Since when nothing is read, by the delay clock. */
  #pausedAt: number | undefined
  readonly #turns: SourceTurns

  constructor(processor: BundleProcessor, targets: ReadonlySet<Committable>, parts: SourceParts) {
    super(processor, targets)
    this.#root = this.root('splittable')
    this.#doFn = this.#root.fn.doFn as AnySplittableDoFn<unknown>
    this.#parts = parts
    this.#gate = new SideGate(parts)
    this.#calls = new SourceCalls(this.#root.info, processor)
    this.#disorder = parts.limits.disorder
    this.#turns = new SourceTurns(parts.journal, this.stage.id, () => this.codec)
    this.#work = new WorkList({
      doFn: this.#doFn,
      env: parts.env,
      calls: this.#calls,
      told: this.#told,
      isPerWindow: this.#doFn.perWindow ?? parts.sides.length > 0,
      disorder: this.#disorder,
      share: parts.share,
      codec: () => this.codec,
      clock: () => this.#clock(),
      resource: () => this.#resource,
    })
    this.#reader = this.#readerIn(parts.env, (limit) => this.#splitPlan(limit))
  }

  #readerIn(env: Env, splitPlan: (limit: number) => SplitPlan | undefined): WorkReader {
    let services: ReadingServices | undefined
    return new WorkReader({
      doFn: this.#doFn,
      calls: this.#calls,
      told: this.#told,
      env,
      clock: () => this.#clock(),
      services: () => (services ??= this.#readingServices(env)),
      numbered: (work) => this.#work.numbered(work),
      splitPlan,
    })
  }

  /** Reads ahead into a queue, in the world as it is. Before anything is read. */
  readAhead(queue: AheadQueue, env: Env): void {
    this.#ahead = new ReadAhead({ reader: this.#readerIn(env, () => undefined), queue, env, codec: this.codec })
  }

  /** What reads ahead; `undefined` where nothing does. Once it is ended, what was read is taken, and no more is read. */
  get ahead(): ReadAhead | undefined {
    return this.#ahead
  }

  override get source(): SourceStage {
    return this
  }

  override async setup(): Promise<void> {
    const { setup } = this.#doFn
    this.#isSetUp = true
    if (setup !== undefined) {
      const made = this.#calls.guarded('setup', undefined, () => setup(this.#calls.setupContext()))
      this.#resource = isThenable(made) ? await this.#calls.awaited('setup', undefined, made) : made
    }
    await super.setup()
  }

  override async teardown(): Promise<void> {
    await super.teardown()
    const isSetUp = this.#isSetUp
    this.#isSetUp = false
    await this.#ahead?.end()
    if (isSetUp) await this.#doFn.teardown?.({ resource: this.#resource })
  }

  /** Ends unbounded reading, or does of it what `truncate` says; what is bounded is read to its end. */
  drain(): void {
    this.#isDraining = true
  }

  /** Reads nothing, and lets nothing count as idle, until {@link resume}. */
  pause(): void {
    this.#pausedAt ??= this.#clock()
    if (this.#ahead !== undefined) this.#ahead.isPaused = true
  }

  resume(): void {
    if (this.#pausedAt === undefined) return
    this.wasPausedFor(this.#clock() - this.#pausedAt)
    this.#pausedAt = undefined
    if (this.#ahead !== undefined) this.#ahead.isPaused = false
  }

  /** Nobody wanted to read for so long until now. */
  wasPausedFor(millis: number): void {
    for (const work of this.#work.all) work.wasPausedFor(Math.min(millis, this.#clock() - work.activeAt))
  }

  /** Takes a restriction from another that shares the work. */
  takeWork(bytes: Uint8Array): void {
    this.#work.take(bytes)
  }

  override keepers(): ReadonlyMap<string, Keeper> {
    const work = new WorkKeeper(this.#work, this.codec, () => (this.#parts.isScripted ? 0 : this.#clock()))
    return this.#gate.keepers(['work', work], ['inbox', this.#parts.inbox])
  }

  /** What its work and its turns are as bytes. */
  get codec(): SourceCodec {
    return (this.#codec ??= new SourceCodec(this.#parts.built, this.#root))
  }

  override status(): StageStatus {
    const work = this.#work.all
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
    if (!this.#isWaiting || this.#parts.isScripted) return undefined
    return this.#ahead === undefined ? Math.max(0, this.#work.nextDue - this.#clock()) : 0
  }

  override get nextProcessingTime(): number {
    return this.#isWaiting && this.#parts.isScripted ? Math.ceil(this.#work.nextDue) : TIMESTAMP_MAX
  }

  /** The round that the oldest work may come from. */
  get heldSince(): number {
    return this.#work.all.reduce((oldest, { of }) => Math.min(oldest, of.since), this.#gate.oldest)
  }

  /** What the source says of itself. A size that is none fails the run. */
  get report(): SourceReading {
    let backlog: number | undefined
    try {
      backlog = this.#work.all.reduce((sum, { of, restriction }) => sum + this.#work.sizeOf(of.element, restriction), 0)
    } catch (error) {
      this.processor.runtime.broken(error)
    }
    return this.#told.reading(this.#root.info.path, backlog)
  }

  async turn(): Promise<boolean> {
    const since = this.#parts.acknowledgements.arrivalRound(this)
    const { oldest } = this.#gate
    const again = this.#turns.again()
    let changed = this.#gate.refresh()
    if (changed) this.#work.takeIn(this.#gate.release(), Math.min(since, oldest), again?.begun)
    const waiting = this.#parts.inbox.take()
    if (waiting !== undefined) {
      this.#work.takeIn(this.#gate.admit(waiting.elements, since), since, again?.begun)
      changed = true
    }
    this.#work.takeAgain(again?.begun, Math.min(since, oldest))
    const estimate = await this.#readOn(again)
    const watermark = Math.min(this.inputWatermark, this.#gate.hold, estimate.watermark)
    this.#forgetSides()
    return this.advanceTo(watermark) || changed || estimate.hasRead
  }

  /** Reads what is due, or what was read before. @returns the watermark of all work. */
  async #readOn(again: TurnRecord | undefined): Promise<{ readonly watermark: number; readonly hasRead: boolean }> {
    const turns = this.#turns
    const begun = this.#work.takeBegun()
    if (again !== undefined) return this.#readAgain(again)
    const isReading = turns.mayRead && this.#pausedAt === undefined
    const ahead = isReading ? await this.#followed() : this.#ahead
    const drains = turns.mayRead && ahead === undefined && this.#isDraining && this.#work.truncate()
    const { room } = turns
    const hasRead =
      isReading && room >= 1 && (await (ahead === undefined ? this.#readDue(room) : this.#take(ahead, room)))
    const watermark = this.#work.estimate(isReading && this.#ahead?.isEmpty !== false, (work) => turns.idle(work))
    turns.end(drains, begun)
    return { watermark, hasRead }
  }

  /** Reads what is due. @returns whether anything was. */
  async #readDue(most: number): Promise<boolean> {
    let room = most
    let hasRead = false
    for (const work of this.#work.due()) {
      room -= await this.#read(work, room)
      hasRead = true
      if (room < 1) break
    }
    return hasRead
  }

  /** What reads ahead, told what there is to read. A run that is drained takes what was read, and then reads as others do. */
  async #followed(): Promise<ReadAhead | undefined> {
    if (this.#isDraining) await this.#ahead?.end()
    else this.#ahead?.follow(this.#work.all)
    if (this.#isDraining && this.#ahead?.isEmpty !== false) this.#ahead = undefined
    return this.#ahead
  }

  /** Takes what was read ahead. @returns whether there was anything. */
  async #take(ahead: ReadAhead, room: number): Promise<boolean> {
    const bundles = ahead.take(room)
    for (const { record, arrivedAt, acknowledgements } of bundles) {
      this.#turns.taken(record)
      await this.#repeat(record, arrivedAt)
      await this.#acknowledge(acknowledgements)
    }
    return bundles.length > 0
  }

  /** Does again what was written down. */
  async #readAgain({ drains, reads, idle }: TurnRecord): Promise<{ watermark: number; hasRead: boolean }> {
    if (drains) this.#work.truncate()
    for (const record of reads) await this.#repeat(record)
    this.#work.wasIdle(idle)
    return { watermark: this.#work.estimate(false, () => undefined), hasRead: reads.length > 0 }
  }

  /** One bundle again. */
  async #repeat({ work: id, count, left, elements }: ReadRecord, arrivedAt?: number): Promise<void> {
    const work = this.#work.all.find((each) => each.id === id)
    invariant(work !== undefined, 'what was read is still there to be read again', { work: id })
    const { element } = work.of
    let rest: readonly Work[] = []
    if (elements !== undefined) {
      const { values, timestamps } = this.codec.elementsFrom(elements)
      await this.#push(work, values, timestamps, count, arrivedAt)
    } else if (this.#doFn.elementAt !== undefined) rest = await this.#pushPositions(work, count, undefined)
    else if (count > 0) {
      const read = await this.#reader.again(work, count, left === undefined)
      rest = read.left
      await this.#push(work, read.batch.values, read.batch.stamps, count)
    }
    const at = this.#clock()
    if (left === undefined) this.#calls.guarded('process', element, () => checkRest(rest.length))
    else rest = left.map((each) => workAgain(work, each, at))
    this.#work.replace(work, rest)
    for (const each of rest) this.#work.hasMade(each.id)
  }

  /** What delays are measured by. */
  #clock(): number {
    const { env, isScripted } = this.#parts
    return isScripted ? env.now() : env.monotonic()
  }

  /** Side inputs of windows that no work and no element to come can be in. */
  #forgetSides(): void {
    if (this.#parts.sides.length === 0) return
    const until = Math.min(this.inputWatermark, this.#gate.hold, this.#work.windowsUntil)
    this.#gate.forgetBefore(addMillis(until, -this.#root.strategy.allowedLatenessMillis))
  }

  /** Reads a bundle of at most `room` elements, about. @returns how many they were. */
  async #read(work: Work, room: number): Promise<number> {
    const limit = Math.min(this.#parts.limits.next(this.#doFn.bounded), Math.floor(room))
    if (this.#doFn.elementAt !== undefined) return this.#readByPosition(work, limit)
    const { batch, left, isFull, acknowledgements } = await this.#reader.read(work, limit)
    const count = batch.length
    const { replayable, mayVanish } = this.#doFn
    const isThereAgain = replayable && mayVanish?.({ resource: this.#resource }) !== true
    this.#note(work, count, left, isFull, isThereAgain ? undefined : batch)
    await this.#push(work, batch.values, batch.stamps, count)
    this.#work.replace(work, left)
    await this.#acknowledge(acknowledgements)
    return count
  }

  async #acknowledge(callbacks: readonly (() => void | Promise<void>)[]): Promise<void> {
    if (callbacks.length === 0) return
    const [host, { info }] = [this.processor.runtime, this.#root]
    await this.#parts.acknowledgements.committed(host, info, callbacks, this.#doFn.replayable)
  }

  /** A bundle of what has been read. */
  #push(
    { of }: Work,
    values: readonly unknown[],
    timestamps: ArrayLike<number> | undefined,
    count: number,
    arrivedAt?: number,
  ): Promise<void> {
    const { timestamp, windows, pane } = of
    this.#parts.journal?.seen(this.stage.id, count, timestamps, arrivedAt)
    const { processor } = this
    return this.bundle(() =>
      timestamps === undefined
        ? processor.processUniform(values, timestamp, count, windows, pane)
        : processor.processStamped(values, timestamps, count, windows, pane),
    )
  }

  #note(work: Work, count: number, left: readonly Work[], isFull: boolean, batch?: SourceBatch): void {
    this.#turns.read({ work, count, left, isFull, batch, at: this.#clock() })
  }

  /** In strict mode, where a restriction is split while it is read: one that may be read in parts. */
  #splitPlan(limit: number): SplitPlan | undefined {
    const { bounded, split } = this.#doFn
    if (!bounded && split === undefined) return undefined
    return this.#disorder?.splitPlan(limit, this.#work.length)
  }

  /** Reads a bundle of a source that knows its elements by position. */
  async #readByPosition(work: Work, limit: number): Promise<number> {
    const { from, to } = work.restriction as OffsetRange
    const count = Math.min(limit, to - from)
    const left = await this.#pushPositions(work, count, to - from - count > 1 ? this.#splitPlan(1) : undefined)
    this.#note(work, count, left, count === limit && left.length === 1)
    this.#work.replace(work, left)
    return count
  }

  /** A bundle of positions. @returns what is left. */
  async #pushPositions(work: Work, count: number, plan: SplitPlan | undefined): Promise<readonly Work[]> {
    const { element, timestamp, windows, pane } = work.of
    const { from } = work.restriction as OffsetRange
    await this.bundle(async () => {
      await this.#calls.byPosition(element, () =>
        this.processor.processIndexed(element, timestamp, windows, pane, from, from + count),
      )
    })
    const { left, timestamps } = this.#reader.positions(work, count, plan)
    this.#parts.journal?.seen(this.stage.id, count, timestamps, undefined)
    return left
  }

  #readingServices(env: Env): ReadingServices {
    const { sides } = this.#parts
    return readingServices({ root: this.#root, processor: this.processor, env, sides, resource: this.#resource })
  }
}
