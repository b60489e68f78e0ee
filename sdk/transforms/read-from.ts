/**
 * The small way to write a source: a reader that gives one record after another and can say where it stands. What Beam calls
 * BoundedSource and UnboundedSource, on top of a splittable DoFn.
 *
 * Law: records are read once each as long as nothing fails; after a failure, at the latest from the mark that was acknowledged
 * last.
 */
import { type Codec, typed, type TypeOf } from '../codec.js'
import type { PCollection } from '../pcollection.js'
import type { Pipeline } from '../pipeline.js'
import { type OptionNames, refuseUnknownOptions } from '../known-options.js'
import { preview } from '../preview.js'
import { refuse } from '../refuse.js'
import { type MarkedPart, MarkTracker } from '../source/mark-tracker.js'
import {
  type AfterCrash,
  afterCrashOf,
  type RestrictionContext,
  type Resume,
  resume,
  type SplittableContext,
} from '../source/splittable.js'
import type { WatermarkPolicy } from '../source/watermark-policy.js'
import { type Duration, durationMillis, type Instant, toTimestamp } from '../time.js'
import type { SetupContext } from './do-fn.js'
import { source } from './splittable.js'

/** A record that was read. */
export interface SourceRecord<T> {
  readonly value: T
  /** Event time. Default: the beginning of time. */
  readonly timestamp?: Instant
  /** What the record is known by, where the same one may be delivered twice. */
  readonly id?: string
}

/** What a reader has: a record, nothing now (`'idle'`), or nothing ever again (`'end'`). */
export type ReadResult<T> = SourceRecord<T> | 'idle' | 'end'

/** Reads one part of a source. */
export interface SourceReader<T, Mark> {
  /** The next record. */
  readonly read: () => ReadResult<T> | Promise<ReadResult<T>>
  /** Where the reader stands: with this, another one goes on after the records read so far. Asked for once per bundle. */
  readonly mark: () => Mark
  /** With the `manual` policy: no record with an earlier timestamp will come. What is earlier than before is ignored. */
  readonly watermark?: () => Instant
  /** Records that are there and not read yet, a number from 0. */
  readonly backlog?: () => number
  /** Lets go of what the reader holds. Nothing is read afterwards. */
  readonly close?: () => void
}

/** Declares a source that is read record by record. */
export interface SourceDeclaration<C extends Codec, Mark, Resource> {
  /** Describes the values of records. */
  readonly output: C
  /** Whether it ends by itself. */
  readonly bounded: boolean
  /** Whether the same mark gives the same records again. */
  readonly replayable: boolean
  /**
   * See {@link AfterCrash}. Default: `'exact'` when replayable, else `'repeats'` when it acknowledges, else `'loses'`; with
   * `deduplicate`, whose memory ends with the process, `'repeats'` in place of `'exact'`.
   */
  readonly afterCrash?: AfterCrash
  /**
   * What it reads of the process that starts the run, in words: `'standard input'`. Workers have none of that, so a runner with workers
   * refuses the source before anything runs. Default: nothing.
   */
  readonly ofProcess?: string
  /** How the progress of event time is known. */
  readonly watermark: WatermarkPolicy
  /**
   * Marks from which about so many readers together read everything, for runners that read several parts at a time. Default: one
   * reader.
   */
  readonly split?: (parts: number) => readonly Mark[]
  /**
   * Says where reading begins, for a source that knows it only when it looks, as at the file that has a name by now. What it
   * answers holds: a run that begins again before anything is committed reads from there too. Asked once; not together with `split`, which
   * says where each part begins. Default: `open` is given `undefined`.
   */
  readonly begin?: (context: RestrictionContext<Resource>) => Mark
  /** Begins to read at a mark; `undefined`: from the beginning, everything. */
  readonly open: (
    mark: Mark | undefined,
    context: RestrictionContext<Resource>,
  ) => SourceReader<TypeOf<C>, Mark> | Promise<SourceReader<TypeOf<C>, Mark>>
  /**
   * Records up to this mark need no second delivery. With `guarantee: 'at-least-once'`: everything that became of them has left
   * the pipeline; else: their bundle is committed. Marks of a part come in order.
   */
  readonly acknowledge?: (mark: Mark, context: { readonly resource: Resource }) => void | Promise<void>
  /** Drops records whose `id` was read before, at most this long ago on the runner's clock. Per worker, and not remembered by one that is started again. Default: none. */
  readonly deduplicate?: Duration
  /** How long to wait when there is nothing. Default 100 ms. */
  readonly pollEvery?: Duration
  /** Ends after so many records, of all parts together. Default: no limit. */
  readonly maxRecords?: number
  /** Ends when it has been read for so long, by the runner's clock. Default: no limit. */
  readonly maxReadTime?: Duration
  /** Makes what all readers share. Once per worker, before anything else. */
  readonly setup?: (context: SetupContext) => Resource | Promise<Resource>
  /** Disposes of the resource, when all readers are closed. */
  readonly teardown?: (context: { readonly resource: Resource }) => void | Promise<void>
}

