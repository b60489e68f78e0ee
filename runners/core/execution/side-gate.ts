/**
 * What stands before a step with side inputs: elements whose side input window is not complete yet wait here, hold the
 * watermark, and go on in order when it is.
 *
 * Law: an element is let through once, when everything it reads is complete.
 */
import { TIMESTAMP_MAX } from '../../../sdk/time.js'
import { invariant } from '../../../sdk/invariant.js'
import type { BoundedWindow } from '../../../sdk/windowing/window.js'
import { ElementBuffer } from '../element-buffer.js'
import type { ChangeSink, Keeper, KeptEntry } from '../kept-state.js'
import { listOf, type SideInputStore } from '../side-inputs.js'
import type { Inbox } from './inbox.js'
import { KeptElements, type WaitingCoding } from './kept-elements.js'
import type { UpstreamStage } from './stage-executor.js'

/** A side input of a stage, with the stage that makes it. */
export interface SideSource {
  readonly store: SideInputStore
  readonly inbox: Inbox
  /** Path of the step that makes what is viewed. */
  readonly step: string
  producer: UpstreamStage | undefined
}

/** What a stage with side inputs is made of. */
export interface GateParts {
  readonly sides: readonly SideSource[]
  /** How elements that wait are stored, where they are. */
  readonly coding?: () => WaitingCoding
}

/** The side inputs of a stage, and who waits for them. */
export class SideGate implements Keeper {
  readonly #sides: readonly SideSource[]
  #waiting = new ElementBuffer()
  /** When each has come, as the acknowledgement of sources counts. */
  #since: number[] = []
  /** By element, in the order of their coming. */
  #numbers: number[] = []
  #next = 0
  readonly #coding: (() => WaitingCoding) | undefined
  /** Where those that wait are stored too. */
  #kept: KeptElements | undefined
  /** Elements with smaller numbers are stored. */
  #storedTo = 0
  #gone: number[] = []

  constructor({ sides, coding }: GateParts) {
    this.#sides = sides
    this.#coding = coding
  }

  /** What is kept of the side inputs and of those that wait for them, by name, beside what else the stage keeps. */
  keepers(...own: readonly (readonly [name: string, Keeper])[]): ReadonlyMap<string, Keeper> {
    const keepers = new Map(own)
    if (this.#sides.length > 0) keepers.set('gate', this)
    for (const { store, inbox } of this.#sides) {
      keepers.set(`side/${store.side.name}`, store)
      keepers.set(`inbox/${store.side.name}`, inbox)
    }
    return keepers
  }

  track(): void {
    invariant(this.#coding !== undefined, 'elements that are stored have a coder')
    this.#kept = new KeptElements(this.#coding())
  }

  changes(sink: ChangeSink): void {
    const kept = this.#kept
    if (kept === undefined) return
    for (const number of this.#gone) kept.remove(sink, number)
    this.#gone = []
    let index = 0
    this.#waiting.forEach((value, timestamp, windows, pane) => {
      const number = this.#numbers[index++] as number
      if (number >= this.#storedTo) kept.put(sink, number, value, timestamp, windows, pane)
    })
    this.#storedTo = this.#next
  }

  restore(entries: Iterable<KeptEntry>): void {
    this.#kept?.restore(entries, (number, value, timestamp, windows, pane) => {
      this.#waiting.add(value, timestamp, windows, pane)
      this.#numbers.push(number)
      this.#next = number + 1
      // It is stored, so no source waits for it.
      this.#since.push(Infinity)
    })
    this.#storedTo = this.#next
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
          this.#numbers.push(this.#next++)
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
    const numbers = this.#numbers
    this.#since = []
    this.#numbers = []
    let index = 0
    before.forEach((value, timestamp, windows, pane) => {
      const came = since[index] as number
      const number = numbers[index++] as number
      if (this.#isReady(windows as BoundedWindow)) {
        ready.add(value, timestamp, windows, pane)
        if (number < this.#storedTo) this.#gone.push(number)
      } else {
        this.#waiting.add(value, timestamp, windows, pane)
        this.#since.push(came)
        this.#numbers.push(number)
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
