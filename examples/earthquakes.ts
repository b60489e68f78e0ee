/**
 * Earthquakes: the strongest three of each day of a week in February 2018, each with the town next to it. Towns are a
 * table of their own: a side input, read whole before the first earthquake asks for it.
 *
 *     npx millrace run examples/earthquakes.ts
 *     npx millrace run examples/earthquakes.ts --top 10 --zone America/Los_Angeles
 */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import * as t from 'io-ts'
import { calendarWindows, definePipeline, type PCollection, top, typed } from 'millrace'
import { csv, readCsv } from 'millrace/io/csv'
import { readLines } from 'millrace/io/text'

const data = join(dirname(createRequire(import.meta.url).resolve('vega-datasets')), '../data')

const Feature = t.type({
  properties: t.type({ mag: t.number, time: t.number, type: t.string, place: t.string }),
  geometry: t.type({ coordinates: t.tuple([t.number, t.number, t.number]) }),
})

export default definePipeline({
  name: 'earthquakes',
  options: t.partial({ input: t.string, top: t.number, zone: t.string }),
  build(p, { input = join(data, 'earthquakes.json'), top: n = 3, zone = 'UTC' }) {
    const bad = p.errors('bad lines', (letters) => letters.collect('letters'))
    const towns = p
      .apply(
        'towns',
        readCsv(join(data, 'airports.csv'), {
          columns: { city: csv.text, state: csv.text, latitude: csv.number, longitude: csv.number },
        }),
      )
      .filter('with a name', ({ city }) => city !== 'NA')
      .asList('list of towns')

    p.apply('read', readLines(input))
      .map('parse', featureOf, { codec: Feature, onError: bad })
      .filter('earthquakes', ({ properties }) => properties.type === 'earthquake')
      .map('quake', quakeOf)
      .withTimestamps('when', ({ time }) => time)
      .windowInto('per day', calendarWindows({ unit: 'day', zone }))
      .apply('strongest', strongest(n))
      .parDo('name', {
        output: typed<Named>(),
        sides: { towns },
        process(quake, { sides, emit }) {
          emit({ ...quake, near: nearest(sides.towns, quake) })
        },
      })
      .collect('strongest')
      .map('as text', textOf)
      .print('earthquake', { limit: 100 })
  },
})

/** Where, when and how strong. */
export interface Quake {
  readonly magnitude: number
  readonly time: number
  /** Where, in the words of the survey. */
  readonly place: string
  readonly latitude: number
  readonly longitude: number
}

/** With the town next to it. */
export interface Named extends Quake {
  readonly near: { readonly town: string; readonly kilometres: number }
}

/** A town, as far as it matters here. */
export interface Town {
  readonly city: string
  readonly state: string
  readonly latitude: number
  readonly longitude: number
}

/** The strongest of each window, strongest first. */
function strongest(n: number): (quakes: PCollection<Quake>) => PCollection<Quake> {
  return (quakes) =>
    quakes
      .combineGlobally('top', top(n, { by: (a: Quake, b: Quake) => a.magnitude - b.magnitude || a.time - b.time }), {
        whenEmpty: 'nothing',
      })
      .flatMap('each', (list) => list)
}

/** The file is one GeoJSON object, with each feature on a line of its own; the first line and the last have more on them. */
function featureOf(line: string): t.TypeOf<typeof Feature> {
  const from = line.indexOf('{"type":"Feature",')
  const to = line.search(/(\],"bbox":.*)?,?$/)
  return JSON.parse(line.slice(from, to)) as t.TypeOf<typeof Feature>
}

function quakeOf({ properties, geometry }: t.TypeOf<typeof Feature>): Quake {
  const [longitude, latitude] = geometry.coordinates
  return { magnitude: properties.mag, time: properties.time, place: properties.place, latitude, longitude }
}

/** The town next to a place, by the great circle. */
export function nearest(
  towns: readonly Town[],
  place: { readonly latitude: number; readonly longitude: number },
): Named['near'] {
  let near = { town: 'nowhere', kilometres: Infinity }
  for (const each of towns) {
    const kilometres = distance(each, place)
    if (kilometres < near.kilometres) near = { town: `${each.city}, ${each.state}`, kilometres }
  }
  return { ...near, kilometres: Math.round(near.kilometres) }
}

/** Kilometres between two places (haversine, a sphere of 6,371 km). */
function distance(a: Omit<Town, 'city' | 'state'>, b: Omit<Town, 'city' | 'state'>): number {
  const radians = (degrees: number): number => (degrees * Math.PI) / 180
  const half = (degrees: number): number => Math.sin(radians(degrees) / 2) ** 2
  const angle =
    half(b.latitude - a.latitude) +
    Math.cos(radians(a.latitude)) * Math.cos(radians(b.latitude)) * half(b.longitude - a.longitude)
  return 2 * 6371 * Math.asin(Math.sqrt(angle))
}

/** The towns are those of the United States: what is far from all of them is named as the survey does. */
function textOf({ magnitude, time, place, near }: Named): string {
  const where = near.kilometres <= 300 ? `${near.kilometres} km from ${near.town}` : place
  return `${new Date(time).toISOString().slice(0, 16)}  ${magnitude.toFixed(1)}  ${where}`
}
