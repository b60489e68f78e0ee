/**
 * Sequences of whole numbers: bounded ones as fast as they are asked for, streamed ones at a rate.
 *
 * Law: whatever bundles are cut, each number of the range comes once, with the timestamp its position gives it.
 */
import * as t from 'io-ts'
import { type OptionNames, refuseUnknownOptions } from '../../sdk/known-options.js'
import { PipelineError } from '../../sdk/errors.js'
import type { PCollection } from '../../sdk/pcollection.js'
import type { Pipeline } from '../../sdk/pipeline.js'
import { preview } from '../../sdk/preview.js'
import { type OffsetRange, offsetRangeCodec, OffsetRangeTracker } from '../../sdk/source/restriction-tracker.js'
import { watermarks } from '../../sdk/source/watermark-policy.js'
import { type Duration, durationMillis, type Instant, toTimestamp } from '../../sdk/time.js'
import { splitRange } from '../../sdk/transforms/create.js'
import { source } from '../../sdk/transforms/splittable.js'
import { delaysOf, type Disorder } from './disorder.js'
import { ticking } from './ticks.js'

/** Options of a bounded sequence. */
export interface SequenceOptions {
  /** The first number. Default 0. */
  readonly from?: number
  /** The number after the last. */
  readonly to: number
  /** Event time of a number. Default: the beginning of time. */
  readonly timestamp?: (n: number) => Instant
}

/** Options of a sequence that comes at a rate, as a stream. */
export interface StreamedSequenceOptions {
  /** The first number. Default 0. */
  readonly from?: number
  /** The number after the last. Default: the stream never ends. */
  readonly to?: number
  /** How many numbers come in which time. */
  readonly rate: { readonly elements: number; readonly per: Duration }
  /** When the first number is due. What is due already comes at once. Default: when the run begins. */
  readonly start?: Instant
  /** Event time of a number, never falling. Default: when the number is due. */
  readonly timestamp?: (n: number) => Instant
  /** Moves timestamps behind. Default: none. */
  readonly disorder?: Disorder
}

/**
 * The numbers `from ≤ n < to`.
 *
 * With a `rate` they come as a stream: the collection is unbounded, each number is emitted when it is due, stamped with
 * that instant, and the watermark follows. A `start` in the past makes everything up to now come at once, which is how
 * to simulate a stream of known event times at full speed.
 *
 * @throws {PipelineError} when the range is no range of whole numbers, or neither `to` nor `rate` is given.
 * @example
 * ```ts
 * import { fixedWindows, pipeline, run } from 'millrace'
 * import { generateSequence } from 'millrace/io/generate'
 * const p = pipeline()
 * p.apply('numbers', generateSequence({ to: 5 })).map('square', (n) => n * n).collect('squares')
 * p.apply('events', generateSequence({
 *   to: 100,
 *   rate: { elements: 1, per: '1 second' },
 *   start: '2001-01-01T00:00:00Z',
 *   disorder: { by: '10 seconds', late: 0.02, seed: 7 },
 * }))
 *   .windowInto('per minute', fixedWindows('1 minute'))
 *   .keyBy('one', () => 'all')
 *   .countPerKey('count')
 *   .collect('counts')
 * const result = await run(p)
 * result.collect('squares') // [0, 1, 4, 9, 16]
 * ```
 */
export function generateSequence(
  options: SequenceOptions | StreamedSequenceOptions,
): (pipeline: Pipeline) => PCollection<number> {
  refuseUnknownOptions('generateSequence', options, sequenceOptions)
  return 'rate' in options && options.rate !== undefined ? streamed(options) : bounded(options as SequenceOptions)
}

const sequenceOptions: OptionNames<StreamedSequenceOptions> = {
  from: true,
  to: true,
  rate: true,
  start: true,
  timestamp: true,
  disorder: true,
}

/** An element by its position. One function for all sequences: compiled stages stay warm by the identity of what they call. */
const itself = (_element: unknown, position: number): number => position

function bounded(options: SequenceOptions): (pipeline: Pipeline) => PCollection<number> {
  if (options.to === undefined) {
    throw new PipelineError(
      'MR-5015',
      'generateSequence without `to` would never end: give `to`, or `rate: { elements, per }` for a stream.',
    )
  }
  if ('disorder' in options) {
    throw new PipelineError(
      'MR-5015',
      'generateSequence has `disorder` only with a `rate`: without one nothing is a stream, and nothing late.',
    )
  }
  const range = checkedRange(options.from, options.to)
  const timestampAt = options.timestamp === undefined ? undefined : timestampsBy(options.timestamp)
  return source({
    output: t.number,
    bounded: true,
    replayable: true,
    watermark: watermarks.none(),
    restriction: () => range,
    restrictionCodec: offsetRangeCodec,
    split: (_element, restriction: OffsetRange, parts) => splitRange(restriction, parts),
    tracker: (restriction: OffsetRange) => new OffsetRangeTracker(restriction),
    elementAt: itself,
    ...(timestampAt === undefined ? {} : { timestampAt }),
    // For runners that do not read by position.
    process(element, tracker, { emit }) {
      for (let n = tracker.currentRestriction().from; tracker.tryClaim(n); n++) emit(n, timestampAt?.(element, n))
    },
  })
}

function streamed(options: StreamedSequenceOptions): (pipeline: Pipeline) => PCollection<number> {
  const { rate, start, timestamp } = options
  const range = checkedRange(options.from, options.to ?? Number.MAX_SAFE_INTEGER)
  const perMillis = durationMillis(rate.per, 'rate.per of generateSequence')
  if (!(rate.elements > 0) || !Number.isFinite(rate.elements) || perMillis < 1) {
    throw new PipelineError(
      'MR-1002',
      `rate of generateSequence must be more than 0 elements per at least 1 millisecond, but is ${preview(rate)}.`,
    )
  }
  return ticking({
    start,
    range: () => range,
    due: (origin, n) => origin + Math.floor(((n - range.from) * perMillis) / rate.elements),
    eventTime: timestamp === undefined ? undefined : (n) => toTimestamp(timestamp(n)),
    value: (n) => n,
    delays: delaysOf(options.disorder, range.from),
  })
}

function checkedRange(from = 0, to: number): OffsetRange {
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from > to) {
    throw new PipelineError(
      'MR-1002',
      `generateSequence counts whole numbers from \`from\` up to \`to\`, but they are ${String(from)} and ${String(to)}.`,
    )
  }
  return { from, to }
}

type TimestampAt = (element: unknown, position: number) => number
const timestampFunctions = new WeakMap<(n: number) => Instant, TimestampAt>()

/** By the author's function, so that a pipeline built twice from the same function is the same to the compiled stage. */
function timestampsBy(timestamp: (n: number) => Instant): TimestampAt {
  let known = timestampFunctions.get(timestamp)
  if (known === undefined) {
    timestampFunctions.set(timestamp, (known = (_element, position) => toTimestamp(timestamp(position))))
  }
  return known
}
