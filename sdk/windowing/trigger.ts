/**
 * A trigger says *when* a window answers. This file is syntax only, plain data that mirrors Beam's Trigger message;
 * `runners/core/trigger-state-machine.ts` decides.
 *
 * Law: a trigger is a tree of plain data. Equal trees mean the same, and nothing in one refers to anything outside it.
 */
import { preview } from '../preview.js'
import { refuse } from '../refuse.js'
import { type Duration, durationMillis } from '../time.js'

/** Fires when the watermark passes the window's end, and again for each bundle of late data. */
export interface DefaultTrigger {
  readonly kind: 'default'
}

/** Never fires; what a window has collected comes out when it expires. */
export interface NeverTrigger {
  readonly kind: 'never'
}

/** Fires once a pane has at least so many elements, and is finished. */
export interface ElementCountTrigger {
  readonly kind: 'elementCount'
  readonly elementCount: number
}

/** How the time of a pane's first element becomes the time at which to fire. */
export type TimestampTransform =
  | { readonly kind: 'delay'; readonly delayMillis: number }
  | { readonly kind: 'alignTo'; readonly periodMillis: number; readonly offsetMillis: number }

/** Fires once processing time has passed a time that is counted from a pane's first element, and is finished. */
export interface AfterProcessingTimeTrigger {
  readonly kind: 'afterProcessingTime'
  /** Applied to the processing time of the first element, one after the other. */
  readonly timestampTransforms: readonly TimestampTransform[]
}

/**
 * Fires once everything upstream has got beyond the processing time at which a pane's first element came. What a second
 * grouping has instead of a second delay.
 */
export interface AfterSynchronizedProcessingTimeTrigger {
  readonly kind: 'afterSynchronizedProcessingTime'
}

/** Fires at the end of a batch in which something has come, and is finished. Not in Beam's message: engines that know no batches refuse it. */
export interface AfterBatchTrigger {
  readonly kind: 'afterBatch'
}

/** Fires when the watermark passes the window's end; before and after that as the other two say, each again and again. */
export interface AfterWatermarkTrigger {
  readonly kind: 'afterEndOfWindow'
  readonly earlyFirings: Trigger | undefined
  readonly lateFirings: Trigger | undefined
}

/** Fires whenever another trigger does, for ever: one that has finished begins anew. */
export interface RepeatedlyTrigger {
  readonly kind: 'repeat'
  readonly subtrigger: Trigger
}

/** Fires once, with the first of several triggers that fires, and is finished. */
export interface AfterFirstTrigger {
  readonly kind: 'afterAny'
  readonly subtriggers: readonly Trigger[]
}

/** Fires once all of several triggers would fire, and is finished. */
export interface AfterAllTrigger {
  readonly kind: 'afterAll'
  readonly subtriggers: readonly Trigger[]
}

/** Fires as several triggers do, one after another: when one has finished, the next begins. */
export interface AfterEachTrigger {
  readonly kind: 'afterEach'
  readonly subtriggers: readonly Trigger[]
}

/** Fires as one trigger does, until another fires: then once more, and is finished. */
export interface OrFinallyTrigger {
  readonly kind: 'orFinally'
  readonly main: Trigger
  readonly finally: Trigger
}

/** When a window answers. */
export type Trigger =
  | DefaultTrigger
  | NeverTrigger
  | ElementCountTrigger
  | AfterProcessingTimeTrigger
  | AfterSynchronizedProcessingTimeTrigger
  | AfterBatchTrigger
  | AfterWatermarkTrigger
  | RepeatedlyTrigger
  | AfterFirstTrigger
  | AfterAllTrigger
  | AfterEachTrigger
  | OrFinallyTrigger

/** The trigger of a collection whose author chose none: at the end of the window, and again for late elements. */
export const defaultTrigger: DefaultTrigger = Object.freeze({ kind: 'default' })

const theNeverTrigger: NeverTrigger = Object.freeze({ kind: 'never' })

/**
 * Never: a window answers only once, with all it has, when it expires (its end plus the allowed lateness).
 *
 * @example
 * ```ts
 * import { fixedWindows, never, pipeline } from 'millrace'
 * pipeline()
 *   .create('orders', [1])
 *   .windowInto('per day', fixedWindows('1 day'), { trigger: never(), allowedLateness: '1 hour' })
 * ```
 */
export function never(): NeverTrigger {
  return theNeverTrigger
}

