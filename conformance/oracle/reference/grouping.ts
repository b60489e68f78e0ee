/**
 * The reference interpreter: what one grouping answers to a script. It is made to be checked by eye against the model,
 * shares nothing with the engine, and keeps nothing but what happened: windows with their pasts (`past.ts`), timers that
 * wait, and the two watermarks. Whatever a trigger or a pane needs is computed from the whole past.
 *
 * Laws, those of Beam Java and its DirectRunner:
 * 1. *Turns.* A turn is: elements that came together; the input watermark; the clock. Whatever becomes due is done before
 *    the next turn. Nothing is late or timed by an output watermark that moved within the turn.
 * 2. *Too late.* An element is dropped, per window of its own, if the watermark is past the window's expiry: its last
 *    instant plus the allowed lateness. Sessions are dropped by their own window, before they merge.
 * 3. *Bundles.* Elements of a key come together: their windows merge, all elements are added, then the trigger of each
 *    window that got any is asked, once.
 * 4. *Timers.* An element sets one at its window's last instant or, if the watermark is past that, at the expiry. A trigger
 *    sets those that its delays need. A timer is due when its clock is *past* it. All that are due for a window are one
 *    question to its trigger; past the expiry they are its end.
 * 5. *Output watermark.* It is the smallest of input watermark, holds and waiting event timers, over all keys, and never goes
 *    back. It is taken before timers fire, and again after.
 * 6. *Timing.* LATE after a pane that was not EARLY, or if the output watermark is past the window; else EARLY as long as
 *    the input watermark is not past the window; else ON_TIME.
 * 7. *What comes out.* A pane with new elements; an ON_TIME pane with onTime FIRE_ALWAYS; the pane at the expiry with
 *    closing FIRE_ALWAYS. Its timestamp is where the window held, at most its last instant, and that if it held nowhere.
 * 8. A trigger that finishes before the expiry loses data, so Beam refuses it at construction, and so does this.
 */
import {
  contentOf,
  freshElementsOf,
  holdsOf,
  lastPaneOf,
  later,
  memoryOf,
  nowOf,
  type Cell,
  type Instant,
  type Pane,
} from './past.js'
import {
  expiryOf,
  isSame,
  lastOf,
  sessionsOf,
  windowsOf,
  type Remainder,
  type ScriptElement,
  type ScriptEvent,
  type Strategy,
  type Window,
} from './script.js'
import { delaysOf, isReady, waitsForEnd } from './trigger.js'

/** What a grouping is told in a turn. */
export interface Turn {
  readonly elements: readonly (ScriptElement & { readonly windows: readonly Window[] })[]
  readonly watermark: number
  readonly clock: number
  readonly synchronizedClock: number
}

/** What it answers to one thing: to elements, to the clocks, or to timers that were due. */
export interface Answer {
  readonly panes: readonly Pane[]
  readonly outputWatermark: number
  /** The first instant at which the clock makes it answer again. */
  readonly nextDelay: number
}

/** What comes of a turn. */
export interface Outcome {
  readonly answers: readonly Answer[]
  /** Elements times windows that came too late. */
  readonly dropped: number
}

/** Something that waits for the watermark or for the clock. */
interface Timer {
  readonly key: string
  readonly window: Window
  readonly domain: 'watermark' | 'clock'
  readonly at: number
}

interface World {
  readonly cells: readonly Cell[]
  readonly timers: readonly Timer[]
  readonly at: Instant
  readonly panes: readonly Pane[]
}

/** What a grouping answers to turns, turn by turn. */
export function answersOf(strategy: Strategy, turns: readonly Turn[]): readonly Outcome[] {
  let world: World = {
    cells: [],
    timers: [],
    at: { watermark: -Infinity, outputWatermark: -Infinity, clock: 0, synchronizedClock: 0 },
    panes: [],
  }
  return turns.map((turn) => {
    const timely = turn.elements.flatMap((element) =>
      element.windows
        .filter((window) => expiryOf(window, strategy.allowedLateness) >= world.at.watermark)
        .map((window) => ({ element, window })),
    )
    const answers: Answer[] = []
    const answer = (next: World): void => {
      world = withOutputWatermark(strategy, next)
      const delays = world.timers.filter(({ domain }) => domain === 'clock').map(({ at }) => at)
      answers.push({
        panes: world.panes,
        outputWatermark: world.at.outputWatermark,
        nextDelay: Math.min(Infinity, ...delays),
      })
      world = { ...world, panes: [] }
    }
    const keys = [...new Set(timely.map(({ element }) => element.key))]
    if (timely.length > 0) answer(keys.reduce((before, key) => withBundle(strategy, before, key, timely), world))
    const { watermark, clock, synchronizedClock } = turn
    answer({ ...world, at: { ...world.at, watermark, clock, synchronizedClock } })
    for (let due = dueOf(world); due.length > 0; due = dueOf(world)) answer(withTimers(strategy, world, due))
    return {
      answers,
      dropped: turn.elements.reduce((sum, { windows }) => sum + windows.length, 0) - timely.length,
    }
  })
}

