/**
 * Pictures of windows: events of two users in event time, and under them the windows that a run has put them into, with
 * how many each has.
 */
import {
  calendarWindows,
  fixedWindows,
  type KV,
  pipeline,
  sessionWindows,
  slidingWindows,
  type WindowFn,
} from 'millrace'
import { directRunner } from 'millrace/direct'
import { picture, type Role, tag, text } from './svg.js'
import { clockText, scale, ticks } from './time-time.js'

interface WindowsPicture {
  readonly title: string
  readonly description: string
  readonly windowFn: WindowFn
  /** Event time from left to right. */
  readonly span: readonly [from: number, to: number]
  readonly gridMillis: number
  readonly label: (at: number) => string
  /** Instants by user. */
  readonly events: Readonly<Record<string, readonly number[]>>
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const MORNING = Date.UTC(2026, 2, 1, 8)
const minutes = (...all: readonly number[]): readonly number[] => all.map((each) => MORNING + each * MINUTE)

const CLICKS = {
  ann: minutes(10, 22, 41, 50, 135, 150, 200, 216),
  bob: minutes(35, 48, 75, 95, 110, 205),
}
const CLOCK = { span: [MORNING, MORNING + 4 * HOUR], gridMillis: HOUR / 2, label: clockText, events: CLICKS } as const

const DAYS_FROM = Date.UTC(2026, 2, 27, 18)
const hours = (...all: readonly number[]): readonly number[] => all.map((each) => DAYS_FROM + each * HOUR)

const PICTURES: Readonly<Record<string, WindowsPicture>> = {
  'fixed-windows': {
    ...CLOCK,
    title: 'Fixed windows of one hour',
    description: 'Every event is in one window; windows of all users begin and end at the same times.',
    windowFn: fixedWindows('1 hour'),
  },
  'sliding-windows': {
    ...CLOCK,
    title: 'Sliding windows of two hours, one every hour',
    description: 'Windows overlap, and every event is in two of them.',
    windowFn: slidingWindows('2 hours', { every: '1 hour' }),
    span: [MORNING - HOUR, MORNING + 5 * HOUR],
  },
  'session-windows': {
    ...CLOCK,
    title: 'Sessions, ended by 30 minutes without an event',
    description:
      'Each user has windows of their own, which last from the first event to half an hour after the last one.',
    windowFn: sessionWindows('30 minutes'),
  },
  'calendar-windows': {
    title: 'Days in Berlin, in the night the clocks change',
    description:
      'Days begin at midnight in Berlin: 23:00 UTC in winter, 22:00 in summer. The Sunday between has 23 hours.',
    windowFn: calendarWindows({ unit: 'day', zone: 'Europe/Berlin' }),
    span: [DAYS_FROM, DAYS_FROM + 84 * HOUR],
    gridMillis: 12 * HOUR,
    label: (at) => (at % (24 * HOUR) === 0 ? `${new Date(at).getUTCDate()} March 0:00` : clockText(at)),
    events: { ann: hours(2, 9, 20, 30, 33, 44, 55, 60), bob: hours(7, 26, 28, 40, 51.5, 70) },
  },
}

interface Found {
  readonly user: string
  readonly start: number
  readonly end: number
  readonly count: number
}

/** What a run has put into which window. */
async function windowsOf({ windowFn, events }: WindowsPicture): Promise<readonly Found[]> {
  const all = Object.entries(events).flatMap(([user, times]) => times.map((at) => ({ user, at })))
  const p = pipeline()
  p.create('events', all, { timestamp: ({ at }) => at })
    .windowInto('windows', windowFn)
    .keyBy('by user', ({ user }) => user)
    .countPerKey('count')
    .collect('counts')
  const result = await directRunner().start(p.build()).result
  return result
    .collectWindowed<KV<string, number>>('counts')
    .map(({ value, window: { start, end } }) => ({ user: value.key, start, end, count: value.value }))
    .sort((a, b) => (a.user < b.user ? -1 : a.user > b.user ? 1 : a.start - b.start || a.end - b.end))
}

const [WIDTH, LEFT, RIGHT] = [680, 56, 24]
const LANE = 30

function draw(what: WindowsPicture, found: readonly Found[]): string {
  const x = scale(what.span, [LEFT, WIDTH - RIGHT])
  const roles: readonly Role[] = ['first', 'second']
  const rows: string[] = []
  let y = 56
  Object.entries(what.events).forEach(([user, times], n) => {
    const role = roles[n % roles.length] as Role
    const ends: number[] = []
    const lanes = found
      .filter((each) => each.user === user)
      .map((each) => {
        const free = ends.findIndex((end) => end <= each.start)
        const lane = free < 0 ? ends.length : free
        ends[lane] = each.end
        return { ...each, lane }
      })
    rows.push(text(LEFT - 12, y + 4, user, { class: `end strong f-${role}` }))
    rows.push(tag('line', { x1: LEFT, x2: WIDTH - RIGHT, y1: y, y2: y, class: 's-edge' }))
    rows.push(...times.map((at) => tag('circle', { cx: x(at), cy: y, r: 5, class: `f-${role}` })))
    for (const { start, end, count, lane } of lanes) {
      const top = y + 14 + lane * LANE
      const [from, to] = [x(start) + 1.5, x(end) - 1.5]
      const shape = { x: from, y: top, width: to - from, height: LANE - 8, rx: 6 }
      rows.push(tag('rect', { ...shape, class: `f-${role} s-${role}`, 'fill-opacity': 0.14, 'stroke-width': 1.2 }))
      rows.push(text((from + to) / 2, top + 15.5, String(count), { class: `mid strong f-${role}` }))
    }
    y += 14 + Math.max(1, ends.length) * LANE + 20
  })
  const bottom = y - 12
  const grid = ticks(what.span, what.gridMillis).flatMap((at) => [
    tag('line', { x1: x(at), x2: x(at), y1: 38, y2: bottom, class: 's-grid' }),
    text(x(at), bottom + 16, what.label(at), { class: 'small mid f-soft' }),
  ])
  const title = text(LEFT, 24, what.title, { class: 'title' })
  const axis = text(WIDTH / 2, bottom + 36, 'event time →', { class: 'small mid f-soft' })
  const frame = { width: WIDTH, height: bottom + 48, title: what.title, description: what.description }
  return picture(frame, [title, ...grid, ...rows, axis])
}

/** The pictures of windows, by the name of their file. */
export async function windowPictures(): Promise<ReadonlyMap<string, string>> {
  const drawn = new Map<string, string>()
  for (const [name, what] of Object.entries(PICTURES)) drawn.set(name, draw(what, await windowsOf(what)))
  return drawn
}
