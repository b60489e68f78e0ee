/**
 * Delays of flights, as a stream: 20,000 flights within the United States, January to March 2001. A flight happens when
 * it was to leave, and is heard of when it has left, up to nine hours later. So flights arrive out of order, and a
 * window answers once no flight of its time can be missing. Whoever does not want to wait that long loses some: the last
 * view waits an hour, and counts what came in time and what did not.
 *
 *     npx millrace run examples/flights.ts
 *     npx millrace run examples/flights.ts --bundle-size 10    # with some that are late
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { monoid, number } from 'fp-ts'
import {
  calendarWindows,
  count,
  definePipeline,
  fixedWindows,
  type PCollection,
  type Pipeline,
  sessionWindows,
  slidingWindows,
  sum,
  typed,
  watermarks,
  type WindowFn,
} from 'millrace'
import { replay } from 'millrace/io/generate'

export default definePipeline({
  name: 'flights',
  build(p) {
    const heard = asHeardOf(readFlights())
    totals(p, heard)

    // A watermark moves at the end of a bundle: larger bundles, fewer that are late. Each is in a window or among the late.
    const late = p.lateData('late', (flights) => addedUp(flights.map('one', () => 1)))
    p.apply('impatient', replay(heard, { timestamp: departure, watermark: watermarks.outOfOrder('1 hour') }))
      .windowInto('per hour', fixedWindows('1 hour'), { allowedLateness: 0, lateData: late })
      .combineGlobally('count', count(), { whenEmpty: 'nothing' })
      .apply('on time', addedUp)
  },
})

const WINDOWS = {
  day: fixedWindows('1 day'),
  week: slidingWindows('7 days', { every: '1 day' }),
  session: sessionWindows('6 hours'),
}
type Kind = keyof typeof WINDOWS

/** What nobody has to wait for twice: totals of days, sliding weeks and sessions, once all their flights are known. */
export function totals(
  p: Pipeline,
  heard: readonly Flight[] = asHeardOf(readFlights()),
  kinds: readonly Kind[] = ['day', 'week', 'session'],
): void {
  const flights = p.apply(
    'flights',
    replay(heard, { timestamp: departure, watermark: watermarks.outOfOrder('9 hours') }),
  )
  for (const name of kinds) {
    flights
      .apply(`by ${name}`, delaysIn(WINDOWS[name]))
      .collect(`${name}s`)
      .map(`${name} as text`, rowOf)
      .print(name, { limit: 4 })
  }
}

/** What is known of an airport in a window of time. */
export interface Delays {
  readonly origin: string
  /** The window, in milliseconds. */
  readonly start: number
  readonly end: number
  readonly flights: number
  /** Minutes that all its flights together were late. */
  readonly delay: number
}

/** Number of flights and sum of delays per airport and window. Adding up is all there is to it: a monoid. */
const delaysIn = (windowFn: WindowFn) => (flights: PCollection<Flight>) =>
  flights
    .windowInto('windows', windowFn)
    .keyBy('by airport', (flight) => flight.origin)
    .combinePerKey('add up', {
      of: ({ delay }: Flight) => ({ flights: 1, delay }),
      monoid: monoid.struct({ flights: number.MonoidSum, delay: number.MonoidSum }),
    })
    .parDo('with window', {
      output: typed<Delays>(),
      process: ({ key: origin, value }, { window: { start, end }, emit }) => emit({ origin, start, end, ...value }),
    })

/** One number for all windows of a year. */
const addedUp = (numbers: PCollection<number>) =>
  numbers
    .windowInto('per year', calendarWindows({ unit: 'year' }))
    .combineGlobally('add up', sum(), { whenEmpty: 'nothing' })
    .collect('flights')
    .print('flights')

function rowOf({ origin, start, end, flights, delay }: Delays): string {
  const time = (millis: number): string => new Date(millis).toISOString().slice(0, 16).replace('T', ' ')
  return `${time(start)} – ${time(end)}  ${origin}  ${flights} flights, ${(delay / flights).toFixed(1)} minutes late`
}

/** A flight of the data set. */
export interface Flight {
  /** When it was to leave, `2001/01/31 09:30`, taken as UTC. */
  readonly date: string
  /** Minutes it left late; negative when it left early. */
  readonly delay: number
  /** Airport. */
  readonly origin: string
}

function readFlights(): readonly Flight[] {
  const data = dirname(createRequire(import.meta.url).resolve('vega-datasets'))
  return JSON.parse(readFileSync(join(data, '../data/flights-20k.json'), 'utf8')) as readonly Flight[]
}

function departure({ date }: Flight): number {
  return Date.parse(`${date.replaceAll('/', '-').replace(' ', 'T')}Z`)
}

/** A flight is heard of when it leaves. Flights that leave in the same minute stay in the order of the file. */
function asHeardOf(flights: readonly Flight[]): readonly Flight[] {
  const heardAt = (flight: Flight): number => departure(flight) + Math.max(0, flight.delay) * 60_000
  return flights
    .map((flight) => ({ flight, at: heardAt(flight) }))
    .sort((a, b) => a.at - b.at)
    .map(({ flight }) => flight)
}
