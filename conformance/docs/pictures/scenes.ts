/**
 * The streams that the pages of concepts talk about: what is scripted here is run on the direct runner, and drawn from what
 * that run did.
 */
import {
  afterCount,
  afterProcessingTime,
  afterWatermark,
  fixedWindows,
  repeatedly,
  retracting,
  sum,
  type Trigger,
  type WindowFn,
  type WindowingOptions,
} from 'millrace'
import type { Moment, Scene } from './recording.js'
import type { TimeTimeOptions } from './time-time.js'

/** Noon of the day on which all scenes play. */
export const NOON: number = Date.UTC(2026, 2, 1, 12)
/** A minute, in milliseconds. */
export const MINUTE = 60_000

/** An instant so many minutes after noon. */
export const noon = (minutes: number): number => NOON + minutes * MINUTE

/** A scene and how it is drawn. */
export interface Picture {
  readonly scene: Scene<number>
  readonly drawing: TimeTimeOptions
}

/** `[processing time, [[event time, value], …]]` or `[processing time, watermark]`, in minutes after noon. */
type Line = readonly [now: number, what: number | readonly (readonly [timestamp: number, value: number])[]]

/** Between moments the clock goes on in steps of this, so that what waits for it has its own time. */
const TICK = 0.1

function moments(lines: readonly Line[], until: number): readonly Moment<number>[] {
  const said = new Map(lines.map(([now, what]) => [noon(now), what]))
  return Array.from({ length: Math.round(until / TICK) }, (_, n): Moment<number> => {
    const now = noon((n + 1) * TICK)
    const what = said.get(now)
    if (what === undefined) return { now }
    if (typeof what === 'number') return { now, watermark: noon(what) }
    return { now, elements: what.map(([timestamp, value]) => ({ timestamp: noon(timestamp), value })) }
  })
}

/** Points of a game, as they come in: mostly in order, a few behind, one very late. */
const POINTS: readonly Moment<number>[] = moments(
  [
    [1.2, [[0.6, 3]]],
    [1.5, 0.2],
    [2.1, [[1.5, 5]]],
    [2.4, 1.0],
    [3.1, [[2.7, 2]]],
    [3.3, 1.6],
    [3.8, [[1.1, 4]]],
    [4.4, 2.2],
    [4.6, [[3.4, 6]]],
    [5.3, [[4.5, 1]]],
    [5.9, 3.2],
    [6.3, [[5.1, 7]]],
    [6.8, 4.2],
    [7.0, [[6.3, 2]]],
    [7.6, [[1.3, 9]]],
    [7.9, 5.4],
    [8.3, [[5.6, 3]]],
    [8.7, 6.2],
    [9.4, 8.1],
  ],
  10,
)

/** The same, with one more that is late and not too late. */
const TWO_LATE: readonly Moment<number>[] = POINTS.map((moment) =>
  moment.now === noon(6) ? { ...moment, elements: [{ timestamp: noon(0.7), value: 4 }] } : moment,
)

const SUM = (windowFn: WindowFn, options: WindowingOptions): Scene<number>['build'] => {
  return (points, late) =>
    points
      .windowInto('windows', windowFn, { ...options, lateData: late })
      .combineGlobally('sum', sum(), { whenEmpty: 'nothing' })
}

const RETRACTING = (windowFn: WindowFn, options: WindowingOptions): Scene<number>['build'] => {
  return (points, late) =>
    points
      .windowInto('windows', windowFn, { ...options, lateData: late })
      .keyBy('one', () => '')
      .apply('sum', retracting.combinePerKey(sum()))
}

const frame = (title: string, description: string): TimeTimeOptions => ({
  title,
  description,
  eventTime: [noon(0), noon(8)],
  processingTime: [noon(0), noon(10)],
  gridMillis: MINUTE,
})

const TWO_MINUTES = fixedWindows('2 minutes')
const ALL_LATE: WindowingOptions = { allowedLateness: '1 hour' }
const EARLY_AND_LATE: Trigger = afterWatermark({
  early: afterProcessingTime('1 minute'),
  late: afterCount(1),
})

/** Every picture of event time × processing time, by the name of its file. */
export const TIME_TIME: Readonly<Record<string, Picture>> = {
  watermark: {
    scene: { moments: POINTS, build: (points) => points.filter('nothing', () => false) },
    drawing: frame(
      'Event time, processing time and the watermark',
      'Each point stands where it happened, to the right, and when it came, upwards. Points come after they happened, so all lie above the diagonal. The watermark climbs from left to right; the 9, which lies to its left, is late.',
    ),
  },
  'at-the-watermark': {
    scene: { moments: POINTS, build: SUM(TWO_MINUTES, {}) },
    drawing: {
      latenessMillis: 0,
      ...frame(
        'Windows of two minutes that answer at the watermark',
        'Each window gives one sum when the watermark passes its end, and then its column ends: it takes nothing more. The 9, which comes after that, is dropped.',
      ),
    },
  },
  'late-pane': {
    scene: { moments: POINTS, build: SUM(TWO_MINUTES, ALL_LATE) },
    drawing: frame(
      'With allowed lateness, a late element makes a late pane',
      'As before, but the 9 is taken by its window although the watermark has passed, and makes a late pane with what is new.',
    ),
  },
  'early-on-time-late': {
    scene: { moments: POINTS, build: SUM(TWO_MINUTES, { ...ALL_LATE, trigger: EARLY_AND_LATE }) },
    drawing: frame(
      'Early, on time, late: discarding',
      'Windows give guesses a minute of processing time after a first element, an answer at the watermark and a correction for the 9. Each pane has only what is new.',
    ),
  },
  accumulating: {
    scene: {
      moments: POINTS,
      build: SUM(TWO_MINUTES, { ...ALL_LATE, trigger: EARLY_AND_LATE, accumulation: 'accumulating' }),
    },
    drawing: frame(
      'Early, on time, late: accumulating',
      'The same panes at the same times, but each has everything that its window has seen so far.',
    ),
  },
  retracting: {
    scene: { moments: POINTS, build: RETRACTING(TWO_MINUTES, { ...ALL_LATE, trigger: EARLY_AND_LATE }) },
    drawing: frame(
      'Early, on time, late: retracting',
      'Each pane takes back what the one before said, with a minus, and gives its own sum, with a plus.',
    ),
  },
  'by-count': {
    scene: {
      moments: POINTS,
      build: SUM(TWO_MINUTES, { ...ALL_LATE, trigger: repeatedly(afterCount(2)) }),
    },
    drawing: frame(
      'A trigger that counts: a pane for every two elements',
      'Windows answer whenever they have two new elements, whatever the watermark says; what is left comes out when the window expires, which is beyond the picture.',
    ),
  },
  expired: {
    scene: { moments: TWO_LATE, build: SUM(TWO_MINUTES, { allowedLateness: '90 seconds' }) },
    drawing: {
      ...frame(
        'Lateness that ends: a minute and a half',
        'A window takes late elements until the watermark is a minute and a half past its end; there its column ends. The second 4 is late and makes a late pane; the 9 comes when its window has expired, and is dropped.',
      ),
      latenessMillis: 1.5 * MINUTE,
    },
  },
}