/**
 * A source that is read record by record.
 *
 * Marks must be values that the dynamic coder knows: numbers, texts, plain objects and arrays of them.
 *
 * @throws {PipelineError} when an option is wrong.
 * @example
 * ```ts
 * import { pipeline, readFrom, run, typed, watermarks } from 'millrace'
 * const log = ['a', 'b', 'c']
 * const p = pipeline()
 * p.apply('log', readFrom({
 *   output: typed<string>(),
 *   bounded: true,
 *   replayable: true,
 *   watermark: watermarks.none(),
 *   open: (mark: number | undefined) => {
 *     let next = mark ?? 0
 *     return {
 *       read: () => (next < log.length ? { value: log[next++] as string } : 'end'),
 *       mark: () => next,
 *       backlog: () => log.length - next,
 *     }
 *   },
 * })).collect('lines')
 * const result = await run(p)
 * result.collect('lines') // => ['a', 'b', 'c']
 * ```
 */
export function readFrom<C extends Codec, Mark, Resource = undefined>(
  declared: SourceDeclaration<C, Mark, Resource>,
): (pipeline: Pipeline) => PCollection<TypeOf<C>> {
  const limits = limitsOf(declared)
  const { split, begin, open, acknowledge, setup, teardown, watermark } = declared
  type Shared = Readers<TypeOf<C>, Mark, Resource>
  return source<MarkedPart<Mark>, MarkTracker<Mark>, C, Shared>({
    output: declared.output,
    bounded: declared.bounded,
    replayable: declared.replayable,
    afterCrash: afterCrashOfSource(declared),
    ...(declared.ofProcess === undefined ? {} : { ofProcess: declared.ofProcess }),
    watermark,
    acknowledges: acknowledge !== undefined,
    setup: async (context): Promise<Shared> => {
      const made: Resource | undefined = setup === undefined ? undefined : await setup(context)
      return new Readers<TypeOf<C>, Mark, Resource>(made)
    },
    async teardown({ resource }) {
      // A setup that failed has left nothing.
      const readers = resource as Shared | undefined
      readers?.close()
      if (readers !== undefined) await teardown?.({ resource: readers.resource })
    },
    restriction: (_, { resource, now }) => ({
      part: 0,
      mark: begin?.({ resource: resource.resource, now }),
      limit: limits.records,
      startedAt: now(),
    }),
    restrictionCodec: typed<MarkedPart<Mark>>(),
    ...(split === undefined
      ? {}
      : {
          split: (_: Uint8Array, whole: MarkedPart<Mark>, parts: number): readonly MarkedPart<Mark>[] =>
            split(parts).map((mark, part, all) => ({
              ...whole,
              part,
              mark,
              limit: share(whole.limit, part, all.length),
            })),
        }),
    size: (_, { part, limit = Infinity }, { resource }) => {
      const backlog = resource.of(part)?.reader.backlog?.()
      return backlog === undefined ? limit : Number.isNaN(backlog) ? backlog : Math.min(backlog, limit)
    },
    tracker: (part) => new MarkTracker<Mark>(part),
    async process(_, tracker, context) {
      const { resource: readers, now, acknowledge: whenDone } = context
      const restriction = tracker.currentRestriction()
      const session =
        readers.of(restriction.part) ??
        readers.add(restriction.part, await open(restriction.mark, { resource: readers.resource, now }))
      const { count, result } = await readClaimed(session, tracker, context, limits)
      if (watermark.kind === 'manual') session.reportWatermark(context.watermark)
      if (acknowledge !== undefined && count > 0) {
        const { mark } = tracker
        // With records read there is a reader, and so a mark.
        whenDone(() => acknowledge(mark as Mark, { resource: readers.resource }))
      }
      if (result === undefined) readers.remove(restriction.part)
      return result
    },
  })
}

interface Limits {
  readonly records: number | undefined
  readonly readMillis: number
  readonly pollMillis: number
  readonly duplicateMillis: number | undefined
}

/** Emits what there is. @returns how many records were read, and whether to go on later; `undefined` at the end. */
async function readClaimed<T, Mark, Resource>(
  session: Session<T, Mark>,
  tracker: MarkTracker<Mark>,
  { emit, now, resource }: SplittableContext<T, Readers<T, Mark, Resource>>,
  { readMillis, pollMillis, duplicateMillis }: Limits,
): Promise<{ readonly count: number; readonly result: Resume | void }> {
  const { reader } = session
  const until = tracker.currentRestriction().startedAt + readMillis
  tracker.readBy(() => reader.mark())
  let count = 0
  for (; tracker.tryClaim(count); count++) {
    const read = now() >= until ? 'end' : reader.read()
    const record = read instanceof Promise ? await read : read
    if (record === 'end' || record === 'idle') {
      tracker.unclaim()
      if (record === 'end') tracker.end()
      const wait = Math.max(0, Math.min(pollMillis, until - now()))
      return { count, result: record === 'end' ? undefined : resume({ after: wait }) }
    }
    const isNew = duplicateMillis === undefined || resource.isNew(record.id, now(), duplicateMillis)
    if (isNew) emit(record.value, record.timestamp)
  }
  const isLimit = count >= (tracker.currentRestriction().limit ?? Infinity)
  return { count, result: isLimit ? undefined : resume() }
}