/** The turns of a script. */
export function turnsOf(
  { windowFn }: Strategy,
  events: readonly ScriptEvent[],
  remainder?: Remainder,
): readonly Turn[] {
  let watermark = -Infinity
  let clock = 0
  return events.map((event) => {
    if (event.type === 'watermark') watermark = event.timestamp === 'infinity' ? Infinity : event.timestamp
    if (event.type === 'processingTime') clock += event.advance
    const elements = event.type === 'elements' ? event.elements : []
    return {
      elements: elements.map((element) => ({ ...element, windows: windowsOf(windowFn, element.timestamp, remainder) })),
      watermark,
      clock,
      synchronizedClock: clock,
    }
  })
}

/** The world after those elements of a bundle that have a key, each with one window. */
function withBundle(
  strategy: Strategy,
  world: World,
  key: string,
  bundle: readonly { readonly element: ScriptElement; readonly window: Window }[],
): World {
  const { at } = world
  const arrived = bundle.filter(({ element }) => element.key === key)
  const windows = arrived.map(({ window }) => window)
  const merges = strategy.windowFn.windowFn === 'Sessions' && strategy.isMerged !== true
  const merged = merges ? withSessions(world, key, windows) : world
  const spanOf = (window: Window): Window =>
    merges ? (merged.cells.find((cell) => cell.key === key && isWithin(window, cell.window))?.window ?? window) : window
  const spans = distinct(arrived.map(({ window }) => spanOf(window)))
  return spans.reduce((before, window) => {
    const old = before.cells.find((cell) => isOf(cell, key, window)) ?? { key, window, past: [] }
    const mine = arrived.filter((arrival) => isSame(spanOf(arrival.window), window))
    const full = mine.reduce((cell, { element }) => later(cell, { kind: 'element', element, at }), old)
    const isEndWanted = waitsForEnd(strategy.trigger, memoryOf(strategy, old), nowOf(strategy, window, at))
    const onWatermark = [expiryOf(window, strategy.allowedLateness), ...(isEndWanted ? [lastOf(window)] : [])]
    const isUnion = old.past.at(-1)?.kind === 'merge'
    const onClock = delaysOf(memoryOf(strategy, full)).filter((delay) => delay >= at.clock || isUnion)
    const timers = [
      ...onWatermark.map((instant) => ({ key, window, domain: 'watermark' as const, at: instant })),
      ...onClock.map((instant) => ({ key, window, domain: 'clock' as const, at: instant })),
    ]
    return askedIn(strategy, withTimersSet(withCell(before, full), timers), full)
  }, merged)
}

/** The world in which the sessions of a key have merged with new windows. Timers of a window that is gone go with it. */
function withSessions(world: World, key: string, windows: readonly Window[]): World {
  const open = world.cells.filter((cell) => cell.key === key)
  return sessionsOf([...open.map(({ window }) => window), ...windows]).reduce((before, { span, of }) => {
    if (of.length < 2) return before
    const parts = open.filter(({ window }) => isWithin(window, span))
    const union: Cell = { key, window: span, past: [{ kind: 'merge', parts, at: world.at }] }
    return {
      ...before,
      cells: [...before.cells.filter((cell) => !parts.includes(cell)), union],
      timers: before.timers.filter((timer) => timer.key !== key || !parts.some((part) => isGone(part, timer, span))),
    }
  }, world)
}

const isGone = (part: Cell, { window }: Timer, span: Window): boolean =>
  isSame(part.window, window) && !isSame(window, span)

