/**
 * How many elements a batch may read so that it is over when the next is due: from how long the batches before it took. The law is that
 * of Spark Streaming's `PIDRateEstimator` (org.apache.spark.streaming.scheduler.rate), with its defaults; what is added is that a
 * batch has costs that do not depend on its elements, so that smaller batches do not make it shorter.
 *
 * Law: an estimate is a function of the one before and of one batch; at a constant cost per element and a constant cost per batch, it
 * comes to what just fits. A batch may always read one element.
 */

/** Gains: of the error of the last batch, of what has piled up, and of the trend. */
const PROPORTIONAL = 1
const INTEGRAL = 0.2
const DERIVATIVE = 0
/** A batch that takes longer than it should by less than this share tells nothing: clocks and processes are not exact. */
const TOLERANCE = 0.1
/** A batch that takes less than this share of its time, and leaves nothing, tells nothing of what could be done. */
const LOADED = 0.5
/** Share of what a larger fixed cost is believed at once. What is smaller is believed altogether. */
const FIXED_SHARE = 1 / 16
/** Part of its last value that the rate keeps at least: one batch that was held up by something else is not the rule. */
const KEPT_SHARE = 0.1

/** What is known after a batch. */
export interface RateEstimate {
  /** What a batch costs without elements, in milliseconds. */
  readonly fixedMillis: number
  /** Elements a second, apart from that; `undefined`: batches have been over in time, and nothing is held back. */
  readonly perSecond: number | undefined
  /** By how many elements a second it was wrong last. */
  readonly error: number
}

/** A batch that is over. */
export interface MeasuredBatch {
  readonly elements: number
  /** From its beginning to the end of its commit. */
  readonly busyMillis: number
  /** What of that came after it was read. */
  readonly closingMillis: number
  /** How much later it began than it was due. */
  readonly delayMillis: number
  /** Whether more could have been read. */
  readonly isCut: boolean
}

/** Before the first batch. */
export const NO_ESTIMATE: RateEstimate = { fixedMillis: 0, perSecond: undefined, error: 0 }

/** What is known after one more batch. @param intervalMillis how long it should have taken at most. */
export function nextEstimate(before: RateEstimate, batch: MeasuredBatch, intervalMillis: number): RateEstimate {
  const { elements, busyMillis, closingMillis, delayMillis, isCut } = batch
  const isFirst = before === NO_ESTIMATE
  const more = closingMillis - before.fixedMillis
  const fixedMillis = isFirst || more < 0 ? closingMillis : before.fixedMillis + more * FIXED_SHARE
  const room = roomOf(fixedMillis, intervalMillis)
  const variableMillis = Math.max(busyMillis - fixedMillis, 1e-3)
  const { perSecond: latest } = before
  const isLate = variableMillis > room * (1 + TOLERANCE)
  if (elements === 0 || (latest === undefined && !isLate)) return { ...before, fixedMillis }
  if (!isCut && !isLate && variableMillis < room * LOADED) return { ...before, fixedMillis }
  const processing = (elements * 1000) / variableMillis
  if (latest === undefined) return { fixedMillis, perSecond: processing, error: 0 }
  const error = latest - processing
  // A batch that costs more than its interval delays the next whatever it reads; that is no reason to read less.
  const lasts = fixedMillis + room
  const piledUp = (Math.max(0, delayMillis - (lasts - intervalMillis)) * processing) / lasts
  const trend = ((error - before.error) * 1000) / lasts
  const next = latest - PROPORTIONAL * error - INTEGRAL * piledUp - DERIVATIVE * trend
  return { fixedMillis, perSecond: Math.max(next, latest * KEPT_SHARE), error }
}

/** Elements that the next batch may read; `Infinity` where nothing is held back. */
export function elementsMax({ perSecond, fixedMillis }: RateEstimate, intervalMillis: number): number {
  if (perSecond === undefined) return Infinity
  return Math.max(1, Math.floor((perSecond * roomOf(fixedMillis, intervalMillis)) / 1000))
}

/**
 * Time for elements. Where a batch costs more than half of its interval whatever it reads, the next one is delayed instead of being
 * made smaller: else all would be spent on batches.
 */
function roomOf(fixedMillis: number, intervalMillis: number): number {
  return Math.max(intervalMillis - fixedMillis, fixedMillis)
}
