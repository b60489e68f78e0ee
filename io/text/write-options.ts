/**
 * Writers of files of text: the options that they all have, and the way from texts to files.
 */
import { type OptionNames, refuseUnknownOptions } from '../../sdk/known-options.js'
import type { PCollection } from '../../sdk/pcollection.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import { commonOptionNames, type CommonWriteOptions, commonWriteOptions } from '../records/write-options.js'
import { type CommitOptions, type WrittenFile, writtenFileCodec } from './commit-shards.js'
import { type Compression, COMPRESSIONS, type Packing, packingOfName } from './compression.js'
import { type FileFrame, lineFile, linePart } from './line-format.js'
import { writeShards } from './write-shards.js'

/** Options about files. */
export interface WriteFilesOptions extends CommonWriteOptions {
  /** How the files are packed. `'auto'`: as their names say, `.gz` or `.br`. Default `'auto'`. */
  readonly compression?: Compression
}

/** Names of {@link WriteFilesOptions}. */
export const writeFilesOptionNames: OptionNames<WriteFilesOptions> = { ...commonOptionNames, compression: true }

/** What is written where, and how. */
export interface WriteSettings {
  readonly commit: CommitOptions
  readonly frame: FileFrame
  readonly packing: Packing
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
): WriteSettings {
  refuseUnknownOptions(of, options, names)
  const commit = commonWriteOptions(of, path, options)
  const { compression = 'auto' } = options
  if (!COMPRESSIONS.includes(compression)) {
    refuse(
      'MR-1002',
      `option compression of ${of} is ${preview(compression)}; it must be one of ${COMPRESSIONS.join(', ')}.`,
    )
  }
  const name = commit.names.ending
  const named = packingOfName(name)
  const packing = compression === 'auto' ? named : compression
  if (named !== 'none' && packing !== named) {
    refuse(
      'MR-5013',
      `${preview(name)} is the name of a ${named} file, and ${of} writes it with compression: '${compression}'. Change one.`,
    )
  }
  return { commit, frame, packing }
}

/** Writes texts, one record each. */
export function writeTexts({
  commit,
  frame,
  packing,
}: WriteSettings): (input: PCollection<unknown>) => PCollection<WrittenFile> {
  return writeShards(commit, {
    part: () => linePart(commit.writer, frame),
    file: () => lineFile(frame, packing),
    output: writtenFileCodec,
    written: (file) => file,
  })
}
