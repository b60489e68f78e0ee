/**
 * Scenarios recorded from Beam Java, in the oracle's format: windowing, a script of elements, watermarks and processing
 * time, and the panes that came out. Here a line of it becomes what an author would have written.
 *
 * Law: times are milliseconds of Beam; numbers beyond ±(2^53 − 1) are texts, on the way in and on the way out.
 */
import {
  afterAll,
  afterCount,
  afterEach,
  afterFirst,
  afterProcessingTime,
  afterWatermark,
  defaultTrigger,
  fixedWindows,
  globalWindows,
  IntervalWindow,
  never,
  orFinally,
  PipelineError,
  repeatedly,
  sessionWindows,
  slidingWindows,
  type Trigger,
  type WindowFn,
  type WindowingOptions,
} from 'millrace'
import { fromWireMillis, toWireMillis } from '../../sdk/coders/wire-time.js'

/** A number; as a decimal text where it is too large for one. */
export type OracleNumber = number | string

/** A pane as the oracle writes it. */
export interface OraclePane {
  readonly key: string
  readonly window: readonly [OracleNumber, OracleNumber] | 'GLOBAL'
  readonly values?: readonly OracleNumber[]
  readonly sum?: OracleNumber
  readonly timing: 'EARLY' | 'ON_TIME' | 'LATE' | 'UNKNOWN'
  readonly index: number
  readonly nonSpeculativeIndex: number
  readonly isFirst: boolean
  readonly isLast: boolean
  readonly timestamp: OracleNumber
  /** Index of the event during which it came out. */
  readonly step: number
}

/** A WindowFn as the oracle writes it; which of the numbers it has depends on its kind. */
export interface OracleWindowFn {
  readonly windowFn: string
  readonly size?: number
  readonly period?: number
  readonly offset?: number
  readonly gap?: number
}

/** A trigger as the oracle writes it. */
export interface OracleTrigger {
  readonly trigger: string
  readonly elementCountAtLeast?: number
  readonly delay?: number
  readonly early?: OracleTrigger
  readonly late?: OracleTrigger
  readonly of?: OracleTrigger | readonly OracleTrigger[]
  readonly main?: OracleTrigger
  readonly until?: OracleTrigger
}

/** What happens, in order. */
export type OracleEvent =
  | {
      readonly type: 'elements'
      readonly elements: readonly {
        readonly key: string
        readonly value: OracleNumber
        readonly timestamp: OracleNumber
      }[]
    }
  /** `'infinity'` is the end of time. */
  | { readonly type: 'watermark'; readonly timestamp: OracleNumber }
  | { readonly type: 'processingTime'; readonly advance: number }

/** A scenario, without what came out. */
export interface Scenario {
  readonly id: string
  readonly windowFn: OracleWindowFn
  readonly trigger: OracleTrigger
  readonly allowedLateness: number
  readonly accumulationMode: string
  readonly timestampCombiner: string
  readonly closingBehavior: string
  readonly onTimeBehavior: string
  readonly operation: 'GroupByKey' | 'SumPerKey' | 'GroupByKeyTwice'
  readonly events: readonly OracleEvent[]
}

/** A construction: what a grouping takes and what it refuses. */
export interface Construction {
  readonly id: string
  readonly windowFn: OracleWindowFn
  readonly trigger: OracleTrigger
  readonly allowedLateness: number
}

/** A timestamp of Beam. */
export function timestampOf(number: OracleNumber): number {
  return fromWireMillis(BigInt(number))
}

/** A timestamp as Beam has it. */
export function oracleTime(timestamp: number): OracleNumber {
  return oracleNumber(toWireMillis(timestamp))
}

/** A whole number as the oracle writes it. */
export function oracleNumber(value: bigint | number): OracleNumber {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : String(value)
}

function unknown(what: string, value: unknown): never {
  throw new PipelineError(`a scenario names ${what} ${JSON.stringify(value)}, which this version does not know.`)
}

function given<T>(value: T | undefined, what: string): T {
  return value ?? unknown(`a part without its ${what}`, value)
}

/**
 * The WindowFn of a scenario, with Beam Java's arithmetic. Java's remainder takes the sign of the dividend, so Beam Java
 * puts a timestamp before −size into a window that does not contain it (`[-10000, 0)` for −10585 at size 10000). We do
 * not: see `docs/decisions/2026-11-21-windows-before-1970.md`. To compare everything else, windows are taken as recorded.
 */
