/**
 * What a source has been read ahead in its partitions, as their driver knows it: what it has heard with their last tasks, and what it
 * tells them with the next.
 *
 * Law: what is ended has ended when every partition that was reading has answered, and nothing waits there.
 */
import type { QueueStatus } from '../../run-status.js'
import type { AheadOrder, QueueTold } from '../tasks/task.js'

interface Part {
  told: QueueTold | undefined
  asked: AheadOrder['state'] | undefined
  /** The most elements that any life of the partition has had. */
  elementsMax: number
}

/** See the head of this file. */
export class StageAhead {
  readonly #step: string
  readonly #bundleMax: () => number
  readonly #parts = new Map<number, Part>()
  #isEnding = false

  /** @param bundleMax elements of a bundle, at most. */
  constructor(step: string, bundleMax: () => number) {
    this.#step = step
    this.#bundleMax = bundleMax
  }

  #of(partition: number): Part {
    let part = this.#parts.get(partition)
    if (part === undefined) this.#parts.set(partition, (part = { told: undefined, asked: undefined, elementsMax: 0 }))
    return part
  }

  /** What a partition is to do in its next task. @param isPaused whether nobody wants to read. */
  order(partition: number, isPaused: boolean): AheadOrder {
    const state = this.#state(isPaused)
    this.#of(partition).asked = state
    return { state, bundleMax: this.#bundleMax() }
  }

  #state(isPaused: boolean): AheadOrder['state'] {
    return this.#isEnding ? 'ends' : isPaused ? 'rests' : 'reads'
  }

  /** A partition has done a task. */
  take(partition: number, told: QueueTold | undefined): void {
    const part = this.#of(partition)
    part.told = told
    part.elementsMax = Math.max(part.elementsMax, told?.elementsMax ?? 0)
  }

  /** Whether a partition reads on, though the run is paused, or would: it has to be told what it is to do. */
  readsOn(partition: number): boolean {
    const { told, asked } = this.#of(partition)
    return told?.isReading === true && asked !== this.#state(true)
  }

  /** Partitions begin anew, wherever they were. */
  forget(): void {
    for (const part of this.#parts.values()) part.told = part.asked = undefined
  }

  /** Whether something waits, or may have come since: what is to end has not ended everywhere. */
  get isAhead(): boolean {
    for (const { told } of this.#parts.values())
      if (told?.isAhead === true || (this.#isEnding && told?.isReading === true)) return true
    return false
  }

  /** Reads no more, until it goes on. */
  end(): void {
    this.#isEnding = true
  }

  goOn(): void {
    this.#isEnding = false
  }

  status(): QueueStatus {
    const parts = [...this.#parts.values()]
    const sum = (of: (part: Part) => number | undefined): number =>
      parts.reduce((all, part) => all + (of(part) ?? 0), 0)
    return {
      step: this.#step,
      elements: sum(({ told }) => told?.elements),
      elementsMax: sum(({ elementsMax }) => elementsMax),
      bytes: sum(({ told }) => told?.bytes),
      spilledBytes: sum(({ told }) => told?.spilledBytes),
    }
  }
}
