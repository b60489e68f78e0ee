/**
 * Joins a stream with a table that changes slowly: each element sees the version that held at its own time.
 *
 * Law: an element at t of a key is joined with the newest version of that key at or before t, in the same window. It waits
 * until the watermark has passed it, so what it sees does not depend on what came first. A version is forgotten when a newer one
 * has taken its place for every element that may still come.
 */
import { refuseUnknownOptions } from '../../known-options.js'
import { typed } from '../../codec.js'
import type { KV } from '../../kv.js'
import { metric } from '../../metrics.js'
import type { PCollection } from '../../pcollection.js'
import { preview } from '../../preview.js'
import { refuse } from '../../refuse.js'
import type { OrderedListState, TimestampedValue } from '../../state/state-cell.js'
import { state } from '../../state/state-spec.js'
import { type Timer, timer } from '../../state/timer-spec.js'
import { addMillis, type Duration, durationMillis, TIMESTAMP_MAX, TIMESTAMP_MIN } from '../../time.js'
import { expiryOf } from '../../windowing/expiry.js'
import type { BoundedWindow } from '../../windowing/window.js'
import {
  addTwoInputs,
  firstOf,
  type FromInput,
  type JoinCoders,
  type JoinStep,
  justAfter,
  stepPath,
} from './two-inputs.js'

/** A stream, and the table that it looks things up in. */
export interface AsOfInputs<K, S, V> {
  readonly stream: PCollection<KV<K, S>>
  /** Versions of rows: from its timestamp on a key has this value, or none, if the value is `undefined`. */
  readonly table: PCollection<KV<K, V>>
}

/** Options of {@link joinAsOf}. */
export interface JoinAsOfOptions<Kind extends 'inner' | 'left'> {
  /** Whether elements without a row are left out (`'inner'`, the default) or given `undefined` (`'left'`). */
  readonly kind?: Kind
  /** How long after its timestamp a version holds, if no newer one comes. Default: for ever, or as long as its window. */
  readonly keep?: Duration
}

/** An element of a stream with the row that it sees. */
export interface AsOf<S, V, Kind extends 'inner' | 'left' = 'inner'> {
  readonly stream: S
  readonly table: Kind extends 'left' ? V | undefined : Exclude<V, undefined>
}

interface Cells {
  readonly waiting: OrderedListState<unknown>
  readonly versions: OrderedListState<unknown>
}

/** What the step's functions see; written out because the engine's types are not inferred here. */
interface Call {
  readonly key: unknown
  readonly timestamp: number
  readonly fireTimestamp: number
  readonly window: BoundedWindow
  readonly emit: (value: unknown, timestamp: number) => void
  readonly state: Cells
  readonly timers: { readonly due: Timer }
  readonly metrics: { readonly tooLate: { inc(): void } }
}

/**
 * Gives each element of a keyed stream the row of a table that held at its own event time. A row's versions come as elements of
 * the table: each holds from its timestamp on, until a newer one or for `keep`; `undefined` deletes. Of versions with the same
 * timestamp the one that came last counts. Results have the timestamps of the stream's elements, which wait until the watermark
 * of both inputs has passed them by the allowed lateness.
 *
 * Works in any windows that do not merge, within each; in the global window it needs no trigger. An element of the stream that
 * comes too late is dropped and counted (metric `tooLate`); a version that does is seen by the elements that wait or come.
 *
 * @throws {PipelineError} when windows differ or merge, or an option is wrong.
 * @example
 * ```ts
 * import { joinAsOf, kv, pipeline, run } from 'millrace'
 * const p = pipeline()
 * const prices = [{ at: 0, price: 5 }, { at: 1000, price: 6 }].map(({ at, price }) => kv('tea', { at, price }))
 * const table = p.create('prices', prices, { timestamp: ({ value }) => value.at })
 * const stream = p.create('sales', [kv('tea', 999), kv('tea', 1000)], { timestamp: ({ value }) => value })
 * joinAsOf('at the price then', { stream, table })
 *   .values('sold')
 *   .map('text', ({ stream: at, table: { price } }) => `${at} for ${price}`)
 *   .collect('out')
 * const result = await run(p)
 * result.collect<string>('out').toSorted() // => ['1000 for 6', '999 for 5']
 * ```
 */
