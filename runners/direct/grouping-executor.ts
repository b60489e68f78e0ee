/**
 * Executor of groupings: feeds a ReduceFnRunner and pushes its panes through the steps after it.
 *
 * A stage before may add elements *eagerly*, straight into the grouping's tables, when nothing an element does can be
 * seen before this stage's turn: then nothing is stored in between.
 */
import type { BundleProcessor } from '../core/bundle-processor.js'
import { keyOf } from '../core/key-of.js'
import type { ReduceFnRunner } from '../core/reduce-fn-runner.js'
import type { Inbox } from './inbox.js'
import { type Committable, StageExecutor, TIMER_BUDGET } from './stage-executor.js'

/** Runs a grouping. */
export class GroupingExecutor extends StageExecutor {
  readonly #inbox: Inbox
  readonly #runner: ReduceFnRunner
  /** Whether timers are to be fired, once consumers have seen how far nothing is held. */
  #isArmed = false

  constructor(processor: BundleProcessor, targets: ReadonlySet<Committable>, inbox: Inbox, runner: ReduceFnRunner) {
    super(processor, targets)
    this.#inbox = inbox
    this.#runner = runner
  }

  override get nextProcessingTime(): number {
    return this.#runner.nextProcessingTime
  }

  override get waitsForClock(): boolean {
    return this.#runner.waitsForClock
  }

  override async wake(): Promise<boolean> {
    if (!this.#runner.isClockDue) return false
    await this.bundle(() => this.#runner.fireClocks())
    return true
  }

  async turn(): Promise<boolean> {
    const before = this.outputWatermark
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
    if (this.#arm(Math.min(this.inputWatermark, this.#inbox.earliest))) return true
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
    if (this.#arm(this.inputWatermark)) return true
    const isAwake = await this.wake()
    return isAwake || changed || this.outputWatermark > before
  }

  /** The input watermark comes to an instant. @returns whether that makes anything due. */
  #arm(watermark: number): boolean {
    this.#runner.advanceInput(watermark)
    this.#isArmed = this.#runner.isDue
    this.advanceTo(Math.min(watermark, this.#runner.hold))
    this.#runner.beginTurn(this.outputWatermark)
    return this.#isArmed
  }

  #add(value: unknown, timestamp: number, windows: Parameters<ReduceFnRunner['add']>[3]): void {
    const { runtime } = this.processor
    try {
      const key = keyOf(value)
      this.#runner.add(key, (value as { readonly value: unknown }).value, timestamp, windows)
    } catch (error) {
      runtime.failed(this.root('grouping').info, 'addInput', error, value, timestamp, windows, undefined)
    }
  }
}
