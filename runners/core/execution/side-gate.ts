/**
 * What stands before a step with side inputs: elements whose side input window is not complete yet wait here, hold the
 * watermark, and go on in order when it is.
 *
 * Law: an element is let through once, when everything it reads is complete.
 */
import { TIMESTAMP_MAX } from '../../../sdk/time.js'
import type { BoundedWindow } from '../../../sdk/windowing/window.js'
import { ElementBuffer } from '../element-buffer.js'
import { listOf, type SideInputStore } from '../side-inputs.js'
import type { Inbox } from './inbox.js'
import type { StageExecutor } from './stage-executor.js'

/** A side input of a stage, with the stage that makes it. */
export interface SideSource {
  readonly store: SideInputStore
  readonly inbox: Inbox
  /** Path of the step that makes what is viewed. */
  readonly step: string
  producer: StageExecutor | undefined
}

/** The side inputs of a stage, and who waits for them. */
export class SideGate {
  readonly #sides: readonly SideSource[]
  #waiting = new ElementBuffer()
  /** When each has come, as the acknowledgement of sources counts. */
  #since: number[] = []

  constructor(sides: readonly SideSource[]) {
    this.#sides = sides
  }

  /** Takes in what side inputs have, and how far they are complete. @returns whether more can be read than before. */
  refresh(): boolean {
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

  /** What of a bundle may go on now; the rest waits. */
  admit(bundle: ElementBuffer, since: number): ElementBuffer {
    if (this.#sides.length === 0) return bundle
    const ready = new ElementBuffer()
    bundle.forEach((value, timestamp, windows, pane) => {
      for (const window of listOf(windows)) {
        if (this.#isReady(window)) ready.add(value, timestamp, window, pane)
        else {
          this.#waiting.add(value, timestamp, window, pane)
          this.#since.push(since)
        }
      }
    })
    return ready
  }

  /** What has waited and may go on now. */
  release(): ElementBuffer {
    const ready = new ElementBuffer()
    if (this.#waiting.length === 0) return ready
    const before = this.#waiting.take()
    const since = this.#since
    this.#since = []
    let index = 0
    before.forEach((value, timestamp, windows, pane) => {
      const came = since[index++] as number
      if (this.#isReady(windows as BoundedWindow)) ready.add(value, timestamp, windows, pane)
      else {
        this.#waiting.add(value, timestamp, windows, pane)
        this.#since.push(came)
      }
    })
    return ready
  }

  /** Where those that wait hold the watermark; the end of time when none does. */
  get hold(): number {
    return this.#waiting.hold()
  }

  /** Number of elements that wait. */
  get length(): number {
    return this.#waiting.length
  }

  /** Which side input the first of those that wait is waiting for, and the window of it. */
  firstWaiting(): { readonly side: SideSource; readonly window: BoundedWindow } | undefined {
    const window = this.#waiting.windows[0] as BoundedWindow | undefined
    const side = window === undefined ? undefined : this.#sides.find(({ store }) => !store.isReady(window))
    return window === undefined || side === undefined ? undefined : { side, window: side.store.windowFor(window) }
  }

  /** When the oldest of those that wait has come. */
  get oldest(): number {
    let oldest = Infinity
    for (const since of this.#since) oldest = Math.min(oldest, since)
    return oldest
  }

  /** Nobody will ask for windows before this any more. */
  forgetBefore(timestamp: number): void {
    for (const { store } of this.#sides) store.forgetBefore(timestamp)
  }

  #isReady(window: BoundedWindow): boolean {
    return this.#sides.every(({ store }) => store.isReady(window))
  }
}
