/**
 * Draws a recording in event time (to the right) and processing time (upwards), as the Dataflow paper does: elements where
 * they happened and when they came, the watermark as a line, windows as columns, and each pane as a bar at the time at
 * which it came out.
 */
import type { RecordedPane, Recording } from './recording.js'
import { path, picture, type Role, tag, text, widthOf } from './svg.js'

/** What is drawn, and how much of time. */
export interface TimeTimeOptions {
  readonly title: string
  readonly description: string
  /** Event time from left to right, in milliseconds. */
  readonly eventTime: readonly [from: number, to: number]
  /** Processing time from the bottom to the top. */
  readonly processingTime: readonly [from: number, to: number]
  /** Distance of the lines of the grid. */
  readonly gridMillis: number
  /** How long after its end a window takes late elements. Default: longer than the picture. */
  readonly latenessMillis?: number
  readonly width?: number
  readonly height?: number
}

const MARGIN = { left: 62, right: 30, top: 66, bottom: 46 }
/** Watermarks beyond this are the beginning and the end of time. */
const FAR = 8e15

/** The picture of a recording. */
export function drawTimeTime(recording: Recording, options: TimeTimeOptions): string {
  const { width = 680, height = 480, eventTime, processingTime, gridMillis } = options
  const x = scale(eventTime, [MARGIN.left, width - MARGIN.right])
  const y = scale(processingTime, [height - MARGIN.bottom, MARGIN.top])
  const groups = together(recording.panes)
  const taken: Place[] = recording.elements.map((each) => ({ x: x(each.timestamp), y: y(each.now), width: 24 }))
  const body = [
    text(MARGIN.left, 24, options.title, { class: 'title' }),
    ...legend(recording, MARGIN.left, 44),
    ...columns(recording, x, y, options),
    ...grid(options, x, y, gridMillis),
    ...watermark(recording, x, y, options),
    ...groups.map(([pane]) => bar(pane, x, y)),
    ...recording.elements.map((element) => dot(x(element.timestamp), y(element.now), element.text, isDropped(element))),
    ...groups.map((group) => badge(group, x, y, taken)),
    text(width / 2, height - 10, 'event time →', { class: 'small mid f-soft' }),
    tag(
      'text',
      { x: 14, y: height / 2, class: 'small mid f-soft', transform: `rotate(-90 14 ${height / 2})` },
      'processing time →',
    ),
  ]
  return picture({ width, height, title: options.title, description: options.description }, body)

  function isDropped({ timestamp, now, text: words }: Recording['elements'][number]): boolean {
    return recording.dropped.some((late) => late.timestamp === timestamp && late.now === now && late.text === words)
  }
}

/** From time to a place in the picture. */
export type Scale = (value: number) => number

/** The scale that leads from one span to another, and stays within it. */
export function scale([from, to]: readonly [number, number], [low, high]: readonly [number, number]): Scale {
  return (value) => low + ((Math.min(Math.max(value, from), to) - from) / (to - from)) * (high - low)
}

/** Hours and minutes, and seconds where there are some. */
export function clockText(millis: number): string {
  const iso = new Date(millis).toISOString()
  return millis % 60_000 === 0 ? iso.slice(11, 16) : iso.slice(11, 19)
}

function grid({ eventTime, processingTime }: TimeTimeOptions, x: Scale, y: Scale, step: number): readonly string[] {
  const [left, right, bottom, top] = [x(eventTime[0]), x(eventTime[1]), y(processingTime[0]), y(processingTime[1])]
  const ideal = [Math.max(eventTime[0], processingTime[0]), Math.min(eventTime[1], processingTime[1])] as const
  return [
    ...ticks(eventTime, step).flatMap((at) => [
      tag('line', { x1: x(at), x2: x(at), y1: bottom, y2: top, class: 's-grid' }),
      text(x(at), bottom + 16, clockText(at), { class: 'small mid f-soft' }),
    ]),
    ...ticks(processingTime, step).flatMap((at) => [
      tag('line', { x1: left, x2: right, y1: y(at), y2: y(at), class: 's-grid' }),
      text(left - 7, y(at) + 4, clockText(at), { class: 'small end f-soft' }),
    ]),
    path(
      ideal.map((at) => [x(at), y(at)] as const),
      { class: 's-soft', 'stroke-dasharray': '2 5' },
    ),
  ]
}

/** Full steps within a span. */
export function ticks([from, to]: readonly [number, number], step: number): readonly number[] {
  const first = Math.ceil(from / step) * step
  return Array.from({ length: Math.floor((to - first) / step) + 1 }, (_, n) => first + n * step)
}

/** Windows as columns, from the beginning until they expire: until then they take elements, late ones too. */
function columns({ panes, watermarks }: Recording, x: Scale, y: Scale, options: TimeTimeOptions): readonly string[] {
  const windows = new Map(panes.map(({ start, end }) => [`${start} ${end}`, { start, end }]))
  const { latenessMillis = Number.POSITIVE_INFINITY, processingTime } = options
  return [...windows.values()].map(({ start, end }) => {
    const expiry = watermarks.find(({ watermark }) => watermark >= end + latenessMillis)?.now ?? processingTime[1]
    return tag('rect', {
      x: x(start) + 1.5,
      width: x(end) - x(start) - 3,
      y: y(expiry),
      height: y(processingTime[0]) - y(expiry),
      rx: 4,
      class: 'f-window s-edge',
    })
  })
}

