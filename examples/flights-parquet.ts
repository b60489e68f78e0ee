/**
 * Three million flights from a Parquet file: how late did they leave, by day and airport? Only three of the five columns are
 * read, row group by row group.
 *
 *     npx millrace run examples/flights-parquet.ts
 *     npx millrace run examples/flights-parquet.ts --input 'flights/*.parquet' --output days.parquet
 */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { monoid, number } from 'fp-ts'
import * as t from 'io-ts'
import { definePipeline, fixedWindows, globalWindows, type KV } from 'millrace'
import { readParquet, writeParquet } from 'millrace/io/parquet'

const data = join(dirname(createRequire(import.meta.url).resolve('vega-datasets')), '../data')

export default definePipeline({
  name: 'flights-parquet',
  options: t.partial({ input: t.string, output: t.string }),
  build(p, { input = join(data, 'flights-3m.parquet'), output }) {
    const days = p
      .apply('read', readParquet(input, { columns: ['date', 'delay', 'origin'], timestamps: 'integer' }))
      // The file has microseconds.
      .withTimestamps('departure', ({ date }) => Number(date) / 1000)
      .windowInto('by day', fixedWindows('1 day'))
      .keyBy('by airport', ({ origin }) => origin as string)
      .combinePerKey('add up', {
        of: ({ delay }) => ({ flights: 1, minutes: delay === null ? 0 : Number(delay) }),
        monoid: monoid.struct({ flights: number.MonoidSum, minutes: number.MonoidSum }),
      })
      .parDo('with day', {
        output: Day,
        process: ({ key: origin, value }, { window: { start }, emit }) =>
          emit({ origin, day: dayText(start), ...value }),
      })
      .windowInto('whole', globalWindows())
      .collect('days')

    days
      .keyBy('airport', ({ origin }) => origin)
      .combinePerKey('total', {
        of: ({ flights, minutes }) => ({ flights, minutes }),
        monoid: monoid.struct({ flights: number.MonoidSum, minutes: number.MonoidSum }),
      })
      .collect('airports')
      .map('airport as text', textOf)
      .print('airport', { limit: 5 })
    if (output !== undefined) days.apply('write', writeParquet(output, { codec: Day }))
  },
})

/** Flights of an airport on a day, and how many minutes late all of them together were. */
const Day = t.type({ origin: t.string, day: t.string, flights: t.number, minutes: t.number })

/** A day of an airport. */
export type Day = t.TypeOf<typeof Day>

const dayText = (millis: number): string => new Date(millis).toISOString().slice(0, 10)

function textOf({ key, value }: KV<string, { readonly flights: number; readonly minutes: number }>): string {
  return `${key}  ${value.flights.toLocaleString('en')} flights, ${(value.minutes / value.flights).toFixed(1)} minutes late`
}
