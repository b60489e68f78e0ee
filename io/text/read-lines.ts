/**
 * Reading text files line by line: a step that finds the files, and a splittable step that reads ranges of them.
 *
 * Law: the lines of a file are `text.split(/\r?\n/)`, without the last one when it is empty, each once, however the file
 * is cut into ranges and the ranges into bundles.
 */
import { type OptionNames, refuseUnknownOptions } from '../../sdk/known-options.js'
import { refuse } from '../../sdk/refuse.js'
import * as t from 'io-ts'
import type { TypeOnly } from '../../sdk/codec.js'
import type { FileSystem } from '../../sdk/env.js'
import type { PCollection } from '../../sdk/pcollection.js'
import type { Pipeline } from '../../sdk/pipeline.js'
import { preview } from '../../sdk/preview.js'
import { type OffsetRange, offsetRangeCodec, OffsetRangeTracker } from '../../sdk/source/restriction-tracker.js'
import { UnsplittableRangeTracker } from '../../sdk/source/other-trackers.js'
import { watermarks } from '../../sdk/source/watermark-policy.js'
import { splitRange } from '../../sdk/transforms/create.js'
import { splittableParDo } from '../../sdk/transforms/splittable.js'
import { type LineAt, lineAtCodec, LineReader, type LineReaderOptions, type LineSink } from './line-reader.js'
import { filesOf, type MatchedFile, matchedFileCodec, matchFiles, type MatchOptions } from './match-files.js'
import { isPath } from './paths.js'

/** Options of {@link readLines}; `P` is whether elements come with their position. */
export interface ReadLinesOptions<P extends boolean = false> {
  /** What happens when nothing fits a pattern, or a file does not exist. Default `'error'`. */
  readonly emptyMatch?: 'error' | 'allow'
  /** `'auto'` unpacks files whose name ends in `.gz` or which begin like gzip files. Default `'auto'`. */
  readonly compression?: 'auto' | 'none' | 'gzip'
  /** Longest line in bytes; a longer one is an error. Default 16 MiB. */
  readonly maxLineBytes?: number
  /** What happens to bytes that are not UTF-8: they become U+FFFD, or are an error. Default `'replace'`. */
  readonly invalidUtf8?: 'replace' | 'error'
  /** Gives `{ line, file, offset }` instead of the line, so that bad ones can be found again. Default `false`. */
  readonly withPosition?: P
}

/** Files that are kept open between bundles. */
const OPEN_MAX = 8

/**
 * Reads files line by line. The text is UTF-8 (a byte order mark is dropped); lines end in `\n` or `\r\n`, the last one
 * may do without. Folders are not searched: give a pattern such as `logs/**\/*.ndjson`.
 *
 * @param patterns paths or globs, relative to the folder the program was started in.
 * @throws {PipelineError} when an option is wrong. What is wrong with a file fails the run, with step, file and offset.
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
  patterns: string | readonly string[],
  options: ReadLinesOptions<P> = {},
): (pipeline: Pipeline) => PCollection<P extends true ? LineAt : string> {
  const all = [patterns].flat()
  if (!all.every(isPath))
    refuse('MR-1004', `readLines needs a path, a pattern or a list of them, but got ${preview(patterns)}.`)
  const { emptyMatch, compression, ...reading } = checkedOptions(options)
  return (pipeline) =>
    pipeline
      .create('patterns', all, { codec: t.string })
      .parDo('files', {
        output: matchedFileCodec,
        setup: ({ env, step }) => filesOf(env, step),
        process(pattern, { resource: files, emit }) {
          for (const file of matchFiles(files, pattern, { emptyMatch, compression })) emit(file)
        },
      })
      .apply('lines', readRanges(reading))
}

/** Reads the files of a collection. */
function readRanges(options: LineReaderOptions): (files: PCollection<MatchedFile>) => PCollection<never> {
  return splittableParDo({
    // Which of the two is known to the caller's types.
    output: (options.withPosition ? lineAtCodec : t.string) as unknown as TypeOnly<never>,
    bounded: true,
    replayable: true,
    watermark: watermarks.none(),
    setup: ({ env, step }) => new OpenFiles(filesOf(env, step), options),
    teardown: ({ resource }) => resource?.close(),
    // How much a packed file holds is known at its end only.
    restriction: (file: MatchedFile) => ({
      from: 0,
      to: file.compression === 'gzip' ? Number.MAX_SAFE_INTEGER : file.size,
    }),
    restrictionCodec: offsetRangeCodec,
    split: (file, range: OffsetRange, parts) => (file.compression === 'gzip' ? [range] : splitRange(range, parts)),
    // A packed file has one reader: another one would have to unpack all of it again.
    tracker: (range: OffsetRange): OffsetRangeTracker =>
      range.to === Number.MAX_SAFE_INTEGER ? new UnsplittableRangeTracker(range) : new OffsetRangeTracker(range),
    process: (file, tracker, { resource: open, room, emit }) => open.read(file, tracker, { room, emit }),
  })
}

