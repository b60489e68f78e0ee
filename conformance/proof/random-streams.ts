/**
 * Random streams: unbounded input in disorder, a watermark that moves while it is read, windows that stay open for late
 * elements, and groupings over them. A program is data, made from one seed; `streams-reference.ts` says what it must give.
 *
 * Law: no element of a program is droppably late, and its groupings are only such that their final content does not
 * depend on how many panes there were: late panes are as many as bundles make them.
 */
import {
  type AccumulationMode,
  type CombineFn,
  type Combiner,
  type EmptyPaneBehavior,
  fixedWindows,
  flatten,
  type KV,
  kv,
  max,
  type PCollection,
  type PCollectionView,
  pipeline,
  type Pipeline,
  sessionWindows,
  slidingWindows,
  state,
  sum,
  timer,
  type TimestampCombiner,
  typed,
  watermarks,
  type WindowFn,
} from 'millrace'
import { replay } from 'millrace/io/generate'
import { type Draw, drawOf, modulo } from './draw.js'

/** An element as it arrives. */
export interface Arrival {
  readonly value: number
  readonly timestamp: number
}

/** Elements in order of arrival, and what their source knows of event time: everything, or how far back they may lie. */
export interface Stream {
  readonly arrivals: readonly Arrival[]
  readonly watermark: 'perfect' | number
}

/** How elements are windowed, as data. */
export type Windowing =
  | { readonly kind: 'fixed'; readonly size: number; readonly offset: number }
  | { readonly kind: 'sliding'; readonly size: number; readonly every: number; readonly offset: number }
  | { readonly kind: 'sessions'; readonly gap: number }

/**
 * What a grouping makes of its values: a GroupByKey, a CombineFn that collects them, a monoid, a CombineFn whose
 * accumulator is no output, a semigroup, and a count kept in state that a timer says.
 */
export type Reduction = 'group' | 'gather' | 'sum' | 'digest' | 'max' | 'timedCount'

/** A grouping: elements get the key `key mod keys`; with `keys` 0 there is no key. */
export interface Grouping {
  readonly keys: number
  readonly reduction: Reduction
  /** Windows that elements are put into before. */
  readonly windowing?: Windowing
}

/** A side input: a stream in windows of its own, read as its total by every element. */
export interface Side {
  readonly stream: Stream
  readonly windowing: Windowing
  readonly view: 'singleton' | 'list' | 'multimap'
}

/** A program and its input. */
export interface Program {
  readonly seed: number
  readonly streams: readonly Stream[]
  readonly windowing: Windowing
  readonly allowedLateness: number
  readonly accumulation: AccumulationMode
  readonly onTime: EmptyPaneBehavior
  readonly closing: EmptyPaneBehavior
  readonly timestampCombiner: TimestampCombiner
  readonly doubles: boolean
  readonly side: Side | undefined
  readonly groupings: readonly Grouping[]
}

/** Whether each window of a program answers exactly once, whatever the bundles. */
export function answersOnce({ streams, closing }: Program): boolean {
  return closing === 'ifNonEmpty' && streams.every(({ watermark }) => watermark === 'perfect')
}

/** The program of a seed. */
export function programOf(seed: number): Program {
  const draw = drawOf(seed)
  const accumulation = draw.pick<AccumulationMode>(['accumulating', 'discarding'])
  // Running totals grow only if nothing is taken from them.
  const smallest = accumulation === 'accumulating' ? 0 : -20
  const streams = Array.from({ length: draw.chance(0.25) ? 2 : 1 }, () => streamOf(draw, smallest, draw.chance(0.25)))
  const program: Program = {
    seed,
    streams,
    windowing: windowingOf(draw),
    allowedLateness: Math.max(...streams.map(latenessOf)) + (draw.chance(0.5) ? 0 : draw.int(0, 60)),
    accumulation,
    onTime: draw.pick<EmptyPaneBehavior>(['always', 'always', 'ifNonEmpty']),
    closing: draw.pick<EmptyPaneBehavior>(['ifNonEmpty', 'ifNonEmpty', 'always']),
    timestampCombiner: 'endOfWindow',
    doubles: draw.chance(0.2),
    side: draw.chance(0.3) ? sideOf(draw) : undefined,
    groupings: [],
  }
  const groupings = groupingsOf(draw, program)
  // Other timestamps of late panes depend on how many there are, and so would windows made of them.
  const isFree = groupings.length === 1 || answersOnce(program)
  const timestampCombiner = isFree ? draw.pick<TimestampCombiner>(['endOfWindow', 'earliest', 'latest']) : 'endOfWindow'
  return { ...program, groupings, timestampCombiner }
}

function streamOf(draw: Draw, smallest: number, isPerfect: boolean): Stream {
  const disorder = draw.int(0, 120)
  let clock = draw.int(-400, 50)
  const arrivals = Array.from({ length: draw.int(0, 50) }, () => {
    clock += draw.chance(0.1) ? draw.int(30, 150) : draw.int(0, 12)
    return { value: draw.int(smallest, 20), timestamp: clock - (draw.chance(0.4) ? draw.int(0, disorder) : 0) }
  })
  return { arrivals, watermark: isPerfect ? 'perfect' : draw.int(0, disorder) }
}

