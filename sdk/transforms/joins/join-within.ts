/**
 * Joins two streams by how far apart their elements are in event time.
 *
 * Law: a left element at l and a right one at r of one key and window are a pair exactly when −before ≤ r − l ≤ after. Each pair
 * comes once, at the later of the two timestamps, whatever came first. An element without a partner, where the kind keeps
 * it, comes once, when the watermark says that none can come any more. Nothing is kept longer than a partner may come.
 */
import { refuseUnknownOptions } from '../../known-options.js'
import { typed } from '../../codec.js'
import { metric } from '../../metrics.js'
import type { KV } from '../../kv.js'
import type { PCollection } from '../../pcollection.js'
import { refuse } from '../../refuse.js'
import type { JoinKind } from '../../schema/group-and-join.js'
import type { OrderedListState, ValueState } from '../../state/state-cell.js'
import { state } from '../../state/state-spec.js'
import { type Timer, timer } from '../../state/timer-spec.js'
import { addMillis, type Duration, durationMillis, TIMESTAMP_MAX, TIMESTAMP_MIN } from '../../time.js'
import { expiryOf } from '../../windowing/expiry.js'
import type { BoundedWindow } from '../../windowing/window.js'
import { type Joined, type JoinInputs, type Keeps, keepsOf } from './joined.js'
import {
  addTwoInputs,
  firstOf,
  type FromInput,
  type JoinCoders,
  type JoinStep,
  justAfter,
  stepPath,
} from './two-inputs.js'

/** How far a right element may lie from a left one. */
export interface JoinReach {
  /** How much earlier. */
  readonly before: Duration
  /** How much later. */
  readonly after: Duration
}

/** Options of {@link joinWithin}. */
export interface JoinWithinOptions<K extends JoinKind> {
  /** How far two elements may lie apart in event time: either way, or by direction. */
  readonly within: Duration | JoinReach
  /** Which elements are kept without a partner. Default `'inner'`: none. */
  readonly kind?: K
}

/** An element that is kept; the number tells those of one time apart. */
type Kept = KV<number, unknown>

