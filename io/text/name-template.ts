/**
 * Names of files with places in them for what tells the files of a write apart: `out/{window.start|yyyy-MM-dd-HH}-{pane}.txt`.
 *
 * Law: as that of `shard-names.ts`: two shards, two windows or two panes of a window never share a name. What the template does
 * not say and must be told apart is put at the end of the name.
 */
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import { formatMillis } from '../../sdk/timestamp.js'
import { TimeZone } from '../../sdk/windowing/time-zone.js'
import type { WindowFn } from '../../sdk/windowing/window-fn.js'
import { fiveDigits, folderOf, instantText, type PathParts, type ShardId, shardPath, splitPath } from './shard-names.js'

/** What stands in a place. */
type Field =
  | { readonly kind: 'start' | 'end'; readonly pattern: readonly (Unit | { readonly text: string })[] | undefined }
  | { readonly kind: 'pane' | 'shard' | 'shards' }

/** Units of time, the largest first. */
const UNITS = ['yyyy', 'MM', 'dd', 'HH', 'mm', 'ss', 'SSS'] as const
type Unit = (typeof UNITS)[number]

/** The longest time that a unit takes: what begins so far apart never falls into the same one. */
const UNIT_MILLIS: Readonly<Record<Unit, number>> = {
  yyyy: 366 * 86_400_000,
  MM: 31 * 86_400_000,
  dd: 86_400_000,
  HH: 3_600_000,
  mm: 60_000,
  ss: 1000,
  SSS: 1,
}
const UNIT_NAMES: Readonly<Record<Unit, string>> = {
  yyyy: 'years',
  MM: 'months',
  dd: 'days',
  HH: 'hours',
  mm: 'minutes',
  ss: 'seconds',
  SSS: 'milliseconds',
}

/** Stands for a place while the path is taken apart: its pattern may have dots and slashes. */
const PLACE = /\uE000(\d+)\uE001/g

/** The names of a write's files. */
export class FileNames {
  /** As the author gave it. */
  readonly path: string
  /** Where files are gathered: the path as far as it is the same for all of them. */
  readonly target: string
  /** What every file name ends in. */
  readonly ending: string
  readonly #suffix: string | undefined
  readonly #parts: PathParts
  readonly #shards: number
  readonly #fields: readonly Field[]
  /** The zone of calendar windows; else UTC. */
  #zone: TimeZone | undefined

  /** @throws {PipelineError} when a place says nothing that is known. */
  constructor(path: string, shards: number, suffix?: string) {
    const fields: Field[] = []
    const marked = path.replace(/\{\{|\}\}|\{([^{}]*)\}/g, (text, place: string | undefined) => {
      if (place === undefined) return text.slice(1)
      fields.push(fieldOf(place, path))
      return `\uE000${fields.length - 1}\uE001`
    })
    this.path = path
    this.#fields = fields
    this.#shards = shards
    this.#suffix = suffix
    this.#parts = splitPath(marked, suffix)
    const first = marked.search(PLACE)
    const { folder } = splitPath(first < 0 ? marked : marked.slice(0, first))
    const { base, extension } = this.#parts
    this.ending = `${base}${extension}`
    this.target = `${folder}${`${base}${extension}`.replace(PLACE, '')}`
  }

  /** The same for all windows, panes and shards: what two writes must not share. */
  get template(): string {
    const { folder, base, extension } = this.#parts
    return `${folder}${base}${extension}${this.#shards === 1 ? '' : ` of ${this.#shards}`} ${JSON.stringify(this.#fields)}`
  }

  /** Path of a file. */
  pathOf(id: ShardId): string {
    const fields = this.#fields
    const path = shardPath(this.#parts, this.#shards, id, {
      window: this.#has('start') || this.#has('end'),
      pane: this.#has('pane'),
      shard: this.#has('shard'),
    })
    if (fields.length === 0) return path
    return path.replace(PLACE, (_, index: string) => this.#textOf(fields[Number(index)] as Field, id))
  }

  /** The same for certain windows, by their calendar. @throws {PipelineError} when windows would share a name. */
  forWindows(windowFn: WindowFn, step: string): FileNames {
    const { payload } = windowFn
    const named = this.#fields.find(({ kind }) => kind === 'start' || kind === 'end')
    if (named === undefined) return this
    this.#check(windowFn, named.kind, step)
    const names = new FileNames(this.path, this.#shards, this.#suffix)
    if (payload.kind === 'calendar' && payload.zone !== 'UTC') names.#zone = new TimeZone(payload.zone)
    return names
  }

  #check(windowFn: WindowFn, named: string, step: string): void {
    const { payload } = windowFn
    if (payload.kind === 'global') {
      refuse(
        'MR-5013',
        `step "${step}" names its files by window, but its input is in the global window. Put windowInto(name, fixedWindows(…)) before it, or leave {window.${named}} out.`,
        step,
      )
    }
    const problem = this.#problemWith(windowFn)
    if (problem === undefined) return
    refuse(
      'MR-5011',
      `step "${step}" writes ${windowFn.description}, and ${problem}, so that windows would replace each other's files. Name them by {window.start}-{window.end}, or by a pattern such as {window.start|yyyy-MM-dd-HH-mm} that goes as far as the windows do.`,
      step,
    )
  }

  #problemWith({ payload }: WindowFn): string | undefined {
    const period =
      payload.kind === 'fixed' ? payload.sizeMillis : payload.kind === 'sliding' ? payload.periodMillis : undefined
    const [start, end] = [this.#finest('start'), this.#finest('end')]
    if (period === undefined && payload.kind !== 'calendar') {
      return start === 'SSS' && end === 'SSS'
        ? undefined
        : 'these have names of their own only by their whole start and end'
    }
    // One end is enough, as the other follows from it.
    const finest = [start, end].filter((unit) => unit !== undefined)
    if (finest.length === 0) return 'its names leave out a larger unit of time, and so come again'
    const longest = period ?? (payload.kind === 'calendar' ? UNIT_MILLIS[CALENDAR_UNITS[payload.unit]] : 0)
    if (finest.some((unit) => UNIT_MILLIS[unit] <= longest)) return undefined
    const every = period === undefined ? '' : `, while one begins every ${formatMillis(period)}`
    return `its names tell only ${UNIT_NAMES[finest[0] as Unit]} apart${every}`
  }

  /** The smallest unit by which an end of windows is named; `undefined` when a larger one is missing. */
  #finest(kind: 'start' | 'end'): Unit | undefined {
    const units = new Set<Unit>()
    for (const field of this.#fields) {
      if (field.kind !== kind) continue
      if (!('pattern' in field) || field.pattern === undefined) return 'SSS'
      for (const part of field.pattern) if (typeof part === 'string') units.add(part)
    }
    const missing = UNITS.findIndex((unit) => !units.has(unit))
    const known = missing < 0 ? UNITS.length : missing
    return units.size === known ? UNITS[known - 1] : undefined
  }