/** How far an element lies behind the watermark at most: with every element a bundle of its own, it moves the soonest. */
function latenessOf({ arrivals, watermark }: Stream): number {
  if (watermark === 'perfect') return 0
  let latest = -Infinity
  let lateness = 0
  for (const { timestamp } of arrivals) {
    lateness = Math.max(lateness, latest - watermark - timestamp)
    latest = Math.max(latest, timestamp)
  }
  return lateness
}

/** Random windows. */
export function windowingOf(draw: Draw): Windowing {
  return draw.pick<() => Windowing>([
    () => ({ kind: 'fixed', size: draw.int(1, 60), offset: draw.int(0, 80) }),
    () => ({ kind: 'sliding', size: draw.int(3, 60), every: draw.int(5, 45), offset: draw.int(0, 50) }),
    () => ({ kind: 'sessions', gap: draw.int(1, 30) }),
  ])()
}

/** Side inputs are complete when they are read: their sources look ahead, or know nothing before the end. */
function sideOf(draw: Draw): Side {
  const size = draw.int(10, 90)
  const stream = streamOf(draw, -20, true)
  return {
    stream: draw.chance(0.5) ? stream : { ...stream, watermark: 1_000_000 },
    windowing: draw.chance(0.5)
      ? { kind: 'fixed', size, offset: draw.int(0, 20) }
      : { kind: 'sliding', size, every: draw.int(Math.ceil(size / 3), size), offset: draw.int(0, 20) },
    view: draw.pick(['singleton', 'list', 'multimap'] as const),
  }
}

const everyReduction: readonly Reduction[] = ['group', 'gather', 'sum', 'digest', 'max', 'timedCount']

/** One grouping, or several of which each may follow the ones before it. */
function groupingsOf(draw: Draw, program: Program): readonly Grouping[] {
  const groupings: Grouping[] = []
  let { windowing } = program
  // Sessions merge at every grouping that they are new to.
  let merges = windowing.kind === 'sessions'
  let allowed: readonly Reduction[] = everyReduction
  for (let left = draw.int(1, 3); left > 0; left--) {
    const possible = allowed.filter((reduction) => reduction !== 'timedCount' || !merges)
    if (possible.length === 0) break
    const reduction = draw.pick(possible)
    const global = draw.chance(0.2) && reduction !== 'group' && reduction !== 'timedCount'
    const grouping = { keys: global ? 0 : draw.int(1, 5), reduction }
    groupings.push(groupings.length === 0 ? grouping : { ...grouping, windowing })
    if (merges && !answersOnce(program)) break
    allowed = reductionsAfter(reduction, program)
    windowing = windowingOf(draw)
    merges = windowing.kind === 'sessions'
  }
  return groupings
}

/** What may be made of the panes of a grouping, so that neither their number nor their windows' pasts can be seen in it. */
function reductionsAfter(reduction: Reduction, program: Program): readonly Reduction[] {
  if (answersOnce(program)) return everyReduction
  if (program.accumulation === 'accumulating') return reduction === 'timedCount' ? [] : ['max']
  switch (reduction) {
    case 'group':
    case 'gather':
      return everyReduction
    case 'sum':
    case 'digest':
    case 'timedCount':
      return ['sum']
    case 'max':
      return ['max']
  }
}

// ---- the program as a pipeline --------------------------------------------------------------------------------------

/** The WindowFn that the data describe. */
export function windowFnOf(windowing: Windowing): WindowFn {
  switch (windowing.kind) {
    case 'fixed':
      return fixedWindows(windowing.size, { offset: windowing.offset })
    case 'sliding':
      return slidingWindows(windowing.size, { every: windowing.every, offset: windowing.offset })
    case 'sessions':
      return sessionWindows(windowing.gap)
  }
}

/** The program as a pipeline that collects the panes of its last grouping under `out`; `also` may do more with them. */
export function toPipeline(
  program: Program,
  also?: (out: PCollection<KV<number, readonly number[]>>) => void,
): Pipeline {
  const p = pipeline()
  const read = (name: string, { arrivals, watermark }: Stream): PCollection<number> =>
    p
      .apply(
        name,
        replay(arrivals, {
          timestamp: ({ timestamp }) => timestamp,
          watermark: watermark === 'perfect' ? watermark : watermarks.outOfOrder(watermark),
        }),
      )
      .map(`${name} value`, ({ value }) => value)
  const streams = program.streams.map((stream, i) => read(`stream ${i}`, stream))
  let elements = streams.length === 1 ? (streams[0] as PCollection<number>) : flatten('both', streams)
  if (program.doubles) elements = elements.flatMap('double', (x) => [x, x + 1])
  const { allowedLateness, accumulation, onTime, closing, timestampCombiner } = program
  elements = elements.windowInto('windows', windowFnOf(program.windowing), {
    allowedLateness,
    accumulation,
    onTime,
    closing,
    timestampCombiner,
  })
  if (program.side !== undefined) elements = withSide(elements, read('side', program.side.stream), program.side)
  let grouped: PCollection<KV<number, readonly number[]>> = elements.map('pair', (x) => kv(x, [x]))
  program.groupings.forEach((grouping, i) => {
    grouped = grouped.apply(`grouping ${i}`, (input) => applyGrouping(input, grouping))
  })
  const out = grouped.collect('out')
  also?.(out)
  return p
}

