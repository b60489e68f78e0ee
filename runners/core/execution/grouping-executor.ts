/**
 * Executor of groupings: feeds a ReduceFnRunner and pushes its panes through the steps after it.
 *
 * A stage before may add elements *eagerly*, straight into the grouping's tables, when nothing an element does can be
 * seen before this stage's turn: then nothing is stored in between.
 */
import { invariant } from '../../../sdk/invariant.js'
import { TIMESTAMP_MIN } from '../../../sdk/time.js'
import type { PaneInfo } from '../../../sdk/windowing/pane-info.js'
import type { BoundedWindow, Windows } from '../../../sdk/windowing/window.js'
import type { BundleProcessor } from '../bundle-processor.js'
import { ElementBuffer } from '../element-buffer.js'
import { keyOf } from '../key-of.js'
import type { Keeper } from '../kept-state.js'
import { groupingStatus } from '../grouping-status.js'
import type { PaneRecorder } from '../pane-recorder.js'
import type { ReduceFnRunner } from '../reduce-fn-runner.js'
import type { Marked } from './exchange.js'
import type { Inbox } from './inbox.js'
import { type Committable, StageExecutor, TIMER_BUDGET } from './stage-executor.js'
import { NOTHING_KEPT, type StageStatus } from './stage-status.js'

/** What stands behind a grouping. */
export interface GroupingParts {
  readonly inbox: Inbox
  readonly reduce: ReduceFnRunner
  /** Inboxes of groupings after this one. */
  readonly marked: ReadonlySet<Marked>
  /** Elements that were dropped and that someone wants to have. */
  readonly late: ElementBuffer
  /** Set where panes are accumulators, which the step that comes next may change: encodes and decodes one. */
  readonly copyOf: ((value: unknown) => unknown) | undefined
  readonly panes: PaneRecorder
}

/** Runs a grouping. */
export class GroupingExecutor extends StageExecutor {
  readonly #inbox: Inbox
  readonly #runner: ReduceFnRunner
  /** Inboxes of groupings, which want to know where the panes of a key end. */
  readonly #marked: ReadonlySet<Marked>
  /** Panes of a bundle that is going to be attempted twice. */
  #held: ElementBuffer | undefined
  /** Elements that were dropped, by stages before this one too, and that someone wants to have. */
  readonly #late: ElementBuffer
  readonly #copyOf: (value: unknown) => unknown
  readonly #panes: PaneRecorder
  /** Whether timers are to be fired, once consumers have seen how far nothing is held. */
  #isArmed = false
  #keepers: ReadonlyMap<string, Keeper> | undefined

  constructor(processor: BundleProcessor, targets: ReadonlySet<Committable>, parts: GroupingParts) {
    super(processor, targets)
    this.#inbox = parts.inbox
    this.#runner = parts.reduce
    this.#marked = parts.marked
    this.#late = parts.late
    this.#panes = parts.panes
    this.#copyOf = parts.copyOf ?? ((value) => value)
  }