/**
 * As soon as a pane has at least `count` elements. Triggers are asked once per bundle, so a pane may have more.
 *
 * It finishes when it has fired: by itself it would lose what comes later, and a grouping refuses it. Within
 * {@link afterWatermark} it repeats; elsewhere put it into {@link repeatedly}.
 *
 * @param count a whole number from 1.
 * @throws {PipelineError} when the count is anything else.
 * @example
 * ```ts
 * import { afterCount, repeatedly } from 'millrace'
 * repeatedly(afterCount(100)).subtrigger // => { kind: 'elementCount', elementCount: 100 }
 * ```
 */
export function afterCount(count: number): ElementCountTrigger {
  if (!Number.isSafeInteger(count) || count < 1)
    refuse('MR-2006', `the count of afterCount must be a whole number from 1, but is ${preview(count)}.`)
  return Object.freeze({ kind: 'elementCount', elementCount: count })
}

const batchEnd: AfterBatchTrigger = Object.freeze({ kind: 'afterBatch' })

/**
 * At the end of a batch that has brought something to the pane: when all that there was to do has been done. In the micro-batch runner
 * batches are its batches; in the direct runner one ends when everything a round of reading has brought is through. So a window answers
 * at most once a batch, with all that the batch has brought; other runners refuse it.
 *
 * It finishes when it has fired: by itself it would lose what comes later, and a grouping refuses it. Put it into {@link repeatedly}.
 *
 * @example
 * ```ts
 * import { afterBatch, repeatedly } from 'millrace'
 * repeatedly(afterBatch()).subtrigger // => { kind: 'afterBatch' }
 * ```
 */
export function afterBatch(): AfterBatchTrigger {
  return batchEnd
}

/** Instants of processing time that firings wait for: `offset`, `offset + period`, and so on. */
export interface AlignTo {
  /** The time between two of them, at least a millisecond. */
  readonly period: Duration
  /** How far they are from 1970-01-01T00:00Z. Default 0. */
  readonly offset?: Duration
}

/**
 * A while after the first element of a pane has come, by the clock of the machine. With `alignTo` it then waits for the
 * next of those instants: `target = t + delay`, then the least `offset + n · period ≥ target`. It fires once the clock is
 * *past* the target.
 *
 * It finishes when it has fired: by itself it would lose what comes later, and a grouping refuses it. Within
 * {@link afterWatermark} it repeats; elsewhere put it into {@link repeatedly}.
 *
 * @throws {PipelineError} when the delay, period or offset is no duration, or the period is under a millisecond.
 * @example
 * ```ts
 * import { afterProcessingTime, repeatedly } from 'millrace'
 * repeatedly(afterProcessingTime('10 seconds')) // at most every ten seconds
 * repeatedly(afterProcessingTime(0, { alignTo: { period: '1 minute' } })) // at full minutes
 * ```
 */
export function afterProcessingTime(
  delay: Duration,
  options: { readonly alignTo?: AlignTo } = {},
): AfterProcessingTimeTrigger {
  const delayMillis = durationMillis(delay, 'delay of afterProcessingTime')
  const transforms: TimestampTransform[] = [Object.freeze({ kind: 'delay', delayMillis })]
  const { alignTo } = options
  if (alignTo !== undefined) {
    const periodMillis = durationMillis(alignTo.period, 'period of alignTo')
    if (periodMillis < 1)
      refuse('MR-2003', `period of alignTo must be at least 1 millisecond, but is ${preview(alignTo.period)}.`)
    const offsetMillis = durationMillis(alignTo.offset ?? 0, 'offset of alignTo')
    transforms.push(Object.freeze({ kind: 'alignTo', periodMillis, offsetMillis }))
  }
  return Object.freeze({ kind: 'afterProcessingTime', timestampTransforms: Object.freeze(transforms) })
}

/** What {@link afterWatermark} does before and after the end of the window. */
export interface EarlyAndLate {
  /** When a window gives guesses, before the watermark says that it is complete. Repeats. Default: it gives none. */
  readonly early?: Trigger
  /** When it gives corrections, for elements that come late. Repeats. Default: late elements are lost. */
  readonly late?: Trigger
}

/**
 * When the watermark says that the window is complete; with `early`, guesses before that, and with `late`, corrections
 * after it. Both repeat by themselves.
 *
 * Without `late` it is finished at the end of the window, and late elements would be lost: a grouping refuses that where
 * the allowed lateness is not 0.
 *
 * @example
 * ```ts
 * import { afterCount, afterProcessingTime, afterWatermark, fixedWindows, pipeline } from 'millrace'
 * pipeline()
 *   .create('orders', [1])
 *   .windowInto('per hour', fixedWindows('1 hour'), {
 *     trigger: afterWatermark({ early: afterProcessingTime('10 seconds'), late: afterCount(1) }),
 *     allowedLateness: '1 day',
 *     accumulation: 'accumulating',
 *   })
 * ```
 */