/** What readers share, and the readers themselves, kept from bundle to bundle. */
class Readers<T, Mark, Resource> {
  readonly resource: Resource
  readonly #sessions = new Map<number, Session<T, Mark>>()
  /** When each id was read, oldest first. */
  readonly #seen = new Map<string, number>()

  constructor(resource: Resource | undefined) {
    this.resource = resource as Resource
  }

  of(part: number): Session<T, Mark> | undefined {
    return this.#sessions.get(part)
  }

  add(part: number, reader: SourceReader<T, Mark>): Session<T, Mark> {
    const session = new Session(reader)
    this.#sessions.set(part, session)
    return session
  }

  remove(part: number): void {
    this.#sessions.get(part)?.reader.close?.()
    this.#sessions.delete(part)
  }

  close(): void {
    for (const part of [...this.#sessions.keys()]) this.remove(part)
  }

  isNew(id: string | undefined, now: number, withinMillis: number): boolean {
    if (id === undefined) return true
    for (const [old, readAt] of this.#seen) {
      if (readAt + withinMillis >= now) break
      this.#seen.delete(old)
    }
    if (this.#seen.has(id)) return false
    this.#seen.set(id, now)
    return true
  }
}

/** A reader at work. */
class Session<T, Mark> {
  readonly reader: SourceReader<T, Mark>

  constructor(reader: SourceReader<T, Mark>) {
    this.reader = reader
  }

  /** A reader that was opened again may know less than the one before it. */
  reportWatermark(watermark: { set(instant: Instant): void; readonly current: number }): void {
    const reported = this.reader.watermark?.()
    if (reported !== undefined && toTimestamp(reported) > watermark.current) watermark.set(reported)
  }
}

/** The share of a limit that one of several parts has. */
function share(limit: number | undefined, part: number, parts: number): number | undefined {
  return limit === undefined ? undefined : Math.floor(limit / parts) + (part < limit % parts ? 1 : 0)
}

const declarations: OptionNames<SourceDeclaration<Codec, unknown, unknown>> = {
  output: true,
  bounded: true,
  replayable: true,
  afterCrash: true,
  ofProcess: true,
  watermark: true,
  split: true,
  begin: true,
  open: true,
  acknowledge: true,
  deduplicate: true,
  pollEvery: true,
  maxRecords: true,
  maxReadTime: true,
  setup: true,
  teardown: true,
}

function afterCrashOfSource<C extends Codec, Mark, Resource>(
  declared: SourceDeclaration<C, Mark, Resource>,
): AfterCrash {
  const { afterCrash, replayable, acknowledge, deduplicate } = declared
  if (afterCrash !== undefined) return afterCrash
  const implied = afterCrashOf({ replayable, acknowledges: acknowledge !== undefined })
  return implied === 'exact' && deduplicate !== undefined ? 'repeats' : implied
}

function limitsOf<C extends Codec, Mark, Resource>(declared: SourceDeclaration<C, Mark, Resource>): Limits {
  // An instance of a class may have fields of its own.
  if (Object.getPrototypeOf(declared) === Object.prototype) refuseUnknownOptions('readFrom', declared, declarations)
  const { maxRecords, maxReadTime, pollEvery = 100, deduplicate } = declared
  if (maxRecords !== undefined && (!Number.isSafeInteger(maxRecords) || maxRecords < 0))
    refuse('MR-1002', `option maxRecords of readFrom must be a whole number from 0, but is ${preview(maxRecords)}.`)
  if (declared.begin !== undefined && declared.split !== undefined)
    refuse(
      'MR-1016',
      'readFrom has both `begin` and `split`, and parts begin where `split` says. Leave one of them out.',
    )
  if (typeof declared.open !== 'function') refuse('MR-1003', 'readFrom needs a function `open` that makes a reader.')
  return {
    records: maxRecords,
    readMillis: maxReadTime === undefined ? Infinity : durationMillis(maxReadTime, 'option maxReadTime of readFrom'),
    pollMillis: durationMillis(pollEvery, 'option pollEvery of readFrom'),
    duplicateMillis:
      deduplicate === undefined ? undefined : durationMillis(deduplicate, 'option deduplicate of readFrom'),
  }
}
