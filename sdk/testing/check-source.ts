/**
 * checkTracker and checkSource: the laws of restrictions, on which a runner relies when it ends a bundle, splits work or
 * goes on after a failure: nothing may be read twice, and nothing left out.
 */
import { globalWindow } from '../windowing/window.js'
import type { Codec, TypeOf } from '../codec.js'
import { type Env, seededRandom } from '../env.js'
import { UNHEARD } from '../logger.js'
import { preview } from '../preview.js'
import { refuse } from '../refuse.js'
import type { RestrictionTracker } from '../source/restriction-tracker.js'
import type { AnyTracker, SplittableDoFn } from '../source/splittable.js'
import { TIMESTAMP_MIN, toTimestamp } from '../time.js'
import { below, coderFrom, type LawOptions, type LawReport, Laws, roundTrip, trialsOf } from './laws.js'
import { difference, identityOf } from './same-value.js'

/** Options of {@link checkTracker}. */
export interface TrackerCheckOptions<R, P> extends LawOptions {
  /** The whole work. */
  readonly restriction: R
  /** The positions of a restriction, in the order in which they are claimed. At least two for the whole. */
  readonly positions: (restriction: R) => readonly P[]
}

const FRACTIONS = [0, 0.25, 0.5, 0.75, 1]

/**
 * Checks a tracker: that it grants exactly the positions of its restriction, that the two parts of a split are disjoint and
 * together the whole (after any number of claims, at any fraction), that a reader who stops early is told so, and that
 * progress never goes backwards.
 *
 * @param tracker makes a tracker of a restriction.
 * @throws {LawBroken} naming the first law that does not hold.
 * @example
 * ```ts
 * import { type OffsetRange, OffsetRangeTracker } from 'millrace'
 * import { checkTracker } from 'millrace/testing'
 * const positions = ({ from, to }: OffsetRange) => Array.from({ length: to - from }, (_, i) => from + i)
 * checkTracker((range: OffsetRange) => new OffsetRangeTracker(range), { restriction: { from: 3, to: 9 }, positions })
 * ```
 */
export function checkTracker<R, P>(
  tracker: (restriction: R) => RestrictionTracker<R, P>,
  options: TrackerCheckOptions<R, P>,
): LawReport {
  const { restriction, positions } = options
  const all = positions(restriction)
  if (all.length < 2) refuse('MR-8008', 'checkTracker needs a restriction with at least two positions.')
  const laws = new Laws()
  const about = (): string => `restriction ${preview(restriction)}`

  laws.hold('every position of a restriction is granted, and then it is done', about, () => {
    const whole = tracker(restriction)
    const refused = all.find((position) => !whole.tryClaim(position))
    if (refused !== undefined) return `${preview(refused)} was refused`
    whole.checkDone()
    return undefined
  })
  for (let claimed = 0; claimed < all.length; claimed++) {
    laws.hold('a reader that stops before the end is told so', about, () => {
      const whole = tracker(restriction)
      for (const position of all.slice(0, claimed)) whole.tryClaim(position)
      return throws(() => whole.checkDone()) ? undefined : `checkDone accepted ${claimed} of ${all.length} positions`
    })
    for (const fraction of FRACTIONS) {
      const when = (): string => `${about()} split at ${fraction} after ${claimed} claims`
      laws.hold('the parts of a split are disjoint and together the whole', when, () =>
        splitFault(tracker(restriction), all, claimed, fraction, positions),
      )
    }
  }
  checkProgress(laws, tracker(restriction), all, about)
  return laws.report()
}

function splitFault<R, P>(
  whole: RestrictionTracker<R, P>,
  all: readonly P[],
  claimed: number,
  fraction: number,
  positions: (restriction: R) => readonly P[],
): string | undefined {
  for (const position of all.slice(0, claimed)) whole.tryClaim(position)
  const residual = whole.trySplit(fraction)
  const given = residual === undefined ? [] : positions(residual)
  const kept = positions(whole.currentRestriction())
  if (residual !== undefined && given.length === 0) return 'a part without positions was given away'
  if (difference(all, [...kept, ...given]).missing.length > 0 || kept.length + given.length !== all.length)
    return `it keeps ${preview(kept)} and gives away ${preview(given)} of ${preview(all)}`
  if (kept.length < claimed) return `it gives away positions that were claimed: ${preview(given)}`
  if (fraction === 0 && kept.length !== claimed)
    return `it keeps ${kept.length - claimed} positions that nobody has claimed`
  const granted = kept.slice(claimed).find((position) => !whole.tryClaim(position))
  if (granted !== undefined) return `it keeps ${preview(granted)}, and refuses it`
  const [next] = given
  if (next !== undefined && whole.tryClaim(next)) return `it gives away ${preview(next)}, and grants it`
  whole.checkDone()
  return undefined
}

function checkProgress<R, P>(
  laws: Laws,
  whole: RestrictionTracker<R, P>,
  all: readonly P[],
  about: () => string,
): void {
  let before = -1
  for (let claimed = 0; claimed <= all.length; claimed++) {
    if (claimed > 0) whole.tryClaim(all[claimed - 1] as P)
    laws.hold('progress lies between nothing and all, and never goes backwards', about, () => {
      const { completed, remaining } = whole.progress()
      const part = completed / (completed + remaining)
      if (!(completed >= 0 && remaining >= 0 && part >= 0 && part <= 1) || part < before)
        return `after ${claimed} claims, ${completed} are completed and ${remaining} remain`
      before = part
      return undefined
    })
  }
}

