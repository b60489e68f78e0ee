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
import { UnsplittableRangeTracker } from '../../sdk/source/other-trackers.js'
import { type OffsetRange, offsetRangeCodec, OffsetRangeTracker } from '../../sdk/source/restriction-tracker.js'
import { watermarks } from '../../sdk/source/watermark-policy.js'
import { splitRange } from '../../sdk/transforms/create.js'
import { splittableParDo } from '../../sdk/transforms/splittable.js'
import type { FileReader } from './file-reader.js'
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

/** Reads the records of all files that fit. */
export function readFrames<T>(
  pipeline: Pipeline,
  patterns: readonly string[],
  match: MatchOptions,
  framing: Framing<T>,
): PCollection<T> {
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

function readRanges<T>({ output, splittable, open }: Framing<T>): (files: PCollection<MatchedFile>) => PCollection<T> {
  const isOneRange = (file: MatchedFile): boolean => !splittable || file.compression !== 'none'
  return splittableParDo({
    output,
    bounded: true,
    replayable: true,
    watermark: watermarks.none(),
    setup({ env, step }) {
      const files = filesOf(env, step)
      return new OpenFiles((file, from) => open(files, file, from))
    },
    teardown: ({ resource }) => resource?.close(),
    // How much a packed file holds is known at its end only.
    restriction: (file: MatchedFile) => ({
      from: 0,
      to: file.compression === 'none' ? file.size : Number.MAX_SAFE_INTEGER,
    }),
    restrictionCodec: offsetRangeCodec,
    split: (file, range: OffsetRange, parts) => (isOneRange(file) ? [range] : splitRange(range, parts)),
    // A packed file has one reader: another one would have to unpack all of it again.
    tracker: (range: OffsetRange): OffsetRangeTracker =>
      !splittable || range.to === Number.MAX_SAFE_INTEGER
        ? new UnsplittableRangeTracker(range)
        : new OffsetRangeTracker(range),
    process: (file, tracker, { resource, room, emit }) => resource.read(file, tracker, { room, emit }),
  })
}
