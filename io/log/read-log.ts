/**
 * A topic of a log as a source: one restriction for each partition, in the order of its offsets.
 *
 * Law: every record from where reading begins is emitted once as long as nothing fails; after a failure, at the latest from where
 * the runner, or the group, has come to. What retention took before it was read is said, never passed over.
 */
import * as t from 'io-ts'
import { type Codec, isCodec, typed, type TypeOf } from '../../sdk/codec.js'
import { type OptionNames, refuseUnknownOptions, refuseUnknownValue } from '../../sdk/known-options.js'
import { metric } from '../../sdk/metrics.js'
import type { PCollection } from '../../sdk/pcollection.js'
import type { Pipeline } from '../../sdk/pipeline.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import { UNKNOWN_END, UnsplittableRangeTracker } from '../../sdk/source/other-trackers.js'
import { type OffsetRange, offsetRangeCodec } from '../../sdk/source/restriction-tracker.js'
import { type WatermarkPolicy, watermarks } from '../../sdk/source/watermark-policy.js'
import { type Duration, durationMillis, type Instant } from '../../sdk/time.js'
import type { ErrorHandler } from '../../sdk/transforms/errors.js'
import { splittableParDo } from '../../sdk/transforms/splittable.js'
import { eventTimes } from '../event-times.js'
import { type Log, openLog } from './log.js'
import { elementCodec, type ReadRecord, usable, usableNow } from './read-record.js'
import type { LogRecord } from './records.js'
import { type PartitionWork, partitionWorkCodec, Reader, type ReadRules, startsOf } from './topic-reader.js'

/** Options of {@link readLog}: `C` describes values, `M` is whether elements are whole records. */
export interface ReadLogOptions<C extends Codec | undefined = undefined, M extends boolean = false> {
  /** Folder of the log. */
  readonly folder: string
  readonly topic: string
  /**
   * Reads as a member of this group: partitions are shared with other runs of the group, reading begins where the group has come
   * to, and the group goes on behind records that need no second delivery. A run is one member, however many workers it has. Default: no group; this run reads all partitions, and
   * the runner keeps the position.
   */
  readonly group?: string
  /** With `group`: for how long a run may not be heard of before others get its partitions. Default 30 s. */
  readonly session?: Duration
  /**
   * Where reading begins, where neither the runner nor the group knows: at the first record, behind the last, or at these offsets by
   * partition, others at the first record. Default `'beginning'`.
   */
  readonly from?: 'beginning' | 'end' | ReadonlyMap<number, number>
  /** `'end'`: ends at what is there when reading begins, of all partitions at one moment. Default: goes on until drained. */
  readonly until?: 'end'
  /** Describes values, and checks them. Default: any. */
  readonly codec?: C
  /** Gives whole records: key, headers, partition, offset and times beside the value. Default `false`. */
  readonly withMetadata?: M
  /** Event time: when a record was appended, or what a function says. Default `'append'`. */
  readonly timestamp?: 'append' | ((record: LogRecord<Value<C>>) => Instant)
  /**
   * How the progress of event time is known in each partition: needed with a function as `timestamp`, unless `until` is given, and
   * only then. `watermarks.outOfOrder('5 seconds', { idleAfter: '1 minute' })` also lets it go on while nothing comes.
   */
  readonly watermark?: WatermarkPolicy
  /** What happens when retention has removed what was to be read: the run fails, or goes on at the first record there is. Default `'fail'`. */
  readonly onLost?: 'fail' | 'skip'
  /** How often it is looked for more. Default 100 ms. */
  readonly pollEvery?: Duration
  /** Takes records that cannot be used; the letter's element is the record as it is stored. Default: the run fails. */
  readonly onError?: ErrorHandler
}

type Value<C> = C extends Codec ? TypeOf<C> : unknown
type ElementOf<C, M> = M extends true ? LogRecord<Value<C>> : Value<C>

/**
 * Reads a topic of a log, partition by partition, until the run is drained, or to the end.
 *
 * - **Order**: records of a partition come in the order of their offsets; partitions take turns.
 * - **Position**: without a group the runner's; a runner that keeps no state begins at `from` again. With a group: see `group`. Only
 *   what is committed is never read again.
 * - **Event time** `'append'`: exact. The watermark of a partition is the append time of its last record, and, at its end, the clock.
 * - **Partitions of other members** hold no watermark with `'append'`, else until they are idle. What is taken over from a member that
 *   died may be late.
 * - **Counted**: metric `lost`, records that retention took before they were read (`onLost: 'skip'`).
 *
 * Splittable by partition; replayable without a group, as far as retention goes back (of a compact topic, and with `onLost: 'skip'`
 * of one with retention, a runner that goes on after a crash keeps what was read with its plan); the backlog is counted in offsets.
 *
 * @throws {PipelineError} when an option is wrong. A topic that is not there fails the run.
 * @example
 * ```ts
 * import { mkdtempSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import * as t from 'io-ts'
 * import { pipeline, run } from 'millrace'
 * import { openLog, readLog } from 'millrace/io/log'
 * const folder = mkdtempSync(join(tmpdir(), 'millrace-docs-'))
 * const log = await openLog(folder)
 * log.createTopic('orders')
 * log.append('orders', [{ key: 'ann', value: { cents: 700 } }, { key: 'bob', value: { cents: 250 } }])
 * log.close()
 * const p = pipeline()
 * p.apply('orders', readLog({ folder, topic: 'orders', until: 'end', codec: t.type({ cents: t.number }) }))
 *   .map('cents', (order) => order.cents)
 *   .collect('cents')
 * const result = await run(p)
 * result.collect('cents') // => [700, 250]
 * ```
 */
