/**
 * The changes of a table as a stream: what it holds, then what is inserted, updated and deleted.
 *
 * Law: the values inserted and not retracted are the rows that the table holds, as far as its changes were read; each change
 * is emitted once, in the order in which they were made, and is kept until it was acknowledged.
 */
import { type Codec, isIoTs, typed, type TypeOf } from '../../sdk/codec.js'
import type { Env } from '../../sdk/env.js'
import { type OptionNames, refuseUnknownOptions, refuseUnknownValue } from '../../sdk/known-options.js'
import type { PCollection } from '../../sdk/pcollection.js'
import type { Pipeline } from '../../sdk/pipeline.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import { type Resume, resume } from '../../sdk/source/splittable.js'
import { type WatermarkPolicy, watermarks } from '../../sdk/source/watermark-policy.js'
import { type Duration, durationMillis, type Instant } from '../../sdk/time.js'
import { type Change, changeCodec } from '../../sdk/transforms/change.js'
import type { ErrorHandler } from '../../sdk/transforms/errors.js'
import { source } from '../../sdk/transforms/splittable.js'
import { eventTimes } from '../event-times.js'
import { ChangeReader, type ChangeSink } from './change-reader.js'
import { ChangeTracker, changesFrom } from './change-tracker.js'
import { checkFile } from './database.js'
import { checkOwnName } from './identifier.js'
import { type KeyRange, keyRangeCodec, type KeyTracker } from './key-range.js'
import { checkCodec, checkColumns, fieldsOf } from './table-options.js'
import { lettersOfRows, type UnreadRow, unreadRowCodec, unreadRowError } from './unread-row.js'
import type { SqliteRow } from './values.js'

/** Options of {@link readChanges}. */
export interface ReadChangesOptions<C extends Codec = Codec, K extends string = string> {
  /** Path of the database, which is written to: changes are kept in it. */
  readonly file: string
  readonly table: string
  /** The columns to read. Default: the fields of the codec, else all. All are captured. */
  readonly columns?: readonly K[]
  /** What rows are; each is checked. Where it wants a bigint, a boolean, a Date or `undefined`, it gets it. */
  readonly codec?: C
  /** The name under which it is kept how far was read; one for each pipeline that reads the table. Default `'millrace'`. */
  readonly reader?: string
  /**
   * Where a new run begins: `'reader'`: where the reader of this name has acknowledged, and the first time as `'snapshot'`;
   * `'snapshot'`: with all rows that there are; `'now'`: with the first change from now on. A run that is restored goes on where
   * it was. Default `'reader'`.
   */
  readonly startAt?: 'reader' | 'snapshot' | 'now'
  /** `'now'`: ends with the last change that there is when it begins, so that the collection is bounded. Default: never. */
  readonly until?: 'now'
  /** Which changes stay in the database: those that some reader has not acknowledged, or all. Default `'unread'`. */
  readonly keep?: 'unread' | 'all'
  /** Event time of a row. Default: when the change was made. */
  readonly timestamp?: (row: [C] extends [never] ? SqliteRow<K> : TypeOf<C>) => Instant
  /**
   * How the progress of event time is known; needed with `timestamp`. Default: changes come in the order in which they were made,
   * and after 10 s without one the watermark follows the clock.
   */
  readonly watermark?: WatermarkPolicy
  /** How often to look for changes. Default 100 ms. */
  readonly pollEvery?: Duration
  /** How long to try while others have the database locked. Default 10 s. */
  readonly busyTimeout?: Duration
  /** Where changes go whose rows do not fit the codec. Default: the run fails. */
  readonly onError?: ErrorHandler
}

/** What {@link readChanges} gives: changes of rows as the codec says, else of rows of the columns. */
export type ChangeElement<C, K extends string> = Change<[C] extends [never] ? SqliteRow<K> : TypeOf<C>>

/**
 * Captures the changes of a table by triggers and reads them: first an insertion for each row that there is, then an insertion
 * for each that comes and a retraction for each that goes; an update is the retraction of the old row and the insertion of the
 * new one. Whoever writes to the table, with whatever program, writes its changes in the same transaction. What is read and
 * acknowledged is thrown away.
 *
 * The first run makes the triggers and, in one transaction, a copy of all rows among the changes: others who write wait for it.
 * With the default timestamps a retraction is as old as the deletion; where there are windows, give `timestamp`, so that it
 * comes to the window of the row, and lateness for as long as rows may change.
 *
 * @throws {PipelineError} when an option is wrong. A file, table or column that is not there, a capture that does not fit the
 *   table any more, and a package that is not installed fail the run before anything is read.
 * @example
 * ```ts no-run
 * import * as t from 'io-ts'
 * import { pipeline } from 'millrace'
 * import { readChanges } from 'millrace/io/sqlite'
 * const Order = t.type({ id: t.Int, user: t.string, cents: t.Int })
 * const p = pipeline()
 * p.apply('orders', readChanges({ file: 'shop.db', table: 'orders', codec: Order })).print('changes')
 * ```
 */
