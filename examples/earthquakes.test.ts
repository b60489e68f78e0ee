import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { type PipelineResult, run, type RunOptions } from 'millrace'
import { nodeEnv } from '../runners/direct/node.js'
import earthquakes, { type Named, nearest } from './earthquakes.js'

const data = join(dirname(createRequire(import.meta.url).resolve('vega-datasets')), '../data')
const { features } = JSON.parse(readFileSync(join(data, 'earthquakes.json'), 'utf8')) as {
  features: readonly { properties: { mag: number; time: number; type: string } }[]
}

const find = async (options: object, way: RunOptions = {}): Promise<PipelineResult> =>
  run(earthquakes, { ...way, options, env: { ...nodeEnv(), print: () => undefined } })

/** The strongest of each day by a plain loop over the whole file; `hours` is how far the zone is ahead. */
function plain(n: number, hours: number): ReadonlyMap<string, readonly number[]> {
  const days = new Map<string, (typeof features)[number]['properties'][]>()
  for (const { properties } of features) {
    if (properties.type !== 'earthquake') continue
    const day = new Date(properties.time + hours * 3_600_000).toISOString().slice(0, 10)
    days.set(day, [...(days.get(day) ?? []), properties])
  }
  return new Map(
    [...days].map(([day, quakes]) => {
      const sorted = quakes.sort((a, b) => b.mag - a.mag || b.time - a.time)
      return [day, sorted.slice(0, n).map(({ time }) => time)]
    }),
  )
}

const byDay = (result: PipelineResult, hours: number): ReadonlyMap<string, readonly number[]> => {
  const days = new Map<string, number[]>()
  for (const { value, window } of result.collectWindowed<Named>('strongest')) {
    const day = new Date(window.start + hours * 3_600_000).toISOString().slice(0, 10)
    days.set(day, [...(days.get(day) ?? []), value.time])
  }
  return days
}

it.each<RunOptions>([{}, { bundleSize: 1 }, { strict: true, seed: 5 }])(
  'each day has its strongest earthquakes, and no line is bad: %j',
  async (way) => {
    const result = await find({}, way)
    expect(result.collect('bad lines/letters')).toEqual([])
    const days = byDay(result, 0)
    expect(days.size).toBe(8)
    expect(new Map([...days].map(([day, times]) => [day, [...times].sort()]))).toEqual(
      new Map([...plain(3, 0)].sort().map(([day, times]) => [day, [...times].sort()])),
    )
  },
)

it('a day is that of the clocks of the zone', async () => {
  const days = byDay(await find({ top: 10, zone: 'America/Los_Angeles' }), -8)
  for (const [day, times] of plain(10, -8)) expect([...(days.get(day) ?? [])].sort()).toEqual([...times].sort())
})

it('each has the town next to it', async () => {
  const named = (await find({ top: 2000 })).collect<Named>('strongest')
  expect(named).toHaveLength(features.filter(({ properties }) => properties.type === 'earthquake').length)
  expect(named.every(({ near }) => near.kilometres >= 0 && near.kilometres < 20_016)).toBe(true)
  const inCalifornia = named.find(({ time }) => time === 1517966773840)
  expect(inCalifornia?.near).toEqual({ town: 'Agua Dulce, CA', kilometres: 32 })
})

it('next to is by the globe, also across the date line and over the pole', () => {
  const towns = [
    { city: 'East', state: 'X', latitude: 0, longitude: 179 },
    { city: 'West', state: 'X', latitude: 0, longitude: -90 },
    { city: 'North', state: 'X', latitude: 89, longitude: 0 },
  ]
  expect(nearest(towns, { latitude: 0, longitude: -179 })).toEqual({ town: 'East, X', kilometres: 222 })
  expect(nearest(towns, { latitude: 89, longitude: 180 })).toEqual({ town: 'North, X', kilometres: 222 })
})