export function readLog<C extends Codec | undefined = undefined, M extends boolean = false>(
  options: ReadLogOptions<C, M>,
): (pipeline: Pipeline) => PCollection<ElementOf<C, M>> {
  const { folder, topic, codec, timestamp = 'append', withMetadata = false, onError } = options
  const { rules, watermark } = checked(options)
  const timeOf =
    timestamp === 'append' ? undefined : (record: LogRecord) => timestamp(usableNow<Value<C>>(codec, record))
  type Element = ElementOf<C, M>
  return (pipeline) =>
    pipeline
      .create('log', [topic], { codec: t.string })
      .parDo('partitions', {
        output: partitionWorkCodec,
        setup: ({ env }) => openLog(folder, { sync: 'normal', env }),
        teardown: ({ resource }) => (resource as Log | undefined)?.close(),
        process(_, { resource: log, emit }) {
          for (const work of startsOf(log, rules)) emit(work)
        },
      })
      .apply(
        'read',
        splittableParDo({
          output: typed<ReadRecord>(),
          bounded: rules.isBounded,
          replayable: rules.group === undefined,
          mayVanish: ({ resource }: { readonly resource: Reader }) => resource.mayVanish,
          acknowledges: rules.group !== undefined,
          watermark,
          metrics: { lost: metric.counter() },
          setup: async ({ env, log: stepLog }) =>
            new Reader(await openLog(folder, { sync: 'normal', env }), env, stepLog, rules, timeOf),
          teardown: ({ resource }) => (resource as Reader | undefined)?.close(),
          restriction: ({ from, to }: PartitionWork) => ({ from, to: to ?? UNKNOWN_END }),
          restrictionCodec: offsetRangeCodec,
          size: (work, range: OffsetRange, { resource }) => resource.backlog(work, range),
          // One reader for each partition: its records come in order.
          tracker: (range: OffsetRange) => new UnsplittableRangeTracker(range),
          process: (work, tracker, context) => context.resource.read(work, tracker, context),
        }),
      )
      .parDo('records', {
        output: elementCodec<Element>(codec, withMetadata),
        ...(onError === undefined ? {} : { onError }),
        process(read, { emit }) {
          const give = (record: LogRecord<Value<C>>): void => emit((withMetadata ? record : record.value) as Element)
          const record = usable<Value<C>>(codec, read)
          return record instanceof Promise ? record.then(give) : give(record)
        },
      })
}

function checked(options: ReadLogOptions<Codec | undefined, boolean>): {
  readonly rules: ReadRules
  readonly watermark: WatermarkPolicy
} {
  refuseUnknownOptions('readLog', options, names)
  const { folder, topic, group, session, from = 'beginning', until, codec, onLost = 'fail' } = options
  const text = (name: string, value: unknown): void => {
    if (typeof value !== 'string' || value === '')
      refuse('MR-1002', `option ${name} of readLog must be a text that is not empty, but is ${preview(value)}.`)
  }
  text('folder', folder)
  text('topic', topic)
  if (group !== undefined) text('group', group)
  if (session !== undefined && group === undefined)
    refuse('MR-1016', 'option session of readLog says something of a group. Give group: …, or leave session out.')
  if (!(from instanceof Map)) refuseUnknownValue('option from of readLog', from, ['beginning', 'end'])
  else
    for (const offset of from.values())
      if (!Number.isSafeInteger(offset) || offset < 0)
        refuse('MR-1002', `option from of readLog has offsets, whole numbers from 0, but has ${preview(offset)}.`)
  if (until !== undefined) refuseUnknownValue('option until of readLog', until, ['end'])
  if (codec !== undefined && !isCodec(codec))
    refuse('MR-1004', `option codec of readLog is a codec, but is ${preview(codec)}.`)
  refuseUnknownValue('option onLost of readLog', onLost, ['fail', 'skip'])
  const sessionMillis = durationMillis(session ?? 30_000, 'option session of readLog')
  if (sessionMillis < 1) refuse('MR-2003', 'option session of readLog must be at least 1 millisecond.')
  const isBounded = until === 'end'
  return {
    rules: {
      topic,
      group,
      sessionMillis,
      from,
      isBounded,
      onLost,
      pollMillis: durationMillis(options.pollEvery ?? 100, 'option pollEvery of readLog'),
    },
    watermark: watermarkOf(options, isBounded),
  }
}

function watermarkOf(
  { timestamp = 'append', watermark }: ReadLogOptions<Codec | undefined, boolean>,
  isBounded: boolean,
): WatermarkPolicy {
  if (timestamp !== 'append') {
    if (isBounded && watermark === undefined) return watermarks.none()
    return eventTimes('readLog', { timestamp, ...(watermark === undefined ? {} : { watermark }) }).watermark
  }
  if (watermark !== undefined)
    refuse(
      'MR-1016',
      "option watermark of readLog says how event times move, but with timestamp: 'append' that is known. Give timestamp: (record) => …, or leave watermark out.",
    )
  return isBounded ? watermarks.none() : watermarks.manual()
}

const names: OptionNames<ReadLogOptions<Codec | undefined, boolean>> = {
  folder: true,
  topic: true,
  group: true,
  session: true,
  from: true,
  until: true,
  codec: true,
  withMetadata: true,
  timestamp: true,
  watermark: true,
  onLost: true,
  pollEvery: true,
  onError: true,
}
