/**
 * New files as a stream: a pattern is looked at again and again.
 *
 * Law: as that of `folder-watch.ts`.
 */
import type { TypeOnly } from '../../sdk/codec.js'
import type { Env, FileSystem } from '../../sdk/env.js'
import { type OptionNames, refuseUnknownOptions } from '../../sdk/known-options.js'
import type { PCollection } from '../../sdk/pcollection.js'
import type { Pipeline } from '../../sdk/pipeline.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import { type Duration, durationMillis } from '../../sdk/time.js'
import { readFrom, type SourceReader } from '../../sdk/transforms/read-from.js'
import { type EventTimeOptions, eventTimes } from '../event-times.js'
import { type Compression, COMPRESSIONS } from './compression.js'
import { FolderWatch, type NewFile, type SeenFiles, versionOf, type WatchRules } from './folder-watch.js'
import { oneOf } from './line-options.js'
import { filesOf, matched, type MatchedFile, matchedFileCodec, type MatchOptions } from './match-files.js'
import { isPath } from './paths.js'

/** How complete files are told when nothing is said. */
export const SETTLE_MILLIS = 2000

/** Options of {@link watchFiles}. */
export interface WatchFilesOptions extends EventTimeOptions<MatchedFile> {
  /** How often it is looked. Default 1 s. */
  readonly interval?: Duration
  /** So long a file must have stayed as it is before it counts as complete. Default 2 s; 0 where files appear whole, by renaming. */
  readonly settle?: Duration
  /** Whether a file that has changed is emitted again. Default `'ignore'`. */
  readonly changed?: 'ignore' | 'again'
  /** How the files are packed, for those who read them; see `readLines`. Default `'auto'`. */
  readonly compression?: Compression
}

/**
 * Emits each file that fits a pattern: those that are there, and those that come, until the run is drained. A name that is gone
 * and comes again is a new file. What is to be done with them is up to the steps that follow; `readFiles` reads their lines.
 *
 * One look costs a look at the folders, and one at each file that has not been seen (with `changed: 'again'`, at every file).
 * Names of files that are there are kept in memory. Event times: see {@link EventTimeOptions}. One reader; not replayable
 * without what was seen; the backlog is the number of files found and not emitted.
 *
 * @param pattern a path or a glob, relative to the folder the program was started in. Hidden files do not fit.
 * @throws {PipelineError} when an option is wrong.
 * @example
 * ```ts no-run
 * import { pipeline } from 'millrace'
 * import { readFiles, watchFiles } from 'millrace/io/text'
 * const p = pipeline()
 * p.apply('watch', watchFiles('logs/**\/*.log', { interval: '5 seconds' }))
 *   .apply('read', readFiles())
 *   .print('lines')
 * ```
 */
export function watchFiles(
  pattern: string,
  options: WatchFilesOptions = {},
): (pipeline: Pipeline) => PCollection<MatchedFile> {
  if (!isPath(pattern)) refuse('MR-1004', `watchFiles needs a path or a pattern, but got ${preview(pattern)}.`)
  refuseUnknownOptions('watchFiles', options, names)
  const { interval = 1000, settle = SETTLE_MILLIS, changed = 'ignore', compression = 'auto' } = options
  oneOf('watchFiles', 'changed', changed, ['ignore', 'again'])
  oneOf('watchFiles', 'compression', compression, COMPRESSIONS)
  const rules: WatchRules = {
    paths: (files) => files.glob(pattern),
    changedIsNew: changed === 'again',
    settleMillis: durationMillis(settle, 'option settle of watchFiles'),
  }
  return watching('watchFiles', rules, interval, { compression }, options)
}

/** The source of what a watch finds. @param of whose options they are. @param prepare done before the first look. */
export function watching(
  of: string,
  rules: WatchRules,
  interval: Duration,
  match: Pick<MatchOptions, 'compression'>,
  times: EventTimeOptions<MatchedFile>,
  prepare?: (files: FileSystem, env: Env) => void,
): (pipeline: Pipeline) => PCollection<MatchedFile> {
  const { watermark, timeOf } = eventTimes(of, times)
  const pollMillis = durationMillis(interval, `option interval of ${of}`)
  if (pollMillis < 1) refuse('MR-2003', `option interval of ${of} must be at least 1 millisecond.`)
  return readFrom<TypeOnly<MatchedFile>, SeenFiles, FileSystem>({
    output: matchedFileCodec as unknown as TypeOnly<MatchedFile>,
    bounded: false,
    replayable: false,
    // Which files were seen is kept with the plan, and they are still there.
    afterCrash: 'exact',
    watermark,
    pollEvery: pollMillis,
    setup({ env, step }) {
      const files = filesOf(env, step)
      prepare?.(files, env)
      return files
    },
    open: (mark, { resource: files, now }): SourceReader<MatchedFile, SeenFiles> => {
      const watch = new FolderWatch(files, rules, mark ?? [])
      let found: NewFile[] = []
      return {
        read() {
          if (found.length === 0) found = [...watch.look(now())].reverse()
          for (;;) {
            const next = found.pop()
            if (next === undefined) return 'idle'
            const file = matchOf(files, next, match)
            if (file === undefined) continue
            watch.take(next)
            return { value: file, timestamp: timeOf(file, now) }
          }
        },
        mark: () => watch.seen,
        backlog: () => found.length,
      }
    },
  })
}

/** A file as readers take it; `undefined` when it has gone or changed since: then the next look decides. */
function matchOf(
  files: FileSystem,
  { path, status }: NewFile,
  match: Pick<MatchOptions, 'compression'>,
): MatchedFile | undefined {
  const version = versionOf(status)
  const now = files.status(path)
  if (now === undefined || versionOf(now) !== version) return undefined
  return { ...matched(files, path, match), version }
}

const names: OptionNames<WatchFilesOptions> = {
  interval: true,
  settle: true,
  changed: true,
  compression: true,
  timestamp: true,
  watermark: true,
}
