/**
 * A stage whose partitions do its work: a turn of it is a task of each partition that has something to do. It stands in the place of the
 * stage's own executor, so that rounds, watermarks and batches are what they are where everything runs in one process.
 *
 * Law: its output watermark is the smallest of any partition's; it never falls.
 */
import { decodeFromBytes, dynamicCoder, encodeToBytes } from '../../../sdk/coders/index.js'
import { TIMESTAMP_MAX } from '../../../sdk/time.js'
import type { Keeper } from '../../core/kept-state.js'
import { type ScriptStage, type SourceStage, StageExecutor } from '../../core/execution/stage-executor.js' // prettier-ignore
import type { SourceCodec } from '../../core/execution/source-codec.js'
import type { SourceExecutor } from '../../core/execution/source-executor.js'
import type { TurnRecord } from '../../core/execution/source-journal.js'
import type { StageStatus } from '../../core/execution/stage-status.js'
import type { StuckCall } from '../../core/stage-runtime.js'
import { sideInputs } from '../../core/stage.js'
import type { SourceReading } from '../../runner.js'
import type { StageAhead } from '../queue/stage-ahead.js'
import type { StageRun } from './stage-run.js'
import { divideRoom, hearOf, hearSeen, newShare, NOTHING_SEEN, type Share } from './stage-share.js'
import { mergedReading, mergedStatus } from './merged-status.js'
import type { HostedStage, SourceOrder, TaskDone, TaskOrder } from './task.js'

interface CommonOrder extends Omit<TaskOrder, 'batch' | 'number' | 'seed' | 'blocks' | 'source'> {
  readonly seen: string
}

/** See the head of this file. */
export class PartitionedStage extends StageExecutor implements SourceStage, ScriptStage {
  readonly #own: StageExecutor
  readonly #run: StageRun
  readonly #isSource: boolean
  readonly #isScript: boolean
  /** Whether one partition alone does it. */
  readonly #isSingle: boolean
  #shares: readonly Share[] = []
  #isDraining = false
  #pausedAt: number | undefined
  played = 0
  /** Set where the source is read ahead. */
  ahead: StageAhead | undefined
  isPaused = false
  #isReleased = false
  /** Turns in which what may be read was divided. */
  #turns = 0

  /** @param own the stage as it would run here: it delivers to sinks. */
  constructor(own: StageExecutor, run: StageRun) {
    super(own.processor, new Set())
    this.#own = own
    this.#run = run
    const { kind } = own.stage.root
    this.#isSource = kind === 'splittable'
    this.#isScript = kind === 'testStream'
    this.#isSingle = kind === 'impulse' || kind === 'testStream'
    this.trace = own.trace
    this.producers = own.producers
    this.upstream = own.upstream
  }

  override get source(): SourceStage | undefined {
    return this.#isSource ? this : undefined
  }

  override get script(): ScriptStage | undefined {
    return this.#isScript ? this : undefined
  }

