/**
 * Replaying a list as a stream: elements in the given order, event times of their own, a watermark that follows. The
 * collection is unbounded, so everything treats it as a stream (windows close when the watermark says so, late is
 * late), and it ends by itself.
 *
 * Law: whatever bundles are cut, the same elements come in the same order with the same timestamps; only how often the
 * watermark moves depends on the bundles.
 */
import { type OptionNames, refuseUnknownOptions } from '../../sdk/known-options.js'
import { type Codec, typed, type TypeOnly } from '../../sdk/codec.js'
import { messageOf, PipelineError } from '../../sdk/errors.js'
import type { PCollection } from '../../sdk/pcollection.js'
import type { Pipeline } from '../../sdk/pipeline.js'
import { preview } from '../../sdk/preview.js'
import { UnsplittableRangeTracker } from '../../sdk/source/other-trackers.js'
import { type OffsetRange, offsetRangeCodec, type OffsetRangeTracker } from '../../sdk/source/restriction-tracker.js'
import type { SplittableContext } from '../../sdk/source/splittable.js'
import { type WatermarkPolicy, watermarks } from '../../sdk/source/watermark-policy.js'
import { type Instant, toTimestamp } from '../../sdk/time.js'
import { source } from '../../sdk/transforms/splittable.js'

/** Options of {@link replay}. */
export interface ReplayOptions<T> {
  /** Event time of an element. */
  readonly timestamp: (value: T) => Instant
  /**
   * How the source knows event time. `'perfect'` looks ahead: the watermark is the smallest timestamp still to come, so
   * nothing is ever late. `watermarks.outOfOrder('9 hours')` is what a real source would know: the largest timestamp
   * seen less what it allows for. Default `'perfect'`.
   */
  readonly watermark?: 'perfect' | WatermarkPolicy
  /** Describes the elements. Default: the dynamic coder. */
  readonly codec?: Codec
}

/**
 * Replays values as a stream that ends.
 *
 * @param values in order of arrival; read once, when the pipeline is built.
 * @throws {PipelineError} when `timestamp` fails for an element or gives no timestamp, naming the element.
 * @example
 * ```ts
 * import { fixedWindows, pipeline, run, watermarks } from 'millrace'
 * import { replay } from 'millrace/io/generate'
 * const p = pipeline()
 * p.apply('clicks', replay(
 *   [{ at: '2001-01-01T10:02Z', page: 'home' }, { at: '2001-01-01T10:01Z', page: 'home' }],
 *   { timestamp: (click) => click.at, watermark: watermarks.outOfOrder('5 minutes') },
 * ))
 *   .windowInto('per hour', fixedWindows('1 hour'))
 *   .keyBy('by page', (click) => click.page)
 *   .countPerKey('count')
 *   .collect('counts')
 * const result = await run(p)
 * result.collect('counts') // [{ key: 'home', value: 2 }]
 * ```
 */
export function replay<T>(values: Iterable<T>, options: ReplayOptions<T>): (pipeline: Pipeline) => PCollection<T> {
  refuseUnknownOptions('replay', options, { timestamp: true, watermark: true, codec: true } satisfies OptionNames<
    ReplayOptions<T>
  >)
  const all = [...values]
  const timestamps = timestampsOf(all, options.timestamp)
  const { watermark: policy = 'perfect' } = options
  if (policy !== 'perfect' && policy.kind === 'manual') {
    throw new PipelineError(
      'MR-5016',
      "a replay has no code that could set its watermark: give 'perfect', watermarks.outOfOrder(…) or another policy.",
    )
  }
  const remaining = policy === 'perfect' ? smallestToCome(timestamps) : undefined
  return source({
    output: (options.codec ?? typed<T>()) as TypeOnly<T>,
    bounded: false,
    replayable: true,
    watermark: policy === 'perfect' ? watermarks.manual() : policy,
    restriction: () => ({ from: 0, to: all.length }),
    restrictionCodec: offsetRangeCodec,
    // Elements come in order, so there is one reader.
    tracker: (range: OffsetRange) => new UnsplittableRangeTracker(range),
    process(_, tracker, context) {
      const end = emitClaimed(all, timestamps, tracker, context)
      const next = remaining?.[end]
      if (next !== undefined) context.watermark.set(next)
    },
  })
}

/** Emits until a claim is refused. @returns the position it stopped at. */
function emitClaimed<T>(
  values: readonly T[],
  timestamps: Float64Array,
  tracker: OffsetRangeTracker,
  { emit, room }: SplittableContext<T, undefined>,
): number {
  for (let at = tracker.currentRestriction().from; ;) {
    const asked = room()
    const granted = tracker.tryClaimBlock(at, asked)
    for (const end = at + granted; at < end; at++) emit(values[at] as T, timestamps[at])
    if (granted < asked) return at
  }
}

function timestampsOf<T>(values: readonly T[], timestamp: (value: T) => Instant): Float64Array {
  return Float64Array.from(values, (value, i) => {
    try {
      return toTimestamp(timestamp(value))
    } catch (error) {
      throw new PipelineError(
        'MR-5016',
        `replay cannot tell the timestamp of element ${i}, ${preview(value)}: ${messageOf(error)}`,
      )
    }
  })
}

/** At each position, the smallest timestamp from there on. */
function smallestToCome(timestamps: Float64Array): Float64Array {
  const smallest = Float64Array.from(timestamps)
  for (let i = smallest.length - 2; i >= 0; i--) {
    smallest[i] = Math.min(smallest[i] as number, smallest[i + 1] as number)
  }
  return smallest
}
