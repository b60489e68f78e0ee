/**
 * Files that come by and by, as something that every reader of files takes in the place of paths: it does not matter to a
 * format how its files are found.
 *
 * Law: what happens to a file after it was read happens once everything that became of it was written, never before.
 */
import type { FileSystem } from '../../sdk/env.js'
import type { PCollection } from '../../sdk/pcollection.js'
import type { Pipeline } from '../../sdk/pipeline.js'
import type { MatchedFile, MatchOptions } from './match-files.js'

/** What happens to a file that was read. */
export type ReadFile = (files: FileSystem, file: MatchedFile) => void

/** Files that come by and by. Made by {@link spool}. */
export interface FileStream {
  readonly kind: 'fileStream'
  /** Finds them. @internal */
  readonly files: (match: MatchOptions) => (pipeline: Pipeline) => PCollection<MatchedFile>
  /** What happens to them then. @internal */
  readonly whenRead: ReadFile
}

/** Whether a value stands for files that come. */
export function isFileStream(value: unknown): value is FileStream {
  return typeof value === 'object' && value !== null && (value as { readonly kind?: unknown }).kind === 'fileStream'
}

/** What a worker does with its files that were read. */
export function readFileOf(whenRead: ReadFile, files: FileSystem): (file: MatchedFile) => void {
  return (file) => whenRead(files, file)
}
