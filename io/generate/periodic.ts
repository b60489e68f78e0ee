/**
 * A heartbeat: one element per tick. For refreshing side inputs, for timeouts, for anything that must happen although no
 * data comes.
 */
import { type OptionNames, refuseUnknownOptions } from '../../sdk/known-options.js'
import { PipelineError } from '../../sdk/errors.js'
import type { PCollection } from '../../sdk/pcollection.js'
import type { Pipeline } from '../../sdk/pipeline.js'
import { type Duration, durationMillis, formatTimestamp, type Instant, toTimestamp } from '../../sdk/time.js'
import { inOrder } from './disorder.js'
import { ticking } from './ticks.js'

/** Options of {@link periodic}. */
export interface PeriodicOptions {
  /** Time between ticks, at least 1 ms. */
  readonly every: Duration
  /** The first tick. Ticks that have passed already come at once. Default: when the run begins. */
  readonly start?: Instant
  /** Ticks come before this instant only; then the collection ends. Default: they never end. */
  readonly stop?: Instant
}

/**
 * One element per tick, at `start`, `start + every`, … before `stop`. The element is the tick, in milliseconds; so is
 * its timestamp. The watermark stands at the next tick.
 *
 * @throws {PipelineError} when `every` is under a millisecond, or `stop` comes before `start`.
 * @example
 * ```ts
 * import { pipeline, run } from 'millrace'
 * import { periodic } from 'millrace/io/generate'
 * const p = pipeline()
 * p.apply('beat', periodic({ every: '1 hour', start: '2001-01-01T00:00Z', stop: '2001-01-01T03:00Z' })).collect('ticks')
 * const result = await run(p)
 * result.collect<number>('ticks').map((tick) => new Date(tick).getUTCHours()) // [0, 1, 2]
 * ```
 */
export function periodic(options: PeriodicOptions): (pipeline: Pipeline) => PCollection<number> {
  refuseUnknownOptions('periodic', options, {
    every: true,
    start: true,
    stop: true,
  } satisfies OptionNames<PeriodicOptions>)
  const { every, start, stop } = options
  const everyMillis = durationMillis(every, '`every` of periodic')
  if (everyMillis < 1) throw new PipelineError('MR-2003', '`every` of periodic must be at least 1 millisecond.')
  const last = stop === undefined ? undefined : toTimestamp(stop)
  if (start !== undefined && last !== undefined && last < toTimestamp(start)) {
    throw new PipelineError(
      'MR-5015',
      `periodic stops at ${formatTimestamp(last)}, before it starts at ${formatTimestamp(toTimestamp(start))}.`,
    )
  }
  return ticking({
    start,
    range: (origin) => ({
      from: 0,
      to: last === undefined ? Number.MAX_SAFE_INTEGER : Math.max(0, Math.ceil((last - origin) / everyMillis)),
    }),
    due: (origin, n) => origin + n * everyMillis,
    eventTime: undefined,
    value: (_, due) => due,
    delays: inOrder,
  })
}
