/**
 * Reading text files line by line.
 *
 * Law: the lines of a file are `text.split(/\r?\n/)`, without the last one when it is empty, each once, however the file
 * is cut into ranges and the ranges into bundles.
 */
import * as t from 'io-ts'
import type { TypeOnly } from '../../sdk/codec.js'
import type { OptionNames } from '../../sdk/known-options.js'
import type { PCollection } from '../../sdk/pcollection.js'
import type { Pipeline } from '../../sdk/pipeline.js'
import { type Frame, frameCodec } from './frame.js'
import { type LineAt, lineAtCodec, LineReader, type LineReaderOptions } from './line-reader.js'
import { type Framing, readFrames } from './read-frames.js'
import {
  type FilePatterns,
  patternList,
  type ReadFilesOptions,
  type ReadSettings,
  readSettings,
} from './read-options.js'
import { readRecords } from './read-records.js'

/** Options of {@link readLines}; `P` is whether elements come with their position. */
export interface ReadLinesOptions<P extends boolean = false> extends ReadFilesOptions {
  /** Longest line in bytes; a longer one is bad, and is not held in memory. Default 16 MiB. */
  readonly maxLineBytes?: number
  /** What happens to bytes that are not UTF-8: they become U+FFFD, or the line is bad. Default `'replace'`. */
  readonly invalidUtf8?: 'replace' | 'error'
  /** Gives `{ line, file, offset }` instead of the line, so that it can be found again. Default `false`. */
  readonly withPosition?: P
}

/**
 * Reads files line by line. The text is UTF-8 (a byte order mark is dropped); lines end in `\n` or `\r\n`, the last one
 * may do without. Folders are not searched: give a pattern such as `logs/**\/*.ndjson`.
 *
 * @param patterns paths or globs, relative to the folder the program was started in; or files that come: `spool('incoming')`.
 * @throws {PipelineError} when an option is wrong. What is wrong with a line goes to `onError`, or else fails the run, with
 *   file and offset; what is wrong with a file fails the run.
 * @example
 * ```ts
 * import { pipeline, run } from 'millrace'
 * import { readLines } from 'millrace/io/text'
 * const p = pipeline()
 * p.apply('read', readLines('package.json'))
 *   .filter('versions', (line) => line.includes('"version"'))
 *   .print('found')
 * await run(p)
 * ```
 */
export function readLines<P extends boolean = false>(
  patterns: FilePatterns,
  options: ReadLinesOptions<P> = {},
): (pipeline: Pipeline) => PCollection<P extends true ? LineAt : string> {
  const all = patternList('readLines', patterns)
  const settings = readSettings('readLines', options, readOptions, 'maxLineBytes', 'replace')
  const withPosition = options.withPosition === true
  type Line = P extends true ? LineAt : string
  // Which of the two is known to the caller's types.
  const output = (withPosition ? lineAtCodec : t.string) as unknown as TypeOnly<Line>
  return (pipeline) => {
    if (settings.onError === undefined) {
      const as = withPosition ? 'place' : 'text'
      return readFrames(pipeline, all, settings.match, linesFraming(settings, 'maxLineBytes', as, output))
    }
    const decode = ({ text, file, offset }: Frame): unknown => (withPosition ? { line: text, file, offset } : text)
    return readRecords(pipeline, all, settings, {
      framing: linesFraming(settings, 'maxLineBytes', 'frame', frameCodec),
      decoder: () => decode,
      codec: output,
    }) as PCollection<Line>
  }
}

/** Records that are lines. */
export function linesFraming<T>(
  { limits }: ReadSettings,
  limitName: LineReaderOptions['limitName'],
  as: LineReaderOptions['as'],
  output: TypeOnly<T>,
): Framing<T> {
  const options: LineReaderOptions = { ...limits, limitName, as }
  return {
    step: 'lines',
    output,
    splittable: true,
    open: (files, file, from) => new LineReader(files, file, from, options),
  }
}

const readOptions: OptionNames<ReadLinesOptions<boolean>> = {
  emptyMatch: true,
  compression: true,
  manifest: true,
  onError: true,
  preview: true,
  maxLineBytes: true,
  invalidUtf8: true,
  withPosition: true,
}