export function afterWatermark({ early, late }: EarlyAndLate = {}): AfterWatermarkTrigger {
  return Object.freeze({
    kind: 'afterEndOfWindow',
    earlyFirings: early === undefined ? undefined : checked(early, 'early of afterWatermark'),
    lateFirings: late === undefined ? undefined : checked(late, 'late of afterWatermark'),
  })
}

/**
 * Whenever `trigger` fires, for ever.
 *
 * @example
 * ```ts
 * import { afterCount, repeatedly } from 'millrace'
 * repeatedly(afterCount(1)).kind // => 'repeat'
 * ```
 */
export function repeatedly(trigger: Trigger): RepeatedlyTrigger {
  return Object.freeze({ kind: 'repeat', subtrigger: checked(trigger, 'the trigger of repeatedly') })
}

/**
 * Once, as soon as one of the triggers fires. Put it into {@link repeatedly} to go on.
 *
 * @throws {PipelineError} when there are fewer than two.
 * @example
 * ```ts
 * import { afterCount, afterFirst, afterProcessingTime, repeatedly } from 'millrace'
 * repeatedly(afterFirst(afterCount(1000), afterProcessingTime('1 minute')))
 * ```
 */
export function afterFirst(...triggers: readonly Trigger[]): AfterFirstTrigger {
  return Object.freeze({ kind: 'afterAny', subtriggers: several(triggers, 'afterFirst') })
}

/**
 * Once, when every one of the triggers would fire. Put it into {@link repeatedly} to go on.
 *
 * @throws {PipelineError} when there are fewer than two.
 * @example
 * ```ts
 * import { afterAll, afterCount, afterProcessingTime, repeatedly } from 'millrace'
 * repeatedly(afterAll(afterCount(10), afterProcessingTime('1 minute')))
 * ```
 */
export function afterAll(...triggers: readonly Trigger[]): AfterAllTrigger {
  return Object.freeze({ kind: 'afterAll', subtriggers: several(triggers, 'afterAll') })
}

/**
 * As the first trigger does until it has finished, then as the second does, and so on.
 *
 * @throws {PipelineError} when there are fewer than two.
 * @example
 * ```ts
 * import { afterCount, afterEach, afterProcessingTime, repeatedly } from 'millrace'
 * // The first ten at once, then every minute.
 * afterEach(afterCount(10), repeatedly(afterProcessingTime('1 minute')))
 * ```
 */
export function afterEach(...triggers: readonly Trigger[]): AfterEachTrigger {
  return Object.freeze({ kind: 'afterEach', subtriggers: several(triggers, 'afterEach') })
}

/**
 * As `main` does, until `until` fires: then one last time.
 *
 * @example
 * ```ts
 * import { afterCount, afterWatermark, orFinally, repeatedly } from 'millrace'
 * repeatedly(orFinally(repeatedly(afterCount(10)), afterWatermark()))
 * ```
 */
export function orFinally(main: Trigger, until: Trigger): OrFinallyTrigger {
  return Object.freeze({
    kind: 'orFinally',
    main: checked(main, 'the first trigger of orFinally'),
    finally: checked(until, 'the second trigger of orFinally'),
  })
}

const kinds: ReadonlySet<unknown> = new Set(
  Object.keys({
    default: true,
    never: true,
    elementCount: true,
    afterProcessingTime: true,
    afterSynchronizedProcessingTime: true,
    afterBatch: true,
    afterEndOfWindow: true,
    repeat: true,
    afterAny: true,
    afterAll: true,
    afterEach: true,
    orFinally: true,
  } satisfies Record<Trigger['kind'], true>),
)

/** Whether a value is a trigger. */
export function isTrigger(value: unknown): value is Trigger {
  return typeof value === 'object' && value !== null && kinds.has((value as { readonly kind?: unknown }).kind)
}

function checked(trigger: Trigger, what: string): Trigger {
  if (isTrigger(trigger)) return trigger
  refuse('MR-2006', `${what} must be a trigger, for example afterCount(1), but is ${preview(trigger)}.`)
}

function several(triggers: readonly Trigger[], what: string): readonly Trigger[] {
  if (triggers.length < 2) refuse('MR-2006', `${what} needs at least two triggers, but has ${triggers.length}.`)
  return Object.freeze(triggers.map((trigger, i) => checked(trigger, `trigger ${i + 1} of ${what}`)))
}
