/**
 * Elements that come again within a while are left out, where `distinct` would wait for a window to end: the first passes at
 * once, so this is for streams whose senders repeat themselves.
 *
 * Law: an element is left out exactly when one with its id and window has come out less than `within` from it. In event time that
 * is between timestamps, before and after; what came out is forgotten when the watermark has passed its timestamp by `within` and
 * the allowed lateness, so an element that is later than that comes out. In processing time it is by the runner's clock.
 */
import type { ErrorCode } from '../error-codes.js'
import { typed } from '../codec.js'
import { type CollectionRef, reservedName } from '../graph/builder.js'
import { authorPath } from '../graph/names.js'
import { refuseUnknownOptions } from '../known-options.js'
import type { KV } from '../kv.js'
import type { PCollection } from '../pcollection.js'
import { preview } from '../preview.js'
import { refuse } from '../refuse.js'
import type { ValueState } from '../state/state-cell.js'
import { state } from '../state/state-spec.js'
import { type ProcessingTimeTimer, type TimeDomain, timer, type Timer } from '../state/timer-spec.js'
import { addMillis, type Duration, durationMillis } from '../time.js'
import { expiryOf } from '../windowing/expiry.js'
import type { BoundedWindow } from '../windowing/window.js'
import type { AnyDoFn } from './do-fn.js'
import { addKeyBy, addOwnKey } from './element-wise.js'
import { refuseChanges, refuseMerging } from './groupable.js'
import { addStep } from './step.js'

/** Options of {@link deduplicate}. */
export interface DeduplicateOptions<T> {
  /** The id of an element: equal are ids with equal canonical bytes. Default: the element itself. */
  readonly by?: (value: T) => unknown
  /** How long an element keeps others with its id from coming out; above 0. */
  readonly within: Duration
  /** Whether `within` is between timestamps, or by the runner's clock. */
  readonly timeDomain: TimeDomain
}

const OPTIONS = { by: true, within: true, timeDomain: true } satisfies Record<keyof DeduplicateOptions<never>, true>

type Pair = KV<unknown, unknown>

interface Call<T, S> {
  readonly timestamp: number
  readonly fireTimestamp: number
  readonly window: BoundedWindow
  readonly state: { readonly seen: S }
  readonly timers: { readonly forget: T }
  readonly emit: (value: unknown) => void
}

/**
 * The elements without those that come again, per window: an element is left out when another with its id has come out less than
 * `within` away. Elements keep their timestamps and windows; which of several comes out is the one that arrives first. Windows that
 * merge are refused.
 *
 * Needs value state of the runner, and timers of the time domain.
 *
 * @throws {PipelineError} when an option is unknown, missing or wrong, or the input has changes or is in merging windows.
 * @example
 * ```ts
 * import { deduplicate, pipeline, run } from 'millrace'
 * const p = pipeline()
 * p.create('clicks', [{ id: 'a', at: 0 }, { id: 'a', at: 50_000 }, { id: 'a', at: 60_000 }])
 *   .withTimestamps('at', ({ at }) => at)
 *   .apply('once', deduplicate({ by: ({ id }) => id, within: '1 minute', timeDomain: 'eventTime' }))
 *   .map('when', ({ at }) => at)
 *   .collect('out')
 * const result = await run(p)
 * result.collect('out') // => [0, 60_000]
 * ```
 */
export function deduplicate<T>(options: DeduplicateOptions<T>): (input: PCollection<T>) => PCollection<T> {
  const { by, within, timeDomain } = checkedOptions(options)
  return (input) => {
    const { builder, id } = input
    const path = authorPath(builder.pathOf(reservedName('once')))
    refuseChanges(input, path, 'deduplicates')
    refuseMerging(input, path, 'deduplicate keeps what has come')
    const { coderId } = builder.collection(id)
    const keyed = by === undefined ? addOwnKey(input) : addKeyBy(input, reservedName('key'), by)
    const lateness = builder.strategyOf(input).allowedLatenessMillis
    const once = addStep(keyed, {
      name: reservedName('once'),
      fn: {
        kind: 'doFn',
        doFn: timeDomain === 'eventTime' ? inEventTime(within, lateness) : inProcessingTime(within),
        tags: ['out'],
        allowedSkewMillis: 0,
        options: {},
      },
      outputs: () => [{ tag: 'out', coderId }],
      states: () => new Map([['seen', { kind: 'readModifyWrite', coderId: builder.coders.dynamic() }]]),
      timers: new Map([['forget', { timeDomain, isFamily: false }]]),
    })
    return input.derive(once[0] as CollectionRef)
  }
}

