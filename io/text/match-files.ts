/**
 * From patterns to files: a name stands for itself, wildcards for the files that fit.
 *
 * Law: what cannot be read as a file (nothing there, a folder) is an error before anything is read, with the pattern.
 */
import { coded } from '../../sdk/error-codes.js'
import * as t from 'io-ts'
import type { Env, FileSystem } from '../../sdk/env.js'
import { messageOf, PipelineError } from '../../sdk/errors.js'
import { namedByManifests } from './manifest.js'
import { type Compression, isGzip, type Packing, packingOfName } from './compression.js'

/** A file to be read. */
export interface MatchedFile {
  readonly path: string
  /** Bytes when it was found. */
  readonly size: number
  readonly compression: Packing
  /** Tells it from other files that had or will have its name; known of files that were waited for. */
  readonly version?: string | undefined
}

/** Describes files that have been found. */
export const matchedFileCodec: t.Type<MatchedFile> = t.intersection([
  t.type({
    path: t.string,
    size: t.number,
    compression: t.union([t.literal('none'), t.literal('gzip'), t.literal('brotli')]),
  }),
  t.partial({ version: t.union([t.string, t.undefined]) }),
])

/** How files are found. */
export interface MatchOptions {
  readonly emptyMatch: 'error' | 'allow'
  readonly compression: Compression
  /** A folder of manifests: only files that one of them names are matched. */
  readonly manifest?: string
}

/** The files of a pattern, in the order of their paths. */
export function matchFiles(files: FileSystem, pattern: string, options: MatchOptions): readonly MatchedFile[] {
  // A file may have wildcards in its name.
  const fitting = attempt('look for', pattern, () =>
    files.status(pattern) === undefined ? files.glob(pattern) : [pattern],
  )
  const paths = options.manifest === undefined ? fitting : namedByManifests(files, options.manifest, fitting)
  if (paths.length === 0 && options.emptyMatch === 'error') {
    throw coded(
      'MR-5001',
      new Error(
        `${/[*?[\]{}()!]/.test(pattern) ? `no file matches "${pattern}"` : `there is no file "${pattern}"`}. Paths are relative to the folder the program was started in; with emptyMatch: 'allow' nothing is read then.`,
      ),
    )
  }
  return paths.map((path) => matched(files, path, options))
}

/** A file as it is now. @throws when there is none that can be read. */
export function matched(
  files: FileSystem,
  path: string,
  { compression }: Pick<MatchOptions, 'compression'>,
): MatchedFile {
  const status = attempt('look at', path, () => files.status(path))
  if (status === undefined) throw coded('MR-5003', new Error(`file "${path}" has gone since it was found.`))
  if (status.kind === 'directory') {
    throw coded(
      'MR-5002',
      new Error(`"${path}" is a folder. Give a pattern for the files in it, such as "${path.replace(/\/+$/, '')}/*".`),
    )
  }
  if (status.kind === 'other')
    throw coded('MR-5002', new Error(`"${path}" is neither a file nor a folder, and cannot be read in ranges.`))
  const named = compression === 'auto' ? packingOfName(path) : compression
  if (named !== 'none' || (compression === 'none' && status.size > 0)) {
    return { path, size: status.size, compression: named }
  }
  const start = attempt('open', path, () => beginning(files, path))
  // Files that the system makes up as they are read, such as those of /proc, do not know their size.
  if (status.size === 0 && start.length > 0) {
    throw coded(
      'MR-5002',
      new Error(`file "${path}" says that it is empty, but there is something in it. Copy it, and read the copy.`),
    )
  }
  return { path, size: status.size, compression: compression === 'auto' && isGzip(start) ? 'gzip' : 'none' }
}

/** The first two bytes, as far as there are any. */
function beginning(files: FileSystem, path: string): Uint8Array {
  const handle = files.openForReading(path)
  try {
    const start = new Uint8Array(2)
    return start.subarray(0, handle.read(start, 0, 2, 0))
  } finally {
    handle.close()
  }
}

function attempt<T>(what: string, path: string, call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw coded('MR-5004', new Error(`cannot ${what} "${path}": ${messageOf(error)}`, { cause: error }))
  }
}

/** The files of a run's world. @throws {PipelineError} where there are none (a browser). */
export function filesOf(env: Env, step: string): FileSystem {
  if (env.files !== undefined) return env.files
  throw new PipelineError(
    'MR-5014',
    `step "${step}" needs files, and this platform has none. Run the pipeline in Node.`,
    step,
  )
}