function withSide(
  elements: PCollection<number>,
  side: PCollection<number>,
  { windowing, view }: Side,
): PCollection<number> {
  const windowed = side.windowInto('side windows', windowFnOf(windowing))
  return elements.parDo('with side', {
    output: typed<number>(),
    sides: { total: totalView(windowed, view) },
    process: (x, { sides, emit }) => emit(x + modulo(totalOf(sides.total), 7)),
  })
}

type TotalView = number | readonly number[] | ReadonlyMap<number, readonly number[]>

function totalView(side: PCollection<number>, view: Side['view']): PCollectionView<TotalView> {
  switch (view) {
    case 'singleton':
      return side.combineGlobally('side total', sum()).asSingleton('side view', { default: 0 })
    case 'list':
      return side.asList('side view')
    case 'multimap':
      return side.map('side pair', (x) => kv(modulo(x, 3), x)).asMultimap('side view')
  }
}

function totalOf(view: TotalView): number {
  if (typeof view === 'number') return view
  const all = Array.isArray(view)
    ? (view as readonly number[])
    : [...(view as ReadonlyMap<number, number[]>).values()].flat()
  return all.reduce((a, b) => a + b, 0)
}

function applyGrouping(
  input: PCollection<KV<number, readonly number[]>>,
  { keys, reduction, windowing }: Grouping,
): PCollection<KV<number, readonly number[]>> {
  const windowed = windowing === undefined ? input : input.windowInto('windows', windowFnOf(windowing))
  const pairs = windowed.flatMap('pairs', ({ key, value }) =>
    value.map((x) => kv(keys === 0 ? 0 : modulo(key, keys), x)),
  )
  switch (reduction) {
    case 'group':
      return pairs.groupByKey('group').map('list', ({ key, value }) => kv(key, [...value]))
    case 'timedCount':
      return timedCount(pairs)
    case 'gather':
      return combined(pairs, keys, gather, (all) => all)
    case 'sum':
      return combined(pairs, keys, sum(), (x) => [x])
    case 'digest':
      return combined(pairs, keys, digest, (x) => [x])
    case 'max':
      return combined(pairs, keys, max(), (x) => [x])
  }
}

function combined<Acc, Out>(
  pairs: PCollection<KV<number, number>>,
  keys: number,
  combiner: Combiner<number, Acc, Out>,
  listOf: (value: Out) => readonly number[],
): PCollection<KV<number, readonly number[]>> {
  if (keys > 0) return pairs.combinePerKey('combine', combiner).map('list', ({ key, value }) => kv(key, listOf(value)))
  return pairs
    .values('values')
    .combineGlobally('combine', combiner)
    .map('list', (value) => kv(0, listOf(value)))
}

/** Changes its accumulators in place, and hands out none of them. */
export const gather: CombineFn<number, number[], readonly number[]> = {
  createAccumulator: () => [],
  addInput: (all, x) => {
    all.push(x)
    return all
  },
  mergeAccumulators: (a, b) => {
    a.push(...b)
    return a
  },
  extractOutput: (all) => [...all],
  compact: (all) => all.sort((a, b) => a - b),
}

/** A sum and a count in one number. */
const digest: CombineFn<number, { total: number; count: number }, number> = {
  createAccumulator: () => ({ total: 0, count: 0 }),
  addInput: (accumulator, x) => {
    accumulator.total += x
    accumulator.count++
    return accumulator
  },
  mergeAccumulators: (a, b) => ({ total: a.total + b.total, count: a.count + b.count }),
  extractOutput: ({ total, count }) => total * 1000 + count,
}

/** Per key and window: how many elements came since it was last said. A timer says it at the window's end, or at once. */
function timedCount(pairs: PCollection<KV<number, number>>): PCollection<KV<number, readonly number[]>> {
  return pairs.parDo('count', {
    output: typed<KV<number, readonly number[]>>(),
    state: { seen: state.value(typed<number>(), { initial: 0 }) },
    timers: { end: timer.eventTime() },
    process(_pair, { state: { seen }, timers, window }) {
      seen.write(seen.read() + 1)
      timers.end.set(window.maxTimestamp)
    },
    onTimer: {
      end: ({ key, state: { seen }, emit }) => {
        emit(kv(key, [seen.read()]))
        seen.clear()
      },
    },
  })
}
