/**
 * Executor of groupings: feeds a ReduceFnRunner and pushes its panes through the steps after it.
 *
 * A stage before may add elements *eagerly*, straight into the grouping's tables, when nothing an element does can be
 * seen before this stage's turn: then nothing is stored in between.
 */
import { invariant } from '../../sdk/invariant.js'
import type { BundleProcessor } from '../core/bundle-processor.js'
import type { ElementBuffer } from '../core/element-buffer.js'
import { keyOf } from '../core/key-of.js'
import type { ReduceFnRunner } from '../core/reduce-fn-runner.js'
import type { Inbox } from './inbox.js'
import { type Committable, StageExecutor, TIMER_BUDGET } from './stage-executor.js'

/** What stands behind a grouping. */
export interface GroupingParts {
  readonly inbox: Inbox
  readonly reduce: ReduceFnRunner
  readonly late: ElementBuffer
}

/** Runs a grouping. */
export class GroupingExecutor extends StageExecutor {
  readonly #inbox: Inbox
  readonly #runner: ReduceFnRunner
  /** Elements that were dropped, by stages before this one too, and that someone wants to have. */
  readonly #late: ElementBuffer
  #isContinuing = false

  constructor(processor: BundleProcessor, targets: ReadonlySet<Committable>, parts: GroupingParts) {
    super(processor, targets)
    this.#inbox = parts.inbox
    this.#runner = parts.reduce
    this.#late = parts.late
  }

  override get nextProcessingTime(): number {
    return this.#runner.nextProcessingTime
  }

  async turn(): Promise<boolean> {
    let changed = false
    if (this.#runner.hasUnfinishedBundle) {
      await this.bundle(() => this.#runner.finishBundle())
      changed = true
    }
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
    const watermark = this.inputWatermark
    this.#runner.advanceInput(watermark)
    if (this.#runner.isDue) {
      // Consumers see how far nothing is held before they see what the timers bring: that is late for them, then.
      if (!this.#isContinuing && this.#advance(watermark)) return true
      let more = false
      await this.bundle(() => {
        more = this.#runner.fireTimers(TIMER_BUDGET)
      })
      this.#isContinuing = more
      if (more) return true
      changed = true
    }
    const moved = this.#advance(watermark)
    return changed || moved
  }

  /** Moves the output watermark as far as it is not held. @returns whether it moved. */
  #advance(watermark: number): boolean {
    const moved = this.advanceTo(Math.min(watermark, this.#runner.hold))
    this.#runner.beginTurn(this.outputWatermark)
    return moved
  }

  #handOnLate(): Promise<void> {
    const { late } = this.root('grouping')
    invariant(late !== undefined, 'late elements are kept where they are wanted', { stage: this.stage.name })
    const push = this.processor.pushTo(late)
    return this.bundle(() => this.#late.take().forEach(push))
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
