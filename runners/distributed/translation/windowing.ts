/**
 * Windowing strategies and triggers as Beam's messages, both ways. WindowFns that Beam knows travel as data of Beam's; those of
 * the calendar and of authors under URNs of their own, as data or as a reference.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { type Duration, DurationSchema, type Timestamp, TimestampSchema } from '@bufbuild/protobuf/wkt'
import { PipelineError } from '../../../sdk/errors.js'
import type { FunctionTable, Reference } from '../../../sdk/graph/model.js'
import { calendarWindows } from '../../../sdk/windowing/calendar-windows.js'
import type { TimestampTransform as IrTransform, Trigger as IrTrigger } from '../../../sdk/windowing/trigger.js'
import {
  fixedWindows,
  globalWindows,
  sessionWindows,
  slidingWindows,
  type WindowFn,
  type WindowFnPayload,
} from '../../../sdk/windowing/window-fn.js'
import type { WindowingStrategy as IrStrategy } from '../../../sdk/windowing/windowing-strategy.js'
import {
  AccumulationMode_Enum as Accumulation,
  ClosingBehavior_Enum as Closing,
  FixedWindowsPayloadSchema,
  type FunctionSpec,
  MergeStatus_Enum as Merging,
  OnTimeBehavior_Enum as OnTime,
  OutputTime_Enum as OutputTime,
  SessionWindowsPayloadSchema,
  SlidingWindowsPayloadSchema,
  type TimestampTransform,
  TimestampTransformSchema,
  type Trigger,
  TriggerSchema,
  type WindowingStrategy,
  WindowingStrategySchema,
} from '../proto/generated/beam/pipeline_pb.js'
import { decodeReference, encodeReference, functionSpec } from './references.js'

/** Ids of window coders in a pipeline of ours. */
export const WINDOW_CODER_IDS = { global: 'window global', interval: 'window interval' } as const

function durationOf(millis: number): Duration {
  const seconds = Math.floor(millis / 1000)
  return create(DurationSchema, { seconds: BigInt(seconds), nanos: (millis - seconds * 1000) * 1_000_000 })
}

function timestampOf(millis: number): Timestamp {
  const seconds = Math.floor(millis / 1000)
  return create(TimestampSchema, { seconds: BigInt(seconds), nanos: (millis - seconds * 1000) * 1_000_000 })
}

function millisOf(time: Duration | Timestamp | undefined): number {
  return time === undefined ? 0 : Number(time.seconds) * 1000 + time.nanos / 1_000_000
}

/** A WindowFn as a FunctionSpec. */
export function windowFnToWire({ urn, payload }: WindowFn, moduleHash: string): FunctionSpec {
  switch (payload.kind) {
    case 'global':
      return functionSpec(urn)
    case 'fixed': {
      const fields = { size: durationOf(payload.sizeMillis), offset: timestampOf(payload.offsetMillis) }
      return functionSpec(urn, toBinary(FixedWindowsPayloadSchema, create(FixedWindowsPayloadSchema, fields)))
    }
    case 'sliding': {
      const { sizeMillis, periodMillis, offsetMillis } = payload
      const fields = {
        size: durationOf(sizeMillis),
        period: durationOf(periodMillis),
        offset: timestampOf(offsetMillis),
      }
      return functionSpec(urn, toBinary(SlidingWindowsPayloadSchema, create(SlidingWindowsPayloadSchema, fields)))
    }
    case 'sessions': {
      const fields = { gapSize: durationOf(payload.gapMillis) }
      return functionSpec(urn, toBinary(SessionWindowsPayloadSchema, create(SessionWindowsPayloadSchema, fields)))
    }
    case 'calendar':
      return functionSpec(urn, new TextEncoder().encode(JSON.stringify(payload)))
    case 'custom':
      return functionSpec(urn, encodeReference(payload.reference as Reference, moduleHash))
  }
}

/** A FunctionSpec as a WindowFn. */
export function windowFnFromWire(spec: FunctionSpec | undefined, functions: FunctionTable): WindowFn {
  const payload = spec?.payload ?? new Uint8Array(0)
  switch (spec?.urn) {
    case 'beam:window_fn:global_windows:v1':
      return globalWindows()
    case 'beam:window_fn:fixed_windows:v1': {
      const { size, offset } = fromBinary(FixedWindowsPayloadSchema, payload)
      return fixedWindows(millisOf(size), { offset: millisOf(offset) })
    }
    case 'beam:window_fn:sliding_windows:v1': {
      const { size, period, offset } = fromBinary(SlidingWindowsPayloadSchema, payload)
      return slidingWindows(millisOf(size), { every: millisOf(period), offset: millisOf(offset) })
    }
    case 'beam:window_fn:session_windows:v1':
      return sessionWindows(millisOf(fromBinary(SessionWindowsPayloadSchema, payload).gapSize))
    case CALENDAR_URN:
      return calendarOf(JSON.parse(new TextDecoder().decode(payload)) as CalendarPayload)
    case CUSTOM_URN:
      return functions.resolve(decodeReference(payload)) as WindowFn
    default:
      throw new PipelineError('MR-6202', `the engine sends windows of kind ${spec?.urn ?? '(none)'}, not known here`)
  }
}