  #has(kind: Field['kind']): boolean {
    return this.#fields.some((field) => field.kind === kind)
  }

  #textOf(field: Field, { window, pane, shard }: ShardId): string {
    switch (field.kind) {
      case 'start':
      case 'end':
        return timeText(window[field.kind], field.pattern, this.#zone)
      case 'pane':
        return String(pane)
      case 'shard':
        return fiveDigits(shard)
      case 'shards':
        return fiveDigits(this.#shards)
    }
  }
}

/** The unit of which no two calendar windows begin in the same one. */
const CALENDAR_UNITS = { day: 'dd', week: 'dd', month: 'MM', year: 'yyyy' } as const

function fieldOf(place: string, path: string): Field {
  const [name, pattern] = splitOnce(place)
  if (name === 'window.start' || name === 'window.end') {
    return { kind: name === 'window.start' ? 'start' : 'end', pattern: patternOf(pattern, place) }
  }
  if (pattern === undefined && (name === 'pane' || name === 'shard' || name === 'shards')) return { kind: name }
  return refuse(
    'MR-5013',
    `the path ${preview(path)} has {${place}} in it, which stands for nothing. There are {window.start}, {window.end}, both also with a pattern: {window.start|yyyy-MM-dd-HH}; {pane}, {shard} and {shards}. A brace of its own is written twice: {{.`,
  )
}

function splitOnce(place: string): readonly [string, string | undefined] {
  const bar = place.indexOf('|')
  return bar < 0 ? [place, undefined] : [place.slice(0, bar), place.slice(bar + 1)]
}

function patternOf(
  pattern: string | undefined,
  place: string,
): readonly (Unit | { readonly text: string })[] | undefined {
  if (pattern === undefined) return undefined
  return [...pattern.matchAll(/([A-Za-z])\1*|[^A-Za-z]+/g)].map(([text, letter]) => {
    if (letter === undefined) return { text }
    const unit = UNITS.find((known) => known === text)
    if (unit !== undefined) return unit
    return refuse('MR-5013', `"${text}" in {${place}} is no unit of time. There are ${UNITS.join(', ')}, all in UTC.`)
  })
}

function timeText(
  timestamp: number,
  pattern: readonly (Unit | { readonly text: string })[] | undefined,
  zone: TimeZone | undefined,
): string {
  // Windows at the ends of time have no date.
  if (pattern === undefined || Math.abs(timestamp) > 8.64e15) return instantText(timestamp)
  const date = new Date(timestamp + (zone?.offsetAt(timestamp) ?? 0))
  const values: Readonly<Record<Unit, string>> = {
    yyyy: yearText(date.getUTCFullYear()),
    MM: twoDigits(date.getUTCMonth() + 1),
    dd: twoDigits(date.getUTCDate()),
    HH: twoDigits(date.getUTCHours()),
    mm: twoDigits(date.getUTCMinutes()),
    ss: twoDigits(date.getUTCSeconds()),
    SSS: String(date.getUTCMilliseconds()).padStart(3, '0'),
  }
  return pattern.map((part) => (typeof part === 'string' ? values[part] : part.text)).join('')
}

const twoDigits = (n: number): string => String(n).padStart(2, '0')
const yearText = (year: number): string =>
  year < 0 ? `-${String(-year).padStart(6, '0')}` : String(year).padStart(4, '0')

/** The folders of paths, each once. */
export function foldersOf(paths: readonly string[]): readonly string[] {
  return [...new Set(paths.map(folderOf))]
}
