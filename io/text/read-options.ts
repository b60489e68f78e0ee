/**
 * Options that all readers of text-like files have, and how they are checked.
 */
import { type OptionNames, refuseUnknownOptions, refuseUnknownValue } from '../../sdk/known-options.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import type { Instant } from '../../sdk/time.js'
import type { ErrorHandler } from '../../sdk/transforms/errors.js'
import { type FileStream, isFileStream } from './file-stream.js'
import { type Compression, COMPRESSIONS } from './compression.js'
import type { MatchOptions } from './match-files.js'
import { isPath } from './paths.js'

/** What a dead letter shows of its record: its beginning, the same with letters as `x` and digits as `9`, or nothing. */
export type RecordPreview = 'start' | 'masked' | 'none'

/** Options about files. */
export interface ReadFilesOptions {
  /** What happens when nothing fits a pattern, or a file does not exist. Default `'error'`. */
  readonly emptyMatch?: 'error' | 'allow'
  /**
   * How the files are packed. `'auto'`: gzip where the name ends in `.gz` or the file begins like a gzip file, brotli where it
   * ends in `.br`, else not at all. A packed file is read by one reader, from its beginning. Default `'auto'`.
   */
  readonly compression?: Compression
  /**
   * The folder of manifests that the files were written with. Of the files that fit a pattern, only those are read that a manifest
   * names: of a batch that is just being put in place, none. A manifest whose files are gone is an error. Not for files that come.
   */
  readonly manifest?: string
  /**
   * Takes the records that cannot be read: too long, no UTF-8, malformed, not what the codec says. The dead letter has
   * `file:line (byte offset)` as its `source`, and as its `element` the beginning of the record. Without a handler the run
   * fails with the same facts. What is wrong with a file as a whole (it is not there, its archive is broken) fails the run.
   */
  readonly onError?: ErrorHandler
  /** What is shown of a bad record, in dead letters and messages. Default `'start'`: its first 120 characters. */
  readonly preview?: RecordPreview
}

/** Options of readers of records; `T` is the type of a record. */
export interface ReadRecordsOptions<T> extends ReadFilesOptions {
  /** Longest record in bytes; a longer one is bad, and is not held in memory. Default 16 MiB. */
  readonly maxRecordBytes?: number
  /** What happens to bytes that are not UTF-8: the record is bad, or they become U+FFFD. Default `'error'`. */
  readonly invalidUtf8?: 'replace' | 'error'
  /**
   * Event time of a record. Default: the beginning of time. A record without a valid one is bad, and so is one after the year
   * 9999: its time was counted in microseconds or nanoseconds.
   */
  readonly timestamp?: (record: T) => Instant
}

/** Names of {@link ReadRecordsOptions}. */
export const readRecordsOptionNames: OptionNames<ReadRecordsOptions<unknown>> = {
  emptyMatch: true,
  compression: true,
  manifest: true,
  onError: true,
  preview: true,
  maxRecordBytes: true,
  invalidUtf8: true,
  timestamp: true,
}

/** The options, complete. */
export interface ReadSettings {
  /** The function whose options they are. */
  readonly of: string
  readonly match: MatchOptions
  readonly limits: { readonly maxLineBytes: number; readonly invalidUtf8: 'replace' | 'error' }
  readonly onError: ErrorHandler | undefined
  readonly preview: RecordPreview
  readonly timestamp: ((record: never) => Instant) | undefined
}

/** Names of the options of a limit: lines have a name of their own. */
type Limited = ReadRecordsOptions<never> & { readonly maxLineBytes?: number }

/**
 * Checks the options that all readers have. @throws {PipelineError} at the author's line.
 *
 * @param of the function whose options they are.
 */
export function readSettings(
  of: string,
  options: Limited,
  names: object,
  limitName: 'maxLineBytes' | 'maxRecordBytes',
  invalidUtf8Usual: 'replace' | 'error',
): ReadSettings {
  refuseUnknownOptions(of, options, names)
  const {
    emptyMatch = 'error',
    compression = 'auto',
    invalidUtf8 = invalidUtf8Usual,
    preview: shown = 'start',
    manifest,
    onError,
    timestamp,
  } = options
  const maxLineBytes = options[limitName] ?? 16 * 1024 * 1024
  const oneOf = (option: string, value: unknown, allowed: readonly string[]): void => {
    if (allowed.includes(value as string)) return
    refuse('MR-1002', `option ${option} of ${of} is ${preview(value)}; it must be one of ${allowed.join(', ')}.`)
  }
  oneOf('emptyMatch', emptyMatch, ['error', 'allow'])
  oneOf('compression', compression, COMPRESSIONS)
  oneOf('invalidUtf8', invalidUtf8, ['replace', 'error'])
  oneOf('preview', shown, ['start', 'masked', 'none'])
  if (!Number.isSafeInteger(maxLineBytes) || maxLineBytes < 1) {
    refuse('MR-1002', `option ${limitName} of ${of} must be a whole number from 1, but is ${String(maxLineBytes)}.`)
  }
  if (manifest !== undefined && !isPath(manifest))
    refuse('MR-1004', `option manifest of ${of} is the path of a folder, but is ${preview(manifest)}.`)
  if (onError !== undefined && onError.kind !== 'errorHandler') {
    refuse('MR-1004', `option onError of ${of} is not a handler. Make one with pipeline.errors(name, build).`)
  }
  if (timestamp !== undefined && typeof timestamp !== 'function') {
    refuse('MR-1004', `option timestamp of ${of} must be a function of the record, but is ${preview(timestamp)}.`)
  }
  return {
    of,
    match: { emptyMatch, compression, ...(manifest === undefined ? {} : { manifest }) },
    limits: { maxLineBytes, invalidUtf8 },
    onError,
    preview: shown,
    timestamp,
  }
}

/** What files are read: a path, a pattern, a list of them, or files that come by and by, as {@link spool} has them. */
export type FilePatterns = string | readonly string[] | FileStream

/** Paths and globs as a list, or the files that come. @throws {PipelineError} when they are none. */
export function patternList(of: string, patterns: FilePatterns): readonly string[] | FileStream {
  if (isFileStream(patterns)) return patterns
  const all = [patterns].flat()
  if (!all.every(isPath))
    refuse('MR-1004', `${of} needs a path, a pattern or a list of them, but got ${preview(patterns)}.`)
  return all
}

/** Refuses what is neither `true` nor `false`. */
export function refuseNoBoolean(option: string, value: unknown): void {
  if (typeof value !== 'boolean') refuseUnknownValue(option, String(value), ['true', 'false'])
}
