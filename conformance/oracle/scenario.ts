/**
 * Scenarios recorded from Beam Java: a script of elements and watermarks, and the panes that came out. Rebuilt here as
 * pipelines, so that panes can be compared one by one.
 *
 * The format is that of the oracle: times in milliseconds, numbers beyond ±(2^53 − 1) as text.
 */
import {
  fixedWindows,
  globalWindows,
  IntervalWindow,
  type KV,
  type PCollection,
  pipeline,
  type Pipeline,
  sessionWindows,
  slidingWindows,
  sum,
  type WindowFn,
  type WindowingOptions,
} from 'millrace'
import { at, testStream } from 'millrace/testing'

/** A pane as the oracle writes it. */
export interface OraclePane {
  readonly key: string
  readonly window: readonly [number, number] | 'GLOBAL'
  readonly values?: readonly number[]
  readonly sum?: number
  readonly timing: 'EARLY' | 'ON_TIME' | 'LATE'
  readonly index: number
  readonly nonSpeculativeIndex: number
  readonly isFirst: boolean
  readonly isLast: boolean
  readonly timestamp: number | string
}

interface OracleWindowFn {
  readonly windowFn: 'GlobalWindows' | 'FixedWindows' | 'SlidingWindows' | 'Sessions'
  readonly size: number
  readonly period: number
  readonly offset: number
  readonly gap: number
}

type OracleEvent =
  | {
      readonly type: 'elements'
      readonly elements: readonly { readonly key: string; readonly value: number; readonly timestamp: number }[]
    }
  | { readonly type: 'watermark'; readonly timestamp: number | 'infinity' }
  | { readonly type: 'processingTime'; readonly advance: number }

/** A scenario. */
export interface Scenario {
  readonly id: string
  readonly windowFn: OracleWindowFn
  readonly trigger: { readonly trigger: string }
  readonly allowedLateness: number
  readonly accumulationMode: string
  readonly timestampCombiner: string
  readonly closingBehavior: string
  readonly onTimeBehavior: string
  readonly operation: 'GroupByKey' | 'SumPerKey'
  readonly events: readonly OracleEvent[]
  readonly panes: readonly OraclePane[]
  readonly panesFirst?: readonly OraclePane[]
  readonly panesSecond?: readonly OraclePane[]
  readonly droppedDueToLateness: number
}

/**
 * The WindowFn of a scenario, with Beam Java's arithmetic. Java's remainder takes the sign of the dividend, so Beam Java
 * puts a timestamp before −size into a window that does not contain it (`[-10000, 0)` for −10585 at size 10000). We do
 * not: see `docs/decisions/2026-11-21-windows-before-1970.md`. To compare everything else, windows are taken as recorded.
 */
export function windowFnOf(fn: OracleWindowFn): WindowFn {
  switch (fn.windowFn) {
    case 'GlobalWindows':
      return globalWindows()
    case 'FixedWindows':
      return withAssign(fixedWindows(fn.size, { offset: fn.offset }), (timestamp) => {
        const start = timestamp - ((timestamp + fn.size - fn.offset) % fn.size)
        return new IntervalWindow(start, start + fn.size)
      })
    case 'SlidingWindows':
      return withAssign(slidingWindows(fn.size, { every: fn.period, offset: fn.offset }), (timestamp) => {
        const windows: IntervalWindow[] = []
        const last = timestamp - ((timestamp + fn.period - fn.offset) % fn.period)
        for (let start = last; start > timestamp - fn.size; start -= fn.period)
          windows.push(new IntervalWindow(start, start + fn.size))
        return windows
      })
    case 'Sessions':
      return sessionWindows(fn.gap)
  }
}

function withAssign(windowFn: WindowFn, assign: WindowFn['assign']): WindowFn {
  const { urn, payload, description, assignsToOneWindow, merges } = windowFn
  return {
    urn,
    payload,
    description,
    assignsToOneWindow,
    merges,
    assign,
    merge: (windows) => windowFn.merge(windows),
    sideInputWindow: (window) => windowFn.sideInputWindow(window),
  }
}

/** The windowing options of a scenario. */
export function optionsOf(scenario: Scenario): WindowingOptions {
  return {
    allowedLateness: scenario.allowedLateness,
    accumulation: scenario.accumulationMode.startsWith('ACCUMULATING') ? 'accumulating' : 'discarding',
    timestampCombiner:
      scenario.timestampCombiner === 'EARLIEST'
        ? 'earliest'
        : scenario.timestampCombiner === 'LATEST'
          ? 'latest'
          : 'endOfWindow',
    closing: scenario.closingBehavior === 'FIRE_ALWAYS' ? 'always' : 'ifNonEmpty',
    onTime: scenario.onTimeBehavior === 'FIRE_ALWAYS' ? 'always' : 'ifNonEmpty',
  }
}

/** A pipeline that plays a scenario; `grouped` is the grouping's output. */
export function play(scenario: Scenario): { readonly p: Pipeline; readonly grouped: PCollection<KV<string, unknown>> } {
  const p = pipeline()
  let script = testStream<{ key: string; value: number }>()
  for (const event of scenario.events) {
    if (event.type === 'elements') {
      script = script.add(...event.elements.map(({ key, value, timestamp }) => at(timestamp, { key, value })))
    } else if (event.type === 'processingTime') {
      script = script.advanceProcessingTime(event.advance)
    } else if (event.timestamp !== 'infinity') {
      script = script.advanceWatermarkTo(event.timestamp)
    }
  }
  const windowed = p
    .apply('script', script.end())
    .windowInto('windows', windowFnOf(scenario.windowFn), optionsOf(scenario))
  const grouped: PCollection<KV<string, unknown>> =
    scenario.operation === 'GroupByKey' ? windowed.groupByKey('group') : windowed.combinePerKey('sum', sum())
  return { p, grouped }
}
