/**
 * Count windows: so many values of a key, whatever their time. No trigger can do this exactly, because a trigger is asked
 * between bundles; a stateful step is asked for each element, so the result does not depend on how bundles are cut.
 *
 * Law: of a key's values v₀ v₁ … in a window of event time, count window i holds the values from `i · every` on, `size` of
 * them. In arrival order these are the values as they come; in event-time order as their timestamps say, those of equal time as
 * they came, and a value that comes after the watermark has passed it follows those that have been put out.
 */
import type { ErrorCode } from '../error-codes.js'
import { typed } from '../codec.js'
import { type CollectionRef, reservedName } from '../graph/builder.js'
import type { StateSpecNode } from '../graph/model.js'
import { authorPath } from '../graph/names.js'
import type { KV } from '../kv.js'
import type { PCollection } from '../pcollection.js'
import { preview } from '../preview.js'
import { refuse } from '../refuse.js'
import type { ValueState } from '../state/state-cell.js'
import { state } from '../state/state-spec.js'
import { type Timer, timer } from '../state/timer-spec.js'
import { suggestion } from '../suggestion.js'
import type { BoundedWindow } from '../windowing/window.js'
import type { AnyDoFn } from './do-fn.js'
import { refuseChanges, refuseMerging } from './groupable.js'
import { addStep } from './step.js'

/** Options of {@link countWindows}. */
export interface CountWindowsOptions {
  /** Values in a window, from 1. */
  readonly size: number
  /** A window begins with every so-manieth value. Default: `size`, windows back to back; less makes them overlap, more skips values. */
  readonly every?: number
  /** Whether values count as they arrive, or in the order of their timestamps, which waits for the watermark. Default `'arrival'`. */
  readonly order?: 'arrival' | 'eventTime'
  /** What becomes of windows that are not full when their window of event time expires. Default `'emit'`. */
  readonly partial?: 'emit' | 'drop'
}

const OPTIONS = Object.keys({
  size: true,
  every: true,
  order: true,
  partial: true,
} satisfies Record<keyof CountWindowsOptions, true>)

/** A value that waits for the watermark: before others by timestamp, then by arrival. */
type Waiting = KV<readonly [timestamp: number, arrival: number], unknown>

type Emit = (value: KV<unknown, readonly unknown[]>) => void

interface Cells {
  /** The values from the beginning of the oldest window on that is not full. */
  readonly values: ValueState<unknown[]>
  /** How many are to be skipped before the next window begins. */
  readonly skip: ValueState<number>
}

interface TimedCells extends Cells {
  /** A heap. */
  readonly waiting: ValueState<Waiting[]>
  readonly arrivals: ValueState<number>
}

interface Call<C> {
  readonly key: unknown
  readonly timestamp: number
  readonly fireTimestamp: number
  readonly window: BoundedWindow
  readonly emit: Emit
  readonly state: C
  readonly timers: { readonly due: Timer }
}

/**
 * Windows of `size` values per key, within each window of event time. Their output has the timestamp of the value that made
 * them full; partial ones have the last of the window. Windows of event time that merge are refused.
 *
 * @throws {PipelineError} when an option is unknown or wrong, or the input is not keyed or in merging windows.
 * @example
 * ```ts
 * import { countWindows, pipeline, run } from 'millrace'
 * const p = pipeline()
 * p.create('numbers', [1, 2, 3, 4, 5])
 *   .keyBy('all', () => 'all')
 *   .apply('pairs', countWindows({ size: 2 }))
 *   .values('values')
 *   .collect('out')
 * const result = await run(p)
 * result.collect('out') // => [[1, 2], [3, 4], [5]]
 * ```
 */
export function countWindows(
  options: CountWindowsOptions,
): <K, V>(keyed: PCollection<KV<K, V>>) => PCollection<KV<K, readonly V[]>> {
  const checked = checkedOptions(options)
  return (keyed) => keyed.derive(addCountWindows(keyed, checked))
}

function addCountWindows(input: CollectionRef, options: Required<CountWindowsOptions>): CollectionRef {
  const { builder } = input
  const { coders } = builder
  const name = reservedName('count')
  const path = authorPath(builder.pathOf(name))
  const [keyCoder, valueCoder] = builder.keyedCoders(input)
  refuseChanges(input, path, 'counts')
  refuseMerging(input, path, 'countWindows counts')
  const isByTime = options.order === 'eventTime'
  const list = coders.iterable(valueCoder)
  // Values are kept as they came in, by the coder of the input.
  const cells: readonly (readonly [string, string])[] = [
    ['values', list],
    ['skip', coders.dynamic()],
    ...(isByTime
      ? ([
          ['waiting', coders.iterable(coders.kv(coders.dynamic(), valueCoder))],
          ['arrivals', coders.dynamic()],
        ] as const)
      : []),
  ]
  return addStep(input, {
    name,
    fn: { kind: 'doFn', doFn: doFnOf(options), tags: ['out'], allowedSkewMillis: 0, options: {} },
    outputs: () => [{ tag: 'out', coderId: coders.kv(keyCoder, list) }],
    states: () =>
      new Map(cells.map(([id, coderId]): [string, StateSpecNode] => [id, { kind: 'readModifyWrite', coderId }])),
    timers: isByTime ? new Map([['due', { timeDomain: 'eventTime' }]]) : new Map(),
    onWindowExpiration: options.partial === 'emit',
  })[0] as CollectionRef
}

