/**
 * All the work of a splittable step: what it was given, cut into restrictions, and how far each of them is.
 *
 * Law: what elements name is worked off once; work is truncated once; the watermark of all is the smallest of any.
 */
import type { Env } from '../../../sdk/env.js'
import type { AnySplittableDoFn, RestrictionContext } from '../../../sdk/source/splittable.js'
import { TIMESTAMP_MAX, TIMESTAMP_MIN } from '../../../sdk/time.js'
import type { ElementBuffer } from '../element-buffer.js'
import { listOf } from '../side-inputs.js'
import type { WorkShare } from './exchange.js'
import type { ReadingDisorder } from './reading-disorder.js'
import type { SourceCalls } from './source-calls.js'
import type { SourceCodec } from './source-codec.js'
import { checkAmount, checkNumber, checkProgress } from './source-reading.js'
import type { TurnRecord, WorkBegun } from './source-journal.js'
import type { SourceReport } from './source-report.js'
import { Work, type WorkElement } from './source-work.js'

/** What a list of work belongs to. */
export interface WorkServices {
  readonly doFn: AnySplittableDoFn<unknown>
  readonly env: Env
  readonly calls: SourceCalls
  readonly told: SourceReport
  /** Whether an element in several windows is work for each of them. */
  readonly isPerWindow: boolean
  readonly disorder: ReadingDisorder | undefined
  /** Set where others share the work. */
  readonly share: WorkShare | undefined
  readonly codec: () => SourceCodec
  /** What delays are measured by. */
  readonly clock: () => number
  readonly resource: () => unknown
}

/** The work of one step. */
export class WorkList {
  readonly all: Work[] = []
  readonly #of: WorkServices
  #begun = 0
  #made = 0
  /** What came since it was last asked for. */
  readonly #new: WorkBegun[] = []

  constructor(services: WorkServices) {
    this.#of = services
  }

  get length(): number {
    return this.all.length
  }

  /** How many elements it was given, and how many restrictions were made of them: what numbers begin with. */
  get counts(): readonly [begun: number, made: number] {
    return [this.#begun, this.#made]
  }

  /** Up to where the window reaches that ends first, of those that work is in. */
  get windowsUntil(): number {
    let until = TIMESTAMP_MAX
    for (const { of } of this.all) for (const window of listOf(of.windows)) until = Math.min(until, window.maxTimestamp)
    return until
  }

  /** Work that was kept. */
  restore(works: readonly Work[], [begun, made]: readonly [begun: number, made: number]): void {
    this.all.push(...works)
    this.#begun = begun
    this.#made = made
  }

  /**
   * Takes in elements, each of which names work.
   *
   * @param planned what came in this turn when it was done before: what comes now may be something else, and does not count.
   */
  takeIn(elements: ElementBuffer, since: number, planned?: readonly WorkBegun[]): void {
    if (planned !== undefined) return
    const { doFn, calls, isPerWindow } = this.#of
    elements.forEach((element, timestamp, windows, pane) => {
      for (const each of isPerWindow ? listOf(windows) : [windows]) {
        const of = { element, timestamp, windows: each, pane, number: this.#begun }
        const restriction = calls.guarded('restriction', element, () => doFn.restriction(element, this.context()))
        this.#begin({ ...of, restriction }, since)
      }
    })
  }

  /** Takes in what came in this turn when it was done before. */
  takeAgain(planned: readonly WorkBegun[] | undefined, since: number): void {
    for (const each of planned ?? []) {
      this.#of.calls.guarded('restriction', each.element, () => checkNumber(each.number, this.#begun))
      this.#begin(each, since)
    }
  }

  #begin(begun: WorkBegun, since: number): void {
    const { restriction: whole, ...named } = begun
    const { doFn, clock } = this.#of
    const { element } = named
    const of: WorkElement = { ...named, since }
    this.#begun = named.number + 1
    this.#new.push(begun)
    const { share, codec } = this.#of
    for (const [i, restriction] of this.#initialParts(element, whole).entries()) {
      if (doFn.size !== undefined) this.sizeOf(element, restriction)
      const work = new Work(of, restriction, clock())
      const partition = share === undefined ? 0 : (share.own + i) % share.partitions
      if (share === undefined || partition === share.own) this.all.push(this.numbered(work))
      else share.ship(partition, codec().work(work, clock()))
    }
  }

  /** Takes work that another has shipped. */
  take(bytes: Uint8Array): void {
    const { codec, clock } = this.#of
    this.all.push(this.numbered(codec().workFrom(0, bytes, clock())))
  }

  /** Takes out what came since the last time. */
  takeBegun(): readonly WorkBegun[] {
    return this.#new.splice(0)
  }

  /** Idle work is as far as it was. */
  wasIdle(idle: TurnRecord['idle']): void {
    for (const { work: id, watermark } of idle) {
      const work = this.all.find((each) => each.id === id)
      if (work !== undefined) work.watermark = watermark
    }
  }

  /** A restriction that is made has a number, unlike any other of the step. */
  numbered(work: Work): Work {
    work.id = this.#made++
    return work
  }

  /** The number is taken. */
  hasMade(id: number): void {
    this.#made = Math.max(this.#made, id + 1)
  }

  /** A restriction is cut before it is read where several read; in strict mode as if they did. */
  #initialParts(element: unknown, restriction: unknown): readonly unknown[] {
    const { doFn, disorder, calls, share } = this.#of
    const { split } = doFn
    const parts = disorder?.initialParts() ?? share?.partitions ?? 1
    if (split === undefined || (parts === 1 && disorder === undefined)) return [restriction]
    return calls.guarded('split', element, () => split(element, restriction, parts))
  }