const CALENDAR_URN = 'millrace:window_fn:calendar:v1'
const CUSTOM_URN = 'millrace:window_fn:custom:v1'
type CalendarPayload = Extract<WindowFnPayload, { kind: 'calendar' }>

function calendarOf({ unit, count, zone, startingAt }: CalendarPayload): WindowFn {
  return calendarWindows({ unit, count, zone, startingAt })
}

const MERGING = { nonMerging: Merging.NON_MERGING, needsMerge: Merging.NEEDS_MERGE, alreadyMerged: Merging.ALREADY_MERGED } // prettier-ignore
const ACCUMULATION = { discarding: Accumulation.DISCARDING, accumulating: Accumulation.ACCUMULATING }
const OUTPUT_TIME = { endOfWindow: OutputTime.END_OF_WINDOW, earliest: OutputTime.EARLIEST_IN_PANE, latest: OutputTime.LATEST_IN_PANE } // prettier-ignore
const CLOSING = { always: Closing.EMIT_ALWAYS, ifNonEmpty: Closing.EMIT_IF_NONEMPTY }
const ON_TIME = { always: OnTime.FIRE_ALWAYS, ifNonEmpty: OnTime.FIRE_IF_NONEMPTY }

/** The name that stands for a number of the protocol. */
function nameOf<K extends string>(table: Readonly<Record<K, number>>, value: number): K {
  const found = (Object.keys(table) as K[]).find((key) => table[key] === value)
  if (found !== undefined) return found
  throw new PipelineError(
    'MR-6202',
    `the engine sends ${value} where one of ${Object.values(table).join(', ')} is meant`,
  )
}

/** A strategy as a message. */
export function strategyToWire(strategy: IrStrategy, moduleHash: string, environmentId: string): WindowingStrategy {
  const { windowFn } = strategy
  return create(WindowingStrategySchema, {
    windowFn: windowFnToWire(windowFn, moduleHash),
    mergeStatus: MERGING[strategy.mergeStatus],
    windowCoderId: windowFn.payload.kind === 'global' ? WINDOW_CODER_IDS.global : WINDOW_CODER_IDS.interval,
    trigger: triggerToWire(repeatedOnce(strategy.trigger)),
    accumulationMode: ACCUMULATION[strategy.accumulationMode],
    outputTime: OUTPUT_TIME[strategy.timestampCombiner],
    closingBehavior: CLOSING[strategy.closingBehavior],
    onTimeBehavior: ON_TIME[strategy.onTimeBehavior],
    allowedLateness: BigInt(strategy.allowedLatenessMillis),
    assignsToOneWindow: windowFn.assignsToOneWindow,
    environmentId,
  })
}

/** A message as a strategy. What only the SDK needs (whether an unsafe trigger is allowed, who takes late data) is not in it. */
export function strategyFromWire(strategy: WindowingStrategy, functions: FunctionTable): IrStrategy {
  return {
    windowFn: windowFnFromWire(strategy.windowFn, functions),
    mergeStatus: nameOf(MERGING, strategy.mergeStatus),
    trigger: triggerFromWire(strategy.trigger),
    accumulationMode: nameOf(ACCUMULATION, strategy.accumulationMode),
    timestampCombiner: nameOf(OUTPUT_TIME, strategy.outputTime),
    allowedLatenessMillis: Number(strategy.allowedLateness),
    closingBehavior: nameOf(CLOSING, strategy.closingBehavior),
    onTimeBehavior: nameOf(ON_TIME, strategy.onTimeBehavior),
    allowsUnsafeTrigger: false,
  }
}

function transformToWire(transform: IrTransform): TimestampTransform {
  const value =
    transform.kind === 'delay'
      ? { case: 'delay' as const, value: { delayMillis: BigInt(transform.delayMillis) } }
      : {
          case: 'alignTo' as const,
          value: { period: BigInt(transform.periodMillis), offset: BigInt(transform.offsetMillis) },
        }
  return create(TimestampTransformSchema, { timestampTransform: value as never })
}

/**
 * A trigger without repetitions that say nothing: firings before and after the end of a window repeat anyway, and what ends a
 * trigger ends it the first time. Flink's job server casts such parts to triggers that fire once.
 */
