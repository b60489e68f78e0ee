/**
 * Reading the files of a collection: those that `watchFiles` finds, or whose names an earlier step made.
 *
 * Law: as that of `readLines`.
 */
import * as t from 'io-ts'
import type { TypeOnly } from '../../sdk/codec.js'
import { coded } from '../../sdk/error-codes.js'
import { type OptionNames, refuseUnknownOptions } from '../../sdk/known-options.js'
import type { PCollection } from '../../sdk/pcollection.js'
import { preview } from '../../sdk/preview.js'
import { type Compression, COMPRESSIONS } from './compression.js'
import { type LineTextOptions, lineLimits, oneOf } from './line-options.js'
import { type LineAt, lineAtCodec, LineReader } from './line-reader.js'
import { filesOf, matched, type MatchedFile, matchedFileCodec } from './match-files.js'
import { isPath } from './paths.js'
import { readRanges } from './read-frames.js'

/** Options of {@link readFiles}; `P` is whether elements come with their position. */
export interface ReadFilesLinesOptions<P extends boolean = false> extends LineTextOptions {
  /** How files are packed that come as paths; see `readLines`. Default `'auto'`. */
  readonly compression?: Compression
  /** Gives `{ line, file, offset }` instead of the line. Default `false`. */
  readonly withPosition?: P
}

/**
 * Reads the lines of each file of a collection: of paths, or of what `watchFiles` emits. Lines have the event time of the
 * element that names their file. A large file may be read in ranges.
 *
 * @throws {PipelineError} when an option is wrong. What is wrong with a file or a line fails the run.
 * @example
 * ```ts
 * import { pipeline, run } from 'millrace'
 * import { readFiles } from 'millrace/io/text'
 * const p = pipeline()
 * p.create('names', ['package.json']).apply('read', readFiles()).print('lines')
 * await run(p)
 * ```
 */
export function readFiles<P extends boolean = false>(
  options: ReadFilesLinesOptions<P> = {},
): (files: PCollection<string> | PCollection<MatchedFile>) => PCollection<P extends true ? LineAt : string> {
  refuseUnknownOptions('readFiles', options, names)
  const { compression = 'auto', withPosition } = options
  oneOf('readFiles', 'compression', compression, COMPRESSIONS)
  const limits = lineLimits('readFiles', options)
  type Line = P extends true ? LineAt : string
  return (files) =>
    (files as PCollection<unknown>)
      .parDo('files', {
        output: matchedFileCodec,
        setup: ({ env, step }) => filesOf(env, step),
        process(file, { resource, emit }) {
          if (matchedFileCodec.is(file)) emit(file)
          else if (isPath(file)) emit(matched(resource, file, { compression }))
          else
            throw coded(
              'MR-1004',
              new Error(`${preview(file)} names no file. readFiles takes paths, or what watchFiles emits.`),
            )
        },
      })
      .apply(
        'lines',
        readRanges<Line>({
          step: 'lines',
          // Which of the two is known to the caller's types.
          output: (withPosition === true ? lineAtCodec : t.string) as unknown as TypeOnly<Line>,
          splittable: true,
          open: (system, file, from) =>
            new LineReader(system, file, from, {
              ...limits,
              limitName: 'maxLineBytes',
              as: withPosition === true ? 'place' : 'text',
            }),
        }),
      )
}

const names: OptionNames<ReadFilesLinesOptions<boolean>> = {
  compression: true,
  withPosition: true,
  maxLineBytes: true,
  invalidUtf8: true,
}