export function windowFnOf(fn: OracleWindowFn): WindowFn {
  const { offset = 0 } = fn
  switch (fn.windowFn) {
    case 'GlobalWindows':
      return globalWindows()
    case 'FixedWindows': {
      const size = given(fn.size, 'size')
      return withAssign(fixedWindows(size, { offset }), (timestamp) => {
        const start = timestamp - ((timestamp + size - offset) % size)
        return new IntervalWindow(start, start + size)
      })
    }
    case 'SlidingWindows': {
      const [size, period] = [given(fn.size, 'size'), given(fn.period, 'period')]
      return withAssign(slidingWindows(size, { every: period, offset }), (timestamp) => {
        const windows: IntervalWindow[] = []
        const last = timestamp - ((timestamp + period - offset) % period)
        for (let start = last; start > timestamp - size; start -= period)
          windows.push(new IntervalWindow(start, start + size))
        return windows
      })
    }
    case 'Sessions':
      return sessionWindows(given(fn.gap, 'gap'))
    default:
      return unknown('WindowFn', fn.windowFn)
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

/** The trigger of a scenario. */
export function triggerOf(trigger: OracleTrigger): Trigger {
  const { of = [] } = trigger
  const list = (Array.isArray(of) ? of : [of]) as readonly OracleTrigger[]
  switch (trigger.trigger) {
    case 'Default':
      return defaultTrigger
    case 'Never':
      return never()
    case 'AfterPane':
      return afterCount(given(trigger.elementCountAtLeast, 'elementCountAtLeast'))
    case 'AfterProcessingTime':
      return afterProcessingTime(given(trigger.delay, 'delay'))
    case 'AfterWatermark': {
      const { early, late } = trigger
      return afterWatermark({
        ...(early === undefined ? {} : { early: triggerOf(early) }),
        ...(late === undefined ? {} : { late: triggerOf(late) }),
      })
    }
    case 'Repeatedly':
      return repeatedly(triggerOf(given(list[0], 'of')))
    case 'AfterFirst':
      return afterFirst(...list.map(triggerOf))
    case 'AfterAll':
      return afterAll(...list.map(triggerOf))
    case 'AfterEach':
      return afterEach(...list.map(triggerOf))
    case 'OrFinally':
      return orFinally(triggerOf(given(trigger.main, 'main')), triggerOf(given(trigger.until, 'until')))
    default:
      return unknown('trigger', trigger.trigger)
  }
}

/**
 * The trigger of a grouping's output as the oracle writes it: Beam Java gives one with late firings early ones too, which
 * never happen.
 */
export function oracleTrigger(trigger: Trigger): OracleTrigger {
  switch (trigger.kind) {
    case 'default':
      return { trigger: 'Default' }
    case 'never':
      return { trigger: 'Never' }
    case 'elementCount':
      return { trigger: 'AfterPane', elementCountAtLeast: trigger.elementCount }
    case 'afterProcessingTime': {
      const delay = trigger.timestampTransforms.reduce((sum, t) => sum + (t.kind === 'delay' ? t.delayMillis : 0), 0)
      return { trigger: 'AfterProcessingTime', delay }
    }
    case 'afterSynchronizedProcessingTime':
      return { trigger: 'AfterSynchronizedProcessingTime' }
    case 'afterEndOfWindow': {
      const { earlyFirings: early, lateFirings: late } = trigger
      if (early === undefined && late === undefined) return { trigger: 'AfterWatermark' }
      return {
        trigger: 'AfterWatermark',
        early: early === undefined ? { trigger: 'Never' } : oracleTrigger(early),
        ...(late === undefined ? {} : { late: oracleTrigger(late) }),
      }
    }
    case 'repeat':
      return { trigger: 'Repeatedly', of: oracleTrigger(trigger.subtrigger) }
    case 'afterAny':
      return { trigger: 'AfterFirst', of: trigger.subtriggers.map(oracleTrigger) }
    case 'afterAll':
      return { trigger: 'AfterAll', of: trigger.subtriggers.map(oracleTrigger) }
    case 'afterEach':
      return { trigger: 'AfterEach', of: trigger.subtriggers.map(oracleTrigger) }
    case 'orFinally':
      return { trigger: 'OrFinally', main: oracleTrigger(trigger.main), until: oracleTrigger(trigger.finally) }
  }
}

/** The windowing options of a scenario. */
export function optionsOf(scenario: Scenario): WindowingOptions {
  const oneOf = <T>(what: string, name: string, values: Readonly<Record<string, T>>): T =>
    Object.hasOwn(values, name) ? (values[name] as T) : unknown(what, name)
  const behavior = { FIRE_ALWAYS: 'always', FIRE_IF_NON_EMPTY: 'ifNonEmpty' } as const
  return {
    trigger: triggerOf(scenario.trigger),
    allowedLateness: scenario.allowedLateness,
    accumulation: oneOf('accumulationMode', scenario.accumulationMode, {
      DISCARDING_FIRED_PANES: 'discarding',
      ACCUMULATING_FIRED_PANES: 'accumulating',
    } as const),
    timestampCombiner: oneOf('timestampCombiner', scenario.timestampCombiner, {
      EARLIEST: 'earliest',
      LATEST: 'latest',
      END_OF_WINDOW: 'endOfWindow',
    } as const),
    closing: oneOf('closingBehavior', scenario.closingBehavior, behavior),
    onTime: oneOf('onTimeBehavior', scenario.onTimeBehavior, behavior),
  }
}
