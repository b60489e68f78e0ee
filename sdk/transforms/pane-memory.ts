/**
 * The memory behind retracting accumulation: what was put out last for each window of a key, kept outside of windows, so that
 * it is found again when windows have merged. It turns the panes of an accumulating grouping into changes.
 *
 * Law: a pane retracts what its window said before, and what every window said that has become part of it; then it inserts. A
 * pane older than one that has come is ignored, so panes may come twice and in any order. What is remembered of a window goes
 * when no further pane can ask for it. That is at its end and the allowed lateness; but where windows merge, a pane of the
 * union may come later than that, and then it goes after its last pane, which the grouping must be made to give.
 */
import * as t from 'io-ts'
import { type Codec, isIoTs, typed } from '../codec.js'
import { canonicalKey } from '../coders/index.js'
import { coderOfCodec } from '../graph/coders.js'
import { type CollectionRef, reservedName, type StepName } from '../graph/builder.js'
import * as urns from '../graph/urns.js'
import { type KV, kv } from '../kv.js'
import type { MapState } from '../state/state-cell.js'
import { state } from '../state/state-spec.js'
import { timer, type TimerFamily } from '../state/timer-spec.js'
import { addMillis, END_OF_GLOBAL_WINDOW } from '../time.js'
import { type AssignContext, customWindows } from '../windowing/custom-windows.js'
import { type BoundedWindow, DataWindow, globalWindow, IntervalWindow, sameWindow } from '../windowing/window.js'
import { globalWindows, type WindowFn } from '../windowing/window-fn.js'
import { globalStrategy, type WindowingStrategy } from '../windowing/windowing-strategy.js'
import { type Change, insert, retract } from './change.js'
import type { AnyDoFn } from './do-fn.js'
import { addCodedMap } from './element-wise.js'
import { addOwnStep, type OwnContext } from './own-step.js'
import { addStep } from './step.js'

/** Which pane of which window, and its timestamp. */
export interface Place {
  readonly start: number
  readonly end: number
  readonly data?: unknown
  readonly index: number
  readonly timestamp: number
  readonly isLast: boolean
}

/** A pane with its place: what comes to the memory, and what it keeps. */
type Pane = KV<Place, unknown>

const place = { start: t.number, end: t.number, index: t.number, timestamp: t.number, isLast: t.boolean }
const plainPlace = t.type(place)

/** What the memory's functions see; written out because the engine's types are not inferred here. */
interface Call {
  readonly key: unknown
  readonly tag: string
  readonly state: { readonly said: MapState<string, Pane> }
  readonly timers: { readonly expiry: TimerFamily }
  readonly emit: (out: KV<unknown, KV<Place, Change<unknown>>>, timestamp: number) => void
}

/** What the memory has to know of a grouping. */
export interface Memory {
  /** Of the grouping's input. */
  readonly strategy: WindowingStrategy
  /** What is kept of a pane: a value that stays as it is. */
  readonly valueOf: (pane: unknown) => unknown
  /** Whether a pane says what was said before, so that nothing changes. */
  readonly isRepeated: (before: unknown, now: unknown) => boolean
}

/**
 * Adds the steps that turn panes into changes of each key's value.
 *
 * @param panes output of an accumulating grouping whose input has the strategy `memory.strategy`.
 * @returns changes in the windows of the panes, by key.
 */
export function addPaneMemory(panes: CollectionRef, memory: Memory): CollectionRef {
  const { builder } = panes
  const { coders } = builder
  const [keyCoder, valueCoder] = builder.keyedCoders(panes)
  const after = builder.strategyOf(panes)
  const { windowFn } = memory.strategy
  const placeCoder = coders.codec(builder.pathOf(reservedName('place')), 0, placeCodec(windowFn))
  const paneCoder = coders.kv(placeCoder, valueCoder)
  const changeCoder = coders.change(valueCoder)
  const placed = addOwnStep(panes, reservedName('place'), {
    coderId: coders.kv(keyCoder, paneCoder),
    process: ({ key, value }: KV<unknown, unknown>, context: OwnContext) =>
      context.emit(kv(key, kv(placeOf(context), memory.valueOf(value)))),
  })
  // Panes of all windows of a key meet in one memory, and none is late for it.
  const together = addWindows(placed, reservedName('together'), globalWindows(), globalStrategy)
  const [changes] = addStep(together, {
    name: reservedName('remember'),
    fn: {
      kind: 'doFn',
      doFn: memoryDoFn(memory),
      tags: ['out'],
      // What an absorbed window said is taken back in that window, which may end before the one that absorbs it.
      allowedSkewMillis: Number.POSITIVE_INFINITY,
      options: {},
    },
    outputs: () => [{ tag: 'out', coderId: coders.kv(keyCoder, coders.kv(placeCoder, changeCoder)) }],
    states: () =>
      new Map([
        ['said', { kind: 'map', keyCoderId: coders.standard(urns.STRING_CODER), valueCoderId: paneCoder }] as const,
      ]),
    timers: new Map([['expiry', { timeDomain: 'eventTime', isFamily: true }]]),
  })
  const back = addWindows(changes as CollectionRef, reservedName('windows'), windowsOfPlaces(windowFn), after)
  const bare = ({ key, value }: KV<unknown, KV<Place, unknown>>): KV<unknown, unknown> => kv(key, value.value)
  return addCodedMap(back, reservedName('changes'), bare, coders.kv(keyCoder, changeCoder))
}