  /** What of each work is still to be done when the run is drained. @returns whether some is that was not before. */
  truncate(): boolean {
    const { doFn, calls, told } = this.#of
    const { truncate, bounded } = doFn
    if (truncate === undefined && bounded) return false
    let changed = false
    for (const work of this.all.splice(0)) {
      if (!work.isTruncated) {
        changed = true
        const { element } = work.of
        const before = this.sizeOf(element, work.restriction)
        work.restriction = calls.guarded('truncate', element, () => truncate?.(element, work.restriction, this.context())) // prettier-ignore
        work.isTruncated = true
        told.truncated(before, work.restriction === undefined ? 0 : this.sizeOf(element, work.restriction))
      }
      if (work.restriction !== undefined) this.all.push(work)
    }
    return changed
  }

  /** Bounded work is done one after another; unbounded work takes turns. */
  due(): readonly Work[] {
    const { doFn, disorder, clock } = this.#of
    const at = clock()
    const isDue = (work: Work): boolean => work.notBefore <= at
    if (!doFn.bounded) return this.all.filter(isDue)
    disorder?.shuffle(this.all)
    const next = this.all.find(isDue)
    return next === undefined ? [] : [next]
  }

  /** When something can be read, or counts as idle. */
  get nextDue(): number {
    const { doFn, clock } = this.#of
    const at = clock()
    let next = Infinity
    for (const work of this.all) next = Math.min(next, work.notBefore, work.nextMove(doFn.watermark, at))
    return next
  }

  sizeOf(element: unknown, restriction: unknown): number {
    const { doFn, calls } = this.#of
    const { size, tracker } = doFn
    return size === undefined
      ? calls.guarded('tracker.progress', element, () => checkProgress(tracker(restriction).progress()).remaining)
      : calls.guarded('size', element, () => checkAmount('the size', size(element, restriction, this.context())))
  }

  /**
   * The smallest watermark of all work.
   *
   * @param followsClock whether idle work follows the clock now. @param moved is told of work that has.
   */
  estimate(followsClock: boolean, moved: (work: Work) => void): number {
    const { doFn, clock, env } = this.#of
    const { watermark: policy } = doFn
    if (policy.kind === 'none') return this.all.length === 0 ? TIMESTAMP_MAX : TIMESTAMP_MIN
    let watermark = TIMESTAMP_MAX
    const at = clock()
    for (const work of this.all) {
      if (followsClock && work.isIdle(policy, at) && work.followClock(policy, env.now())) moved(work)
      watermark = Math.min(watermark, work.watermark)
    }
    return watermark
  }

  /** Puts what is left of work in its place. Unbounded work goes to the end of the line: others have their turn first. */
  replace(work: Work, left: readonly Work[]): void {
    const { doFn } = this.#of
    const index = this.all.indexOf(work)
    if (doFn.bounded && left.length === 1) this.all[index] = left[0] as Work
    else if (doFn.bounded) this.all.splice(index, 1, ...left)
    else {
      this.all.splice(index, 1)
      this.all.push(...left)
    }
  }

  context(): RestrictionContext<unknown> {
    return { resource: this.#of.resource(), now: () => this.#of.env.now() }
  }
}
