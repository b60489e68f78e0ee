/**
 * From patterns to the records of files: a step that finds the files, and a splittable step that reads them, in ranges where
 * a record can be found from the middle of a file.
 *
 * Law: each record of each file is emitted once, however a file is cut into ranges and the ranges into bundles.
 */
import * as t from 'io-ts'
import type { TypeOnly } from '../../sdk/codec.js'
import type { FileSystem } from '../../sdk/env.js'
import type { PCollection } from '../../sdk/pcollection.js'
import type { Pipeline } from '../../sdk/pipeline.js'
import { refuse } from '../../sdk/refuse.js'
import { UnsplittableRangeTracker } from '../../sdk/source/other-trackers.js'
import { type OffsetRange, offsetRangeCodec, OffsetRangeTracker } from '../../sdk/source/restriction-tracker.js'
import { watermarks } from '../../sdk/source/watermark-policy.js'
import { splittableParDo } from '../../sdk/transforms/splittable.js'
import { splitRange } from '../../sdk/transforms/create.js'
import type { FileReader } from './file-reader.js'
import { type FileStream, type ReadFile, readFileOf } from './file-stream.js'
import { filesOf, type MatchedFile, matchedFileCodec, matchFiles, type MatchOptions } from './match-files.js'
import { OpenFiles } from './open-files.js'

/** How the records of a file are found. */
export interface Framing<T> {
  /** Name of the step. */
  readonly step: string
  /** Describes what readers emit. */
  readonly output: TypeOnly<T>
  /** Whether a plain file may be read in ranges. */
  readonly splittable: boolean
  /** Begins to read the records that begin at `from` or later. */
  readonly open: (files: FileSystem, file: MatchedFile, from: number) => FileReader
}

/** Reads the records of all files that fit, or of those that come. */
export function readFrames<T>(
  pipeline: Pipeline,
  patterns: readonly string[] | FileStream,
  match: MatchOptions,
  framing: Framing<T>,
): PCollection<T> {
  if ('kind' in patterns) {
    if (match.manifest !== undefined)
      refuse(
        'MR-1016',
        'option manifest says which files of a pattern are read, and has no effect on files that come. Leave it out.',
      )
    const files = pipeline.apply('files', patterns.files(match))
    return files.apply(framing.step, readRanges(framing, patterns.whenRead))
  }
  return pipeline
    .create('patterns', patterns, { codec: t.string })
    .parDo('files', {
      output: matchedFileCodec,
      setup: ({ env, step }) => filesOf(env, step),
      process(pattern, { resource: files, emit }) {
        for (const file of matchFiles(files, pattern, match)) emit(file)
      },
    })
    .apply(framing.step, readRanges(framing))
}

/** Reads the records of files. @param whenRead what happens to a file once everything that became of it is written; else nothing does. */
export function readRanges<T>(
  { output, splittable: isSplittable, open }: Framing<T>,
  whenRead?: ReadFile,
): (files: PCollection<MatchedFile>) => PCollection<T> {
  // Only the one reader of a whole file knows when all of it has been read.
  const splittable = isSplittable && whenRead === undefined
  const isOneRange = (file: MatchedFile): boolean => !splittable || file.compression !== 'none'
  return splittableParDo({
    output,
    bounded: true,
    replayable: true,
    acknowledges: whenRead !== undefined,
    watermark: watermarks.none(),
    setup({ env, step }) {
      const files = filesOf(env, step)
      const readers = new OpenFiles((file, from) => open(files, file, from))
      return { readers, acknowledged: whenRead === undefined ? undefined : readFileOf(whenRead, files) }
    },
    teardown: ({ resource }) => resource?.readers.close(),
    // How much a packed file holds is known at its end only. What one reader reads has a position more than bytes: for what
    // is wrong at its end.
    restriction: ({ compression, size }: MatchedFile) => ({
      from: 0,
      to: compression !== 'none' ? Number.MAX_SAFE_INTEGER : splittable ? size : size + 1,
    }),
    restrictionCodec: offsetRangeCodec,
    split: (file, range: OffsetRange, parts) => (isOneRange(file) ? [range] : splitRange(range, parts)),
    // A packed file has one reader: another one would have to unpack all of it again.
    tracker: (range: OffsetRange): OffsetRangeTracker =>
      !splittable || range.to === Number.MAX_SAFE_INTEGER
        ? new UnsplittableRangeTracker(range)
        : new OffsetRangeTracker(range),
    process(file, tracker, { resource: { readers, acknowledged }, room, emit, acknowledge }) {
      const sink = { room, emit }
      if (acknowledged === undefined) return readers.read(file, tracker, sink)
      return readers.read(file, tracker, sink, () => acknowledge(() => acknowledged(file)))
    },
  })
}
