/**
 * A stage executor gives its stage a turn in every round: first all waiting elements, then the input watermark, then
 * the timers that are due, then the output watermark. Consumers therefore see elements before the watermark that
 * follows them.
 *
 * Law: the output watermark never falls and never passes the input watermark, a hold, or what still waits.
 */
import { invariant } from '../../../sdk/invariant.js'
import { TIMESTAMP_MAX, TIMESTAMP_MIN } from '../../../sdk/time.js'
import type { BundleProcessor } from '../bundle-processor.js'
import type { ImmediateDelivery } from '../deliveries.js'
import type { Keeper } from '../kept-state.js'
import type { Stage } from '../stage.js'
import type { StuckCall } from '../stage-runtime.js'
import type { SourceReading } from '../../runner.js'
import { NOTHING_KEPT, type StageStatus } from './stage-status.js'

/** What becomes visible when a bundle has succeeded: inboxes of later stages, collected and printed elements. */
export interface Committable {
  commit(): void
  /** Takes back what was emitted since the last commit: the bundle is attempted again. */
  discard(): void
}

/** Remembers what a bundle counts outside of its targets; the result brings it back. */
export type Savepoint = () => () => void

/** Handlers or panes a stage may run in one turn; the rest waits for the next, with the watermark held. */
export const TIMER_BUDGET = 10_000

/** What a stage must know of one before it. */
export interface UpstreamStage {
  readonly stage: Stage
  readonly outputWatermark: number
  readonly nextProcessingTime: number
  readonly producers: readonly UpstreamStage[]
  readonly upstream: readonly UpstreamStage[]
}

/** A stage that reads what is outside. */
export interface SourceStage {
  /** Milliseconds of real time until something can be done; `undefined` when nothing is waiting for real time to pass. */
  readonly waitMillis: number | undefined
  /** What the source says of itself. */
  readonly report: SourceReading
  drain(): void
  pause(): void
  resume(): void
}

/** A stage that plays a script. */
export interface ScriptStage {
  /** Number of events played; scripts of one pipeline take turns by it. */
  readonly played: number
  /** Whether the run is paused, so that nothing is played. */
  isPaused: boolean
  /** Lets the next event happen, in the coming round. */
  release(): void
}

const NO_KEEPERS: ReadonlyMap<string, Keeper> = new Map()

/** A stage with its turn. */
export abstract class StageExecutor {
  readonly stage: Stage
  readonly processor: BundleProcessor
  readonly #targets: ReadonlySet<Committable>
  /** Stages whose outputs this one reads. */
  producers: readonly UpstreamStage[] = []
  /** Every stage that this one's elements may come through. */
  upstream: readonly UpstreamStage[] = []
  /** Where every bundle is attempted twice: what goes back with the first attempt. */
  savepoint: Savepoint | undefined
  /** Where bundles are traced: does one. */
  trace: ((run: () => Promise<void>) => Promise<void>) | undefined
  /** Whether bundles are committed later than they succeed, many at once. */
  commitsLater = false
  /** Hands over what bundles deliver; where they are committed later, whoever does that takes it, for all of them together. */
  delivery: ImmediateDelivery | undefined
  /** Where the stage is one of several that share the work: how far all of them are. No promise goes beyond that. */
  sharedWatermark: number | undefined
  #outputWatermark = TIMESTAMP_MIN

  constructor(processor: BundleProcessor, targets: ReadonlySet<Committable>) {
    this.stage = processor.stage
    this.processor = processor
    this.#targets = targets
  }

  /** No element with an earlier timestamp will leave the stage. */
  get outputWatermark(): number {
    return this.#outputWatermark
  }

  /** No element with an earlier timestamp will enter it. */
  get inputWatermark(): number {
    let watermark = TIMESTAMP_MAX
    for (const producer of this.producers) watermark = Math.min(watermark, producer.outputWatermark)
    return watermark
  }

  /** Whether the stage has nothing left to do, for ever. */
  get isDone(): boolean {
    return this.#outputWatermark === TIMESTAMP_MAX
  }

  /** The stage as a source, if it is one. */
  get source(): SourceStage | undefined {
    return undefined
  }

  /** The stage as a script, if it plays one. */
  get script(): ScriptStage | undefined {
    return undefined
  }

  /** Before anything runs. */
  setup(): Promise<void> {
    return this.processor.setup()
  }

  /** After everything. */
  teardown(): Promise<void> {
    return this.processor.teardown()
  }

  /** The bundle at hand is given up. */
  abandon(): void {
    this.processor.abandon()
  }

  /** The stage is not to go on; what it waits for is not waited for. */
  broken(error: unknown): void {
    this.processor.runtime.broken(error)
  }

  /** Throws what has failed outside of any turn. */
  throwIfFailed(): void {
    this.processor.runtime.throwIfFailed()
  }