  /** A pane of the runner's. */
  emit(value: unknown, timestamp: number, windows: Windows, pane: PaneInfo): void {
    if (this.#panes.isOn)
      this.#panes.add(this.root('grouping').info.path, value, timestamp, windows as BoundedWindow, pane)
    if (this.#held === undefined) this.#push(value, timestamp, windows, pane)
    else this.#held.add(value, timestamp, windows, pane)
  }

  /** What is grouped is grouped once; where bundles are attempted twice, that means the steps after the grouping. */
  protected override async bundle(run: () => void | Promise<void>): Promise<void> {
    if (this.savepoint === undefined) return super.bundle(run)
    const panes = (this.#held = new ElementBuffer())
    await run()
    this.#held = undefined
    return super.bundle(() =>
      // What one attempt has changed, the other does not see.
      panes.forEach((value, timestamp, windows, pane) => this.#push(this.#copyOf(value), timestamp, windows, pane)),
    )
  }

  /** The cells of the grouping, and what waits for it. Between batches nothing is due. */
  override keepers(): ReadonlyMap<string, Keeper> {
    return (this.#keepers ??= new Map<string, Keeper>([
      ['cells', this.#runner.keeper()],
      ['inbox', this.#inbox],
    ]))
  }

  override status(): StageStatus {
    const kept = groupingStatus(this.#runner.kept(), this.root('grouping').strategy, this.inputWatermark)
    const { length: buffered } = this.#inbox
    return {
      ...NOTHING_KEPT,
      stateKeys: kept.stateKeys,
      windows: kept.windows,
      buffered,
      holds: [
        ...(kept.hold === undefined ? [] : [kept.hold]),
        ...(buffered === 0 ? [] : [{ kind: 'elements', at: this.#inbox.hold, elements: buffered } as const]),
      ],
      awaits: kept.awaits,
    }
  }

  override get hasMore(): boolean {
    return this.#runner.hasUnfinishedBundle || this.#late.length > 0
  }

  override get isArmed(): boolean {
    return this.#isArmed
  }

  override get nextProcessingTime(): number {
    return this.#runner.calls.next
  }

  override get waitsForClock(): boolean {
    return this.#runner.waitsForClock
  }

  override endShared(): void {
    this.#runner.beginTurn(TIMESTAMP_MIN)
  }

  override restoreWatermark(watermark: number): void {
    super.restoreWatermark(watermark)
    if (this.sharedWatermark === undefined) this.#runner.beginTurn(watermark)
  }

  override wake(): Promise<boolean> {
    return this.#askIf(this.#runner.calls.isDue, () => this.#runner.fireClocks())
  }

  override get awaitsBatch(): boolean {
    return this.#runner.calls.awaitsBatch
  }

  override endBatch(): Promise<boolean> {
    return this.#askIf(this.awaitsBatch, () => this.#runner.endBatch())
  }

  /** Asks triggers that have waited, beside any turn. @returns whether there were any. */
  async #askIf(isDue: boolean, ask: () => void): Promise<boolean> {
    if (!isDue) return false
    this.#beginShared()
    await this.bundle(ask)
    return true
  }

  #beginShared(): void {
    if (this.sharedWatermark !== undefined) this.#runner.beginTurn(this.sharedWatermark)
  }

  async turn(): Promise<boolean> {
    const before = this.outputWatermark
    this.#beginShared()
    let changed = false
    if (this.#isArmed) {
      // What was due when the watermark came is done before anything that came after it.
      await this.bundle(() => {
        this.#isArmed = this.#runner.fireTimers(TIMER_BUDGET)
      })
      if (this.#isArmed) return true
      changed = true
    }
    if (this.#runner.hasUnfinishedBundle) {
      await this.bundle(() => this.#runner.finishBundle())
      changed = true
    }
    // Elements that wait hold the watermark at their timestamps; what it makes due as far as that comes before them.
    if (this.#arm(Math.min(this.inputWatermark, this.#inbox.hold))) return true
    const waiting = this.#inbox.take()
    if (waiting !== undefined) {
      await this.bundle(() => {
        let from = 0
        for (const end of waiting.ends) {
          waiting.elements.forEach((value, timestamp, windows) => this.#add(value, timestamp, windows), from, end)
          this.#runner.finishBundle()
          from = end
        }
      })
      changed = true
    }
    if (this.#late.length > 0) {
      await this.#handOnLate()
      changed = true
    }
    if (this.#arm(this.inputWatermark)) return true
    const isAwake = await this.wake()
    return isAwake || changed || this.outputWatermark > before
  }

  /** The input watermark comes to an instant. @returns whether that makes anything due. */
  #arm(watermark: number): boolean {
    const reached = this.#runner.advanceInput(watermark)
    this.#isArmed = this.#runner.isDue
    this.advanceTo(Math.min(reached, this.#runner.hold))
    this.#runner.beginTurn(this.sharedWatermark ?? this.outputWatermark)
    return this.#isArmed
  }

  #push(value: unknown, timestamp: number, windows: Windows, pane: PaneInfo): void {
    this.processor.push(value, timestamp, windows, pane)
    for (const inbox of this.#marked) inbox.mark()
  }

  #handOnLate(): Promise<void> {
    const { late } = this.root('grouping')
    invariant(late !== undefined, 'late elements are kept where they are wanted', { stage: this.stage.name })
    const push = this.processor.pushTo(late)
    const elements = this.#late.take()
    return super.bundle(() => elements.forEach(push))
  }

  #add(value: unknown, timestamp: number, windows: Windows): void {
    const { runtime } = this.processor
    try {
      const key = keyOf(value)
      this.#runner.add(key, (value as { readonly value: unknown }).value, timestamp, windows)
    } catch (error) {
      runtime.failed(this.root('grouping').info, 'addInput', error, value, timestamp, windows, undefined)
    }
  }
}
