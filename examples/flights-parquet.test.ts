import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parquetRead } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { afterAll, expect, it } from 'vitest'
import { pipeline, run } from 'millrace'
import { readParquet } from 'millrace/io/parquet'
import { nodeEnv } from '../runners/direct/node.js'
import flights, { type Day } from './flights-parquet.js'

const root = mkdtempSync(join(tmpdir(), 'millrace-flights-'))
afterAll(() => rmSync(root, { recursive: true }))

const quiet = { ...nodeEnv(), print: () => undefined }
const input = join(dirname(createRequire(import.meta.url).resolve('vega-datasets')), '../data/flights-3m.parquet')

/** The same question, by a plain loop over what hyparquet reads. */
async function plainDays(): Promise<ReadonlyMap<string, { flights: number; minutes: number }>> {
  const bytes = readFileSync(input)
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)
  const days = new Map<string, { flights: number; minutes: number }>()
  const columns = new Map<string, ArrayLike<unknown>>()
  const group = { date: [] as bigint[], delay: [] as bigint[], origin: [] as string[] }
  const take = (): void => {
    for (let i = 0; i < group.date.length; i++) {
      const key = `${group.origin[i]} ${String((group.date[i] as bigint) / 86_400_000_000n)}`
      let day = days.get(key)
      if (day === undefined) days.set(key, (day = { flights: 0, minutes: 0 }))
      day.flights++
      day.minutes += Number(group.delay[i])
    }
  }
  await parquetRead({
    file,
    compressors,
    columns: Object.keys(group),
    parsers: { timestampFromMicroseconds: (micros) => micros },
    onChunk({ columnName, columnData }) {
      columns.set(columnName, columnData)
      if (columns.size < 3) return
      for (const name of ['date', 'delay', 'origin'] as const) group[name] = Array.from(columns.get(name) as never)
      columns.clear()
      take()
    },
  })
  return days
}

it('three million flights, by day and airport, are what a plain loop says', async () => {
  const expected = await plainDays()
  const output = join(root, 'days.parquet')
  const result = await run(flights, { env: quiet, options: { output } })
  const days = result.collect<Day>('days')
  expect(days.reduce((sum, day) => sum + day.flights, 0)).toBe(3_000_000)
  expect(days.reduce((sum, day) => sum + day.minutes, 0)).toBe(20_003_603)
  expect(days).toHaveLength(39_952)
  const found = new Map(
    days.map(({ origin, day, flights: count, minutes }) => [
      `${origin} ${Date.parse(day) / 86_400_000}`,
      { flights: count, minutes },
    ]),
  )
  expect(found).toEqual(expected)
  const p = pipeline()
  p.apply('read', readParquet(output)).collect('days')
  const order = (all: readonly unknown[]): readonly string[] => all.map((day) => JSON.stringify(day)).sort()
  expect(order((await run(p)).collect('days'))).toEqual(order(days))
  const airports = result.collect<{ key: string; value: { flights: number } }>('airports')
  expect(airports).toHaveLength(229)
  expect(airports.reduce((sum, { value }) => sum + value.flights, 0)).toBe(3_000_000)
}, 120_000)
