/**
 * Reads a source ahead of the run, for sources that cannot be told to wait: what has come stands in a queue until a turn takes it. A
 * bundle that was read ahead is taken as one that is done again after a crash: by the record of what was read.
 *
 * Law: the work of the run knows nothing of what is still in the queue; bundles are taken in the order in which they were read, each
 * once; nothing is acknowledged before it was taken.
 */
import type { Env } from '../../../sdk/env.js'
import type { SourceCodec } from './source-codec.js'
import { type ReadRecord, workLeft } from './source-journal.js'
import type { Work } from './source-work.js'
import type { WorkReader } from './work-reader.js'

/** A bundle that was read ahead. */
export interface AheadBundle {
  /** What was read, with its elements and what it leaves. */
  readonly record: ReadRecord
  /** Wall clock when it had been read. */
  readonly arrivedAt: number
  readonly acknowledgements: readonly (() => void | Promise<void>)[]
}

/** Where bundles wait. */
export interface AheadQueue {
  /** Elements that wait. */
  readonly length: number
  /** Elements that there is room for; less than 1: none. */
  readonly room: number
  /** Elements that a bundle is to have at most: what was read together is taken together. */
  readonly bundleMax: number
  push(bundle: AheadBundle): void
  /** Puts a bundle in place of the one pushed last, if that one is still here and of the same work. @returns whether it was. */
  amend(bundle: AheadBundle): boolean
  shift(): AheadBundle | undefined
  readonly isEmpty: boolean
}

/** What reading ahead needs. */
export interface AheadParts {
  readonly reader: WorkReader
  readonly queue: AheadQueue
  /** The world as it is, not as a batch sees it. */
  readonly env: Env
  readonly codec: SourceCodec
}

/** Elements that are taken at once, about: others have their turn, too. */
const TAKEN_MAX = 1000

/** Reads ahead, until it is told to end. */
export class ReadAhead {
  readonly #parts: AheadParts
  /** Work as it stands behind the queue. */
  #works: Work[] = []
  readonly #known = new Set<number>()
  #isEnding = false
  #isPaused = false
  #wake: (() => void) | undefined
  #loop: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined

  constructor(parts: AheadParts) {
    this.#parts = parts
  }

  /** Whether nothing waits. */
  get isEmpty(): boolean {
    return this.#parts.queue.isEmpty
  }

  /** Whether it reads on, or would. */
  get isReading(): boolean {
    return this.#works.length > 0 && !this.#isEnding
  }

  /** Reads what the run has to read, from where it stands. */
  follow(works: readonly Work[]): void {
    for (const work of works) {
      if (this.#known.has(work.id)) continue
      this.#known.add(work.id)
      const own = work.part(work.restriction, work.activeAt)
      own.notBefore = work.notBefore
      this.#works.push(own)
      this.#wake?.()
    }
    if (this.#works.length > 0 && !this.#isEnding) this.#loop ??= this.#readOn()
  }

  /** The next bundles, of about `room` elements. @throws what reading has failed with, after all that was read before. */
  take(room: number): readonly AheadBundle[] {
    const { queue } = this.#parts
    if (queue.isEmpty && this.#failure !== undefined) throw this.#failure.error
    const bundles: AheadBundle[] = []
    for (let left = Math.min(room, TAKEN_MAX); left > 0 && !queue.isEmpty;) {
      const bundle = queue.shift() as AheadBundle
      bundles.push(bundle)
      // What has no elements is not for nothing, either.
      left -= Math.max(1, bundle.record.count)
    }
    this.#wake?.()
    return bundles
  }

  /** Reads nothing while `isPaused`. */
  set isPaused(isPaused: boolean) {
    this.#isPaused = isPaused
    this.#wake?.()
  }

  /** Ends reading. The call that is under way is finished, and what it gives is in the queue. */
  async end(): Promise<void> {
    this.#isEnding = true
    this.#wake?.()
    await this.#loop
  }

  /** What was ended goes on, once the run says again what there is to read. */
  goOn(): void {
    this.#isEnding = false
  }

  async #readOn(): Promise<void> {
    const { queue, env } = this.#parts
    try {
      while (!this.#isEnding && this.#works.length > 0) {
        const at = env.monotonic()
        const due = this.#works.find(({ notBefore }) => notBefore <= at)
        if (due !== undefined && queue.room >= 1 && !this.#isPaused) {
          await this.#read(due)
          await env.yield()
        } else if (due !== undefined) await this.#sleep(undefined)
        else await this.#sleep(Math.min(...this.#works.map(({ notBefore }) => notBefore)) - at)
      }
    } catch (error) {
      this.#failure = { error }
    } finally {
      this.#loop = undefined
    }
  }

  async #read(work: Work): Promise<void> {
    const { reader, queue, env, codec } = this.#parts
    const { batch, left, acknowledgements } = await reader.read(work, Math.min(queue.bundleMax, Math.floor(queue.room)))
    const { length: count } = batch
    const at = env.monotonic()
    const record = {
      work: work.id,
      count,
      isFull: false,
      left: left.map((each) => workLeft(each, at)),
      elements: codec.elements(batch.values, batch.stamps, count),
    }
    // Others have their turn first.
    this.#works = [...this.#works.filter((each) => each !== work), ...left]
    const bundle = { record, arrivedAt: env.now(), acknowledgements }
    const isAmending = count === 0 && acknowledgements.length === 0
    if (!isAmending || !queue.amend(bundle)) queue.push(bundle)
  }

  #sleep(millis: number | undefined): Promise<void> {
    const { env } = this.#parts
    return new Promise((resolve) => {
      const timer = millis === undefined ? undefined : env.setTimer(Math.max(0, millis), () => this.#wake?.())
      this.#wake = () => {
        this.#wake = undefined
        timer?.cancel()
        resolve()
      }
    })
  }
}

/** What a source declares that must happen in the bundle that its elements are in. @returns why it cannot be read ahead. */
export function aheadProblem(doFn: {
  readonly bounded: boolean
  readonly replayable: boolean
  readonly sides?: object
  readonly metrics?: object
  readonly bundleFinalizer?: boolean
  readonly elementAt?: unknown
}): string | undefined {
  if (doFn.replayable) return 'can be read again, so it is simply not read while there is too much'
  if (doFn.bounded) return 'ends by itself, so it is simply not read while there is too much'
  if (Object.keys(doFn.sides ?? {}).length > 0) return 'reads side inputs, which its batch decides'
  if (Object.keys(doFn.metrics ?? {}).length > 0) return 'has metrics, which count in its batch'
  if (doFn.bundleFinalizer === true) return 'has a bundle finalizer, which belongs to its batch'
  return doFn.elementAt === undefined ? undefined : 'is read by position'
}