export function repeatedOnce(trigger: IrTrigger): IrTrigger {
  switch (trigger.kind) {
    case 'afterEndOfWindow': {
      const { earlyFirings: early, lateFirings: late } = trigger
      return {
        ...trigger,
        ...(early === undefined ? {} : { earlyFirings: once(early) }),
        ...(late === undefined ? {} : { lateFirings: once(late) }),
      }
    }
    case 'repeat':
      return { ...trigger, subtrigger: repeatedOnce(trigger.subtrigger) }
    case 'afterAny':
    case 'afterAll':
    case 'afterEach':
      return { ...trigger, subtriggers: trigger.subtriggers.map(repeatedOnce) }
    case 'orFinally':
      return { ...trigger, main: repeatedOnce(trigger.main), finally: once(trigger.finally) }
    default:
      return trigger
  }
}

function once(trigger: IrTrigger): IrTrigger {
  return trigger.kind === 'repeat' ? once(trigger.subtrigger) : repeatedOnce(trigger)
}

/** A trigger as a message. */
export function triggerToWire(trigger: IrTrigger): Trigger {
  const made = (kind: string, value: object = {}): Trigger =>
    create(TriggerSchema, { trigger: { case: kind, value } as never })
  switch (trigger.kind) {
    case 'default':
    case 'never':
    case 'afterSynchronizedProcessingTime':
      return made(trigger.kind)
    case 'afterBatch':
      throw new PipelineError('MR-1017', 'no message of the engine says what the trigger afterBatch() is')
    case 'elementCount':
      return made('elementCount', { elementCount: trigger.elementCount })
    case 'afterProcessingTime':
      return made('afterProcessingTime', { timestampTransforms: trigger.timestampTransforms.map(transformToWire) })
    case 'afterEndOfWindow': {
      const { earlyFirings: early, lateFirings: late } = trigger
      return made('afterEndOfWindow', {
        ...(early === undefined ? {} : { earlyFirings: triggerToWire(early) }),
        ...(late === undefined ? {} : { lateFirings: triggerToWire(late) }),
      })
    }
    case 'repeat':
      return made('repeat', { subtrigger: triggerToWire(trigger.subtrigger) })
    case 'afterAny':
    case 'afterAll':
    case 'afterEach':
      return made(trigger.kind, { subtriggers: trigger.subtriggers.map(triggerToWire) })
    case 'orFinally':
      return made('orFinally', { main: triggerToWire(trigger.main), finally: triggerToWire(trigger.finally) })
  }
}

/** A message as a trigger. Where nothing is said, Beam means its default; `always` is a count of one, again and again. */
export function triggerFromWire(message: Trigger | undefined): IrTrigger {
  const trigger = message?.trigger
  switch (trigger?.case) {
    case undefined:
    case 'default':
      return { kind: 'default' }
    case 'always':
      return { kind: 'repeat', subtrigger: { kind: 'elementCount', elementCount: 1 } }
    case 'never':
      return { kind: 'never' }
    case 'afterSynchronizedProcessingTime':
      return { kind: 'afterSynchronizedProcessingTime' }
    case 'elementCount':
      return { kind: 'elementCount', elementCount: trigger.value.elementCount }
    case 'afterProcessingTime':
      return {
        kind: 'afterProcessingTime',
        timestampTransforms: trigger.value.timestampTransforms.map(transformFromWire),
      }
    case 'afterEndOfWindow': {
      const { earlyFirings: early, lateFirings: late } = trigger.value
      return {
        kind: 'afterEndOfWindow',
        earlyFirings: early === undefined ? undefined : triggerFromWire(early),
        lateFirings: late === undefined ? undefined : triggerFromWire(late),
      }
    }
    case 'repeat':
      return { kind: 'repeat', subtrigger: triggerFromWire(trigger.value.subtrigger) }
    case 'afterAny':
    case 'afterAll':
    case 'afterEach':
      return { kind: trigger.case, subtriggers: trigger.value.subtriggers.map(triggerFromWire) }
    case 'orFinally':
      return {
        kind: 'orFinally',
        main: triggerFromWire(trigger.value.main),
        finally: triggerFromWire(trigger.value.finally),
      }
  }
}

function transformFromWire({ timestampTransform: transform }: TimestampTransform): IrTransform {
  if (transform.case === 'alignTo')
    return {
      kind: 'alignTo',
      periodMillis: Number(transform.value.period),
      offsetMillis: Number(transform.value.offset),
    }
  return { kind: 'delay', delayMillis: transform.case === 'delay' ? Number(transform.value.delayMillis) : 0 }
}