/** Nothing comes out when a timer fires, so none of them has to hold the watermark. */
const unheld = { holdsWatermark: false }

/** Remembers when what came out was, because elements come in any order. */
function inEventTime(within: number, lateness: number): AnyDoFn {
  const forgottenAt = (seen: number): number => addMillis(addMillis(seen, within), lateness)
  /** What the window remembers goes with it in any case. */
  const remind = (earliest: number, { window, timers }: Call<Timer, unknown>): void => {
    const time = forgottenAt(earliest)
    if (time < expiryOf(window, lateness)) timers.forget.set(time, unheld)
  }
  const process = ({ value }: Pair, call: Call<Timer, ValueState<readonly number[]>>): void => {
    const {
      timestamp,
      state: { seen },
      emit,
    } = call
    const times = seen.read() ?? []
    if (times.some((time) => Math.abs(timestamp - time) < within)) return
    emit(value)
    seen.write([...times, timestamp])
    if (times.every((time) => timestamp < time)) remind(timestamp, call)
  }
  const forget = (call: Call<Timer, ValueState<readonly number[]>>): void => {
    const {
      fireTimestamp,
      state: { seen },
    } = call
    const left = (seen.read() ?? []).filter((time) => forgottenAt(time) > fireTimestamp)
    if (left.length === 0) {
      seen.clear()
      return
    }
    seen.write(left)
    remind(Math.min(...left), call)
  }
  return {
    state: { seen: state.value(typed<readonly number[]>()) },
    timers: { forget: timer.eventTime() },
    process,
    onTimer: { forget },
  }
}

/** Remembers that something came out, until the clock has gone on so far. */
function inProcessingTime(within: number): AnyDoFn {
  type Own = Call<ProcessingTimeTimer, ValueState<boolean>>
  const process = ({ value }: Pair, { state: { seen }, timers, emit }: Own): void => {
    if (!seen.isEmpty()) return
    emit(value)
    seen.write(true)
    timers.forget.setRelative(within, unheld)
  }
  return {
    state: { seen: state.value(typed<boolean>()) },
    timers: { forget: timer.processingTime() },
    process,
    onTimer: { forget: ({ state: { seen } }: Own) => seen.clear() },
  }
}

function checkedOptions<T>(options: DeduplicateOptions<T>): Omit<DeduplicateOptions<T>, 'within'> & { within: number } {
  const fail = (code: ErrorCode, message: string): never => refuse(code, `deduplicate ${message}`)
  if (typeof options !== 'object' || options === null)
    fail('MR-1003', "needs options, for example { within: '10 minutes', timeDomain: 'eventTime' }.")
  refuseUnknownOptions('deduplicate', options, OPTIONS)
  const { by, within, timeDomain } = options
  if (by !== undefined && typeof by !== 'function')
    fail('MR-1004', `needs by to be a function from an element to its id, but got ${preview(by)}.`)
  if (timeDomain !== 'eventTime' && timeDomain !== 'processingTime')
    fail('MR-1002', `needs timeDomain to be 'eventTime' or 'processingTime', but got ${preview(timeDomain)}.`)
  const millis = durationMillis(within, 'within of deduplicate')
  if (millis === 0) fail('MR-1002', 'needs within to be above 0, because nothing comes again within no time.')
  return { ...(by === undefined ? {} : { by }), within: millis, timeDomain }
}