function doFnOf({ size, every, order, partial }: Required<CountWindowsOptions>): AnyDoFn {
  const take = (key: unknown, value: unknown, cells: Cells, emit: Emit): void => {
    const skip = cells.skip.read() ?? 0
    if (skip > 0) {
      writeCount(cells.skip, skip - 1)
      return
    }
    // Changed in place: copying what has been kept for each value would cost its square.
    const values = cells.values.read() ?? []
    values.push(value)
    if (values.length < size) {
      cells.values.write(values)
      return
    }
    emit({ key, value: values })
    if (every < size) cells.values.write(values.slice(every))
    else cells.values.clear()
    if (every > size) cells.skip.write(every - size)
  }
  const own = { values: state.value(typed<unknown[]>()), skip: state.value(typed<number>()) }
  const onWindowExpiration = ({ key, state: cells, emit }: Call<Cells>): void => {
    const values = cells.values.read() ?? []
    for (let from = 0; from < values.length; from += every) emit({ key, value: values.slice(from) })
  }
  const last = partial === 'emit' ? { onWindowExpiration } : {}
  if (order === 'arrival') {
    const process = ({ key, value }: KV<unknown, unknown>, { state: cells, emit }: Call<Cells>): void =>
      take(key, value, cells, emit)
    return { state: own, process, ...last }
  }
  const process = ({ value }: KV<unknown, unknown>, call: Call<TimedCells>): void => {
    const { state: cells, timestamp } = call
    const arrival = cells.arrivals.read() ?? 0
    const waiting = cells.waiting.read() ?? []
    const isNext = pushHeap(waiting, { key: [timestamp, arrival], value })
    cells.waiting.write(waiting)
    cells.arrivals.write(arrival + 1)
    if (isNext) call.timers.due.set(dueTime(timestamp, call.window))
  }
  const due = ({ key, state: cells, emit, fireTimestamp, window, timers }: Call<TimedCells>): void => {
    const waiting = cells.waiting.read() ?? []
    let next = waiting[0]
    while (next !== undefined && dueTime(next.key[0], window) <= fireTimestamp) {
      take(key, next.value, cells, emit)
      popHeap(waiting)
      next = waiting[0]
    }
    if (next === undefined) {
      cells.waiting.clear()
      cells.arrivals.clear()
    } else {
      cells.waiting.write(waiting)
      timers.due.set(dueTime(next.key[0], window))
    }
  }
  return {
    state: { ...own, waiting: state.value(typed<Waiting[]>()), arrivals: state.value(typed<number>()) },
    timers: { due: timer.eventTime() },
    process,
    onTimer: { due },
    ...last,
  }
}

function writeCount(cell: ValueState<number>, count: number): void {
  if (count === 0) cell.clear()
  else cell.write(count)
}

/** A value that was given a time behind its window's end counts at the end. */
function dueTime(timestamp: number, { maxTimestamp }: BoundedWindow): number {
  return Math.min(timestamp, maxTimestamp)
}

function isBefore({ key: [at, arrival] }: Waiting, { key: [otherAt, otherArrival] }: Waiting): boolean {
  return at < otherAt || (at === otherAt && arrival < otherArrival)
}

/** @returns whether the entry is now the first. */
function pushHeap(heap: Waiting[], entry: Waiting): boolean {
  let at = heap.push(entry) - 1
  while (at > 0) {
    const above = (at - 1) >> 1
    const parent = heap[above] as Waiting
    if (!isBefore(entry, parent)) break
    heap[at] = parent
    at = above
  }
  heap[at] = entry
  return at === 0
}

/** Takes out the first. */
function popHeap(heap: Waiting[]): void {
  const moved = heap.pop()
  if (moved === undefined || heap.length === 0) return
  let at = 0
  for (;;) {
    const left = 2 * at + 1
    if (left >= heap.length) break
    const right = left + 1
    const isRight = right < heap.length && isBefore(heap[right] as Waiting, heap[left] as Waiting)
    const child = isRight ? right : left
    if (!isBefore(heap[child] as Waiting, moved)) break
    heap[at] = heap[child] as Waiting
    at = child
  }
  heap[at] = moved
}

function checkedOptions(options: CountWindowsOptions): Required<CountWindowsOptions> {
  const fail = (code: ErrorCode, message: string): never => refuse(code, `countWindows ${message}`)
  if (typeof options !== 'object' || options === null) fail('MR-1003', 'needs options, for example { size: 100 }.')
  const unknown = Object.keys(options).find((name) => !OPTIONS.includes(name))
  if (unknown !== undefined) fail('MR-1001', `has no option "${unknown}".${suggestion(unknown, OPTIONS)}`)
  const { size, every = size, order = 'arrival', partial = 'emit' } = options
  for (const [name, count] of [
    ['size', size],
    ['every', every],
  ] as const) {
    if (!Number.isSafeInteger(count) || count < 1)
      fail('MR-1002', `needs ${name} to be a whole number from 1, but got ${preview(count)}.`)
  }
  if (order !== 'arrival' && order !== 'eventTime')
    fail('MR-1002', `needs order to be 'arrival' or 'eventTime', but got ${preview(order)}.`)
  if (partial !== 'emit' && partial !== 'drop')
    fail('MR-1002', `needs partial to be 'emit' or 'drop', but got ${preview(partial)}.`)
  return { size, every, order, partial }
}
