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
  repeatedly,
  sessionWindows,
  slidingWindows,
  type Trigger,
  type WindowFn,
  type WindowingOptions,
} from 'millrace'
import { fromWireMillis, toWireMillis } from '../../sdk/coders/wire-time.js'
import { amountAt, exactAt, fieldsAt, listAt, type OracleNumber, partOf, textAt, unknownName, wholeAt } from './line.js'

export type { OracleNumber } from './line.js'

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
  readonly size?: OracleNumber
  readonly period?: OracleNumber
  readonly offset?: OracleNumber
  readonly gap?: OracleNumber
}

/** A trigger as the oracle writes it. */
export interface OracleTrigger {
  readonly trigger: string
  readonly elementCountAtLeast?: OracleNumber
  readonly delay?: OracleNumber
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
  | { readonly type: 'processingTime'; readonly advance: OracleNumber }

/** A scenario, without what came out. */
export interface Scenario {
  readonly id: string
  readonly windowFn: OracleWindowFn
  readonly trigger: OracleTrigger
  readonly allowedLateness: OracleNumber
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
  readonly allowedLateness: OracleNumber
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

const OPERATIONS: ReadonlySet<unknown> = new Set(['GroupByKey', 'SumPerKey', 'GroupByKeyTwice'])

/** A line as a scenario. @throws {UnanswerableLine} when its operation or an event is not of the format. */
export function scenarioOf(line: unknown): Scenario {
  const [operation] = partOf(line, 'operation', '')
  if (!OPERATIONS.has(operation)) unknownName('operation', operation)
  for (const [at, event] of listAt(...partOf(line, 'events', '')).entries()) checkEvent(event, `events[${at}]`)
  return line as Scenario
}

function checkEvent(event: unknown, place: string): void {
  const [type] = partOf(event, 'type', place)
  switch (type) {
    case 'elements': {
      const [elements, here] = partOf(event, 'elements', place)
      for (const [at, element] of listAt(elements, here).entries()) {
        textAt(...partOf(element, 'key', `${here}[${at}]`))
        wholeAt(...partOf(element, 'value', `${here}[${at}]`))
        wholeAt(...partOf(element, 'timestamp', `${here}[${at}]`))
      }
      return
    }
    case 'watermark': {
      const [timestamp, here] = partOf(event, 'timestamp', place)
      if (timestamp !== 'infinity') wholeAt(timestamp, here)
      return
    }
    case 'processingTime':
      amountAt(...partOf(event, 'advance', place))
      return
    default:
      unknownName('event', type)
  }
}

/** The lateness that a line allows. */
export function latenessOf(line: unknown): number {
  return amountAt(...partOf(line, 'allowedLateness', ''))
}

/**
 * The WindowFn of a scenario, with Beam Java's arithmetic. Java's remainder takes the sign of the dividend, so Beam Java
 * puts a timestamp before −size into a window that does not contain it (`[-10000, 0)` for −10585 at size 10000). We do
 * not: see `docs/decisions/2026-11-21-windows-before-1970.md`. To compare everything else, windows are taken as recorded.
 */
export function windowFnOf(line: Scenario | Construction): WindowFn {
  const [fn, place] = partOf(line, 'windowFn', '')
  const [kind] = partOf(fn, 'windowFn', place)
  const amount = (name: string): number => exactAt(...partOf(fn, name, place))
  const offset = (): number => (line.windowFn.offset === undefined ? 0 : amount('offset'))
  switch (kind) {
    case 'GlobalWindows':
      return globalWindows()
    case 'FixedWindows': {
      const [size, start] = [amount('size'), offset()]
      return withAssign(fixedWindows(size, { offset: start }), (timestamp) => {
        const first = timestamp - ((timestamp + size - start) % size)
        return new IntervalWindow(first, first + size)
      })
    }
    case 'SlidingWindows': {
      const [size, period, start] = [amount('size'), amount('period'), offset()]
      return withAssign(slidingWindows(size, { every: period, offset: start }), (timestamp) => {
        const windows: IntervalWindow[] = []
        const last = timestamp - ((timestamp + period - start) % period)
        for (let first = last; first > timestamp - size; first -= period)
          windows.push(new IntervalWindow(first, first + size))
        return windows
      })
    }
    case 'Sessions':
      return sessionWindows(amount('gap'))
    default:
      return unknownName('WindowFn', kind)
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
export function triggerOf(line: Scenario | Construction): Trigger {
  return triggerAt(...partOf(line, 'trigger', ''))
}

function triggerAt(trigger: unknown, place: string): Trigger {
  const amount = (name: string): number => amountAt(...partOf(trigger, name, place))
  const one = (name: string): Trigger => triggerAt(...partOf(trigger, name, place))
  const list = (): readonly Trigger[] => {
    const [part, here] = partOf(trigger, 'of', place)
    return listAt(part, here).map((each, at) => triggerAt(each, `${here}[${at}]`))
  }
  const fields = fieldsAt(trigger, place)
  const [kind] = partOf(fields, 'trigger', place)
  switch (kind) {
    case 'Default':
      return defaultTrigger
    case 'Never':
      return never()
    case 'AfterPane':
      return afterCount(amount('elementCountAtLeast'))
    case 'AfterProcessingTime':
      return afterProcessingTime(amount('delay'))
    case 'AfterWatermark':
      return afterWatermark({
        ...(fields['early'] === undefined ? {} : { early: one('early') }),
        ...(fields['late'] === undefined ? {} : { late: one('late') }),
      })
    case 'Repeatedly':
      return repeatedly(one('of'))
    case 'AfterFirst':
      return afterFirst(...list())
    case 'AfterAll':
      return afterAll(...list())
    case 'AfterEach':
      return afterEach(...list())
    case 'OrFinally':
      return orFinally(one('main'), one('until'))
    default:
      return unknownName('trigger', kind)
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
    case 'afterBatch':
      throw new Error('Beam has no trigger that goes by batches')
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
  const oneOf = <T>(name: string, values: Readonly<Record<string, T>>): T => {
    const [value] = partOf(scenario, name, '')
    return typeof value === 'string' && Object.hasOwn(values, value) ? (values[value] as T) : unknownName(name, value)
  }
  const behavior = { FIRE_ALWAYS: 'always', FIRE_IF_NON_EMPTY: 'ifNonEmpty' } as const
  return {
    trigger: triggerOf(scenario),
    allowedLateness: latenessOf(scenario),
    accumulation: oneOf('accumulationMode', {
      DISCARDING_FIRED_PANES: 'discarding',
      ACCUMULATING_FIRED_PANES: 'accumulating',
    } as const),
    timestampCombiner: oneOf('timestampCombiner', {
      EARLIEST: 'earliest',
      LATEST: 'latest',
      END_OF_WINDOW: 'endOfWindow',
    } as const),
    closing: oneOf('closingBehavior', behavior),
    onTime: oneOf('onTimeBehavior', behavior),
  }
}