/** Options of {@link checkSource}. */
export interface SourceCheckOptions extends LawOptions {
  /** The world the source lives in, where it needs one: files, clocks. */
  readonly env?: Env
  /** Elements at most that are read of a source; a source that has more is refused. Default 10 000. */
  readonly maxElements?: number
}

/**
 * Checks a bounded source: that what is read is the same whether it is read at once, cut at random places, or split into
 * parts that are read one by one; that a restriction survives its codec; and, of one that says it is replayable, that a
 * second reading gives the same.
 *
 * @throws {LawBroken} naming the first law that does not hold.
 * @example
 * ```ts
 * import { type OffsetRange, offsetRangeCodec, OffsetRangeTracker, typed, watermarks } from 'millrace'
 * import { checkSource } from 'millrace/testing'
 * checkSource({
 *   output: typed<number>(),
 *   bounded: true,
 *   replayable: true,
 *   watermark: watermarks.none(),
 *   restriction: (count: number) => ({ from: 0, to: count }),
 *   restrictionCodec: offsetRangeCodec,
 *   tracker: (range: OffsetRange) => new OffsetRangeTracker(range),
 *   process(_, tracker, { emit }) {
 *     for (let i = tracker.currentRestriction().from; tracker.tryClaim(i); i++) emit(i * i)
 *   },
 * }, 20)
 * ```
 */
export async function checkSource<E, R, T extends AnyTracker<R>, C extends Codec, Resource>(
  source: SplittableDoFn<E, R, T, C, Resource>,
  element: E,
  options: SourceCheckOptions = {},
): Promise<LawReport> {
  const { trials, seed } = trialsOf({ trials: 20, ...options })
  const { env, maxElements = 10_000 } = options
  if (!source.bounded) refuse('MR-8009', 'checkSource reads a source to its end, and this one says that it has none.')
  const random = seededRandom(seed)
  const resource = (await source.setup?.({
    step: 'checkSource',
    env: env as Env,
    log: UNHEARD,
    query: { id: 'checkSource', batch: 0, restarts: false },
  })) as Resource
  const now = (): number => env?.now() ?? 0
  const laws = new Laws()
  const whole = source.restriction(element, { resource, now })
  const read = (restriction: R, limit: () => number): Promise<readonly string[]> =>
    readAll(source, element, restriction, resource, limit, maxElements, env)
  const compare = (expected: readonly string[], got: readonly string[]): string | undefined => {
    const { missing, extra } = difference(expected, got)
    if (missing.length === 0 && extra.length === 0) return undefined
    return `${missing.length} elements are missing and ${extra.length} too many, of ${expected.length}`
  }
  try {
    const once = await read(whole, () => Infinity)
    const about = (): string => `element ${preview(element)}, ${once.length} read`
    if (source.replayable) {
      const again = await read(source.restriction(element, { resource, now }), () => Infinity)
      laws.hold('a source that is replayable gives the same again', about, () => compare(once, again))
    }
    const copied = await read(roundTrip(coderFrom(source.restrictionCodec), whole) as R, () => Infinity)
    laws.hold('a restriction may go through its codec', about, () => compare(once, copied))
    for (let trial = 0; trial < trials; trial++) {
      const largest = 1 + below(random, Math.max(1, once.length))
      const cut = await read(whole, () => 1 + below(random, largest))
      laws.hold('reading may be cut anywhere', about, () => compare(once, cut))
      if (source.split === undefined) continue
      const pieces = source.split(element, whole, 1 + below(random, 8))
      const parts: string[] = []
      for (const piece of pieces) parts.push(...(await read(piece, () => Infinity)))
      laws.hold('the parts of a source are together the whole', about, () => compare(once, parts))
    }
    return laws.report()
  } finally {
    await source.teardown?.({ resource })
  }
}

/** Everything a restriction gives, each with its timestamp, as text; a bundle ends after `limit()` elements. */
async function readAll<E, R, T extends AnyTracker<R>, C extends Codec, Resource>(
  source: SplittableDoFn<E, R, T, C, Resource>,
  element: E,
  restriction: R,
  resource: Resource,
  limit: () => number,
  maxElements: number,
  env: Env | undefined,
): Promise<readonly string[]> {
  const all: string[] = []
  for (let rest: R | undefined = restriction; rest !== undefined;) {
    const tracker: T = source.tracker(rest)
    const room = limit()
    let count = 0
    let residual: R | undefined
    const split = (): void => {
      residual ??= tracker.trySplit(0)
    }
    const resumed = await source.process(element, tracker, {
      emit: (value: TypeOf<C>, at) => {
        all.push(identityOf([at === undefined ? TIMESTAMP_MIN : toTimestamp(at), value]))
        if (all.length > maxElements)
          refuse(
            'MR-8009',
            `checkSource has read ${maxElements} elements and the source goes on. Give it less to read.`,
          )
        if (++count === room) split()
      },
      watermark: { set: () => undefined, current: TIMESTAMP_MIN },
      sides: {},
      metrics: {},
      log: UNHEARD,
      timestamp: TIMESTAMP_MIN,
      window: globalWindow,
      afterCommit: () => undefined,
      acknowledge: () => undefined,
      room: () => Math.max(1, room === Infinity ? 1024 : room - count),
      resource,
      now: () => env?.now() ?? 0,
    })
    if (resumed !== undefined) split()
    tracker.checkDone()
    rest = residual
  }
  return all
}

function throws(run: () => void): boolean {
  try {
    run()
    return false
  } catch {
    return true
  }
}
