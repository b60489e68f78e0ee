/**
 * How many elements a batch may read so that it is over when the next is due: from how long the batches before it took. What has piled
 * up is made up for as Spark Streaming's `PIDRateEstimator` does it (org.apache.spark.streaming.scheduler.rate), with its gain. Unlike
 * there, what an element costs is told from what a batch costs whatever it reads: messages, files and disks, wherever in the batch they
 * are waited for. A rate that takes all of the time for that of its elements makes batches smaller, which makes none of them shorter,
 * until each reads one.
 *
 * Law: an estimate is a function of the one before and of one batch; at a constant cost per element and a constant cost per batch, it
 * comes to what just fits, or where next to nothing fits, to a third of what batches cost without elements, or more. A batch may always
 * read one element.
 */

/** Gain of what has piled up. */
const INTEGRAL = 0.2
/** A batch that takes longer than it should by less than this share tells nothing: clocks and processes are not exact. */
const TOLERANCE = 0.1
/** Elements that take less than this share of their time, and leave nothing, tell nothing of what could be done. */
const LOADED = 0.5
/** Share of what a larger fixed cost is believed at once. What is smaller is believed altogether. */
const FIXED_SHARE = 1 / 16
/** Part of its last value that the rate keeps at least: one batch that was held up by something else is not the rule. */
const KEPT_SHARE = 0.1
/** The next batch reads so many times of what the last one did at most, where something is held back. */
const GROWTH = 10
/** What is remembered of the batches before the last, each time. */
const MEMORY = 0.7
/** A batch that is off by more than this share of what was expected says that something has changed. */
const SURPRISE = 0.5
/** What is remembered then. */
const MEMORY_SURPRISED = 0.15
/** Batches whose sizes differ by less than this share tell little of what an element costs. */
const SPREAD = 0.1
/** So much are elements blamed anew, each time, for what nothing else tells of: batches become smaller, and that tells. */
const BLAME = 1 / 8
/** Of as many batches that are held back one reads more, by this share and by one element at least: what that costs tells where time goes. */
const PROBE_EVERY = 8
const PROBE_SHARE = 0.1

/** Means over batches, the last ones more, and each by the square of its size less, so that none outweighs the others: for a line. */
interface Seen {
  readonly weight: number
  readonly elements: number
  readonly millis: number
  readonly elementsSquared: number
  readonly elementsMillis: number
}

/** What is known after a batch. */
export interface RateEstimate {
  /** What a batch costs without elements, in milliseconds. */
  readonly fixedMillis: number
  /** What each element costs besides; `undefined` before the first. */
  readonly eachMillis: number | undefined
  /** Elements a second, apart from that; `undefined`: batches have been over in time, and nothing is held back. */
  readonly perSecond: number | undefined
  /** How many batches have been held back. */
  readonly held: number
  readonly seen: Seen
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
export const NO_ESTIMATE: RateEstimate = {
  fixedMillis: 0,
  eachMillis: undefined,
  perSecond: undefined,
  held: 0,
  seen: { weight: 0, elements: 0, millis: 0, elementsSquared: 0, elementsMillis: 0 },
}

/** What is known after one more batch. @param intervalMillis how long it should have taken at most. */
export function nextEstimate(before: RateEstimate, batch: MeasuredBatch, intervalMillis: number): RateEstimate {
  const { elements, busyMillis, closingMillis, delayMillis, isCut } = batch
  if (elements === 0) return before
  const expected = before.fixedMillis + (before.eachMillis ?? 0) * elements
  const isSurprise = Math.abs(busyMillis - expected) > SURPRISE * Math.max(busyMillis, expected)
  const seen = remembered(before.seen, isSurprise ? MEMORY_SURPRISED : MEMORY, elements, busyMillis)
  // Until sizes differ, what came after reading is taken for what any batch costs, as far as that leaves time for elements.
  const blamed = (seen.millis - Math.min(closingMillis, seen.millis, intervalMillis / 2)) / seen.elements
  const eachMillis = costOfEach(seen, before.eachMillis, blamed)
  const fixedMillis = costOfNone(before, Math.max(0, busyMillis - eachMillis * elements))
  const room = roomOf(fixedMillis, intervalMillis)
  const lasts = fixedMillis + room
  const isLate = busyMillis > lasts * (1 + TOLERANCE)
  const { perSecond: latest } = before
  const held = latest === undefined ? 0 : before.held + 1
  const known: RateEstimate = { fixedMillis, eachMillis, perSecond: latest, held, seen }
  if (latest === undefined && !isLate) return known
  if (!isCut && !isLate && eachMillis * elements < room * LOADED) return known
  const able = Math.min(1 / eachMillis, (GROWTH * elements) / room) * 1000
  if (latest === undefined) return { ...known, perSecond: able }
  // A batch that costs more than its interval delays the next whatever it reads; that is no reason to read less.
  const piledUp = (Math.max(0, delayMillis - (lasts - intervalMillis)) * able) / lasts
  return { ...known, perSecond: Math.max(able - INTEGRAL * piledUp, latest * KEPT_SHARE) }
}

/** Elements that the next batch may read; `Infinity` where nothing is held back. */
export function elementsMax({ perSecond, fixedMillis, held }: RateEstimate, intervalMillis: number): number {
  if (perSecond === undefined) return Infinity
  const most = Math.max(1, Math.floor((perSecond * roomOf(fixedMillis, intervalMillis)) / 1000))
  return held % PROBE_EVERY === PROBE_EVERY - 1 ? Math.ceil(most * (1 + PROBE_SHARE)) : most
}

/** The slope of the line through the batches of late; as far as their sizes do not tell it, what was believed before, and some blame. */
function costOfEach(seen: Seen, before: number | undefined, blamed: number): number {
  const { elements, millis, elementsSquared, elementsMillis } = seen
  const variance = Math.max(0, elementsSquared - elements * elements)
  const doubt = (SPREAD * elements) ** 2
  const believed = before === undefined ? blamed : before + (blamed - before) * BLAME
  const slope = (elementsMillis - elements * millis + doubt * believed) / (variance + doubt)
  return Math.min(millis / elements, Math.max(0, slope))
}

function costOfNone({ fixedMillis, eachMillis }: RateEstimate, now: number): number {
  return eachMillis === undefined || now < fixedMillis ? now : fixedMillis + (now - fixedMillis) * FIXED_SHARE
}

function remembered(before: Seen, memory: number, elements: number, millis: number): Seen {
  const share = 1 / elements ** 2
  const weight = before.weight * memory + share
  const mean = (old: number, next: number): number => old + ((next - old) * share) / weight
  return {
    weight,
    elements: mean(before.elements, elements),
    millis: mean(before.millis, millis),
    elementsSquared: mean(before.elementsSquared, elements * elements),
    elementsMillis: mean(before.elementsMillis, elements * millis),
  }
}

/**
 * Time for elements. Where a batch costs more than half of its interval whatever it reads, the next one is delayed instead of being
 * made smaller: else all would be spent on batches.
 */
function roomOf(fixedMillis: number, intervalMillis: number): number {
  return Math.max(intervalMillis - fixedMillis, fixedMillis)
}
