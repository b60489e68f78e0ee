/**
 * Reads one bundle of a restriction: calls `process` until it has given as many elements as are wanted, and says what is left.
 *
 * Law: what a bundle holds and what it leaves are the whole restriction; nothing but the reader's own buffer has changed when it is
 * read, so that it may be read ahead of the bundles that take it.
 */
import type { Env } from '../../../sdk/env.js'
import type { AnySplittableDoFn, Resume } from '../../../sdk/source/splittable.js'
import { isThenable } from '../prepare-step.js'
import type { OffsetRange } from '../../../sdk/source/restriction-tracker.js'
import { positionsLeft, timestampsOf } from './source-positions.js'
import type { SourceCalls } from './source-calls.js'
import {
  checkCount,
  Reading,
  ReadingContext,
  type ReadingServices,
  SourceBatch,
  type SplitPlan,
} from './source-reading.js'
import type { SourceReport } from './source-report.js'
import type { Work } from './source-work.js'

/** A reader that is read again is not asked any more when it has had nothing for so long. */
const PATIENCE_MILLIS = 10_000

/** What reading needs. */
export interface ReaderParts {
  readonly doFn: AnySplittableDoFn<unknown>
  readonly calls: SourceCalls
  readonly told: SourceReport
  readonly env: Pick<Env, 'now' | 'setTimer'>
  /** What delays are measured by. */
  readonly clock: () => number
  readonly services: () => ReadingServices
  /** Gives work that is split off its number. */
  readonly numbered: (work: Work) => Work
  /** In strict mode, where the restriction is split while it is read. */
  readonly splitPlan: (limit: number) => SplitPlan | undefined
}

/** A bundle that was read. */
export interface BundleRead {
  /** The elements; overwritten by the next bundle. */
  readonly batch: SourceBatch
  readonly left: readonly Work[]
  /** Whether its size ended the bundle, and all that it left is the rest of the work, to be read at once. */
  readonly isFull: boolean
  readonly acknowledgements: readonly (() => void | Promise<void>)[]
}

/** Reads the restrictions of one step, a bundle at a time. */
export class WorkReader {
  readonly #parts: ReaderParts
  readonly #batch = new SourceBatch()

  constructor(parts: ReaderParts) {
    this.#parts = parts
  }

  /** A bundle of about `limit` elements. */
  async read(work: Work, limit: number): Promise<BundleRead> {
    const { doFn, calls, clock, numbered, splitPlan } = this.#parts
    const batch = this.#begun(work)
    const tracker = calls.guarded('tracker', work.of.element, () => doFn.tracker(work.restriction))
    const splits: Work[] = []
    // What is split off may hold what was to come next, so it begins with the watermark of that moment.
    const giveAway = (rest: unknown): void => void splits.push(numbered(work.part(rest, clock())))
    const reading = new Reading(tracker, batch, limit, splitPlan(limit), giveAway)
    const resumed = await this.#call(work, reading)
    const left = [...this.#settle(work, reading, resumed), ...splits]
    const isFull = batch.length === limit && resumed === undefined && reading.residual !== undefined
    return { batch, left, isFull: isFull && splits.length === 0, acknowledgements: reading.acknowledgements }
  }

  /**
   * The same `count` elements again. What there was need not be there at once: a reader that asks to be called later is called later, as
   * in a run, until it has given nothing for {@link PATIENCE_MILLIS}.
   *
   * @param wantsRest whether what they leave is not known.
   */
  async again(work: Work, count: number, wantsRest: boolean): Promise<Pick<BundleRead, 'batch' | 'left'>> {
    const { doFn, calls } = this.#parts
    const batch = this.#begun(work)
    let { restriction } = work
    for (let quietMillis = 0; ;) {
      const before = batch.length
      const reading = new Reading(doFn.tracker(restriction), batch, count)
      const resumed = await this.#call(work, reading)
      if (batch.length > before) quietMillis = 0
      const rest = batch.length >= count || resumed === undefined ? undefined : this.#put(reading)
      if (rest === undefined || quietMillis >= PATIENCE_MILLIS) {
        calls.guarded('process', work.of.element, () => checkCount(count, batch.length))
        return { batch, left: wantsRest ? this.#settle(work, reading, resumed) : [] }
      }
      if (wantsRest && batch.length > before) work.observe(reading.maxTimestamp, this.#parts.clock())
      restriction = rest.rest
      const waits = Math.max(1, Math.min(resumed?.delayMillis ?? 0, PATIENCE_MILLIS - quietMillis))
      quietMillis += waits
      await new Promise<void>((resolve) => void this.#parts.env.setTimer(waits, resolve))
    }
  }

  /** What a call has left that asked to be called later. */
  #put(reading: Reading): Reading['residual'] {
    if (reading.residual === undefined) reading.checkpoint()
    return reading.residual
  }

  /** What a bundle of positions that was read says of time, and what it leaves. */
  positions(
    work: Work,
    count: number,
    plan: SplitPlan | undefined,
  ): { readonly left: readonly Work[]; readonly timestamps: readonly number[] | undefined } {
    const { doFn, calls, told, env, clock, numbered } = this.#parts
    const { from, to } = work.restriction as OffsetRange
    const end = from + count
    const [min, max] = calls.guarded('timestampAt', work.of.element, () =>
      timestampsOf(doFn, work.of, { from, to: end }),
    )
    work.observe(max, clock())
    work.estimate(doFn.watermark, env.now())
    told.observe(min, max, env.now())
    const left = positionsLeft({ from: end, to }, plan).map((range, i) => {
      const part = work.part(range, work.activeAt)
      return i === 0 ? part : numbered(part)
    })
    return { left, timestamps: doFn.timestampAt === undefined ? undefined : [min, max] }
  }

  #begun({ of: { timestamp } }: Work): SourceBatch {
    this.#batch.begin(timestamp)
    return this.#batch
  }

  /** One call of `process`. */
  async #call(work: Work, reading: Reading): Promise<Resume | void> {
    const { doFn, calls, services } = this.#parts
    const { element } = work.of
    const context = new ReadingContext(work, reading, services())
    const result = calls.guarded('process', element, () => doFn.process(element, reading.tracker, context))
    return isThenable(result) ? await calls.awaited('process', element, result) : result
  }

  /** What is left of the work, with the watermark as far as it is known now. */
  #settle(work: Work, reading: Reading, resumed: Resume | void): readonly Work[] {
    const { doFn, calls, told, env, clock } = this.#parts
    const { tracker, minTimestamp, maxTimestamp } = reading
    const at = clock()
    const now = env.now()
    if (this.#batch.length > 0) work.observe(maxTimestamp, at)
    work.estimate(doFn.watermark, now)
    told.observe(minTimestamp, maxTimestamp, now)
    calls.guarded('tracker.checkDone', work.of.element, () => {
      if (resumed !== undefined && reading.residual === undefined) reading.checkpoint()
      tracker.checkDone()
    })
    if (reading.residual === undefined) return []
    const rest = work.part(reading.residual.rest, work.activeAt)
    rest.notBefore = resumed === undefined ? 0 : at + resumed.delayMillis
    return [rest]
  }
}
