/**
 * What the example of triggers draws with: a game's points as a scripted stream, whose watermark follows the newest point at
 * a distance, recorded on the direct runner and drawn.
 */
import type { LateDataHandler, PCollection } from 'millrace'
import { type Moment, record, type Recording } from '../pictures/recording.js'
import { drawTimeTime } from '../pictures/time-time.js'

/** What is drawn. */
export interface Game {
  /** `[minute it came, minute it happened, points]` */
  readonly points: readonly (readonly [came: number, happened: number, points: number])[]
  /** Seconds by which the watermark is behind the newest point. */
  readonly lag: number
  /** Seconds of allowed lateness, for the columns of windows. */
  readonly lateness: number
  readonly build: (points: PCollection<number>, late: LateDataHandler) => PCollection<unknown>
}

const MINUTE = 60_000
const NOON = Date.UTC(2026, 2, 1, 12)
const TICKS_PER_MINUTE = 10

/** The recording of a game, and its picture. */
export async function play({ points, lag, lateness, build }: Game): Promise<{ recording: Recording; svg: string }> {
  const noon = (minutes: number): number => NOON + Math.round(minutes * MINUTE)
  const last = Math.max(8, ...points.map(([came]) => came)) + 2
  const moments: Moment<number>[] = []
  let newest = Number.NEGATIVE_INFINITY
  for (let tick = 1; tick <= last * TICKS_PER_MINUTE; tick++) {
    const now = noon(tick / TICKS_PER_MINUTE)
    const coming = points.filter(([came]) => noon(came) > now - MINUTE / TICKS_PER_MINUTE && noon(came) <= now)
    const elements = coming.map(([, happened, value]) => ({ value, timestamp: noon(happened) }))
    newest = Math.max(newest, ...elements.map(({ timestamp }) => timestamp))
    // Nobody plays any more once the last point is in: the watermark then follows the clock.
    const isOver = tick / TICKS_PER_MINUTE >= last - 1
    const watermark = isOver ? Math.max(newest, now - MINUTE) - lag * 1000 : newest - lag * 1000
    moments.push({ now, elements, ...(Number.isFinite(watermark) && watermark > 0 ? { watermark } : {}) })
  }
  const recording = await record<number>({ moments, build })
  const svg = drawTimeTime(recording, {
    title: 'What this run did',
    description:
      'Points, the watermark, windows and their panes, in event time to the right and processing time upwards.',
    eventTime: [noon(0), noon(8)],
    processingTime: [noon(0), noon(last)],
    gridMillis: MINUTE,
    latenessMillis: lateness * 1000,
  })
  return { recording, svg }
}