export function joinAsOf<K, S, V, const Kind extends 'inner' | 'left' = 'inner'>(
  name: string,
  inputs: AsOfInputs<K, S, V>,
  options: JoinAsOfOptions<Kind> = {},
): PCollection<KV<K, AsOf<S, V, Kind>>> {
  const { stream, table } = inputs
  const path = stepPath(stream, name)
  refuseUnknownOptions(`joinAsOf "${path}"`, options, { kind: true, keep: true }, path)
  const { kind = 'inner', keep } = options as JoinAsOfOptions<'inner' | 'left'>
  if (kind !== 'inner' && kind !== 'left')
    refuse('MR-1002', `joinAsOf "${path}" needs kind to be 'inner' or 'left', but got ${preview(kind)}.`, path)
  const keepMillis = keep === undefined ? undefined : durationMillis(keep, 'keep', path)
  return stream.derive(
    addTwoInputs(name, 'joinAsOf', [stream, table], (coders, lateness) =>
      joinStep(coders, lateness, kind === 'left', keepMillis),
    ),
  )
}

type Version = TimestampedValue<unknown>

function joinStep(coders: JoinCoders, lateness: number, isLeft: boolean, keep: number | undefined): JoinStep {
  /** Sets the timer to when the first element may leave, or the first version be forgotten. */
  const arm = ({ state: { waiting, versions }, timers, window }: Call): void => {
    const first = firstOf(waiting.read())
    const [oldest, second] = firstTwo(versions.read())
    const ends: number[] = []
    if (first !== undefined) ends.push(first.timestamp)
    if (second !== undefined) ends.push(second.timestamp)
    if (oldest !== undefined && oldest.value === undefined) ends.push(oldest.timestamp)
    if (oldest !== undefined && keep !== undefined) ends.push(addMillis(oldest.timestamp, keep))
    if (ends.length === 0) {
      timers.due.clear()
      return
    }
    const due = Math.min(addMillis(Math.min(...ends), lateness), expiryOf(window, lateness))
    timers.due.set(
      due,
      first === undefined
        ? { holdsWatermark: false }
        : { outputTimestamp: Math.min(first.timestamp, due), holdsWatermark: true },
    )
  }
  const process = ({ value: { input, value } }: FromInput, call: Call): void => {
    const { state: cells, timestamp, timers, metrics } = call
    if (input === 1) cells.versions.add(timestamp, value)
    else if (addMillis(timestamp, lateness) < timers.due.currentRelativeTime) {
      metrics.tooLate.inc()
      return
    } else cells.waiting.add(timestamp, value)
    arm(call)
  }
  const due = (call: Call): void => {
    const { state: cells, fireTimestamp, window, key, emit } = call
    const isEnd = fireTimestamp >= expiryOf(window, lateness)
    const passed = isEnd ? TIMESTAMP_MAX : addMillis(fireTimestamp, -lateness)
    const end = justAfter(passed)
    const versions = [...cells.versions.range(TIMESTAMP_MIN, end)]
    let [next, current]: [number, Version | undefined] = [0, undefined]
    for (const { timestamp, value } of cells.waiting.range(TIMESTAMP_MIN, end)) {
      for (
        let version = versions[next];
        version !== undefined && version.timestamp <= timestamp;
        version = versions[++next]
      )
        current = version
      const table = current === undefined || isOver(current, timestamp, keep) ? undefined : current.value
      if (table !== undefined || isLeft) emit({ key, value: { stream: value, table } }, timestamp)
    }
    cells.waiting.clearRange(TIMESTAMP_MIN, end)
    const newest = versions.at(-1)
    if (newest !== undefined) {
      cells.versions.clearRange(TIMESTAMP_MIN, end)
      // What elements after this time see.
      if (!isEnd && newest.value !== undefined && !isOver(newest, justAfter(passed), keep))
        cells.versions.add(newest.timestamp, newest.value)
    }
    arm(call)
  }
  return {
    doFn: {
      state: { waiting: state.orderedList(typed<unknown>()), versions: state.orderedList(typed<unknown>()) },
      timers: { due: timer.eventTime() },
      metrics: { tooLate: metric.counter() },
      process,
      onTimer: { due },
    },
    states: new Map([
      ['waiting', { kind: 'orderedList', elementCoderId: coders.values[0] }],
      ['versions', { kind: 'orderedList', elementCoderId: coders.values[1] }],
    ]),
    hasTimer: true,
  }
}

/** Whether a version no longer holds at a time. */
function isOver({ timestamp }: Version, at: number, keep: number | undefined): boolean {
  return keep !== undefined && addMillis(timestamp, keep) < at
}

function firstTwo<T>(values: Iterable<T>): readonly T[] {
  const two: T[] = []
  for (const value of values) if (two.push(value) === 2) break
  return two
}
