/**
 * Options that all writers of text-like files have, and how they are checked.
 */
import { type OptionNames, refuseUnknownOptions } from '../../sdk/known-options.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import type { CommitOptions } from './commit-shards.js'
import { type Compression, COMPRESSIONS, packingOfName } from './compression.js'
import type { FileFrame } from './finish-shards.js'
import { isPath } from './paths.js'
import { FileNames } from './name-template.js'

/** Options about files. */
export interface WriteFilesOptions {
  /** Number of files. Default 1. */
  readonly shards?: number
  /**
   * Elements for which this gives the same are in the same shard of their window: all lines of a customer in one file. A text
   * or another value with a JSON form. Default: elements are dealt out evenly.
   */
  readonly shardBy?: (value: never) => unknown
  /** What every file name ends in. Default: what follows the last dot of the path's name, with the dot; `.csv.gz` stays whole. */
  readonly suffix?: string
  /** Whether existing files are replaced; else they are an error. Default `true`. */
  readonly overwrite?: boolean
  /** How the files are packed. `'auto'`: as their names say, `.gz` or `.br`. Default `'auto'`. */
  readonly compression?: Compression
}

/** Names of {@link WriteFilesOptions}. */
export const writeFilesOptionNames: OptionNames<WriteFilesOptions> = {
  shards: true,
  shardBy: true,
  suffix: true,
  overwrite: true,
  compression: true,
}

/**
 * Checks the options that all writers have. @throws {PipelineError} at the author's line.
 *
 * @param of the function whose options they are.
 * @param frame what stands around the records of a file.
 */
export function writeSettings(
  of: string,
  path: string,
  options: WriteFilesOptions,
  names: object,
  frame: FileFrame,
): CommitOptions {
  refuseUnknownOptions(of, options, names)
  const { shards = 1, shardBy, suffix, overwrite = true, compression = 'auto' } = options
  if (!isPath(path) || /[\\/]$/.test(path))
    refuse('MR-5013', `${of} needs the path of a file, but got ${preview(path)}.`)
  if (!Number.isInteger(shards) || shards < 1) {
    refuse('MR-1002', `option shards of ${of} must be a whole number from 1, but is ${String(shards)}.`)
  }
  if (shardBy !== undefined && typeof shardBy !== 'function')
    refuse('MR-1004', `option shardBy of ${of} is a function of the element, but is ${preview(shardBy)}.`)
  if (suffix !== undefined && typeof suffix !== 'string') {
    refuse('MR-1004', `option suffix of ${of} must be text, but is ${preview(suffix)}.`)
  }
  if (suffix !== undefined && (/[\\/]/.test(suffix) || !isPath(`out${suffix}`))) {
    refuse('MR-5013', `option suffix of ${of} is the end of a file's name, but is ${preview(suffix)}.`)
  }
  if (!COMPRESSIONS.includes(compression)) {
    refuse(
      'MR-1002',
      `option compression of ${of} is ${preview(compression)}; it must be one of ${COMPRESSIONS.join(', ')}.`,
    )
  }
  const fileNames = new FileNames(path, shards, suffix)
  const named = packingOfName(fileNames.ending)
  const packing = compression === 'auto' ? named : compression
  if (named !== 'none' && packing !== named) {
    const name = preview(fileNames.ending)
    refuse(
      'MR-5013',
      `${name} is the name of a ${named} file, and ${of} writes it with compression: '${compression}'. Change one.`,
    )
  }
  return {
    of,
    path: fileNames.target,
    names: fileNames,
    shards,
    shardBy: shardBy as ((value: unknown) => unknown) | undefined,
    overwrite,
    frame,
    packing,
  }
}
