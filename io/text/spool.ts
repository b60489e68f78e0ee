/**
 * A folder into which files are dropped: each is read once, and then kept, moved away or deleted.
 *
 * Law: a file is moved or deleted only after everything that became of it was written, and only if it is still what was read;
 * whatever fails before that, the file is there to be read again.
 */
import type { Env, FileSystem } from '../../sdk/env.js'
import { coded } from '../../sdk/error-codes.js'
import { messageOf } from '../../sdk/errors.js'
import { type OptionNames, refuseUnknownOptions } from '../../sdk/known-options.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import { type Duration, durationMillis } from '../../sdk/time.js'
import { type EventTimeOptions, eventTimes } from '../event-times.js'
import type { FileStream } from './file-stream.js'
import { versionOf, type WatchRules } from './folder-watch.js'
import type { MatchedFile } from './match-files.js'
import { isPath } from './paths.js'
import { folderOf, splitPath } from './shard-names.js'
import { SETTLE_MILLIS, watching } from './watch-files.js'

/** Options of {@link spool}. */
export interface SpoolOptions extends EventTimeOptions<MatchedFile> {
  /** Which files of the folder: a pattern below it. Default `'*'`. Hidden files never fit. */
  readonly pattern?: string
  /** How often it is looked. Default 1 s. */
  readonly interval?: Duration
  /** So long a file must have stayed as it is to be complete. Default 2 s; 0 where files are moved into the folder whole. */
  readonly settle?: Duration
  /**
   * A file is complete when there is one beside it whose name has this at its end, such as `.done`; `settle` then says nothing.
   * The marker is removed when its file is moved or deleted.
   */
  readonly marker?: string
  /**
   * What happens to a file that was read: it stays (and is read again by the next run), it is deleted, or moved to a folder of
   * the same file system, where it replaces nothing. Files that lie in that folder are not read, though the pattern may fit.
   * Default `'keep'`.
   */
  readonly after?: 'keep' | 'delete' | { readonly moveTo: string }
}

/**
 * A folder into which files are dropped, for `readLines` and the other readers of files in the place of paths. Each file is
 * read once when it is complete, until the run is drained. One that has changed, or was replaced, is another file and read whole.
 *
 * With `guarantee: 'at-least-once'`, a file is moved or deleted when everything that became of it has left the pipeline; a run
 * that fails before leaves it, and the next run reads all of it again. With the default guarantee it is moved or deleted when
 * all of it has been read: what windows still hold is then lost with the process.
 *
 * Records have the event time of their file; see {@link EventTimeOptions}. Where each record has a time of its own, give
 * `timestamp: () => TIMESTAMP_MIN` and `watermark: watermarks.wallClock({ delay: '1 hour' })`: how much older than their
 * arrival records are at most. A file is read by one reader.
 *
 * @throws {PipelineError} when an option is wrong.
 * @example
 * ```ts no-run
 * import { pipeline } from 'millrace'
 * import { readLines, spool } from 'millrace/io/text'
 * const p = pipeline()
 * p.apply('read', readLines(spool('incoming', { marker: '.done', after: { moveTo: 'processed' } }))).print('lines')
 * ```
 */
export function spool(folder: string, options: SpoolOptions = {}): FileStream {
  if (!isPath(folder)) refuse('MR-1004', `spool needs the path of a folder, but got ${preview(folder)}.`)
  refuseUnknownOptions('spool', options, names)
  const { pattern = '*', interval = 1000, marker, after = 'keep' } = options
  if (!isPath(pattern) || /^[\\/]/.test(pattern))
    refuse('MR-1002', `option pattern of spool is a pattern below the folder, but is ${preview(pattern)}.`)
  if (marker !== undefined && (!isPath(marker) || /[\\/]/.test(marker)))
    refuse('MR-1002', `option marker of spool is the end of a file's name, such as ".done", but is ${preview(marker)}.`)
  if (marker !== undefined && options.settle !== undefined)
    refuse('MR-1016', 'spool has both marker and settle, and the marker decides. Leave settle out.')
  checkAfter(after)
  const whole = `${folder.replace(/[\\/]+$/, '')}/${pattern}`
  if (typeof after === 'object') refuseOwnFolder(after.moveTo, [folder, folderOf(whole)])
  // Looked at before the pipeline is built.
  eventTimes('spool', options)
  const settleMillis =
    marker === undefined ? durationMillis(options.settle ?? SETTLE_MILLIS, 'option settle of spool') : 0
  const rules: WatchRules = {
    paths: completeFiles(whole, marker, typeof after === 'object' ? after.moveTo : undefined),
    changedIsNew: true,
    settleMillis,
  }
  return {
    kind: 'fileStream',
    files: ({ compression }) =>
      watching('spool', rules, interval, { compression }, options, (files, env) => {
        if (typeof after === 'object') tryMoving(files, env, folder, after.moveTo)
      }),
    whenRead: (files, file) => putAway(files, file, after, marker),
  }
}