/** Describes places; where windows carry what a schema can only check, the default coder does. */
export function placeCodec({ data }: WindowFn): Codec | undefined {
  if (data === undefined) return plainPlace
  return isIoTs(data) ? t.type({ ...place, data: data as unknown as t.Mixed }) : undefined
}

export function placeOf({ window, pane: { index, isLast }, timestamp }: OwnContext): Place {
  const { start, end } = window
  return window instanceof DataWindow
    ? { start, end, data: window.data, index, timestamp, isLast }
    : { start, end, index, timestamp, isLast }
}

/** Puts elements into windows, whatever the strategy before was. */
export function addWindows(
  input: CollectionRef,
  name: StepName,
  windowFn: WindowFn,
  strategy: WindowingStrategy,
): CollectionRef {
  const { builder } = input
  const { coderId, isBounded } = builder.collection(input.id)
  return builder.leaf({
    name,
    spec: { urn: urns.WINDOW_INTO, payload: { windowFn: builder.windowFns.referred(windowFn, builder.pathOf(name)) } },
    inputs: new Map([['in', input.id]]),
    outputs: [{ tag: 'out', coderId, isBounded, strategy }],
  })[0] as CollectionRef
}

/** The window that each change speaks of. Where there is only the global one, it is in it. */
function windowsOfPlaces({ payload, data }: WindowFn): WindowFn {
  if (payload.kind === 'global') return globalWindows()
  return customWindows({
    name: 'windows of panes',
    assign: ({ element }: AssignContext<unknown>) => (element as KV<unknown, Pane>).value.key as never,
    assignsToOneWindow: true,
    ...(data === undefined ? {} : { data }),
  })
}

function memoryDoFn({ strategy, isRepeated }: Memory): AnyDoFn {
  const { windowFn, allowedLatenessMillis } = strategy
  const isMerging = strategy.mergeStatus === 'needsMerge'
  const windowOf = windowsOf(windowFn)
  type Saying = Pick<Call, 'state' | 'timers' | 'emit'>

  /** Whether `part` has become part of `whole`: whether the two, if they met, would be `whole`. */
  const isPart = (part: BoundedWindow, whole: BoundedWindow): boolean =>
    windowFn.merge([part, whole]).some(({ merged }) => sameWindow(merged, whole))

  /** Takes back what the parts of a window said. @returns false when the window is itself part of one that has spoken. */
  const absorb = (
    key: unknown,
    at: Place,
    whole: BoundedWindow,
    { state: { said }, timers: { expiry }, emit }: Saying,
  ): boolean => {
    const others = [...said.entries()].map(([tag, pane]) => ({ tag, pane, window: windowOf(pane.key) }))
    if (others.some(({ window }) => isPart(whole, window))) return false
    for (const { tag, pane, window } of others) {
      // A window that has had its last pane was not there any more to become part of another.
      if (pane.key.isLast || !isPart(window, whole)) continue
      said.remove(tag)
      expiry.clear(tag)
      const time = Math.max(pane.key.timestamp, Math.min(at.timestamp, window.maxTimestamp))
      emit(kv(key, kv(pane.key, retract(pane.value))), time)
    }
    return true
  }

  /** Sets the time when what a window said is forgotten; what the global window said is kept to the end. */
  const limit = (tag: string, { maxTimestamp }: BoundedWindow, isOpen: boolean, expiry: TimerFamily): void => {
    const time = addMillis(maxTimestamp, allowedLatenessMillis)
    if (time >= END_OF_GLOBAL_WINDOW) return
    // Until it is known what became of a window, consumers keep it open: its retraction must not be late for them.
    if (isOpen) expiry.set(tag, END_OF_GLOBAL_WINDOW, { outputTimestamp: time })
    else expiry.set(tag, time)
  }

  const process = ({ key, value: pane }: KV<unknown, Pane>, call: Call): void => {
    const { state, timers, emit } = call
    const at = pane.key
    const window = windowOf(at)
    const tag = tagOf(window)
    const before = state.said.get(tag)
    if (before !== undefined && before.key.index >= at.index) return
    if (before === undefined && isMerging && !absorb(key, at, window, call)) return
    state.said.put(tag, pane)
    if (before === undefined || (isMerging && at.isLast)) limit(tag, window, isMerging && !at.isLast, timers.expiry)
    if (before !== undefined) {
      if (isRepeated(before.value, pane.value)) return
      emit(kv(key, kv(at, retract(before.value))), at.timestamp)
    }
    emit(kv(key, kv(at, insert(pane.value))), at.timestamp)
  }
  return {
    state: { said: state.map(t.string, typed<Pane>()) },
    timers: { expiry: timer.eventTimeFamily() },
    process,
    onTimer: { expiry: ({ tag, state: { said } }: Call) => said.remove(tag) },
  }
}

/** The window of a place. */
export function windowsOf({ payload, data }: WindowFn): (at: Place) => BoundedWindow {
  if (payload.kind === 'global') return () => globalWindow
  if (data === undefined) return ({ start, end }) => new IntervalWindow(start, end)
  const coder = coderOfCodec(data)
  return ({ start, end, data: carried }) => new DataWindow(start, end, carried, canonicalKey(carried, coder))
}

/** A window as a name. What it carries is told by its bytes, which are no text themselves. */
export function tagOf({ start, end, identity }: BoundedWindow): string {
  if (identity === undefined) return `${start} ${end}`
  const units = Array.from({ length: identity.length }, (_, i) => identity.charCodeAt(i).toString(36))
  return `${start} ${end} ${units.join(' ')}`
}