export function readChanges<C extends Codec = never, const K extends string = string>(
  options: ReadChangesOptions<C, K>,
): (pipeline: Pipeline) => PCollection<ChangeElement<C, K>> {
  const { capture, reading, startAt, isBounded, pollMillis, onError, watermark } = checkedOptions(options)
  const common = {
    bounded: isBounded,
    replayable: true,
    acknowledges: true,
    watermark,
    setup: ({ env }: { readonly env: Env }): Promise<ChangeReader> => ChangeReader.open(env, capture, reading),
    teardown: ({ resource }: { readonly resource: ChangeReader | undefined }): void => resource?.close(),
    restriction: (_: Uint8Array, { resource }: { readonly resource: ChangeReader }): KeyRange => {
      const from = resource.capture.begin(startAt)
      return isBounded ? { from, to: Math.max(from, resource.capture.end()) } : changesFrom(from)
    },
    restrictionCodec: keyRangeCodec,
    size: (_: Uint8Array, { from, to }: KeyRange, { resource }: { readonly resource: ChangeReader }): number =>
      Math.max(0, Math.min(Number(to), resource.capture.end()) - Number(from)),
    tracker: (range: KeyRange): ChangeTracker => new ChangeTracker(range),
  }
  const read = async (
    tracker: KeyTracker,
    context: {
      readonly resource: ChangeReader
      readonly acknowledge: (callback: () => Promise<void>) => void
    },
    sink: ChangeSink,
  ): Promise<Resume | void> => {
    const { resource } = context
    const before = tracker.currentRestriction().from
    const { next, isIdle } = await resource.read(tracker, sink, !isBounded)
    if (next > before) context.acknowledge(() => resource.capture.acknowledge(Number(next)))
    if (isIdle) return resume({ after: pollMillis })
  }
  const { codec } = options
  const output = codec !== undefined && isIoTs(codec) ? (changeCodec(codec) as Codec) : typed<unknown>()
  if (onError === undefined) {
    const refuseRow = (row: UnreadRow): never => {
      throw unreadRowError(row, 'change')
    }
    return source({
      ...common,
      output,
      process: (_, tracker: ChangeTracker, context) =>
        read(tracker, context, { emit: context.emit, unread: refuseRow }),
    }) as never
  }
  return (pipeline) => {
    const { out, unread } = pipeline.apply(
      'changes',
      source({
        ...common,
        outputs: { out: output, unread: unreadRowCodec },
        process: (_, tracker: ChangeTracker, context) =>
          read(tracker, context, { emit: context.emit.out, unread: context.emit.unread }),
      }),
    )
    lettersOfRows(unread, 'change', onError)
    return out as never
  }
}

const WHO = 'readChanges'

const optionNames: OptionNames<ReadChangesOptions> = {
  file: true,
  table: true,
  columns: true,
  codec: true,
  reader: true,
  startAt: true,
  until: true,
  keep: true,
  timestamp: true,
  watermark: true,
  pollEvery: true,
  busyTimeout: true,
  onError: true,
}

function checkedOptions(options: ReadChangesOptions) {
  refuseUnknownOptions(WHO, options, optionNames)
  const {
    columns,
    codec,
    reader = 'millrace',
    startAt = 'reader',
    until,
    keep = 'unread',
    timestamp,
    onError,
  } = options
  const { pollEvery = 100, busyTimeout = '10 seconds' } = options
  const file = checkFile(WHO, options.file)
  const table = checkOwnName('option table of readChanges', options.table)
  checkCodec(WHO, codec)
  checkColumns(WHO, columns)
  if (typeof reader !== 'string' || reader === '' || reader.includes('\0'))
    refuse('MR-1004', `option reader of readChanges is a name, but is ${preview(reader)}.`)
  refuseUnknownValue('option startAt of readChanges', startAt, ['reader', 'snapshot', 'now'])
  if (until !== undefined) refuseUnknownValue('option until of readChanges', until, ['now'])
  refuseUnknownValue('option keep of readChanges', keep, ['unread', 'all'])
  const { watermark = watermarks.monotonic({ idleAfter: '10 seconds' }) } = options
  // Also without a timestamp there are event times: those of the changes.
  const times = eventTimes<unknown>(WHO, {
    timestamp: (timestamp as ((row: unknown) => Instant) | undefined) ?? (() => 0),
    ...(timestamp !== undefined && options.watermark === undefined ? {} : { watermark }),
  })
  const timeOf = timestamp === undefined ? undefined : (row: unknown): number => times.timeOf(row, () => 0)
  const busyMillis = durationMillis(busyTimeout, 'option busyTimeout of readChanges')
  return {
    capture: { place: { file, table }, reader, keep, busyMillis },
    reading: { columns: columns ?? fieldsOf(codec), codec: codec, timeOf, busyMillis },
    startAt,
    isBounded: until === 'now',
    pollMillis: durationMillis(pollEvery, 'option pollEvery of readChanges'),
    onError,
    watermark: times.watermark,
  }
}
