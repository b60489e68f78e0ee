/**
 * Executor of stages that process stored elements one by one: after a reshuffle or a union, or because their first step
 * has state, timers or side inputs.
 *
 * Elements that read a side input window which is not complete yet are put back: they keep their order, hold the
 * watermark, and go on when the window is ready.
 */
import { addMillis, TIMESTAMP_MAX } from '../../sdk/time.js'
import type { PaneInfo } from '../../sdk/windowing/pane-info.js'
import type { BoundedWindow, Windows } from '../../sdk/windowing/window.js'
import type { BundleProcessor } from '../core/bundle-processor.js'
import { ElementBuffer } from '../core/element-buffer.js'
import type { KeyedState } from '../core/keyed-state.js'
import { listOf, type SideInputStore } from '../core/side-inputs.js'
import type { Inbox, Waiting } from './inbox.js'
import { type Committable, StageExecutor, TIMER_BUDGET } from './stage-executor.js'

/** A side input of the stage, with the stage that makes it. */
export interface SideSource {
  readonly store: SideInputStore
  readonly inbox: Inbox
  producer: StageExecutor | undefined
}

/** What stands behind a stage's first step. */
export interface ElementParts {
  readonly inbox: Inbox
  readonly sides: readonly SideSource[]
  readonly keyed: KeyedState | undefined
  /** Whether bundles are processed as they were cut, in strict mode; else those that wait together are one. */
  readonly keepsBundles: boolean
}

/** Runs elements through a stage. */
export class ElementExecutor extends StageExecutor {
  readonly #inbox: Inbox
  readonly #sides: readonly SideSource[]
  readonly #keyed: KeyedState | undefined
  readonly #keepsBundles: boolean
  /** How long after its end a window may still be read for. */
  readonly #latenessMillis: number
  /** Whether the step gets each key's elements in the order of their timestamps. */
  readonly #sortsByTime: boolean
  #putBack = new ElementBuffer()

  constructor(processor: BundleProcessor, targets: ReadonlySet<Committable>, parts: ElementParts) {
    super(processor, targets)
    this.#inbox = parts.inbox
    this.#sides = parts.sides
    this.#keyed = parts.keyed
    this.#keepsBundles = parts.keepsBundles
    const { root } = processor.stage
    this.#sortsByTime = root.kind === 'parDo' && root.operator.payload.requiresTimeSortedInput
    this.#latenessMillis = root.kind === 'parDo' ? root.operator.strategy.allowedLatenessMillis : 0
  }

  override get nextProcessingTime(): number {
    return this.#keyed?.nextProcessingTime ?? TIMESTAMP_MAX
  }

  async turn(): Promise<boolean> {
    const hasMoreToRead = this.#refreshSides()
    let changed = hasMoreToRead
    if (hasMoreToRead && this.#putBack.length > 0) changed = (await this.#process(this.#putBack.take())) || changed
    const waiting = this.#inbox.take()
    if (waiting !== undefined) {
      for (const part of parts(waiting, this.#keepsBundles)) await this.#process(part)
      changed = true
    }
    const watermark = Math.min(this.inputWatermark, this.#putBackHold())
    const more = await this.#fireTimers(watermark)
    if (more) return true
    const moved = this.advanceTo(Math.min(watermark, this.#keyed?.hold ?? TIMESTAMP_MAX))
    // Late elements, timers and the last words of a window read what the window's own elements have read.
    for (const { store } of this.#sides) store.forgetBefore(addMillis(watermark, -this.#latenessMillis))
    return changed || moved
  }

  /** Takes in what side inputs have, and how far they are complete. @returns whether more can be read than before. */
  #refreshSides(): boolean {
    let changed = false
    for (const { store, inbox, producer } of this.#sides) {
      inbox
        .take()
        ?.elements.forEach((value, timestamp, windows, pane) => store.arrived.add(value, timestamp, windows, pane))
      changed = store.absorb() || changed
      const watermark = producer?.outputWatermark ?? TIMESTAMP_MAX
      if (watermark !== store.watermark) {
        store.watermark = watermark
        changed = true
      }
    }
    return changed
  }

  /** Processes a bundle, but for what must wait. @returns whether anything was processed. */
  async #process(bundle: ElementBuffer): Promise<boolean> {
    const ready = this.#sides.length === 0 ? bundle : this.#readyPart(bundle)
    if (ready.length === 0) return false
    if (this.#sortsByTime) this.#keep(ready)
    // State cannot be taken back for a whole bundle: its step attempts each call twice.
    else await this.bundle(() => this.processor.process(ready), this.#keyed === undefined)
    return true
  }

  /** Elements of a step that wants them sorted wait with its timers. */
  #keep(elements: ElementBuffer): void {
    elements.forEach((value: unknown, timestamp: number, windows: Windows, pane: PaneInfo) => {
      for (const window of listOf(windows)) {
        if (this.#keyed?.keep(value, timestamp, window, pane) !== true) this.processor.rootDoFn?.dropLate()
      }
    })
  }

  #readyPart(bundle: ElementBuffer): ElementBuffer {
    const ready = new ElementBuffer()
    bundle.forEach((value: unknown, timestamp: number, windows: Windows, pane: PaneInfo) => {
      for (const window of listOf(windows)) {
        const target = this.#isReady(window) ? ready : this.#putBack
        target.add(value, timestamp, window, pane)
      }
    })
    return ready
  }

  #isReady(window: BoundedWindow): boolean {
    return this.#sides.every(({ store }) => store.isReady(window))
  }

  #putBackHold(): number {
    let hold = TIMESTAMP_MAX
    for (const timestamp of this.#putBack.timestamps) hold = Math.min(hold, timestamp)
    return hold
  }

  async #fireTimers(watermark: number): Promise<boolean> {
    const keyed = this.#keyed
    const doFn = this.processor.rootDoFn
    if (keyed === undefined || doFn === undefined) return false
    keyed.inputWatermark = Math.max(keyed.inputWatermark, watermark)
    if (!keyed.isDue) return false
    let more = false
    await this.bundle(async () => {
      more = await keyed.fire(doFn, TIMER_BUDGET)
    }, false)
    return more
  }
}

function parts({ elements, ends }: Waiting, keepsBundles: boolean): readonly ElementBuffer[] {
  if (!keepsBundles || ends.length < 2) return [elements]
  return ends.map((end, i) => elements.slice(ends[i - 1] ?? 0, end))
}
