/**
 * The table of all results of a grouping: the steps behind the output mode `complete`. They turn the panes of an accumulating grouping
 * that answers at the end of each batch into snapshots, one for each batch that has changed something.
 *
 *     panes ─► said ─► expiry ─► gather (one pane a batch) ─► table
 *
 * Law: a snapshot has the last value of each key and window that is kept, each once: those of all windows, or of those that have not
 * expired. A window that has become part of another has none. What the order is in which a batch's results come changes nothing.
 */
import * as t from 'io-ts'
import { typed } from '../codec.js'
import { canonicalKey, type Coder } from '../coders/index.js'
import { coderIn } from '../graph/coders.js'
import { type CollectionRef, reservedName } from '../graph/builder.js'
import * as urns from '../graph/urns.js'
import { type KV, kv } from '../kv.js'
import type { MapState } from '../state/state-cell.js'
import { state } from '../state/state-spec.js'
import { timer, type TimerFamily } from '../state/timer-spec.js'
import { addMillis, END_OF_GLOBAL_WINDOW, TIMESTAMP_MAX } from '../time.js'
import { afterBatch, repeatedly } from '../windowing/trigger.js'
import { type BoundedWindow, sameWindow } from '../windowing/window.js'
import { globalWindows } from '../windowing/window-fn.js'
import { globalStrategy, type WindowingStrategy } from '../windowing/windowing-strategy.js'
import type { AnyDoFn } from './do-fn.js'
import { addGroupByKey } from './group-by-key.js'
import { addOwnStep, type OwnContext } from './own-step.js'
import { addWindows, type Place, placeCodec, placeOf, tagOf, windowsOf } from './pane-memory.js'
import { addStep } from './step.js'

/** The window of a result: the times that it begins and ends at, and what it carries. */
export interface ResultWindow {
  /** Milliseconds since 1970 UTC; belongs to it. */
  readonly start: number
  /** Milliseconds since 1970 UTC; does not belong to it. */
  readonly end: number
  /** What a window of a custom WindowFn carries. */
  readonly data?: unknown
}

/** A result in a table of results. */
export interface ResultRow<K, V> {
  readonly window: ResultWindow
  readonly key: K
  readonly value: V
}

/** All results of a grouping: by window, the earliest first, and within it by key. */
export type ResultTable<K, V> = readonly ResultRow<K, V>[]

/** A result with its place. */
type Said = KV<Place, KV<unknown, unknown>>

/** What happened to a window: a key has a result, or, with none, the window has expired. */
type News = KV<string, Iterable<Said>>

/** What the steps' functions see; written out because the engine's types are not inferred here. */
interface ExpiryCall {
  readonly tag: string
  readonly timers: { readonly expiry: TimerFamily }
  /** How far the input is. At the end of time nothing more comes, and nothing goes. */
  readonly watermark: number
  readonly emit: (news: KV<null, News>) => void
}

interface TableCall {
  readonly state: { readonly rows: MapState<string, Said> }
  readonly emit: (table: ResultTable<unknown, unknown>) => void
}

/**
 * Adds the steps.
 *
 * @param panes output of a grouping whose input has the strategy `strategy`.
 * @param keepsExpired whether results of windows that have expired stay.
 */
export function addResultTable(
  panes: CollectionRef,
  strategy: WindowingStrategy,
  keepsExpired: boolean,
): CollectionRef {
  const { builder } = panes
  const { coders } = builder
  const [keyCoder, valueCoder] = builder.keyedCoders(panes)
  const placeCoder = coders.codec(builder.pathOf(reservedName('place')), 0, placeCodec(strategy.windowFn))
  const saidCoder = coders.kv(placeCoder, coders.kv(keyCoder, valueCoder))
  const nullCoder = coders.codec(builder.pathOf(reservedName('one')), 0, t.null)
  const tagCoder = coders.standard(urns.STRING_CODER)
  const newsCoder = coders.kv(nullCoder, coders.kv(tagCoder, coders.iterable(saidCoder)))
  const said = addOwnStep(panes, reservedName('said'), {
    coderId: newsCoder,
    process: ({ key, value }: KV<unknown, unknown>, context: OwnContext) =>
      context.emit(kv(null, kv(tagOf(context.window), [kv(placeOf(context), kv(key, value))]))),
  })
  // One place that has all keys and windows; what comes in one batch comes to it together.
  const together = addWindows(said, reservedName('together'), globalWindows(), {
    ...globalStrategy,
    trigger: repeatedly(afterBatch()),
    timestampCombiner: 'latest',
  })
  const goes = !keepsExpired && strategy.windowFn.payload.kind !== 'global'
  const news = goes ? addExpiry(together, strategy, newsCoder) : together
  const [table] = addStep(addGroupByKey(news, reservedName('gather')), {
    name: reservedName('table'),
    fn: {
      kind: 'doFn',
      doFn: tableDoFn(
        strategy,
        coderIn(coders.byId, (id) => coders.codecOf(id), keyCoder),
      ),
      tags: ['out'],
      allowedSkewMillis: 0,
      options: {},
    },
    outputs: () => [
      { tag: 'out', coderId: coders.iterable(coders.resultRow(windowCoderOf(panes, strategy), keyCoder, valueCoder)) },
    ],
    states: () => new Map([['rows', { kind: 'map', keyCoderId: tagCoder, valueCoderId: saidCoder }] as const]),
  })
  return table as CollectionRef
}

const plainWindow = t.type({ start: t.number, end: t.number })