  /** The asynchronous call that has been under way longest. */
  stuck(): StuckCall | undefined {
    return this.processor.stuck()
  }

  /** Whether the next turn has something to do although nothing comes: more is due than one turn does. */
  get hasMore(): boolean {
    return false
  }

  /** Whether somebody waits for what the stage has done to be committed. */
  get isAwaited(): boolean {
    return this.processor.runtime.finalizers.isAwaited
  }

  /** What of the stage is kept from batch to batch, by name. */
  keepers(): ReadonlyMap<string, Keeper> {
    return NO_KEEPERS
  }

  /** What the stage was told of all that share the work is over: it is no part of what is kept. */
  endShared(): void {
    // Most stages keep nothing of it.
  }

  /** Goes on where an earlier run was. */
  restoreWatermark(watermark: number): void {
    this.#outputWatermark = watermark
  }

  /** What the stage says of itself to those who look at the run. */
  status(): StageStatus {
    return NOTHING_KEPT
  }

  /** Whether something is due by a watermark that consumers are to see first, so that it is done in the next turn. */
  get isArmed(): boolean {
    return false
  }

  /** The earliest processing time that something of this stage waits for; the end of time when nothing does. */
  get nextProcessingTime(): number {
    return TIMESTAMP_MAX
  }

  /** The processing time that everything upstream has got beyond: now, or what one of those stages still waits for. */
  synchronizedTime(now: number): number {
    return this.upstream.reduce((time, { nextProcessingTime: next }) => Math.min(time, next - 1), now)
  }

  /** Whether something of this stage may ever wait for the clock. */
  get waitsForClock(): boolean {
    return false
  }

  /** Does what waited for the clock, and only for it. @returns whether there was anything. */
  wake(): Promise<boolean> {
    return Promise.resolve(false)
  }

  /** Whether something waits for the end of the batch. */
  get awaitsBatch(): boolean {
    return false
  }

  /** Everything that comes before the stage is through: does what waited for that, and only it. @returns whether there was anything. */
  endBatch(): Promise<boolean> {
    return Promise.resolve(false)
  }

  /** A turn. @returns whether anything has changed. */
  abstract turn(): Promise<boolean>

  /** Moves the output watermark, never back; where others share the work, never behind what all of them have promised. @returns whether it moved. */
  protected advanceTo(watermark: number): boolean {
    const shared = this.sharedWatermark
    if (shared !== undefined) {
      const before = this.#outputWatermark
      this.#outputWatermark = Math.max(shared, watermark)
      return this.#outputWatermark > before
    }
    if (watermark <= this.#outputWatermark) return false
    this.#outputWatermark = watermark
    return true
  }

  /**
   * Runs a bundle: everything it emits becomes visible together, when it has succeeded.
   *
   * @param canRepeat - whether `run` may be called twice with the same effect.
   */
  protected bundle(run: () => void | Promise<void>, canRepeat = true): Promise<void> {
    const { trace } = this
    return trace === undefined ? this.#bundle(run, canRepeat) : trace(() => this.#bundle(run, canRepeat))
  }

  async #bundle(run: () => void | Promise<void>, canRepeat: boolean): Promise<void> {
    if (this.savepoint !== undefined && canRepeat) await this.#throwAway(run, this.savepoint)
    await this.processor.begin()
    await run()
    await this.processor.finish()
    this.commit()
    const { deliveries } = this.processor.runtime
    deliveries.commit()
    if (this.commitsLater) return
    await this.delivery?.committed(deliveries)
    await this.#committed()
  }

  /** Tells those who wait for it that what they have done is committed. */
  async batchCommitted(): Promise<void> {
    await this.#committed()
  }

  async #committed(): Promise<void> {
    const { finalizers } = this.processor.runtime
    if (finalizers.isAwaited) await finalizers.committed()
  }

  /** An attempt of which nothing remains. */
  async #throwAway(run: () => void | Promise<void>, savepoint: Savepoint): Promise<void> {
    const restore = savepoint()
    const { deliveries, finalizers } = this.processor.runtime
    const before = finalizers.count
    await this.processor.begin()
    await run()
    await this.processor.finish()
    for (const target of this.#targets) target.discard()
    deliveries.discard()
    finalizers.abandon(before)
    restore()
  }

  /** Makes visible what the last bundle emitted. */
  protected commit(): void {
    for (const target of this.#targets) target.commit()
  }

  /** The stage's root, of the kind this executor is for. */
  protected root<K extends Stage['root']['kind']>(kind: K): Extract<Stage['root'], { kind: K }> {
    const { root } = this.stage
    invariant(root.kind === kind, 'an executor runs the kind of stage it is for', { stage: this.stage.name })
    return root as Extract<Stage['root'], { kind: K }>
  }
}