  /** How turns of the source are written. */
  get codec(): SourceCodec {
    return (this.#own as SourceExecutor).codec
  }

  // ---- its life --------------------------------------------------------------------------------------------------

  /** Sinks are written to from here; all else is set up where it runs. */
  override async setup(): Promise<void> {
    if (this.processor.runtime.deliveries.steps.length > 0) await this.processor.setup()
  }

  override keepers(): ReadonlyMap<string, Keeper> {
    return new Map()
  }

  override broken(error: unknown): void {
    super.broken(error)
    this.#run.driver.broken(error)
  }

  override throwIfFailed(): void {
    super.throwIfFailed()
    this.#run.driver.throwIfFailed()
  }

  override stuck(): StuckCall | undefined {
    return super.stuck() ?? (this.stage.id === 0 ? this.#run.stuck() : undefined)
  }

  override async batchCommitted(): Promise<void> {
    // Those who wait for it do so where they ran, and are told there.
  }

  override restoreWatermark(watermark: number): void {
    super.restoreWatermark(watermark)
    for (const share of this.#shares) share.watermark = watermark
  }

  /** The partitions there are. */
  share(partitions: number): void {
    this.#shares = Array.from({ length: partitions }, () => newShare(this.outputWatermark))
  }

  /** A partition goes on from what is kept: what it waits for is known before its first task. */
  hosted(partition: number, stage: HostedStage | undefined): void {
    const share = this.#shares[partition]
    if (share === undefined || stage === undefined) return
    hearOf(share, stage)
    share.hasWaiting = stage.hasWaiting
    if (partition === 0) this.played = stage.played ?? 0
  }

  /** Remembers where the stage is; the result goes back there. */
  save(): () => void {
    const shares = this.#shares.map((share) => ({ ...share }))
    const { outputWatermark, played } = this
    return () => {
      super.restoreWatermark(outputWatermark)
      this.played = played
      this.#isReleased = false
      this.ahead?.forget()
      // Nothing is taken for granted of what partitions have seen: they are made anew.
      this.#shares = shares.map((share) => ({ ...share, seen: NOTHING_SEEN, isActive: true, isDraining: false }))
    }
  }

  // ---- what it waits for -----------------------------------------------------------------------------------------

  override get isArmed(): boolean {
    return this.#shares.some(({ isArmed }) => isArmed)
  }

  override get nextProcessingTime(): number {
    return this.#shares.reduce((next, share) => Math.min(next, share.nextProcessingTime), TIMESTAMP_MAX)
  }

  override get waitsForClock(): boolean {
    return this.#own.waitsForClock
  }

  get waitMillis(): number | undefined {
    if (this.#pausedAt !== undefined) return undefined
    const now = this.#run.monotonic()
    let least: number | undefined
    for (const { readAt } of this.#shares)
      if (readAt !== undefined) least = Math.min(least ?? Infinity, Math.max(0, readAt - now))
    return least
  }

  get report(): SourceReading {
    return mergedReading(
      this.stage.root.info.path,
      this.#shares.map(({ reading }) => reading),
    )
  }

  override status(): StageStatus {
    return mergedStatus(this.#run.driver.status(this.stage.id))
  }

  drain(): void {
    this.#isDraining = true
  }

  pause(): void {
    this.#pausedAt ??= this.#run.monotonic()
  }

  resume(): void {
    if (this.#pausedAt === undefined) return
    const millis = this.#run.monotonic() - this.#pausedAt
    this.#pausedAt = undefined
    for (const share of this.#shares) share.pausedMillis += millis
  }

  release(): void {
    this.#isReleased = true
  }

  // ---- turns -----------------------------------------------------------------------------------------------------

  override async wake(): Promise<boolean> {
    const now = this.#run.now()
    return this.#perform(
      'wake',
      this.#indexes(({ nextProcessingTime }) => nextProcessingTime <= now),
    )
  }

  override get awaitsBatch(): boolean {
    return this.#shares.some(({ awaitsBatch }) => awaitsBatch)
  }

  override async endBatch(): Promise<boolean> {
    return this.#perform(
      'endBatch',
      this.#indexes(({ awaitsBatch }) => awaitsBatch),
    )
  }

  async turn(): Promise<boolean> {
    const seen = this.#seen()
    const now = this.#run.now()
    const time = this.#run.monotonic()
    const isReleased = this.#isReleased
    this.#divideRoom(time)
    const chosen = this.#indexes((share, partition) =>
      this.#isSingle
        ? partition === 0 && !this.isDone && (this.#isScript ? isReleased : true)
        : (this.#isSource && this.#hasToRead(share, partition, time)) ||
          this.#hasInput(share, partition, seen) ||
          share.isArmed ||
          share.isActive ||
          share.nextProcessingTime <= now,
    )
    return this.#perform('turn', chosen)
  }

  #hasInput(share: Share, partition: number, seen: string): boolean {
    return share.hasWaiting || share.seen !== seen || this.#run.driver.hasMail(partition, this.stage.id)
  }

  #hasToRead(share: Share, partition: number, time: number): boolean {
    const { journal } = this.#run
    const again = journal.again(this.stage.id, partition)
    if (again !== undefined)
      return again.drains || again.reads.length > 0 || again.idle.length > 0 || (again.begun ?? []).length > 0
    if (this.#pausedAt !== undefined && this.ahead?.readsOn(partition) === true) return true
    if (!journal.isReading) return false
    return (this.#isDraining && !share.isDraining) || (this.#isDue(share, time) && share.room >= 1)
  }

  #isDue({ readAt }: Share, time: number): boolean {
    return this.#pausedAt === undefined && readAt !== undefined && readAt <= time
  }

  #divideRoom(time: number): void {
    const { journal } = this.#run
    if (!this.#isSource || !journal.isReading) return
    const due = this.#shares.filter((share) => this.#isDue(share, time))
    divideRoom(this.#shares, due, Math.max(0, journal.room(this.stage.id)), () => ++this.#turns)
  }

  #indexes(holds: (share: Share, partition: number) => boolean): readonly number[] {
    return this.#shares.flatMap((share, partition) => (holds(share, partition) ? [partition] : []))
  }

  /** How far the stages before are. */
  #seen(): string {
    const { stages } = this.#run
    const before = this.producers.map(({ outputWatermark }) => outputWatermark)
    for (const side of this.#sideProducers) before.push(stages[side]?.outputWatermark ?? TIMESTAMP_MAX)
    return before.join()
  }

  get #sideProducers(): readonly number[] {
    return this.#sides ?? []
  }

  #sides: readonly number[] | undefined

  /** The stages that make its side inputs. */
  readsSides(producerOf: (collectionId: string) => number | undefined): void {
    this.#sides = sideInputs(this.stage).flatMap(({ collectionId }) => producerOf(collectionId) ?? [])
  }

  async #perform(call: TaskOrder['call'], partitions: readonly number[]): Promise<boolean> {
    if (partitions.length === 0) return false
    const run = async (): Promise<boolean> => {
      const common = this.#common(call)
      const orders = partitions.map((partition) => [partition, this.#order(common, partition)] as const)
      this.#isReleased = false
      const dones = await this.#run.driver.perform(orders)
      let changed = false
      for (const [i, done] of dones.entries()) changed = this.#take(partitions[i] as number, done) || changed
      return this.#advance() || changed
    }
    const { trace } = this
    if (trace === undefined) return run()
    let changed = false
    await trace(async () => {
      changed = await run()
    })
    return changed
  }

  /** What the tasks of a turn have in common. */
  #common(call: TaskOrder['call']): CommonOrder {
    const { stages } = this.#run
    return {
      stage: this.stage.id,
      call,
      now: this.#run.now(),
      watermarks: stages.map(({ outputWatermark }) => outputWatermark),
      waits: stages.map(({ nextProcessingTime }) => nextProcessingTime),
      isReleased: this.#isReleased,
      budgets: this.#run.budgets(),
      shed: this.#run.shed(),
      panes: this.#run.panes(),
      seen: this.#seen(),
    }
  }

  #order(common: CommonOrder, partition: number): TaskOrder {
    const { driver } = this.#run
    const { stage, call, now, watermarks, waits, isReleased, budgets, shed, panes } = common
    const share = this.#shares[partition] as Share
    if (call === 'turn') share.seen = common.seen
    const { batch, number, seed } = driver.next(partition, stage, this.#run.phase(), this.#run.seed())
    // Field by field: there is one for every task, and V8 spreads the rest of an object slowly.
    return {
      stage,
      call,
      now,
      watermarks,
      waits,
      isReleased,
      budgets,
      shed,
      panes,
      batch,
      number,
      seed,
      blocks: call === 'turn' ? driver.takeMail(partition, stage) : [],
      source: this.#isSource ? this.#sourceOrder(share, partition) : undefined,
    }
  }

  #sourceOrder(share: Share, partition: number): SourceOrder {
    const { journal } = this.#run
    const again = journal.again(this.stage.id, partition)
    const { pausedMillis } = share
    const ahead = this.ahead?.order(partition, this.#pausedAt !== undefined)
    share.pausedMillis = 0
    if (again !== undefined) {
      return { reads: 'again', room: 0, record: recordOf(this.codec, again), isDraining: false, pausedMillis, ahead }
    }
    const reads = !journal.isReading ? 'no' : this.#pausedAt === undefined ? 'anew' : 'waits'
    if (reads === 'anew') share.isDraining = this.#isDraining
    return { reads, room: share.room, record: undefined, isDraining: this.#isDraining, pausedMillis, ahead }
  }

  #take(partition: number, done: TaskDone): boolean {
    const share = this.#shares[partition] as Share
    const { id: stage } = this.stage
    share.watermark = done.outputWatermark
    hearOf(share, done)
    share.readAt = done.waitMillis === undefined ? undefined : this.#run.monotonic() + done.waitMillis
    share.reading = done.reading
    this.ahead?.take(partition, done.queue)
    share.hasWaiting = done.waiting.includes(stage)
    if (done.script !== undefined) this.played = done.script.played
    if (done.seen !== undefined) hearSeen(this.#run.journal, stage, done.seen)
    if (done.record !== undefined && this.#run.journal.isReading) {
      const turn = this.codec.turnFrom(stage, decodeFromBytes(dynamicCoder, done.record))
      this.#run.journal.write({ ...turn, partition })
    }
    for (const other of done.waiting) {
      const reader = this.#run.stages[other]
      if (reader instanceof PartitionedStage && reader !== this) reader.waits(partition)
    }
    this.#run.done(this, done)
    return done.changed || done.hash !== ''
  }

  /** Elements wait for the stage in a partition. */
  waits(partition: number): void {
    const share = this.#shares[partition]
    if (share !== undefined) share.hasWaiting = true
  }

  #advance(): boolean {
    const { driver } = this.#run
    const { id } = this.stage
    let least = TIMESTAMP_MAX
    for (const [partition, share] of this.#shares.entries()) {
      if (this.#isSingle && partition > 0) continue
      // What was cut off for it and has not come there yet is not in what it says.
      const watermark = driver.hasWork(partition, id) ? this.outputWatermark : share.watermark
      least = Math.min(least, watermark)
    }
    return this.advanceTo(least)
  }
}

function recordOf(codec: SourceCodec, turn: TurnRecord): Uint8Array {
  return encodeToBytes(dynamicCoder, codec.turn(turn))
}
