import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { type PipelineResult, run, type RunOptions } from 'millrace'
import { nodeEnv } from '../runners/direct/node.js'
import flights, { type Delays } from './flights.js'

const hour = 3_600_000
const day = 24 * hour

/** The same questions, asked of the whole file by plain loops. */
function plainAnswers(): Readonly<Record<'days' | 'weeks' | 'sessions', readonly string[]>> {
  const file = join(dirname(createRequire(import.meta.url).resolve('vega-datasets')), '../data/flights-20k.json')
  const rows = JSON.parse(readFileSync(file, 'utf8')) as { date: string; delay: number; origin: string }[]
  const all = rows.map(({ date, delay, origin }) => {
    const [year, month, ofMonth, hours, minutes] = date.split(/[/ :]/).map(Number) as [
      number,
      number,
      number,
      number,
      number,
    ]
    return { origin, delay, time: Date.UTC(year, month - 1, ofMonth, hours, minutes) }
  })
  const days = new Map<string, Delays>()
  const weeks = new Map<string, Delays>()
  const add = (to: Map<string, Delays>, origin: string, start: number, end: number, delay: number): void => {
    const key = `${origin} ${start}`
    const { flights: before, delay: sum } = to.get(key) ?? { flights: 0, delay: 0 }
    to.set(key, { origin, start, end, flights: before + 1, delay: sum + delay })
  }
  for (const { origin, delay, time } of all) {
    const start = Math.floor(time / day) * day
    add(days, origin, start, start + day, delay)
    for (let back = 0; back < 7; back++) add(weeks, origin, start - back * day, start + (7 - back) * day, delay)
  }
  const sessions: Delays[] = []
  for (const origin of new Set(all.map((flight) => flight.origin))) {
    let open: { origin: string; start: number; end: number; flights: number; delay: number } | undefined
    for (const { time, delay } of all.filter((each) => each.origin === origin).sort((a, b) => a.time - b.time)) {
      if (open === undefined || time >= open.end) {
        open = { origin, start: time, end: time, flights: 0, delay: 0 }
        sessions.push(open)
      }
      open.end = time + 6 * hour
      open.flights++
      open.delay += delay
    }
  }
  return { days: asText([...days.values()]), weeks: asText([...weeks.values()]), sessions: asText(sessions) }
}

const asText = (all: readonly Delays[]): readonly string[] =>
  all.map(({ origin, start, end, flights, delay }) => `${origin} ${start}-${end}: ${flights}, ${delay}`).sort()

/** The last pane of each airport and window. */
function lastPanes(result: PipelineResult, name: string): readonly string[] {
  const last = new Map<string, { readonly index: number; readonly value: Delays }>()
  for (const { value, pane } of result.collectWindowed<Delays>(name)) {
    const key = `${value.origin} ${value.start} ${value.end}`
    if (pane.index >= (last.get(key)?.index ?? 0)) last.set(key, { index: pane.index, value })
  }
  return asText([...last.values()].map(({ value }) => value))
}

const expected = plainAnswers()

const ways: readonly RunOptions[] = [
  { bundleSize: 1, stageCompiler: 'generated' },
  { bundleSize: 7, stageCompiler: 'closures' },
  { bundleSize: 1000, stageCompiler: 'generated' },
  { bundleSize: 1_000_000, stageCompiler: 'closures' },
  { strict: true, seed: 1, bundleSize: 300 },
  { strict: true, seed: 2, bundleSize: 1000, stageCompiler: 'closures' },
]

it.each(ways)(
  'every window ends with what a plain loop says, nothing is late for it, and nothing is lost: %j',
  async (way) => {
    const result = await run(flights, { ...way, env: { ...nodeEnv(), print: () => undefined } })
    for (const view of ['day', 'week', 'session'])
      expect(result.metrics.counter('droppedDueToLateness', `by ${view}/add up`)).toBe(0)
    expect(lastPanes(result, 'days')).toEqual(expected.days)
    expect(lastPanes(result, 'weeks')).toEqual(expected.weeks)
    expect(lastPanes(result, 'sessions')).toEqual(expected.sessions)
    const { onTime, late } = impatient(result)
    expect(onTime + late).toBe(20_000)
  },
  20_000,
)

/** Flights of the impatient view: in their windows, and too late for them. */
function impatient(result: PipelineResult): { readonly onTime: number; readonly late: number } {
  const sum = (name: string): number => result.collect<number>(name).reduce((a, b) => a + b, 0)
  return { onTime: sum('on time/flights'), late: sum('late/flights') }
}

/** How many come too late when the watermark, an hour behind the newest flight, moves after every so many: by a plain loop. */
function lateByHand(bundleSize: number): number {
  const file = join(dirname(createRequire(import.meta.url).resolve('vega-datasets')), '../data/flights-20k.json')
  const heard = (JSON.parse(readFileSync(file, 'utf8')) as { date: string; delay: number }[])
    .map(({ date, delay }) => ({ time: Date.parse(`${date.replaceAll('/', '-').replace(' ', 'T')}Z`), delay }))
    .sort((a, b) => a.time + Math.max(0, a.delay) * 60_000 - b.time - Math.max(0, b.delay) * 60_000)
  let [newest, watermark, late] = [-Infinity, -Infinity, 0]
  for (const [n, { time }] of heard.entries()) {
    if (n % bundleSize === 0) watermark = newest - hour
    if (Math.floor(time / hour) * hour + hour - 1 < watermark) late++
    newest = Math.max(newest, time)
  }
  return late
}

it.each<[onTime: number, late: number, way: RunOptions]>([
  [19_590, 410, { bundleSize: 1, stageCompiler: 'generated' }],
  [19_759, 241, { bundleSize: 10, stageCompiler: 'closures' }],
  [19_973, 27, { bundleSize: 300, strict: true, seed: 1 }],
])(
  'whoever waits an hour only has %i flights on time and %i late, at %j',
  async (onTime, late, way) => {
    const result = await run(flights, { ...way, env: { ...nodeEnv(), print: () => undefined } })
    expect(impatient(result)).toEqual({ onTime, late })
    if (way.strict !== true) expect(lateByHand(way.bundleSize ?? 1)).toBe(late)
    expect(result.metrics.counter('droppedDueToLateness')).toBe(late)
  },
  40_000,
)

it('windows answer while flights still come: stopped at the first answer, a run has heard of few', async () => {
  const abort = new AbortController()
  const print = (line: string): void => {
    if (line.startsWith('day: ')) abort.abort()
  }
  const result = await run(flights, { env: { ...nodeEnv(), print }, bundleSize: 100, signal: abort.signal })
  expect(result.state).toBe('CANCELLED')
  expect(new Set(result.collect<Delays>('days').map(({ start }) => start))).toEqual(new Set([Date.UTC(2001, 0, 1)]))
})

it('prints rows for people', async () => {
  const printed: string[] = []
  await run(flights, { bundleSize: 10, env: { ...nodeEnv(), print: (line) => void printed.push(line) } })
  expect(printed).toHaveLength(17)
  expect(printed).toContain('day: 2001-01-01 00:00 – 2001-01-02 00:00  LAS  14 flights, 8.8 minutes late')
  expect(printed).toContain('on time/flights: 19759')
  expect(printed).toContain('late/flights: 241')
})