/** The world after timers that were due: one question for each window. */
function withTimers(strategy: Strategy, world: World, due: readonly Timer[]): World {
  const { at } = world
  const waiting: World = { ...world, timers: world.timers.filter((timer) => !due.includes(timer)) }
  const asked = world.cells.filter((cell) => due.some(({ key, window }) => isOf(cell, key, window)))
  return asked.reduce((before, cell) => {
    if (at.watermark <= expiryOf(cell.window, strategy.allowedLateness)) return askedIn(strategy, before, cell)
    const cells = before.cells.filter((other) => other !== cell)
    return withPane({ ...before, cells }, paneOf(strategy, cell, at, true))
  }, waiting)
}

/** The world after a question to a window's trigger. */
function askedIn(strategy: Strategy, world: World, cell: Cell): World {
  const { at } = world
  if (!isReady(strategy.trigger, memoryOf(strategy, cell), nowOf(strategy, cell.window, at))) return world
  const pane = paneOf(strategy, cell, at, false)
  const after = later(cell, { kind: 'firing', pane, at })
  if (memoryOf(strategy, after).isFinished) {
    throw new Error('the trigger has finished before its window expired; Beam refuses such a trigger at construction')
  }
  return withPane(withCell(world, after), pane)
}

/** The pane of a window that fires or expires; `undefined` if nothing comes out. */
function paneOf(strategy: Strategy, cell: Cell, at: Instant, isLast: boolean): Pane | undefined {
  const { key, window } = cell
  const end = lastOf(window)
  const previous = lastPaneOf(cell)
  const isLate = at.outputWatermark > end || (previous !== undefined && previous.timing !== 'EARLY')
  const timing = isLate ? 'LATE' : at.watermark > end ? 'ON_TIME' : 'EARLY'
  const isWanted =
    freshElementsOf(cell).length > 0 ||
    (timing === 'ON_TIME' && strategy.onTimeBehavior === 'FIRE_ALWAYS') ||
    (isLast && strategy.closingBehavior === 'FIRE_ALWAYS')
  if (!isWanted) return undefined
  const holds = holdsOf(strategy, cell)
  return {
    key,
    window,
    values: contentOf(strategy, cell),
    timing,
    index: (previous?.index ?? -1) + 1,
    nonSpeculativeIndex: timing === 'EARLY' ? -1 : (previous?.nonSpeculativeIndex ?? -1) + 1,
    isFirst: previous === undefined,
    isLast,
    timestamp: Math.min(holds.elements ?? end, holds.expiry ?? end, end),
  }
}

function withOutputWatermark(strategy: Strategy, world: World): World {
  const holds = world.cells.map((cell) => holdsOf(strategy, cell))
  const timers = world.timers.filter(({ domain }) => domain === 'watermark').map(({ at }) => at)
  const holders = holds.flatMap(({ elements, expiry }) => [elements ?? Infinity, expiry ?? Infinity])
  const smallest = Math.min(world.at.watermark, ...timers, ...holders)
  return { ...world, at: { ...world.at, outputWatermark: Math.max(world.at.outputWatermark, smallest) } }
}

/** Timers that are due. */
function dueOf({ timers, at }: World): readonly Timer[] {
  return timers.filter((timer) => (timer.domain === 'clock' ? at.synchronizedClock : at.watermark) > timer.at)
}

function withPane(world: World, pane: Pane | undefined): World {
  return pane === undefined ? world : { ...world, panes: [...world.panes, pane] }
}

function withCell(world: World, cell: Cell): World {
  const others = world.cells.filter((other) => !isOf(other, cell.key, cell.window))
  return { ...world, cells: [...others, cell] }
}

function withTimersSet(world: World, timers: readonly Timer[]): World {
  const news = timers.filter(
    (timer) =>
      !world.timers.some(
        (other) => isOf(other, timer.key, timer.window) && other.domain === timer.domain && other.at === timer.at,
      ),
  )
  return { ...world, timers: [...world.timers, ...news] }
}

const isOf = (of: { readonly key: string; readonly window: Window }, key: string, window: Window): boolean =>
  of.key === key && isSame(of.window, window)

const isWithin = (inner: Window, outer: Window): boolean => inner.start >= outer.start && inner.end <= outer.end

const distinct = (windows: readonly Window[]): readonly Window[] =>
  windows.filter((window, n) => windows.findIndex((other) => isSame(other, window)) === n)
