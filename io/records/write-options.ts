/**
 * What the writes of records have in common with the write of lines: where files go, and what is said of them.
 */
import * as t from 'io-ts'
import { loneSurrogateAt } from '../../sdk/coders/utf8.js'
import type { OptionNames } from '../../sdk/known-options.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import type { CommitOptions } from '../text/commit-shards.js'
import { isPath } from '../text/paths.js'
import { FileNames } from '../text/name-template.js'

/** Options that every write in shards has. */
export interface CommonWriteOptions {
  /** Number of files. Default 1. */
  readonly shards?: number
  /**
   * Elements for which this gives the same are in the same shard of their window: all of a customer in one file. A text or
   * another value with a JSON form. Default: elements are dealt out evenly.
   */
  readonly shardBy?: (value: never) => unknown
  /** What every file name ends in. Default: what follows the last dot of the path's name, with the dot. */
  readonly suffix?: string
  /**
   * Whether existing files are replaced; else they are an error. Default for bounded input: `true`. By default, a write of an
   * unbounded one never replaces a file of another run, as what it was made from may be gone: the file is called `…-r2.txt`,
   * then `…-r3.txt`. There, `true` replaces, and `false` is refused.
   */
  readonly overwrite?: boolean
  /**
   * A folder for manifests: after the files of a delivery are in place, a file appears there that names them, in one instant.
   * Who reads only what manifests name (option `manifest` of `readLines`) never sees a part of a batch. Default: none.
   */
  readonly manifest?: string
}

/** Their names. */
export const commonOptionNames: OptionNames<CommonWriteOptions> = {
  shards: true,
  shardBy: true,
  suffix: true,
  overwrite: true,
  manifest: true,
}

/** A file of records that was written. */
export interface WrittenRecords {
  readonly path: string
  readonly records: number
}

/** Describes them. */
export const writtenRecordsCodec: t.Type<WrittenRecords> = t.type({ path: t.string, records: t.number })

/** Where the files of a write go. @throws {PipelineError} when an option is wrong. */
export function commonWriteOptions(
  writer: string,
  path: string,
  { shards = 1, shardBy, suffix, overwrite, manifest }: CommonWriteOptions,
): CommitOptions {
  if (!isPath(path) || /[\\/]$/.test(path))
    refuse('MR-5013', `${writer} needs the path of a file, but got ${preview(path)}.`)
  if (!Number.isInteger(shards) || shards < 1)
    refuse('MR-1002', `option shards of ${writer} must be a whole number from 1, but is ${preview(shards)}.`)
  if (shardBy !== undefined && typeof shardBy !== 'function')
    refuse('MR-1004', `option shardBy of ${writer} is a function of the element, but is ${preview(shardBy)}.`)
  if (overwrite !== undefined && typeof overwrite !== 'boolean')
    refuse('MR-1002', `option overwrite of ${writer} must be true or false, but is ${preview(overwrite)}.`)
  if (manifest !== undefined && (typeof manifest !== 'string' || !isPath(manifest)))
    refuse('MR-5013', `option manifest of ${writer} is the path of a folder, but is ${preview(manifest)}.`)
  if (
    suffix !== undefined &&
    (typeof suffix !== 'string' || loneSurrogateAt(suffix) >= 0 || /[\\/]/.test(suffix) || !isPath(`out${suffix}`))
  )
    refuse('MR-5013', `option suffix of ${writer} is the end of a file's name, but is ${preview(suffix)}.`)
  const names = new FileNames(path, shards, suffix)
  return {
    path: names.target,
    names,
    shards,
    shardBy: shardBy as ((value: unknown) => unknown) | undefined,
    overwrite,
    manifest: manifest?.replace(/(?<=[^\\/])[\\/]+$/, ''),
    writer,
  }
}
