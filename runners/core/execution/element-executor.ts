/**
 * Executor of stages that process stored elements one by one: after a reshuffle or a union, or because their first step
 * has state, timers or side inputs.
 *
 * Elements that read a side input window which is not complete yet are put back: they keep their order, hold the
 * watermark, and go on when the window is ready.
 */
import { addMillis, TIMESTAMP_MAX } from '../../../sdk/time.js'
import type { PaneInfo } from '../../../sdk/windowing/pane-info.js'
import type { BoundedWindow, Windows } from '../../../sdk/windowing/window.js'
import type { BundleProcessor } from '../bundle-processor.js'
import { ElementBuffer } from '../element-buffer.js'
import type { KeyedState } from '../keyed-state.js'
import { keyedStatus } from '../keyed-state-status.js'
import type { Keeper } from '../kept-state.js'
import { listOf } from '../side-inputs.js'
import type { Acknowledgements } from './acknowledgements.js'
import type { Inbox, Waiting } from './inbox.js'
import { type GateParts, SideGate } from './side-gate.js'
import { type Committable, StageExecutor, TIMER_BUDGET } from './stage-executor.js'
import { NOTHING_KEPT, sideHold, type StageStatus } from './stage-status.js'

/** What stands behind a stage's first step. */
export interface ElementParts extends GateParts {
  readonly inbox: Inbox
  readonly keyed: KeyedState | undefined
  readonly acknowledgements: Acknowledgements
  /** Whether bundles are processed as they were cut, in strict mode; else those that wait together are one. */
  readonly keepsBundles: boolean
}

/** Runs elements through a stage. */
export class ElementExecutor extends StageExecutor {
  readonly #inbox: Inbox
  readonly #gate: SideGate
  readonly #acknowledgements: Acknowledgements
  readonly #keyed: KeyedState | undefined
  #hasMore = false
  readonly #keepsBundles: boolean
  /** How long after its end a window may still be read for. */
  readonly #latenessMillis: number
  /** Whether the step gets each key's elements in the order of their timestamps. */
  readonly #sortsByTime: boolean

  constructor(processor: BundleProcessor, targets: ReadonlySet<Committable>, parts: ElementParts) {
    super(processor, targets)
    this.#inbox = parts.inbox
    this.#gate = new SideGate(parts)
    this.#acknowledgements = parts.acknowledgements
    this.#keyed = parts.keyed
    this.#keepsBundles = parts.keepsBundles
    const { root } = processor.stage
    this.#sortsByTime = root.kind === 'parDo' && root.operator.payload.requiresTimeSortedInput
    this.#latenessMillis = root.kind === 'parDo' ? root.operator.strategy.allowedLatenessMillis : 0
  }

  override get hasMore(): boolean {
    return this.#hasMore
  }

  /** The round that the oldest element waiting for a side input may come from. */
  get heldSince(): number {
    return this.#gate.oldest
  }

  override keepers(): ReadonlyMap<string, Keeper> {
    const own: readonly (readonly [string, Keeper])[] = [['inbox', this.#inbox]]
    return this.#gate.keepers(...own, ...(this.#keyed === undefined ? [] : [['state', this.#keyed] as const]))
  }

  override status(): StageStatus {
    const { root } = this.stage
    const { length: waiting } = this.#inbox
    const kept =
      this.#keyed === undefined || root.kind !== 'parDo' ? undefined : keyedStatus(this.#keyed, root.operator)
    return {
      ...NOTHING_KEPT,
      ...(kept === undefined
        ? {}
        : { stateKeys: kept.stateKeys, windows: kept.windows, timers: kept.timers, awaits: kept.awaits }),
      pushedBack: this.#gate.length,
      buffered: waiting + (kept?.sorting ?? 0),
      holds: [
        ...sideHold(this.#gate),
        ...(kept?.hold === undefined ? [] : [kept.hold]),
        ...(waiting === 0 ? [] : [{ kind: 'elements', at: this.#inbox.hold, elements: waiting } as const]),
      ],
    }
  }

  override get nextProcessingTime(): number {
    return this.#keyed?.nextProcessingTime ?? TIMESTAMP_MAX
  }

  async turn(): Promise<boolean> {
    let changed = this.#gate.refresh()
    if (changed) await this.#process(this.#gate.release())
    const waiting = this.#inbox.take()
    if (waiting !== undefined) {
      const since = this.#acknowledgements.arrivalRound(this)
      for (const part of parts(waiting, this.#keepsBundles)) await this.#process(this.#gate.admit(part, since))
      changed = true
    }
    const watermark = Math.min(this.inputWatermark, this.#gate.hold)
    const isDue = this.#comesTo(watermark)
    this.#hasMore = isDue && (await this.#fireTimers())
    if (this.#hasMore) return true
    const moved = this.advanceTo(Math.min(watermark, this.#keyed?.hold ?? TIMESTAMP_MAX))
    // Late elements, timers and the last words of a window read what the window's own elements have read.
    this.#gate.forgetBefore(addMillis(watermark, -this.#latenessMillis))
    // A timer may have changed what is kept, or delivered something, though nothing leaves the stage.
    return changed || isDue || moved
  }

  /** Processes what need not wait. */
  async #process(ready: ElementBuffer): Promise<void> {
    if (ready.length === 0) return
    if (this.#sortsByTime) await this.#keep(ready)
    // State cannot be taken back for a whole bundle: its step attempts each call twice.
    else await this.bundle(() => this.processor.process(ready), this.#keyed === undefined)
  }

  /** Elements of a step that wants them sorted wait with its timers. */
  async #keep(elements: ElementBuffer): Promise<void> {
    const late = new ElementBuffer()
    elements.forEach((value: unknown, timestamp: number, windows: Windows, pane: PaneInfo) => {
      for (const window of listOf(windows)) {
        if (this.#keyed?.keep(value, timestamp, window, pane) !== true) late.add(value, timestamp, window, pane)
      }
    })
    if (late.length === 0) return
    await this.bundle(() =>
      late.forEach((value, timestamp, window) => {
        this.processor.rootDoFn?.dropLate(value, timestamp, window as BoundedWindow)
      }),
    )
  }

  /** The input watermark comes to an instant. @returns whether timers are due. */
  #comesTo(watermark: number): boolean {
    const keyed = this.#keyed
    if (keyed === undefined || this.processor.rootDoFn === undefined) return false
    keyed.inputWatermark = Math.max(keyed.inputWatermark, watermark)
    return keyed.isDue
  }

  /** @returns whether more are due than one turn does. */
  async #fireTimers(): Promise<boolean> {
    const keyed = this.#keyed
    const doFn = this.processor.rootDoFn
    if (keyed === undefined || doFn === undefined) return false
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
