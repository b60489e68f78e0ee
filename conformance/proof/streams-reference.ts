/**
 * What a random stream program must give: for each key and window the final content, computed from whole arrays, without
 * watermarks, bundles or panes. It shares no code with the engine.
 */
import type { TimestampCombiner } from 'millrace'
import { modulo } from './draw.js'
import type { Grouping, Program, Reduction, Side, Windowing } from './random-streams.js'

/** A value with time and window. */
interface Timed {
  readonly key: number
  readonly value: number
  readonly timestamp: number
  readonly start: number
  readonly end: number
}

/** The content of a key in a window. */
export interface Content {
  readonly key: number
  readonly start: number
  readonly end: number
  /** What a pane with everything is stamped with. */
  readonly timestamp: number
  readonly values: readonly number[]
}

/** The final contents of the last grouping. */
export function reference(program: Program): readonly Content[] {
  const { streams, doubles, side, windowing } = program
  let elements: readonly Timed[] = streams
    .flatMap(({ arrivals }) => arrivals)
    .flatMap(({ value, timestamp }) => (doubles ? [value, value + 1] : [value]).map((x) => ({ value: x, timestamp })))
    .flatMap(({ value, timestamp }) =>
      windowsOf(windowing, timestamp).map((window) => ({ key: value, value, timestamp, ...window })),
    )
  if (side !== undefined) {
    elements = elements.map((element) => {
      const value = element.value + modulo(sideTotal(side, element.end - 1), 7)
      return { ...element, key: value, value }
    })
  }
  let merges = windowing.kind === 'sessions'
  let contents: readonly Content[] = []
  for (const grouping of program.groupings) {
    if (grouping.windowing !== undefined) {
      const again = grouping.windowing
      elements = elements.flatMap((element) =>
        windowsOf(again, element.timestamp).map((window) => ({ ...element, ...window })),
      )
      merges = again.kind === 'sessions'
    }
    contents = contentsOf(elements, grouping, merges, program.timestampCombiner)
    merges = false
    elements = contents.flatMap(({ values, ...place }) => values.map((value) => ({ ...place, value })))
  }
  return contents
}

/** The windows of a timestamp, the earliest first. */
export function windowsOf(
  windowing: Windowing,
  timestamp: number,
): readonly { readonly start: number; readonly end: number }[] {
  switch (windowing.kind) {
    case 'fixed': {
      const start = timestamp - modulo(timestamp - windowing.offset, windowing.size)
      return [{ start, end: start + windowing.size }]
    }
    case 'sliding': {
      const { size, every, offset } = windowing
      const windows: { start: number; end: number }[] = []
      for (let start = timestamp - modulo(timestamp - offset, every); start > timestamp - size; start -= every) {
        windows.unshift({ start, end: start + size })
      }
      return windows
    }
    case 'sessions':
      return [{ start: timestamp, end: timestamp + windowing.gap }]
  }
}

/** What a side input adds up to in the first of its windows that a main window's last instant lies in. */
function sideTotal({ stream, windowing }: Side, timestamp: number): number {
  const [window] = windowsOf(windowing, timestamp)
  if (window === undefined) throw new Error('windows of side inputs have no gaps')
  return stream.arrivals
    .filter((arrival) => arrival.timestamp >= window.start && arrival.timestamp < window.end)
    .reduce((total, { value }) => total + value, 0)
}

function contentsOf(
  elements: readonly Timed[],
  { keys, reduction }: Grouping,
  merges: boolean,
  combiner: TimestampCombiner,
): readonly Content[] {
  const contents: Content[] = []
  const ofKeys = new Map<number, Timed[]>()
  for (const element of elements) listAt(ofKeys, keys === 0 ? 0 : modulo(element.key, keys)).push(element)
  for (const [key, ofKey] of ofKeys) {
    for (const members of merges ? sessionsOf(ofKey) : sameWindows(ofKey)) {
      const start = Math.min(...members.map((member) => member.start))
      const end = Math.max(...members.map((member) => member.end))
      const values = reduced(
        members.map(({ value }) => value),
        reduction,
      )
      const timestamps = members.map(({ timestamp }) => timestamp)
      // Timers of steps with state are stamped with their time, whatever groupings do.
      const stamp = reduction === 'timedCount' ? 'endOfWindow' : combiner
      contents.push({ key, start, end, timestamp: stampOf(timestamps, end - 1, stamp), values })
    }
  }
  return contents
}

function stampOf(timestamps: readonly number[], last: number, combiner: TimestampCombiner): number {
  switch (combiner) {
    case 'endOfWindow':
      return last
    case 'earliest':
      return Math.min(...timestamps)
    case 'latest':
      return Math.max(...timestamps)
  }
}

function sameWindows(elements: readonly Timed[]): readonly (readonly Timed[])[] {
  const byWindow = new Map<string, Timed[]>()
  for (const element of elements) listAt(byWindow, `${element.start} ${element.end}`).push(element)
  return [...byWindow.values()]
}

/** Elements whose windows overlap are together; windows that touch are apart. */
function sessionsOf(elements: readonly Timed[]): readonly (readonly Timed[])[] {
  const sessions: Timed[][] = []
  let end = -Infinity
  for (const element of [...elements].sort((a, b) => a.start - b.start)) {
    if (element.start >= end) sessions.push([])
    sessions.at(-1)?.push(element)
    end = Math.max(end, element.end)
  }
  return sessions
}

function reduced(values: readonly number[], reduction: Reduction): readonly number[] {
  const total = values.reduce((a, b) => a + b, 0)
  switch (reduction) {
    case 'group':
    case 'gather':
      return values
    case 'sum':
      return [total]
    case 'digest':
      return [total * 1000 + values.length]
    case 'max':
      return [Math.max(...values)]
    case 'timedCount':
      return [values.length]
  }
}

/** What successive panes that have only what is new amount to. */
export function united(panes: readonly (readonly number[])[], reduction: Reduction): readonly number[] {
  const all = panes.flat()
  switch (reduction) {
    case 'group':
    case 'gather':
      return all
    case 'sum':
    case 'digest':
    case 'timedCount':
      return [all.reduce((a, b) => a + b, 0)]
    case 'max':
      return all.length === 0 ? [] : [Math.max(...all)]
  }
}

/** The list at a key, made if need be. */
export function listAt<K, V>(lists: Map<K, V[]>, key: K): V[] {
  const list = lists.get(key) ?? []
  lists.set(key, list)
  return list
}