interface Cells {
  readonly left: OrderedListState<Kept>
  readonly right: OrderedListState<Kept>
  /** Side and number of those that have no partner yet. */
  readonly lonely: OrderedListState<readonly [side: number, number: number]>
  readonly count: ValueState<number>
  /** When the timer is set to. */
  readonly next: ValueState<number>
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
 * Pairs the elements of two keyed streams that lie within an interval of event time of each other: a right element may be up to
 * `before` earlier and `after` later than a left one, both inclusive. A pair has the later timestamp of its two; a `left`,
 * `right` or `full` join gives an element without partner too, with its own timestamp and `undefined` for the other side, when
 * the watermark has passed the last moment at which a partner might be, and holds its own watermark for that so long.
 *
 * Works in any windows that do not merge, within each; in the global window it needs no trigger. An element that is behind the
 * watermark by more than the allowed lateness of its windows is dropped and counted (metric `tooLate`), as its partners
 * may have gone.
 *
 * @throws {PipelineError} when windows differ or merge, or an option is wrong.
 * @example
 * ```ts
 * import { joinWithin, kv, pipeline, run } from 'millrace'
 * const p = pipeline()
 * const timestamp = ({ value }: { readonly value: number }) => value
 * const clicks = p.create('clicks', [kv('ann', 1000), kv('ann', 9000)], { timestamp })
 * const orders = p.create('orders', [kv('ann', 2500)], { timestamp })
 * joinWithin('ordered after', { left: clicks, right: orders }, { within: { before: 0, after: '2 s' }, kind: 'left' })
 *   .values('pairs')
 *   .map('text', ({ left, right }) => `${left} ${right ?? 'nothing'}`)
 *   .collect('out')
 * const result = await run(p)
 * result.collect<string>('out').toSorted() // => ['1000 2500', '9000 nothing']
 * ```
 */
export function joinWithin<K, L, R, const Kind extends JoinKind = 'inner'>(
  name: string,
  inputs: JoinInputs<K, L, R>,
  options: JoinWithinOptions<Kind>,
): PCollection<KV<K, Joined<L, R, Kind>>> {
  const { left, right } = inputs
  const path = stepPath(left, name)
  const reach = reachOf(options?.within, path)
  refuseUnknownOptions(`joinWithin "${path}"`, options, { within: true, kind: true }, path)
  const keeps = keepsOf(options.kind ?? 'inner', 'joinWithin', path)
  return left.derive(
    addTwoInputs(name, 'joinWithin', [left, right], (coders, lateness) => joinStep(coders, lateness, reach, keeps)),
  )
}

/** How far the partners of a left element lie before and after it, and those of a right one. */
type Reaches = readonly [left: readonly [number, number], right: readonly [number, number]]

function reachOf(within: Duration | JoinReach | undefined, path: string): Reaches {
  if (within === undefined || within === null)
    refuse('MR-1003', `joinWithin "${path}" needs within, for example { within: '10 minutes' }.`, path)
  if (typeof within === 'object' && 'before' in within)
    refuseUnknownOptions(`within of joinWithin "${path}"`, within, { before: true, after: true }, path)
  const { before, after } =
    typeof within === 'object' && 'before' in within ? within : { before: within, after: within }
  const early = durationMillis(before, 'within.before', path)
  const late = durationMillis(after, 'within.after', path)
  return [
    [early, late],
    [late, early],
  ]
}

function joinStep(coders: JoinCoders, lateness: number, reaches: Reaches, keeps: Keeps): JoinStep {
  const isOuter = keeps[0] || keeps[1]
  const listOf = (cells: Cells, side: number): OrderedListState<Kept> => (side === 0 ? cells.left : cells.right)
  const row = (key: unknown, side: number, own: unknown, other: unknown): unknown => ({
    key,
    value: side === 0 ? { left: own, right: other } : { left: other, right: own },
  })
  /** How long after its timestamp an element of a side is kept. */
  const keptFor = (side: number): number => (reaches[side] as readonly [number, number])[1] + lateness
  const dueOf = (side: number, timestamp: number, window: BoundedWindow): number =>
    Math.min(addMillis(timestamp, keptFor(side)), expiryOf(window, lateness))
  const arm = ({ state: cells, timers }: Call, next: number): void => {
    const oldest = isOuter ? firstOf(cells.lonely.read()) : undefined
    timers.due.set(
      next,
      oldest === undefined
        ? { holdsWatermark: false }
        : { outputTimestamp: Math.min(oldest.timestamp, next), holdsWatermark: true },
    )
  }
  const process = ({ key, value: { input: side, value } }: FromInput, call: Call): void => {
    const { state: cells, timestamp, timers, window, emit } = call
    if (addMillis(timestamp, lateness) < timers.due.currentRelativeTime) {
      call.metrics.tooLate.inc()
      return
    }
    const [before, after] = reaches[side] as readonly [number, number]
    const partners = listOf(cells, 1 - side).range(
      addMillis(timestamp, -before),
      justAfter(addMillis(timestamp, after)),
    )
    let isLonely = keeps[side] === true
    for (const { timestamp: at, value: partner } of partners) {
      isLonely = false
      emit(row(key, side, value, partner.value), Math.max(timestamp, at))
      if (keeps[1 - side] === true) hasPartner(cells, at, 1 - side, partner.key)
    }
    const number = isOuter ? (cells.count.read() ?? 0) : 0
    if (isOuter) cells.count.write(number + 1)
    listOf(cells, side).add(timestamp, { key: number, value })
    if (isLonely) cells.lonely.add(timestamp, [side, number])
    const [due, next] = [dueOf(side, timestamp, window), cells.next.read()]
    const isFirst = next === undefined || due < next
    if (isFirst) cells.next.write(due)
    if (isFirst || isOuter) arm(call, isFirst ? due : next)
  }
  const due = (call: Call): void => {
    const { state: cells, fireTimestamp, window, key, emit } = call
    const isEnd = fireTimestamp >= expiryOf(window, lateness)
    let next: number | undefined
    for (const side of [0, 1]) {
      const list = listOf(cells, side)
      const end = isEnd ? TIMESTAMP_MAX : justAfter(addMillis(fireTimestamp, -keptFor(side)))
      if (keeps[side] === true) {
        for (const { timestamp, value: number } of takeLonely(cells, end, side)) {
          for (const { value: kept } of list.range(timestamp, justAfter(timestamp)))
            if (kept.key === number) emit(row(key, side, kept.value, undefined), timestamp)
        }
      }
      list.clearRange(TIMESTAMP_MIN, end)
      const oldest = firstOf(list.read())
      if (oldest !== undefined) next = Math.min(next ?? TIMESTAMP_MAX, dueOf(side, oldest.timestamp, window))
    }
    if (next === undefined) {
      cells.next.clear()
      cells.count.clear()
    } else {
      cells.next.write(next)
      arm(call, next)
    }
  }
  return {
    doFn: {
      state: {
        left: state.orderedList(typed<Kept>()),
        right: state.orderedList(typed<Kept>()),
        lonely: state.orderedList(typed<readonly [number, number]>()),
        count: state.value(typed<number>()),
        next: state.value(typed<number>()),
      },
      timers: { due: timer.eventTime() },
      metrics: { tooLate: metric.counter() },
      process,
      onTimer: { due },
    },
    states: new Map([
      ['left', { kind: 'orderedList', elementCoderId: coders.numbered(coders.values[0]) }],
      ['right', { kind: 'orderedList', elementCoderId: coders.numbered(coders.values[1]) }],
      ['lonely', { kind: 'orderedList', elementCoderId: coders.dynamic }],
      ['count', { kind: 'readModifyWrite', coderId: coders.dynamic }],
      ['next', { kind: 'readModifyWrite', coderId: coders.dynamic }],
    ]),
    hasTimer: true,
  }
}

/** Notes that an element has found a partner. */
function hasPartner({ lonely }: Cells, timestamp: number, side: number, number: number): void {
  const all = [...lonely.range(timestamp, justAfter(timestamp))]
  const rest = all.filter(({ value }) => value[0] !== side || value[1] !== number)
  if (rest.length === all.length) return
  lonely.clearRange(timestamp, justAfter(timestamp))
  for (const { value } of rest) lonely.add(timestamp, value)
}

/** Takes out those of a side that have stayed without a partner, up to a time. */
function takeLonely({ lonely }: Cells, end: number, side: number): readonly { timestamp: number; value: number }[] {
  const all = [...lonely.range(TIMESTAMP_MIN, end)]
  if (all.length === 0) return []
  lonely.clearRange(TIMESTAMP_MIN, end)
  for (const { timestamp, value } of all) if (value[0] !== side) lonely.add(timestamp, value)
  return all.filter(({ value }) => value[0] === side).map(({ timestamp, value }) => ({ timestamp, value: value[1] }))
}