/** The watermark as a line of steps: at each look, as far right as it had come. */
function watermark({ watermarks }: Recording, x: Scale, y: Scale, options: TimeTimeOptions): readonly string[] {
  const known = watermarks.filter(({ watermark }) => Math.abs(watermark) < FAR)
  const first = known[0]
  if (first === undefined) return []
  const points: (readonly [number, number])[] = [[x(options.eventTime[0]), y(first.now)]]
  let last = options.eventTime[0]
  for (const { now, watermark } of known) {
    points.push([x(last), y(now)], [x(watermark), y(now)])
    last = watermark
  }
  points.push([x(last), y(options.processingTime[1])])
  return [path(points, { class: 's-watermark', 'stroke-width': 2.5, 'stroke-linejoin': 'round' })]
}

function dot(x: number, y: number, words: string, isDropped: boolean): string {
  const role: Role = isDropped ? 'late' : 'element'
  const circle = tag('circle', {
    cx: x,
    cy: y,
    r: 11,
    class: `f-ground s-${role}`,
    'stroke-width': 1.6,
    'stroke-dasharray': isDropped ? '3 2' : undefined,
  })
  const cross = isDropped
    ? tag('line', { x1: x - 8, y1: y + 8, x2: x + 8, y2: y - 8, class: 's-late', 'stroke-width': 1.4 })
    : ''
  return `${circle}${cross}${text(x, y + 4, words, { class: `small mid strong f-${role}` })}`
}

/** Panes of one instant and window, which share a bar: what one takes back and what it says instead. */
type Together = readonly [RecordedPane, ...RecordedPane[]]

function together(panes: readonly RecordedPane[]): readonly Together[] {
  const groups = new Map<string, [RecordedPane, ...RecordedPane[]]>()
  for (const pane of panes) {
    const where = `${pane.start} ${pane.end} ${pane.now}`
    const group = groups.get(where)
    if (group === undefined) groups.set(where, [pane])
    else group.push(pane)
  }
  return [...groups.values()]
}

/** A pane, across its window. */
function bar({ start, end, now, timing }: RecordedPane, x: Scale, y: Scale): string {
  const across = { x1: x(start) + 4, x2: x(end) - 4, y1: y(now), y2: y(now) }
  return tag('line', { ...across, class: `s-${roleOf(timing)}`, 'stroke-width': 3 })
}

/** Where something already stands. */
interface Place {
  readonly x: number
  readonly y: number
  readonly width: number
}

/** What panes say, on their bar: to the right if there is room, else where there is. */
function badge(group: Together, x: Scale, y: Scale, taken: Place[]): string {
  const [{ start, end, now, timing }] = group
  const words = group.map((each) => (each.key === '' ? each.text : `${each.key} ${each.text}`)).join('  ')
  const width = Math.max(30, widthOf(words) + 16)
  const [left, right, middle] = [x(start) + 8 + width / 2, x(end) - 8 - width / 2, y(now)]
  const places = [1, 0.8, 0.6, 0.4, 0.2, 0].map((part) => left + (right - left) * part)
  const isFree = (at: number): boolean =>
    taken.every((each) => Math.abs(each.y - middle) >= 19 || Math.abs(each.x - at) >= (each.width + width) / 2)
  const at = places.find(isFree) ?? right
  taken.push({ x: at, y: middle, width })
  const pill = { x: at - width / 2, y: middle - 10, width, height: 20, rx: 10, class: `f-${roleOf(timing)}` }
  return `${tag('rect', pill)}${text(at, middle + 4, words, { class: 'mid strong f-ground' })}`
}

function roleOf(timing: RecordedPane['timing']): Role {
  return timing === 'unknown' ? 'soft' : timing
}

const TIMINGS: readonly (readonly [timing: RecordedPane['timing'], words: string])[] = [
  ['early', 'early pane'],
  ['onTime', 'on-time pane'],
  ['late', 'late pane'],
  ['unknown', 'pane'],
]

function legend({ panes, dropped, watermarks }: Recording, left: number, y: number): readonly string[] {
  const marks: (readonly [mark: (x: number) => string, words: string])[] = [
    [(x) => tag('circle', { cx: x + 6, cy: y - 4, r: 5, class: 'f-ground s-element', 'stroke-width': 1.6 }), 'element'],
  ]
  if (dropped.length > 0) {
    const circle = (x: number): string =>
      tag('circle', { cx: x + 6, cy: y - 4, r: 5, class: 'f-ground s-late', 'stroke-dasharray': '3 2' })
    marks.push([circle, 'dropped'])
  }
  if (watermarks.some(({ watermark }) => Math.abs(watermark) < FAR)) {
    const line = (x: number): string =>
      tag('line', { x1: x, x2: x + 14, y1: y - 4, y2: y - 4, class: 's-watermark', 'stroke-width': 2.5 })
    marks.push([line, 'watermark'])
  }
  for (const [timing, words] of TIMINGS) {
    if (!panes.some((pane) => pane.timing === timing)) continue
    marks.push([(x) => tag('rect', { x, y: y - 9, width: 14, height: 10, rx: 5, class: `f-${roleOf(timing)}` }), words])
  }
  let x = left
  return marks.map(([mark, words]) => {
    const drawn = `${mark(x)}${text(x + 19, y, words, { class: 'small f-soft' })}`
    x += 19 + widthOf(words, 11) + 18
    return drawn
  })
}