function windowCoderOf({ builder }: CollectionRef, { windowFn }: WindowingStrategy): string {
  const { coders } = builder
  const isPlain = windowFn.data === undefined
  return isPlain ? coders.codec(builder.pathOf(reservedName('window')), 0, plainWindow) : coders.dynamic()
}

/** Says of each window that it has expired. */
function addExpiry(news: CollectionRef, strategy: WindowingStrategy, coderId: string): CollectionRef {
  const { allowedLatenessMillis, windowFn } = strategy
  const windowOf = windowsOf(windowFn)
  const process = (element: KV<null, News>, { timers, emit }: ExpiryCall): void => {
    const { key: tag, value } = element.value
    for (const { key: place } of value) {
      const time = addMillis(windowOf(place).maxTimestamp, allowedLatenessMillis)
      if (time < END_OF_GLOBAL_WINDOW) timers.expiry.set(tag, time)
    }
    emit(element)
  }
  const expiry = ({ tag, watermark, emit }: ExpiryCall): void => {
    if (watermark < TIMESTAMP_MAX) emit(kv(null, kv(tag, [])))
  }
  return addStep(news, {
    name: reservedName('expiry'),
    fn: {
      kind: 'doFn',
      doFn: { timers: { expiry: timer.eventTimeFamily() }, process, onTimer: { expiry } },
      tags: ['out'],
      allowedSkewMillis: Number.POSITIVE_INFINITY,
      options: {},
    },
    outputs: () => [{ tag: 'out', coderId }],
    timers: new Map([['expiry', { timeDomain: 'eventTime', isFamily: true }]]),
  })[0] as CollectionRef
}

/** A row that is kept: by which name, and of which key. */
interface Kept {
  readonly tag: string
  readonly windowTag: string
  readonly keyText: string
  readonly said: Said
}

function tableDoFn({ windowFn, mergeStatus }: WindowingStrategy, keyCoder: Coder<unknown>): AnyDoFn {
  const windowOf = windowsOf(windowFn)
  const isMerging = mergeStatus === 'needsMerge'

  const keptOf = (said: Said): Kept => {
    const windowTag = tagOf(windowOf(said.key))
    const keyText = hexOf(canonicalKey(said.value.key, keyCoder))
    return { tag: `${windowTag} of ${keyText}`, windowTag, keyText, said }
  }
  /** Whether `part` has become part of `whole`: whether the two, if they met, would be `whole`. */
  const isPart = (part: BoundedWindow, whole: BoundedWindow): boolean =>
    !sameWindow(part, whole) && windowFn.merge([part, whole]).some(({ merged }) => sameWindow(merged, whole))

  /** The rows of windows that have become part of another of the same key. */
  const absorbed = (rows: readonly Kept[], come: ReadonlySet<string>): readonly Kept[] => {
    const byKey = new Map<string, Kept[]>()
    for (const row of rows) {
      if (!come.has(row.keyText)) continue
      const of = byKey.get(row.keyText)
      if (of === undefined) byKey.set(row.keyText, [row])
      else of.push(row)
    }
    return [...byKey.values()].flatMap((of) =>
      of.filter(({ said: part }) => of.some(({ said: whole }) => isPart(windowOf(part.key), windowOf(whole.key)))),
    )
  }

  const process = ({ value: batch }: KV<null, Iterable<News>>, { state: { rows }, emit }: TableCall): void => {
    const kept = new Map([...rows.entries()].map(([tag, said]) => [tag, keptOf(said)]))
    const expired = new Set<string>()
    const come = new Set<string>()
    let changed = false
    const remove = ({ tag }: Kept): void => {
      rows.remove(tag)
      changed = kept.delete(tag) || changed
    }
    for (const { key: windowTag, value: results } of batch) {
      let isEmpty = true
      for (const said of results) {
        isEmpty = false
        const row = keptOf(said)
        const before = kept.get(row.tag)
        if (before !== undefined && before.said.key.index >= said.key.index) continue
        rows.put(row.tag, said)
        kept.set(row.tag, row)
        come.add(row.keyText)
        changed = true
      }
      if (isEmpty) expired.add(windowTag)
    }
    if (isMerging) for (const row of absorbed([...kept.values()], come)) remove(row)
    // Nothing comes after a window has expired, so what it said in the same batch has gone too.
    if (expired.size > 0) for (const row of kept.values()) if (expired.has(row.windowTag)) remove(row)
    if (changed) emit([...kept.values()].sort(inOrder).map(rowOf))
  }
  return { state: { rows: state.map(t.string, typed<Said>()) }, process }
}

function rowOf({ said: { key: place, value: result } }: Kept): ResultRow<unknown, unknown> {
  const { start, end, data } = place
  return { window: data === undefined ? { start, end } : { start, end, data }, key: result.key, value: result.value }
}

/** By window, then by key: numbers by size, texts by their units, others by how they are encoded. */
function inOrder(a: Kept, b: Kept): number {
  const { key: left } = a.said
  const { key: right } = b.said
  return left.start - right.start || left.end - right.end || byText(a.windowTag, b.windowTag) || byKey(a, b)
}

function byKey(a: Kept, b: Kept): number {
  const left = a.said.value.key
  const right = b.said.value.key
  if (typeof left === 'string' && typeof right === 'string') return byText(left, right)
  if (typeof left === 'number' && typeof right === 'number' && left !== right)
    return left - right || byText(a.tag, b.tag)
  return byText(typeof left, typeof right) || byText(a.keyText, b.keyText)
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Units of any kind, as text that every coder takes. */
function hexOf(text: string): string {
  return Array.from({ length: text.length }, (_, i) => text.charCodeAt(i).toString(16).padStart(4, '0')).join('')
}