/** @param except a folder whose files are not meant. */
function completeFiles(pattern: string, marker: string | undefined, except: string | undefined): WatchRules['paths'] {
  return (files) => {
    const all = files.glob(pattern)
    const meant = except === undefined ? all : outside(files, all, except)
    if (marker === undefined) return meant
    return meant.filter((path) => !path.endsWith(marker) && files.status(`${path}${marker}`) !== undefined)
  }
}

/** The paths that do not lie in a folder, however both are spelled. */
function outside(files: FileSystem, paths: readonly string[], folder: string): readonly string[] {
  const id = files.status(folder)?.id
  if (id === undefined) return paths
  const isIn = new Map<string, boolean>()
  return paths.filter((path) => {
    const above = folderOf(path)
    const known = isIn.get(above) ?? files.status(above)?.id === id
    isIn.set(above, known)
    return !known
  })
}

/** Files that are moved to where they are found would be read for ever. */
function refuseOwnFolder(moveTo: string, folders: readonly string[]): void {
  const plain = (path: string): string =>
    path
      .split(/[\\/]+/)
      .filter((part, at) => part !== '.' && (part !== '' || at === 0))
      .join('/')
  if (!folders.some((folder) => plain(folder) === plain(moveTo))) return
  refuse(
    'MR-1002',
    `option after of spool moves files to ${preview(moveTo)}, which is the folder that they are found in: they would be read again and again. Give moveTo another folder; it may lie in this one.`,
  )
}

/** Moves a file of its own before anything is read: a folder of another file system takes none. @throws when it cannot. */
function tryMoving(files: FileSystem, env: Env, folder: string, moveTo: string): void {
  // Where nothing has been dropped yet there may be no folder.
  if (files.status(folder)?.kind !== 'directory') return
  const name = `.millrace-${Math.floor(env.random() * 36 ** 8).toString(36)}`
  const [from, to] = [folder, moveTo].map((path) => `${path.replace(/[\\/]+$/, '')}/${name}`) as [string, string]
  try {
    files.makeFolder(moveTo)
    files.create(from).close()
    files.rename(from, to)
  } catch (error) {
    throw coded(
      'MR-5009',
      new Error(
        `spool cannot move files from "${folder}" to "${moveTo}": ${messageOf(error)}. Give after.moveTo a folder of the same file system; files must be allowed to leave the one and to enter the other.`,
        { cause: error },
      ),
    )
  } finally {
    files.remove(from)
    if (files.status(moveTo)?.kind === 'directory') files.remove(to)
  }
}

/** Does what is to be done with a file that was read. */
function putAway(
  files: FileSystem,
  { path, version }: MatchedFile,
  after: NonNullable<SpoolOptions['after']>,
  marker: string | undefined,
): void {
  if (after === 'keep') return
  const status = files.status(path)
  // Something was written to it since: that is a new file, and will be read.
  if (status === undefined || versionOf(status) !== version) return
  if (after === 'delete') files.remove(path)
  else {
    files.makeFolder(after.moveTo)
    files.rename(path, freePath(files, after.moveTo, path))
  }
  // After its file: one that could not be put away without its marker would never be read again.
  if (marker !== undefined) files.remove(`${path}${marker}`)
}

/** A name in a folder that nothing has. */
function freePath(files: FileSystem, folder: string, path: string): string {
  const { base, extension } = splitPath(path)
  for (let copy = 0; ; copy++) {
    const free = `${folder.replace(/[\\/]+$/, '')}/${base}${copy === 0 ? '' : `-${copy}`}${extension}`
    if (files.status(free) === undefined) return free
  }
}

function checkAfter(after: unknown): void {
  if (after === 'keep' || after === 'delete') return
  const folder = (after as { readonly moveTo?: unknown } | null)?.moveTo
  if (typeof after !== 'object' || !isPath(folder))
    refuse('MR-1002', `option after of spool is 'keep', 'delete' or { moveTo: folder }, but is ${preview(after)}.`)
}

const names: OptionNames<SpoolOptions> = {
  pattern: true,
  interval: true,
  settle: true,
  marker: true,
  after: true,
  timestamp: true,
  watermark: true,
}