/** Files that are being read, kept from bundle to bundle. Forgetting one costs time, never lines. */
class OpenFiles {
  readonly #files: FileSystem
  readonly #options: LineReaderOptions
  readonly #readers = new Map<string, LineReader>()

  constructor(files: FileSystem, options: LineReaderOptions) {
    this.#files = files
    this.#options = options
  }

  read(file: MatchedFile, tracker: OffsetRangeTracker, sink: LineSink): void | Promise<void> {
    const { from, to } = tracker.currentRestriction()
    const reader = this.#readerAt(file, from)
    const finished = (isAtEnd: boolean): void => {
      // With the rest of the range put off, someone will still ask here whether anything is left.
      if (isAtEnd && tracker.currentRestriction().to === to) this.#forget(file.path)
    }
    const failed = (error: unknown): never => {
      this.#forget(file.path)
      throw error
    }
    try {
      const isAtEnd = reader.read(tracker, sink)
      return typeof isAtEnd === 'boolean' ? finished(isAtEnd) : isAtEnd.then(finished, failed)
    } catch (error) {
      return failed(error)
    }
  }

  close(): void {
    for (const path of [...this.#readers.keys()]) this.#forget(path)
  }

  #readerAt(file: MatchedFile, from: number): LineReader {
    const open = this.#readers.get(file.path)
    if (open?.isAt(from) === true) return open
    this.#forget(file.path)
    for (const path of this.#readers.keys()) {
      if (this.#readers.size < OPEN_MAX) break
      this.#forget(path)
    }
    const reader = new LineReader(this.#files, file, from, this.#options)
    this.#readers.set(file.path, reader)
    return reader
  }

  #forget(path: string): void {
    this.#readers.get(path)?.close()
    this.#readers.delete(path)
  }
}

const readOptions: OptionNames<ReadLinesOptions<boolean>> = {
  emptyMatch: true,
  compression: true,
  maxLineBytes: true,
  invalidUtf8: true,
  withPosition: true,
}

function checkedOptions(options: ReadLinesOptions<boolean>): MatchOptions & LineReaderOptions {
  refuseUnknownOptions('readLines', options, readOptions)
  const {
    emptyMatch = 'error',
    compression = 'auto',
    maxLineBytes = 16 * 1024 * 1024,
    invalidUtf8 = 'replace',
    withPosition = false,
  } = options
  oneOf('emptyMatch', emptyMatch, ['error', 'allow'])
  oneOf('compression', compression, ['auto', 'none', 'gzip'])
  oneOf('invalidUtf8', invalidUtf8, ['replace', 'error'])
  if (!Number.isSafeInteger(maxLineBytes) || maxLineBytes < 1) {
    refuse('MR-1002', `option maxLineBytes of readLines must be a whole number from 1, but is ${String(maxLineBytes)}.`)
  }
  return { emptyMatch, compression, maxLineBytes, invalidUtf8, withPosition }
}

function oneOf(option: string, value: string, allowed: readonly string[]): void {
  if (allowed.includes(value)) return
  refuse('MR-1002', `option ${option} of readLines is ${preview(value)}; it must be one of ${allowed.join(', ')}.`)
}
