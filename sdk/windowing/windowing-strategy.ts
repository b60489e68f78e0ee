/**
 * The windowing strategy of a collection: where its elements are in event time, when its windows answer, and how a
 * window's successive answers relate. Mirrors Beam's WindowingStrategy message, field for field.
 */
import { type OptionNames, refuseUnknownOptions } from '../known-options.js'
import { refuse } from '../refuse.js'
import { preview } from '../preview.js'
import { type Duration, durationMillis } from '../time.js'
import type { LateDataHandler } from '../transforms/late-data.js'
import { defaultTrigger, isTrigger, type Trigger } from './trigger.js'
import { continuationTrigger } from './trigger-rules.js'
import { globalWindows, type WindowFn } from './window-fn.js'

/** How the panes of a window relate: each has only what is new, or everything so far. */
export type AccumulationMode = 'discarding' | 'accumulating'

/** Which timestamp a pane's output has. */
export type TimestampCombiner = 'endOfWindow' | 'earliest' | 'latest'

/** Whether a behaviour happens always, or only when there is something to say. */
export type EmptyPaneBehavior = 'always' | 'ifNonEmpty'

/** Where, when and how of a collection. */
export interface WindowingStrategy {
  readonly windowFn: WindowFn
  readonly mergeStatus: 'nonMerging' | 'needsMerge' | 'alreadyMerged'
  readonly trigger: Trigger
  readonly accumulationMode: AccumulationMode
  readonly timestampCombiner: TimestampCombiner
  readonly allowedLatenessMillis: number
  readonly closingBehavior: EmptyPaneBehavior
  readonly onTimeBehavior: EmptyPaneBehavior
  /** Whether groupings take a trigger that may finish and lose what comes later. Not in Beam's message: a runner need not know. */
  readonly allowsUnsafeTrigger: boolean
  /** Path of the handler that is given late data; absent where it is only counted. */
  readonly lateData?: string
}

/** Options of `windowInto`; what is left out stays as it was on the input. */
export interface WindowingOptions {
  /** When windows answer. Default: at the watermark, and again for late data. */
  readonly trigger?: Trigger
  /**
   * Whether groupings take the trigger although it may finish before a window expires; what comes later is then dropped, and
   * counted as `droppedDueToClosedWindow`. The run prints a warning. Default: a grouping refuses such a trigger.
   */
  readonly allowUnsafeTrigger?: boolean
  /** How long after the watermark a window still accepts data. Default 0; never less than the input's. */
  readonly allowedLateness?: Duration
  /** How panes relate. Default `'discarding'`. */
  readonly accumulation?: AccumulationMode
  /** The output timestamp of a pane. Default `'endOfWindow'`. */
  readonly timestampCombiner?: TimestampCombiner
  /** Whether a window emits a last, possibly empty pane when it expires. Default `'ifNonEmpty'`. */
  readonly closing?: EmptyPaneBehavior
  /** Whether a window emits an on-time pane although nothing is new. Default `'always'`. */
  readonly onTime?: EmptyPaneBehavior
  /** Where elements go that are dropped as late. Default: where those of the input go; they are counted in any case. */
  readonly lateData?: LateDataHandler
}

/** The strategy of a collection that no one has windowed. */
export const globalStrategy: WindowingStrategy = Object.freeze({
  windowFn: globalWindows(),
  mergeStatus: 'nonMerging',
  trigger: defaultTrigger,
  accumulationMode: 'discarding',
  timestampCombiner: 'endOfWindow',
  allowedLatenessMillis: 0,
  closingBehavior: 'ifNonEmpty',
  onTimeBehavior: 'always',
  allowsUnsafeTrigger: false,
})

const known: ReadonlyMap<keyof WindowingOptions, readonly unknown[]> = new Map<
  keyof WindowingOptions,
  readonly unknown[]
>([
  ['allowUnsafeTrigger', [true, false]],
  ['accumulation', ['discarding', 'accumulating']],
  ['timestampCombiner', ['endOfWindow', 'earliest', 'latest']],
  ['closing', ['always', 'ifNonEmpty']],
  ['onTime', ['always', 'ifNonEmpty']],
])

/** Everything that `windowInto` takes; the compiler sees to it that none is missing. */
const optionNames: OptionNames<WindowingOptions> = {
  trigger: true,
  allowUnsafeTrigger: true,
  allowedLateness: true,
  accumulation: true,
  timestampCombiner: true,
  closing: true,
  onTime: true,
  lateData: true,
}

/**
 * The strategy after a `windowInto`.
 *
 * @param windowFn the new windows; `undefined` leaves elements in those they are in.
 * @param step path of the `windowInto`, for messages.
 * @throws {PipelineError} when an option is unknown or has a value that there is not.
 */
export function rewindow(
  input: WindowingStrategy,
  windowFn: WindowFn | undefined,
  options: WindowingOptions,
  step?: string,
): WindowingStrategy {
  const where = step === undefined ? 'windowInto' : `windowInto "${step}"`
  refuseUnknownOptions(where, options, optionNames, step)
  if ((options.accumulation as string | undefined) === 'retracting')
    refuse(
      'MR-2019',
      `${where} cannot make groupings retract, because what they give is then of another type. Say it where the grouping stands: .apply(name, retracting.combinePerKey(…)), or another of retracting's.`,
      step,
    )
  for (const [option, values] of known) {
    const value = options[option]
    if (value !== undefined && !values.includes(value))
      refuse(
        'MR-1002',
        `option ${option} of ${where} is ${preview(value)}; it must be one of ${values.join(', ')}.`,
        step,
      )
  }
  const { trigger } = options
  if (trigger !== undefined && !isTrigger(trigger)) {
    refuse(
      'MR-2006',
      `option trigger of ${where} is ${preview(trigger)}; it must be a trigger, for example afterWatermark({ late: afterCount(1) }).`,
      step,
    )
  }
  const lateness =
    options.allowedLateness === undefined ? 0 : durationMillis(options.allowedLateness, 'allowedLateness', step)
  const lateData = options.lateData?.path ?? input.lateData
  return {
    ...(windowFn === undefined
      ? { windowFn: input.windowFn, mergeStatus: input.mergeStatus }
      : { windowFn, mergeStatus: windowFn.merges ? 'needsMerge' : 'nonMerging' }),
    trigger: options.trigger ?? input.trigger,
    accumulationMode: options.accumulation ?? input.accumulationMode,
    timestampCombiner: options.timestampCombiner ?? input.timestampCombiner,
    allowedLatenessMillis: Math.max(lateness, input.allowedLatenessMillis),
    closingBehavior: options.closing ?? input.closingBehavior,
    onTimeBehavior: options.onTime ?? input.onTimeBehavior,
    allowsUnsafeTrigger: options.allowUnsafeTrigger ?? input.allowsUnsafeTrigger,
    ...(lateData === undefined ? {} : { lateData }),
  }
}

/** The strategy of a grouping's output: same windows, merged once and for all, continuation trigger. */
export function afterGrouping(input: WindowingStrategy): WindowingStrategy {
  return {
    ...input,
    mergeStatus: input.windowFn.merges ? 'alreadyMerged' : 'nonMerging',
    trigger: continuationTrigger(input.trigger),
  }
}

/** Text that is equal for equal strategies: used to intern them, to compare inputs and in fingerprints. */
export function strategyText(strategy: WindowingStrategy): string {
  const { windowFn, ...rest } = strategy
  return JSON.stringify({ windowFn: { urn: windowFn.urn, payload: windowFn.payload }, ...rest })
}
